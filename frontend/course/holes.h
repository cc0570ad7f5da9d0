// Owns what one source is to the student and to the teacher: the exercise has holes where the solution has
// code.
#pragma once

#include <string>
#include <string_view>

namespace ringside::course {

// A hole in a source, in C++ or, with ";" in place of "//", in assembly:
//
//   //[ what the student shall write here
//   //: (more of it)
//   the solution's lines
//   //| what the exercise has in their place, if anything
//   //]
enum class Version { exercise, solution };

// One version of the source `name`. Without the marks, and with "YOUR CODE: ..." in the exercise. False and
// one line in `error`: a mark stands alone.
bool cut(std::string_view name, std::string_view source, Version version, std::string& text,
         std::string& error);

}  // namespace ringside::course
