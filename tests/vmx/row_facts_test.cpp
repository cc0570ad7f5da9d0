// Owns the test that what rows say of privilege and VM exits is so: each instruction is run above and at CPL
// 0, and in VMX non-root operation under every control, and the row has to say what came of it.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <span>

#include "tests/vmx/guest_box.h"

using namespace ringside;

namespace {

struct Encoding {
  Op op;
  Handler handler = nullptr;
  unsigned bits = 64;
};

constexpr u64 memory_operand = 0x3000, stack = 0x4000, gdt = 0x6000, region = 0x7000;
constexpr u16 data3 = 0x20 | 3, tss = 0x38;

// Encodings of each row, by its number: for code of 32 and 64 bits, or of 16 bits.
class Encodings {
 public:
  explicit Encodings(const Decoder& decoder, std::initializer_list<unsigned> code_bits) : decoder_(decoder) {
    for (const unsigned bits : code_bits)
      for (const u16 prefix : {0x00, 0x66, 0xf2, 0xf3, 0x66f3})
        for (const bool wide : {false, true})
          if (!wide || bits == 64)
            for (const unsigned map : {0u, 0x0fu, 0x0f38u, 0x0f3au})
              for (unsigned opcode = 0; opcode < 256; ++opcode) attempt_all(bits, prefix, wide, map, opcode);
  }
  const std::vector<Encoding>& of(unsigned row) { return found_[row]; }

 private:
  void attempt_all(unsigned bits, u16 prefix, bool wide, unsigned map, unsigned opcode) {
    const bool by_modrm = map == 0x0f && (opcode == 0x01 || opcode == 0xae || opcode == 0xc7);
    for (unsigned reg = 0; reg < 8; ++reg) {
      attempt(bits, prefix, wide, map, opcode, reg << 3 | (bits == 16 ? 6 : 5));
      for (unsigned rm = 0; rm < (by_modrm ? 8 : 1); ++rm)
        attempt(bits, prefix, wide, map, opcode, 0xc0 | reg << 3 | rm);
    }
  }
  void attempt(unsigned bits, u16 prefix, bool wide, unsigned map, unsigned opcode, unsigned modrm) {
    u8 bytes[15] = {};
    unsigned size = 0;
    if (prefix > 0xff) bytes[size++] = static_cast<u8>(prefix >> 8);
    if (prefix) bytes[size++] = static_cast<u8>(prefix);
    if (wide) bytes[size++] = 0x48;
    if (map) bytes[size++] = 0x0f;
    if (map > 0xff) bytes[size++] = static_cast<u8>(map);
    bytes[size++] = static_cast<u8>(opcode);
    bytes[size] = static_cast<u8>(modrm);
    Lowered lowered;
    if (decoder_.lower(bytes, sizeof bytes, bits, false, 0x500, lowered) != DecodeStatus::ok) return;
    if (lowered.kind != Kind::plain && lowered.kind != Kind::boundary) return;
    std::vector<Encoding>& list = found_[lowered.op.row];
    unsigned& seen = seen_[{lowered.op.row, lowered.op.variant, bits}];
    if (++seen > 8) return;
    Op& op = lowered.op;
    op.left = 1;
    const Form form = static_cast<Form>(op.variant >> 2 & 7);
    if (form == Form::M || form == Form::RM || form == Form::MR || form == Form::MI) {
      op.base = op.index = reg::zero;
      op.disp = memory_operand;
      if (op.attrs & OpAttr::imm64) op.imm64 = memory_operand;
    }
    list.push_back({op, all_handlers()[op.row].fast[op.variant], bits});
  }

  const Decoder& decoder_;
  std::map<unsigned, std::vector<Encoding>> found_;
  std::map<std::tuple<unsigned, unsigned, unsigned>, unsigned> seen_;
};

// What an instruction finds in the registers: enough for each to succeed with one of them.
struct Values {
  u64 rax, rcx;
};
constexpr Values values[] = {{0, 0},     {0, 1},    {1, 0},      {1, 1},  {data3, 0},
                             {data3, 1}, {0, 0x10}, {tss, 0x10}, {tss, 0}};

struct World {
  u8 cpl = 0;
  bool non_root = false;
  unsigned iopl = 0;
  u64 cr4 = Cr4::PCE;
  bool cpuid_faulting = false;
  bool virtual_8086 = false;
  std::set<VmxControl> controls = {};
  bool masks = false;  // the guest/host masks and the XSS-exiting bitmap are full
};

class Laboratory {
 public:
  Laboratory() { box_.check_length = false; }

  const Decoder& decoder() const { return box_.vmx_decoder; }
  const ExitInfo& exit() const { return box_.vmx.exit; }
  u32 error() const { return box_.cpu.fault.error; }

  int run(const Encoding& e, const World& world, const Values& v) {
    prepare(e.bits, world, v);
    return box_.run(e.op, e.handler);
  }

