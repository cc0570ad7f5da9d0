// Owns the tests of segment checks: accesses, loads of segment registers, and the descriptor instructions.
#include <doctest/doctest.h>

#include "cpu/exec/descriptors/descriptor_instructions.h"
#include "tests/exec/small_machine.h"

using namespace ringside;

namespace {

struct SegmentMachine : SmallMachine {
  SegmentMachine() { protected_mode(); }
  Segment out;
  bool load_into(SegReg reg, u16 selector) {
    if (!prepare_segment(cpu, reg, selector, out)) return false;
    commit_segment(cpu, reg, out);
    return true;
  }
  void refused(bool done, Vector v, u32 error) {
    CHECK_FALSE(done);
    CHECK(cpu.fault.vector == v);
    CHECK(cpu.fault.error == error);
  }
};
bool reaches(Cpu& cpu, SegReg seg, u64 offset, unsigned size, AccessKind kind = AccessKind::read) {
  u64 linear;
  return linearize(cpu, seg, offset, size, kind, linear);
}

}  // namespace

TEST_CASE("limits, types and bases of accesses") {
  SegmentMachine m;
  u64 linear;
  m.set_descriptor(sel::free0, descriptor(0x1000, 0xfff, present_data));
  m.load(DS, sel::free0);
  CHECK(linearize(m.cpu, DS, 0xffc, 4, AccessKind::read, linear));
  CHECK(linear == 0x1ffc);
  CHECK_FALSE(reaches(m.cpu, DS, 0xffd, 4));
  CHECK(m.cpu.fault.vector == Vector::GP);
  CHECK_FALSE(reaches(m.cpu, DS, 0xffffffff, 4));
  m.load(SS, sel::free0);
  CHECK_FALSE(reaches(m.cpu, SS, 0x1000, 1));
  CHECK(m.cpu.fault.vector == Vector::SS);
  m.load(DS, sel::read_only);
  CHECK(reaches(m.cpu, DS, 0, 4));
  CHECK_FALSE(reaches(m.cpu, DS, 0, 4, AccessKind::write));
  m.load(DS, sel::execute_only);
  CHECK_FALSE(reaches(m.cpu, DS, 0, 4));
  CHECK(reaches(m.cpu, DS, 0, 4, AccessKind::execute));
  m.load(DS, sel::code0);
  CHECK(reaches(m.cpu, DS, 0, 4));
  CHECK_FALSE(reaches(m.cpu, DS, 0, 4, AccessKind::write));
  m.load(DS, 0);
  CHECK_FALSE(reaches(m.cpu, DS, 0, 1));
  m.set_descriptor(sel::free0, descriptor(0x1000, 0xfff, present_data | 4));  // expand-down, 16-bit
  m.load(DS, sel::free0);
  CHECK_FALSE(reaches(m.cpu, DS, 0xfff, 1));
  CHECK(reaches(m.cpu, DS, 0x1000, 1));
  CHECK(reaches(m.cpu, DS, 0xfffe, 2));
  CHECK_FALSE(reaches(m.cpu, DS, 0xffff, 2));
  m.set_descriptor(sel::free0, descriptor(0xfffff000, 0xfffff, present_data | Rights::G));
  m.load(DS, sel::free0);
  CHECK(linearize(m.cpu, DS, 0x2000, 1, AccessKind::read, linear));
  CHECK(linear == 0x1000);
}

TEST_CASE("64-bit mode adds FS and GS bases only and has no limits") {
  SmallMachine m;
  m.long_mode();
  u64 linear;
  m.load(DS, 0);
  m.cpu.segment[FS].base = 0x123400000000;
  CHECK(linearize(m.cpu, DS, 0xffff800000000000, 8, AccessKind::write, linear));
  CHECK(linear == 0xffff800000000000);
  CHECK(linearize(m.cpu, FS, 8, 8, AccessKind::write, linear));
  CHECK(linear == 0x123400000008);
}

