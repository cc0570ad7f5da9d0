// Owns the assembly of the board: which chip sits where and which wire goes to whom.
#include "frontend/machine/board.h"

#include <algorithm>

#include "frontend/machine/acpi.h"

namespace ringside {

void Wire::set(bool level) {
  level_ = level;
  if (!connected_) return;
  for (IrqLine* end : ends_) end->set(level);
}

void Wire::connect(bool connected) {
  if (connected == connected_) return;
  connected_ = connected;
  for (IrqLine* end : ends_) end->set(connected && level_);
}

void CpuPins::nmi() {
  cpu_.nmi_pending = true;
  cpu_.attention |= Attention::nmi;
}

// A SIPI that came before the INIT and was not taken yet is lost; one that comes after it is not, even if the
// CPU had no turn between the two.
void CpuPins::init() { cpu_.attention = (cpu_.attention & ~Attention::start_up) | Attention::init; }

void CpuPins::start_up(u8 vector) {
  cpu_.sipi_vector = vector;
  cpu_.attention |= Attention::start_up;
}

u64 Board::ApicPage::mmio_read(u64 offset, unsigned size) {
  LocalApic& apic = *board_.apics_[board_.running_];
  return apic.mmio_base() == base ? apic.mmio_read(offset, size) : ~u64{0} >> (64 - 8 * size);
}
void Board::ApicPage::mmio_write(u64 offset, unsigned size, u64 value) {
  LocalApic& apic = *board_.apics_[board_.running_];
  if (apic.mmio_base() == base) apic.mmio_write(offset, size, value);
}

Board::Board(const MachineConfig& config, PhysicalMemory& memory, Clock& clock, MachineControl& control,
             const std::vector<std::unique_ptr<Cpu>>& cpus)
    : memory_(memory), a20_line_([this](bool open) { memory_.set_a20(open); }) {
  for (const auto& cpu : cpus) {
    LocalApic::Config apic;
    apic.id = cpu->index;
    apic.bootstrap = cpu->index == 0;
    apic.physical_address_bits = config.model.physical_bits;
    apic.timer_hertz = config.model.crystal_hertz;
    apic.x2apic = config.model.has_flag("x2apic");
    apic.tsc_deadline = config.model.has_flag("tsc-deadline");
    pins_.push_back(std::make_unique<CpuPins>(*cpu));
    apics_.push_back(std::make_unique<LocalApic>(apic, clock, apic_bus_, *pins_.back()));
    apics_.back()->on_base_changed([this] { place_apic_pages(); });
    cpu->interrupts = apics_.back().get();
    cpu->ports = &ports;
  }
  place_apic_pages();
  memory_.add_mmio(HostPhys(IoApic::default_address), page_bytes, io_apic_, "ioapic");

  // Interrupts: chips -> irq_or_ (sharing) -> irq_wires_ -> PIC and I/O APIC, where IRQ 0 is input 2.
  pic_ = std::make_unique<PicPair>(apics_[0]->lint0());
  pic_->attach_to(ports);
  for (auto& apic : apics_) apic->on_pic_acknowledge([this] { return pic_->acknowledge(); });
  for (unsigned gsi = 0; gsi < IoApic::pin_count; ++gsi) {
    gsi_sources_[gsi] = std::make_unique<IrqOr>(io_apic_.pin(gsi));
    gsi_or_[gsi] = &gsi_sources_[gsi]->input();
  }
  for (unsigned irq = 0; irq < isa_irqs; ++irq) {
    if (irq != PicPair::cascade_irq) {
      irq_wires_[irq].to(pic_->line(irq));
      irq_wires_[irq].to(gsi_sources_[irq == 0 ? 2 : irq]->input());
    }
    irq_or_[irq] = std::make_unique<IrqOr>(irq_wires_[irq]);
    irq_inputs_hpet_[irq] = &isa(irq);
  }

  pit_wire_.to(isa(Pit8254::irq));
  rtc_wire_.to(isa(CmosRtc::irq));
  pit_ = std::make_unique<Pit8254>(clock, pit_wire_);
  pit_->attach_to(ports);
  rtc_ = std::make_unique<CmosRtc>(clock, rtc_wire_, config.start_time);
  attach(ports, CmosRtc::ports, *rtc_, "rtc");
  const u64 low = std::min(config.ram_bytes, low_ram_limit);
  rtc_->set_memory_size(low, config.ram_bytes - low);
  rtc_->set_checksum();
  i8042_ = std::make_unique<I8042>(isa(I8042::keyboard_irq), isa(I8042::mouse_irq), a20_line_, control);
  i8042_->attach_to(ports);
  pm_ = std::make_unique<AcpiPm>(clock, isa(AcpiPm::sci_irq), control);
  pm_->attach_to(ports);
  hpet_ = std::make_unique<Hpet>(clock, *this);
  memory_.add_mmio(Hpet::base, Hpet::bytes, *hpet_, "hpet");
  uart_ = std::make_unique<Uart16550>("com1", clock, isa(Uart16550::com1_irq), serial_out);
  attach(ports, Uart16550::com1, *uart_, "com1");
  dma_.attach_to(ports);
  attach(ports, PostPort::ports, post_, "post");
  ferr_ = std::make_unique<FerrPort>(isa(FerrPort::irq));
  attach(ports, FerrPort::ports, *ferr_, "ferr");

  std::array<IrqLine*, 16> pirq_lines{};
  for (unsigned irq = 0; irq < isa_irqs; ++irq) pirq_lines[irq] = &isa(irq);
  isa_bridge_ = std::make_unique<Piix3Isa>(pirq_lines);
  pci_.attach_function(I440fx::device, I440fx::function, host_bridge_);
  pci_.attach_function(Piix3Isa::device, Piix3Isa::function, *isa_bridge_);
  pci_.attach_function(Piix4Pm::device, Piix4Pm::function, pci_pm_);
  pci_.set_pirq_sink(isa_bridge_.get());
  attach(ports, PciBus::ports, pci_, "pci");
  // The reset port lies inside CONFIG_ADDRESS's four bytes; the later mapping wins.
  reset_port_ = std::make_unique<ResetPort>(control);
  attach(ports, ResetPort::ports, *reset_port_, "reset");

  console_ = std::make_unique<DebugConsole>(console_out);
  attach(ports, DebugConsole::bochs_port, *console_, "console");
  attach(ports, DebugConsole::firmware_port, *console_, "console");
  fw_cfg_.set_machine(config.ram_bytes, config.cpus, config.cpus);
  fw_cfg_.attach_to(ports);
  if (config.test_device) {
    std::array<IrqLine*, PcTestdev::irq_lines> lines{};
    for (unsigned n = 0; n < PcTestdev::irq_lines; ++n)
      lines[n] = n < isa_irqs ? &isa(n) : &gsi_sources_[n]->input();
    testdev_ = std::make_unique<PcTestdev>(lines);
    testdev_->attach_to(ports);
    memory_.add_mmio(PcTestdev::io_ram_base, PcTestdev::io_ram_bytes, *testdev_, "testdev");
  }
  if (config.debug_exit) {
    debug_exit_ = std::make_unique<DebugExit>(control);
    ports.map(config.debug_exit->port, config.debug_exit->bytes, *debug_exit_, "debug-exit",
              PortBus::Width::any);
  }
}

void Board::place_apic_pages() {
  std::set<HostPhys> wanted;
  for (const auto& apic : apics_) wanted.insert(apic->mmio_base());
  for (auto page = apic_pages_.begin(); page != apic_pages_.end();) {
    if (wanted.erase((*page)->base)) {
      ++page;
    } else {
      memory_.remove_mmio(**page);
      page = apic_pages_.erase(page);
    }
  }
  for (HostPhys base : wanted) {
    apic_pages_.push_back(std::make_unique<ApicPage>(*this, base));
    memory_.add_mmio(base, page_bytes, *apic_pages_.back(), "local apic");
  }
}

void Board::legacy_replacement(bool on) {
  pit_wire_.connect(!on);
  rtc_wire_.connect(!on);
}

bool Board::dma_read(HostPhys from, std::span<u8> to) {
  memory_.read_block(from, to.data(), to.size());
  return true;
}
bool Board::dma_write(HostPhys to, std::span<const u8> from) {
  memory_.write_block(to, from.data(), from.size());
  return true;
}

void Board::prepare_direct_boot() {
  apics_[0]->set_virtual_wire();
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
    pci_.config_write(0, Piix3Isa::device, Piix3Isa::function, static_cast<u8>(0x60 + pirq), 1,
                      pirq_default_irqs[pirq]);
}

bool Board::unmaskable_sources() const {
  constexpr u32 masked = 1u << 16, lint0 = 0x350;
  const auto unmaskable = [](u64 entry) {
    const auto delivery = static_cast<ApicDelivery>(entry >> 8 & 7);
    return !(entry & masked) &&
           (delivery == ApicDelivery::NMI || delivery == ApicDelivery::SMI || delivery == ApicDelivery::INIT);
  };
  for (unsigned pin = 0; pin < IoApic::pin_count; ++pin)
    if (unmaskable(io_apic_.entry(pin))) return true;
  for (const auto& apic : apics_)
    if (unmaskable(apic->peek(lint0))) return true;
  return false;
}

void Board::fields(Fields& visit) {
  for (auto& apic : apics_) apic->fields(visit);
  apic_bus_.fields(visit);
  io_apic_.fields(visit);
  pic_->fields(visit);
  pit_->fields(visit);
  rtc_->fields(visit);
  i8042_->fields(visit);
  pm_->fields(visit);
  reset_port_->fields(visit);
  hpet_->fields(visit);
  uart_->fields(visit);
  dma_.fields(visit);
  post_.fields(visit);
  ferr_->fields(visit);
  pci_.fields(visit);
  fw_cfg_.fields(visit);
  if (testdev_) testdev_->fields(visit);
}

void Board::restored() {
  for (auto& apic : apics_) apic->restored();
  apic_bus_.restored();
  io_apic_.restored();
  pic_->restored();
  pit_->restored();
  rtc_->restored();
  i8042_->restored();
  pm_->restored();
  reset_port_->restored();
  hpet_->restored();
  uart_->restored();
  dma_.restored();
  post_.restored();
  ferr_->restored();
  pci_.restored();
  fw_cfg_.restored();
  if (testdev_) testdev_->restored();
  place_apic_pages();
}

}  // namespace ringside
