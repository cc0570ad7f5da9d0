// Owns a peer that is Bochs with its own debugger: Debian's build has that one instead of a gdb stub.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/differ/peer.h"
#include "frontend/machine/machine.h"

namespace ringside {

// Bochs with the machine's ROM, RAM and a CPU of Bochs' own; empty: the one that has most. nullptr: one line
// in `error` says what Bochs lacks.
std::unique_ptr<Peer> bochs_peer(const MachineConfig& machine, std::string_view cpu, std::string& error);
// Anything that speaks as Bochs' debugger does.
std::unique_ptr<Peer> bochs_peer(OpenWire open);

// What the commands r, sreg, creg, fp and sse print, as registers.
std::vector<PeerRegister> bochs_registers(std::string_view printed);

}  // namespace ringside
