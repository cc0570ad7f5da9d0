// Owns the flags of `ringside test`.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cpu/arch/types.h"
#include "frontend/program/manual.h"
#include "frontend/program/result_files.h"

namespace ringside {

struct TestOptions {
  std::vector<std::string> suites;
  u64 jobs = 1, repeat = 1;
  std::optional<double> timeout;  // host seconds a test, in place of the suite's; 0: none
  std::vector<std::string> filters, tags;
  // Only each `shards`th test, from that of number `shard` on, which counts from 0.
  u64 shard = 0, shards = 1;
  std::vector<std::string> run_words;  // behind "--": flags of every run
  std::string baseline;                // an earlier run's results; empty: none
  std::string coverage;                // file for what of VMX all runs met together; empty: none
  std::string code_coverage;           // file for which code all runs ran together; empty: none
  std::string code_coverage_world;     // "", ",root" or ",guest": whose
  std::string bundles;                 // folder for what is kept of failures; empty: nothing is
  bool list = false, all = false, fail_fast = false, rerun_failed = false, verbose = false, help = false;
  bool schema = false, debug = false;
  ResultFiles files;
};

// False and one line in `error`.
bool parse_test_options(std::span<const std::string_view> words, TestOptions& options, std::string& error);

// Bazel's variables, where --shard and --junit says nothing else: TEST_TOTAL_SHARDS, TEST_SHARD_INDEX, the
// file TEST_SHARD_STATUS_FILE, which is touched, and XML_OUTPUT_FILE for JUnit's XML. False and one line in
// `error`.
bool take_bazel_shard(TestOptions& options, std::string& error);

// Made of the table of flags: for a terminal, and for the manual.
std::string test_help();
std::vector<FlagHelp> test_flags();

}  // namespace ringside
