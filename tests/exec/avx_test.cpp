// Owns the tests of AVX that a comparison of results in 64-bit mode does not reach: where it is undefined,
// which part of memory may fault, what is kept of the upper halves.
#include <doctest/doctest.h>

#include "tests/exec/engine_machine.h"

using namespace ringside;

namespace {

// With all features, by either dispatcher.
struct AvxRun : FullMachine {
  explicit AvxRun(Dispatcher dispatcher = Dispatcher::emitted) : FullMachine(dispatcher) {}
  void enable() {
    cpu.cr4 |= Cr4::OSXSAVE | Cr4::OSFXSR | Cr4::OSXMMEXCPT;
    cpu.xcr0 = Xcr0::x87 | Xcr0::sse | Xcr0::avx;
    cpu.update_mode();
  }
  void in_64_bit_mode() {
    long_mode();
    enable();
    cpu.gpr[RAX] = at::data;
  }
  // The code at CPL 0; true: its instructions were done and none was delivered to a handler.
  bool does(std::initializer_list<u8> bytes, u64 count = 1) {
    code(at::code, bytes);
    cpu.rip = cpu.next_rip = at::code;
    return run(cpu, count) == count && cpu.rip == at::code + bytes.size();
  }
  bool faults(std::initializer_list<u8> bytes, Vector vector) {
    return !does(bytes) && cpu.rip == at::handler(static_cast<unsigned>(vector));
  }
  void set(unsigned n, std::array<u64, 4> value) {
    cpu.vector.xmm[n] = {{value[0], value[1]}};
    cpu.vector.upper[n] = {{value[2], value[3]}};
  }
  std::array<u64, 4> ymm(unsigned n) const {
    const V128 &low = cpu.vector.xmm[n], &high = cpu.vector.upper[n];
    return {low.q[0], low.q[1], high.q[0], high.q[1]};
  }
  // From here on nothing is mapped.
  static constexpr u64 end = 0x400000;
  void unmap() {
    put(0x3000 + 8 * (end >> 21), 0);
    cpu.mmu.flush_all();
  }
};
using Words = std::array<u64, 4>;
constexpr u64 set_sign = u64{1} << 63, both_signs = 0x8000000080000000;

constexpr std::initializer_list<u8> vaddps_xmm1_xmm2_xmm3 = {0xc5, 0xe8, 0x58, 0xcb};
constexpr std::initializer_list<u8> vaddps_ymm1_ymm2_rax = {0xc5, 0xec, 0x58, 0x08};
constexpr std::initializer_list<u8> vmovaps_ymm1_rax = {0xc5, 0xfc, 0x28, 0x08};
constexpr std::initializer_list<u8> vmovups_ymm1_rax = {0xc5, 0xfc, 0x10, 0x08};
constexpr std::initializer_list<u8> vmovups_rax_ymm1 = {0xc5, 0xfc, 0x11, 0x08};
constexpr std::initializer_list<u8> vmaskmovps_ymm1_ymm2_rax = {0xc4, 0xe2, 0x6d, 0x2c, 0x08};
constexpr std::initializer_list<u8> vmaskmovps_rax_ymm2_ymm1 = {0xc4, 0xe2, 0x6d, 0x2e, 0x08};
constexpr std::initializer_list<u8> vgatherqpd_ymm1_rax_ymm3_ymm2 = {0xc4, 0xe2, 0xed, 0x93, 0x0c, 0xd8};
constexpr std::initializer_list<u8> andn_eax_ecx_edx = {0xc4, 0xe2, 0x70, 0xf2, 0xc2};

}  // namespace

