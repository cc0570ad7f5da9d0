// Owns a run of suites as JSON lines, and reading them back.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "frontend/conform/reports/lossless.h"
#include "frontend/conform/reports/reports.h"

namespace ringside::conform {
namespace {

using Value = nlohmann::ordered_json;

// How each kind of value stands in JSON.
Value written(const std::string& text) { return text_of_bytes(text); }
Value written(double number) { return number; }
Value written(u64 number) { return number; }
Value written(Verdict verdict) { return verdict_name(verdict); }
Value written(const std::optional<int>& number) { return number ? Value(*number) : Value(); }
Value written(const std::vector<std::string>& all) {
  Value array = Value::array();
  for (const std::string& one : all) array.push_back(written(one));
  return array;
}

void take(const Value& value, std::string& into) { into = bytes_of_text(value.get<std::string>()); }
void take(const Value& value, double& into) { into = value.get<double>(); }
void take(const Value& value, u64& into) { into = value.get<u64>(); }
void take(const Value& value, Verdict& into) {
  const auto name = value.get<std::string>();
  const auto verdict = verdict_named(name);
  if (!verdict) throw std::runtime_error(fmt::format("{}: no verdict", name));
  into = *verdict;
}
void take(const Value& value, std::optional<int>& into) {
  if (!value.is_null()) into = value.get<int>();
}
void take(const Value& value, std::vector<std::string>& into) {
  for (const Value& one : value) take(one, into.emplace_back());
}

// The members of a test and of a check, once for writing and reading.
void members(auto& test, auto&& member) {
  member("suite", test.suite);
  member("test", test.name);
  member("tags", test.tags);
  member("verdict", test.verdict);
  member("reason", test.reason);
  member("line", test.line);
  member("protocol", test.protocol);
  member("ending", test.ending);
  member("exit_status", test.exit_status);
  member("host_seconds", test.host_seconds);
  member("virtual_seconds", test.virtual_seconds);
  member("instructions", test.instructions);
  member("state_hash", test.state_hash);
  member("output", test.output);
  member("output_bytes", test.output_bytes);
  member("words", test.words);
  member("reproduce", test.bundle.reproduce);
  member("debug", test.bundle.debug);
  member("explained", test.bundle.explained);
  member("folder", test.bundle.folder);
}
void check_members(auto& check, auto&& member) {
  member("name", check.name);
  member("verdict", check.verdict);
  member("message", check.message);
  member("line", check.line);
}

Value written_test(const TestResult& test) {
  Value value;
  members(test, [&](const char* name, const auto& member) { value[name] = written(member); });
  value["checks"] = Value::array();
  for (const Check& check : test.checks) {
    Value one;
    check_members(check, [&](const char* name, const auto& member) { one[name] = written(member); });
    value["checks"].push_back(std::move(one));
  }
  return value;
}

TestResult test_of(const Value& value) {
  TestResult test;
  // What an older program did not write stays as it is, but for what makes a test of it.
  const auto from = [](const Value& object) {
    return [&object](const char* name, auto& member) {
      const std::string_view word = name;
      const bool needed = word == "suite" || word == "test" || word == "name" || word == "verdict";
      if (needed || object.contains(name)) take(object.at(name), member);
    };
  };
  members(test, from(value));
  for (const Value& one : value.at("checks")) check_members(test.checks.emplace_back(), from(one));
  return test;
}

void read_line(const Value& value, SuiteRun& run) {
  if (value.contains("run")) {
    take(value.at("run").at("program"), run.program);
    take(value.at("run").at("host_seconds"), run.host_seconds);
  } else {
    run.tests.push_back(test_of(value));
  }
}

}  // namespace

std::string json_lines(const SuiteRun& run) {
  const Value head = {{"run", {{"program", written(run.program)}, {"host_seconds", run.host_seconds}}}};
  std::string text = head.dump() + "\n";
  for (const TestResult& test : run.tests) text += written_test(test).dump() + "\n";
  return text;
}

bool parse_json_lines(std::string_view text, SuiteRun& run, std::string& error) {
  SuiteRun read;
  std::size_t number = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line.empty()) continue;
    try {
      const Value value = Value::parse(line);
      if (number == 1 && !value.contains("run")) throw std::runtime_error("the first line has no \"run\"");
      read_line(value, read);
    } catch (const std::exception& failure) {
      error = fmt::format("line {}: no result of a test: {}", number, failure.what());
      return false;
    }
  }
  if (number == 0) {
    error = "it is empty";
    return false;
  }
  run = std::move(read);
  return true;
}

}  // namespace ringside::conform
