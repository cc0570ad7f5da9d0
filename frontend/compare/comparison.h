// Owns a comparison: figures in rows, a column for each subject, each with the words that say what was
// selected. All reports are made of it.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/compare/measured_run.h"
#include "frontend/compare/surface.h"

namespace ringside::compare {

// A subject with all that was measured of it.
struct Result {
  Subject subject;
  MeasuredRun once;                  // the guest does its work once
  std::optional<MeasuredRun> often;  // `times` times
  std::array<Surface, parts> surfaces;
  // The names of functions of the measured guest, by ExitCause::rip; "" without one.
  std::map<u64, std::string> guest_functions;
};

struct Row {
  std::string id;
  std::string heading;  // of this row and those behind it; empty: the one before still holds
  std::string label, unit;
  std::vector<std::optional<double>> figures;  // by the subjects; nullopt: there is none
  unsigned decimals = 0;
};
struct Group {
  std::string id, title;
  std::string selected;  // what was selected of the run: whole sentences
  std::vector<Row> rows;
};

// A claim, and what was measured of it.
struct Question {
  std::string text, answer;
};

struct Comparison {
  std::vector<Subject> subjects;
  std::vector<Group> groups;
  std::vector<Question> questions;
  // By the subjects: instructions of each exit in root operation, sorted.
  std::vector<std::vector<u32>> costs;
  std::vector<IsolationMap> isolation;  // by the subjects
  std::vector<std::array<Surface, parts>> surfaces;
};

// What was selected for the isolation map.
constexpr std::string_view
    isolation_title = "Isolation map: whose memory (columns) is within whose reach (rows)",
    isolation_selected =
        "By the page tables and the EPT paging structures as they stand when the work is done: "
        "RAM that a row's own tables map. A guest's memory is what its EPT maps, a process's what "
        "its page tables map for CPL 3, the hypervisor's what nobody else maps. Whoever runs at "
        "CPL 0 can change its own tables, so that what it maps is no limit for a hypervisor.";

constexpr u64 often_times = 3;  // what Result::often did

Comparison compare(const std::vector<Result>& results);

// Answers what can be answered by its figures; compare() has done it.
void add_questions(Comparison& comparison);

// For a terminal: at most 80 columns.
std::string comparison_text(const Comparison& comparison);
// A row a figure: group, id, label, unit, subject, value, what was selected.
std::string comparison_csv(const Comparison& comparison);
std::string comparison_json(const Comparison& comparison);
// A page that needs nothing else, with plots.
std::string comparison_html(const Comparison& comparison);

}  // namespace ringside::compare