TEST_CASE("data segment loads: type, privilege, presence") {
  SegmentMachine m;
  CHECK(m.load_into(DS, sel::data0));
  CHECK(m.load_into(DS, sel::data3));
  CHECK(m.load_into(DS, sel::code0));
  CHECK(m.load_into(DS, 3));
  CHECK_FALSE(m.cpu.segment[DS].usable());
  m.refused(m.load_into(DS, sel::data0 | 1), Vector::GP, sel::data0);
  m.refused(m.load_into(DS, sel::execute_only), Vector::GP, sel::execute_only);
  m.refused(m.load_into(DS, sel::tss), Vector::GP, sel::tss);
  m.refused(m.load_into(DS, sel::last + 1), Vector::GP, sel::last + 1);
  m.refused(m.load_into(DS, sel::not_present), Vector::NP, sel::not_present);
  m.refused(m.load_into(DS, 4), Vector::GP, 4);  // no LDT
  m.start_at(sel::code3, sel::data3, at::user_code, at::stack3);
  CHECK(m.load_into(ES, sel::data3));
  m.refused(m.load_into(ES, sel::data0), Vector::GP, sel::data0);
  CHECK(m.load_into(ES, sel::conforming0 | 3));
  CHECK(m.load_into(ES, sel::data3 & ~3));  // RPL 0, DPL 3, CPL 3
}

TEST_CASE("stack segment loads") {
  SegmentMachine m;
  CHECK(m.load_into(SS, sel::data0));
  m.refused(m.load_into(SS, 0), Vector::GP, 0);
  m.refused(m.load_into(SS, sel::data3), Vector::GP, sel::data3 & ~3u);
  m.refused(m.load_into(SS, sel::data0 | 1), Vector::GP, sel::data0);
  m.refused(m.load_into(SS, sel::read_only), Vector::GP, sel::read_only);
  m.refused(m.load_into(SS, sel::code0), Vector::GP, sel::code0);
  m.refused(m.load_into(SS, sel::not_present), Vector::SS, sel::not_present);
  CHECK(m.load_into(SS, sel::data16));
  CHECK(m.cpu.mode.stack_bits == 16);
}

TEST_CASE("a null SS is for 64-bit mode below level 3") {
  SegmentMachine m;
  m.long_mode();
  CHECK(m.load_into(SS, 0));
  m.refused(m.load_into(SS, 1), Vector::GP, 0);
  m.start_at(sel::user64, sel::data3, at::user_code, at::stack3);
  m.refused(m.load_into(SS, 3), Vector::GP, 0);
}

TEST_CASE("loading sets the accessed bit, and a refusal does not") {
  SegmentMachine m;
  m.set_descriptor(sel::free0, descriptor(0, 0xff, 0x92));
  m.set_descriptor(sel::free1, descriptor(0, 0xff, 0x12));
  CHECK(m.load_into(DS, sel::free0));
  CHECK(m.get(at::gdt + sel::free0 + 5, 1) == 0x93);
  CHECK((m.cpu.segment[DS].rights & 0xff) == 0x93);
  CHECK_FALSE(m.load_into(DS, sel::free1));
  CHECK(m.get(at::gdt + sel::free1 + 5, 1) == 0x12);
}

TEST_CASE("descriptors of the LDT") {
  SegmentMachine m;
  m.put(at::ldt + 8, descriptor(0x5000, 0xff, present_data));
  REQUIRE(load_local_descriptor_table(m.cpu, sel::ldt));
  CHECK(m.load_into(DS, 0x0c));
  CHECK(m.cpu.segment[DS].base == 0x5000);
  m.refused(m.load_into(DS, 0x104), Vector::GP, 0x104);
  REQUIRE(load_local_descriptor_table(m.cpu, 0));
  m.refused(m.load_into(DS, 0x0c), Vector::GP, 0x0c);
  m.refused(load_local_descriptor_table(m.cpu, sel::data0), Vector::GP, sel::data0);
  m.refused(load_local_descriptor_table(m.cpu, 0x0c), Vector::GP, 0x0c);
  m.set_descriptor(sel::ldt, descriptor(at::ldt, 0xff, 0x02));
  m.refused(load_local_descriptor_table(m.cpu, sel::ldt), Vector::NP, sel::ldt);
}

TEST_CASE("LTR marks the TSS busy and refuses a busy one") {
  SegmentMachine m;
  REQUIRE(load_task_register(m.cpu, sel::tss2));
  CHECK(m.get(at::gdt + sel::tss2 + 5, 1) == 0x8b);
  CHECK(m.cpu.segment[TR].base == at::tss2);
  CHECK(m.cpu.segment[TR].type() == 11);
  m.refused(load_task_register(m.cpu, sel::tss2), Vector::GP, sel::tss2);
  m.refused(load_task_register(m.cpu, 0), Vector::GP, 0);
  m.refused(load_task_register(m.cpu, sel::data0), Vector::GP, sel::data0);
}

