// Owns the names of the basic exit reasons: the manual's "VMX Basic Exit Reasons".
#pragma once

#include "cpu/arch/types.h"

namespace ringside {

enum class ExitReason : u16 {
#define EXIT(number, id, name) id = number,
#include "cpu/arch/exits.inc"
#undef EXIT
};
constexpr unsigned exit_reason_limit = 80;  // all numbers are below

}  // namespace ringside
