// Owns the tests that whoever is made to misbehave gets exactly as far as the isolation map says: a store to
// every page that his tables map, and to those beside, done by the CPU.
#include <algorithm>
#include <filesystem>
#include <set>

#include "frontend/compare/measured_run.h"
#include "frontend/inspect/look_paging.h"
#include "tests/machine/guest.h"
#include "vmx/vmx.h"

namespace ringside::compare {
namespace {

const std::string roms = RINGSIDE_BINARY_DIR "/roms/";

bool not_built() {
  if (std::filesystem::exists(roms + "lodge.elf")) return false;
  MESSAGE("skipped: roms/lodge was not built, because the build's compiler is not one for x86-64");
  return true;
}

std::unique_ptr<Machine> booted(const std::string& kernel, const std::string& modules,
                                const std::string& words) {
  MachineConfig config = Guest::config();
  config.ram_bytes = 64 << 20;
  config.boot.kernel = roms + kernel;
  config.boot.initrd = modules;
  config.boot.append = words;
  std::string error;
  auto machine = Machine::create(config, error);
  REQUIRE_MESSAGE(machine, error);
  return machine;
}

// At a moment of somebody's: stores by his own instruction, each as if the others had not been.
class Misbehaving {
 public:
  explicit Misbehaving(Machine& machine) : machine_(machine), cpu_(machine.cpu(0)) {}

  // On to where he runs, and where no interrupt is about to take the place of his instruction.
  template <class IsHe>
  void find(IsHe is_he) {
    for (unsigned n = 0; n < 200'000; ++n) {
      if (is_he(cpu_)) {
        take();
        HostPhys own;
        Fault fault;
        if (cpu_.mmu.probe(LinAddr(cpu_.gpr[RSP]), {AccessKind::write, cpu_.cpl == 3, false}, own, fault) &&
            store(cpu_.gpr[RSP]))
          return;
      }
      machine_.run(1);
    }
    FAIL("he never runs");
  }

  // Whether a byte at the linear address changes.
  bool store(u64 linear) {
    HostPhys place;
    Fault fault;
    const bool leads = cpu_.mmu.probe(LinAddr(linear), {AccessKind::read, false, true}, place, fault);
    const u64 before = leads ? machine_.memory().read(place, 1) : 0;
    const std::array<u8, 3> code = {0xc6, 0x07, static_cast<u8>(~before)};  // mov byte [rdi], ~before
    machine_.memory().write_block(code_, code.data(), code.size());
    cpu_.gpr[RDI] = linear;
    const u64 rip = cpu_.rip;
    const bool guest = cpu_.non_root;
    machine_.run(1);
    const bool retired = cpu_.rip == rip + code.size() && cpu_.non_root == guest;
    const bool changed = leads && machine_.memory().read(place, 1) != before && linear / page_bytes != 0;
    if (retired && leads && machine_.memory().read(place, 1) == (~before & 0xff)) {
      reached_.insert(place.value / page_bytes);
      machine_.memory().write(place, 1, before);
    }
    CHECK_MESSAGE((retired || !changed || place.page() == code_.page()), linear);
    machine_.memory().write_block(code_, kept_.data(), kept_.size());
    REQUIRE(machine_.restore_without_ram(state_));
    return retired;
  }
  const std::set<u64>& reached() const { return reached_; }

 private:
  void take() {
    state_ = machine_.save_without_ram();
    Fault fault;
    REQUIRE(cpu_.mmu.probe(LinAddr(cpu_.segment[CS].base + cpu_.rip),
                           {AccessKind::execute, cpu_.cpl == 3, false}, code_, fault));
    machine_.memory().read_block(code_, kept_.data(), kept_.size());
    reached_.clear();
  }

