// Owns the tests of availability, images in memory, the mark of MMX state, approximations: what the
// row-by-row oracle does not reach.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <random>

#include "cpu/exec/sse/extended_state.h"
#include "cpu/exec/sse/float_arithmetic.h"
#include "tests/oracle/sse_harness.h"

using namespace ringside;
using namespace ringside::test;

namespace {

struct Bench : EmulatedVector {
  bool run_bytes(std::initializer_list<u8> bytes) {
    REQUIRE(set(std::span<const u8>(bytes.begin(), bytes.size())));
    return step();
  }
  Vector fault() { return cpu().fault.vector; }
  template <class T>
  T at(unsigned offset) {
    T value;
    std::memcpy(&value, memory() + offset, sizeof value);
    return value;
  }
  template <class T>
  void put(unsigned offset, T value) {
    std::memcpy(memory() + offset, &value, sizeof value);
  }
  // A state in which no component is in its initial configuration.
  void busy() {
    Cpu& c = cpu();
    c.gpr[RBX] = memory_at;
    c.x87 = X87State{};
    c.x87.control = 0x27f;
    c.x87.status = 0x4100;
    c.x87.top = 5;
    c.x87.valid = 0xe0;
    c.x87.opcode = 0x1d9;
    c.x87.instruction_pointer = 0x123456789a;
    c.x87.data_pointer = 0xabcdef0123;
    c.x87.code_selector = 0x33;
    c.x87.data_selector = 0x2b;
    for (unsigned i = 0; i < 8; ++i)
      c.x87.physical[i] = {0x8000000000000000 + i, static_cast<u16>(0x3fff + i)};
    for (unsigned i = 0; i < 16; ++i) c.vector.xmm[i] = {{0x1111 * (i + 1), ~u64{i}}};
    c.vector.mxcsr = 0x1fa0;
    c.pkru = 0x55555550;
  }
  void enable_xsave(u64 xcr0) {
    cpu().cr4 |= Cr4::OSXSAVE;
    cpu().xcr0 = xcr0;
  }
  void request(u64 mask) {
    cpu().gpr[RAX] = static_cast<u32>(mask);
    cpu().gpr[RDX] = mask >> 32;
  }
};

namespace code {
constexpr std::initializer_list<u8> addps = {0x0f, 0x58, 0xc1}, paddb_mmx = {0x0f, 0xfc, 0xc1},
                                    fxsave64 = {0x48, 0x0f, 0xae, 0x03}, fxsave32 = {0x0f, 0xae, 0x03},
                                    fxrstor64 = {0x48, 0x0f, 0xae, 0x0b}, xsave64 = {0x48, 0x0f, 0xae, 0x23},
                                    xrstor64 = {0x48, 0x0f, 0xae, 0x2b}, xsavec64 = {0x48, 0x0f, 0xc7, 0x23},
                                    xsaveopt64 = {0x48, 0x0f, 0xae, 0x33}, ldmxcsr = {0x0f, 0xae, 0x13},
                                    movaps_load = {0x0f, 0x28, 0x03}, movups_load = {0x0f, 0x10, 0x03};
}  // namespace code

}  // namespace

TEST_CASE("SSE is #UD for CR0.EM or without CR4.OSFXSR, and #NM for CR0.TS") {
  Bench b;
  CHECK(b.run_bytes(code::addps));
  b.cpu().cr4 &= ~Cr4::OSFXSR;
  CHECK_FALSE(b.run_bytes(code::addps));
  CHECK(b.fault() == Vector::UD);
  b.cpu().cr4 |= Cr4::OSFXSR;
  b.cpu().cr0 |= Cr0::TS;
  CHECK_FALSE(b.run_bytes(code::addps));
  CHECK(b.fault() == Vector::NM);
  b.cpu().cr0 |= Cr0::EM;
  CHECK_FALSE(b.run_bytes(code::addps));
  CHECK(b.fault() == Vector::UD);
}

