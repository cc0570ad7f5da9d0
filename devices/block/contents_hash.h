// Owns a number for all that a block holds.
#pragma once

#include <optional>

#include "devices/block/block_device.h"

namespace ringside {

// Blocks of the same contents have the same, whoever wrote them, when, and with which holes. nullopt: the
// host cannot read it.
std::optional<u64> contents_hash(BlockDevice& block);

}  // namespace ringside