TEST_CASE("AVX wants protected mode, CR4.OSXSAVE and both states in XCR0, and is #NM for CR0.TS") {
  AvxRun m;
  m.in_64_bit_mode();
  CHECK(m.does(vaddps_xmm1_xmm2_xmm3));
  m.cpu.xcr0 = Xcr0::x87 | Xcr0::sse;
  CHECK(m.faults(vaddps_xmm1_xmm2_xmm3, Vector::UD));
  m.enable();
  m.cpu.cr4 &= ~Cr4::OSXSAVE;
  CHECK(m.faults(vaddps_xmm1_xmm2_xmm3, Vector::UD));
  m.enable();
  m.cpu.cr0 |= Cr0::TS;
  CHECK(m.faults(vaddps_xmm1_xmm2_xmm3, Vector::NM));
  // #UD comes first. Those of general-purpose registers ask for nothing but the mode.
  m.cpu.xcr0 = Xcr0::x87;
  CHECK(m.faults(vaddps_xmm1_xmm2_xmm3, Vector::UD));
  CHECK(m.does(andn_eax_ecx_edx));
  m.cpu.cr0 = (m.cpu.cr0 & ~Cr0::TS) | Cr0::EM;
  m.enable();
  CHECK(m.does(vaddps_xmm1_xmm2_xmm3));
}

TEST_CASE("a VEX prefix is #UD in real-address mode") {
  for (const auto& bytes : {vaddps_xmm1_xmm2_xmm3, andn_eax_ecx_edx}) {
    AvxRun m;
    m.real_mode();
    m.enable();
    m.code(0x7c00, bytes);
    run(m.cpu, 1);
    CHECK(m.cpu.segment[CS].selector == 0x1000);
    CHECK(m.cpu.rip == 6 * 16);
  }
}

TEST_CASE("a model without AVX has none of it, nor EVEX has any") {
  RunningMachine m;
  m.long_mode();
  m.cpu.cr4 |= Cr4::OSXSAVE;
  m.cpu.xcr0 = 7;
  m.code(at::code, vaddps_xmm1_xmm2_xmm3);
  run(m.cpu, 1);
  const bool has = m.model.has(Feature::avx);
  CHECK((m.cpu.rip == at::handler(6)) == !has);

  AvxRun all;
  all.in_64_bit_mode();
  CHECK(all.faults({0x62, 0xf1, 0x6c, 0x08, 0x58, 0xcb}, Vector::UD));  // vaddps xmm1, xmm2, xmm3 {k0}
}

TEST_CASE("what may not stand before a VEX prefix, and what one may not hold") {
  AvxRun m;
  m.in_64_bit_mode();
  for (const u8 prefix : {0x66, 0xf2, 0xf3, 0xf0, 0x40, 0x48})
    CHECK_MESSAGE(m.faults({prefix, 0xc5, 0xe8, 0x58, 0xcb}, Vector::UD), static_cast<int>(prefix));
  CHECK(m.does({0x2e, 0xc5, 0xe8, 0x58, 0xcb}));
  CHECK(m.faults({0xc5, 0xe8, 0x51, 0xcb}, Vector::UD));  // vsqrtps with a register in vvvv
  CHECK(m.does({0xc5, 0xf8, 0x51, 0xcb}));
  CHECK(m.faults({0xc5, 0xe9, 0x50, 0xca}, Vector::UD));              // vmovmskpd likewise
  CHECK(m.faults({0xc5, 0xec, 0x12, 0xcb}, Vector::UD));              // vmovhlps with 256 bits
  CHECK(m.faults({0xc4, 0xe2, 0x74, 0xf2, 0xc2}, Vector::UD));        // andn likewise
  CHECK(m.faults({0xc4, 0xe3, 0xe9, 0x4a, 0xcb, 0x10}, Vector::UD));  // vblendvps with W
  // Gathers whose registers are not three.
  CHECK(m.faults({0xc4, 0xe2, 0xed, 0x93, 0x0c, 0xd0}, Vector::UD));
  CHECK(m.faults({0xc4, 0xe2, 0xf5, 0x93, 0x0c, 0xd8}, Vector::UD));
}

