// Owns the start of system calls on a CPU.
#pragma once

namespace lodge {

void allow_system_calls();

}  // namespace lodge
