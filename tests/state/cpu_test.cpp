// Owns the tests of reset, EFLAGS, derived modes and the visit of a CPU's fields.
#include <doctest/doctest.h>

#include "cpu/state/cpu.h"

using namespace ringside;

namespace {

struct Box {
  PhysicalMemory memory;
  Mmu mmu{memory, 46};
  Cpu cpu{mmu};
  CpuModel model;
  Box() {
    std::string error;
    model = *parse_cpu_model(default_cpu_model, error);
    cpu.model = &model;
    cpu.reset(false);
  }
};

// Writes every field to, or reads it from, a string of bytes.
struct Store : Fields {
  std::vector<u8> data;
  std::size_t at = 0;
  bool reading = false;
  bool restoring() const override { return reading; }
  void bytes(std::string_view, void* p, std::size_t size) override {
    if (reading) {
      std::memcpy(p, data.data() + at, size);
      at += size;
    } else {
      const u8* b = static_cast<const u8*>(p);
      data.insert(data.end(), b, b + size);
    }
  }
};

}  // namespace

TEST_CASE("power-up state is the manual's") {
  Box b;
  Cpu& c = b.cpu;
  CHECK(c.eflags() == 2);
  CHECK(c.rip == 0xfff0);
  CHECK(c.cr0 == 0x60000010);
  CHECK(c.segment[CS].selector == 0xf000);
  CHECK(c.segment[CS].base == 0xffff0000);
  CHECK(c.segment[CS].limit == 0xffff);
  CHECK(c.gpr[RDX] == b.model.signature);
  CHECK(c.gpr[RAX] == 0);
  CHECK(c.x87.control == 0x40);
  CHECK(c.x87.valid == 0xff);
  CHECK(c.vector.mxcsr == 0x1f80);
  CHECK(c.dr6 == 0xffff0ff0);
  CHECK(c.dr7 == 0x400);
  CHECK(c.xcr0 == 1);
  CHECK(c.msr.pat == 0x0007040600070406);
  CHECK((c.msr.microcode >> 32) == b.model.microcode);
  CHECK(c.mode.code_bits == 16);
  CHECK(c.mode.stack_bits == 16);
  CHECK_FALSE(c.mode.protected_mode);
  CHECK(c.mode.limited);
  CHECK(c.activity == Activity::active);
  CHECK((c.attention & Attention::activity) == 0);
}

TEST_CASE("INIT keeps the x87, SSE, MSRs and CR0's cache bits, and clears the rest") {
  Box b;
  Cpu& c = b.cpu;
  c.cr0 = Cr0::PE | Cr0::PG | Cr0::NW | Cr0::ET;
  c.cr4 = Cr4::PAE;
  c.efer = Efer::LME | Efer::LMA;
  c.vector.mxcsr = 0x1fc0;
  c.x87.control = 0x37f;
  c.msr.star = 5;
  c.msr.mtrr_def_type = 0xc06;
  c.xcr0 = 3;
  c.gpr[RBX] = 1;
  c.gpr[R15] = 1;
  c.nmi_blocked = true;
  c.cpl = 3;
  c.reset(true);
  CHECK(c.cr0 == (Cr0::NW | Cr0::ET));
  CHECK(c.cr4 == 0);
  CHECK(c.efer == 0);
  CHECK(c.vector.mxcsr == 0x1fc0);
  CHECK(c.x87.control == 0x37f);
  CHECK(c.msr.star == 5);
  CHECK(c.msr.mtrr_def_type == 0xc06);
  CHECK(c.xcr0 == 3);
  CHECK(c.gpr[RBX] == 0);
  CHECK(c.gpr[R15] == 0);
  CHECK_FALSE(c.nmi_blocked);
  CHECK(c.cpl == 0);
  CHECK_FALSE(c.mode.long_mode);
  c.reset(false);
  CHECK(c.msr.star == 0);
  CHECK(c.xcr0 == 1);
}

TEST_CASE("an application processor waits for its SIPI after reset and INIT") {
  Box b;
  b.cpu.index = 1;
  for (bool init : {false, true}) {
    b.cpu.reset(init);
    CHECK(b.cpu.activity == Activity::wait_for_sipi);
    CHECK((b.cpu.attention & Attention::activity));
  }
}