 private:
  void prepare(unsigned bits, const World& world, const Values& v) {
    Cpu& cpu = box_.cpu;
    cpu.set_eflags(0, Eflags::VM | Eflags::IOPL | Eflags::IF | Eflags::arithmetic | Eflags::DF);
    cpu.non_root = false;
    cpu.activity = Activity::active;
    cpu.attention = 0;
    cpu.interrupt_shadow = 0;
    cpu.dr7 = 0x400;
    cpu.x87 = X87State{};
    cpu.xcr0 = 1;
    cpu.msr.misc_features = world.cpuid_faulting;
    cpu.msr.xss = world.masks ? tss : 0;
    cpu.msr.sysenter_cs = 8;
    cpu.idtr = {0, 0};
    cpu.gdtr = {gdt, 0xff};
    cpu.segment[TR] = cpu.segment[LDTR] = Segment{};
    tables();
    registers(v);
    set_controls(world);
    if (bits == 64) {
      box_.guest64(world.cpl);
      cpu.efer |= Efer::SCE;
    } else if (world.virtual_8086) {
      box_.guest32(3);
      box_.virtual_8086();
    } else {
      box_.guest32(world.cpl);
    }
    cpu.cr4 |= world.cr4 | Cr4::OSXSAVE | Cr4::OSFXSR | Cr4::FSGSBASE | Cr4::PKE;
    cpu.set_eflags(u64{world.iopl} << 12, Eflags::IOPL);
    cpu.vmx_operation = true;
    cpu.non_root = world.non_root;
    box_.vmx.current = world.non_root ? &box_.vmx.activate(box_.memory, HostPhys(region)) : nullptr;
    cpu.update_mode();
    cpu.update_privilege();
  }
  void tables() {
    const auto put = [&](u64 at, u64 value) { box_.memory.write(HostPhys(at), 8, value); };
    for (u64 at = memory_operand; at < memory_operand + 0x480; at += 8) put(at, 0);
    put(memory_operand + 520, bit(63));  // XRSTORS wants the compacted format
    for (u64 at = stack - 0x80; at < stack + 0x80; at += 8) put(at, 0);
    put(gdt + (data3 & ~7), 0x00cff3000000ffff);
    put(gdt + tss, 0x0000e90100000067);  // any level may switch to it
    put(gdt + tss + 8, 0);
  }
  void registers(const Values& v) {
    Cpu& cpu = box_.cpu;
    for (unsigned r = 0; r < 16; ++r) cpu.gpr[r] = 0;
    cpu.gpr[RAX] = v.rax;
    cpu.gpr[RCX] = v.rcx;
    cpu.gpr[RSP] = cpu.gpr[RBP] = stack;
    cpu.gpr[RBX] = cpu.gpr[RSI] = cpu.gpr[RDI] = memory_operand;
    for (u64 n = 0; n < 5; ++n) box_.memory.write(HostPhys(memory_operand + 2 * n), 2, v.rax);
  }
  void set_controls(const World& world) {
    ActiveControls& c = box_.vmx.controls;
    c.word = {};
    for (const VmxControl enabled :
         {VmxControl::rdtscp, VmxControl::invpcid, VmxControl::xsaves, VmxControl::user_wait})
      box_.set(enabled);
    for (const VmxControl control : world.controls) box_.set(control);
    c.cr0_mask = c.cr4_mask = c.xss_exiting_bitmap = world.masks ? ~u64{0} : 0;
    c.cr0_shadow = Cr0::TS;
    box_.vmx.exit = {};
  }

  GuestBox box_;
};

std::string name_of(const RowInfo& row) { return fmt::format("{} {}", row.mnemonic, row.body); }

// Runs the row's encodings with all values until `stop` says so of one; whether it did.
bool any(Laboratory& lab, const std::vector<Encoding>& encodings, const RowInfo& row, const World& world,
         const std::function<bool(const Encoding&, const Values&, int)>& stop,
         std::span<const Values> chosen = values) {
  for (const Encoding& e : encodings)
    for (const Values& v : chosen) {
      // A string of no elements asks for nothing.
      if (row.attrs & RowAttr::rep && v.rcx == 0) continue;
      if (stop(e, v, lab.run(e, world, v))) return true;
    }
  return false;
}
bool works(Laboratory& lab, const std::vector<Encoding>& encodings, const RowInfo& row, const World& world) {
  return any(lab, encodings, row, world,
             [](const Encoding&, const Values&, int what) { return what == done; });
}

// What CPL 3 makes of what works at CPL 0.
int above(Laboratory& lab, const std::vector<Encoding>& encodings, const RowInfo& row) {
  int result = undecoded;
  any(lab, encodings, row, {}, [&](const Encoding& e, const Values& v, int what) {
    if (what != done) return false;
    result = lab.run(e, {.cpl = 3}, v);
    return true;
  });
  return result;
}

// By what it does; v86_iopl and smm aside.
Privilege privilege_of(Laboratory& lab, const std::vector<Encoding>& encodings, const RowInfo& row) {
  if (!works(lab, encodings, row, {})) return Privilege::everyone;
  if (!works(lab, encodings, row, {.cpl = 3})) {
    if (works(lab, encodings, row, {.cpl = 3, .iopl = 3})) return Privilege::iopl;
    return above(lab, encodings, row) == UD ? Privilege::cpl0_or_ud : Privilege::cpl0;
  }
  const auto refused_by = [&](const World& world) { return !works(lab, encodings, row, world); };
  if (refused_by({.cpl = 3, .cr4 = Cr4::PCE | Cr4::UMIP})) return Privilege::umip;
  if (refused_by({.cpl = 3, .cr4 = Cr4::PCE | Cr4::TSD})) return Privilege::tsd;
  if (refused_by({.cpl = 3, .cr4 = 0})) return Privilege::pce;
  if (refused_by({.cpl = 3, .cpuid_faulting = true})) return Privilege::cpuid_faulting;
  return Privilege::everyone;
}

}  // namespace

