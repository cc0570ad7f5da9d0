// Owns `ringside isa`: which instructions are there, by CPUID extension.
#pragma once

#include <string>

namespace ringside {

// A table of extensions; with `missing` also the names of the instructions that are not there.
std::string isa_text(bool missing);

}  // namespace ringside
