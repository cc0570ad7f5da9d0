// Owns what a measured run leaves: pieces of work, VM exits one by one, code that ran, domains and processes.
#pragma once

#include <array>
#include <map>
#include <string>
#include <unordered_set>
#include <vector>

#include "cpu/arch/exit_reasons.h"
#include "cpu/arch/types.h"

namespace ringside::compare {

// Where the hypervisor's side runs: VMX root operation at CPL 0 to 2, and at CPL 3; and a trusted guest.
enum class Part : u8 { kernel, user, control };
constexpr unsigned parts = 3;

// What the CPU did from a VM exit of the measured guest to its next VM entry, of whatever guest. Instructions
// that fault count as begun. Pages have 4 KiB, cache lines 64 bytes; both by physical address, of
// instructions and of explicit and implicit accesses to memory, without what page walks and VMX itself read.
struct ExitCost {
  ExitReason reason{};
  std::array<u32, 2> instructions{}, pages{}, lines{};  // by Part::kernel and Part::user
  u32 all() const { return instructions[0] + instructions[1]; }
};

// Why the measured guest came out: the reason, the instruction's or access's own detail ("port 0x3f8"), and
// where in the guest.
struct ExitCause {
  ExitReason reason{};
  std::string detail;
  u64 rip = 0;  // guest-linear
  auto operator<=>(const ExitCause&) const = default;
};

// Changes of who runs on a CPU.
struct Switches {
  u64 exits = 0, entries = 0;  // of all guests
  u64 rings = 0;               // in VMX root operation, between CPL 3 and less
  u64 spaces = 0;              // in VMX root operation, of the page tables (CR3)
  u64 all() const { return exits + entries + rings + spaces; }
};

struct Piece {
  std::string name;
  std::string units_are;  // "system calls from ring 3"; may be empty
  u64 units = 1;
  u64 begin = 0, end = 0;  // instructions that all CPUs had retired
  u64 guest = 0;           // instructions of the measured guest
  std::array<u64, parts> part{};
  u64 exits = 0, control_exits = 0;  // of the measured guest, of a trusted one
  Switches switches;
};

// A guest, by its EPT, or processes, by their page tables.
struct Domain {
  enum class Kind : u8 { hypervisor, control, guest, process } kind = Kind::guest;
  std::string name;
  std::vector<u64> roots;  // EPT pointers, or values of CR3
  bool shadow = false;     // a guest without EPT: its root is the CR3 that the hypervisor gave it
};

struct Measured {
  std::vector<Piece> pieces;  // in their order
  std::vector<ExitCost> costs;
  std::map<ExitCause, u64> causes;
  // Instructions from when an interrupt is first asserted to a CPU to the first one of the measured guest's
  // handler.
  std::vector<u64> latencies;
  std::array<std::unordered_set<u64>, parts> code;  // linear addresses of instructions
};

}  // namespace ringside::compare