TEST_CASE("rows say who may run their instructions") {
  Laboratory lab;
  Encodings encodings(lab.decoder(), {32, 64});
  unsigned tried = 0;
  for (unsigned n = 0; n < rows().size(); ++n) {
    const RowInfo& row = rows()[n];
    CAPTURE(name_of(row));
    if (row.kind != Kind::plain && row.kind != Kind::boundary) {
      CHECK(row.privilege == Privilege::everyone);
      continue;
    }
    // With a VEX prefix there are none but those that a user program may run, as the oracle does.
    if (row.attrs & RowAttr::vex) {
      CHECK(row.privilege == Privilege::everyone);
      ++tried;
      continue;
    }
    if (encodings.of(n).empty()) continue;
    ++tried;
    const Privilege found = privilege_of(lab, encodings.of(n), row);
    if (row.privilege == Privilege::smm) {
      CHECK_FALSE(works(lab, encodings.of(n), row, {}));
    } else if (row.privilege == Privilege::v86_iopl) {
      CHECK(found == Privilege::everyone);
    } else {
      CHECK(static_cast<int>(found) == static_cast<int>(row.privilege));
    }
  }
  CHECK(tried > rows().size() * 9 / 10);
}

TEST_CASE("rows say what needs IOPL 3 in virtual-8086 mode") {
  Laboratory lab;
  Encodings encodings(lab.decoder(), {16});
  for (unsigned n = 0; n < rows().size(); ++n) {
    const RowInfo& row = rows()[n];
    if (encodings.of(n).empty()) continue;
    CAPTURE(name_of(row));
    const auto refused = [&](unsigned iopl) {
      return !any(lab, encodings.of(n), row, {.iopl = iopl, .virtual_8086 = true},
                  [&](const Encoding&, const Values&, int what) { return what != GP || lab.error() != 0; });
    };
    const bool by_iopl = refused(0) && !refused(3);
    if (row.privilege == Privilege::v86_iopl) CHECK(by_iopl);
    if (by_iopl) CHECK((row.privilege == Privilege::v86_iopl || row.privilege == Privilege::iopl));
  }
}

TEST_CASE("rows say which instructions cause VM exits, by which control, and what the exits record") {
  Laboratory lab;
  Encodings encodings(lab.decoder(), {32, 64});
  constexpr Values exit_values[] = {{0, 0}, {0, 1}, {tss, 0}};
  std::set<VmxControl> controls;
  for (unsigned c = 0; c < vmx_control_count; ++c) {
    const VmxControl control = static_cast<VmxControl>(c);
    if (static_cast<unsigned>(info(control).word) < control_word_count) controls.insert(control);
  }
  for (unsigned n = 0; n < rows().size(); ++n) {
    const RowInfo& row = rows()[n];
    CAPTURE(name_of(row));
    if (row.kind != Kind::plain && row.kind != Kind::boundary) {
      CHECK(row.exit.when == RowExit::When::never);
      continue;
    }
    bool informed = false, worked = false;
    // Whether it exits in this world; all its exits are those of its row.
    const auto exits = [&](const World& world) {
      bool found = false;
      any(
          lab, encodings.of(n), row, world,
          [&](const Encoding&, const Values&, int what) {
            if (what == done) worked = true;
            // A task switch is what the instruction meets.
            if (what != exited || lab.exit().reason == ExitReason::task_switch) return false;
            found = true;
            informed |= lab.exit().instruction_information != 0;
            CHECK(static_cast<int>(lab.exit().reason) == static_cast<int>(row.exit.reason));
            return false;
          },
          exit_values);
      return found;
    };
    const bool always = exits({.non_root = true});
    const bool by_masks = !always && exits({.non_root = true, .masks = true});
    std::set<VmxControl> by;
    if (row.exit.when == RowExit::When::never) {
      CHECK_FALSE(exits({.non_root = true, .controls = controls}));
    } else if (!always) {
      for (const VmxControl control : controls)
        if (exits({.non_root = true, .controls = {control}})) by.insert(control);
    }
    switch (row.exit.when) {
      case RowExit::When::never:
        CHECK_FALSE(always);
        CHECK_FALSE(by_masks);
        break;
      case RowExit::When::always:
        CHECK(always);
        CHECK_FALSE(worked);
        break;
      case RowExit::When::control:
        CHECK_FALSE(by_masks);
        CHECK((by == std::set{row.exit.control}));
        break;
      case RowExit::When::depends: CHECK((always || by_masks || !by.empty())); break;
    }
    CHECK(informed == (row.information.format != InformationFormat::absent));
  }
}
