// Owns the interrupt-message bus: which local APICs take a message, and who hears an end of interrupt.
#pragma once

#include <vector>

#include "cpu/arch/fields.h"
#include "devices/apic/apic_message.h"

namespace ringside {

class LocalApic;

// An I/O APIC's ear for EOI messages.
class EoiListener {
 public:
  virtual ~EoiListener() = default;
  virtual void eoi(u8 vector) = 0;
};

// Delivers at once and in the order of attachment, so that a run is deterministic. The bus outlives what is
// attached to it.
class ApicBus {
 public:
  void attach(LocalApic& apic);
  void detach(LocalApic& apic);
  void attach(EoiListener& listener);
  void detach(EoiListener& listener);

  // True when at least one local APIC accepted the message.
  bool send(const ApicMessage& message);
  // An IPI; a shorthand other than None replaces the message's destination.
  bool send_ipi(LocalApic& sender, ApicShorthand shorthand, const ApicMessage& message);
  // A 32-bit write of a device to the interrupt range 0xfee00000..0xfeefffff ("Message Signalled
  // Interrupts"). False: the address is outside that range, or nobody accepted the message.
  bool msi_write(HostPhys address, u32 data);
  // A local APIC ended a level-triggered interrupt.
  void eoi(u8 vector);

  const std::vector<LocalApic*>& local_apics() const { return apics_; }

  void reset() { last_lowest_ = 0; }
  void fields(Fields& fields);

 private:
  bool deliver(const ApicMessage& message, ApicShorthand shorthand, const LocalApic* sender);
  bool selected(const LocalApic& apic, const ApicMessage& message, ApicShorthand shorthand,
                const LocalApic* sender) const;
  bool arbitrate(const ApicMessage& message, ApicShorthand shorthand, const LocalApic* sender);

  std::vector<LocalApic*> apics_;
  std::vector<EoiListener*> listeners_;
  u32 last_lowest_ = 0;  // who won the last lowest-priority arbitration; ties go on from there
};

}  // namespace ringside
