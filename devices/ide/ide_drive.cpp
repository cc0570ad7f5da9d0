// Owns the phases of an IDE drive's commands.
#include "devices/ide/ide_drive.h"

#include "devices/bus/timer_fields.h"

namespace ringside {

using namespace ide;

IdeDrive::IdeDrive(Clock& clock, const std::string& name)
    : timer_(clock, name, [this] { go_on(); }), clock_(clock) {}

// --- Registers ---

u8* IdeDrive::register_byte(Registers& set, Register reg) {
  switch (reg) {
    case error_feature: return &set.feature;
    case count: return &set.count;
    case lba_low: return &set.lba_low;
    case lba_mid: return &set.lba_mid;
    case lba_high: return &set.lba_high;
    default: return nullptr;
  }
}

u8 IdeDrive::read(Register reg, bool high) const {
  const Registers& set = high ? before_ : now_;
  switch (reg) {
    case error_feature: return error_;
    case count: return set.count;
    case lba_low: return set.lba_low;
    case lba_mid: return set.lba_mid;
    case lba_high: return set.lba_high;
    case device: return device_ | DeviceRegister::obsolete;
    default: return status_;
  }
}

void IdeDrive::write(Register reg, u8 value) {
  if (reg == device) {
    device_ = value;
  } else if (u8* const byte = register_byte(now_, reg)) {
    *register_byte(before_, reg) = *byte;
    *byte = value;
  }
}

void IdeDrive::sign() {
  now_ = before_ = {};
  now_.count = now_.lba_low = 1;
  if (packet_device()) now_.lba_mid = 0x14, now_.lba_high = 0xeb;
  error_ = 1;  // the diagnosis: nothing is wrong
}

void IdeDrive::reset(bool hard) {
  timer_.disarm();
  device_ = 0;
  sign();
  drive_reset(hard);
  // A packet device says that it is ready by its first packet, so that hosts tell it from a disk.
  enter(Phase::idle, packet_device() ? 0 : Status::DRDY | Status::DSC, false);
  if (hard) data_.clear(), at_ = end_ = 0;
}

void IdeDrive::diagnose() {
  timer_.disarm();
  device_ = 0;
  sign();
  enter(Phase::idle, packet_device() ? 0 : Status::DRDY | Status::DSC, true);
}

void IdeDrive::command(u8 command) {
  acknowledge();
  error_ = 0;
  begin(command);
}

void IdeDrive::acknowledge() {
  if (!interrupt_) return;
  interrupt_ = false;
  if (host_) host_->interrupt_changed();
}

// --- Phases ---

void IdeDrive::enter(Phase phase, u8 status, bool interrupt) {
  phase_ = phase;
  status_ = status;
  if (interrupt == interrupt_) return;
  interrupt_ = interrupt;
  if (host_) host_->interrupt_changed();
}

void IdeDrive::busy(u64 nanoseconds) {
  enter(Phase::busy, Status::BSY, interrupt_);
  timer_.arm(clock_.now() + clock_.ticks_of(nanoseconds, 1'000'000'000));
}

void IdeDrive::offer(std::size_t offset, std::size_t bytes, bool interrupt) {
  at_ = offset;
  end_ = offset + bytes;
  enter(Phase::data_in, Status::DRDY | Status::DSC | Status::DRQ, interrupt);
}

void IdeDrive::expect(std::size_t bytes, bool interrupt) {
  data_.assign(bytes, 0);
  at_ = 0;
  end_ = bytes;
  enter(Phase::data_out, Status::DRDY | Status::DSC | Status::DRQ, interrupt);
}

void IdeDrive::wait_for_bus_master() {
  enter(Phase::bus_master, Status::DRDY | Status::DSC | Status::DRQ, false);
  if (host_) host_->wants_bus_master();
}

void IdeDrive::finish() { enter(Phase::idle, Status::DRDY | Status::DSC, true); }
void IdeDrive::finish_silently() { enter(Phase::idle, Status::DRDY | Status::DSC, interrupt_); }

void IdeDrive::fail(u8 error, u8 more) {
  error_ = error;
  enter(Phase::idle, static_cast<u8>(Status::DRDY | Status::DSC | Status::ERR | more), true);
}

// --- The data port ---

u32 IdeDrive::read_data(unsigned size) {
  u32 value = 0;
  if (phase_ != Phase::data_in) return 0;
  for (unsigned n = 0; n < size && due(); ++n) value |= u32{data_[at_++]} << (8 * n);
  if (!due()) data_moved();
  return value;
}

void IdeDrive::write_data(unsigned size, u32 value) {
  if (phase_ != Phase::data_out) return;
  for (unsigned n = 0; n < size && due(); ++n) data_[at_++] = static_cast<u8>(value >> (8 * n));
  if (!due()) data_moved();
}

// --- State ---

void IdeDrive::fields(Fields& visit) {
  for (Registers* set : {&now_, &before_}) {
    visit("feature", set->feature);
    visit("count", set->count);
    visit("lba_low", set->lba_low);
    visit("lba_mid", set->lba_mid);
    visit("lba_high", set->lba_high);
  }
  visit("device", device_);
  visit("status", status_);
  visit("error", error_);
  visit("phase", phase_);
  visit("interrupt", interrupt_);
  visit("at", at_);
  visit("end", end_);
  visit("data", data_);
  timer_fields(visit, timer_);
  drive_fields(visit);
}

// A state that nobody saved may say anything. Where data are, due() looks at each access.
void IdeDrive::restored() {
  if (phase_ > Phase::bus_master) phase_ = Phase::idle;
}

// --- Identification ---

void put_text(std::vector<u8>& to, unsigned word, unsigned words, std::string_view text) {
  for (unsigned n = 0; n < 2 * words; ++n)
    to[2 * word + (n ^ 1)] = n < text.size() ? static_cast<u8>(text[n]) : u8{' '};
}

}  // namespace ringside
