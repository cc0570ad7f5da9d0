// Owns the tests of the I/O and MSR bitmaps.
#include "tests/vmx/guest_box.h"

using namespace ringside;

namespace {

constexpr auto io = ExitReason::io_instruction;

}  // namespace

TEST_CASE("I/O: unconditional exiting and its qualification") {
  GuestBox box;
  box.cpu.gpr[RDX] = 0x3f8;
  CHECK(box.run({0xec}) == done);
  CHECK(box.ports.reads == 1);
  box.set(VmxControl::unconditional_io_exiting);
  CHECK(box.exit_of({0xec}, io).qualification == (0 | 1 << 3 | 0x3f8u << 16));       // IN AL, DX
  CHECK(box.exit_of({0x66, 0xef}, io).qualification == (1 | 0x3f8u << 16));          // OUT DX, AX
  CHECK(box.exit_of({0xe7, 0x70}, io).qualification == (3 | 1 << 6 | 0x70u << 16));  // OUT 70h, EAX
  CHECK(box.exit_of({0xe4, 0x71}, io).qualification == (8 | 1 << 6 | 0x71u << 16));  // IN AL, 71h
  CHECK(box.vmx.exit.instruction_information == 0);
  CHECK(box.ports.reads == 1);
  CHECK(box.ports.writes == 0);
  // Permission comes first.
  box.guest64(3);
  box.cpu.segment[TR].rights = 0;
  CHECK(box.run({0xec}) == GP);
}

TEST_CASE("I/O bitmaps: each port of the access, and the wrap of the port space") {
  GuestBox box;
  box.set(VmxControl::unconditional_io_exiting);  // which bitmaps make ineffective
  box.set(VmxControl::io_bitmaps);
  const auto in = [&](u16 port, unsigned size) {
    box.cpu.gpr[RDX] = port;
    return size == 1 ? box.run({0xec}) : size == 2 ? box.run({0x66, 0xed}) : box.run({0xed});
  };
  CHECK(in(0x60, 4) == done);
  box.set_bit(GuestBox::io_a, 0x63);
  CHECK(in(0x60, 4) == exited);
  CHECK(box.vmx.exit.cause.kind == ExitCause::Kind::io_bitmap);
  CHECK(box.vmx.exit.cause.detail == 0x63);
  CHECK(in(0x60, 2) == done);
  CHECK(in(0x63, 1) == exited);
  // An access over the border of both bitmaps.
  CHECK(in(0x7fff, 2) == done);
  box.set_bit(GuestBox::io_b, 0);
  CHECK(in(0x7fff, 2) == exited);
  CHECK(in(0x7fff, 1) == done);
  CHECK(in(0xffff, 1) == done);
  CHECK(in(0xffff, 2) == exited);
  CHECK(in(0xfffd, 4) == exited);
  CHECK(in(0xfffc, 4) == done);
}

TEST_CASE("INS and OUTS: string, REP, linear address, segment") {
  GuestBox box;
  box.set(VmxControl::unconditional_io_exiting);
  box.cpu.gpr[RDX] = 0x1f0;
  box.cpu.gpr[RDI] = 0x123456789;
  box.cpu.gpr[RSI] = 0x2000;
  box.cpu.gpr[RCX] = 5;
  const ExitInfo& ins = box.exit_of({0x66, 0x6d}, io);
  CHECK(ins.qualification == (1 | 1 << 3 | 1 << 4 | 0x1f0u << 16));
  CHECK(ins.linear == 0x123456789);
  CHECK(ins.instruction_information == 2 << 7);
  const ExitInfo& rep = box.exit_of({0xf3, 0x67, 0x6c}, io);
  CHECK(rep.qualification == (1 << 3 | 1 << 4 | 1 << 5 | 0x1f0u << 16));
  CHECK(rep.linear == 0x23456789);
  CHECK(rep.instruction_information == 1 << 7);
  CHECK(box.cpu.gpr[RCX] == 5);
  box.cpu.segment[GS].base = 0xffff800000000000;
  const ExitInfo& outs = box.exit_of({0x65, 0x6f}, io);
  CHECK(outs.qualification == (3 | 1 << 4 | 0x1f0u << 16));
  CHECK(outs.linear == 0xffff800000002000);
  CHECK(outs.instruction_information == (2 << 7 | GS << 15));
  // No iteration, no exit.
  box.cpu.gpr[RCX] = 0;
  CHECK(box.run({0xf3, 0x6c}) == done);

  // The exit has priority over the segment's limit.
  box.guest32();
  box.cpu.segment[DS].base = 0xfffff000;
  box.cpu.segment[DS].limit = 0;
  box.cpu.segment[DS].update();
  const ExitInfo& limited = box.exit_of({0x6e}, io);
  CHECK(limited.linear == 0x1000);
  CHECK(limited.instruction_information == (1 << 7 | DS << 15));
}

