// Owns the code of one operation inside a block: register and memory operands, flags, the inline classes.
#pragma once

#define XBYAK_NO_EXCEPTION
#include <xbyak/xbyak.h>
#include <xbyak/xbyak_util.h>

#include <array>
#include <bitset>
#include <vector>

#include "cpu/exec/core/block.h"
#include "cpu/exec/engine/emit/code_memory.h"
#include "cpu/exec/engine/emit/shapes.h"

namespace ringside {

namespace host_names {
// The host's XMM registers, in the order in which an operation uses them.
inline const Xbyak::Xmm first(0), second(1), third(2), fourth(3), fifth(4);
}  // namespace host_names

// How a floating-point result came about, for whoever asks whether it was exact.
enum class Exactness : u8 { sum, difference, product, quotient, root, narrowed, from_integer, to_integer };

// Host registers while emitted code runs:
//   rbx  the Cpu        r12  cpu.data             r13  the jump cache
//   r14  engine.tag     r15  aux_of_flags         rbp  unused
// Everything else is scratch and dead between operations, but for what `Fresh` names.
//
// By convention inside an operation: rcx is the first operand and the result, r9 the second, rdx the linear
// address, rax + rdx the host address.
class Assembler : public Xbyak::CodeGenerator {
 public:
  explicit Assembler(CodeMemory memory);

  // -- Places.
  u32 here() const { return static_cast<u32>(getSize()); }
  const u8* executable(u32 place) const { return memory_.executable() + place; }
  void patch(u32 site, u32 target);  // the 32-bit displacement at `site`
  // Jumps to a place, known or to be patched; return the site of the displacement.
  u32 jump(u32 target = 0);
  u32 jump_if(unsigned condition, u32 target = 0);
  void call_host(const void* function);
  void call_handler(const Op& op);

  // -- What the host can do.
  bool can_write(const Shape& shape) const;
  // Whether an operation raises floating-point exceptions, and may or has to run with the guest's MXCSR.
  enum class Numbers : u8 { none, either, by_host };
  Numbers numbers_of(const Shape& shape) const;
  // Loads the guest's MXCSR. The site of the jump taken if not all of its exceptions are masked.
  u32 enter_numbers();
  void leave_numbers();
  // The same without keeping track, for what is out of the way.
  void load_mxcsr();
  void store_mxcsr();

  // -- One operation, inline. The shape says that it can be.
  void inline_plain(const Op& op, const Shape& shape, bool flags_needed);
  // Leaves the new RIP in r8, with all checks done and the stack moved.
  void inline_indirect(const Op& op, const Shape& shape);
  // Pushes the return address; the target is for the caller.
  void inline_call(const Op& op);
  // Sets host flags so that the returned host condition holds if `condition` does.
  unsigned test_condition(Condition condition);

  // What the operation just emitted left in registers, that tells more cheaply of its flags than cpu.flags.
  struct Fresh {
    enum class What : u8 {
      nothing,
      compared,  // the flags of rcx - r9 (or - immediate)
      logic,     // the flags of a logic operation with the result rcx
      result     // ZF, SF and PF of rcx
    } what = What::nothing;
    u8 size = 0;
    bool by_immediate = false;
    s32 immediate = 0;
    int cold = -1;  // the operation's way by its handler, which leaves nothing in registers
  };
  Fresh fresh_;
  // A guest register whose value, all 64 bits of it, is in a host register as well. `kept_` is what the
  // operation just emitted leaves, `found_` what the one being emitted found, until it loads something else
  // there.
  struct Kept {
    int offset = -1;  // as Op::r0
    int number = 0;
    u8 size = 0;  // 4: the upper half is 0
  };
  Kept kept_, found_;
  // The block has shown that XMM registers may be used: nothing inside a block changes that.
  bool sse_ready_ = false, avx_ready_ = false;
  u32 upper_clear_ = 0;    // a bit for each vector register whose upper half is known to be 0
  bool numbers_ = false;   // the host's MXCSR is the guest's
  u32 default_mxcsr_ = 0;  // where that of the host's own code lies

  // A TLB miss: out of the way, the operation's handler does all of it.
  struct Cold {
    static constexpr unsigned most_sites = 20;
    std::array<u32, most_sites> sites{};
    unsigned count = 0;
    const Op* op = nullptr;
    u32 resume = 0;
    bool with_flags = false;  // resume with the guest's flags in the host's
    bool branch = false;      // goes on where the handler says
    bool numbers = false;     // the host's MXCSR is the guest's
    // The first `refused` sites ask for an exception; what the others miss the host may do in its own mode.
    unsigned refused = 0;
    bool by_host = false, flags_needed = false;
    Shape shape;  // of one that is by_host
    // A floating-point result of zero goes a way of its own, out of the hot one, before it asks the handler.
    struct Zero {
      u32 site = 0, resume = 0;  // 0: none
      u8 first = 0;              // the register of the first operand
      Exactness of = {};
      u8 size = 0;
    } zero;
  };
  std::vector<Cold> cold_;
  int aside_ = -1;  // which of them misses; -1: the last
  void zero_aside(unsigned which);
  // Writes the second attempt of one that is by_host; what is left for the handler is then among the refused.
  void again_by_host(unsigned which);

  CodeMemory memory_;

