// Owns what a lesson's watch script is run on.
#pragma once

#include <string>
#include <vector>

#include "frontend/course/lessons.h"

namespace ringside::course {

// The flags of the debugger for the machine that the lesson's watch.txt is about. None where it is the guest
// that is built in. Else the lesson's own program is built: its solution, in the folder where caches are
// kept, or, if `folder` is not empty, the student's files there. False: `said` has what compiler, assembler
// and linker say, and `error` one line.
bool watched_machine(const Lesson& lesson, const std::string& course, const std::string& folder,
                     std::vector<std::string>& flags, std::string& said, std::string& error);

}  // namespace ringside::course