TEST_CASE("REP OUTS exits at the iteration whose port is intercepted, with the registers there") {
  GuestBox box;
  box.cpu.gpr[RDX] = 0x80;
  box.cpu.gpr[RSI] = GuestBox::data;
  box.cpu.gpr[RCX] = 3;
  CHECK(box.run({0xf3, 0x6e}) == done);
  CHECK(box.ports.writes == 3);
  CHECK(box.cpu.gpr[RSI] == GuestBox::data + 3);
}

TEST_CASE("MSR bitmaps: four kilobytes of bits, everything else exits") {
  GuestBox box;
  const auto access = [&](u32 msr, bool write) {
    box.cpu.gpr[RCX] = msr;
    box.cpu.gpr[RAX] = box.cpu.gpr[RDX] = 0;
    return write ? box.run({0x0f, 0x30}) : box.run({0x0f, 0x32});
  };
  constexpr u32 EFER = 0xc0000080, LSTAR = 0xc0000082, SYSENTER_CS = 0x174;
  CHECK(access(SYSENTER_CS, false) == exited);
  CHECK(box.vmx.exit.cause.kind == ExitCause::Kind::absent_control);
  CHECK(box.vmx.exit.reason == ExitReason::rdmsr);
  CHECK(access(SYSENTER_CS, true) == exited);
  CHECK(box.vmx.exit.reason == ExitReason::wrmsr);

  box.set(VmxControl::msr_bitmaps);
  for (const u32 msr : {SYSENTER_CS, LSTAR}) {
    CHECK(access(msr, false) == done);
    CHECK(access(msr, true) == done);
  }
  CHECK(access(0x1fff, false) == GP);  // no such MSR
  CHECK(access(0x2000, false) == exited);
  CHECK(access(0xbfffffff, true) == exited);
  CHECK(access(0xc0002000, true) == exited);
  CHECK(access(0xffffffff, false) == exited);

  box.set_bit(GuestBox::msr_bitmap, SYSENTER_CS);
  CHECK(access(SYSENTER_CS, false) == exited);
  CHECK(box.vmx.exit.cause.kind == ExitCause::Kind::msr_bitmap);
  CHECK(box.vmx.exit.cause.detail == SYSENTER_CS);
  CHECK(access(SYSENTER_CS, true) == done);
  box.set_bit(GuestBox::msr_bitmap + 0x400, EFER & 0x1fff);
  CHECK(access(EFER, false) == exited);
  box.set_bit(GuestBox::msr_bitmap + 0x800, SYSENTER_CS);
  CHECK(access(SYSENTER_CS, true) == exited);
  box.set_bit(GuestBox::msr_bitmap + 0xc00, LSTAR & 0x1fff);
  CHECK(access(LSTAR, true) == exited);
  CHECK(access(LSTAR, false) == done);
  box.set_bit(GuestBox::msr_bitmap, 0x1fff);
  CHECK(access(0x1fff, false) == exited);  // existence is checked after the exit
  box.guest64(3);
  CHECK(access(SYSENTER_CS, false) == GP);
}
