// Owns what is put into a student's folder, and that nothing of the student's is lost by it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "frontend/course/holes.h"
#include "frontend/course/lessons.h"

namespace ringside::course {

// In a student's folder, the name of its lesson.
inline constexpr const char* mark_file = ".ringside-lesson";

// Asked before something of the student's is written over: the files that differ from what is to be put
// there.
using Ask = std::function<bool(const std::vector<std::string>& files)>;

// Puts a lesson into the folder, which is made if it is not there: text, drawings, and the files with holes.
// False: `error`; or it is empty, and `ask` said no: nothing was changed.
bool put_lesson(const Lesson& lesson, const std::string& folder, Version version, const Ask& ask,
                std::string& error);

// The lesson that the folder was made for; empty: none.
std::string lesson_in(const std::string& folder);

// Adds the paths of the lesson's files in the folder. false: one is not there, which `error` says.
bool find_sources(const Lesson& lesson, const std::string& folder, std::vector<std::string>& sources,
                  std::string& error);

// A number for the lesson's files in the folder.
std::string number_of_sources(const Lesson& lesson, const std::string& folder);

// Whether the files to fill are the lesson's own solution, byte by byte.
bool is_solution(const Lesson& lesson, const std::string& folder);

}  // namespace ringside::course
