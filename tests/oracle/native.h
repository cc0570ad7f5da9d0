// Owns running one instruction on the host processor, in a child process that may do nothing else: registers,
// flags and memory in; registers, flags, memory, where it went and the fault out.
#pragma once

#include <fmt/format.h>

#include <array>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "cpu/arch/fault.h"
#include "cpu/arch/registers.h"
#include "tests/oracle/segments.h"

namespace oracle {

using namespace ringside;

struct Registers {
  std::array<u64, 16> gpr{};
  u64 flags = 2;
  // Selectors by SegReg. CS goes in only.
  std::array<u16, 6> segment = {user_data, user_code64, user_data, user_data, 0, 0};
};

// As FXSAVE64 lays it out, and the upper halves of the YMM registers. Those are not chosen: an instruction
// finds in them what is in the lower halves, and what it leaves is known only where it does not fault.
struct alignas(16) VectorImage {
  std::array<u8, 512> bytes{};
  std::array<u8, 256> upper{};
};

// What the instruction left. `trapped`: it raised `fault` (vector; error and address of a #PF), and the
// registers are those of that moment.
struct Outcome {
  Registers registers;
  u64 rip = 0;  // of the instruction that runs next, or that trapped: its linear address
  bool trapped = false;
  Fault fault;
};
// "vector 13, error 0" and its like.
inline std::string fault_name(const Outcome& o) {
  if (!o.trapped) return "no fault";
  const int vector = static_cast<int>(o.fault.vector);
  if (o.fault.vector != Vector::PF)
    return fmt::format("vector {}, error {:x}", vector, has_error_code(o.fault.vector) ? o.fault.error : 0);
  return fmt::format("vector {}, error {:x}, address {:x}", vector, o.fault.error, o.fault.address);
}

// The address range that instructions may use as memory, on the host and in the emulated machine alike. The
// pages around it are absent in both.
constexpr u64 data_base = 0x10010000, data_bytes = 0x4000;
// Where the instruction stands, in both.
constexpr u64 code_page = 0x10000000, code_offset = 0x400, code_at = code_page + code_offset;
// A place that a branch may go to, in both; so is what a relative branch names between first_target and
// end_of_targets. A code segment that begins with the page ends there, too.
constexpr u64 branch_target = code_page + 0x900;
constexpr u64 first_target = code_page + 0x200, end_of_targets = code_page + 0xa00;
constexpr u32 code_limit = 0x9ff;

// A signal that says nothing of the instruction: the host refused a state of the frame's, or ended the child.
struct Stray {
  int signal = 0;  // 0: the child was ended, or ended itself, without one that it could catch
  u16 cs = 0;
  u64 rip = 0;
  Fault fault;
};

// One run. `memory` is the data range before and, after the run, after.
struct Case {
  Registers in;
  Outcome out;
  bool judged = true;  // false: there is no outcome, because of `stray`
  Stray stray;
  VectorImage vectors;  // likewise, of a program that uses them
  std::array<u8, data_bytes> memory;
};

// An instruction and the code segment that it stands in. It may go on behind itself, or at the linear address
// `target` (0: nowhere), which is in a code segment of target_bits.
struct Program {
  std::span<const u8> code;
  unsigned bits = 64;
  u16 cs = user_code64;
  u64 target = 0;
  unsigned target_bits = 64;
  bool vectors = false;  // x87 and vector registers go in and out
};
// Of a code segment of Program.
u64 code_base(u16 cs);
// "signal 11 (vector 13, error 0) at 10000c00, where the child goes on after a signal".
std::string text(const Stray& stray);

class Native {
 public:
  static constexpr unsigned batch = 64;
  // `segments`: the cases' selectors are loaded, as far as the host has them.
  explicit Native(bool segments = false);
  ~Native();
  Native(const Native&) = delete;
  Native& operator=(const Native&) = delete;

  // False: this host cannot run the tests, and absent() says why.
  bool ready() const { return child_ > 0; }
  std::string absent() const;
  // Of the descriptors, those that there are; and why not all; empty: all of them.
  Descriptors descriptors() const;
  std::string without_descriptors() const;
  std::span<Case> cases() const;
  // Whether the host has AVX; if not, upper halves stay as they went in.
  static bool has_upper_halves();
  // Runs the instruction on the first `count` cases. Those that the host does not judge say so, and a child
  // that dies of one is replaced. False: too many have died, and ready() is false from now on.
  bool run(const Program& program, unsigned count);
  // Runs one of them once more, from the same input. An interrupt's return may disturb what a program did: a
  // hypervisor clears NT, or refuses a stack pointer. So only what comes again is the instruction's.
  bool repeat(unsigned number);
  static constexpr unsigned attempts = 4;
  // False: LZCNT, or TZCNT, is not refused by this host, but means BSR, or BSF. Runs a case.
  bool counts_zeros(bool leading);

 private:
  struct Shared;
  void start();
  bool finish(u32 count);
  int stop();  // gives the child's status, as waitpid() has it
  const bool segments_;
  Shared* shared_ = nullptr;
  std::vector<Case> inputs_{batch};
  int socket_ = -1;
  int child_ = -1;
  unsigned deaths_ = 0;
};

}  // namespace oracle
