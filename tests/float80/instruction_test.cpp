// Owns the comparison of whole x87 instructions with the host's: from a random state of registers, tags,
// masks and flags, one instruction must lead both to the same state. Guest memory plays no part.
#include <doctest/doctest.h>

#include <set>
#include <string>

#include "cpu/decode/proof.h"
#include "cpu/exec/x87/bodies_arith.h"
#include "cpu/exec/x87/bodies_control.h"
#include "cpu/exec/x87/bodies_move.h"
#include "tests/float80/cases.h"
#include "tests/float80/operands.h"

namespace ringside {

// Only the opcode's record after an unmasked exception reads code, and not for operations of no length as
// here.
[[gnu::weak]] bool load_bytes(Cpu&, u64, void*, unsigned, SegReg) { return false; }

#if defined(__x86_64__)
namespace {

// A memory operand that lives in the test.
template <class T>
struct Cell {
  using Value = T;
  static constexpr Where where = Where::mem;
  static inline T content{};
  static bool read(Cpu&, const Op&, T& value) {
    value = content;
    return true;
  }
  static bool write(Cpu&, const Op&, T value) {
    content = value;
    return true;
  }
};

struct [[gnu::packed]] Image {
  u8 environment[28];
  u8 registers[80];
};

// What the host starts from and arrives at.
struct HostState {
  Image image;
  u64 memory = 0;
  u16 ax = 0;
  u8 flags = 0;
};

enum class Checks : u8 {
  exact,
  loosely,   // transcendental: numbers are not compared
  by_manual  // FCOMI and relatives: makers differ on C1, and on EFLAGS after an unmasked IE
};

struct Instruction {
  const char* name;
  std::string_view body_name;
  bool (*body)(Cpu&, const Op&);
  void (*host)(HostState&);
  u8 r0, r1;
  unsigned memory;  // bytes of the operand
  Checks checks;
};

// `text` may use %1, the memory operand.
#define ROW(identifier, text, ...)                                                                  \
  void identifier(HostState& s) {                                                                   \
    asm volatile("frstor %0\n movb %2, %%ah\n sahf\n " text "\n lahf\n movb %%ah, %2\n fnsave %0\n" \
                 : "+m"(s.image), "+m"(s.memory), "+m"(s.flags)                                     \
                 :                                                                                  \
                 : "rax", "cc", "memory");                                                          \
  }
#include "tests/float80/instructions.inc"
#undef ROW

constexpr Instruction instructions[] = {
#define ROW(identifier, text, body, r0, r1, memory, checks) \
  {text, #body, body, identifier, r0, r1, memory, Checks::checks},
#include "tests/float80/instructions.inc"
#undef ROW
};

void randomize(Operands& operands, HostState& host, unsigned memory) {
  const u16 control = operands.control();
  // No exception pends, so the host does not trap; SF alone and the condition codes may be set.
  const unsigned codes = static_cast<unsigned>(operands.next()) &
                         (FpuStatus::C0 | FpuStatus::C1 | FpuStatus::C2 | FpuStatus::C3 | FpuStatus::SF);
  const u16 status = static_cast<u16>(codes | operands.below(8) << 11);
  // Most often full below and one register free; sometimes anything.
  u16 tags = operands.below(3) == 0 ? static_cast<u16>(operands.next() >> 9) : u16{0};
  if (operands.below(2) == 0) tags |= static_cast<u16>(3u << (2 * (((status >> 11) + 7) & 7)));
  std::memset(host.image.environment, 0, sizeof host.image.environment);
  std::memcpy(host.image.environment, &control, 2);
  std::memcpy(host.image.environment + 4, &status, 2);
  std::memcpy(host.image.environment + 8, &tags, 2);
  Float80 last;
  for (unsigned i = 0; i < 8; ++i) {
    last = i == 0 ? operands.value() : operands.value_near(last);
    std::memcpy(host.image.registers + 10 * i, &last.significand, 8);
    std::memcpy(host.image.registers + 10 * i + 8, &last.sign_exponent, 2);
  }
  host.memory = operands.pattern();
  // Exponents of floats at their ends and in their middle.
  const u64 kind = operands.below(4);
  const bool wide = memory == 8;
  const unsigned at = wide ? 52 : 23;
  const u64 all = wide ? 0x7ff : 0xff;
  const u64 exponent = kind == 0 ? 0 : kind == 1 ? all : all / 2 - 10 + operands.below(20);
  if (operands.below(3) != 0) host.memory = (host.memory & ~(all << at)) | exponent << at;
  host.flags = static_cast<u8>((operands.next() >> 13 & 0xd5) | 2);
}

}  // namespace

TEST_CASE("the rows that count as compared here are compared here, and no others") {
  std::set<std::string_view> compared, claimed;
  for (const Instruction& instruction : instructions) {
    const std::string_view name = instruction.body_name;  // "(fadd<Index<0>, Index<1>>)"
    compared.insert(name.substr(1, name.find_first_of("<)") - 1));
  }
  for (unsigned number = 0; number < rows().size(); ++number)
    if (proof_of(number).oracle == Oracle::x87) claimed.insert(rows()[number].body);
  const auto in_words = [](const std::set<std::string_view>& names) {
    std::string text;
    for (const auto name : names) text += std::string(name) + " ";
    return text;
  };
  CHECK(in_words(compared) == in_words(claimed));
}

TEST_CASE("instructions lead to the host's state") {
  PhysicalMemory memory;
  Mmu mmu(memory, 40);
  Cpu cpu(mmu);
  cpu.mode.protected_mode = true;
  cpu.cr0 = Cr0::PE | Cr0::NE;
  Op op;
  for (const Instruction& instruction : instructions) {
    Operands operands(1000 + static_cast<u64>(&instruction - instructions));
    Mismatches mismatches(instruction.name);
    op.r0 = instruction.r0;
    op.r1 = instruction.r1;
    for (int i = 0; i < cases(instruction.checks == Checks::loosely ? 1500 : 6000); ++i) {
      HostState host;
      randomize(operands, host, instruction.memory);
      const HostState before = host;
      x87::load_environment(cpu, op, host.image.environment);
      x87::load_registers(cpu, host.image.registers);
      cpu.flags.set_image(host.flags);
      Cell<u16>::content = static_cast<u16>(host.memory);
      Cell<u32>::content = static_cast<u32>(host.memory);
      Cell<u64>::content = host.memory;
      instruction.host(host);
      const bool done = instruction.body(cpu, op);

      Image mine;
      x87::store_environment(cpu, op, mine.environment);
      x87::store_registers(cpu, mine.registers);
      u64 my_memory = host.memory;
      if (instruction.memory == 2) my_memory = Cell<u16>::content | (before.memory & ~u64{0xffff});
      if (instruction.memory == 4) my_memory = Cell<u32>::content | (before.memory & ~u64{0xffffffff});
      if (instruction.memory == 8) my_memory = Cell<u64>::content;
      const u8 my_flags = static_cast<u8>(cpu.flags.image() | 2);
      u16 my_status, host_status;
      std::memcpy(&my_status, mine.environment + 4, 2);
      std::memcpy(&host_status, host.image.environment + 4, 2);
      if (instruction.checks == Checks::by_manual) {
        host_status = static_cast<u16>(host_status & ~FpuStatus::C1);
        my_status = static_cast<u16>(my_status & ~FpuStatus::C1);
        std::memcpy(mine.environment + 4, &my_status, 2);
        std::memcpy(host.image.environment + 4, &host_status, 2);
        const u16 control = cpu.x87.control;
        if ((host_status & FpuStatus::IE & ~control) != 0)
          host.flags = static_cast<u8>((before.flags & (Eflags::CF | Eflags::PF | Eflags::ZF)) | 2);
      }
      bool good = done && my_flags == host.flags && my_memory == host.memory;
      if (instruction.checks == Checks::loosely) {
        constexpr u16 loosely = 0x3800 | FpuStatus::IE | FpuStatus::DE | FpuStatus::ZE | FpuStatus::SF;
        u16 checked = loosely;
        if ((host_status & FpuStatus::SF & ~before.image.environment[4]) != 0) checked |= FpuStatus::C1;
        good = good && ((my_status ^ host_status) & checked) == 0;
        // The tags' empties, for the values may be zeros here and tiny numbers there.
        for (unsigned n = 0; n < 8; ++n)
          good = good && ((mine.environment[8 + n / 4] >> (n % 4 * 2) & 3) == 3) ==
                             ((host.image.environment[8 + n / 4] >> (n % 4 * 2) & 3) == 3);
      } else {
        good = good && my_status == host_status &&
               std::memcmp(mine.environment, host.image.environment, 10) == 0 &&
               std::memcmp(mine.registers, host.image.registers, sizeof mine.registers) == 0;
      }
      mismatches.check(good, [&] {
        std::string text;
        const auto dump = [&](const char* who, const Image& image, u8 flags, u64 content) {
          u16 words[6];
          std::memcpy(words, image.environment, sizeof words);
          text += fmt::format("\n  {} cw {:04x} sw {:04x} tags {:04x} flags {:02x} memory {:016x}", who,
                              words[0], words[2], words[4], flags, content);
          for (unsigned n : {0u, 1u, 2u, 7u}) {
            Float80 value;
            std::memcpy(&value.significand, image.registers + 10 * n, 8);
            std::memcpy(&value.sign_exponent, image.registers + 10 * n + 8, 2);
            text += fmt::format(" st{} {}", n, show(value));
          }
        };
        dump("before", before.image, before.flags, before.memory);
        dump("mine  ", mine, my_flags, my_memory);
        dump("host  ", host.image, host.flags, host.memory);
        return text;
      });
    }
    CHECK(mismatches.count() == 0);
  }
}
#endif

}  // namespace ringside
