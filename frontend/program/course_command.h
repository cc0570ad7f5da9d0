// Owns `ringside course`: the lessons, the student's folders, and what a person reads of them.
#pragma once

#include <span>
#include <string_view>

namespace ringside {

// Its words, as help and bash's completion show them.
inline constexpr std::string_view course_arguments =
    "[list|start|watch|check|hint|reset|answers|solution|progress]";

// `itself` is the program's main function, for the runs that grade.
int run_course(std::span<const std::string_view> words, int (*itself)(std::span<const std::string_view>));

}  // namespace ringside