TEST_CASE("64-bit mode reads 16-byte system descriptors") {
  SegmentMachine m;
  m.long_mode();
  m.set_descriptor(sel::free0, descriptor(0x1000, 0x67, 0x89));
  m.set_descriptor(sel::free1, 0xffff8000);
  REQUIRE(load_task_register(m.cpu, sel::free0));
  CHECK(m.cpu.segment[TR].base == 0xffff800000001000);
  m.set_descriptor(sel::free0, descriptor(0x1000, 0x67, 0x89));
  m.set_descriptor(sel::free1, 0x8000);  // not canonical
  m.refused(load_task_register(m.cpu, sel::free0), Vector::GP, sel::free0);
  m.set_descriptor(sel::free1, u64{0x1f} << 40);  // the upper type must be 0
  m.refused(load_task_register(m.cpu, sel::free0), Vector::GP, sel::free0);
  m.cpu.gdtr.limit = sel::free0 + 14;
  m.refused(load_task_register(m.cpu, sel::free0), Vector::GP, sel::free0);
}

TEST_CASE("LLDT and LTR take every base that the CPU could use, whatever CR4.LA57 says") {
  SegmentMachine m;
  m.long_mode();
  m.model.linear_bits = 57;
  constexpr u32 upper = 0xffaaaaaa;  // canonical in 57 bits, not in 48
  m.set_descriptor(sel::free0, descriptor(0x1000, 0x67, 0x89));
  m.set_descriptor(sel::free1, upper);
  CHECK(load_task_register(m.cpu, sel::free0));
  CHECK(m.cpu.segment[TR].base == (u64{upper} << 32 | 0x1000));
  m.set_descriptor(sel::free0, descriptor(0x1000, 0x67, 0x82));
  CHECK(load_local_descriptor_table(m.cpu, sel::free0));
  CHECK(m.cpu.segment[LDTR].base == (u64{upper} << 32 | 0x1000));
  m.model.linear_bits = 48;
  m.refused(load_local_descriptor_table(m.cpu, sel::free0), Vector::GP, sel::free0);
}

TEST_CASE("LAR, LSL, VERR and VERW say what may be used without faulting") {
  SegmentMachine m;
  const auto rights = [&](u16 s) {
    Looked l;
    CHECK(look_up_access_rights(m.cpu, s, l));
    return l;
  };
  const auto limit = [&](u16 s) {
    Looked l;
    CHECK(look_up_limit(m.cpu, s, l));
    return l;
  };
  const auto access = [&](u16 s, bool write) {
    Looked l;
    CHECK(look_up_access(m.cpu, s, write, l));
    return l.valid;
  };
  CHECK(rights(sel::data0).value == 0x00c09300);
  CHECK(limit(sel::data0).value == 0xffffffff);
  CHECK(limit(sel::tss2).value == 0x67);
  CHECK_FALSE(rights(0).valid);
  CHECK_FALSE(rights(0x200).valid);
  CHECK_FALSE(limit(0x04).valid);
  m.set_descriptor(sel::free0, gate(sel::code0, 0, 12, 0));
  CHECK(rights(sel::free0).valid);
  CHECK_FALSE(limit(sel::free0).valid);
  m.set_descriptor(sel::free0, gate(sel::code0, 0, 14, 0));
  CHECK_FALSE(rights(sel::free0).valid);
  CHECK(access(sel::data0, true));
  CHECK_FALSE(access(sel::read_only, true));
  CHECK(access(sel::read_only, false));
  CHECK_FALSE(access(sel::execute_only, false));
  CHECK_FALSE(access(sel::tss, false));
  CHECK_FALSE(access(sel::data0 | 3, false));
  m.start_at(sel::code3, sel::data3, at::user_code, at::stack3);
  CHECK_FALSE(rights(sel::data0).valid);
  CHECK_FALSE(limit(sel::data0).valid);
  CHECK(rights(sel::conforming0).valid);
  CHECK(access(sel::data3, true));
}

TEST_CASE("real-address mode keeps limits, virtual-8086 mode sets them") {
  SegmentMachine m;
  m.real_mode();
  m.cpu.cr0 &= ~Cr0::PE;
  m.cpu.update_mode();
  m.cpu.segment[DS].limit = 0xffffffff;
  REQUIRE(m.load_into(DS, 0x1234));
  CHECK(m.cpu.segment[DS].base == 0x12340);
  CHECK(m.cpu.segment[DS].limit == 0xffffffff);
}
