// Owns the files that `ringside test` and `ringside merge` write their results to.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "frontend/conform/result.h"
#include "frontend/program/manual.h"

namespace ringside {

struct ResultFiles {
  std::string junit, tap, json, html;  // empty: not wanted
};

// "--junit" and the like. Both commands have them.
struct ResultFlag {
  std::string_view name, argument, help;
  std::string ResultFiles::*file;
  std::string (*text)(const conform::SuiteRun& run);
};
std::span<const ResultFlag> result_flags();

// What --json wrote. False and one line in `error`.
bool read_results(const std::string& path, conform::SuiteRun& run, std::string& error);

// For standard output: in colours and as wide as it is, if it is a terminal.
std::string summary_for_terminal(const conform::SuiteRun& run);

// Before anything runs. False and one line in `error`: one could not be written, or two are one file.
bool check_result_files(const ResultFiles& files, std::string& error);
// Each whole or not at all; all are tried. False and one line in `error`: the first that failed.
bool write_results(const ResultFiles& files, const conform::SuiteRun& run, std::string& error);

}  // namespace ringside
