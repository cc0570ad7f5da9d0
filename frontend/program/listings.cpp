// Owns what Ringside tells about itself: devices, CPU models, machine types, accelerators.
#include "frontend/program/listings.h"

#include <fmt/format.h>

#include <array>
#include <span>

#include "cpu/state/model.h"

namespace ringside {
namespace {

struct Device {
  std::string_view name, bus, where, what;
};

// Those that -device adds; the others are on every board. In QEMU's form (name "X", bus Y), which test
// runners search.
constexpr std::array<Device, 2> optional_devices = {{
    {"isa-debug-exit", "ISA", "port 0xf4", "a write ends the run with the status (value << 1) | 1"},
    {"pc-testdev", "ISA", "ports 0xe0-0xeb and 0x2000-0x2017, 64 KiB at 0xff000000",
     "the conformance suite's test device"},
}};

constexpr std::array<Device, 18> board_devices = {{
    {"local APIC", "", "0xfee00000, one for each CPU", "xAPIC and x2APIC, every timer mode"},
    {"I/O APIC", "", "0xfec00000", "24 inputs"},
    {"8259", "ISA", "0x20, 0xa0, 0x4d0", "the pair of interrupt controllers"},
    {"8254", "ISA", "0x40-0x43, 0x61", "interval timer and speaker"},
    {"MC146818", "ISA", "0x70-0x71", "real-time clock and CMOS memory"},
    {"HPET", "", "0xfed00000", "high-precision event timer"},
    {"16550A", "ISA", "0x3f8, IRQ 4", "serial port: -serial"},
    {"8042", "ISA", "0x60, 0x64", "keyboard controller: reset and A20; port 0x92 too"},
    {"8237", "ISA", "0x00-0x0f, 0xc0-0xdf", "registers of the DMA controllers"},
    {"ACPI PM", "ISA", "0x600-0x60f, 0xb2", "PM1a event and control, PM timer, GPE0, power-off (S5)"},
    {"reset control", "ISA", "0xcf9", "resets of the machine"},
    {"fw_cfg", "ISA", "0x510-0x51b", "QEMU's configuration interface"},
    {"debug consoles", "ISA", "0xe9, 0x402", "every byte written is printed: -debugcon"},
    {"POST", "ISA", "0x80", "progress codes"},
    {"FERR#", "ISA", "0xf0, IRQ 13", "x87 errors the old way"},
    {"82441FX", "PCI", "00:00.0", "host bridge; configuration by 0xcf8 and 0xcfc"},
    {"PIIX3", "PCI", "00:01.0", "ISA bridge"},
    {"PIIX4 PM", "PCI", "00:01.3", "power management function"},
}};

}  // namespace

std::string devices_text() {
  std::string text = "Devices that -device adds:\n";
  for (const Device& d : optional_devices) {
    text += fmt::format("  name \"{}\", bus {}, {}: {}\n", d.name, d.bus, d.where, d.what);
  }
  text += "\nOn every board:\n";
  for (const Device& d : board_devices) text += fmt::format("  {:<15} {:<30} {}\n", d.name, d.where, d.what);
  return text;
}

std::string cpus_text() {
  std::string error;
  std::string text = "CPU models:\n";
  for (const std::string_view name : cpu_model_names()) {
    const auto model = parse_cpu_model(name, error);
    text += fmt::format("  {:<20} {}{}\n", name, model ? model->brand : error,
                        name == default_cpu_model ? " (default)" : "");
  }
  text += "\nFeatures, for +FEATURE and -FEATURE (* in the default model):\n ";
  const auto standard = parse_cpu_model(default_cpu_model, error);
  std::size_t column = 1;
  const auto add = [&](std::string_view name, bool has) {
    if (column + name.size() + 2 > 100) {
      text += "\n ";
      column = 1;
    }
    text += fmt::format(" {}{}", name, has ? "*" : "");
    column += name.size() + 1 + (has ? 1 : 0);
  };
  for (unsigned n = 0; n < static_cast<unsigned>(Feature::count); ++n) {
    const auto name = feature_name(static_cast<Feature>(n));
    if (!name.empty()) add(name, standard && standard->has(static_cast<Feature>(n)));
  }
  for (unsigned n = 0; n < static_cast<unsigned>(Flag::count); ++n) {
    add(flag_name(static_cast<Flag>(n)), standard && standard->has(static_cast<Flag>(n)));
  }
  return text + "\n";
}

std::string machines_text() { return "Machine types:\n  pc    PC of the i440FX kind (default)\n"; }

std::string accelerators_text() {
  return "Accelerators:\n"
         "  emitted      host code made for each block of the guest's; x86-64 hosts only (default)\n"
         "  reference    the portable dispatcher\n"
         "  tcg          QEMU's name for emulation: the best there is, emitted\n";
}

std::string version_text() { return "Ringside 0.1.0\n"; }

bool known_accelerator(std::string_view name, Dispatcher& dispatcher, std::string& error) {
  if (name == "reference" || name == "emitted" || name == "tcg") {
    dispatcher = name == "reference" ? Dispatcher::reference : Dispatcher::emitted;
    return true;
  }
  error =
      name == "kvm" || name == "hvf" || name == "whpx"
          ? fmt::format(
                "-accel {}: every instruction is emulated here; use -accel emitted or -accel reference", name)
          : fmt::format("-accel {}: no such accelerator; there are two, emitted and reference", name);
  return false;
}

std::string answer_text(Answer question) {
  switch (question) {
    case Answer::run:
    case Answer::help: break;
    case Answer::version: return version_text();
    case Answer::devices: return devices_text();
    case Answer::cpus: return cpus_text();
    case Answer::machines: return machines_text();
    case Answer::accelerators: return accelerators_text();
  }
  return {};
}

}  // namespace ringside