TEST_CASE("MMX needs no CR4.OSFXSR; a pending x87 error comes before it") {
  Bench b;
  b.cpu().cr4 &= ~Cr4::OSFXSR;
  b.cpu().x87.top = 3;
  b.cpu().x87.valid = 0;
  b.cpu().x87.physical[0] = {0x0102, 0x3fff};
  b.cpu().x87.physical[1] = {0x0101, 0x3fff};
  CHECK(b.run_bytes(code::paddb_mmx));
  CHECK(b.cpu().x87.top == 0);
  CHECK(b.cpu().x87.valid == 0xff);
  CHECK(b.cpu().x87.physical[0].significand == 0x0203);
  CHECK(b.cpu().x87.physical[0].sign_exponent == 0xffff);
  CHECK(b.cpu().x87.physical[1].sign_exponent == 0x3fff);
  b.cpu().x87.status = 0x80;
  CHECK_FALSE(b.run_bytes(code::paddb_mmx));
  CHECK(b.fault() == Vector::MF);
  b.cpu().cr0 &= ~Cr0::NE;
  CHECK(b.run_bytes(code::paddb_mmx));
  CHECK(b.cpu().ferr);
  b.cpu().x87.status = 0;
  CHECK(b.run_bytes({0x0f, 0x77}));
  CHECK(b.cpu().x87.valid == 0);
  b.cpu().cr0 |= Cr0::EM;
  CHECK_FALSE(b.run_bytes(code::paddb_mmx));
  CHECK(b.fault() == Vector::UD);
}

TEST_CASE("an unmasked SIMD exception is #UD without CR4.OSXMMEXCPT") {
  Bench b;
  b.cpu().vector.mxcsr = 0;
  b.cpu().vector.xmm[0] = {{0x7f8000017f800001, 0}};
  b.cpu().cr4 &= ~Cr4::OSXMMEXCPT;
  CHECK_FALSE(b.run_bytes(code::addps));
  CHECK(b.fault() == Vector::UD);
  b.cpu().cr4 |= Cr4::OSXMMEXCPT;
  CHECK_FALSE(b.run_bytes(code::addps));
  CHECK(b.fault() == Vector::XM);
  CHECK(b.cpu().vector.mxcsr == Mxcsr::IE);
}

TEST_CASE("misaligned operands and reserved MXCSR bits are #GP") {
  Bench b;
  b.cpu().gpr[RBX] = b.memory_at + 8;
  CHECK_FALSE(b.run_bytes(code::movaps_load));
  CHECK(b.fault() == Vector::GP);
  CHECK(b.run_bytes(code::movups_load));
  CHECK_FALSE(b.run_bytes(code::fxsave64));
  CHECK(b.fault() == Vector::GP);
  b.cpu().gpr[RBX] = b.memory_at;
  for (unsigned n = 0; n < 32; ++n) {
    b.put<u32>(0, 1u << n);
    CHECK(b.run_bytes(code::ldmxcsr) == (n < 16));
  }
}

TEST_CASE("FXSAVE64 lays the state out as the manual's table, and FXRSTOR64 takes it back") {
  Bench b;
  b.busy();
  std::memset(b.memory(), 0xee, 512);
  CHECK(b.run_bytes(code::fxsave64));
  CHECK(b.at<u16>(0) == 0x27f);
  CHECK(b.at<u16>(2) == (0x4100 | 5 << 11));
  CHECK(b.at<u16>(4) == 0xe0);
  CHECK(b.at<u16>(6) == 0x1d9);
  CHECK(b.at<u64>(8) == 0x123456789a);
  CHECK(b.at<u64>(16) == 0xabcdef0123);
  CHECK(b.at<u32>(24) == 0x1fa0);
  CHECK(b.at<u32>(28) == 0xffff);
  for (unsigned i = 0; i < 8; ++i) {
    CHECK(b.at<u64>(32 + 16 * i) == 0x8000000000000000 + ((5 + i) & 7));
    CHECK(b.at<u16>(40 + 16 * i) == 0x3fff + ((5 + i) & 7));
  }
  for (unsigned i = 0; i < 16; ++i) CHECK(b.at<u64>(160 + 16 * i) == 0x1111 * (i + 1));
  CHECK(b.at<u64>(416) == 0xeeeeeeeeeeeeeeee);

  b.cpu().x87 = X87State{};
  b.cpu().vector = VectorState{};
  CHECK(b.run_bytes(code::fxrstor64));
  CHECK(b.cpu().x87.top == 5);
  CHECK(b.cpu().x87.valid == 0xe0);
  CHECK(b.cpu().x87.physical[7].significand == 0x8000000000000007);
  CHECK(b.cpu().vector.xmm[15] == V128{{0x11110, ~u64{15}}});
  CHECK(b.cpu().vector.mxcsr == 0x1fa0);

  CHECK(b.run_bytes(code::fxsave32));
  b.busy();
  CHECK(b.run_bytes(code::fxsave32));
  CHECK(b.at<u32>(8) == 0x3456789a);
  CHECK(b.at<u16>(12) == 0x33);
  CHECK(b.at<u16>(20) == 0x2b);

  b.put<u32>(24, 0x10000);
  CHECK_FALSE(b.run_bytes(code::fxrstor64));
  CHECK(b.fault() == Vector::GP);
  b.cpu().cr4 &= ~Cr4::OSFXSR;
  std::memset(b.memory(), 0xee, 512);
  CHECK(b.run_bytes(code::fxsave64));
  CHECK(b.at<u64>(24) == 0xeeeeeeee00000000 + 0xeeeeeeee);
  CHECK(b.at<u64>(160) == 0xeeeeeeeeeeeeeeee);
}

