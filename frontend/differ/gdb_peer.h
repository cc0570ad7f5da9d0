// Owns a peer that has a gdb stub: QEMU, or whoever speaks gdb's remote serial protocol as QEMU does.
#pragma once

#include <memory>

#include "frontend/differ/peer.h"

namespace ringside {

// `name` is for errors. The stub has to know vCont or s and c, software breakpoints, the description of its
// registers by qXfer, and QEMU's packet Qqemu.PhyMemMode for physical memory.
std::unique_ptr<Peer> gdb_peer(std::string name, OpenWire open);

}  // namespace ringside
