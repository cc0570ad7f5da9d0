// Owns the test that going back leaves nothing out, at hundreds of places of each boot: of Linux, KVM with a
// Linux in it, Xen, and Linux with an IDE disk at work. RINGSIDE_RESTORES is their number, 300 without it;
// the images are found as by the tests of boots, and without them nothing is tested.
//
// Two machines have the same boot and the same keys, bytes and mouse on the way. One runs through. The other
// stops at each place, is taken back to an earlier one, goes another way from there with other input,
// whatever its devices are doing, and is taken to the place again. All that it is there but its RAM must be,
// to the byte, what it was, and the ends of both are one.
#include <doctest/doctest.h>

#include <cstdlib>

#include "frontend/machine/checkpoints.h"
#include "tests/cli/program.h"
#include "tests/random.h"

using namespace ringside;

namespace {

unsigned wanted_restores() {
  const char* const places = std::getenv("RINGSIDE_RESTORES");
  return places ? static_cast<unsigned>(std::strtoul(places, nullptr, 10)) : 300;
}

struct PlacesBoot {
  std::string kernel, initrd, append;
  u64 mib = 512;
  unsigned cpus = 1;
  u64 about = 0;      // instructions that it takes, for an even choice of places
  std::string image;  // of its disk, which stays as it is; empty: a blank one
};

std::unique_ptr<Machine> machine_for(const PlacesBoot& boot) {
  MachineConfig config;
  std::string error;
  config.model = *parse_cpu_model(default_cpu_model, error);
  config.ram_bytes = boot.mib << 20;
  config.cpus = boot.cpus;
  config.vga = true;
  config.boot.kernel = boot.kernel;
  config.boot.initrd = boot.initrd;
  config.boot.append = boot.append;
  if (boot.image.empty())
    config.drives.push_back({.source = DriveRequest::Source::blank});
  else
    config.drives.push_back({.path = boot.image, .snapshot = true});
  std::unique_ptr<Machine> machine = Machine::create(config, error);
  REQUIRE_MESSAGE(machine, error);
  return machine;
}

void go_on_to(Machine& machine, u64 end) {
  while (machine.retired() < end && machine.ending().why == Ending::Why::running) {
    const Moment before = machine.moment();
    machine.run(std::min<u64>(100'000'000, end - machine.retired()));
    if (machine.moment() == before) break;
  }
}

InputEvent any_input(Random& random) {
  if (random.next() % 3 == 0) return SerialByte{0, ' '};
  if (random.next() % 2 == 0) return MouseMove{static_cast<int>(random.next() % 9) - 4, 3, 0, 0};
  return KeyStroke{0x2a, false, random.next() % 2 == 0};  // the left shift key
}

void go_astray(Machine& machine, Random& random) {
  for (unsigned n = 0; n < 3; ++n) {
    machine.input(any_input(random));
    go_on_to(machine, machine.retired() + 60'000 + random.next() % 600'000);
  }
}

void places_of(const PlacesBoot& boot) {
  CAPTURE(boot.cpus);
  const auto whole = machine_for(boot), other = machine_for(boot);
  const auto checkpoints = Checkpoints::create(*other);
  REQUIRE(checkpoints);
  Random places(boot.cpus), astray(boot.cpus + 100);
  constexpr std::size_t most_kept = 40;
  std::vector<unsigned> kept;
  std::size_t here = 0, in_guest = 0, asleep = 0, hashed = 0;
  std::string printed[2];
  bool silent = false;
  whole->on_serial([&](u8 byte) { printed[0] += static_cast<char>(byte); });
  other->on_serial([&](u8 byte) {
    if (!silent) printed[1] += static_cast<char>(byte);
  });
  const u64 step = boot.about / wanted_restores();
  while (whole->ending().why == Ending::Why::running) {
    const u64 place = whole->retired() + 1 + places.next() % (2 * step);
    const InputEvent input = any_input(places);
    for (Machine* const machine : {whole.get(), other.get()}) go_on_to(*machine, place);
    REQUIRE(whole->moment() == other->moment());
    if (whole->ending().why != Ending::Why::running) break;
    ++here;
    CAPTURE(place);
    for (unsigned cpu = 0; cpu < boot.cpus; ++cpu) in_guest += other->cpu(cpu).non_root ? 1 : 0;
    asleep += other->moment().asleep ? 1 : 0;
    const unsigned now = checkpoints->take();
    const std::vector<u8> state = other->save_without_ram();
    // Back to one that may be long ago, on from there, and from this one on another way, too.
    silent = true;
    const unsigned before = kept.empty() ? now : kept[astray.next() % kept.size()];
    for (const unsigned from : {before, now}) {
      REQUIRE(checkpoints->restore(from));
      go_astray(*other, astray);
    }
    REQUIRE(checkpoints->restore(now));
    silent = false;
    REQUIRE((other->save_without_ram() == state));
    // All of memory is looked at now and then; what is wrong stays wrong, mostly.
    if (here % 50 == 0) {
      REQUIRE(other->state_hash() == whole->state_hash());
      ++hashed;
    }
    kept.push_back(now);
    if (kept.size() > most_kept) {
      const auto given_up = kept.begin() + static_cast<std::ptrdiff_t>(astray.next() % most_kept);
      checkpoints->forget(*given_up);
      kept.erase(given_up);
    }
    for (Machine* const machine : {whole.get(), other.get()}) machine->input(input);
  }
  MESSAGE(here, " places, ", in_guest, " of them in a guest, ", asleep, " asleep, memory compared at ",
          hashed, "; ", whole->retired(), " instructions");
  CHECK(here >= wanted_restores() / 2);
  for (Machine* const machine : {whole.get(), other.get()})
    CHECK(machine->ending().why == Ending::Why::power_off);
  CHECK(whole->retired() == other->retired());
  CHECK(whole->state_hash() == other->state_hash());
  CHECK(printed[0] == printed[1]);
}

}  // namespace

TEST_CASE("places of a Linux boot") {
  const std::string at = cli::guest_images("linux");
  if (at.empty()) return;
  const PlacesBoot boot{at + "/vmlinuz", at + "/linux.cpio", "console=ttyS0,115200", 512, 1, 3'500'000'000};
  places_of(boot);
  PlacesBoot two = boot;
  two.cpus = 2;
  places_of(two);
}

TEST_CASE("places of a Linux that reads and writes an IDE disk") {
  const std::string at = cli::guest_images("ide");
  if (at.empty()) return;
  std::string bytes(16u << 20, '\0');
  Random random(1);
  for (char& byte : bytes) byte = static_cast<char>(random.next());
  const cli::Folder folder;
  places_of({at + "/vmlinuz", at + "/ide.cpio", "console=ttyS0,115200 work=0", 512, 1, 2'000'000'000,
             folder.write("disk.img", bytes)});
}

TEST_CASE("places of KVM with a Linux in it") {
  const std::string at = cli::guest_images("kvm");
  if (at.empty()) return;
  places_of({at + "/vmlinuz", at + "/kvm.cpio", "console=ttyS0,115200 tag=L1", 1024, 1, 4'000'000'000});
}

TEST_CASE("places of Xen with its domains") {
  const std::string at = cli::guest_images("xen");
  if (at.empty()) return;
  places_of({at + "/xen", at + "/vmlinuz-dom0 console=hvc0 tag=DOM0," + at + "/xen.cpio",
             "console=com1 com1=115200,8n1 dom0_mem=512M,max:512M", 1024, 1, 12'000'000'000});
}