TEST_CASE("only moves that say so want their memory aligned") {
  AvxRun m;
  m.in_64_bit_mode();
  m.cpu.gpr[RAX] = at::data + 16;
  CHECK(m.does(vmovups_ymm1_rax));
  CHECK(m.does(vaddps_ymm1_ymm2_rax));
  CHECK(m.does({0xc5, 0xf8, 0x29, 0x08}));  // vmovaps [rax], xmm1
  CHECK(m.faults(vmovaps_ymm1_rax, Vector::GP));
  m.cpu.gpr[RAX] = at::data + 32;
  CHECK(m.does(vmovaps_ymm1_rax));
}

TEST_CASE("SSE keeps the upper half, AVX clears it") {
  for (const Dispatcher dispatcher : {Dispatcher::emitted, Dispatcher::reference}) {
    AvxRun m(dispatcher);
    m.in_64_bit_mode();
    m.set(1, {1, 2, 3, 4});
    m.set(2, {5, 6, 7, 8});
    m.set(9, {1, 2, 3, 4});
    // paddq xmm1, xmm2; vpaddq xmm2, xmm2, xmm2; movss xmm9, xmm1
    CHECK(m.does({0x66, 0x0f, 0xd4, 0xca, 0xc5, 0xe9, 0xd4, 0xd2, 0xf3, 0x44, 0x0f, 0x10, 0xc9}, 3));
    CHECK(m.ymm(1) == Words{6, 8, 3, 4});
    CHECK(m.ymm(2) == Words{10, 12, 0, 0});
    CHECK(m.ymm(9) == Words{6, 2, 3, 4});
    CHECK(m.does({0xc5, 0xf8, 0x77}));  // vzeroupper
    CHECK(m.ymm(9) == Words{6, 2, 0, 0});
    CHECK(m.does({0xc5, 0xfc, 0x77}));  // vzeroall
    CHECK(m.ymm(9) == Words{});
  }
}

TEST_CASE("outside 64-bit mode VZEROALL leaves the registers from 8 on alone") {
  AvxRun m;
  m.protected_mode();
  m.enable();
  m.set(7, {1, 2, 3, 4});
  m.set(8, {1, 2, 3, 4});
  CHECK(m.does({0xc5, 0xfc, 0x77}));
  CHECK(m.ymm(7) == Words{});
  CHECK(m.ymm(8) == Words{1, 2, 3, 4});
}

TEST_CASE("elements that are masked out cause no faults at a page's end") {
  for (const Dispatcher dispatcher : {Dispatcher::emitted, Dispatcher::reference}) {
    AvxRun m(dispatcher);
    m.in_64_bit_mode();
    m.unmap();
    m.cpu.gpr[RAX] = m.end - 8;
    m.put(m.end - 8, 0x0000000200000001);
    m.set(2, {both_signs, 0, 0, 0});
    CHECK(m.does(vmaskmovps_ymm1_ymm2_rax));
    CHECK(m.ymm(1) == Words{0x0000000200000001, 0, 0, 0});
    m.set(1, {0x0000000400000003, ~u64{0}, ~u64{0}, ~u64{0}});
    CHECK(m.does(vmaskmovps_rax_ymm2_ymm1));
    CHECK(m.get(m.end - 8) == 0x0000000400000003);
    // One beyond: nothing is written, nothing is loaded.
    m.set(2, {both_signs, 0, set_sign, 0});
    m.set(1, {5, 6, 7, 8});
    CHECK(m.faults(vmaskmovps_rax_ymm2_ymm1, Vector::PF));
    CHECK(m.cpu.cr2 == m.end + 12);
    CHECK(m.get(m.end - 8) == 0x0000000400000003);
    CHECK(m.faults(vmaskmovps_ymm1_ymm2_rax, Vector::PF));
    CHECK(m.ymm(1) == Words{5, 6, 7, 8});
    // None is chosen: any address will do.
    m.set(2, {});
    m.cpu.gpr[RAX] = set_sign;
    CHECK(m.does(vmaskmovps_ymm1_ymm2_rax));
    CHECK(m.ymm(1) == Words{});
    m.cpu.gpr[RAX] = m.end - 8;
    CHECK(m.faults(vmovups_rax_ymm1, Vector::PF));
    CHECK(m.cpu.cr2 == m.end);
    CHECK(m.get(m.end - 8) == 0x0000000400000003);
  }
}

