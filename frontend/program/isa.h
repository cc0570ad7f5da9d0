// Owns `ringside isa`: which instructions are there, by CPUID extension.
#pragma once

#include <string>

namespace ringside {

// A table of extensions, the privileged instructions, those that cause VM exits, and how far tests prove
// them; with `missing` also the names of the instructions that are not there.
std::string isa_text(bool missing);

}  // namespace ringside
