// Owns the lessons of the course: what their folders say of them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "frontend/conform/running/expectations.h"

namespace ringside::course {

// What a failure looks like, and what is said of it. Everything that is given has to be so.
struct Diagnosis {
  std::string name;
  // Some line matches: of what Ringside explains, of what the program printed.
  std::vector<conform::LineRegex> explained, printed;
  std::vector<conform::LineRegex> not_printed;  // no line matches
  std::string ending;                           // of the machine, a word of the statistics; empty: any
  std::string say;                              // to the student
};

struct Question {
  std::string text, answer;
};

// What the script watch.txt is run on.
enum class Watch { visor, lesson };  // the guest that is built in; the lesson's own program

struct Lesson {
  unsigned number = 0;
  std::string name;                // of its folder: "03-first-entry"
  std::string folder;              // where it lies
  std::string title;               // "The first entry"
  std::vector<std::string> files;  // those with holes
  std::vector<std::string> hints;  // from the gentle one to the plain one
  Watch watch = Watch::visor;
  std::vector<std::string> watch_flags;  // more of the machine: "-smp", "2"
  std::vector<Diagnosis> diagnoses;
  std::vector<Question> questions;
};

// The folder that holds roms/kit, roms/course and names.h: beside the program, where it was built, or as it
// is installed. False and one line in `error`: there is none.
bool find_course(std::string& folder, std::string& error);

// All lessons of that folder, by number. False and one line in `error`: a lesson cannot be read.
bool load_lessons(const std::string& course, std::vector<Lesson>& lessons, std::string& error);

// "3", "03" or "03-first-entry"; nullptr: none.
const Lesson* lesson_named(const std::vector<Lesson>& lessons, std::string_view word);

// The whole file. False and one line in `error`.
bool read_text(const std::string& path, std::string& text, std::string& error);

}  // namespace ringside::course
