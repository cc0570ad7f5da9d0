// Owns what is typed: characters from COM1.
#pragma once

#include "roms/kit/types.h"

namespace lodge {

// Waits for it. Called by one thread at a time: another one that asks is refused with no_room.
kit::i64 next_character();

}  // namespace lodge
