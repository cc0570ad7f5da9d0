// Owns what the hypervisor does about each VM exit.
#pragma once

#include "roms/loft/domain.h"

namespace loft {

// Of the current VMCS, with the lock held. Afterwards the virtual CPU may be blocked, or its domain may have
// ended.
void handle_exit(Vcpu& vcpu);

// The guest goes on behind the instruction that made the exit.
void skip_instruction();

// hypercalls.cpp, ports.cpp, memory.cpp
void handle_hypercall(Vcpu& vcpu);
void handle_port(Vcpu& vcpu);
void handle_ept_violation(Vcpu& vcpu);

// Something nobody here can do for the guest: its domain ends, with a line that says why.
void give_up(Vcpu& vcpu, const char* why);

}  // namespace loft