TEST_CASE("XSAVE and XRSTOR in the standard form") {
  Bench b;
  b.busy();
  b.request(~u64{0});
  CHECK_FALSE(b.run_bytes(code::xsave64));
  CHECK(b.fault() == Vector::UD);
  b.enable_xsave(Xcr0::x87 | Xcr0::sse | Xcr0::pkru);
  std::memset(b.memory(), 0, 4096);
  b.put<u64>(512, 0x8000000000000004);  // bits that are not requested stay
  CHECK(b.run_bytes(code::xsave64));
  CHECK(b.at<u64>(512) == 0x8000000000000207);
  CHECK(b.at<u64>(520) == 0);
  CHECK(b.at<u32>(2688) == 0x55555550);
  b.put<u64>(512, 0x203);

  // Component by component: what is requested but not in the image is initialised; MXCSR is loaded anyway.
  b.put<u64>(512, 1);
  CHECK(b.run_bytes(code::xrstor64));
  CHECK(b.cpu().x87.top == 5);
  CHECK(b.cpu().vector.xmm[3] == V128{});
  CHECK(b.cpu().vector.mxcsr == 0x1fa0);
  CHECK(b.cpu().pkru == 0);
  b.busy();
  b.request(Xcr0::pkru);
  CHECK(b.run_bytes(code::xrstor64));
  CHECK(b.cpu().pkru == 0);
  CHECK(b.cpu().vector.xmm[0].q[0] == 0x1111);

  // Each reserved bit of the header.
  b.request(7);
  for (unsigned n = 0; n < 24 * 8; ++n) {
    std::memset(b.memory() + 512, 0, 64);
    b.memory()[512 + n / 8] = static_cast<u8>(1u << n % 8);
    const bool good = n == 0 || n == 1 || n == 9;
    // Bit 63 of XCOMP_BV selects the compacted form, whose header this is too.
    CHECK_MESSAGE(b.run_bytes(code::xrstor64) == (good || n == 127), n);
  }
  b.cpu().gpr[RBX] += 16;
  CHECK_FALSE(b.run_bytes(code::xsave64));
  CHECK(b.fault() == Vector::GP);
}

