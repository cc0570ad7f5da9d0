// Owns `ringside compare`: from names of subjects to machines that are measured, and to files.
#include "frontend/program/compare_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string>
#include <vector>

#include "frontend/compare/comparison.h"
#include "frontend/compare/names.h"
#include "frontend/inspect/nearest.h"
#include "frontend/machine/load_image.h"
#include "frontend/program/options.h"
#include "frontend/program/output.h"
#include "frontend/program/session.h"
#include "frontend/program/unseen_run.h"

namespace ringside {
namespace {

namespace fs = std::filesystem;
using compare::Subject;

constexpr u64 most_document_bytes = 1 << 20;
constexpr std::string_view compare_help =
    "ringside compare SUBJECT... [FLAG...]: the same work of a guest under several hypervisors, measured to "
    "the\n"
    "instruction: what a VM exit and a unit of work take, how much of the hypervisor a guest reaches, who "
    "can map\n"
    "whose memory. SUBJECT is one of --list, or a file of subjects, NAME.toml (--example shows the form).\n"
    "  --csv FILE, --json FILE, --html FILE   the same, with what was selected beside each figure\n"
    "  --roms FOLDER                          the teaching hypervisors; else beside the program\n"
    "  --guests FOLDER                        images of real systems, which tests/guests/*.sh make\n"
    "  --debug FOLDER                         usr/lib/debug of their -dbg packages: names and source lines\n"
    "  --list, --example                      the subjects that there are; as a file\n";

struct CompareOptions {
  std::vector<std::string> subjects;
  compare::Places places;
  std::string csv, json, html;
  bool list = false, example = false, help = false;
};

// False: `error`.
bool read_words(std::span<const std::string_view> words, CompareOptions& asked, std::string& error) {
  const std::pair<std::string_view, std::string*> valued[] = {{"csv", &asked.csv},
                                                              {"json", &asked.json},
                                                              {"html", &asked.html},
                                                              {"roms", &asked.places.roms},
                                                              {"guests", &asked.places.guests},
                                                              {"debug", &asked.places.debug}};
  const std::pair<std::string_view, bool*> alone[] = {
      {"list", &asked.list}, {"example", &asked.example}, {"help", &asked.help}, {"h", &asked.help}};
  for (std::size_t n = 0; n < words.size(); ++n) {
    std::string_view word = words[n];
    if (!word.starts_with('-')) {
      asked.subjects.emplace_back(word);
      continue;
    }
    word.remove_prefix(word.starts_with("--") ? 2 : 1);
    const std::string_view flag = word.substr(0, word.find('='));
    const auto is = [&](const auto& row) { return row.first == flag; };
    if (const auto row = std::find_if(std::begin(alone), std::end(alone), is);
        row != std::end(alone) && flag == word) {
      *row->second = true;
      continue;
    }
    const auto row = std::find_if(std::begin(valued), std::end(valued), is);
    if (row == std::end(valued)) {
      error = fmt::format("compare {}: unknown; ringside compare --help lists the flags", words[n]);
      return false;
    }
    if (flag != word) {
      *row->second = word.substr(flag.size() + 1);
    } else if (n + 1 < words.size()) {
      *row->second = words[++n];
    }
    if (row->second->empty()) {
      error = fmt::format("compare --{}: needs a value; write --{} {}", flag, flag,
                          flag == "roms" || flag == "guests" || flag == "debug" ? "FOLDER" : "FILE");
      return false;
    }
  }
  return true;
}

// Beside the program where it was built, or where it was installed.
std::string own_roms() {
  std::error_code none;
  const fs::path program = fs::read_symlink("/proc/self/exe", none);
  for (const fs::path& folder :
       {program.parent_path() / "roms", program.parent_path().parent_path() / "share/ringside/roms"}) {
    if (fs::is_directory(folder, none)) return folder.string();
  }
  return "roms";
}

bool find_subjects(const CompareOptions& asked, std::vector<Subject>& chosen, std::string& error) {
  std::vector<Subject> known;
  if (!compare::read_subjects(compare::own_subjects(), known, error)) return false;
  for (const std::string& name : asked.subjects) {
    if (name.ends_with(".toml")) {
      Image image;
      if (!read_image(name, "compare", most_document_bytes, image, error)) return false;
      const std::string_view text(reinterpret_cast<const char*>(image.bytes.data()), image.bytes.size());
      std::string why;
      if (!compare::read_subjects(text, chosen, why)) {
        error = fmt::format("compare: {}:{}", name, why);
        return false;
      }
      continue;
    }
    const auto one =
        std::find_if(known.begin(), known.end(), [&](const Subject& s) { return s.name == name; });
    if (one == known.end()) {
      std::vector<std::string_view> names;
      for (const Subject& s : known) names.push_back(s.name);
      const auto near = nearest(name, names);
      error =
          fmt::format("compare {}: no such subject; {}", name,
                      near ? fmt::format("did you mean {}?", *near) : "ringside compare --list lists them");
      return false;
    }
    chosen.push_back(*one);
  }
  for (std::size_t n = 0; n < chosen.size(); ++n) {
    for (std::size_t other = 0; other < n; ++other) {
      if (chosen[other].name != chosen[n].name) continue;
      error = fmt::format("compare: {} is there twice; each subject is compared once", chosen[n].name);
      return false;
    }
  }
  return true;
}

bool load_names(const std::vector<std::string>& files, Symbols& symbols, std::string& error) {
  return std::all_of(files.begin(), files.end(),
                     [&](const std::string& file) { return symbols.load(file, error); });
}

// One run of a subject, and the names of its kernel where it lies then. False: `error`.
bool measure_once(const Subject& subject, compare::MeasuredRun& run, Symbols& kernel, std::string& error) {
  const std::vector<std::string_view> words(subject.flags.begin(), subject.flags.end());
  auto parsed = parse_options(words, error);
  if (!parsed) {
    error = fmt::format("{}: {}", subject.name, error);
    return false;
  }
  Session session(unseen(std::move(parsed->run), Dispatcher::emitted));
  if (!session.prepare(error)) {
    error = fmt::format("{}: {}", subject.name, error);
    return false;
  }
  if (!compare::measure_run(session.machine(), subject, run, error)) return false;
  if (compare::find_names(session.machine(), subject.debug, kernel, error)) return true;
  error = fmt::format("{}: {}", subject.name, error);
  return false;
}

bool measure(const Subject& wanted, const compare::Places& places, compare::Result& result,
             std::string& error) {
  result.subject = wanted;
  std::array<Symbols, compare::parts> symbols;
  Symbols& kernel = symbols[static_cast<unsigned>(compare::Part::kernel)];
  if (!compare::fill_in(result.subject, places, 1, error) ||
      !measure_once(result.subject, result.once, kernel, error))
    return false;
  if (wanted.repeats) {
    Subject often = wanted;
    if (!compare::fill_in(often, places, compare::often_times, error)) return false;
    often.debug.clear();
    if (!measure_once(often, result.often.emplace(), kernel, error)) return false;
  }
  const std::vector<std::string>* const files[] = {&result.subject.kernel, &result.subject.user,
                                                   &result.subject.control};
  for (unsigned part = 0; part < compare::parts; ++part) {
    if (!load_names(*files[part], symbols[part], error)) return false;
    result.surfaces[part] = compare::surface(result.once.measured.code[part], symbols[part]);
  }
  Symbols guest;
  if (!load_names(result.subject.guest, guest, error)) return false;
  for (const auto& [cause, count] : result.once.measured.causes) {
    if (const auto symbol = guest.find(cause.rip))
      result.guest_functions[cause.rip] = demangled(symbol->symbol);
  }
  return true;
}

std::string list_text() {
  std::vector<Subject> known;
  std::string text, error;
  compare::read_subjects(compare::own_subjects(), known, error);
  for (const Subject& subject : known) text += fmt::format("{:<27} {}\n", subject.name, subject.title);
  return text;
}

}  // namespace

int run_compare(std::span<const std::string_view> words) {
  CompareOptions asked;
  std::string error;
  if (!read_words(words, asked, error)) return refuse(error, exit_usage);
  if (asked.help) return print(compare_help) ? exit_ok : exit_failed;
  if (asked.list) return print(list_text()) ? exit_ok : exit_failed;
  if (asked.example) return print(compare::own_subjects()) ? exit_ok : exit_failed;
  if (asked.subjects.empty())
    return refuse("compare: which? Write ringside compare lodge loft; --list lists the subjects", exit_usage);
  if (asked.places.roms.empty()) asked.places.roms = own_roms();
  const std::tuple<std::string_view, std::string, std::string (*)(const compare::Comparison&)> files[] = {
      {"--csv", asked.csv, compare::comparison_csv},
      {"--json", asked.json, compare::comparison_json},
      {"--html", asked.html, compare::comparison_html}};
  for (const auto& [flag, path, make] : files) {
    if (!path.empty() && !check_writable(std::string(flag), path, error)) return refuse(error);
  }
  std::vector<Subject> subjects;
  if (!find_subjects(asked, subjects, error)) return refuse(error);
  for (const Subject& subject : subjects) {
    Subject filled = subject;
    if (!compare::fill_in(filled, asked.places, 1, error)) return refuse("compare: " + error, exit_failed);
  }
  std::vector<compare::Result> results;
  for (const Subject& subject : subjects) {
    say(fmt::format("compare: {} runs{}", subject.name, subject.repeats ? ", twice" : ""));
    if (!measure(subject, asked.places, results.emplace_back(), error))
      return refuse("compare: " + error, exit_failed);
  }
  const compare::Comparison comparison = compare::compare(results);
  for (const auto& [flag, path, make] : files) {
    if (!path.empty() && !write_whole_file(std::string(flag), path, make(comparison), error))
      return refuse(error, exit_failed);
  }
  return print(compare::comparison_text(comparison)) ? exit_ok : exit_failed;
}

}  // namespace ringside