TEST_CASE("set_eflags changes what the mask names and nothing else") {
  Box b;
  Cpu& c = b.cpu;
  c.set_eflags(~u64{0}, Eflags::CF | Eflags::ZF | Eflags::IF);
  CHECK(c.eflags() == (Eflags::CF | Eflags::ZF | Eflags::IF | 2));
  c.set_eflags(0, Eflags::CF);
  CHECK(c.eflags() == (Eflags::ZF | Eflags::IF | 2));
  c.set_eflags(~u64{0}, ~u64{0} & ~Eflags::VM);
  CHECK(c.eflags() == 0x3d7fd7);
  c.set_eflags(0, ~u64{0});
  CHECK(c.eflags() == 2);
}

TEST_CASE("TF, breakpoints and observers ask for single steps, and only they") {
  Box b;
  Cpu& c = b.cpu;
  c.set_eflags(Eflags::TF, Eflags::TF);
  CHECK((c.attention & Attention::step));
  c.set_eflags(0, Eflags::TF);
  CHECK_FALSE((c.attention & Attention::step));
  c.dr7 = Dr7::fixed_one | 2;  // G0, execution
  c.update_debug();
  CHECK((c.attention & Attention::step));
  c.dr7 = Dr7::fixed_one | 2 | 1 << 16;  // data writes: the MMU's business
  c.update_debug();
  CHECK_FALSE((c.attention & Attention::step));
  c.dr7 = Dr7::fixed_one;
  c.observed = true;
  c.update_debug();
  CHECK((c.attention & Attention::step));
}

TEST_CASE("the mode follows CR0, EFER, CS, SS and EFLAGS.VM") {
  Box b;
  Cpu& c = b.cpu;
  const u32 real_key = c.mode.key;
  c.cr0 |= Cr0::PE;
  c.update_mode();
  CHECK(c.mode.protected_mode);
  CHECK(c.mode.key != real_key);
  const u32 protected_key = c.mode.key;

  c.segment[CS].rights |= Rights::DB;
  c.segment[CS].limit = 0xffffffff;
  c.update_mode();
  CHECK(c.mode.code_bits == 32);
  CHECK_FALSE(c.mode.limited);
  CHECK(c.mode.stack_bits == 16);
  CHECK(c.mode.rip_mask == 0xffffffff);

  c.set_eflags(Eflags::VM, Eflags::VM);
  CHECK(c.mode.v86);
  CHECK_FALSE(c.mode.protected_mode);
  c.set_eflags(0, Eflags::VM);
  CHECK_FALSE(c.mode.v86);

  c.efer = Efer::LME | Efer::LMA;
  c.segment[CS].rights = (c.segment[CS].rights & ~Rights::DB) | Rights::L;
  c.segment[CS].limit = 0;
  c.update_mode();
  CHECK(c.mode.bits64);
  CHECK(c.mode.code_bits == 64);
  CHECK(c.mode.stack_bits == 64);
  CHECK_FALSE(c.mode.limited);
  CHECK(c.mode.rip_mask == ~u64{0});
  const u32 key0 = c.mode.key;
  c.set_cpl(3);
  CHECK(c.mode.key != key0);
  CHECK(c.mode.key != protected_key);
}

TEST_CASE("fields can be saved and restored into another CPU") {
  Box a, b;
  Cpu& c = a.cpu;
  c.gpr[R9] = 0x123456789abcdef0;
  c.rip = 0x7c00;
  c.set_eflags(Eflags::CF | Eflags::IF | Eflags::PF, Eflags::CF | Eflags::IF | Eflags::PF);
  c.cr0 |= Cr0::PE;
  c.segment[CS].rights |= Rights::DB;
  c.segment[SS].limit = 0x10;
  c.segment[SS].update();
  c.vector.xmm[7].q[1] = 77;
  c.msr.mc_banks[5] = 9;
  c.nmi_pending = true;
  c.update_mode();
  Store save;
  c.fields(save);

  save.reading = true;
  b.cpu.fields(save);
  b.cpu.restored();
  CHECK(save.at == save.data.size());
  CHECK(b.cpu.eflags() == c.eflags());
  CHECK(b.cpu.mode.key == c.mode.key);
  CHECK(b.cpu.segment[SS].read_high == 0x10);
  Store again;
  b.cpu.fields(again);
  CHECK(again.data == save.data);
  CHECK(b.cpu.gpr[R9] == 0x123456789abcdef0);
  CHECK(b.cpu.vector.xmm[7].q[1] == 77);
}

TEST_CASE("a saved state's claims index nothing") {
  Box b;
  b.cpu.shutdown_chain_length = 200;
  b.cpu.x87.top = 0xff;
  b.cpu.cpl = 7;
  b.cpu.restored();
  CHECK(b.cpu.shutdown_chain_length == b.cpu.shutdown_chain.size());
  CHECK(b.cpu.x87.top == 7);
  CHECK(b.cpu.cpl == 3);
}
