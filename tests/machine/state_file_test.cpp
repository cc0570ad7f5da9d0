// Owns the tests of a machine in a file: it comes back whole in another process, and what is no such file is
// refused.
#include "frontend/machine/state_file.h"

#include <iterator>

#include "cpu/state/model_text.h"
#include "tests/machine/disk_guest.h"

using namespace ringside;

namespace {

struct StateFile {
  std::string path;
  explicit StateFile(std::string name = "ringside-state")
      : path("/tmp/" + name + "-" + std::to_string(::getpid())) {}
  ~StateFile() { std::filesystem::remove(path); }
  StateFile(const StateFile&) = delete;
  StateFile& operator=(const StateFile&) = delete;
  std::string bytes() const {
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  void write(const std::string& bytes) const { std::ofstream(path, std::ios::binary) << bytes; }
};

bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

// Counts in registers and fills memory, a page each round, with a timer that ticks.
void keep_busy(Guest& g) {
  g.open_pic().start_pit(0x400).count_interrupts(0x20, true).sti();
  g.bytes({0xbf}).number(0x100000, 4);  // mov edi, 100000h
  const u64 back = g.next;
  g.bytes({0x40, 0x89, 0x07, 0x81, 0xc7}).number(0x1004, 4);  // inc eax; mov [edi], eax; add edi, 1004h
  g.bytes({0x81, 0xe7}).number(0x7fffff, 4);                  // and edi, 7fffffh
  g.bytes({0x81, 0xcf}).number(0x100000, 4);                  // or edi, 100000h
  g.bytes({0xeb, static_cast<unsigned>(back - (g.next + 2)) & 0xff});
}

std::unique_ptr<Machine> loaded(const MachineConfig& config, const StateFile& file) {
  std::string error;
  auto machine = Machine::create_empty(config, error);
  REQUIRE(machine);
  const bool good = load_state_file(*machine, file.path, Before::lost, error);
  CHECK_MESSAGE(good, error);
  return machine;
}

// Refused in one line that names the file; the machine is as it was.
std::string refused(Machine& machine, const StateFile& file) {
  const std::vector<u8> before = machine.save();
  std::string error;
  CHECK_FALSE(load_state_file(machine, file.path, Before::kept, error));
  CHECK_MESSAGE(machine.save() == before, error);
  CHECK(error.starts_with(file.path + ": "));
  CHECK(error.find('\n') == error.npos);
  return error;
}

}  // namespace

TEST_CASE("a machine from a file goes on as the one that was saved") {
  const StateFile file;
  std::string error;
  Guest g(Guest::config(2));
  keep_busy(g);
  g.start(1, Guest::code);
  g.machine->run(300'001);
  REQUIRE(save_state_file(*g.machine, file.path, error));
  const std::string then = g.machine->state_hash();
  const auto again = loaded(Guest::config(2), file);
  CHECK(again->state_hash() == then);
  CHECK(again->moment() == g.machine->moment());
  // Also what the hash does not cover: what the TLBs hold.
  CHECK(again->save() == g.machine->save());
  g.machine->run(200'003);
  again->run(200'003);
  CHECK(again->state_hash() == g.machine->state_hash());
  // One that has run goes back, and to pages that it has written since.
  CHECK(load_state_file(*g.machine, file.path, Before::kept, error));
  CHECK(g.machine->state_hash() == then);
  // Saving is no event.
  const std::string bytes = file.bytes();
  REQUIRE(save_state_file(*g.machine, file.path, error));
  CHECK(file.bytes() == bytes);
}

TEST_CASE("what a file says of itself makes the machine again") {
  const StateFile file;
  std::string error;
  MachineConfig config = Guest::config(2);
  config.model = *parse_cpu_model("Haswell,-vmx,phys-bits=40", error);
  config.uuid = {1, 2, 3};
  config.debug_exit = MachineConfig::DebugExit{0x501, 2};
  config.test_device = true;
  config.start_time = -1;
  Guest g(config);
  g.forever();
  g.machine->run(5);
  REQUIRE(save_state_file(*g.machine, file.path, error));
  const auto said = describe_state_file(file.path, error);
  REQUIRE(said);
  std::string flags;
  for (const MachineFlag& flag : said->flags) flags += flag.flag + " " + flag.written() + "; ";
  CHECK(flags ==
        "-m 16M; -smp 2; -cpu Haswell,phys-bits=40,-vmx; --msrs strict; --feature-control locked; "
        "-rtc base=1969-12-31T23:59:59; -vga none; serial ports 1; -device "
        "isa-debug-exit,iobase=0x501,iosize=2; "
        "-device pc-testdev; -uuid 01020300-0000-0000-0000-000000000000; ");
  CHECK(said->instructions == 5);
  CHECK(said->disks.empty());
}

TEST_CASE("the words for a CPU model make the same model") {
  for (const std::string_view text :
       {"max", "Icelake-Server", "Haswell,-vmx", "max,-vmx-ept,phys-bits=39", "max,-avx,-xsave",
        "Skylake-Client,+pks,-pcid", "Nehalem,+avx2,+avx,+xsave"}) {
    std::string error;
    const auto model = parse_cpu_model(text, error);
    if (!model) continue;
    const auto again = parse_cpu_model(cpu_model_text(*model), error);
    REQUIRE_MESSAGE(again, cpu_model_text(*model), ": ", error);
    CHECK(again->features == model->features);
    CHECK(again->flags == model->flags);
    CHECK(again->vmx == model->vmx);
    CHECK(again->physical_bits == model->physical_bits);
  }
}

TEST_CASE("a file of another machine is refused, and the flag is named") {
  const StateFile file;
  std::string error;
  Guest g;
  g.forever();
  g.machine->run(100);
  REQUIRE(save_state_file(*g.machine, file.path, error));
  const auto why = [&](auto change) {
    MachineConfig other = Guest::config();
    change(other);
    Guest machine(other);
    return refused(*machine.machine, file);
  };
  CHECK(has(why([](MachineConfig& c) { c.ram_bytes = 32 << 20; }),
            "it was saved with -m 16M, this machine has -m 32M"));
  CHECK(has(why([](MachineConfig& c) { c.cpus = 2; }), "saved with -smp 1, this machine has -smp 2"));
  CHECK(has(why([](MachineConfig& c) {
              std::string none;
              c.model = *parse_cpu_model("Icelake-Server,-vmx", none);
            }),
            "saved with -cpu Icelake-Server, this machine has -cpu Icelake-Server,-vmx"));
  CHECK(has(why([](MachineConfig& c) { c.serial_ports = 2; }),
            "saved with 1 serial ports, this machine has 2"));
  CHECK(has(why([](MachineConfig& c) { c.test_device = true; }),
            "saved without -device, this machine has -device pc-testdev"));
  CHECK(has(why([](MachineConfig& c) { c.strict_msrs = false; }), "saved with --msrs strict"));
  // What matters at the next power-up alone may differ.
  MachineConfig later = Guest::config();
  later.start_time = 7;
  CHECK(loaded(later, file)->state_hash() == g.machine->state_hash());
}

TEST_CASE("a damaged file is refused, wherever it is damaged") {
  const StateFile file;
  std::string error;
  Guest g;
  keep_busy(g);
  g.machine->run(20'000);
  REQUIRE(save_state_file(*g.machine, file.path, error));
  const std::string bytes = file.bytes();
  for (std::size_t n = 0; n < 50; ++n) {
    file.write(bytes.substr(0, bytes.size() * n / 50));
    const std::string why = refused(*g.machine, file);
    CHECK_MESSAGE((has(why, "cut short") || has(why, "is no saved state")), why);
  }
  file.write(bytes + "x");
  CHECK(has(refused(*g.machine, file), "is damaged"));
  for (std::size_t n = 0; n < 200; ++n) {
    std::string flipped = bytes;
    // The header and what is at the end of the file get their share.
    const std::size_t at = n < 80 ? n : n % 3 == 0 ? bytes.size() - n : bytes.size() / 200 * n;
    flipped[at] = static_cast<char>(flipped[at] ^ 1 << n % 8);
    file.write(flipped);
    refused(*g.machine, file);
  }
  std::string newer = bytes;
  newer[16] = 9;
  file.write(newer);
  CHECK(has(refused(*g.machine, file), "is of format 9, written by Ringside "));
  file.write("ELF");
  CHECK(has(refused(*g.machine, file), "is no saved state of a machine"));
  std::filesystem::remove(file.path);
  CHECK(has(refused(*g.machine, file), "no such file"));
  file.write(bytes);
  CHECK(load_state_file(*g.machine, file.path, Before::kept, error));
}

TEST_CASE("a file that cannot be written leaves nothing behind") {
  Guest g;
  std::string error;
  CHECK_FALSE(save_state_file(*g.machine, "/nowhere/x.state", error));
  CHECK(has(error, "/nowhere/x.state: cannot be written"));
  CHECK_FALSE(save_state_file(*g.machine, "/tmp", error));
  CHECK(has(error, "name a file"));
}

TEST_CASE("what a drive was given comes back over an image that is as it was") {
  const ImageFile image(4096);
  const StateFile file;
  std::string error;
  const MachineConfig config = with_disk(image, true);
  Guest g(config);
  fill(g, 'S');
  write_sector(g, 5);
  write_sector(g, 6);
  const u64 half = g.next;
  write_sector(g, 9);
  g.forever();
  CHECK(g.step_to(half));
  g.machine->drives().keep();
  REQUIRE(save_state_file(*g.machine, file.path, error));
  const std::string then = g.machine->state_hash();
  const auto sector = [](Machine& machine, u64 n) {
    std::vector<u8> bytes(sector_bytes);
    CHECK(machine.drives().ide(0)->read(n, bytes));
    return static_cast<char>(bytes[7]);
  };
  {
    const auto again = loaded(config, file);
    CHECK(again->state_hash() == then);
    CHECK(sector(*again, 4) == '.');
    CHECK(sector(*again, 5) == 'S');
    CHECK(sector(*again, 6) == 'S');
    CHECK(sector(*again, 9) == '.');
  }
  // The one that has gone on goes back.
  CHECK(g.step_to(g.next - 2));
  CHECK(sector(*g.machine, 9) == 'S');
  CHECK(load_state_file(*g.machine, file.path, Before::kept, error));
  CHECK(sector(*g.machine, 9) == '.');
  CHECK(g.machine->state_hash() == then);
  CHECK(image.at(5 * 512) == '.');

  // Another image of the same size, in the same place.
  std::fstream(image.path, std::ios::binary | std::ios::in | std::ios::out).seekp(100) << "new";
  Guest other(config);
  CHECK(has(refused(*other.machine, file), "the image " + image.path + " is not as it was"));
}

TEST_CASE("an image that was written to itself takes a state back as long as nothing else was written") {
  const ImageFile image(64);
  const StateFile early, late("ringside-late");
  std::string error;
  std::string then;
  {
    Guest g(with_disk(image));
    fill(g, 'W');
    write_sector(g, 1);
    const u64 half = g.next;
    write_sector(g, 2);
    g.forever();
    CHECK(g.step_to(half));
    REQUIRE(save_state_file(*g.machine, early.path, error));
    CHECK(g.step_to(g.next - 2));
    REQUIRE(save_state_file(*g.machine, late.path, error));
    then = g.machine->state_hash();
  }
  const auto again = loaded(with_disk(image), late);
  CHECK(again->state_hash() == then);
  const std::string why = refused(*again, early);
  CHECK(has(why, "it was written to since"));
  CHECK(image.at(2 * 512) == 'W');
}