 private:
  using Number = int;  // of a host register
  static Xbyak::Reg sized(Number number, unsigned size);
  Xbyak::Address in_cpu(unsigned offset, unsigned size) const;
  Xbyak::Address at(const Xbyak::RegExp& place, unsigned size) const;
  void load(Number to, const Xbyak::RegExp& from, unsigned size);  // zero-extended
  void load_gpr(Number to, u8 offset, unsigned size);
  Xbyak::Reg64 base_in(Number scratch, u8 offset);
  // Not after an operation that may come back from its handler, without the host register.
  void keep(u8 offset, Number number, unsigned size);
  void store_gpr(u8 offset, Number from, unsigned size);  // a 32-bit value is zero-extended already
  void extend(Number to, Number from, unsigned size);
  enum class Use : u8 { read, write };
  void offset(const Op& op);
  void check(Use use, unsigned size);
  void locate(const Op& op, const Shape& shape, Use use, unsigned size);
  void miss_if(unsigned condition);
  void miss_at(u32 site);  // of a jump that is there
  void miss_if_not_canonical();

  void save_arithmetic(Number result, unsigned size);
  void save_logic(Number result, unsigned size);
  void save_shift(Inline what, unsigned size);
  void restore_carry();
  void binary(Inline what, Number to, const Op& op, const Shape& shape);

  void move(const Op& op, const Shape& shape);
  void widen(const Op& op, const Shape& shape);
  void arithmetic(const Op& op, const Shape& shape, bool flags_needed);
  void unary(const Op& op, const Shape& shape, bool flags_needed);
  void shift(const Op& op, const Shape& shape, bool flags_needed);
  void rotate(const Op& op, const Shape& shape, bool flags_needed);
  void multiply(const Op& op, const Shape& shape, bool flags_needed);
  void conditional(const Op& op, const Shape& shape);
  void stack(const Op& op, const Shape& shape);
  void push_r8();

  // vectors.cpp
  void vector(const Op& op, const Shape& shape, bool flags_needed);
  void vector_move(const Op& op, const Shape& shape);
  void vector_packed(const Op& op, const Shape& shape);
  void vector_arithmetic(const Op& op, const Shape& shape);
  void vector_compare(const Op& op, const Shape& shape, bool flags_needed);
  void vector_convert(const Op& op, const Shape& shape);
  static u8 first_source(const Op& op, const Shape& shape);
  static u8 second_source(const Op& op, const Shape& shape);
  void set_scalar(const Op& op, const Shape& shape);
  void load_source(const Op& op, const Shape& shape, unsigned size);
  Xbyak::Address xmm_at(u8 number, unsigned size) const;
  void vector_ready(const Shape& shape);
  // wide.cpp
  void wide(const Op& op, const Shape& shape, bool flags_needed);
  static bool is_fused_scalar(const Shape& shape);
  void fused_scalar(const Op& op, const Shape& shape);
  void wide_move(const Op& op, const Shape& shape);
  // elements.cpp
  void wide_elements(const Op& op, const Shape& shape, bool flags_needed);
  void compare_text(const Op& op, const Shape& shape, bool flags_needed);
  void move_masked(const Op& op, const Shape& shape);
  void gather(const Op& op, const Shape& shape);
  void wide_test(const Op& op, const Shape& shape, bool flags_needed);
  Xbyak::Address half_at(unsigned number, unsigned half) const;
  Xbyak::Address vector_at(const Xbyak::RegExp& place, unsigned size) const;
  void set_upper_clear(unsigned number);
  void clear_upper(const Op& op, const Shape& shape);
  // The first operand becomes what is in the first XMM register, and in the second.
  void set_vector(const Op& op, const Shape& shape, unsigned halves);
  static std::bitset<8> host_parts();
  const std::bitset<8> host_ = host_parts();  // by HostPart
  // bits.cpp
  void bits(const Op& op, const Shape& shape, bool flags_needed);
  void save_counted(Number result, unsigned size);
  static bool host_has_bits(Inline what);
  // exact.cpp: what a result leaves to be told of it. The first operand is in the guest's register a (an
  // integer: in rcx), the second in the second XMM register, the result in the first. Goes on if PE need not
  // be looked at, or if the result is exact. Clobbers rax and XMM registers from the third on. A product
  // comes right behind need_normal_result().
  void need_rounding_or_exact(u8 a, Exactness of, unsigned size, unsigned integer_size = 0);
  void need_zero_residual(u8 a, Exactness of, unsigned size);
  void need_same_integer(unsigned size, unsigned integer_size);
  void need_zero(const Xbyak::Xmm& x, unsigned size);
  void need_equal(const Xbyak::Xmm& x, const Xbyak::Xmm& y, unsigned size);
  void need_same_number(const Xbyak::Xmm& x, const Xbyak::Xmm& y, unsigned size);
  void need_exponent(unsigned least);
  // A result that is zero: false zeros are the handler's.
  void need_true_zero(u8 a, Exactness of, unsigned size);
  void zero_goes_aside(u32 site, u8 a, Exactness of, unsigned size);  // and comes back here
  const bool host_fuses_ = Xbyak::util::Cpu().has(Xbyak::util::Cpu::tFMA);
  void need_no_denormal(Number number, unsigned size);
  u32 need_normal_result(unsigned size);
  static constexpr unsigned result_exponent_bias = 2;
};

// LazyFlags::aux of arithmetic flags as LAHF and SETO AL leave them in AX, masked by 0x1101.
extern const std::array<u8, 0x1102> aux_of_flags;

// Where things lie in a Cpu.
namespace cpu_offset {
extern const unsigned result, aux, budget, data, rip, chain_end, cr0, cr4, xcr0, xmm, upper, mxcsr, segment;
}

}  // namespace ringside
