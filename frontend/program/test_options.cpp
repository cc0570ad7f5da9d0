// Owns the flags of `ringside test`.
#include "frontend/program/test_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "frontend/conform/running/expectations.h"
#include "frontend/inspect/nearest.h"
#include "frontend/program/flag_value.h"
#include "frontend/program/option_functions.h"
#include "frontend/program/option_values.h"

namespace ringside {
namespace {

using flags::fail;

bool number(std::string_view flag, std::string_view value, u64 most, u64& to, std::string& error) {
  const auto count = parse_number(value);
  if (!count || *count == 0 || *count > most)
    return fail(error,
                fmt::format("{} {}: not a count; give a whole number from 1 to {}", flag, value, most));
  to = *count;
  return true;
}

bool jobs(TestOptions& o, std::string_view v, std::string& e) { return number("-j", v, 1024, o.jobs, e); }
bool repeat(TestOptions& o, std::string_view v, std::string& e) {
  return number("--repeat", v, 1'000'000, o.repeat, e);
}
bool filter(TestOptions& o, std::string_view v, std::string& e) {
  conform::LineRegex trial;
  std::string why;
  o.filters.emplace_back(v);
  return trial.compile(o.filters.back(), why) || fail(e, "--filter " + why);
}
bool tag(TestOptions& o, std::string_view v, std::string& e) {
  if (v.empty()) return fail(e, "--tag: the tag is empty; ringside test SUITE --list shows them");
  o.tags.emplace_back(v);
  return true;
}
bool timeout(TestOptions& o, std::string_view v, std::string& e) {
  const auto thousandths = parse_bytes(v, 1000);
  const bool digits = !v.empty() && v.back() >= '0' && v.back() <= '9';
  if (!thousandths || !digits)
    return fail(e,
                fmt::format("--timeout {}: not a time; give seconds, such as 60 or 0.5, or 0 for none", v));
  o.timeout = static_cast<double>(*thousandths) / 1000;
  return true;
}
bool set_shard(std::string_view what, std::string_view index, std::string_view total, TestOptions& o,
               std::string& e) {
  const auto shard = parse_number(index), shards = parse_number(total);
  if (!shard || !shards || *shards == 0)
    return fail(e, fmt::format("{} {}/{}: not a shard; give INDEX/TOTAL, such as 0/4", what, index, total));
  if (*shard >= *shards)
    return fail(e, fmt::format("{} {}/{}: out of range; the index counts from 0 to {}", what, index, total,
                               *shards - 1));
  o.shard = *shard;
  o.shards = *shards;
  return true;
}
bool shard(TestOptions& o, std::string_view v, std::string& e) {
  const auto slash = v.find('/');
  return set_shard("--shard", v.substr(0, slash), slash == v.npos ? "" : v.substr(slash + 1), o, e);
}
bool baseline(TestOptions& o, std::string_view v, std::string& e) {
  o.baseline = v;
  return !v.empty() || fail(e, "--baseline: the file's name is empty; name what --json wrote");
}
bool coverage(TestOptions& o, std::string_view v, std::string& e) {
  o.coverage = v;
  return !v.empty() || fail(e, "--coverage: the file's name is empty; name a file");
}
bool code_coverage(TestOptions& o, std::string_view v, std::string& e) {
  const std::size_t comma = v.rfind(',');
  const std::string_view world = comma == v.npos ? "" : v.substr(comma);
  if (world == ",root" || world == ",guest") {
    o.code_coverage_world = world;
    v = v.substr(0, comma);
  }
  o.code_coverage = v;
  return !v.empty() || fail(e, "--code-coverage: the file's name is empty; name a file");
}
bool bundle(TestOptions& o, std::string_view v, std::string& e) {
  o.bundles = v;
  return !v.empty() || fail(e, "--bundle: the folder's name is empty; name a folder");
}
bool debug(TestOptions& o, std::string_view, std::string&) { return o.debug = true; }
bool list(TestOptions& o, std::string_view, std::string&) { return o.list = true; }
bool all(TestOptions& o, std::string_view, std::string&) { return o.all = true; }
bool fail_fast(TestOptions& o, std::string_view, std::string&) { return o.fail_fast = true; }
bool rerun_failed(TestOptions& o, std::string_view, std::string&) { return o.rerun_failed = true; }
bool verbose(TestOptions& o, std::string_view, std::string&) { return o.verbose = true; }
bool help(TestOptions& o, std::string_view, std::string&) { return o.help = true; }

bool schema(TestOptions& o, std::string_view, std::string&) { return o.schema = true; }

struct TestFlag {
  std::string_view name, argument, help;
  bool (*apply)(TestOptions& options, std::string_view value, std::string& error);
};
constexpr TestFlag test_flag_rows[] = {
    {"-j", "N", "so many tests at once, each in a process of its own (1)", jobs},
    {"--filter", "REGEX",
     "only tests whose NAME or \"SUITE: NAME\" matches; may come again: one of them must match", filter},
    {"--tag", "TAG",
     "only tests with this tag (of unittests.cfg: this group), those for manual runs among them; may come "
     "again",
     tag},
    {"--all", "", "those that their suite marks for manual runs, too", all},
    {"--list", "", "name the tests that would run, and run none", list},
    {"--rerun-failed", "", "only tests that failed when they ran last", rerun_failed},
    {"--shard", "INDEX/TOTAL",
     "only this part of the tests; the index counts from 0. Bazel's TEST_SHARD_INDEX and TEST_TOTAL_SHARDS "
     "do the "
     "same",
     shard},
    {"--repeat", "N",
     "run each N times; it fails if a run ends in another state than the first, and says where they part",
     repeat},
    {"--fail-fast", "", "end with the first failure", fail_fast},
    {"--timeout", "SECONDS", "of the processor's time, a test, in place of the suite's own limits; 0: none",
     timeout},
    {"--baseline", "FILE", "what an earlier --json FILE says failed is expected to fail; only others count",
     baseline},
    {"--coverage", "FILE",
     "what of VMX the runs met together; .json and .html by the name, else text; ringside coverage adds up "
     "shards",
     coverage},
    {"--code-coverage", "FILE[,root|,guest]",
     "which code the runs ran together: drcov, or lcov if the name ends in .info; ringside coverage adds up "
     "shards",
     code_coverage},
    {"--bundle", "FOLDER",
     "of each failure: its output, what the debugger sees where it failed, and the commands that lead there",
     bundle},
    {"--debug", "", "at the end go on in the debugger, where the first test failed", debug},
    {"--verbose", "", "each test's command line, too", verbose},
    {"--schema", "", "print the JSON schema of suites in TOML, for editors, and run none", schema},
    {"--help", "", "this text", help},
};

const TestFlag* find_flag(std::string_view name) {
  while (name.starts_with('-')) name.remove_prefix(1);
  const auto found = std::find_if(
      std::begin(test_flag_rows), std::end(test_flag_rows),
      [&](const TestFlag& flag) { return flag.name.substr(flag.name.find_first_not_of('-')) == name; });
  return found == std::end(test_flag_rows) ? nullptr : found;
}

const ResultFlag* find_result_flag(std::string_view name) {
  for (const ResultFlag& flag : result_flags()) {
    if (flag.name == name || flag.name.substr(1) == name) return &flag;
  }
  return nullptr;
}

std::string unknown(std::string_view word) {
  std::vector<std::string_view> names;
  for (const ResultFlag& flag : result_flags()) names.push_back(flag.name);
  for (const TestFlag& flag : test_flag_rows) names.push_back(flag.name);
  if (const auto near = nearest(word, names))
    return fmt::format("{}: ringside test has no such flag; did you mean {}?", word, *near);
  return fmt::format(
      "{}: ringside test has no such flag; ringside test --help lists all, and flags of the runs "
      "stand behind --",
      word);
}

}  // namespace

bool parse_test_options(std::span<const std::string_view> words, TestOptions& options, std::string& error) {
  for (std::size_t n = 0; n < words.size(); ++n) {
    std::string_view word = words[n];
    if (word == "--") {
      for (const std::string_view flag : words.subspan(n + 1)) options.run_words.emplace_back(flag);
      break;
    }
    if (word.size() < 2 || word[0] != '-') {
      if (word.empty()) return fail(error, "\"\": an empty word is no suite; leave it out");
      options.suites.emplace_back(word);
      continue;
    }
    std::optional<std::string_view> value;
    std::string_view name = word;
    if (const auto equals = word.find('='); equals != word.npos) {
      name = word.substr(0, equals);
      value = word.substr(equals + 1);
    } else if (word.starts_with("-j") && word.size() > 2 && word[2] >= '0' && word[2] <= '9') {
      name = word.substr(0, 2);
      value = word.substr(2);
    }
    const ResultFlag* const file = find_result_flag(name);
    const TestFlag* const flag = file ? nullptr : find_flag(name);
    if (!file && !flag) return fail(error, unknown(name));
    const FlagShape shape = file ? FlagShape{std::string(file->name), file->argument}
                                 : FlagShape{std::string(flag->name), flag->argument};
    if (!take_flag_value(shape, words, n, value, error)) return false;
    if (file) options.files.*file->file = *value;
    if (flag && !flag->apply(options, value.value_or(""), error)) return false;
    if (options.help || options.schema) return true;
  }
  if (options.suites.empty())
    return fail(error, "ringside test: no suite; name unittests.cfg, a suite's .toml, an image or a folder");
  return true;
}

bool take_bazel_shard(TestOptions& options, std::string& error) {
  if (const char* const xml = std::getenv("XML_OUTPUT_FILE"); xml && options.files.junit.empty())
    options.files.junit = xml;
  const char* const total = std::getenv("TEST_TOTAL_SHARDS");
  const char* const index = std::getenv("TEST_SHARD_INDEX");
  if (!total || options.shards != 1) return true;
  if (const char* const touched = std::getenv("TEST_SHARD_STATUS_FILE"))
    std::ofstream(touched, std::ios::app).flush();
  return set_shard("TEST_SHARD_INDEX/TEST_TOTAL_SHARDS", index ? index : "", total, options, error);
}

std::vector<FlagHelp> test_flags() {
  std::vector<FlagHelp> helps;
  for (const TestFlag& flag : test_flag_rows) helps.push_back({flag.name, flag.argument, flag.help});
  for (const ResultFlag& flag : result_flags()) helps.push_back({flag.name, flag.argument, flag.help});
  return helps;
}

std::string test_help() {
  std::string text =
      "ringside test SUITE... [FLAG...] [-- FLAG OF EVERY RUN...]\n\n"
      "A SUITE is kvm-unit-tests' unittests.cfg, a suite's file in TOML, an image with IMAGE.expect beside "
      "it,\n"
      "or a folder of them.\n\n";
  for (const FlagHelp& flag : test_flags()) {
    const std::string head =
        fmt::format("{}{}{}", flag.name, flag.argument.empty() ? "" : " ", flag.argument);
    text += fmt::format("  {:<20} {}\n", head, flag.help);
  }
  return text +
         "\nExit status: 0 nothing failed; 1 a test failed or could not be run; 2 the command line or a "
         "suite is "
         "wrong; 130 interrupted.\n";
}

}  // namespace ringside
