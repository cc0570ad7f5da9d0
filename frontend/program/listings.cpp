// Owns what Ringside tells about itself: devices, CPU models, machine types, accelerators.
#include "frontend/program/listings.h"

#include <fmt/format.h>

#include <memory>

#include "cpu/state/model.h"
#include "devices/bus/device.h"
#include "frontend/machine/machine.h"

namespace ringside {
namespace {

// Where a device sits, in words.
class Whereabouts final : public Places {
 public:
  void ports(PortSpan span, PortDevice&, std::string_view) override {
    isa_ = true;
    const unsigned last = span.first + span.count - 1u;
    add(span.count == 1 ? fmt::format("{:#x}", span.first) : fmt::format("{:#x}-{:#x}", span.first, last));
  }
  void movable_ports(PortSpan span, PortDevice& device, std::string_view name) override {
    ports(span, device, name);
  }
  void memory(HostPhys base, u64, MmioDevice&, std::string_view) override {
    add(fmt::format("{:#x}", base.value));
  }
  void movable(HostPhys base, u64, MmioDevice&, std::string_view) override {
    add(fmt::format("{:#x}", base.value));
  }
  void pci(unsigned device, unsigned function, PciFunction&) override {
    pci_ = true;
    add(fmt::format("{:02x}.{}", device, function));
  }
  void irq(unsigned isa) override { add(fmt::format("IRQ {}", isa)); }

  const std::string& text() const { return text_; }
  std::string_view bus() const { return pci_ ? "PCI" : isa_ ? "ISA" : "System"; }

 private:
  void add(std::string_view what) { text_ += (text_.empty() ? "" : ", ") + std::string(what); }
  std::string text_;
  bool isa_ = false, pci_ = false;
};

// A machine with all that there is.
std::unique_ptr<Machine> full_machine() {
  std::string error;
  MachineConfig config;
  config.model = *parse_cpu_model(default_cpu_model, error);
  config.ram_bytes = 1u << 20;
  config.test_device = true;
  config.vga = true;
  config.debug_exit = MachineConfig::DebugExit{};
  config.dispatcher = Dispatcher::reference;
  DriveRequest disk;
  disk.source = DriveRequest::Source::blank;
  config.drives.push_back(disk);
  disk.bus = DriveRequest::Bus::floppy;
  config.drives.push_back(disk);
  return Machine::create(std::move(config), error);
}

}  // namespace

std::string devices_text() {
  std::string optional, others;
  const auto machine = full_machine();
  for (const auto& device : machine->devices()) {
    Whereabouts where;
    device->places(where);
    const Device::Description about = device->describe();
    // In QEMU's form, which test runners search.
    if (!about.option.empty()) {
      optional +=
          fmt::format("  name \"{}\", bus {}, {}: {}\n", about.option, where.bus(), where.text(), about.what);
    } else {
      others += fmt::format("  {:<15} {:<8} {:<38} {}\n", about.name, where.bus(), where.text(), about.what);
    }
  }
  return "Devices that -device adds:\n" + optional + "\nOn every board:\n" + others;
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
         "  emitted      host code made for each block of the guest's; x86-64 hosts with executable memory "
         "(default there)\n"
         "  reference    the portable dispatcher\n"
         "  tcg          QEMU's name for emulation: the best there is, emitted\n";
}

std::string version_number() { return RINGSIDE_VERSION; }
std::string version_text() { return "Ringside " + version_number() + "\n"; }

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
    case Answer::log_words: return ExecutionLog::help();
  }
  return {};
}

}  // namespace ringside
