// Owns the ports of an IDE channel, and who of its drives hears what.
#include "devices/ide/ide_channel.h"

namespace ringside {

using namespace ide;

IdeChannel::IdeChannel(DmaMemory& memory, IrqLine& line)
    : bus_master_(memory),
      line_(line),
      command_window_(*this, &IdeChannel::read_command, &IdeChannel::write_command),
      control_window_(*this, &IdeChannel::read_control, &IdeChannel::write_control) {}

void IdeChannel::attach(unsigned place, std::unique_ptr<IdeDrive> drive) {
  drives_.at(place) = std::move(drive);
  drives_[place]->connect(*this);
}

void IdeChannel::places(Places& at, const Place& where) {
  at.ports(where.command, command_window_, "ide");
  at.ports(where.control, control_window_, "ide control");
  at.irq(where.irq);
}

void IdeChannel::reset() {
  bus_master_.reset();
  second_ = false;
  control_ = 0;
  for (const auto& drive : drives_)
    if (drive) drive->reset(true);
  update_line();
}

// --- Registers ---

u32 IdeChannel::read_command(u16 offset, unsigned size) {
  IdeDrive* const drive = selected();
  if (offset == Register::data) return drive ? drive->read_data(size) : 0;
  u32 value = 0;
  for (unsigned n = 0; n < size; ++n) {
    const Register reg = static_cast<Register>((offset + n) & 7);
    const u8 byte = drive ? drive->read(reg, (control_ & Control::HOB) != 0) : nobody();
    if (drive && reg == Register::status_command) drive->acknowledge();
    value |= u32{byte} << (8 * n);
  }
  return value;
}

void IdeChannel::write_command(u16 offset, unsigned size, u32 value) {
  if (offset == Register::data) {
    if (IdeDrive* const drive = selected()) drive->write_data(size, value);
    return;
  }
  for (unsigned n = 0; n < size; ++n)
    write_register(static_cast<Register>((offset + n) & 7), static_cast<u8>(value >> (8 * n)));
}

// Both drives take down what is written, so that a command finds it wherever it goes.
void IdeChannel::write_register(Register reg, u8 value) {
  constexpr u8 device_reset = 0x08, diagnostic = 0x90;
  control_ &= static_cast<u8>(~Control::HOB);
  IdeDrive* const drive = selected();
  if (reg == Register::status_command) {
    if (value == diagnostic) {
      for (const auto& each : drives_)
        if (each) each->diagnose();
      second_ = false;
      update_line();
    } else if (drive && (drive->listens() || value == device_reset)) {
      drive->command(value);
    }
    return;
  }
  if (drive && !drive->listens() && reg != Register::device) return;
  for (const auto& each : drives_)
    if (each) each->write(reg, value);
  if (reg != Register::device) return;
  second_ = (value & DeviceRegister::second) != 0;
  update_line();
}

u32 IdeChannel::read_control(u16, unsigned) {
  const IdeDrive* const drive = selected();
  return drive ? drive->status() : nobody();
}

void IdeChannel::write_control(u16, unsigned, u32 value) {
  const u8 before = control_;
  control_ = static_cast<u8>(value & (Control::HOB | Control::SRST | Control::nIEN));
  if ((control_ & Control::SRST) && !(before & Control::SRST)) {
    second_ = false;
    for (const auto& drive : drives_)
      if (drive) drive->reset(false);
  }
  update_line();
}

// --- Interrupts and the bus master ---

void IdeChannel::interrupt_changed() { update_line(); }

void IdeChannel::update_line() {
  const IdeDrive* const drive = selected();
  const bool level = drive && drive->interrupts() && !(control_ & Control::nIEN);
  if (level == level_) return;
  level_ = level;
  if (level) bus_master_.drive_interrupts();
  line_.set(level);
}

void IdeChannel::wants_bus_master() {
  IdeDrive* const drive = selected();
  if (drive && bus_mastering_ && bus_master_.active() && drive->waits_for_bus_master())
    drive->move_data(bus_master_);
}

void IdeChannel::write_bus_master(u16 offset, u8 value) {
  bus_master_.write(offset, value);
  wants_bus_master();
}

void IdeChannel::set_bus_mastering(bool on) {
  if (on == bus_mastering_) return;
  bus_mastering_ = on;
  wants_bus_master();
}

// --- State ---

void IdeChannel::fields(Fields& visit) {
  visit.group("ide_channel");
  bus_master_.fields(visit);
  visit("second", second_);
  visit("control", control_);
  visit("level", level_);
  for (const auto& drive : drives_)
    if (drive) drive->fields(visit);
  visit.end();
}

void IdeChannel::restored() {
  for (const auto& drive : drives_)
    if (drive) drive->restored();
}

}  // namespace ringside
