// Owns the making of random programs for the lock-step tests: integer, stack, branch and string instructions
// that read, write, rewrite and remap the very pages that they run in.
#pragma once

#include <vector>

#include "tests/exec/engine_machine.h"
#include "tests/random.h"

namespace ringside {

class ProgramGenerator {
 public:
  enum class Mode { real16, protected32, long64, long64_pages };

  static constexpr u64 code_bytes = 0x2400;
  static u64 code_begin(const Cpu& cpu) { return cpu.mode.protected_mode ? at::code : 0x7c00; }
  static u64 stack(const Cpu& cpu) { return cpu.mode.protected_mode ? at::stack0 : 0x6ffe; }

  ProgramGenerator(u64 seed, Mode mode) : random_{seed}, mode_(mode) {}

  // Puts the machine into the mode with a program in memory.
  void load(EngineMachine& m) {
    switch (mode_) {
      case Mode::real16: m.real_mode(); break;
      case Mode::protected32: m.protected_mode(); break;
      case Mode::long64: m.long_mode(); break;
      case Mode::long64_pages: m.small_pages(); break;
    }
    place_handlers(m);
    u64 at = code_begin();
    while (at < code_end()) {
      code_.clear();
      instruction(at);
      for (const u8 byte : code_) m.put(at++, byte, 1);
    }
    m.cpu.set_eflags(Eflags::IF, Eflags::IF);
    for (unsigned n = 0; n < 16; ++n)
      if (n != RSP) m.cpu.gpr[n] = random_.one_in(2) ? random_.next() : address();
  }

 private:
  bool wide() const { return mode_ == Mode::long64 || mode_ == Mode::long64_pages; }
  bool real() const { return mode_ == Mode::real16; }
  u64 code_begin() const { return real() ? 0x7c00 : at::code; }
  u64 code_end() const { return code_begin() + code_bytes; }

  // A handler goes on somewhere in the program with a good stack.
  void place_handlers(EngineMachine& m) {
    for (unsigned v = 0; v < 256; ++v) {
      const u64 target = code_begin() + random_.below(code_bytes);
      u64 at = real() ? 0x10000 + v * 16 : at::handler(v);
      m.put(at++, 0xfb, 1);  // sti
      m.put(at++, 0xbc, 1);  // mov (e)sp, imm
      if (real()) {
        m.put(at, 0x6ffe, 2);
        m.put(at + 2, 0xea, 1);  // jmp 0:target
        m.put(at + 3, target, 4);
      } else {
        m.put(at, at::stack0, 4);
        m.put(at + 4, 0xe9, 1);
        m.put(at + 5, target - (at + 9), 4);
      }
    }
  }

  void byte(u64 value) { code_.push_back(static_cast<u8>(value)); }
  void number(u64 value, unsigned size) {
    for (unsigned n = 0; n < size; ++n) byte(value >> (8 * n));
  }
  unsigned operand() const { return real() ? 2 : 4; }

  // Somewhere interesting: code (mostly), data, page ends, the device, nothing.
  u64 address() {
    const u64 code = code_begin() + random_.below(code_bytes);
    switch (random_.below(real() ? 6 : 8)) {
      case 0:
      case 1: return code;
      case 2: return (code & ~u64{0xfff}) - 8 + random_.below(16);
      case 3: return real() ? 0x5000 + random_.below(0x100) : at::data + random_.below(0x100);
      case 4: return real() ? 0x6f00 + random_.below(0x100) : at::stack0 - 0x80 + random_.below(0x100);
      case 5: return real() ? 0xfff8 + random_.below(16) : at::data + 0xff8 + random_.below(16);
      case 6: return EngineMachine::mmio - 4 + random_.below(0x1008);
      default: return random_.one_in(4) ? 0xfffff0 + random_.below(0x20) : at::data + 8 * random_.below(64);
    }
  }
  // ModRM for [absolute], and the address.
  void memory(unsigned reg) {
    if (real()) {
      byte(reg << 3 | 6);
      number(address(), 2);
    } else {
      byte(reg << 3 | 4);
      byte(0x25);
      number(address(), 4);
    }
  }
  unsigned any_register() {
    const unsigned n = static_cast<unsigned>(random_.below(8));
    return n == RSP ? unsigned{RAX} : n;
  }
  void load_register(unsigned reg, u64 value) {
    byte(0xb8 + reg);
    number(value, operand());
  }