  Machine& machine_;
  Cpu& cpu_;
  std::vector<u8> state_;
  HostPhys code_;
  std::array<u8, 3> kept_{};
  std::set<u64> reached_;  // pages of RAM, by number
};

Subject marks(const char* begin, const char* end, unsigned control_cpus) {
  Subject subject;
  subject.name = "test";
  subject.begin = {begin};
  subject.end = end;
  subject.control_cpus = control_cpus;
  return subject;
}

const Reach& of(const IsolationMap& map, std::string_view who, std::string_view whose) {
  const auto number = [&](std::string_view name) {
    for (std::size_t n = 0; n < map.domains.size(); ++n)
      if (map.domains[n].name == name) return n;
    FAIL("no such domain");
    return std::size_t{0};
  };
  return map.reach[number(who)][number(whose)];
}

TEST_CASE("a VMM process that stores wherever it can gets as far as the map says") {
  if (not_built()) return;
  const auto machine =
      booted("lodge.elf", roms + "lodge-vmm.elf," + roms + "tiny.elf", "lodge-vmm tiny.elf mem=16");
  MeasuredRun run;
  std::string error;
  REQUIRE_MESSAGE(measure_run(*machine, marks("^tiny: started", "^tiny: hypercalls", 0), run, error), error);
  Misbehaving vmm(*machine);
  vmm.find([](const Cpu& cpu) { return !cpu.non_root && cpu.cpl == 3; });
  unsigned own = 0, others = 0;
  const MappedRanges mapped = mapped_pages(machine->cpu(0));
  REQUIRE_FALSE(mapped.cut);
  for (const MappedRange& range : mapped.ranges) {
    const bool user = range.rights.find("user") != std::string::npos, writes = range.rights.starts_with("rw");
    // The kernel maps all memory for itself: some of it, and all that is anybody's for CPL 3.
    const u64 step = user ? page_bytes : 37 * page_bytes;
    for (u64 at = range.first; at - range.first < range.bytes; at += step) {
      CHECK_MESSAGE(vmm.store(at + 0xff0) == (user && writes), range.rights);
      ++(user ? own : others);
    }
  }
  CHECK(own > 100);
  CHECK(others > 400);
  CHECK(vmm.reached().size() == of(run.isolation, "VMM process", "VMM process").writes);
  CHECK(of(run.isolation, "VMM process", "hypervisor").writes == 0);
}

// The control domain, and a guest, at CPL 0 with everything mapped: only EPT stands in the way.
void stores_everywhere(const char* end, bool control, const char* name) {
  const auto machine = booted("loft.elf", roms + "loft-control.elf," + roms + "tiny.elf", "");
  MeasuredRun run;
  std::string error;
  REQUIRE_MESSAGE(measure_run(*machine, marks("^loft: 1 CPU", end, 1), run, error), error);
  const u64 eptp = [&] {
    for (const Domain& domain : run.isolation.domains)
      if ((domain.kind == Domain::Kind::control) == control && domain.kind != Domain::Kind::hypervisor)
        return domain.roots[0];
    return u64{0};
  }();
  Misbehaving guest(*machine);
  guest.find([&](const Cpu& cpu) {
    return cpu.non_root && cpu.cpl == 0 && (*cpu.vmx->current)[Field::EPT_POINTER] == eptp;
  });
  // All that EPT maps (what is granted to a domain lies far above its own memory), and some of what it does
  // not.
  const MappedRanges mapped = mapped_ept(machine->cpu(0), eptp, 0, 1000);
  REQUIRE_FALSE(mapped.cut);
  unsigned stored = 0;
  for (const MappedRange& range : mapped.ranges)
    for (u64 at = range.first; at < range.first + range.bytes; at += page_bytes)
      stored += guest.store(at + 0xff0);
  const u64 all = guest.reached().size();
  for (u64 at = 0; at < u64{96} << 20; at += 37 * page_bytes) guest.store(at + 0xff0);
  CHECK(guest.reached().size() == all);
  CHECK(stored > 0);
  CHECK(guest.reached().size() == of(run.isolation, name, name).writes);
  CHECK(of(run.isolation, name, "hypervisor").writes == 0);
}

TEST_CASE("a control domain that stores wherever it can gets as far as the map says") {
  if (!not_built()) stores_everywhere("^d0: domain 1 has a disk", true, "control");
}

TEST_CASE("a guest that stores wherever it can gets as far as the map says") {
  if (!not_built()) stores_everywhere("^d1: tiny: disk", false, "guest 1");
}

}  // namespace
}  // namespace ringside::compare
