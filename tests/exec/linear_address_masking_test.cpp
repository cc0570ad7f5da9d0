// Owns the tests of the manual's "Linear-Address Masking" (LAM): which pointers have metadata that is masked,
// in which accesses, and what of it can be seen behind the access.
#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "cpu/exec/system/control_registers.h"
#include "tests/exec/running_machine.h"

using namespace ringside;

namespace {

constexpr u64 upper_half = u64{511} << 39 | ~u64{0} << 48;  // where supervisor pointers see the same pages
constexpr u64 far_page = 0x80000;                           // what a second level-5 entry leads to
constexpr u64 beyond_4_levels = bit(48);

// In 64-bit mode, by either dispatcher, all features on.
struct MaskedRun : SmallMachine {
  Engine engine;
  BlockCache cache{memory, everything()};
  explicit MaskedRun(Dispatcher dispatcher, u64 cr3_bits = 0, u64 cr4_bits = 0) {
    cpu.engine = &engine;
    cache.attach(cpu);
    cache.set_dispatcher(dispatcher);
    long_mode();
    put(at::pml4 + 8 * 511, 0x2007);
    if (cr4_bits & Cr4::LA57) add_level_5();
    cpu.cr4 |= Cr4::OSXSAVE | Cr4::OSFXSR | Cr4::OSXMMEXCPT | cr4_bits;
    cpu.xcr0 = Xcr0::x87 | Xcr0::sse | Xcr0::avx;
    cpu.cr3 |= cr3_bits;
    cpu.update_mode();
    cpu.update_translation();
    for (unsigned n = 0; n < 0x3000; n += 8) put(at::data + n, n * u64{0x0101010101010101});
  }
  const CpuModel& everything() {
    std::string error;
    model = *parse_cpu_model("max", error);
    return model;
  }
  // A table of level 5 at 0x90000, whose second entry maps its first 2 MiB by a table that leads to far_page.
  void add_level_5() {
    put(0x90000, at::pml4 | 7);
    put(0x90000 + 8, 0x91007);
    put(0x90000 + 8 * 511, at::pml4 | 7);
    put(0x91000, 0x92007);
    put(0x92000, 0x93007);
    put(0x93000, 0x94007);
    put(0x94000 + 8 * (at::data >> 12), far_page | 7);
    put(far_page, 0xfa);
    cpu.cr3 = 0x90000;
  }
  // Runs the code until it is over or something was delivered; the handler's vector, or -1.
  int does(const std::vector<u8>& bytes) {
    u64 to = at::code;
    for (const u8 b : bytes) put(to++, b, 1);
    cpu.rip = cpu.next_rip = at::code;
    for (unsigned n = 0; n < 4000 && cpu.rip != to; ++n) {
      run(cpu, 1);
      if (cpu.rip >= at::handlers) return static_cast<int>((cpu.rip - at::handlers) / 16);
    }
    REQUIRE(cpu.rip == to);
    return -1;
  }
  // As does, 60 times round without a stop in between, so that the emitted dispatcher runs what it emits.
  int repeats(const std::vector<u8>& body) {
    std::vector<u8> bytes = {0x41, 0xbf, 60, 0, 0, 0};  // mov r15d, 60
    bytes.insert(bytes.end(), body.begin(), body.end());
    for (const u8 b : {0x41, 0xff, 0xcf, 0x75}) bytes.push_back(static_cast<u8>(b));  // dec r15d; jnz
    bytes.push_back(static_cast<u8>(-static_cast<int>(body.size() + 5)));
    u64 to = at::code;
    for (const u8 b : bytes) put(to++, b, 1);
    for (const u8 b : {0xeb, 0xfe}) put(to++, static_cast<u8>(b), 1);  // jmp $
    for (unsigned v = 0; v < 32; ++v) put(at::handler(v), 0xfeeb, 2);
    cpu.rip = cpu.next_rip = at::code;
    run(cpu, 60 * 80);
    if (cpu.rip >= at::handlers) return static_cast<int>((cpu.rip - at::handlers) / 16);
    REQUIRE(cpu.rip == to - 2);
    return -1;
  }
};

constexpr Dispatcher both[] = {Dispatcher::reference, Dispatcher::emitted};
constexpr u64 no_metadata = ~(bit_range(48, 62));

// One for each way to memory. RAX and RSP are the pointers.
const std::vector<std::vector<u8>> accesses = {
    {0x48, 0x8b, 0x10, 0x48, 0x89, 0x50, 0x08},                    // mov rdx, [rax]; mov [rax + 8], rdx
    {0x48, 0x01, 0x10, 0x48, 0xff, 0x40, 0x10},                    // add [rax], rdx; inc qword [rax + 16]
    {0xf0, 0x48, 0x0f, 0xc1, 0x10},                                // lock xadd [rax], rdx
    {0x48, 0x89, 0xc6, 0x48, 0x0f, 0xc7, 0x0e, 0x48, 0x89, 0xf0},  // cmpxchg16b [rsi]
    {0x48, 0x8b, 0x90, 0xfc, 0x0f, 0, 0},                          // mov rdx, [rax + 0xffc]: two pages
    {0x48, 0x83, 0x80, 0xfb, 0x0f, 0, 0, 3},                       // add qword [rax + 0xffb], 3
    {0x48, 0x89, 0x90, 0xfc, 0x0f, 0, 0},                          // mov [rax + 0xffc], rdx
    {0x52, 0xff, 0x30, 0x5b, 0x8f, 0x40, 0x18},              // push rdx; push [rax]; pop rbx; pop [rax + 24]
    {0xe8, 0, 0, 0, 0, 0x5a},                                // call; pop rdx
    {0xc8, 0x10, 0, 0, 0xc9},                                // enter 16, 0; leave
    {0x9c, 0x9d},                                            // pushfq; popfq
    {0x0f, 0x10, 0x08, 0x0f, 0x11, 0x48, 0x21},              // movups xmm1, [rax]; movups [rax + 33], xmm1
    {0xc5, 0xfc, 0x10, 0x08, 0xc5, 0xfc, 0x11, 0x48, 0x40},  // vmovups of YMM1
    {0xc5, 0xfc, 0x10, 0x88, 0xf0, 0x0f, 0, 0},              // vmovups ymm1, [rax + 0xff0]: two pages
    {0xc5, 0xfc, 0x11, 0x88, 0xf1, 0x0f, 0, 0},              // vmovups [rax + 0xff1], ymm1
    {0xc4, 0xe2, 0x6d, 0x2c, 0x08, 0xc4, 0xe2, 0x6d, 0x2e, 0x48, 0x60},  // vmaskmovps, both ways
    {0xc5, 0xed, 0x76, 0xd2, 0xc4, 0xe2, 0xed, 0x93, 0x0c, 0xd8},  // vgatherqpd ymm1, [rax + ymm3*8], ymm2
    {0x48, 0x89, 0xc6, 0x48, 0x8d, 0xb8, 0, 2, 0, 0, 0xb9, 0x40, 0, 0, 0, 0xf3, 0xa4},  // rep movsb
    {0x48, 0x8d, 0xb8, 0xe0, 0x0f, 0, 0, 0xb9, 8, 0, 0, 0, 0xf3, 0x48, 0xab},  // rep stosq over two pages
    {0x48, 0x89, 0xc6, 0x48, 0x8d, 0x78, 0x40, 0xb9, 9, 0, 0, 0, 0xf3, 0xa6},  // repe cmpsb
    {0x0f, 0xae, 0x80, 0, 4, 0, 0, 0x0f, 0xae, 0x88, 0, 4, 0, 0},              // fxsave and fxrstor
    {0xdd, 0x00, 0xdd, 0x58, 0x10},        // fld qword [rax]; fstp qword [rax + 16]
    {0x0f, 0xae, 0x38, 0x0f, 0x18, 0x08},  // clflush; prefetcht0
    {0x48, 0x89, 0xc7, 0x66, 0x0f, 0x38, 0xf8, 0xb8, 0x80, 0, 0, 0},  // movdir64b rdi, [rax + 128]
    {0x0f, 0x01, 0x40, 0x70},                                         // sgdt [rax + 112]
    {0x0f, 0xa3, 0x10, 0x48, 0x0f, 0xab, 0x10},                       // bt and bts [rax], rdx
};

// Registers and memory after a body, with the metadata taken out of both.
std::vector<u64> outcome(Dispatcher dispatcher, u64 cr3, u64 cr4, u64 base, u64 tag,
                         const std::vector<u8>& body) {
  MaskedRun m(dispatcher, cr3, cr4);
  m.cpu.gpr[RAX] = (base | at::data) ^ tag;
  m.cpu.gpr[RSP] = (base | at::stack0) ^ tag;
  m.cpu.gpr[RDX] = 0x21;
  m.cpu.vector.xmm[2] = {{bit(63), bit(31)}};
  m.cpu.vector.xmm[3] = {{1, 5}};
  m.cpu.vector.upper[3] = {{511, 3}};
  std::vector<u64> all = {static_cast<u64>(m.repeats(body))};
  for (unsigned n = RAX; n <= R15; ++n) all.push_back(m.cpu.gpr[n] & no_metadata);
  for (unsigned n = 1; n < 4; ++n)
    for (const V128& half : {m.cpu.vector.xmm[n], m.cpu.vector.upper[n]})
      all.insert(all.end(), {half.q[0], half.q[1]});
  for (u64 at = at::data; at < at::data + 0x2000; at += 8) all.push_back(m.get(at) & no_metadata);
  for (u64 at = at::stack0 - 64; at < at::stack0; at += 8) all.push_back(m.get(at) & no_metadata);
  return all;
}

// Whether a load by this pointer is #GP, in the dispatcher that takes the slow way and in the other.
bool refused(u64 cr3, u64 cr4, u64 pointer) {
  int vectors[2];
  for (const unsigned n : {0, 1}) {
    MaskedRun m(both[n], cr3, cr4);
    m.cpu.gpr[RAX] = pointer;
    vectors[n] = m.repeats({0x48, 0x8b, 0x10});
  }
  CHECK(vectors[0] == vectors[1]);
  return vectors[1] == 13;
}

}  // namespace

