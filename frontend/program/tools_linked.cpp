// Owns the tools of a program that has them in it.
#include "frontend/program/tools.h"

extern "C" const ringside::Tools ringside_tools;

namespace ringside {

const Tools* tools(std::string&) { return &ringside_tools; }

}  // namespace ringside
