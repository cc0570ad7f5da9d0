// Owns the machines of the debugger's tests: the visor and its guest, run to chosen moments; and the
// refusals.
#pragma once

#include <doctest/doctest.h>

#include <string>

#include "frontend/symbols/symbols.h"
#include "tests/machine/guest.h"
#include "vmx/vmx.h"

namespace ringside {

struct VisorMachine {
  std::unique_ptr<Machine> machine;
  Symbols symbols;

  explicit VisorMachine(const std::string& rom = "visor", unsigned cpus = 1) {
    const std::string image = RINGSIDE_BINARY_DIR "/roms/" + rom;
    MachineConfig config = Guest::config(cpus);
    config.boot.bios = image + ".bin";
    std::string error;
    machine = Machine::create(config, error);
    REQUIRE_MESSAGE(machine, error);
    REQUIRE(cpu().vmx);
    REQUIRE_MESSAGE(symbols.load(image + ".elf", error), error);
  }
  Cpu& cpu() { return machine->cpu(0); }
  const Vmcs& vmcs() {
    REQUIRE(cpu().vmx->current);
    return *cpu().vmx->current;
  }
  // Steps until `done` holds; false: not within a million instructions.
  template <class Done>
  bool step_until(Done done) {
    for (unsigned n = 0; n < 1'000'000; ++n) {
      if (done()) return true;
      machine->run(1);
    }
    return done();
  }
  bool to_symbol(const char* name) {
    const auto address = symbols.address(name);
    REQUIRE(address.has_value());
    return step_until([&] { return cpu().segment[CS].base + cpu().rip == *address; });
  }
  bool into_guest() {
    return step_until([&] { return cpu().non_root; });
  }
  bool to_exit(ExitReason reason) {
    const u64 before = cpu().vmx->current ? cpu().vmx->current->exits : 0;
    return step_until([&] {
      const Vmcs* vmcs = cpu().vmx->current;
      return vmcs && !cpu().non_root && vmcs->exits > before && cpu().vmx->exit.reason == reason;
    });
  }
};

inline bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace ringside
