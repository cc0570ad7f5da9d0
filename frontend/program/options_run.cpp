// Owns what the flags that describe a run do: its inputs and outputs, limits, expectations.
#include <fmt/format.h>

#include "devices/serial/uart16550.h"
#include "frontend/inspect/escapes.h"
#include "frontend/program/expect.h"
#include "frontend/program/option_functions.h"
#include "frontend/program/option_values.h"
#include "frontend/replay/timeline.h"

namespace ringside::flags {

bool file_name(std::string_view flag, std::string_view value, std::string& to, std::string& error) {
  if (value.empty()) return fail(error, fmt::format("{}: the file's name is empty; name a file", flag));
  to = value;
  return true;
}

bool send(Parsed& p, std::string_view v, std::string& e) {
  const auto bytes = unescaped(v);
  if (!bytes)
    return fail(e, fmt::format("--send {}: behind \\x there are two hexadecimal digits, as in \\x1b", v));
  p.run.sent += *bytes;
  return true;
}

bool serial(Parsed& p, std::string_view v, std::string& e) {
  if (p.run.serials.size() == Uart16550::com.size())
    return fail(e, fmt::format("-serial {}: a PC has four serial ports; give -serial four times at most", v));
  const auto device = parse_chardev_place("-serial", v, e);
  if (device) p.run.serials.push_back(*device);
  return device.has_value();
}

bool debugcon(Parsed& p, std::string_view v, std::string& e) {
  const auto device = parse_chardev_place("-debugcon", v, e);
  if (device) p.run.debugcon = *device;
  return device.has_value();
}

bool chardev(Parsed& p, std::string_view v, std::string& e) {
  const auto made = parse_named_chardev(v, e);
  if (!made) return false;
  if (p.run.chardevs.emplace(made->id, made->device).second) return true;
  return fail(e, fmt::format("-chardev {}: there is one of this id already; give each its own", v));
}

namespace {

bool seconds(std::string_view flag, std::string_view v, double& to, std::string& e) {
  // Thousandths, read as a number with a fraction by the reader of sizes.
  const auto thousandths = parse_bytes(v, 1000);
  const bool digits = !v.empty() && v.back() >= '0' && v.back() <= '9';
  if (!thousandths || !digits || *thousandths == 0)
    return fail(e, fmt::format("{} {}: not a time; give seconds above 0, such as 60 or 0.5", flag, v));
  to = static_cast<double>(*thousandths) / 1000;
  return true;
}

}  // namespace

bool timeout(Parsed& p, std::string_view v, std::string& e) {
  return seconds("--timeout", v, p.run.timeout, e);
}
bool max_seconds(Parsed& p, std::string_view v, std::string& e) {
  return seconds("--max-seconds", v, p.run.max_seconds, e);
}

bool max_instructions(Parsed& p, std::string_view v, std::string& e) {
  const auto count = parse_number(v);
  if (!count || *count == 0) {
    return fail(e, fmt::format("--max-instructions {}: not a count; give a whole number above 0", v));
  }
  p.run.max_instructions = *count;
  return true;
}

bool expect(Parsed& p, std::string_view v, std::string& e) {
  Expect trial;
  p.run.expect.emplace_back(v);
  return trial.add_wanted(p.run.expect.back(), e);
}

bool fail_on(Parsed& p, std::string_view v, std::string& e) {
  Expect trial;
  p.run.fail_on.emplace_back(v);
  return trial.add_unwanted(p.run.fail_on.back(), e);
}

bool past(Parsed& p, std::string_view v, std::string& e) {
  const auto bytes = v == "off" ? std::optional<u64>(0) : parse_bytes(v, 1);
  if (!bytes || (*bytes != 0 && *bytes < Timeline::fewest_bytes) || (*bytes == 0 && v != "off"))
    return fail(e,
                fmt::format("--past {}: give the memory for going back, 16M or more, such as 1G; or off", v));
  p.run.past_bytes = *bytes;
  return true;
}

bool output_limit(Parsed& p, std::string_view v, std::string& e) {
  const auto bytes = parse_bytes(v, 1);
  if (!bytes || *bytes == 0)
    return fail(e, fmt::format("--output-limit {}: not an amount; give bytes, such as 100000 or 4M", v));
  p.run.output_limit = *bytes;
  return true;
}

bool log_words(Parsed& p, std::string_view v, std::string& e) {
  if (v == "help" || v == "?") {
    p.answer = Answer::log_words;
    return true;
  }
  std::string why;
  return ExecutionLog::add_words(v, p.run.log, why) || fail(e, fmt::format("-d {}", why));
}

bool log_file(Parsed& p, std::string_view v, std::string& e) { return file_name("-D", v, p.run.log_file, e); }

bool log_ranges(Parsed& p, std::string_view v, std::string& e) {
  std::string why;
  return ExecutionLog::add_ranges(v, p.run.log, why) || fail(e, fmt::format("-dfilter {}", why));
}

// "FILE", "FILE,0x1000", "FILE,0x1000,guest".
bool symbols(Parsed& p, std::string_view v, std::string& e) {
  SymbolFile file;
  for (std::size_t comma = v.rfind(','); comma != v.npos; comma = v.rfind(',')) {
    const std::string_view word = v.substr(comma + 1);
    const auto offset = parse_number(word);
    if (!offset && word != "root" && word != "guest") break;
    if (offset) file.offset = *offset;
    if (word == "root") file.world = World::root;
    if (word == "guest") file.world = World::non_root;
    v = v.substr(0, comma);
  }
  if (!file_name("--symbols", v, file.path, e)) return false;
  p.run.symbols.push_back(std::move(file));
  return true;
}

// "FILE", "FILE,root", "FILE,guest".
bool code_coverage(Parsed& p, std::string_view v, std::string& e) {
  RunOptions::CodeCoverageFile file;
  const std::size_t comma = v.rfind(',');
  const std::string_view word = comma == v.npos ? "" : v.substr(comma + 1);
  if (word == "root") file.world = World::root;
  if (word == "guest") file.world = World::non_root;
  if (file.world != World::any) v = v.substr(0, comma);
  if (!file_name("--code-coverage", v, file.path, e)) return false;
  p.run.code_coverage.push_back(std::move(file));
  return true;
}

}  // namespace ringside::flags
