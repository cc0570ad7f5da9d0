// Owns the peers that are known by name: how each is started with the guest and the board of a machine.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "frontend/differ/peer.h"
#include "frontend/machine/machine.h"

namespace ringside {

// "qemu" or "bochs". `cpu`: a model of the peer's own; empty: the one that has most. nullptr and one line in
// `error`: there is no such peer, it is not installed, or it cannot run this guest.
std::unique_ptr<Peer> known_peer(std::string_view name, const MachineConfig& machine, std::string_view cpu,
                                 std::string& error);

}  // namespace ringside