TEST_CASE(
    "LAM: every kind of data access takes a pointer with metadata as the one without, in both dispatchers") {
  struct {
    u64 cr3, cr4, base, tag;
  } const ways[] = {
      {Cr3::LAM_U57, 0, 0, u64{0x15} << 57},
      {Cr3::LAM_U57 | Cr3::LAM_U48, 0, 0, u64{0x3f} << 57},
      {Cr3::LAM_U48, 0, 0, u64{0x2f5b} << 48},
      {0, Cr4::LAM_SUP, upper_half, u64{0x5a5a} << 48},
      {Cr3::LAM_U57, Cr4::LA57, 0, u64{0x2a} << 57},
      {Cr3::LAM_U48, Cr4::LA57, 0, u64{0x7001} << 48},
      {0, Cr4::LA57 | Cr4::LAM_SUP, ~u64{0} << 39, u64{0x2a} << 57},
  };
  for (const auto& w : ways) {
    for (std::size_t n = 0; n < accesses.size(); ++n) {
      CAPTURE(w.cr3);
      CAPTURE(w.cr4);
      CAPTURE(n);
      const auto plain = outcome(Dispatcher::reference, w.cr3, w.cr4, w.base, 0, accesses[n]);
      CHECK(plain[0] == ~u64{0});
      CHECK((outcome(Dispatcher::reference, w.cr3, w.cr4, w.base, w.tag, accesses[n]) == plain));
      CHECK((outcome(Dispatcher::emitted, w.cr3, w.cr4, w.base, w.tag, accesses[n]) == plain));
    }
  }
}

