// Owns what is remembered of a student's way through the course.
#pragma once

#include <map>
#include <span>
#include <string>

#include "frontend/course/lessons.h"

namespace ringside::course {

struct LessonProgress {
  std::string folder;                    // the student's, absolute; empty: not started
  unsigned checks = 0, hints = 0;        // so many were asked for
  unsigned tests = 0, passed_tests = 0;  // of the last check
  bool passed = false;                   // some check passed
  std::string day;                       // of the first check that passed, YYYY-MM-DD
  std::string sources;                   // a name for the files that passed: the same for the same files
};

struct Progress {
  std::string last;  // the lesson that was started or checked last
  std::map<std::string, LessonProgress> lessons;
};

// $XDG_DATA_HOME/ringside/course.json, or ~/.local/share/ringside/course.json; empty: nowhere.
std::string progress_file();
// A file that is not there or cannot be read is as none.
Progress load_progress();
// False and one line in `error`.
bool save_progress(const Progress& progress, std::string& error);

// "passed", "2 of 3", "started", "".
std::string state_of(const LessonProgress& progress);
// A head and a row for each lesson: lesson,title,state,tests,passed,checks,hints,day,sources.
std::string progress_csv(std::span<const Lesson> lessons, const Progress& progress);
// What Moodle's "Import grades from CSV file" reads: a head, and one row, `student` and a grade from 0 to 100
// for each lesson; a cell is empty where nothing was checked. Rows of several students go behind each other,
// below one head.
std::string moodle_csv(std::span<const Lesson> lessons, const Progress& progress, const std::string& student);
// The tests of an assignment, as `gh teacher assignment` of Classroom 50 takes them by --tests: a command for
// each lesson, in a repository with a folder for each, named as `start` names it.
std::string classroom_json(std::span<const Lesson> lessons);

}  // namespace ringside::course
