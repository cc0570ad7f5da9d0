// Owns descriptors, page tables and registers at a kernel's entry.
#include "frontend/machine/load_entry.h"

#include <algorithm>
#include <cstring>
#include <set>

namespace ringside {
namespace {

constexpr u32 code32_rights = 0xb | Rights::S | Rights::P | Rights::DB | Rights::G;
constexpr u32 code64_rights = 0xb | Rights::S | Rights::P | Rights::L | Rights::G;
constexpr u32 data_rights = 0x3 | Rights::S | Rights::P | Rights::DB | Rights::G;
constexpr u32 tss_rights = 0xb | Rights::P;
constexpr u32 tss_limit = 0x67;

void load(Segment& segment, u16 selector, u32 limit, u32 rights) {
  segment.selector = selector;
  segment.base = 0;
  segment.limit = limit;
  segment.rights = rights;
  segment.update();
}

// Of a segment that starts at 0; a limit beyond 1 MiB is in pages.
u64 descriptor(u32 limit, u32 rights) {
  const u64 field = rights & Rights::G ? limit >> 12 : limit;
  return (field & 0xffff) | (field >> 16 & 0xf) << 48 | u64{rights & 0xff} << 40 |
         u64{rights >> 12 & 0xf} << 52;
}

void flat_state(Cpu& cpu, const FlatSelectors& selectors, u64 gdt, u64 entry, u32 code_rights) {
  cpu.gpr.fill(0);
  cpu.flags.set_image(0);
  cpu.system_flags = 0;
  cpu.rip = cpu.next_rip = entry;
  load(cpu.segment[CS], selectors.code, 0xffffffff, code_rights);
  for (SegReg s : {ES, SS, DS, FS, GS}) load(cpu.segment[s], selectors.data, 0xffffffff, data_rights);
  if (selectors.tss != 0) load(cpu.segment[TR], selectors.tss, tss_limit, tss_rights);
  cpu.gdtr.base = gdt;
  cpu.gdtr.limit = std::max({selectors.code, selectors.data, selectors.tss}) + 7u;
  cpu.idtr.base = 0;
  cpu.idtr.limit = 0;  // an exception before the kernel has its own table is a shutdown, not a wild jump
  cpu.cpl = 0;
  cpu.interrupt_shadow = 0;
  cpu.activity = Activity::active;
}

void derive(Cpu& cpu) {
  cpu.update_mode();
  cpu.update_translation();
  cpu.update_privilege();
  cpu.update_debug();
}

}  // namespace

std::vector<u8> flat_gdt(const FlatSelectors& selectors, bool code64) {
  std::vector<u8> bytes(std::max({selectors.code, selectors.data, selectors.tss}) + 8u);
  const auto set = [&](u16 selector, u64 value) { std::memcpy(bytes.data() + selector, &value, 8); };
  set(selectors.code, descriptor(0xffffffff, code64 ? code64_rights : code32_rights));
  set(selectors.data, descriptor(0xffffffff, data_rights));
  if (selectors.tss != 0) set(selectors.tss, descriptor(tss_limit, tss_rights));
  return bytes;
}

void enter_protected_mode(Cpu& cpu, const FlatSelectors& selectors, u64 gdt, u64 entry) {
  flat_state(cpu, selectors, gdt, entry, code32_rights);
  cpu.cr0 = Cr0::PE | Cr0::ET;
  cpu.cr3 = cpu.cr4 = cpu.efer = 0;
  derive(cpu);
}

void enter_64_bit_mode(Cpu& cpu, const FlatSelectors& selectors, u64 gdt, u64 entry, u64 cr3) {
  flat_state(cpu, selectors, gdt, entry, code64_rights);
  cpu.cr0 = Cr0::PE | Cr0::ET | Cr0::PG;
  cpu.cr3 = cr3;
  cpu.cr4 = Cr4::PAE;
  cpu.efer = Efer::LME | Efer::LMA;
  derive(cpu);
}

std::optional<u64> place_identity_map(LoadPlan& plan, u64 base, u64 bytes) {
  constexpr unsigned entries = 512;
  constexpr u64 gib = u64{1} << 30;
  constexpr u64 present_writable = 3, large = bit(7);
  std::set<u64> gibs{0, 1, 2, 3};
  if (bytes != 0)
    for (u64 g = base / gib; g <= (base + bytes - 1) / gib; ++g) gibs.insert(g);
  std::set<u64> half_tebs;  // the reach of one PDPT
  for (u64 g : gibs) half_tebs.insert(g / entries);
  if (*half_tebs.rbegin() >= entries / 2) return std::nullopt;

  const u64 pages = 1 + half_tebs.size() + gibs.size();
  std::vector<u8> tables(pages * page_bytes);
  const auto at = plan.lowest(tables.size(), page_bytes, 0x9000, plan.platform().low_ram_end);
  std::string problem;
  if (!at || !plan.claim(*at, tables.size(), "the boot page tables", problem)) return std::nullopt;
  const auto set = [&](u64 page, u64 index, u64 value) {
    std::memcpy(tables.data() + page * page_bytes + index * 8, &value, 8);
  };
  u64 next = 1;
  for (u64 h : half_tebs) {
    const u64 pdpt = next++;
    set(0, h, (*at + pdpt * page_bytes) | present_writable);
    for (u64 g : gibs) {
      if (g / entries != h) continue;
      const u64 directory = next++;
      set(pdpt, g % entries, (*at + directory * page_bytes) | present_writable);
      for (u64 i = 0; i < entries; ++i)
        set(directory, i, (g * gib + i * (gib / entries)) | present_writable | large);
    }
  }
  plan.put(*at, std::move(tables));
  return at;
}

}  // namespace ringside