// "VMASKMOV": the offset of the operand has the address size; its elements lie behind it, wherever that is.
TEST_CASE("elements of an operand that begins below 64 KBytes do not wrap") {
  for (const Dispatcher dispatcher : {Dispatcher::emitted, Dispatcher::reference}) {
    AvxRun m(dispatcher);
    m.protected_mode();
    m.enable();
    m.cpu.gpr[RBX] = 0xfff8;
    m.put(0, ~u64{0});
    m.put(0xfff8, 0x0000000200000001);
    m.set(2, {both_signs, set_sign >> 32, 0, 0});
    static_assert(at::code == 0x10000);
    CHECK(m.does({0x67, 0xc4, 0xe2, 0x6d, 0x2c, 0x0f}));  // VMASKMOVPS YMM1, YMM2, [BX]
    CHECK(m.ymm(1) == Words{0x0000000200000001, 0x6de2c467, 0, 0});
  }
}

TEST_CASE("a gather that faults keeps what it has and goes on from there") {
  AvxRun m;
  m.in_64_bit_mode();
  m.unmap();
  m.cpu.gpr[RAX] = m.end - 32;
  for (unsigned n = 0; n < 4; ++n) m.put(m.end - 32 + 8 * n, 100 + n);
  m.set(1, {1, 2, 3, 4});
  m.set(2, {set_sign, set_sign, set_sign, 0});
  m.set(3, {3, ~u64{0}, 4, 99});  // the last is masked out, the one before is beyond the page
  m.put(m.end - 40, 99);
  CHECK(m.faults(vgatherqpd_ymm1_rax_ymm3_ymm2, Vector::PF));
  CHECK(m.cpu.cr2 == m.end);
  CHECK(m.ymm(1) == Words{103, 99, 3, 4});
  CHECK(m.ymm(2) == Words{0, 0, set_sign, 0});
  m.set(3, {7, 7, 2, 99});
  CHECK(m.does(vgatherqpd_ymm1_rax_ymm3_ymm2));
  CHECK(m.ymm(1) == Words{103, 99, 102, 4});
  CHECK(m.ymm(2) == Words{});
}

TEST_CASE("XSAVE has the upper halves as a component of their own, in either form") {
  AvxRun m;
  m.in_64_bit_mode();
  m.set(0, {1, 2, 3, 4});
  m.set(15, {5, 6, 7, 8});
  m.cpu.gpr[RBX] = at::data;
  m.cpu.gpr[RAX] = Xcr0::sse | Xcr0::avx;
  m.cpu.gpr[RDX] = 0;
  CHECK(m.does({0x48, 0x0f, 0xae, 0x23}));  // xsave64 [rbx]
  CHECK(m.get(at::data + 512) == (Xcr0::sse | Xcr0::avx));
  CHECK(m.get(at::data + 576) == 3);
  CHECK(m.get(at::data + 576 + 15 * 16 + 8) == 8);
  m.set(15, {});
  m.set(0, {});
  CHECK(m.does({0x48, 0x0f, 0xae, 0x2b}));  // xrstor64 [rbx]
  CHECK(m.ymm(0) == Words{1, 2, 3, 4});
  CHECK(m.ymm(15) == Words{5, 6, 7, 8});
  // The initial state is not written, and is told as such.
  CHECK(m.does({0xc5, 0xf8, 0x77}));
  CHECK(m.does({0x48, 0x0f, 0xc7, 0x63, 0x00}));  // xsavec64 [rbx + 0]
  CHECK(m.get(at::data + 512) == Xcr0::sse);
  CHECK(m.get(at::data + 520) == (set_sign | Xcr0::sse | Xcr0::avx));
  CHECK(m.get(at::data + 576) == 3);
  m.set(15, {5, 6, 7, 8});
  CHECK(m.does({0x48, 0x0f, 0xae, 0x2b}));
  CHECK(m.ymm(15) == Words{5, 6, 0, 0});
  // Outside 64-bit mode the registers from 8 on stay as they are.
  AvxRun other;
  other.protected_mode();
  other.enable();
  other.set(0, {1, 2, 3, 4});
  other.set(8, {5, 6, 7, 8});
  other.put(at::data + 512, 0);
  other.cpu.gpr[RBX] = at::data;
  other.cpu.gpr[RAX] = Xcr0::avx;
  CHECK(other.does({0x0f, 0xae, 0x2b}));  // xrstor [ebx]
  CHECK(other.ymm(0) == Words{1, 2, 0, 0});
  CHECK(other.ymm(8) == Words{5, 6, 7, 8});
}