  void instruction(u64 at) {
    const unsigned reg = any_register(), other = any_register();
    const u64 alu = random_.below(8) << 3;
    if (wide() && random_.one_in(6)) byte(0x48);
    switch (random_.below(32)) {
      case 0:
      case 1:
      case 2: byte(alu | 1), byte(0xc0 | reg << 3 | other); break;
      case 3: byte(alu | 3), memory(reg); break;
      case 4: byte(alu | 1), memory(reg); break;
      case 5: byte(alu | 0), memory(reg); break;
      case 6: byte(0x88 | random_.below(4)), memory(reg); break;
      case 7: byte(0xc6), memory(0), byte(random_.next()); break;
      case 8: byte(random_.one_in(2) ? 0xfe : 0xff), memory(static_cast<unsigned>(random_.below(2))); break;
      case 9: code_.clear(), load_register(reg, random_.one_in(2) ? address() : random_.next()); break;
      case 10: byte(0x50 + reg); break;
      case 11: byte(0x58 + reg); break;
      case 12: byte(random_.one_in(2) ? 0x9c : 0x9d); break;
      case 13:
      case 14:
      case 15: byte(0x70 | random_.below(16)), byte(random_.below(40) - 20); break;
      case 16: byte(0xeb), byte(random_.below(60) - 20); break;
      case 17:
      case 18: far_branch(at, random_.one_in(2) ? 0xe8 : 0xe9); break;
      case 19: byte(0xc3); break;
      case 20: byte(0xe0 | random_.below(4)), byte(random_.below(30) - 20); break;
      case 21: string(); break;
      case 22: byte(0xc1), byte(0xc0 | alu | reg), byte(random_.next()); break;
      case 23:
        byte(0xf7), byte(0xc0 | alu | reg), number(random_.next(), (alu >> 3) < 2 ? operand() : 0);
        break;
      case 24: byte(0x87), memory(reg); break;
      case 25: code_.clear(), byte(0xf0), byte(0x0f), byte(0xb1), memory(reg); break;
      case 26: byte(0x0f), byte(0x40 | random_.below(16)), memory(reg); break;
      case 27: byte(0x0f), byte(0x90 | random_.below(16)), memory(0); break;
      case 28: byte(random_.one_in(2) ? 0xfa : 0xfb); break;
      case 29: rare(reg); break;
      case 30: byte(0x0f), byte(random_.one_in(2) ? 0x10 : 0x11), memory(reg); break;
      default:
        byte(0xff), byte(0xe0 | reg | (random_.one_in(2) ? 0 : 0x10));
        break;  // jmp, call (mostly astray)
    }
  }
  void far_branch(u64 at, unsigned opcode) {
    code_.clear();
    const u64 target = code_begin() + random_.below(code_bytes);
    byte(opcode);
    number(target - (at + 1 + operand()), operand());
  }
  void string() {
    code_.clear();
    load_register(RSI, address());
    load_register(RDI, address());
    load_register(RCX, random_.below(70));
    if (random_.one_in(8)) byte(0xfd);  // std
    if (!random_.one_in(3)) byte(random_.one_in(4) ? 0xf2 : 0xf3);
    static constexpr u8 opcodes[] = {0xa4, 0xa5, 0xaa, 0xab, 0xac, 0xa6, 0xae};
    byte(opcodes[random_.below(sizeof opcodes)]);
    byte(0xfc);  // cld
  }
  void rare(unsigned reg) {
    code_.clear();
    switch (random_.below(6)) {
      case 0: byte(0xcd), byte(random_.next()); break;
      case 1: byte(0x0f), byte(0x0b); break;
      case 2: byte(0x8e), byte(0xd0 | reg); break;  // mov ss, reg
      case 3: number(random_.next(), 4); break;
      case 4:
        byte(0x0f), byte(0x20), byte(0xd8 | reg);  // mov reg, cr3
        byte(0x0f), byte(0x22), byte(0xd8 | reg);
        break;
      default:
        if (mode_ == Mode::long64_pages) {
          remap();
        } else {
          byte(0xcc);
        }
    }
  }
  // Gives a page of the program another frame, or none, and back; each with INVLPG.
  void remap() {
    const u64 page = code_begin() + page_bytes * random_.below(3);
    const u64 frame = random_.one_in(3) ? page : code_begin() + page_bytes * random_.below(3);
    byte(0xc7), byte(0x04), byte(0x25), number(EngineMachine::table + page / page_bytes * 8, 4);
    number(frame | (random_.one_in(8) ? 6 : 7), 4);                   // mov dword [entry], frame
    byte(0x0f), byte(0x01), byte(0x3c), byte(0x25), number(page, 4);  // invlpg [page]
  }

  Random random_;
  Mode mode_;
  std::vector<u8> code_;
};

}  // namespace ringside