TEST_CASE("LAM: the canonicality that is left, for user and supervisor pointers by bit 63 alone") {
  const u64 user = at::data, supervisor = upper_half | at::data;
  CHECK(refused(0, 0, user | bit(60)));
  CHECK(refused(0, Cr4::LAM_SUP, user | bit(60)));
  CHECK(refused(Cr3::LAM_U48, 0, supervisor ^ bit(60)));
  CHECK_FALSE(refused(Cr3::LAM_U57, 0, user | bit_range(57, 62)));
  for (const unsigned n : {47, 48, 52, 56}) {
    CAPTURE(n);
    CHECK(refused(Cr3::LAM_U57, 0, user | bit(n)));  // with 4 levels, bits 56:47 are those of bit 63
    CHECK(refused(Cr3::LAM_U57 | Cr3::LAM_U48, 0, user | bit(n)));
    CHECK(refused(Cr3::LAM_U48, 0, user | bit(n)) == (n == 47));
    CHECK(refused(0, Cr4::LAM_SUP, supervisor ^ bit(n)) == (n == 47));
    const u64 wide = ~u64{0} << 39 | at::data;
    CHECK(refused(0, Cr4::LA57 | Cr4::LAM_SUP, wide ^ bit(n)) == (n == 56));
  }
  CHECK(refused(Cr3::LAM_U57, 0, bit(63) | user));
  CHECK(refused(Cr3::LAM_U48, Cr4::LA57, user | bit(47)));
}

