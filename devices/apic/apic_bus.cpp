// Owns message routing: shorthands, destination matching over all local APICs, lowest-priority arbitration,
// MSI.
#include "devices/apic/apic_bus.h"

#include <algorithm>

#include "devices/apic/local_apic.h"

namespace ringside {

void ApicBus::attach(LocalApic& apic) { apics_.push_back(&apic); }

void ApicBus::detach(LocalApic& apic) { std::erase(apics_, &apic); }

void ApicBus::attach(EoiListener& listener) { listeners_.push_back(&listener); }

void ApicBus::detach(EoiListener& listener) { std::erase(listeners_, &listener); }

bool ApicBus::send(const ApicMessage& message) { return deliver(message, ApicShorthand::None, nullptr); }

bool ApicBus::send_ipi(LocalApic& sender, ApicShorthand shorthand, const ApicMessage& message) {
  return deliver(message, shorthand, &sender);
}

bool ApicBus::selected(const LocalApic& apic, const ApicMessage& message, ApicShorthand shorthand,
                       const LocalApic* sender) const {
  switch (shorthand) {
    case ApicShorthand::None: return apic.is_destination(message);
    case ApicShorthand::Self: return &apic == sender;
    case ApicShorthand::AllIncludingSelf: return true;  // a disabled one will not accept
    case ApicShorthand::AllExcludingSelf: return &apic != sender;
  }
  return false;
}

bool ApicBus::deliver(const ApicMessage& message, ApicShorthand shorthand, const LocalApic* sender) {
  if (message.delivery == ApicDelivery::LowestPriority) return arbitrate(message, shorthand, sender);
  bool accepted = false;
  for (LocalApic* apic : apics_) {
    if (selected(*apic, message, shorthand, sender)) accepted |= apic->accept(message);
  }
  return accepted;
}

// "Lowest Priority Delivery Mode": the lowest arbitration priority wins. Hardware breaks ties by rotating
// ids; here the search starts behind the last winner, which spreads the load and repeats in every run.
bool ApicBus::arbitrate(const ApicMessage& message, ApicShorthand shorthand, const LocalApic* sender) {
  const std::size_t count = apics_.size();
  std::size_t winner = count;
  u8 lowest = 0;
  for (std::size_t step = 1; step <= count; ++step) {
    const std::size_t index = (last_lowest_ + step) % count;
    const LocalApic& apic = *apics_[index];
    if (!apic.software_enabled() || !selected(apic, message, shorthand, sender)) continue;
    const u8 priority = apic.arbitration_priority();
    if (winner == count || priority < lowest) {
      winner = index;
      lowest = priority;
    }
  }
  if (winner == count) return false;
  last_lowest_ = static_cast<u32>(winner);
  return apics_[winner]->accept(message);
}

bool ApicBus::msi_write(HostPhys address, u32 data) {
  if ((address.value >> 20) != 0xfee) return false;
  ApicMessage message;
  message.destination = static_cast<u32>(address.value >> 12) & 0xff;
  message.logical = (address.value & bit(2)) != 0;
  message.vector = static_cast<u8>(data);
  message.delivery = static_cast<ApicDelivery>((data >> 8) & 7);
  message.level_triggered = (data & bit(15)) != 0;
  if (message.level_triggered && !(data & bit(14))) return false;  // a level's de-assertion asks for nothing
  // The redirection hint asks for one processor out of the group, whatever the data word says.
  const bool redirection_hint = (address.value & bit(3)) != 0;
  if (redirection_hint && message.logical && message.delivery == ApicDelivery::Fixed) {
    message.delivery = ApicDelivery::LowestPriority;
  }
  if (message.delivery == ApicDelivery::Reserved || message.delivery == ApicDelivery::StartUp) return false;
  if (!message.has_vector()) message.level_triggered = false;
  return send(message);
}

void ApicBus::eoi(u8 vector) {
  for (EoiListener* listener : listeners_) listener->eoi(vector);
}

void ApicBus::fields(Fields& fields) {
  fields.group("apic_bus");
  fields("last_lowest", last_lowest_);
  fields.end();
}

}  // namespace ringside
