// Owns a peer for tests: a gdb stub as small as QEMU's looks from outside, on a machine of our own that may
// have a bug.
#pragma once

#include <functional>
#include <memory>

#include "frontend/differ/peer.h"
#include "frontend/machine/machine.h"

namespace ringside {

struct FakePeer {
  std::function<std::unique_ptr<Machine>()> make;
  // Done once the machine has taken `harm_at` steps, each time that it comes by there; 0: never.
  static constexpr u64 each_step = ~u64{0};
  u64 harm_at = 0;
  std::function<void(Machine&)> harm;
  bool never_comes = false;  // it is silent when it is to go on, as one whose CPU sleeps
};
// Opens the wire to a stub whose machine is made anew each time.
OpenWire fake_wire(FakePeer peer);

// A stub that answers each packet with these bytes.
OpenWire babbling_wire(std::string answer);
// One that hangs up, and one that never says anything.
OpenWire absent_wire(bool silent);

}  // namespace ringside
