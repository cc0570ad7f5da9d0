// Owns one virtual-machine control structure as the processor keeps it while it is active, and its opaque
// form in memory. The manual's "Virtual-Machine Control Structures".
#pragma once

#include <array>

#include "cpu/arch/fields.h"
#include "mmu/physical_memory.h"
#include "vmx/field.h"

namespace ringside {

// Bits 30:0 of the first word of every region, and of IA32_VMX_BASIC.
constexpr u32 vmcs_revision = 0x12474e31;  // below 2^30: there is software that masks 30 bits
constexpr u32 shadow_indicator = 1u << 31;
constexpr unsigned vmcs_bytes = 4096;

class Vmcs {
 public:
  explicit Vmcs(HostPhys at) : region(at) {}

  u64 operator[](Field field) const { return values_[static_cast<unsigned>(field)]; }
  // By the processor itself; VMWRITE goes through written().
  void set(Field field, u64 value) { values_[static_cast<unsigned>(field)] = value; }

  // A VMWRITE (or a failed instruction's error) at `rip`, `count` instructions after power-on.
  struct Writer {
    u64 rip = 0, count = 0;
    bool known = false;  // false: the value came with the region from memory
  };
  void written(Field field, u64 value, u64 rip, u64 count) {
    if (value != (*this)[field]) dirty.add(field);
    set(field, value);
    writers_[static_cast<unsigned>(field)] = {rip, count, true};
  }
  const Writer& writer(Field field) const { return writers_[static_cast<unsigned>(field)]; }
  // Of the same region before it was loaded: who wrote what has the same value still, and what was counted.
  void remember(const Vmcs& before);

  // Between the region in memory and here. Data beyond what the revision keeps is left alone.
  void read_region(PhysicalMemory& memory);
  void write_region(PhysicalMemory& memory) const;
  // VMCLEAR of a region that is not active: its data are in memory already.
  static void clear_launch_state(PhysicalMemory& memory, HostPhys region);

  void fields(Fields& visit);

  HostPhys region;
  bool launched = false;
  bool shadow = false;          // the region's shadow-VMCS indicator when it was loaded
  FieldSet dirty = all_fields;  // that software wrote since the checks of a VM entry passed last
  u64 last_exit_count = 0;  // retired instructions when the last VM exit saved guest state here; 0: none did
  u64 last_exit_rip = 0;    // of the guest then
  u64 entries = 0, exits = 0;

 private:
  std::array<u64, field_count> values_{};
  std::array<Writer, field_count> writers_{};
};

}  // namespace ringside
