// Owns the making and ending of address spaces, which process.cpp alone does; what others do with them is in
// process.h.
#pragma once

#include "roms/lodge/process.h"

namespace lodge {

void make_address_space(Process& process);
void free_address_space(Process& process);

}  // namespace lodge
