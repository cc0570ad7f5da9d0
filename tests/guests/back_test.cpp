// Owns the test that a boot can be gone back over: Linux, KVM with a Linux in it, and Xen, with keys, mouse
// and serial bytes on the way, taken to places in their past and on to their end. RINGSIDE_PLACES is the
// number of places, 6 without it; the images are found as by the tests of boots, and without them nothing is
// tested.
#include <doctest/doctest.h>

#include <cstdlib>
#include <map>

#include "frontend/replay/timeline.h"
#include "tests/cli/program.h"
#include "tests/machine/sleeper.h"

using namespace ringside;

namespace {

unsigned wanted_places() {
  const char* const places = std::getenv("RINGSIDE_PLACES");
  return places ? static_cast<unsigned>(std::strtoul(places, nullptr, 10)) : 6;
}

struct BootOf {
  std::string kernel, initrd, append;
  u64 mib;
  unsigned cpus;
};

std::unique_ptr<Machine> machine_of(const BootOf& boot, Dispatcher dispatcher = Dispatcher::emitted) {
  MachineConfig config;
  std::string error;
  config.model = *parse_cpu_model(default_cpu_model, error);
  config.ram_bytes = boot.mib << 20;
  config.cpus = boot.cpus;
  config.vga = true;
  config.dispatcher = dispatcher;
  config.boot.kernel = boot.kernel;
  config.boot.initrd = boot.initrd;
  config.boot.append = boot.append;
  config.drives.push_back({.source = DriveRequest::Source::blank});
  std::unique_ptr<Machine> machine = Machine::create(config, error);
  REQUIRE_MESSAGE(machine, error);
  return machine;
}

// Not so many bytes that a shell could do something with them.
InputEvent some_input(Random& random) {
  if (random.next() % 3 == 0) return SerialByte{0, ' '};
  if (random.next() % 2 == 0) return MouseMove{static_cast<int>(random.next() % 9) - 4, 3, 0, 0};
  return KeyStroke{0x2a, false, random.next() % 2 == 0};  // the left shift key
}

void go_back_over(const BootOf& boot) {
  CAPTURE(boot.cpus);
  const auto machine = machine_of(boot);
  std::string error, printed, printed_again;
  machine->on_serial([&](u8 byte) { printed += static_cast<char>(byte); });
  Timeline::Plan plan;
  plan.most_bytes = 384u << 20;  // so that checkpoints are thinned out
  const auto past = Timeline::create(*machine, plan, error);
  REQUIRE_MESSAGE(past, error);
  Random random(boot.cpus);
  while (past->run(100'000 + random.next() % 1'000'000).why == Ending::Why::running)
    machine->input(some_input(random));
  REQUIRE(machine->ending().why == Ending::Why::power_off);
  const u64 length = machine->retired();
  const Moment end = machine->moment();
  const std::string hash = machine->state_hash();
  CHECK(past->history().size() > 100);
  const Chronicle history = past->history();

  const std::string before = printed;
  unsigned guests = 0;
  for (unsigned n = 0; n < wanted_places(); ++n) {
    const u64 place = random.next() % length, elsewhere = random.next() % length;
    CAPTURE(place);
    REQUIRE(past->go_to(place));
    for (unsigned cpu = 0; cpu < boot.cpus; ++cpu) guests += machine->cpu(cpu).non_root ? 1 : 0;
    const std::string there = machine->state_hash();
    REQUIRE(past->go_to(elsewhere));
    past->run(random.next() % 3'000'000);
    REQUIRE(past->go_to(place));
    CHECK(machine->state_hash() == there);
  }
  MESSAGE(wanted_places(), " places, ", guests, " of them in a guest, ", past->use().checkpoints,
          " checkpoints");
  CHECK(past->use().bytes < plan.most_bytes + (16u << 20));
  while (past->in_past()) past->run(10'000'000);
  CHECK(past->trouble().empty());
  CHECK(machine->ending().why == Ending::Why::power_off);
  CHECK(machine->retired() == length);
  CHECK(machine->state_hash() == hash);
  CHECK(printed == before);

  // The same input makes the same run of a machine that never went back.
  const auto twin = machine_of(boot);
  twin->on_serial([&](u8 byte) { printed_again += static_cast<char>(byte); });
  const auto again = Timeline::create(*twin, {.checkpoints = false}, error);
  again->repeat(history, end);
  while (again->in_past() && again->trouble().empty()) again->run(10'000'000);
  CHECK(again->trouble().empty());
  CHECK(twin->state_hash() == hash);
}

}  // namespace

TEST_CASE("the past of a Linux boot") {
  const std::string at = cli::guest_images("linux");
  if (at.empty()) return;
  for (const unsigned cpus : {1, 2})
    go_back_over({at + "/vmlinuz", at + "/linux.cpio", "console=ttyS0,115200", 512, cpus});
}

TEST_CASE("the past of KVM with a Linux in it") {
  const std::string at = cli::guest_images("kvm");
  if (at.empty()) return;
  go_back_over({at + "/vmlinuz", at + "/kvm.cpio", "console=ttyS0,115200 tag=L1", 1024, 1});
}

TEST_CASE("the past of Xen with its domains") {
  const std::string at = cli::guest_images("xen");
  if (at.empty()) return;
  go_back_over({at + "/xen", at + "/vmlinuz-dom0 console=hvc0 tag=DOM0," + at + "/xen.cpio",
                "console=com1 com1=115200,8n1 dom0_mem=512M,max:512M", 1024, 1});
}
