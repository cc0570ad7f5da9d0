// Owns which operations on XMM registers are inline.
#pragma once

#include <string_view>

#include "cpu/arch/types.h"

namespace ringside {

// The number of the inline operation on XMM registers that a row's body names; 0: there is none.
u8 vector_operation(std::string_view body);

}  // namespace ringside
