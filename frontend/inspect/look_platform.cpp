// Owns the rendering of memory types, interrupt controllers and the physical map.
#include "frontend/inspect/look_platform.h"

#include <fmt/format.h>

#include <algorithm>

#include "devices/apic/io_apic.h"
#include "devices/apic/local_apic.h"

namespace ringside {
namespace {

std::string_view memory_type(u64 type) {
  constexpr std::string_view names[8] = {"UC", "WC", "reserved", "reserved", "WT", "WP", "WB", "UC-"};
  return type < 8 ? names[type] : "reserved";
}

constexpr std::string_view deliveries[8] = {"fixed", "lowest priority", "SMI",   "reserved", "NMI",
                                            "INIT",  "start-up",        "ExtINT"};

std::string vectors_text(const LocalApic& apic, u32 first) {
  std::string text;
  for (unsigned vector = 0; vector < 256; ++vector) {
    if (apic.peek(first + 16 * (vector / 32)) >> (vector % 32) & 1) text += fmt::format(" {:02x}", vector);
  }
  return text.empty() ? " none" : text;
}

std::string lvt_text(std::string_view name, u32 value, bool timer) {
  constexpr std::string_view modes[4] = {"one-shot", "periodic", "TSC-deadline", "reserved"};
  std::string text = fmt::format("  {:<12} {:08x}  vector {:02x}", name, value, value & 0xff);
  text +=
      timer ? fmt::format(", {}", modes[value >> 17 & 3]) : fmt::format(", {}", deliveries[value >> 8 & 7]);
  if (value & apic_lvt::LEVEL) text += ", level";
  if (value & (1u << 12)) text += ", pending";
  if (value & apic_lvt::REMOTE_IRR) text += ", remote IRR";
  if (value & apic_lvt::MASK) text += ", masked";
  return text + "\n";
}

}  // namespace

std::string mtrr_text(const Cpu& cpu) {
  const u64 type = cpu.msr.mtrr_def_type;
  std::string text = fmt::format("MTRRs {}, fixed ranges {}, default {}\n", type & bit(11) ? "on" : "off",
                                 type & bit(10) ? "on" : "off", memory_type(type & 0xff));
  // First address and bytes of each of the eight ranges of the fixed registers.
  constexpr struct {
    u64 first, bytes;
  } fixed[11] = {{0, 0x10000},      {0x80000, 0x4000}, {0xa0000, 0x4000}, {0xc0000, 0x1000},
                 {0xc8000, 0x1000}, {0xd0000, 0x1000}, {0xd8000, 0x1000}, {0xe0000, 0x1000},
                 {0xe8000, 0x1000}, {0xf0000, 0x1000}, {0xf8000, 0x1000}};
  u64 first = 0, end = 0, last = ~u64{0};
  const auto flush = [&] {
    if (end > first)
      text += fmt::format("  fixed     {:012x}-{:012x}  {}\n", first, end - 1, memory_type(last));
  };
  for (unsigned n = 0; n < 11; ++n) {
    for (unsigned k = 0; k < 8; ++k) {
      const u64 here = cpu.msr.mtrr_fixed[n] >> (8 * k) & 0xff;
      if (here != last) {
        flush();
        first = fixed[n].first + k * fixed[n].bytes;
        last = here;
      }
      end = fixed[n].first + (k + 1) * fixed[n].bytes;
    }
  }
  flush();
  const u64 width = bit(cpu.mmu.physical_bits()) - 1;
  for (unsigned n = 0; n < cpu.msr.mtrr_variable.size() / 2; ++n) {
    const u64 base = cpu.msr.mtrr_variable[2 * n], mask = cpu.msr.mtrr_variable[2 * n + 1];
    if (!(mask & bit(11))) continue;
    const u64 from = base & width & ~u64{0xfff}, covered = mask & width & ~u64{0xfff};
    const u64 bytes = covered ? covered & (~covered + 1) : width + 1;
    const bool whole = (covered | (bytes - 1)) == width;
    text += fmt::format("  variable{} {:012x}-{:012x}  {}{}\n", n, from, from + bytes - 1,
                        memory_type(base & 0xff),
                        whole ? "" : fmt::format("  (and other addresses: mask {:#x})", covered));
  }
  text += "PAT     ";
  for (unsigned n = 0; n < 8; ++n)
    text += fmt::format(" {}={}", n, memory_type(cpu.msr.pat >> (8 * n) & 0xff));
  return text + "\n";
}

std::string local_apic_text(const LocalApic& apic) {
  using namespace apic_register;
  constexpr std::string_view modes[3] = {"disabled", "xAPIC mode", "x2APIC mode"};
  std::string text = fmt::format(
      "local APIC {:#x}: {}, {}, page at {:#x}\n", apic.id(), modes[static_cast<unsigned>(apic.mode())],
      apic.software_enabled() ? "software enabled" : "software disabled", apic.mmio_base().value);
  text +=
      fmt::format("  TPR {:02x}, PPR {:02x}, LDR {:08x}, DFR {:08x}, SVR {:08x} (spurious vector {:02x})\n",
                  apic.peek(TPR), apic.processor_priority(), apic.peek(LDR), apic.peek(DFR), apic.peek(SVR),
                  apic.peek(SVR) & 0xff);
  text += fmt::format("  ESR {:02x} (detected since: {:02x}), ICR {:08x}_{:08x}\n", apic.peek(ESR),
                      apic.pending_errors(), apic.peek(ICR_HIGH), apic.peek(ICR_LOW));
  constexpr struct {
    std::string_view name;
    u32 at;
  } vectors[] = {{"LVT timer", LVT_TIMER}, {"thermal", LVT_THERMAL}, {"performance", LVT_PERFORMANCE},
                 {"LINT0", LVT_LINT0},     {"LINT1", LVT_LINT1},     {"error", LVT_ERROR},
                 {"CMCI", LVT_CMCI}};
  for (const auto& entry : vectors) text += lvt_text(entry.name, apic.peek(entry.at), entry.at == LVT_TIMER);
  text += fmt::format("  timer: initial {:#x}, current {:#x}, divide configuration {:#x}\n",
                      apic.peek(INITIAL_COUNT), apic.peek(CURRENT_COUNT), apic.peek(DIVIDE_CONFIGURATION));
  text += fmt::format("  requested (IRR):{}\n  in service (ISR):{}\n  level (TMR):{}\n",
                      vectors_text(apic, IRR), vectors_text(apic, ISR), vectors_text(apic, TMR));
  return text + fmt::format("  an interrupt {} for the CPU\n", apic.pending() ? "waits" : "does not wait");
}

std::string io_apic_text(const IoApic& apic) {
  std::string text = fmt::format("I/O APIC {}, {} pins\n", apic.peek(0) >> 24 & 0xf, IoApic::pin_count);
  for (unsigned pin = 0; pin < IoApic::pin_count; ++pin) {
    const u64 e = apic.entry(pin);
    text += fmt::format("  {:>2}  {:016x}  vector {:02x}, {}, to {} {:#x}, {}, active {}{}{}{}\n", pin, e,
                        e & 0xff, deliveries[e >> 8 & 7], e & bit(11) ? "logical" : "physical", e >> 56,
                        e & bit(15) ? "level" : "edge", e & bit(13) ? "low" : "high",
                        e & bit(12) ? ", pending" : "", e & bit(14) ? ", remote IRR" : "",
                        e & bit(16) ? ", masked" : "");
  }
  return text;
}

std::string memory_map_text(const PhysicalMemory& memory) {
  std::string text;
  for (const PhysicalMemory::Region& r : memory.regions()) {
    const std::string_view kind = r.kind == PhysicalMemory::Region::Kind::ram   ? "RAM"
                                  : r.kind == PhysicalMemory::Region::Kind::rom ? "ROM"
                                                                                : "MMIO";
    text +=
        fmt::format("{:012x}-{:012x}  {:<4}  {}\n", r.base.value, r.base.value + (r.bytes - 1), kind, r.name);
  }
  return text + (memory.a20() ? "" : "the A20 gate is closed\n");
}

}  // namespace ringside
