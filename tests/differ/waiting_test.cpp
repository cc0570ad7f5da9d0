// Owns the tests of comparisons with guests that wait: in loops that each emulator goes round another number
// of times, and for interrupts that come at other times and do not come back.
#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "frontend/differ/alongside.h"
#include "frontend/differ/gdb_peer.h"
#include "frontend/differ/places.h"
#include "frontend/render/sheet_text.h"
#include "tests/differ/fake_peer.h"
#include "tests/machine/guest.h"

namespace ringside {
namespace {

using Make = std::function<std::unique_ptr<Machine>()>;

Comparison compare_waiting(const Make& own, FakePeer with, std::optional<u64> from = {}) {
  const auto machine = own();
  const auto peer = gdb_peer("the peer", fake_wire(std::move(with)));
  return run_alongside(*machine, *peer, ~u64{0}, nullptr, false, {}, from);
}
std::string words_of(const Comparison& result) {
  return result.failure + text(comparison_sheet(result, "Ringside", "the peer"));
}
bool remarks_have(const Comparison& result, std::string_view part) {
  for (const std::string& remark : result.remarks)
    if (remark.find(part) != remark.npos) return true;
  return false;
}

constexpr u64 behind_the_loop = Guest::code + 18;
// Counts in EBX until the time-stamp counter has reached so much, then stores twice.
std::unique_ptr<Machine> waits_for_clock() {
  Guest g;
  g.bytes({0x31, 0xdb});                                // xor ebx, ebx
  g.bytes({0x43, 0x0f, 0x31, 0x3d}).number(60'000, 4);  // inc ebx; rdtsc; cmp eax, 60000
  g.bytes({0x72, 0xf6, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90});
  CHECK(g.next == behind_the_loop);
  g.store(Guest::data, 1).store(Guest::data + 4, 2).hlt();
  return std::move(g.machine);
}
// The time-stamp counter of the peer is twice as fast.
void run_faster(Machine& m) {
  Cpu& cpu = m.cpu(0);
  constexpr u64 rdtsc = 0x310f;
  if (m.memory().read(HostPhys(cpu.rip - 2), 2) == rdtsc) cpu.gpr[RAX] *= 2;
}

constexpr u64 ticks_are_read = Guest::code + 51;
// APIC timer, periodic, at vector 40h; then a loop for as long as [ticks] is below 5.
std::unique_ptr<Machine> waits_for_ticks() {
  Guest g;
  g.count_interrupts(0x40, false);
  g.store(Guest::apic + 0xf0, 0x1ff).store(Guest::apic + 0x3e0, 0xb).store(Guest::apic + 0x320, 0x20040);
  g.store(Guest::apic + 0x380, 500).sti();
  g.bytes({0x83, 0x3d}).number(Guest::data + 4 * 0x40, 4).bytes({5, 0x72, 0xf7});  // cmp dword [ticks], 5; jb
  g.cli();
  CHECK(g.next == ticks_are_read);
  g.bytes({0xa1}).number(Guest::data + 4 * 0x40, 4).store(Guest::data, 1).hlt();  // mov eax, [ticks]
  return std::move(g.machine);
}

// Its handler leaves the interrupted code where it is, stores and halts.
std::unique_ptr<Machine> leaves_by_handler(u32 count) {
  Guest g;
  g.store(Guest::apic + 0xf0, 0x1ff).store(Guest::apic + 0x3e0, 0xb).store(Guest::apic + 0x320, 0x40);
  g.store(Guest::apic + 0x380, count).bytes({0x31, 0xc9}).sti().bytes({0x41, 0xeb, 0xfd});  // inc ecx; jmp
  const u64 here = std::exchange(g.next, Guest::handler(0x40));
  g.bytes({0x31, 0xc0}).store(Guest::data, 7).cli().hlt();
  g.next = here;
  return std::move(g.machine);
}

}  // namespace

TEST_CASE("a loop is seen in the addresses of a trace that waits, and in no other") {
  std::vector<u64> trace;
  for (u64 n = 0; n < 5'000; ++n) trace.push_back(0x1000 + n);
  CHECK(!waiting_loop(trace));
  for (u64 n = 0; n < 300; ++n) trace.push_back(0x8000 + 2 * (n % 3));
  const auto loop = waiting_loop(trace);
  REQUIRE(loop);
  CHECK(loop->first == 0x8000);
  CHECK(loop->last == 0x8004);
  CHECK(loop->instructions == 3);
  CHECK(loop->steps == 300);
  trace.push_back(0x9000);
  CHECK(!waiting_loop(trace));
  CHECK(!waiting_loop({}));
}

TEST_CASE(
    "a guest that waits for a clock is compared behind its loop with a peer whose clock is another one") {
  const Comparison result =
      compare_waiting(waits_for_clock, {waits_for_clock, FakePeer::each_step, run_faster});
  CHECK(result.failure == "");
  CHECK_MESSAGE(!result.parting, words_of(result));
  CHECK_MESSAGE(remarks_have(result, "registers behind a loop at 0x10002"), words_of(result));
  CHECK(remarks_have(result, "it asks RDTSC"));
}

TEST_CASE("a peer's bug behind a loop in which the guest waits is found at its instruction") {
  const auto harm = [](Machine& m) {
    run_faster(m);
    constexpr u64 store_bytes = 10;
    if (m.cpu(0).rip == behind_the_loop + store_bytes) m.cpu(0).gpr[RSI] = 0x55;
  };
  const Comparison result = compare_waiting(waits_for_clock, {waits_for_clock, FakePeer::each_step, harm});
  REQUIRE_MESSAGE(result.parting, words_of(result));
  REQUIRE(result.parting->values.size() == 1);
  CHECK(result.parting->values[0].what == "rsi");
  CHECK(result.parting->where.find("0x10012") != std::string::npos);
}

TEST_CASE("a comparison that begins at an address sees nothing of what comes before") {
  const auto harm = [](Machine& m) {
    if (m.cpu(0).rip == Guest::code + 2) m.cpu(0).gpr[RSI] = 0x55;
  };
  const FakePeer peer{waits_for_clock, FakePeer::each_step, harm};
  CHECK(compare_waiting(waits_for_clock, peer).parting);
  const Comparison result = compare_waiting(waits_for_clock, peer, behind_the_loop);
  CHECK(result.failure == "");
  CHECK_MESSAGE(!result.parting, words_of(result));
  CHECK(result.instructions <= 4);
  CHECK(compare_waiting(waits_for_clock, peer, Guest::code + 0x100)
            .failure.starts_with("--from 0x10100: the guest ends without coming there: "));
}

TEST_CASE("what an interrupt's handler counts may be another number when it is read") {
  const auto one_more = [](Machine& m) {
    constexpr u64 ticks = Guest::data + 4 * 0x40;
    if (m.cpu(0).rip == ticks_are_read) m.memory().write(HostPhys(ticks), 4, 6);
  };
  const Comparison same = compare_waiting(waits_for_ticks, {waits_for_ticks, 0, {}});
  CHECK_MESSAGE(!same.parting, words_of(same));
  CHECK(!remarks_have(same, "RAM that differed"));
  const Comparison other = compare_waiting(waits_for_ticks, {waits_for_ticks, FakePeer::each_step, one_more});
  CHECK(other.failure == "");
  CHECK_MESSAGE(!other.parting, words_of(other));
  CHECK(other.ending != "");
  CHECK_MESSAGE(remarks_have(other, "RAM that differed before it was read"), words_of(other));
}

// Nobody looks at it for so long that both were compared in between.
TEST_CASE("a wrong store behind an interrupt is found at its instruction, though it is read much later") {
  constexpr u64 place = Guest::data + 0x800, store_bytes = 10;
  const auto own = [] {
    Guest g;
    g.count_interrupts(0x40, false);
    g.store(Guest::apic + 0xf0, 0x1ff).store(Guest::apic + 0x3e0, 0xb).store(Guest::apic + 0x320, 0x20040);
    g.store(Guest::apic + 0x380, 500).sti();
    g.bytes({0x83, 0x3d}).number(Guest::data + 4 * 0x40, 4).bytes({5, 0x72, 0xf7});  // as above
    g.cli();
    CHECK(g.next == ticks_are_read);
    g.store(place, 7).bytes({0xb9}).number(3'000, 4).bytes({0x49, 0x75, 0xfd});  // mov ecx; dec ecx; jnz
    g.bytes({0xa1}).number(place, 4).store(Guest::data, 1).hlt();
    return std::move(g.machine);
  };
  const auto harm = [](Machine& m) {
    if (m.cpu(0).rip == ticks_are_read + store_bytes) m.memory().write(HostPhys(place), 4, 9);
  };
  const Comparison same = compare_waiting(own, {own, 0, {}});
  CHECK_MESSAGE(!same.parting, words_of(same));
  const Comparison result = compare_waiting(own, {own, FakePeer::each_step, harm});
  CHECK(result.failure == "");
  REQUIRE_MESSAGE(result.parting, words_of(result));
  CHECK(result.parting->instruction.starts_with("mov"));
  CHECK(result.parting->values[0].what.find("0x20800") != std::string::npos);
}

// As a device does that is done earlier there.
TEST_CASE("RAM that no instruction wrote is told as such, and behind an interrupt it is the peer's") {
  constexpr u64 place = Guest::data + 0x800;
  const auto harm = [](Machine& m) {
    if (m.cpu(0).rip == ticks_are_read + 5) m.memory().write(HostPhys(place), 4, 9);
  };
  const auto own = [] {
    auto machine = waits_for_ticks();
    machine->memory().write(HostPhys(place), 4, 1);
    return machine;
  };
  const Comparison result = compare_waiting(own, {own, FakePeer::each_step, harm});
  CHECK_MESSAGE(!result.parting, words_of(result));
  CHECK_MESSAGE(remarks_have(result, "a device (DMA)"), words_of(result));
}

TEST_CASE("a handler that does not come back is compared, wherever the interrupt came") {
  const auto own = [] { return leaves_by_handler(400); };
  for (const u32 count : {400u, 100u, 5'000u}) {
    CAPTURE(count);
    const Comparison result = compare_waiting(own, {[=] { return leaves_by_handler(count); }, 0, {}});
    CHECK(result.failure == "");
    CHECK_MESSAGE(!result.parting, words_of(result));
    CHECK(result.ending != "");
    if (count != 400) CHECK_MESSAGE(remarks_have(result, "where an interrupt came"), words_of(result));
  }
  const auto harm = [](Machine& m) {
    if (m.memory().read(HostPhys(Guest::data), 4) == 7) m.cpu(0).gpr[RSI] = 0x55;
  };
  const Comparison result =
      compare_waiting(own, {[] { return leaves_by_handler(5'000); }, FakePeer::each_step, harm});
  REQUIRE_MESSAGE(result.parting, words_of(result));
  CHECK(result.parting->instruction.starts_with("mov"));
  CHECK(result.parting->values[0].what == "rsi");
}

TEST_CASE("a guest that waits for ever is told to do so") {
  const auto own = [] {
    Guest g;
    g.bytes({0x83, 0x3d}).number(Guest::data, 4).bytes({0, 0x74, 0xf7}).hlt();  // cmp dword [data], 0; je
    return std::move(g.machine);
  };
  const auto machine = own();
  const auto peer = gdb_peer("the peer", fake_wire({own, 0, {}}));
  const Comparison result = run_alongside(*machine, *peer, ~u64{0}, nullptr, false, {}, {}, 100'000);
  CHECK(result.failure == "");
  CHECK_MESSAGE(!result.parting, words_of(result));
  CHECK(result.ending == "");
  CHECK(remarks_have(result, "had not left it after 100000 steps more"));
  CHECK_MESSAGE(remarks_have(result, "there the guest waits in a loop of 2 instructions at 0x10000"),
                words_of(result));
  CHECK(remarks_have(result, "it asks RAM at 0x20000"));
}

}  // namespace ringside
