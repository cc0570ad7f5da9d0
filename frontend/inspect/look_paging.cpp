// Owns the listing of what paging structures map. The tables are read without effects: bits are not set, and
// a table in a device's registers reads as ones.
#include "frontend/inspect/look_paging.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "frontend/inspect/look_memory.h"
#include "vmx/ept.h"
#include "vmx/explain_walk.h"
#include "vmx/rules.h"

namespace ringside {
namespace {

// TableListing that point at themselves map everything, many times: an end to patience, in tables read.
constexpr unsigned most_tables = 200'000;

struct Page {
  u64 at = 0, size = 0, to = 0;
  std::string rights;
};

class Listing {
 public:
  Listing(MappedRanges& out, u64 first, std::size_t limit) : out_(out), first_(first), limit_(limit) {}
  // False: the listing is full.
  bool add(const Page& page) {
    if (page.at + (page.size - 1) < first_) return true;
    auto& ranges = out_.ranges;
    if (!ranges.empty()) {
      MappedRange& last = ranges.back();
      if (last.first + last.bytes == page.at && last.to + last.bytes == page.to &&
          last.rights == page.rights) {
        last.bytes += page.size;
        last.page_size = std::max(last.page_size, page.size);
        last.smallest_page = std::min(last.smallest_page, page.size);
        return true;
      }
    }
    if (ranges.size() == limit_) return stop();
    ranges.push_back({page.at, page.size, page.to, page.size, page.size, page.rights});
    return true;
  }
  bool table_read() { return ++tables_ <= most_tables || stop(); }
  bool wanted(u64 at, u64 size) const { return at + (size - 1) >= first_; }

 private:
  bool stop() {
    out_.cut = true;
    return false;
  }
  MappedRanges& out_;
  u64 first_;
  std::size_t limit_;
  unsigned tables_ = 0;
};

// A guest's own page tables.
class TableListing {
 public:
  TableListing(const Cpu& cpu, Listing& listing) : cpu_(cpu), listing_(listing) {
    const bool long_mode = cpu.efer & Efer::LMA;
    entry_bytes_ = long_mode || (cpu.cr4 & Cr4::PAE) ? 8 : 4;
    index_bits_ = entry_bytes_ == 8 ? 9 : 10;
    levels_ = long_mode ? (cpu.cr4 & Cr4::LA57 ? 5 : 4) : 2;
  }

  void list() {
    constexpr u64 all = PageEntry::RW | PageEntry::US;
    if (entry_bytes_ == 8 && levels_ == 2) {
      for (unsigned n = 0; n < 4; ++n) {
        const u64 entry = cpu_.mmu.pdptes()[n];
        if ((entry & PageEntry::P) && !table(entry & frame, 2, u64{n} << 30, all)) return;
      }
      return;
    }
    table(cpu_.cr3 & (entry_bytes_ == 8 ? frame : 0xfffff000), levels_, 0, all);
  }

 private:
  static constexpr u64 frame = bit_range(12, 51);

