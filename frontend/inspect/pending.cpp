// Owns the look at everything that waits to interrupt a CPU: in the CPU, the local APIC, the I/O APIC and the
// 8259A pair.
#include "frontend/inspect/pending.h"

#include <fmt/format.h>

#include "cpu/exec/guest/pending_events.h"
#include "devices/apic/io_apic.h"
#include "devices/apic/local_apic.h"
#include "devices/pic/pic8259.h"
#include "frontend/machine/machine.h"

namespace ringside {
namespace {

using Reason = PendingRow::Reason;
using Reasons = std::vector<Reason>;

constexpr u32 masked = apic_lvt::MASK;
constexpr unsigned ext_int = 7;  // delivery mode

bool in_set(const LocalApic& apic, u32 first, unsigned vector) {
  return apic.peek(first + 16 * (vector / 32)) >> (vector % 32) & 1;
}

unsigned delivery_mode(u32 entry) { return entry >> 8 & 7; }

// -- The 8259A pair.

// Input 0 to 15 asks for service: requested, or requested while masked.
bool requested(const PicPair& pic, unsigned irq) {
  return (irq < 8 ? pic.master().irr() >> irq : pic.slave().irr() >> (irq - 8)) & 1;
}
int first_request(const PicPair& pic) {
  for (const unsigned irq : {0u, 1u, 8u, 9u, 10u, 11u, 12u, 13u, 14u, 15u, 3u, 4u, 5u, 6u, 7u}) {
    const bool slave = irq >= 8;
    const u8 mask = slave ? pic.slave().imr() : pic.master().imr();
    const bool cascade_open = !slave || !(pic.master().imr() >> PicPair::cascade_irq & 1);
    if (requested(pic, irq) && !(mask >> (irq & 7) & 1) && cascade_open) return static_cast<int>(irq);
  }
  return -1;
}

void add_service(const Pic8259& chip, std::string_view name, u16 port, Reasons& reasons) {
  if (chip.isr() && !chip.intr())
    reasons.push_back(
        {fmt::format("an interrupt of at least its priority is in service (ISR of the {} {:#04x})", name,
                     chip.isr()),
         fmt::format("an end-of-interrupt command to port {:#x}", port)});
}

Reasons blocked_in_pic(const PicPair& pic, unsigned irq) {
  constexpr u16 master_mask = 0x21, slave_mask = 0xa1, master_command = 0x20, slave_command = 0xa0;
  Reasons reasons;
  const bool slave = irq >= 8;
  const Pic8259& chip = slave ? pic.slave() : pic.master();
  if (chip.imr() >> (irq & 7) & 1)
    reasons.push_back({fmt::format("bit {} of the {}'s IMR is 1", irq & 7, slave ? "slave" : "master"),
                       fmt::format("OUT to port {:#x} that clears it", slave ? slave_mask : master_mask)});
  if (slave && (pic.master().imr() >> PicPair::cascade_irq & 1))
    reasons.push_back({"bit 2 of the master's IMR, the cascade, is 1",
                       fmt::format("OUT to port {:#x} that clears it", master_mask)});
  if (slave) add_service(pic.slave(), "slave", slave_command, reasons);
  add_service(pic.master(), "master", master_command, reasons);
  return reasons;
}

// What is between the pair's output and the CPU: LINT0 of the first CPU's local APIC.
Reasons blocked_at_lint0(const LocalApic& apic) {
  if (!apic.enabled()) return {};
  Reasons reasons;
  const u32 entry = apic.peek(apic_register::LVT_LINT0);
  if (!apic.config().bootstrap) {
    reasons.push_back({"the 8259A pair is wired to the bootstrap processor only", ""});
    return reasons;
  }
  if (entry & masked)
    reasons.push_back(
        {"LVT LINT0 is masked", "a write of LVT LINT0 with bit 16 clear, delivery mode ExtINT"});
  else if (delivery_mode(entry) != ext_int)
    reasons.push_back({"the delivery mode of LVT LINT0 is not ExtINT", "ExtINT (7) in bits 10:8"});
  return reasons;
}

void add_pic_rows(const InterruptChips& chips, std::vector<PendingRow>& rows) {
  for (unsigned irq = 0; irq < 16; ++irq) {
    if (irq == PicPair::cascade_irq || !requested(chips.pic, irq)) continue;
    Reasons reasons = blocked_in_pic(chips.pic, irq);
    if (reasons.empty()) reasons = blocked_at_lint0(chips.local_apic);
    if (reasons.empty()) continue;  // it is the external interrupt that the CPU sees
    rows.push_back(
        {fmt::format("IRQ {}", irq), "the 8259A pair", "does not reach the CPU", std::move(reasons)});
  }
}

// -- The I/O APIC.

void add_io_apic_rows(const IoApic& io_apic, std::vector<PendingRow>& rows) {
  constexpr u64 level = bit(15), remote_irr = bit(14), entry_masked = bit(16);
  for (unsigned pin = 0; pin < IoApic::pin_count; ++pin) {
    const u64 entry = io_apic.entry(pin);
    if (!io_apic.asserted(pin)) continue;
    Reasons reasons;
    if (entry & entry_masked)
      reasons.push_back({fmt::format("bit 16, the mask, of redirection entry {} is 1", pin),
                         entry & level ? "a write of the entry that clears it"
                                       : "a write of the entry that clears it, and another edge"});
    else if (!(entry & level))
      continue;  // its edge was sent
    if (entry & remote_irr)
      reasons.push_back(
          {fmt::format("remote IRR of redirection entry {}: vector {:#04x} was sent and not ended", pin,
                       entry & 0xff),
           "an EOI for the vector"});
    if (reasons.empty()) continue;
    rows.push_back(
        {fmt::format("pin {}", pin), "the I/O APIC", "does not reach a local APIC", std::move(reasons)});
  }
}

// -- The local APIC.

Reasons blocked_by_priority(const LocalApic& apic, unsigned vector) {
  Reasons reasons;
  const unsigned tpr = apic.peek(apic_register::TPR);
  const int in_service = apic.highest_in_service();
  if (vector >> 4 <= tpr >> 4)
    reasons.push_back({fmt::format("its priority class, {}, is not above the task priority: TPR is {:#04x}",
                                   vector >> 4, tpr),
                       "a lower TPR (CR8)"});
  if (in_service >= 0 && vector >> 4 <= static_cast<unsigned>(in_service) >> 4)
    reasons.push_back(
        {fmt::format("vector {:#04x} of at least its priority class is in service (ISR)", in_service),
         "an EOI"});
  return reasons;
}

void add_local_apic_rows(const LocalApic& apic, std::vector<PendingRow>& rows) {
  for (unsigned vector = 255; vector >= 16; --vector) {
    if (!in_set(apic, apic_register::IRR, vector)) continue;
    Reasons reasons = blocked_by_priority(apic, vector);
    if (reasons.empty()) continue;
    rows.push_back({fmt::format("vector {:#04x}", vector), "the local APIC (IRR)", "does not reach the CPU",
                    std::move(reasons)});
  }
  const u32 timer = apic.peek(apic_register::LVT_TIMER);
  if ((timer & masked) && apic.enabled() && apic.peek(apic_register::CURRENT_COUNT))
    rows.push_back({"timer",
                    "the local APIC",
                    "counts, and its interrupt will be lost",
                    {{"LVT timer is masked", "a write of LVT timer with bit 16 clear"}}});
}

// Whence the external interrupt that the CPU sees comes.
std::string source_of_interrupt(const InterruptChips& chips) {
  const LocalApic& apic = chips.local_apic;
  const int irq = first_request(chips.pic), vector = apic.highest_requested();
  if (irq >= 0 && blocked_at_lint0(apic).empty()) return fmt::format("IRQ {} of the 8259A pair", irq);
  if (vector >= 0) return fmt::format("vector {:#04x} of the local APIC", vector);
  return "the local APIC";
}

std::string state_text(const PendingEvent& event) {
  std::string text = event.state == PendingEvent::State::next     ? "comes before the next instruction"
                     : event.state == PendingEvent::State::behind ? "waits behind a more urgent event"
                                                                  : "is held back";
  if (event.exit != no_exit)
    text += fmt::format(", as VM exit {}, {}", static_cast<unsigned>(event.exit), name(event.exit));
  return text;
}

std::string_view activity_text(const Cpu& cpu) {
  switch (cpu.activity) {
    case Activity::active: return "active";
    case Activity::hlt: return "HLT";
    case Activity::shutdown: return "shutdown";
    case Activity::wait_for_sipi: return "wait-for-SIPI";
    case Activity::mwait: return "MWAIT";
  }
  return "active";
}

}  // namespace

std::vector<PendingRow> pending_rows(const Cpu& cpu, const InterruptChips& chips) {
  std::vector<PendingRow> rows;
  for (const PendingEvent& event : pending_events(cpu)) {
    PendingRow row{std::string(event.event->name), {}, state_text(event), {}};
    if (event.event->take == take_external_interrupt) row.source = source_of_interrupt(chips);
    if (event.event->take == take_virtual_interrupt)
      row.source = fmt::format("RVI {:#04x}", cpu.vmx->requested_vector);
    for (const Blocking* blocking : event.blocked_by)
      row.blocked_by.push_back({std::string(blocking->what), std::string(blocking->cure)});
    rows.push_back(std::move(row));
  }
  add_local_apic_rows(chips.local_apic, rows);
  add_pic_rows(chips, rows);
  add_io_apic_rows(chips.io_apic, rows);
  return rows;
}

void add_pending(Sheet& sheet, const Cpu& cpu, const std::vector<PendingRow>& rows) {
  sheet.section(fmt::format("cpu{}", cpu.index));
  Row& first = sheet.row("cpu");
  first.say("CPU ").count("cpu", cpu.index).say(": ").word("activity", activity_text(cpu));
  if (cpu.non_root) first.say(", in a guest");
  first.say(", EFLAGS.IF ").count("if", cpu.flag(Eflags::IF) ? 1 : 0);
  if (rows.empty()) sheet.row().say("  nothing waits");
  for (const PendingRow& row : rows) {
    Row& event = sheet.row("event");
    event.say("  ").word("event", row.event);
    if (!row.source.empty()) event.say(" (").word("source", row.source).say(")");
    event.say(" ").word("state", row.state);
    for (const Reason& reason : row.blocked_by) {
      Row& held = sheet.row("blocked_by");
      held.say("    ").word("what", reason.what);
      if (!reason.cure.empty()) held.say("; until: ").word("cure", reason.cure);
    }
  }
}

namespace {

std::vector<PendingRow> rows_of(Machine& machine, unsigned cpu) {
  return pending_rows(machine.cpu(cpu), {machine.local_apic(cpu), machine.io_apic(), machine.pic()});
}

}  // namespace

Sheet pending_sheet(Machine& machine, unsigned cpu) {
  Sheet sheet("pending");
  add_pending(sheet, machine.cpu(cpu), rows_of(machine, cpu));
  return sheet;
}

Sheet pending_sheet(Machine& machine) {
  Sheet sheet("pending");
  for (unsigned cpu = 0; cpu < machine.cpus(); ++cpu)
    add_pending(sheet, machine.cpu(cpu), rows_of(machine, cpu));
  return sheet;
}

std::string pending_summary(Machine& machine) {
  for (unsigned cpu = 0; cpu < machine.cpus(); ++cpu) {
    for (const PendingRow& row : rows_of(machine, cpu)) {
      if (row.blocked_by.empty()) continue;
      return fmt::format("; {}{} waits: {}", row.event,
                         row.source.empty() ? "" : fmt::format(" ({})", row.source), row.blocked_by[0].what);
    }
  }
  return {};
}

}  // namespace ringside