TEST_CASE("XSAVEC and XSAVEOPT leave out what is in its initial state") {
  Bench b;
  b.busy();
  b.enable_xsave(Xcr0::x87 | Xcr0::sse | Xcr0::pkru);
  b.request(~u64{0});
  std::memset(b.memory(), 0xcc, 4096);
  CHECK(b.run_bytes(code::xsavec64));
  CHECK(b.at<u64>(512) == 0x203);
  CHECK(b.at<u64>(520) == 0x8000000000000203);
  CHECK(b.at<u64>(528) == 0xcccccccccccccccc);
  CHECK(b.at<u32>(576) == 0x55555550);
  std::memset(b.memory() + 528, 0, 48);
  b.cpu().x87 = X87State{};
  b.cpu().vector = VectorState{};
  b.cpu().pkru = 0;
  CHECK(b.run_bytes(code::xrstor64));
  CHECK(b.cpu().pkru == 0x55555550);
  CHECK(b.cpu().x87.opcode == 0x1d9);
  CHECK(b.cpu().vector.xmm[9].q[0] == 0x1111 * 10);

  b.cpu().vector = VectorState{};
  std::memset(b.memory(), 0xcc, 4096);
  CHECK(b.run_bytes(code::xsavec64));
  CHECK(b.at<u64>(512) == 0x201);
  CHECK(b.at<u64>(160) == 0xcccccccccccccccc);
  CHECK(b.at<u32>(24) == 0xcccccccc);
  std::memset(b.memory(), 0, 4096);
  b.cpu().x87 = X87State{};
  CHECK(b.run_bytes(code::xsaveopt64));
  CHECK(b.at<u64>(512) == 0x200);
  CHECK(b.at<u16>(0) == 0);
  CHECK(b.at<u32>(24) == 0x1f80);
  b.cpu().gpr[RCX] = 1;
  CHECK(b.run_bytes({0x0f, 0x01, 0xd0}));
  CHECK(b.cpu().gpr[RAX] == 0x200);
  b.cpu().gpr[RCX] = 0;
  CHECK(b.run_bytes({0x0f, 0x01, 0xd0}));
  CHECK(b.cpu().gpr[RAX] == 0x203);
  b.cpu().gpr[RCX] = 2;
  CHECK_FALSE(b.run_bytes({0x0f, 0x01, 0xd0}));
  CHECK(b.fault() == Vector::GP);
}

TEST_CASE("MASKMOVDQU writes just the chosen bytes") {
  Bench b;
  Cpu& c = b.cpu();
  std::memset(b.memory(), 0x11, 64);
  c.gpr[RDI] = b.memory_at + 3;
  c.vector.xmm[0] = {{0x0706050403020100, 0x0f0e0d0c0b0a0908}};
  c.vector.xmm[1] = {{0x8000800080007f80, 0x0000000000000080}};
  CHECK(b.run_bytes({0x66, 0x0f, 0xf7, 0xc1}));
  const u8 expected[] = {0x11, 0x11, 0x11, 0, 0x11, 0x11, 3, 0x11, 5, 0x11, 7, 8, 0x11, 0x11};
  CHECK(std::memcmp(b.memory(), expected, sizeof expected) == 0);
  // A mask of nothing touches nothing, wherever it points.
  c.gpr[RDI] = 0x8000000000000000;
  c.vector.xmm[1] = V128{};
  CHECK(b.run_bytes({0x66, 0x0f, 0xf7, 0xc1}));
}

TEST_CASE("RCPSS and RSQRTSS keep the manual's error bound") {
  std::mt19937_64 random(7);
  for (unsigned i = 0; i < 200000; ++i) {
    const u32 bits = static_cast<u32>((1 + random() % 252) << 23 | (random() & 0x7fffff));
    const double x = bits_as<float>(bits);
    const double r = bits_as<float>(approximate_reciprocal(bits)),
                 s = bits_as<float>(approximate_reciprocal_root(bits));
    if (std::fabs(r * x - 1) > 1.5 / 4096 || std::fabs(s * std::sqrt(x) - 1) > 1.5 / 4096) {
      FAIL(bits);
    }
  }
  CHECK(approximate_reciprocal(0x3f800000) == 0x3f800000);
  CHECK(approximate_reciprocal_root(0x40800000) == 0x3f000000);
  CHECK(approximate_reciprocal(0x80000000) == 0xff800000);
  CHECK(approximate_reciprocal(0x00000001) == 0x7f800000);
  CHECK(approximate_reciprocal(0x7f800000) == 0);
  CHECK(approximate_reciprocal(0x7f7fffff) == 0);
  CHECK(approximate_reciprocal(0x7f800001) == 0x7fc00001);
  CHECK(approximate_reciprocal_root(0x80000001) == 0xff800000);
  CHECK(approximate_reciprocal_root(0xbf800000) == 0xffc00000);
  CHECK(approximate_reciprocal_root(0x7f800000) == 0);
}