  bool table(u64 at, unsigned level, u64 base, u64 rights) {
    if (!listing_.table_read()) return false;
    u8 bytes[page_bytes];
    if (!read(at, bytes)) return true;
    const unsigned shift = 12 + index_bits_ * (level - 1);
    for (unsigned n = 0; n < page_bytes / entry_bytes_; ++n) {
      u64 entry = 0;
      std::memcpy(&entry, bytes + n * entry_bytes_, entry_bytes_);
      if (!(entry & PageEntry::P)) continue;
      u64 linear = base + (u64{n} << shift);
      if (level == levels_ && levels_ >= 4 && (n & 256)) linear |= ~u64{0} << (shift + 9);
      if (!listing_.wanted(linear, u64{1} << shift)) continue;
      if (!one(entry, level, linear, u64{1} << shift, rights)) return false;
    }
    return true;
  }
  bool one(u64 entry, unsigned level, u64 linear, u64 size, u64 rights) {
    const u64 both = rights & entry & (PageEntry::RW | PageEntry::US);
    const u64 xd = (rights | entry) & PageEntry::XD;
    const bool large =
        level > 1 && (entry & PageEntry::PS) && level <= 3 && (entry_bytes_ == 8 || (cpu_.cr4 & Cr4::PSE));
    if (level > 1 && !large)
      return table(entry & (entry_bytes_ == 8 ? frame : 0xfffff000), level - 1, linear, both | xd);
    u64 to = entry & frame & ~(size - 1);
    if (entry_bytes_ == 4)
      to = large ? (entry & 0xffc00000) | (entry >> 13 & 0xff) << 32 : entry & 0xfffff000;
    const bool execute = !(xd && (cpu_.efer & Efer::NXE));
    std::string text = fmt::format("r{}{} {}", both & PageEntry::RW ? "w" : "-", execute ? "x" : "-",
                                   both & PageEntry::US ? "user" : "supervisor");
    if (entry & PageEntry::G) text += " global";
    if (entry & PageEntry::PCD) text += " PCD";
    if (entry & PageEntry::PWT) text += " PWT";
    return listing_.add({linear, size, to, text});
  }
  // Of guest-physical memory, if a guest runs under EPT.
  bool read(u64 at, u8 (&bytes)[page_bytes]) {
    const bool nested =
        cpu_.non_root && cpu_.vmx && cpu_.vmx->current && cpu_.vmx->controls.has(VmxControl::ept);
    return peek(cpu_, nested ? AddressSpace::guest_physical : AddressSpace::host_physical, at, bytes) ==
           page_bytes;
  }

