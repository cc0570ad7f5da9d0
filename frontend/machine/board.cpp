// Owns the assembly of the board: which devices there are and which wire goes to whom.
#include "frontend/machine/board.h"

#include <algorithm>
#include <cstring>

#include "devices/acpi/reset_port.h"
#include "devices/debug/debug_console.h"
#include "devices/debug/debug_exit.h"
#include "devices/debug/post_port.h"
#include "devices/ide/piix_ide.h"
#include "devices/pci/piix.h"
#include "devices/pit/pit8254.h"
#include "devices/testdev/pc_testdev.h"
#include "devices/vga/direct_boot.h"
#include "frontend/machine/acpi.h"
#include "frontend/machine/firmware_items.h"

namespace ringside {
namespace {

// Puts a device where it says that it is.
class Attach final : public Places {
 public:
  Attach(PortBus& ports, PhysicalMemory& memory, PciBus* pci) : ports_(ports), memory_(memory), pci_(pci) {}
  void ports(PortSpan span, PortDevice& device, std::string_view name) override {
    ports_.map(span, device, std::string(name));
  }
  void memory(HostPhys base, u64 bytes, MmioDevice& device, std::string_view name) override {
    memory_.add_mmio(base, bytes, device, std::string(name));
  }
  void pci(unsigned device, unsigned function, PciFunction& what) override {
    if (pci_) pci_->attach_function(device, function, what);
  }

