// Owns the grading of a student's files: built, run by the lesson's suite, and what went wrong in words.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "frontend/conform/running/runner.h"
#include "frontend/course/lessons.h"

namespace ringside::course {

struct GradedTest {
  conform::TestResult result;
  std::string explained;  // of a failure: what `ringside explain` says of the last thing that went wrong
  std::string flags;      // of a failure: what a run needs besides the image, as "-smp 2 "; or empty
  std::vector<std::string> says;  // the diagnoses that hold, the lesson's before those of any program
};

struct Grade {
  bool built = false;
  std::string said;  // by compiler, assembler and linker
  std::string image;
  std::vector<GradedTest> tests;
  bool passed() const;
};

struct Grader {
  std::string course;   // find_course()
  std::string program;  // the emulator
  // Its main function, for runs that need no process loaded anew; may be empty.
  std::function<int(const std::vector<std::string>& words)> itself;
};

// Grades the files in the student's `folder`; what is built goes into its folder "build". The suite is the
// course's own. Every run has limits. False and one line in `error`: nothing can be said.
bool grade(const Grader& grader, const Lesson& lesson, const std::string& folder, Grade& grade,
           std::string& error);

// The lesson's diagnoses, then those that hold for any program, which fit.
std::vector<std::string> diagnose(const Lesson& lesson, const conform::TestResult& result,
                                  const std::string& explained);

}  // namespace ringside::course
