// Owns what a person reads of the course.
#pragma once

#include <span>
#include <string>

#include "frontend/course/course_progress.h"
#include "frontend/course/grading.h"

namespace ringside {

std::string lessons_text(std::span<const course::Lesson> lessons, const course::Progress& progress);
// `course`: the folder of the lessons and the kit. `program`: this program's file.
std::string started_text(const course::Lesson& lesson, const std::string& folder, const std::string& course,
                         const std::string& program);
// What a check came to; `own` is the progress behind it.
// `copied`: what passed is the lesson's own solution.
std::string grade_text(const course::Lesson& lesson, const course::Grade& grade,
                       const course::LessonProgress& own, bool copied, bool colour);
// The first `count` of its hints.
std::string hints_text(const course::Lesson& lesson, unsigned count);
std::string answers_text(const course::Lesson& lesson);

}  // namespace ringside