 private:
  PortBus& ports_;
  PhysicalMemory& memory_;
  PciBus* pci_;
};

}  // namespace

template <class Chip, class... Arguments>
Chip& Board::add(Arguments&&... arguments) {
  auto made = std::make_unique<Chip>(std::forward<Arguments>(arguments)...);
  Chip& chip = *made;
  devices_.push_back(std::move(made));
  Attach attach(ports, memory_, pci_);
  chip.places(attach);
  return chip;
}

Board::~Board() {
  while (!devices_.empty()) devices_.pop_back();
}

Board::Board(const MachineConfig& config, PhysicalMemory& memory, Clock& clock, ResetControl& control,
             const std::vector<std::unique_ptr<Cpu>>& cpus, Drives& drives)
    : memory_(memory), ram_bytes_(config.ram_bytes), drives_(drives), a20_(memory) {
  if (!config.boot.bios.empty()) firmware_ = config.boot;
  for (const auto& cpu : cpus) cpu->ports = &ports;
  local_apics_ = &add<LocalApics>(config.model, memory, clock, cpus);
  io_apic_ = &add<IoApic>(local_apics_->bus());
  wire_interrupts();

  pit_line_ = &irqs_[Pit8254::irq].driver();
  rtc_line_ = &irqs_[CmosRtc::irq].driver();
  add<Pit8254>(clock, *pit_line_);
  rtc_ = &add<CmosRtc>(clock, *rtc_line_, config.start_time);
  i8042_ = &add<I8042>(clock, isa(I8042::keyboard_irq), isa(I8042::mouse_irq), a20_, control);
  pm_ = &add<AcpiPm>(clock, isa(AcpiPm::sci_irq), control);
  add<Hpet>(clock, *this);
  for (unsigned port = 0; port < config.serial_ports; ++port) {
    const Uart16550::Place& place = Uart16550::com[port];
    uarts_.push_back(&add<Uart16550>(place, clock, isa(place.irq), serial_out[port]));
  }
  dma_ = &add<Dma8237>(this);
  add<PostPort>();
  ferr_ = &add<FerrPort>(isa(FerrPort::irq));
  cpus[0]->numeric_error = ferr_;
  add_pci(config, clock, control);
  add_drives(clock);
  add<DebugConsole>(console_out);
  add_fw_cfg(config);
  add_options(config, control);
  reset(ResetKind::power_on);
}

void Board::wire_interrupts() {
  pic_ = &add<PicPair>(local_apics_->at(0).lint0());
  local_apics_->on_pic_acknowledge([this] { return pic_->acknowledge(); });
  for (unsigned gsi = 0; gsi < IoApic::pin_count; ++gsi) {
    gsis_[gsi].to(io_apic_->pin(gsi));
    hpet_gsis_[gsi] = &gsis_[gsi].driver();
  }
  for (unsigned irq = 0; irq < isa_irqs; ++irq) {
    hpet_irqs_[irq] = &irqs_[irq].driver();
    if (irq == PicPair::cascade_irq) continue;
    irqs_[irq].to(pic_->line(irq));
    irqs_[irq].to(gsis_[irq == 0 ? 2 : irq].driver());
  }
}

void Board::add_pci(const MachineConfig& config, const Clock& clock, ResetControl& control) {
  std::array<IrqLine*, 16> pirq_lines{};
  for (unsigned irq = 0; irq < isa_irqs; ++irq) pirq_lines[irq] = &isa(irq);
  pci_ = &add<PciBus>();
  add<I440fx>(this);
  pci_->set_pirq_sink(&add<Piix3Isa>(pirq_lines));
  add<Piix4Pm>(*pm_, ports, [this, cpus = config.cpus](std::optional<u16> first) {
    const AcpiMachine machine{.cpus = cpus,
                              .pm_base = first.value_or(AcpiPm::base),
                              .pci_memory = firmware_pci_memory(ram_bytes_),
                              .vga = vga_ != nullptr};
    if (acpi_tables_ != 0) renew_acpi_tables(*fw_cfg_, acpi_tables_, machine);
  });
  if (config.vga) vga_ = &add<Vga>(memory_, clock, config.vga_rom);
  // The reset port lies inside CONFIG_ADDRESS's four bytes; the later mapping wins.
  add<ResetPort>(control);
}

void Board::add_drives(Clock& clock) {
  if (drives_.has_floppy()) {
    const std::array<BlockDevice*, Fdc82077::drives> disks{drives_.floppy(0), drives_.floppy(1)};
    floppy_ = &add<Fdc82077>(clock, isa(Fdc82077::irq), *dma_, disks);
  }
  // The chip has the controller in any case: firmware looks for drives without asking whether it is there.
  if (!drives_.has_ide() && !firmware_) return;
  std::array<PiixIde::Drive, PiixIde::drives> there;
  for (unsigned n = 0; n < PiixIde::drives; ++n) there[n] = {drives_.ide(n), drives_.is_cdrom(n)};
  std::array<IrqLine*, PiixIde::channels> lines;
  for (unsigned n = 0; n < PiixIde::channels; ++n) lines[n] = &isa(IdeChannel::legacy[n].irq);
  ide_ = &add<PiixIde>(clock, ports, *this, lines, there);
}

void Board::add_fw_cfg(const MachineConfig& config) {
  fw_cfg_ = &add<FwCfg>(*this);
  FwCfg& items = *fw_cfg_;
  items.set_machine(config.ram_bytes, config.cpus, config.cpus);
  if (config.uuid) items.set_bytes(FwCfg::uuid, {config.uuid->begin(), config.uuid->end()});
  for (const MachineConfig::FwCfgFile& file : config.fw_cfg) items.add_file(file.name, file.bytes);
  if (firmware_)
    acpi_tables_ =
        add_firmware_items(items, config);  // what was given by name takes the place of the machine's own
}

void Board::add_options(const MachineConfig& config, ResetControl& control) {
  if (config.test_device) {
    std::array<IrqLine*, PcTestdev::irq_lines> lines{};
    for (unsigned n = 0; n < PcTestdev::irq_lines; ++n)
      lines[n] = n < isa_irqs ? &isa(n) : &gsis_[n].driver();
    add<PcTestdev>(lines);
  }
  if (config.debug_exit) {
    const PortSpan span{config.debug_exit->port, config.debug_exit->bytes, PortSpan::Width::any};
    add<DebugExit>(control, span);
  }
}

void Board::reset(ResetKind kind) {
  for (auto device = devices_.rbegin(); device != devices_.rend(); ++device) (*device)->reset(kind);
  if (kind == ResetKind::power_on) {
    const u64 low = std::min(ram_bytes_, low_ram_limit);
    rtc_->set_memory_size(low, ram_bytes_ - low);
    if (floppy_) {
      constexpr u8 kinds = 0x10, equipment = 0x14, floppy_there = 0x01, second_there = 0x40;
      rtc_->set_ram(kinds, floppy_->cmos_kinds());
      rtc_->set_ram(equipment, floppy_there | (drives_.floppy(1) ? second_there : 0));
    }
    if (firmware_) set_boot_order(*rtc_, *firmware_);
    rtc_->set_checksum();
  }
}

void Board::init_cpus() {
  i8042_->open_a20();
  local_apics_->init();
}

void Board::fields(Fields& visit) {
  for (auto& device : devices_) device->fields(visit);
  drives_.fields(visit);
  visit.group("wires");
  for (Wire& wire : irqs_) wire.fields(visit);
  for (Wire& wire : gsis_) wire.fields(visit);
  visit.end();
}

void Board::restored() {
  for (auto& device : devices_) device->restored();
  a20_.set(i8042_->a20_open());
}

void Board::set_shadow(HostPhys start, u64 bytes, bool read_ram, bool write_ram) {
  memory_.set_shadow(start, bytes, read_ram, write_ram);
}

void Board::legacy_replacement(bool on) {
  pit_line_->cut(on);
  rtc_line_->cut(on);
}

bool Board::dma_reaches(HostPhys first, u64 bytes) {
  PhysicalMemory::Page page;
  for (u64 at = first.page().value; at < first.value + bytes; at += page_bytes)
    if (!memory_.page(HostPhys(at), page) || !page.ram) return false;
  return first.value + bytes >= first.value;
}

bool Board::dma_read(HostPhys from, std::span<u8> to) {
  if (!dma_reaches(from, to.size())) return false;
  memory_.read_block(from, to.data(), to.size());
  return true;
}
void Board::send_message(HostPhys address, u32 data) {
  std::array<u8, sizeof data> bytes;
  std::memcpy(bytes.data(), &data, sizeof data);
  dma_write(address, bytes);
}

bool Board::dma_write(HostPhys to, std::span<const u8> from) {
  // What a device writes there is an interrupt message, and reaches no local APIC's registers.
  if (to.value >> 20 == 0xfee) {
    u32 data = 0;
    if (from.size() != sizeof data || to.value % sizeof data != 0) return false;
    std::memcpy(&data, from.data(), sizeof data);
    return local_apics_->bus().msi_write(to, data);
  }
  if (!dma_reaches(to, from.size())) return false;
  memory_.write_block(to, from.data(), from.size());
  return true;
}

void Board::open_shadow() {
  for (u8 pam = 0x59; pam <= 0x5f; ++pam)
    pci_->config_write(0, I440fx::device, I440fx::function, pam, 1, pam == 0x59 ? 0x30 : 0x33);
}

void Board::prepare_direct_boot() {
  open_shadow();
  local_apics_->at(0).set_virtual_wire();
  // Interrupt controllers and timer as a PC's BIOS programs them: IRQ 0 to 7 at vectors 8 to 15, IRQ 8 to 15
  // at 70h to 77h; timer, cascade and real-time clock let through; a tick each 65,536 clocks.
  struct Write {
    u16 port;
    u8 value;
  };
  // The timer first: what its output does meanwhile is forgotten when the controllers start.
  static constexpr Write writes[] = {{0x43, 0x34}, {0x40, 0x00}, {0x40, 0x00}, {0x20, 0x11}, {0x21, 0x08},
                                     {0x21, 0x04}, {0x21, 0x01}, {0x21, 0xfa}, {0xa0, 0x11}, {0xa1, 0x70},
                                     {0xa1, 0x02}, {0xa1, 0x01}, {0xa1, 0xfe}};
  for (const Write& w : writes) ports.port_write(w.port, 1, w.value);
  for (unsigned pirq = 0; pirq < pirq_default_irqs.size(); ++pirq)
    pci_->config_write(0, Piix3Isa::device, Piix3Isa::function, static_cast<u8>(0x60 + pirq), 1,
                       pirq_default_irqs[pirq]);
  pci_->config_write(0, Piix4Pm::device, Piix4Pm::function, Piix4Pm::pm_base, 2, AcpiPm::base);
  pci_->config_write(0, Piix4Pm::device, Piix4Pm::function, Piix4Pm::pm_miscellaneous, 1,
                     Piix4Pm::pm_ports_on);
  if (ide_) PiixIde::prepare_direct_boot(*ide_);
  if (vga_) prepare_vga_for_direct_boot(*vga_);
}

bool Board::unmaskable_sources() const {
  for (unsigned pin = 0; pin < IoApic::pin_count; ++pin)
    if (is_unmaskable_source(io_apic_->entry(pin))) return true;
  return local_apics_->unmaskable_source();
}

}  // namespace ringside
