// Owns the declaration of transfers through call gates.
#pragma once

#include "cpu/exec/core/segments.h"

namespace ringside {

// Far JMP or CALL through a present call gate that CPL and RPL may use.
bool transfer_through_call_gate(Cpu& cpu, u16 gate_selector, Descriptor& gate, bool call);

}  // namespace ringside
