// Owns the tests of the library's C++ face.
#include <doctest/doctest.h>

#include <atomic>
#include <cfenv>
#include <fstream>
#include <thread>

#include "frontend/library/instance.h"
#include "frontend/machine/scratch_folder.h"

using ringside::Instance;
using Why = Instance::Why;

namespace {

std::unique_ptr<Instance> make(std::vector<std::string> flags = {}) {
  std::string error;
  auto made = Instance::create(flags, error);
  REQUIRE_MESSAGE(made, error);
  return made;
}

Instance::Halt run(Instance& machine, const Instance::Until& until = {}) {
  std::string error;
  const auto halt = machine.run(until, error);
  REQUIRE_MESSAGE(halt, error);
  return *halt;
}

bool has(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

}  // namespace

TEST_CASE("a machine runs to a count, an address, an event, a pattern, a predicate, and its end") {
  const auto machine = make();
  Instance& m = *machine;
  CHECK(run(m, {.instructions = 1000}).why == Why::count);
  CHECK(m.instructions() == 1000);
  CHECK(run(m, {.address = "vm_exit"}).why == Why::reached);
  CHECK(has(m.here().where, "<vm_exit>"));
  CHECK(m.breakpoints().empty());
  const Instance::Halt cpuid = run(m, {.event = "exit cpuid"});
  CHECK(cpuid.why == Why::reached);
  CHECK(has(cpuid.text, "CPUID"));
  CHECK(run(m, {.event = "entry"}).why == Why::reached);
  int asked = 0;
  CHECK(run(m, {.predicate = [&] { return ++asked == 4; }, .every = 10}).why == Why::predicate);
  CHECK(asked == 4);
  CHECK(run(m, {.serial = "RDTSC"}).why == Why::serial);
  const std::size_t printed = m.serial().size();
  CHECK(run(m, {.serial = "VMXOFF"}).why == Why::serial);
  CHECK(m.serial().size() > printed);
  const Instance::Halt end = run(m);
  CHECK(end.why == Why::ended);
  CHECK(end.ending == "power-off");
  CHECK(run(m).ending == "power-off");
}

TEST_CASE("an expression meets what was printed before, once") {
  const auto machine = make();
  run(*machine);
  CHECK(run(*machine, {.serial = "VMXOFF"}).why == Why::serial);
  CHECK(run(*machine, {.serial = "VMXOFF"}).why == Why::ended);
  std::string error;
  REQUIRE(machine->restart(error));
  CHECK(run(*machine, {.serial = "VMXOFF"}).why == Why::serial);
  CHECK(machine->instructions() > 1000);
}

TEST_CASE("steps, registers and memory in the four address spaces") {
  const auto machine = make();
  Instance& m = *machine;
  std::string error;
  run(m, {.event = "exit"});
  const auto rip = m.read_register("vmcs.GUEST_RIP", error);
  REQUIRE(rip);
  const auto host = m.translate(Instance::Space::guest_linear, *rip, error);
  REQUIRE(host);
  const auto code = m.read(Instance::Space::guest_linear, *rip, 16, error);
  REQUIRE(code);
  CHECK(code == m.read(Instance::Space::host_physical, *host, 16, error));
  const auto physical = m.translate(Instance::Space::linear, 0x8000, error);
  REQUIRE(physical);
  const std::uint8_t bytes[] = {1, 2, 3};
  CHECK(m.write(Instance::Space::linear, 0x8000, bytes, error));
  CHECK((*m.read(Instance::Space::host_physical, *physical, 3, error))[2] == 3);
  CHECK(m.write_register("rcx", 0x1234, error));
  CHECK(m.read_register("rcx", error) == 0x1234);
  CHECK(m.step(2).why == Why::step);
  CHECK(!m.read_register("nothing", error));
  CHECK(error == "nothing: no such register");
  CHECK(!m.read(Instance::Space::linear, std::uint64_t{1} << 46, 1, error));
  CHECK(has(error, "0x400000000000 cannot be read: "));
}

TEST_CASE("breakpoints ask their callbacks, which look but do not run") {
  const auto machine = make();
  Instance& m = *machine;
  std::string error;
  const unsigned number = m.add_breakpoint("break vm_exit", error);
  REQUIRE(number != 0);
  unsigned asked = 0;
  m.on_breakpoint(number, [&](const Instance::Halt& halt) {
    CHECK(halt.breakpoint == number);
    std::string why;
    CHECK(!m.run({}, why));
    CHECK(!m.command("continue", why));
    CHECK(has(why, "cannot run it"));
    CHECK(m.look("explain", why));
    return ++asked < 5;
  });
  CHECK(run(m).why == Why::breakpoint);
  CHECK(asked == 5);
  CHECK(m.breakpoints().at(0).hits == 5);
  CHECK(m.remove_breakpoint(number));
  CHECK(!m.remove_breakpoint(number));
  CHECK(m.add_breakpoint("catch nonsense", error) == 0);
  CHECK(has(error, "nonsense"));
  CHECK(m.add_breakpoint("continue", error) == 0);
}

TEST_CASE("VM exits come one after the other, each with its values") {
  const auto machine = make();
  Instance::Halt halt;
  std::string error;
  unsigned exits = 0;
  std::uint64_t before = 0;
  while (const auto exit = machine->next_exit({}, halt, error)) {
    ++exits;
    CHECK(exit->instructions > before);
    before = exit->instructions;
    if (exit->name == "CPUID") CHECK(exit->instruction_length == 2);
  }
  CHECK(error == "");
  CHECK(halt.ending == "power-off");
  CHECK(has(machine->serial(), std::to_string(exits) + " exits of "));
}

TEST_CASE("a saved state is the same machine again, and two machines know nothing of each other") {
  const auto one = make(), two = make();
  std::string error;
  run(*one, {.instructions = 5000});
  const auto saved = one->save();
  const std::string hash = one->state_hash();
  std::thread other([&] { run(*two); });
  run(*one);
  other.join();
  CHECK(one->state_hash() == two->state_hash());
  REQUIRE(one->restore(saved, error));
  CHECK(one->state_hash() == hash);
  run(*one);
  CHECK(one->state_hash() == two->state_hash());
  CHECK(!one->restore({}, error));
  CHECK(error != "");
}

TEST_CASE("an interrupt ends the run that it meets, and only that") {
  const auto machine = make();
  Instance& m = *machine;
  std::string error;
  m.interrupt();
  CHECK(run(m, {.instructions = 500}).why == Why::count);
  // Asked for within a run: at its first slice, by a callback, by the look of one.
  CHECK(run(m, {.predicate = [&] { return m.interrupt(), false; }}).why == Why::interrupted);
  const unsigned number = m.add_breakpoint("break vm_exit", error);
  m.on_breakpoint(
      number, [&](const Instance::Halt&) { return m.interrupt(), m.look("info cpus", error).has_value(); });
  CHECK(run(m).why == Why::interrupted);
  m.remove_breakpoint(number);
  CHECK(run(m, {.instructions = 500}).why == Why::count);
  // Another thread's come at any moment, also when a run begins or is over.
  std::atomic<bool> enough = false;
  std::atomic<unsigned> sent = 0;
  std::thread other([&] {
    for (; !enough; ++sent) m.interrupt();
  });
  unsigned interrupted = 0;
  for (unsigned n = 0; n < 1000 || interrupted == 0; ++n) {
    const Why why = run(m, {.instructions = 3}).why;
    CHECK((why == Why::count || why == Why::interrupted));
    interrupted += why == Why::interrupted;
  }
  enough = true;
  other.join();
  CHECK(run(m, {.instructions = 500}).why == Why::count);
}

TEST_CASE("what is wrong is said in one line, and a limit of the flags ends a run") {
  std::string error;
  CHECK(!Instance::create({"-kernle", "x"}, error));
  CHECK(has(error, "did you mean -kernel?"));
  CHECK(!Instance::create({"--help"}, error));
  CHECK(has(error, "not for a machine"));
  const auto machine = make({"--max-instructions", "300"});
  CHECK(!machine->run({.serial = "("}, error));
  CHECK(has(error, "serial ("));
  CHECK(!machine->run({.address = "nowhere_at_all"}, error));
  CHECK(machine->breakpoints().empty());
  CHECK(!machine->send("x", 3, error));
  const Instance::Halt halt = run(*machine);
  CHECK(halt.why == Why::limit);
  CHECK(has(halt.text, "--max-instructions 300"));
  CHECK(machine->instructions() == 300);
}

TEST_CASE("a machine whose past is kept goes back in it, and on as it went") {
  const auto machine = make();
  Instance& m = *machine;
  std::string error;
  CHECK_FALSE(m.go_to(5, error));
  CHECK(has(error, "keep_past()"));
  CHECK_FALSE(m.past());
  CHECK_FALSE(m.keep_past(5, error));
  REQUIRE_MESSAGE(m.keep_past(64u << 20, error), error);
  CHECK_FALSE(m.keep_past(64u << 20, error));
  std::vector<std::uint64_t> exits;
  for (unsigned n = 0; n < 6; ++n) {
    REQUIRE(run(m, {.event = "exit"}).why == Why::reached);
    exits.push_back(m.instructions());
  }
  const std::string hash = m.state_hash(), printed(m.serial());
  for (std::size_t n = exits.size() - 1; n-- > 0;) {
    const auto halt = m.run_back({.event = "exit"}, error);
    REQUIRE_MESSAGE(halt, error);
    CHECK(halt->why == Why::reached);
    CHECK(has(halt->text, "VM exit"));
    CHECK(m.instructions() == exits[n]);
    CHECK_FALSE(m.past()->present);
  }
  CHECK(m.breakpoints().empty());
  REQUIRE(m.step_back(1, error));
  CHECK(has(m.here().where, "guest of VMCS"));
  const auto beginning = m.run_back({.address = "0x12345"}, error);
  REQUIRE(beginning);
  CHECK(beginning->why == Why::beginning);
  CHECK(m.instructions() == 0);
  CHECK_FALSE(m.go_to(exits.back() + 1, error));
  CHECK(has(error, "not in the known past"));
  REQUIRE(m.go_to(exits.back(), error));
  CHECK(m.past()->present);
  CHECK(m.state_hash() == hash);
  CHECK(m.serial() == printed);
  CHECK(run(m).ending == "power-off");
}

TEST_CASE("a guest's numbers do not depend on how the program rounds its own, nor these on the guest") {
  // 65,536 times: SQRTSS, ADDSS, DIVSS, ADDSS; then HLT.
  constexpr unsigned char code[] = {0x0f, 0x20, 0xe0, 0x0d, 0x00, 0x02, 0x0f, 0x22, 0xe0, 0x66, 0xb8,
                                    0x02, 0x00, 0x00, 0x00, 0xf3, 0x0f, 0x2a, 0xc0, 0xf3, 0x0f, 0x51,
                                    0xc8, 0xf3, 0x0f, 0x58, 0xd1, 0xf3, 0x0f, 0x5e, 0xd8, 0xf3, 0x0f,
                                    0x58, 0xd9, 0x49, 0x75, 0xed, 0xf4, 0xeb, 0xfd};
  std::string image(0x10000, '\xff');
  std::copy(std::begin(code), std::end(code), image.begin() + 0xf000);
  image.replace(0xfff0, 3, "\xe9\x0d\xf0");  // JMP to F000H
  const ringside::ScratchFolder folder("numbers");
  std::ofstream(folder / "rom") << image;
  std::vector<std::string> hashes;
  for (const int rounding : {FE_TONEAREST, FE_UPWARD, FE_TOWARDZERO}) {
    std::fesetround(rounding);
    const auto machine = make({"-bios", folder / "rom"});
    run(*machine, {.instructions = 300'000});
    CHECK(std::fegetround() == rounding);
    std::fesetround(FE_TONEAREST);
    CHECK(machine->instructions() == 300'000);
    hashes.push_back(machine->state_hash());
  }
  CHECK(hashes[0] == hashes[1]);
  CHECK(hashes[0] == hashes[2]);
}