TEST_CASE("LAM: a page fault reports the linear address without metadata, and no fetch is masked") {
  for (const Dispatcher dispatcher : both) {
    MaskedRun m(dispatcher, Cr3::LAM_U48);
    m.put(0x3000 + 8 * 2, 0);
    m.cpu.mmu.flush_all();
    m.cpu.gpr[RAX] = 0x400123 | u64{0x1234} << 48;
    CHECK(m.does({0x48, 0x8b, 0x10}) == 14);
    CHECK(m.cpu.cr2 == 0x400123);

    MaskedRun jump(dispatcher, Cr3::LAM_U48);
    jump.cpu.gpr[RAX] = at::user_code | bit(50);
    CHECK(jump.does({0xff, 0xe0}) == 13);
    // Through SS what is left of canonicality is #SS.
    MaskedRun stack(dispatcher, Cr3::LAM_U57);
    stack.cpu.gpr[RBP] = at::stack0 | bit(52);
    CHECK(stack.does({0x48, 0x8b, 0x45, 0x00}) == 12);
  }
}

TEST_CASE("LAM: data breakpoints meet the masked address") {
  for (const Dispatcher dispatcher : both) {
    MaskedRun m(dispatcher, Cr3::LAM_U48);
    m.cpu.dr[0] = at::data;
    m.cpu.dr7 |= 1 | u64{0xf} << 16;  // L0, reads and writes, 4 bytes
    m.cpu.update_debug();
    m.cpu.gpr[RAX] = at::data | u64{0x7f} << 50;
    CHECK(m.does({0x8b, 0x10, 0x90}) == 1);  // a trap
  }
}

TEST_CASE("LAM: an event's frame goes to a stack pointer with metadata, but not to that of another ring") {
  MaskedRun m(Dispatcher::emitted, Cr3::LAM_U48);
  m.cpu.gpr[RSP] = at::stack0 | bit(55);
  CHECK(m.does({0x0f, 0x0b}) == 6);
  CHECK(m.cpu.gpr[RSP] == ((at::stack0 - 40) | bit(55)));
  CHECK(m.get(at::stack0 - 40) == at::code);
}

TEST_CASE("LAM: LAM_U48 with 5-level paging masks pointers that had been canonical, at once") {
  for (const Dispatcher dispatcher : both) {
    MaskedRun m(dispatcher, 0, Cr4::LA57);
    m.cpu.gpr[RAX] = at::data | beyond_4_levels;
    m.put(at::data, 0xda);
    CHECK(m.does({0x0f, 0xb6, 0x10}) == -1);
    CHECK(m.cpu.gpr[RDX] == 0xfa);
    REQUIRE(write_cr3(m.cpu, m.cpu.cr3 | Cr3::LAM_U48));
    CHECK(m.does({0x0f, 0xb6, 0x10}) == -1);
    CHECK(m.cpu.gpr[RDX] == 0xda);
    REQUIRE(write_cr3(m.cpu, m.cpu.cr3 | Cr3::LAM_U57));
    CHECK(m.does({0x0f, 0xb6, 0x10}) == -1);
    CHECK(m.cpu.gpr[RDX] == 0xfa);
  }
}

TEST_CASE("LAM: LAM_U57 and LAM_U48 of CR3 and LAM_SUP of CR4 are reserved where CPUID has no LAM") {
  for (const bool has : {true, false}) {
    MaskedRun m(Dispatcher::reference);
    std::string error;
    const CpuModel model = *parse_cpu_model(has ? "SapphireRapids,+lam" : "SapphireRapids", error);
    m.cpu.model = &model;
    const CpuidResult leaf = cpuid(model, {}, 7, 1);
    CHECK((leaf.eax >> 26 & 1) == has);
    CHECK(cpuid(model, {}, 7, 0).eax == has);
    for (const u64 bits : {Cr3::LAM_U57, Cr3::LAM_U48, Cr3::LAM_U57 | Cr3::LAM_U48}) {
      CHECK(write_cr3(m.cpu, at::pml4 | bits) == has);
      CHECK(m.cpu.cr3 == (at::pml4 | (has ? bits : 0)));
    }
    CHECK_FALSE(write_cr3(m.cpu, at::pml4 | bit(60)));
    CHECK(write_cr4(m.cpu, m.cpu.cr4 | Cr4::LAM_SUP) == has);
  }
}