  const Cpu& cpu_;
  Listing& listing_;
  unsigned entry_bytes_ = 8, index_bits_ = 9, levels_ = 4;
};

bool ept_table(const Cpu& cpu, Listing& listing, u64 at, unsigned level, u64 base, u64 rights) {
  if (!listing.table_read()) return false;
  u8 bytes[page_bytes];
  cpu.mmu.memory().read_block(HostPhys(at), bytes, page_bytes);
  constexpr u64 present = EptEntry::R | EptEntry::W | EptEntry::X;
  const unsigned shift = 12 + 9 * (level - 1);
  for (unsigned n = 0; n < 512; ++n) {
    u64 entry = 0;
    std::memcpy(&entry, bytes + 8 * n, 8);
    if (!(entry & (present | EptEntry::XU))) continue;
    const u64 from = base + (u64{n} << shift), size = u64{1} << shift;
    if (!listing.wanted(from, size)) continue;
    const u64 all = rights & entry;
    const bool leaf = level == 1 || (level <= 3 && (entry & EptEntry::page));
    if (!leaf) {
      if (!ept_table(cpu, listing, entry & bit_range(12, 51), level - 1, from, all)) return false;
      continue;
    }
    std::string text = fmt::format("{}{}{} {}", all & EptEntry::R ? "r" : "-", all & EptEntry::W ? "w" : "-",
                                   all & EptEntry::X ? "x" : "-", memory_type_name(entry >> 3 & 7));
    if (entry & EptEntry::ignore_pat) text += " ignore-PAT";
    if (!listing.add({from, size, entry & bit_range(12, 51) & ~(size - 1), text})) return false;
  }
  return true;
}

std::string size_name(u64 bytes) {
  if (bytes >= u64{1} << 30) return fmt::format("{}G", bytes >> 30);
  if (bytes >= u64{1} << 20) return fmt::format("{}M", bytes >> 20);
  return fmt::format("{}K", bytes >> 10);
}

const Vmcs* current_vmcs(const Cpu& cpu) { return cpu.vmx ? cpu.vmx->current : nullptr; }

}  // namespace

MappedRanges mapped_pages(const Cpu& cpu, u64 first, std::size_t limit) {
  MappedRanges out;
  if (!(cpu.cr0 & Cr0::PG)) {
    out.refusal = "paging is off: linear addresses are physical";
    return out;
  }
  Listing listing(out, first, limit);
  TableListing(cpu, listing).list();
  return out;
}

MappedRanges mapped_ept(const Cpu& cpu, u64 eptp, u64 first, std::size_t limit) {
  MappedRanges out;
  if (cpu.vmx) {
    if (const std::string_view why = eptp_refusal(cpu.vmx->capability, eptp); !why.empty()) {
      out.refusal = fmt::format("{:#x} is no EPT pointer: {}", eptp, why);
      return out;
    }
  } else {
    out.refusal = "this CPU has no VMX";
    return out;
  }
  Listing listing(out, first, limit);
  ept_table(cpu, listing, eptp & bit_range(12, 51), Eptp::levels(eptp), 0, ~u64{0});
  return out;
}

MappedRanges mapped_ept(const Cpu& cpu, u64 first, std::size_t limit) {
  const Vmcs* vmcs = current_vmcs(cpu);
  MappedRanges out;
  if (!vmcs)
    out.refusal = "there is no current VMCS";
  else if (!EntryView{cpu, *vmcs, cpu.vmx->capability}.has(VmxControl::ept))
    out.refusal = "the current VMCS does not use EPT: guest-physical addresses are physical";
  else
    return mapped_ept(cpu, (*vmcs)[Field::EPT_POINTER], first, limit);
  return out;
}

Sheet sheet(const MappedRanges& mapped, std::string_view name) {
  Sheet all(name);
  all.section("ranges");
  if (!mapped.refusal.empty()) all.row("refusal").word("refusal", mapped.refusal);
  if (mapped.refusal.empty() && mapped.ranges.empty()) all.row().say("nothing is mapped");
  const Link::To to = name == "ept" ? Link::To::host_physical : Link::To::guest_physical;
  for (const MappedRange& r : mapped.ranges)
    all.row()
        .hex("first", r.first, 16)
        .say("-")
        .hex("last", r.first + (r.bytes - 1), 16)
        .say(" -> ")
        .hex("to", r.to, 12)
        .to(to, r.to)
        .say("  ")
        .count("kbytes", r.bytes >> 10, -10)
        .say(" KBytes, pages of ")
        .number("smallest_page", r.smallest_page, size_name(r.smallest_page))
        .say(r.smallest_page == r.page_size ? "" : " to " + size_name(r.page_size))
        .say("  ")
        .word("rights", r.rights)
        .quiet("largest_page", r.page_size);
  if (mapped.cut) all.row("cut").say("... and more").quiet("cut", 1);
  return all;
}

Sheet sheet(const ExplainedWalk& walk) {
  Sheet all("walk");
  all.section("walk");
  for (std::size_t i = 0; i < walk.steps.size(); ++i) {
    const ExplainedStep& s = walk.steps[i];
    const bool opens =
        s.second_stage && (i == 0 || !walk.steps[i - 1].second_stage || walk.steps[i - 1].of != s.of);
    if (opens) all.row().say("guest-physical ").hex("of", s.of).to(Link::To::guest_physical, s.of);
    Row& row = all.row();
    row.say(s.second_stage ? "  " : "").word("entry", s.name, 10).say(" at ").hex("at", s.at);
    row.to(s.second_stage ? Link::To::host_physical : Link::To::guest_physical, s.at);
    row.say(" = ").hex("value", s.entry).say(": ").word("meaning", s.meaning);
    if (!s.failure.empty()) row.say("  <- ").word("failure", s.failure);
  }
  Row& end = all.row("conclusion");
  end.word("conclusion", walk.conclusion);
  if (!walk.failed) end.to(Link::To::host_physical, walk.address.value);
  return all;
}

namespace {

Sheet no_guest() {
  Sheet all("walk");
  all.row("refusal").word("refusal", "there is no guest: the CPU has no current VMCS");
  return all;
}

}  // namespace

Sheet walk_sheet(const Cpu& cpu, u64 linear, Access access) {
  return sheet(explain_walk(cpu.mmu, LinAddr(linear), access));
}

Sheet guest_walk_sheet(const Cpu& cpu, u64 guest_linear, Access access) {
  if (cpu.non_root) return walk_sheet(cpu, guest_linear, access);
  const Vmcs* vmcs = current_vmcs(cpu);
  return vmcs ? sheet(explain_guest_walk(cpu, *vmcs, LinAddr(guest_linear), access)) : no_guest();
}

Sheet ept_walk_sheet(const Cpu& cpu, u64 guest_physical, Access access) {
  const Vmcs* vmcs = current_vmcs(cpu);
  return vmcs ? sheet(explain_ept_walk(cpu, *vmcs, GuestPhys(guest_physical), access.kind)) : no_guest();
}

}  // namespace ringside
