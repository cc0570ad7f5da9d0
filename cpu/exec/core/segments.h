// Owns segment descriptors: how they are fetched, checked and loaded into segment registers.
#pragma once

#include "cpu/exec/core/operands.h"

namespace ringside {

// A descriptor as it lies in a table. `high` is the second half of the 16-byte system descriptors of IA-32e
// mode.
struct Descriptor {
  u64 low = 0, high = 0;
  u64 at = 0;  // linear address of its first byte

  u32 rights() const { return static_cast<u32>(low >> 40) & 0xf0ff; }
  unsigned type() const { return static_cast<unsigned>(low >> 40) & 15; }
  unsigned dpl() const { return static_cast<unsigned>(low >> 45) & 3; }
  bool present() const { return low >> 47 & 1; }
  bool is_system() const { return !(low >> 44 & 1); }
  bool is_code() const { return (low >> 43 & 3) == 3; }
  bool is_data() const { return (low >> 43 & 3) == 2; }
  bool conforming() const { return low >> 42 & 1; }   // of code
  bool readable() const { return low >> 41 & 1; }     // of code
  bool writable() const { return low >> 41 & 1; }     // of data
  bool accessed() const { return low >> 40 & 1; }     // of code and data
  bool long_mode() const { return low >> 53 & 1; }    // L
  bool default_big() const { return low >> 54 & 1; }  // D/B
  u64 base() const { return (low >> 16 & 0xffffff) | (low >> 32 & 0xff000000) | high << 32; }
  u32 limit() const {
    const u32 raw = static_cast<u32>((low & 0xffff) | (low >> 32 & 0xf0000));
    return low >> 55 & 1 ? raw << 12 | 0xfff : raw;
  }
  // Gates.
  u16 gate_selector() const { return static_cast<u16>(low >> 16); }
  u64 gate_offset() const { return (low & 0xffff) | (low >> 32 & 0xffff0000) | high << 32; }
};

// The types of system descriptors.
enum class SystemType : u8 {
  tss16_available = 1,
  ldt = 2,
  tss16_busy = 3,
  call_gate16 = 4,
  task_gate = 5,
  interrupt_gate16 = 6,
  trap_gate16 = 7,
  tss_available = 9,
  tss_busy = 11,
  call_gate = 12,
  interrupt_gate = 14,
  trap_gate = 15,
};
inline SystemType system_type(const Descriptor& d) { return static_cast<SystemType>(d.type()); }

constexpr bool is_null(u16 selector) { return (selector & 0xfffc) == 0; }

// Raises v with the selector (RPL cleared) as error code; always false.
inline bool refuse(Cpu& cpu, Vector v, u16 selector = 0) {
  cpu.raise(v, selector & 0xfffc);
  return false;
}

// The linear address of a selector's descriptor. False: outside its table; raises nothing.
bool locate_descriptor(const Cpu& cpu, u16 selector, u64& at);
// The first 8 bytes of the descriptor that a (not null) selector names. False: outside its table, `v`
// (selector) is raised; or the table's page faulted.
bool fetch_descriptor(Cpu& cpu, u16 selector, Vector v, Descriptor& out);
// The second half of a 16-byte descriptor; IA-32e mode only.
bool fetch_upper_half(Cpu& cpu, u16 selector, Vector v, Descriptor& d);
// Sets the accessed bit of a code or data descriptor in memory if it is clear.
bool set_accessed(Cpu& cpu, Descriptor& d);
// Replaces the type field's low byte: the busy bit of a TSS descriptor.
bool set_busy(Cpu& cpu, u64 descriptor_at, bool busy);

Segment segment_of(u16 selector, const Descriptor& d);
// What a data segment register holds after a null selector was loaded.
Segment null_segment(u16 selector);
// SS after a null selector was loaded at privilege level `cpl`: 64-bit mode only.
Segment null_stack_segment(u16 selector, u8 cpl);
// As loads in real-address and virtual-8086 mode leave it.
Segment real_mode_segment(const Cpu& cpu, SegReg reg, u16 selector);

// Checks for a stack segment at privilege level `cpl`: `vector` is #GP for MOV, POP, LSS and returns, #TS for
// stacks from a TSS. Gives the segment, sets the accessed bit, loads nothing. A null selector is refused with
// error code 0.
bool check_stack_segment(Cpu& cpu, u16 selector, u8 cpl, Vector vector, Segment& out);
// Checks for ES, DS, FS, GS at the present CPL, in protected mode; null selectors are fine. Loads nothing.
bool check_data_segment(Cpu& cpu, u16 selector, Segment& out);

// Checks what MOV, POP and the far-pointer loads put into ES, SS, DS, FS or GS, in any mode. Loads nothing.
bool prepare_segment(Cpu& cpu, SegReg reg, u16 selector, Segment& out);
// Puts a checked segment into its register and derives the mode again where it may have changed.
void commit_segment(Cpu& cpu, SegReg reg, const Segment& segment);

}  // namespace ringside
