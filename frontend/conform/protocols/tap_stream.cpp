// Owns reading TAP and KTAP.
#include "frontend/conform/protocols/tap_stream.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "frontend/conform/protocols/readers.h"

namespace ringside::conform {
namespace {

constexpr std::size_t deepest = 16;  // streams within streams; what stands deeper counts as this deep

std::size_t indentation(std::string_view line) {
  const std::size_t at = line.find_first_not_of(' ');
  return at == line.npos ? line.size() : at;
}

bool begins_with_word(std::string_view text, std::string_view word) {
  if (text.size() < word.size()) return false;
  return std::equal(word.begin(), word.end(), text.begin(),
                    [](char a, char b) { return a == (b >= 'a' && b <= 'z' ? b - 'a' + 'A' : b); });
}

bool is_version(std::string_view body) {
  u64 number = 0;
  return (take(body, "TAP version ") || take(body, "KTAP version ")) && take_number(body, number);
}

// "1..5", and behind it nothing or a comment. TAP 13 allows other first numbers, which nobody uses.
std::optional<u64> plan_of(std::string_view body) {
  u64 last = 0;
  if (!take(body, "1..") || !take_number(body, last)) return std::nullopt;
  body = trimmed(body);
  if (!body.empty() && body.front() != '#') return std::nullopt;
  return last;
}

bool is_point(std::string_view body) {
  take(body, "not ");
  return take(body, "ok") && (body.empty() || body.front() == ' ');
}
bool is_numbered_point(std::string_view body) {
  u64 number = 0;
  take(body, "not ");
  return take(body, "ok ") && take_number(body, number);
}

// The place of the '#' that begins a directive, as one that is not escaped and stands alone.
std::size_t directive_at(std::string_view text) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '\\')
      ++at;
    else if (text[at] == '#' && (at == 0 || text[at - 1] == ' '))
      return at;
  }
  return text.npos;
}

std::string unescaped(std::string_view text) {
  std::string plain;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool escape =
        text[at] == '\\' && at + 1 < text.size() && (text[at + 1] == '#' || text[at + 1] == '\\');
    plain += text[escape ? ++at : at];
  }
  return plain;
}

}  // namespace

void TapStream::read(std::string_view text, u64) {
  std::string_view line = dialect_ == TapDialect::kernel ? without_log_prefix(text) : text;
  std::size_t indent = indentation(line);
  std::string_view body = line.substr(indent);
  if (read_yaml(line, indent)) return;
  if (dialect_ == TapDialect::kernel && body.starts_with("# ")) {
    const std::string_view inner = trimmed(body.substr(2));
    if (is_numbered_point(inner) || is_version(inner) || plan_of(inner)) {
      indent += 2 + indentation(body.substr(2));
      body = inner;
    }
  }
  while (!body.empty() && body.back() == ' ') body.remove_suffix(1);
  if (!read_structure(body, indent)) note(line);
}

// A block of diagnostics behind a point, deeper than it, from "---" to "...".
bool TapStream::read_yaml(std::string_view line, std::size_t indent) {
  const std::string_view body = trimmed(line);
  if (!in_yaml_) {
    if (body != "---" || !yaml_of_ || indent <= point_indent_) return false;
    in_yaml_ = true;
    yaml_indent_ = indent;
    return true;
  }
  if (indent < yaml_indent_) {
    in_yaml_ = body.empty();
    return in_yaml_;
  }
  if (body == "...")
    in_yaml_ = false;
  else
    append_message(*yaml_of_, line.substr(yaml_indent_));
  return true;
}

bool TapStream::read_structure(std::string_view body, std::size_t indent) {
  if (is_version(body)) {
    Level& at = level(indent);
    if (at.points > 0 || at.plan) begin_again(at);
    return true;
  }
  if (std::string_view rest = body; take(rest, "# Subtest")) {
    take(rest, ":");
    subtest_ = trimmed(rest);
    Level& at = level(std::min(indent, levels_.back().indent));
    if (indent == at.indent && indent > 0 && at.points == 0) at.name = std::exchange(subtest_, "");
    return true;
  }
  if (std::string_view rest = body; take(rest, "Bail out!")) {
    rest = trimmed(rest);
    complain(rest.empty() ? "Bail out!" : fmt::format("Bail out! {}", rest));
    return true;
  }
  return read_plan(body, indent) || read_point(body, indent);
}

bool TapStream::read_plan(std::string_view body, std::size_t indent) {
  const auto plan = plan_of(body);
  if (!plan) return false;
  Level& at = level(indent);
  if (at.plan) begin_again(at);
  at.plan = plan;
  if (*plan == 0 && levels_.size() == 1) {
    const std::size_t comment = body.find('#');
    std::string_view reason = comment == body.npos ? "" : trimmed(body.substr(comment + 1));
    if (begins_with_word(reason, "SKIP"))
      reason = trimmed(reason.substr(std::min(reason.size(), reason.find(' '))));
    add("all", Verdict::skipped, reason);
  }
  return true;
}