TEST_CASE(
    "VCVTPS2PH: a page fault of its memory comes before an exception of its numbers, which writes nothing") {
  AvxRun run;
  run.in_64_bit_mode();
  run.unmap();
  run.cpu.vector.mxcsr = 0x0f80;  // the precision exception is not masked
  run.set(0, {0x3f800001, 0, 0, 0});
  run.put(at::data, 0x1234);
  const u64 data = run.cpu.gpr[RAX];
  run.cpu.gpr[RAX] = AvxRun::end;
  CHECK(run.faults({0xc4, 0xe3, 0x79, 0x1d, 0x00, 0x00}, Vector::PF));
  CHECK(run.cpu.vector.mxcsr == 0x0f80);
  run.cpu.gpr[RAX] = data;
  CHECK(run.faults({0xc4, 0xe3, 0x79, 0x1d, 0x00, 0x00}, Vector::XM));
  CHECK(run.cpu.vector.mxcsr == 0x0fa0);
  CHECK(run.memory.read(HostPhys(at::data), 8) == 0x1234);
}

TEST_CASE("MOVDIR64B: 64 bytes from anywhere to an aligned place in ES") {
  AvxRun m;
  m.in_64_bit_mode();
  const u64 from = at::data + 3;
  for (u64 n = 0; n < 8; ++n) m.put(from + 8 * n, 0x1111111111111111 * (n + 1));
  const auto arrived = [&](u64 to) {
    for (u64 n = 0; n < 8; ++n)
      if (m.get(to + 8 * n) != 0x1111111111111111 * (n + 1)) return false;
    return m.get(to + 64) == 0;
  };
  m.cpu.gpr[RBX] = from;
  m.cpu.gpr[RAX] = at::data + 0x440;
  CHECK(m.does({0x66, 0x0f, 0x38, 0xf8, 0x03}));  // movdir64b rax, [rbx]
  CHECK(arrived(at::data + 0x440));
  m.cpu.gpr[RAX] = at::data + 0x4a0;  // not aligned
  CHECK(m.faults({0x66, 0x0f, 0x38, 0xf8, 0x03}, Vector::GP));
  CHECK(m.get(at::data + 0x4a0) == 0);
  m.in_64_bit_mode();
  m.cpu.gpr[RAX] = 0x0000800000000000;  // not canonical
  CHECK(m.faults({0x66, 0x0f, 0x38, 0xf8, 0x03}, Vector::GP));
  // With 67H the register has 32 bits; the prefix for FS moves the source only.
  m.in_64_bit_mode();
  m.cpu.segment[FS].base = 0x1000;
  m.cpu.gpr[RBX] = from - 0x1000;
  m.cpu.gpr[RAX] = 0xabc00000000 + at::data + 0x600;
  CHECK(m.does({0x64, 0x67, 0x66, 0x0f, 0x38, 0xf8, 0x03}));
  CHECK(arrived(at::data + 0x600));
}
