// Owns the I/O APIC's registers and the rules by which a pin becomes a message.
#include "devices/apic/io_apic.h"

namespace ringside {

namespace {
constexpr u64 remote_irr = bit(14);
constexpr u64 level_trigger = bit(15);
constexpr u64 masked = bit(16);
constexpr u64 low_writable = 0x1afff;  // all but delivery status and remote IRR
constexpr u64 high_writable = u64{0xff000000} << 32;

constexpr u64 offset_select = 0x00;
constexpr u64 offset_window = 0x10;
constexpr u64 offset_eoi = 0x40;

constexpr u8 index_id = 0;
constexpr u8 index_version = 1;
constexpr u8 index_arbitration = 2;
constexpr u8 index_table = 0x10;

ApicDelivery delivery_of(u64 entry) { return static_cast<ApicDelivery>((entry >> 8) & 7); }

// SMI, NMI, INIT and ExtINT are edges, whatever the trigger bit says.
bool is_level(u64 entry) {
  const ApicDelivery delivery = delivery_of(entry);
  return (entry & level_trigger) &&
         (delivery == ApicDelivery::Fixed || delivery == ApicDelivery::LowestPriority);
}
}  // namespace

IoApic::IoApic(ApicBus& bus) : bus_(bus) {
  for (unsigned i = 0; i < pin_count; ++i) {
    pins_[i].owner = this;
    pins_[i].number = i;
  }
  bus_.attach(*this);
  reset(ResetKind::power_on);
}

IoApic::~IoApic() { bus_.detach(*this); }

void IoApic::reset(ResetKind) {
  select_ = 0;
  id_ = 0;
  entries_.fill(masked);
}

void IoApic::set(unsigned number, bool level) {
  if (number >= pin_count) return;
  const u32 pin_bit = 1u << number;
  const bool rising = level && !(levels_ & pin_bit);
  levels_ = level ? levels_ | pin_bit : levels_ & ~pin_bit;
  const u64 entry = entries_[number];
  if (is_level(entry)) {
    service_level(number);
  } else if (rising && !(entry & masked)) {
    send(entry);  // an edge on a masked pin, or one that nobody takes, is lost
  }
}

// A level asks again for as long as it lasts: at the EOI, and whenever its entry or its line is written.
void IoApic::service_level(unsigned number) {
  u64& entry = entries_[number];
  if (!(levels_ >> number & 1) || (entry & (masked | remote_irr)) || !is_level(entry)) return;
  if (send(entry)) entry |= remote_irr;
}

bool IoApic::send(u64 entry) {
  ApicMessage message;
  message.destination = static_cast<u32>(entry >> 56);
  message.logical = (entry & bit(11)) != 0;
  message.delivery = delivery_of(entry);
  message.vector = static_cast<u8>(entry);
  message.level_triggered = is_level(entry);
  if (message.delivery == ApicDelivery::Reserved || message.delivery == ApicDelivery::StartUp) return false;
  return bus_.send(message);
}

void IoApic::eoi(u8 vector) {
  for (unsigned i = 0; i < pin_count; ++i) {
    u64& entry = entries_[i];
    if (!(entry & remote_irr) || static_cast<u8>(entry) != vector) continue;
    entry &= ~remote_irr;
    service_level(i);
  }
}

u32 IoApic::peek(u8 index) const {
  switch (index) {
    case index_id:
    case index_arbitration: return id_;
    case index_version: return 0x20 | (pin_count - 1) << 16;
    default: break;
  }
  if (index < index_table || index >= index_table + 2 * pin_count) return 0;
  const u64 entry = entries_[(index - index_table) / 2u];
  return static_cast<u32>(index & 1 ? entry >> 32 : entry);
}

void IoApic::write_register(u8 index, u32 value) {
  if (index == index_id) {
    id_ = value & 0x0f000000;
    return;
  }
  if (index < index_table || index >= index_table + 2 * pin_count) return;
  const unsigned number = (index - index_table) / 2u;
  u64& entry = entries_[number];
  if (index & 1) {
    entry = (entry & ~high_writable) | (u64{value} << 32 & high_writable);
  } else {
    entry = (entry & ~low_writable) | (value & low_writable);
    // Software without an EOI register ends an interrupt by a turn to edge and back.
    if (!is_level(entry)) entry &= ~remote_irr;
  }
  service_level(number);
}

u64 IoApic::mmio_read(u64 offset, unsigned size) {
  const unsigned byte = static_cast<unsigned>(offset & 0xf);
  u32 value = 0;
  switch (offset & ~u64{0xf}) {
    case offset_select: value = select_; break;
    case offset_window: value = peek(select_); break;
    default: return 0;
  }
  if (byte >= 4) return 0;
  const u64 lanes = size >= 4 ? 0xffffffff : bit(8 * size) - 1;
  return (value >> (8 * byte)) & lanes;
}

void IoApic::mmio_write(u64 offset, unsigned size, u64 value) {
  if (offset == offset_select) {
    select_ = static_cast<u8>(value);
    return;
  }
  if (size < 4) return;
  if (offset == offset_window) write_register(select_, static_cast<u32>(value));
  if (offset == offset_eoi) eoi(static_cast<u8>(value));
}

void IoApic::fields(Fields& fields) {
  fields.group("io_apic");
  fields("select", select_);
  fields("id", id_);
  fields("entries", entries_);
  fields("levels", levels_);
  fields.end();
}

}  // namespace ringside