bool TapStream::read_point(std::string_view body, std::size_t indent) {
  if (dialect_ == TapDialect::kernel ? !is_numbered_point(body) : !is_point(body)) return false;
  Point point;
  point.ok = !take(body, "not ");
  take(body, "ok");
  body = trimmed(body);
  u64 number = 0;
  if (take_number(body, number)) point.number = number;
  body = trimmed(body);
  if (take(body, "-")) body = trimmed(body);
  point.verdict = point.ok ? Verdict::passed : Verdict::failed;
  const std::size_t directive = directive_at(body);
  point.name = unescaped(trimmed(body.substr(0, directive)));
  if (directive != body.npos) read_directive(trimmed(body.substr(directive + 1)), point);
  Level& at = level(indent);
  add_point(at, point);
  return true;
}

void TapStream::read_directive(std::string_view text, Point& point) {
  const bool kernel = dialect_ == TapDialect::kernel;
  const std::string_view reason = trimmed(text.substr(std::min(text.size(), text.find(' '))));
  if (begins_with_word(text, "SKIP")) {
    point.verdict = Verdict::skipped;
    point.message = reason;
  } else if (begins_with_word(text, "TODO")) {
    // What was to be done and works is a pass for TAP.
    point.verdict = point.ok ? Verdict::passed : Verdict::expected_failure;
    point.message = point.ok ? fmt::format("it was to do: {}", reason) : std::string(reason);
  } else if (kernel && begins_with_word(text, "XFAIL")) {
    point.verdict = Verdict::expected_failure;
    point.message = reason;
  } else if (kernel && begins_with_word(text, "ERROR")) {
    point.verdict = Verdict::broken;
    point.message = reason;
  } else if (kernel && !point.ok) {
    note(text);  // "TIMEOUT 45 seconds", "exit=1"
  } else {
    point.name += (point.name.empty() ? "# " : " # ") + std::string(text);
  }
}

void TapStream::add_point(Level& level, const Point& point) {
  ++level.points;
  if (level.plan && point.number && *point.number != level.points && dialect_ == TapDialect::plain)
    complain(fmt::format("test {} came where {} was due", *point.number, level.points));
  const std::string name =
      point.name.empty() ? fmt::format("test {}", point.number.value_or(level.points)) : point.name;
  yaml_of_.reset();
  point_indent_ = level.indent;
  const bool has_children = level.children && *level.children < checks().size();
  const bool told = failures_ > level.children_failures_before;
  const std::size_t first = level.children.value_or(0);
  level.children.reset();
  level.children_name.clear();
  if (counts_as_failure(point.verdict)) ++failures_;
  if (has_children) {
    put_into_group(first, name);
    // The sum of the checks within it, which are listed; but for a failure that none of them explains.
    if (told || !counts_as_failure(point.verdict)) {
      forget_notes();
      return;
    }
  }
  const std::size_t before = checks().size();
  add(name, point.verdict, point.message);
  if (checks().size() > before) yaml_of_ = before;
}

TapStream::Level& TapStream::level(std::size_t indent) {
  while (levels_.size() > 1 && levels_.back().indent > indent) pop();
  if (levels_.back().indent < indent && levels_.size() < deepest) {
    Level inner;
    inner.indent = indent;
    inner.first = checks().size();
    inner.failures_before = failures_;
    inner.name = std::exchange(subtest_, "");
    levels_.push_back(std::move(inner));
  }
  return levels_.back();
}

void TapStream::close(Level& level) {
  if (!level.plan) return;
  if (level.points < *level.plan) {
    add_missing("test", level.points + 1, *level.plan);
    ++failures_;
  }
  if (level.points > *level.plan && *level.plan > 0)
    complain(fmt::format("{} tests were planned, {} came", *level.plan, level.points));
}

void TapStream::pop() {
  close(levels_.back());
  const Level inner = std::move(levels_.back());
  levels_.pop_back();
  Level& outer = levels_.back();
  if (outer.children) return;  // two streams and one point: it is the sum of both
  outer.children = inner.first;
  outer.children_name = inner.name;
  outer.children_failures_before = inner.failures_before;
}

// Another stream in the same place: a second program's, or what a forked child had not yet printed of its
// parent's. A point that is the sum of the one before is that of both.
void TapStream::begin_again(Level& level) {
  close(level);
  level.points = 0;
  level.plan.reset();
  level.children.reset();
  level.children_name.clear();
}

void TapStream::finish() {
  while (true) {
    Level& last = levels_.back();
    if (last.children) put_into_group(*last.children, last.children_name);
    last.children.reset();
    if (levels_.size() == 1) break;
    pop();
    // What the point for the whole of it would have done.
    put_into_group(levels_.back().children.value_or(checks().size()), levels_.back().children_name);
    levels_.back().children.reset();
  }
  close(levels_.back());
}

bool looks_like_tap(std::string_view line) { return is_version(line) || plan_of(line); }

bool looks_like_ktap(std::string_view line) {
  const std::string_view bare = without_log_prefix(line);
  const bool log = bare.size() != line.size();
  const std::string_view body = trimmed(bare);
  if (body.starts_with("KTAP version ")) return true;
  return log && (is_version(body) || body.starts_with("# Subtest: "));
}

std::unique_ptr<ProtocolReader> tap_reader() { return std::make_unique<TapStream>(TapDialect::plain); }
std::unique_ptr<ProtocolReader> ktap_reader() { return std::make_unique<TapStream>(TapDialect::kernel); }

}  // namespace ringside::conform
