// Owns the marks on the serial port that begin, divide and end a measured run.
#include "frontend/compare/measured_run.h"

#include <fmt/format.h>
#include <regex.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <deque>
#include <memory>
#include <utility>

#include "cpu/exec/core/retired.h"
#include "frontend/compare/measure.h"

namespace ringside::compare {
namespace {

class Pattern {
 public:
  Pattern() = default;
  ~Pattern() {
    if (made_) regfree(&compiled_);
  }
  Pattern(const Pattern&) = delete;
  Pattern& operator=(const Pattern&) = delete;

  // An empty text matches nothing.
  bool compile(const Subject& subject, std::string_view key, const std::string& text, std::string& error) {
    if (text.empty()) return true;
    if (const int code = regcomp(&compiled_, text.c_str(), REG_EXTENDED)) {
      std::array<char, 128> why{};
      regerror(code, &compiled_, why.data(), why.size());
      error = fmt::format("{}: {} = \"{}\": {}; give a POSIX extended regular expression", subject.name, key,
                          text, why.data());
      return false;
    }
    return made_ = true;
  }
  // The line's groups, the whole first; empty: it does not match.
  std::vector<std::string> match(const std::string& line) const {
    std::array<regmatch_t, 4> found{};
    if (!made_ || regexec(&compiled_, line.c_str(), found.size(), found.data(), 0) != 0) return {};
    std::vector<std::string> groups;
    for (const regmatch_t& group : found) {
      if (group.rm_so < 0) break;
      groups.push_back(line.substr(static_cast<std::size_t>(group.rm_so),
                                   static_cast<std::size_t>(group.rm_eo - group.rm_so)));
    }
    return groups;
  }

 private:
  regex_t compiled_{};
  bool made_ = false;
};

class MarkedRun {
 public:
  MarkedRun(Machine& machine, const Subject& subject)
      : machine_(machine), subject_(subject), measure_(machine, subject.control_cpus) {}
  ~MarkedRun() { machine_.on_serial({}); }
  MarkedRun(const MarkedRun&) = delete;
  MarkedRun& operator=(const MarkedRun&) = delete;

  bool compile(std::string& error) {
    for (const std::string& line : subject_.begin) {
      if (!begin_.emplace_back().compile(subject_, "begin", line, error)) return false;
    }
    return piece_.compile(subject_, "piece", subject_.piece, error) &&
           end_.compile(subject_, "end", subject_.end, error) &&
           fail_.compile(subject_, "fail", subject_.fail, error);
  }

  bool run(MeasuredRun& result, std::string& error) {
    machine_.on_serial([this](u8 byte) { printed(byte); });
    while (at_ != At::end) {
      const u64 left = subject_.most_instructions - std::min(subject_.most_instructions, machine_.retired());
      if (left == 0)
        return fail(error, fmt::format("did not come within {} instructions", subject_.most_instructions));
      const Ending& ending = machine_.run(std::min(left, slice));
      if (!failed_.empty()) {
        error = fmt::format("{}: the guest's work went wrong: \"{}\"", subject_.name, failed_);
        return false;
      }
      if (at_ == At::begun && !measures_) {
        measures_ = true;
        measure_.start();
        continue;
      }
      if (at_ != At::end && ending.why != Ending::Why::running)
        return fail(error, fmt::format("did not come before the machine ended{}{}",
                                       ending.reason.empty() ? "" : ": ", ending.reason));
    }
    measure_.stop();
    if (subject_.piece.empty()) measure_.piece("whole", 1, "");
    if (measure_.measured().pieces.empty())
      return fail(error, "came, but no line before it ended a piece of work", "piece", subject_.piece);
    result.isolation = isolation_map(machine_, measure_.domains(subject_.users_are));
    result.measured = measure_.measured();
    return true;
  }

 private:
  enum class At : u8 { before, begun, end };
  static constexpr u64 slice = 1'000'000;
  static constexpr std::size_t longest_line = 4096;

  bool fail(std::string& error, std::string_view what) {
    const bool begun = at_ != At::before;
    return fail(error, what, begun ? "end" : "begin", begun ? subject_.end : subject_.begin[met_]);
  }
  bool fail(std::string& error, std::string_view what, std::string_view key, const std::string& pattern) {
    error = fmt::format("{}: the line that {} = \"{}\" waits for {}", subject_.name, key, pattern, what);
    if (!last_.empty()) error += fmt::format("; the last line was \"{}\"", last_);
    return false;
  }

  // A guest prints what it likes. What of it reaches a terminal or a document is ASCII.
  static std::string printable(std::string text) {
    for (char& c : text) c = c < ' ' || c > '~' ? '?' : c;
    return text;
  }

  // Called from within a run.
  void printed(u8 byte) {
    if (byte == '\r' || byte == 0) return;
    if (byte != '\n') {
      if (line_.size() < longest_line) line_ += static_cast<char>(byte);
      return;
    }
    line();
    if (!line_.empty()) last_ = printable(line_.substr(0, 100));
    line_.clear();
  }
  void line() {
    if (!fail_.match(line_).empty()) {
      failed_ = printable(line_);
      return halt();
    }
    if (at_ == At::before) {
      if (!begin_[met_].match(line_).empty() && ++met_ == begin_.size()) {
        at_ = At::begun;
        halt();
      }
      return;
    }
    if (!measures_) return;
    if (!end_.match(line_).empty()) {
      at_ = At::end;
      return halt();
    }
    std::vector<std::string> groups = piece_.match(line_);
    if (groups.empty()) return;
    for (std::string& group : groups) group = printable(std::move(group));
    u64 units = 1;
    if (groups.size() > 2) std::from_chars(groups[2].data(), groups[2].data() + groups[2].size(), units);
    measure_.piece(groups.size() > 1 ? groups[1] : groups[0], units, groups.size() > 3 ? groups[3] : "");
  }
  // The instruction that prints is the last that runs.
  void halt() {
    machine_.end_run();
    end_run_at(machine_.cpu(machine_.turn()), 0);
  }

  Machine& machine_;
  const Subject& subject_;
  Measure measure_;
  std::deque<Pattern> begin_;
  std::size_t met_ = 0;  // of those
  Pattern piece_, end_, fail_;
  At at_ = At::before;
  bool measures_ = false;
  std::string line_, last_, failed_;
};

}  // namespace

bool measure_run(Machine& machine, const Subject& subject, MeasuredRun& run, std::string& error) {
  MarkedRun marked(machine, subject);
  return marked.compile(error) && marked.run(run, error);
}

}  // namespace ringside::compare
