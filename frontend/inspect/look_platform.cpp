// Owns memory types, interrupt controllers and the physical map as values.
#include "frontend/inspect/look_platform.h"

#include <fmt/format.h>

#include <algorithm>

#include "devices/apic/io_apic.h"
#include "devices/apic/local_apic.h"
#include "devices/pic/pic8259.h"

namespace ringside {
namespace {

std::string_view memory_type(u64 type) {
  constexpr std::string_view names[8] = {"UC", "WC", "reserved", "reserved", "WT", "WP", "WB", "UC-"};
  return type < 8 ? names[type] : "reserved";
}

constexpr std::string_view deliveries[8] = {"fixed", "lowest priority", "SMI",   "reserved", "NMI",
                                            "INIT",  "start-up",        "ExtINT"};

// The vectors whose bits are set in eight registers.
void vectors(Row& row, const LocalApic& apic, u32 first) {
  std::vector<std::string> set;
  for (unsigned vector = 0; vector < 256; ++vector) {
    if (apic.peek(first + 16 * (vector / 32)) >> (vector % 32) & 1)
      set.push_back(fmt::format("{:02x}", vector));
  }
  row.names("vectors", std::move(set), "none");
}

void lvt_row(Sheet& sheet, std::string_view name, u32 value, bool timer) {
  constexpr std::string_view modes[4] = {"one-shot", "periodic", "TSC-deadline", "reserved"};
  Row& row = sheet.row(name);
  row.say(fmt::format("  {:<12} ", name))
      .hex("value", value, 8)
      .say("  vector ")
      .hex("vector", value & 0xff, 2);
  row.say(", ").word("delivery", timer ? modes[value >> 17 & 3] : deliveries[value >> 8 & 7]);
  std::vector<std::string> set;
  if (value & apic_lvt::LEVEL) set.emplace_back("level");
  if (value & (1u << 12)) set.emplace_back("pending");
  if (value & apic_lvt::REMOTE_IRR) set.emplace_back("remote IRR");
  if (value & apic_lvt::MASK) set.emplace_back("masked");
  for (const std::string& one : set) row.say(", " + one);
  row.quiet("bits", set);
}

// First address and bytes of each of the eight ranges of the fixed registers.
constexpr struct {
  u64 first, bytes;
} fixed_ranges[11] = {{0, 0x10000},      {0x80000, 0x4000}, {0xa0000, 0x4000}, {0xc0000, 0x1000},
                      {0xc8000, 0x1000}, {0xd0000, 0x1000}, {0xd8000, 0x1000}, {0xe0000, 0x1000},
                      {0xe8000, 0x1000}, {0xf0000, 0x1000}, {0xf8000, 0x1000}};

void fixed_rows(Sheet& sheet, const Cpu& cpu) {
  u64 first = 0, end = 0, last = ~u64{0};
  const auto flush = [&] {
    if (end > first)
      sheet.row("fixed")
          .say("  fixed     ")
          .hex("first", first, 12)
          .say("-")
          .hex("last", end - 1, 12)
          .say("  ")
          .word("type", memory_type(last));
  };
  for (unsigned n = 0; n < 11; ++n) {
    for (unsigned k = 0; k < 8; ++k) {
      const u64 here = cpu.msr.mtrr_fixed[n] >> (8 * k) & 0xff;
      if (here != last) {
        flush();
        first = fixed_ranges[n].first + k * fixed_ranges[n].bytes;
        last = here;
      }
      end = fixed_ranges[n].first + (k + 1) * fixed_ranges[n].bytes;
    }
  }
  flush();
}

void variable_rows(Sheet& sheet, const Cpu& cpu) {
  const u64 width = bit(cpu.mmu.physical_bits()) - 1;
  for (unsigned n = 0; n < cpu.msr.mtrr_variable.size() / 2; ++n) {
    const u64 base = cpu.msr.mtrr_variable[2 * n], mask = cpu.msr.mtrr_variable[2 * n + 1];
    if (!(mask & bit(11))) continue;
    const u64 from = base & width & ~u64{0xfff}, covered = mask & width & ~u64{0xfff};
    const u64 bytes = covered ? covered & (~covered + 1) : width + 1;
    const bool whole = (covered | (bytes - 1)) == width;
    Row& row = sheet.row(fmt::format("variable{}", n));
    row.say(fmt::format("  variable{} ", n))
        .hex("first", from, 12)
        .say("-")
        .hex("last", from + bytes - 1, 12);
    row.say("  ").word("type", memory_type(base & 0xff));
    if (!whole) row.say("  (and other addresses: mask ").hex("mask", covered).say(")");
  }
}

}  // namespace

Sheet mtrr_sheet(const Cpu& cpu) {
  const u64 type = cpu.msr.mtrr_def_type;
  Sheet sheet("mtrr");
  sheet.section("mtrr");
  sheet.row("mtrrs")
      .say("MTRRs ")
      .word("mtrrs", type & bit(11) ? "on" : "off")
      .say(", fixed ranges ")
      .word("fixed", type & bit(10) ? "on" : "off")
      .say(", default ")
      .word("default", memory_type(type & 0xff));
  fixed_rows(sheet, cpu);
  variable_rows(sheet, cpu);
  Row& pat = sheet.row("pat");
  pat.say("PAT     ");
  for (unsigned n = 0; n < 8; ++n)
    pat.say(fmt::format(" {}=", n)).word(fmt::format("pa{}", n), memory_type(cpu.msr.pat >> (8 * n) & 0xff));
  return sheet;
}

Sheet local_apic_sheet(const LocalApic& apic) {
  using namespace apic_register;
  constexpr std::string_view modes[3] = {"disabled", "xAPIC mode", "x2APIC mode"};
  Sheet sheet("lapic");
  sheet.section("local_apic");
  sheet.row("local_apic")
      .say("local APIC ")
      .hex("id", apic.id())
      .say(": ")
      .word("mode", modes[static_cast<unsigned>(apic.mode())])
      .say(", ")
      .word("software", apic.software_enabled() ? "software enabled" : "software disabled")
      .say(", page at ")
      .hex("page", apic.mmio_base().value)
      .to(Link::To::host_physical, apic.mmio_base().value);
  sheet.row("priority")
      .say("  TPR ")
      .hex("tpr", apic.peek(TPR), 2)
      .say(", PPR ")
      .hex("ppr", apic.processor_priority(), 2)
      .say(", LDR ")
      .hex("ldr", apic.peek(LDR), 8)
      .say(", DFR ")
      .hex("dfr", apic.peek(DFR), 8)
      .say(", SVR ")
      .hex("svr", apic.peek(SVR), 8)
      .say(" (spurious vector ")
      .hex("spurious_vector", apic.peek(SVR) & 0xff, 2)
      .say(")");
  sheet.row("errors")
      .say("  ESR ")
      .hex("esr", apic.peek(ESR), 2)
      .say(" (detected since: ")
      .hex("pending_errors", apic.pending_errors(), 2)
      .say("), ICR ")
      .hex("icr_high", apic.peek(ICR_HIGH), 8)
      .say("_")
      .hex("icr_low", apic.peek(ICR_LOW), 8);
  constexpr struct {
    std::string_view name;
    u32 at;
  } entries[] = {{"LVT timer", LVT_TIMER}, {"thermal", LVT_THERMAL}, {"performance", LVT_PERFORMANCE},
                 {"LINT0", LVT_LINT0},     {"LINT1", LVT_LINT1},     {"error", LVT_ERROR},
                 {"CMCI", LVT_CMCI}};
  for (const auto& entry : entries) lvt_row(sheet, entry.name, apic.peek(entry.at), entry.at == LVT_TIMER);
  sheet.row("timer")
      .say("  timer: initial ")
      .hex("initial", apic.peek(INITIAL_COUNT))
      .say(", current ")
      .hex("current", apic.peek(CURRENT_COUNT))
      .say(", divide configuration ")
      .hex("divide_configuration", apic.peek(DIVIDE_CONFIGURATION));
  vectors(sheet.row("irr").say("  requested (IRR): "), apic, IRR);
  vectors(sheet.row("isr").say("  in service (ISR): "), apic, ISR);
  vectors(sheet.row("tmr").say("  level (TMR): "), apic, TMR);
  sheet.row("pending")
      .say("  an interrupt ")
      .word("pending", apic.pending() ? "waits" : "does not wait")
      .say(" for the CPU");
  return sheet;
}

Sheet io_apic_sheet(const IoApic& apic) {
  Sheet sheet("ioapic");
  sheet.section("io_apic");
  sheet.row("io_apic")
      .say("I/O APIC ")
      .count("id", apic.peek(0) >> 24 & 0xf)
      .say(", ")
      .count("pins", IoApic::pin_count);
  sheet.sections.back().rows.back().say(" pins");
  sheet.section("pins");
  for (unsigned pin = 0; pin < IoApic::pin_count; ++pin) {
    const u64 e = apic.entry(pin);
    Row& row = sheet.row();
    row.say("  ")
        .count("pin", pin, -2)
        .say("  ")
        .hex("value", e, 16)
        .say("  vector ")
        .hex("vector", e & 0xff, 2);
    row.say(", ").word("delivery", deliveries[e >> 8 & 7]).say(", to ");
    row.word("destination_mode", e & bit(11) ? "logical" : "physical").say(" ").hex("destination", e >> 56);
    row.say(", ").word("trigger", e & bit(15) ? "level" : "edge").say(", active ");
    row.word("polarity", e & bit(13) ? "low" : "high");
    std::vector<std::string> set;
    if (e & bit(12)) set.emplace_back("pending");
    if (e & bit(14)) set.emplace_back("remote IRR");
    if (e & bit(16)) set.emplace_back("masked");
    for (const std::string& one : set) row.say(", " + one);
    row.quiet("bits", set);
  }
  return sheet;
}

namespace {

void pic_row(Sheet& sheet, std::string_view name, const Pic8259& pic, unsigned first_irq) {
  const auto irqs = [&](u8 mask) {
    std::vector<std::string> set;
    for (unsigned n = 0; n < 8; ++n) {
      if (mask >> n & 1) set.push_back(fmt::format("IRQ {}", first_irq + n));
    }
    return set;
  };
  Row& row = sheet.row(name);
  row.word("chip", name, 6).say("  vectors from ").hex("vectors", pic.vector(0), 2);
  row.say("  IRR ").hex("irr", pic.irr(), 2).say("  ISR ").hex("isr", pic.isr(), 2);
  row.say("  IMR ").hex("imr", pic.imr(), 2).say("  level-triggered ").hex("elcr", pic.level_triggered(), 2);
  row.say(pic.intr() ? "  INT" : "").quiet("int", pic.intr());
  if (pic.irr()) sheet.row().say("        requested: ").names("requested", irqs(pic.irr()));
  if (pic.isr()) sheet.row().say("        in service: ").names("in_service", irqs(pic.isr()));
  sheet.row().say("        not masked: ").names("unmasked", irqs(static_cast<u8>(~pic.imr())), "none");
}

}  // namespace

Sheet pic_sheet(const PicPair& pics) {
  Sheet sheet("pic");
  sheet.section("pic");
  pic_row(sheet, "master", pics.master(), 0);
  pic_row(sheet, "slave", pics.slave(), 8);
  return sheet;
}

Sheet devices_sheet(Machine& machine) {
  Sheet sheet("devices");
  sheet.section("devices");
  for (const auto& device : machine.devices()) {
    const Device::Description about = device->describe();
    sheet.row().say("  ").word("device", about.name, 16).say("  ").word("what", about.what);
  }
  return sheet;
}

Sheet memory_map_sheet(const PhysicalMemory& memory) {
  Sheet sheet("memory");
  sheet.section("regions");
  for (const PhysicalMemory::Region& r : memory.regions()) {
    using Kind = PhysicalMemory::Region::Kind;
    const bool ram = r.kind == Kind::ram || r.kind == Kind::window;
    const std::string_view kind = ram ? "RAM" : r.kind == Kind::rom ? "ROM" : "MMIO";
    sheet.row()
        .hex("first", r.base.value, 12)
        .to(Link::To::host_physical, r.base.value)
        .say("-")
        .hex("last", r.base.value + (r.bytes - 1), 12)
        .say("  ")
        .word("kind", kind, 4)
        .say("  ")
        .word("region", r.name);
  }
  if (!memory.a20()) sheet.row("a20").word("a20", "the A20 gate is closed");
  return sheet;
}

}  // namespace ringside
