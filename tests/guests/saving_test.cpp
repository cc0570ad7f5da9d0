// Owns the test that saving changes nothing in a guest of the size of an operating system: KVM with a Linux
// in it, on one CPU and on two, saved at many places in root and in non-root operation. RINGSIDE_SAVES is
// their number, 12 without it; the image is found as by the tests of boots, and without it nothing is tested.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "frontend/machine/machine.h"
#include "tests/cli/program.h"

using namespace ringside;

namespace {

std::unique_ptr<Machine> kvm_machine(const std::string& at, unsigned cpus) {
  MachineConfig config;
  std::string error;
  config.model = *parse_cpu_model(default_cpu_model, error);
  config.ram_bytes = 1024u << 20;
  config.cpus = cpus;
  config.boot.kernel = at + "/vmlinuz";
  config.boot.initrd = at + "/kvm.cpio";
  config.boot.append = "console=ttyS0,115200 tag=L1";
  std::unique_ptr<Machine> machine = Machine::create(config, error);
  REQUIRE_MESSAGE(machine, error);
  return machine;
}

void run_to(Machine& machine, u64 end) {
  while (machine.retired() < end && machine.ending().why == Ending::Why::running)
    machine.run(std::min<u64>(100'000'000, end - machine.retired()));
}

unsigned wanted_saves() {
  const char* const saves = std::getenv("RINGSIDE_SAVES");
  return saves ? static_cast<unsigned>(std::strtoul(saves, nullptr, 10)) : 12;
}

}  // namespace

TEST_CASE("KVM with a Linux in it, saved again and again, goes on as if it never was") {
  const std::string at = cli::guest_images("kvm");
  if (at.empty()) return;
  for (const unsigned cpus : {1, 2}) {
    CAPTURE(cpus);
    const auto whole = kvm_machine(at, cpus);
    run_to(*whole, ~u64{0});
    CHECK(whole->ending().why == Ending::Why::power_off);
    const u64 length = whole->retired();
    const std::string end = whole->state_hash();

    std::vector<u64> places;
    u64 state = 1;
    for (unsigned n = 0; n < wanted_saves(); ++n) {
      state = state * 6364136223846793005 + 1442695040888963407;
      places.push_back((state >> 16) % length);
    }
    std::sort(places.begin(), places.end());
    // What is saved at a place and restored elsewhere is, at the next place, what is saved there, byte for
    // byte: so each of them ends as the last one does.
    const auto saved = kvm_machine(at, cpus), restored = kvm_machine(at, cpus);
    unsigned guests = 0;
    for (const u64 place : places) {
      CAPTURE(place);
      run_to(*saved, place);
      run_to(*restored, place);
      const std::vector<u8> now = saved->save();
      CHECK((restored->save() == now));
      for (unsigned n = 0; n < cpus; ++n) guests += saved->cpu(n).non_root ? 1 : 0;
      std::string error;
      REQUIRE_MESSAGE(restored->restore(now, error), error);
    }
    MESSAGE(places.size(), " places, ", guests, " of them in a guest");
    run_to(*saved, ~u64{0});
    run_to(*restored, ~u64{0});
    for (Machine* machine : {saved.get(), restored.get()}) {
      CHECK(machine->retired() == length);
      CHECK(machine->state_hash() == end);
    }
  }
}
