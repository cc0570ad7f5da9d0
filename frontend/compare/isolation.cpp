// Owns walking everything that page tables and EPT map, and comparing what two of them reach.
#include "frontend/compare/isolation.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>

#include "mmu/walk.h"
#include "vmx/ept.h"
#include "vmx/vmx.h"

namespace ringside::compare {
namespace {

// A bit for each page of RAM.
struct Pages {
  std::vector<bool> reads, writes, runs;
  explicit Pages(std::size_t pages = 0) : reads(pages), writes(pages), runs(pages) {}
};

class Tables {
 public:
  Tables(Machine& machine, const std::vector<bool>& ram) : machine_(machine), ram_(ram) {}

  // `user`: what CPL 3 reaches; else what less does. `bound`: who runs there cannot change CR0.WP.
  void by_cr3(u64 cr3, bool user, bool bound, Pages& found) {
    const Cpu& cpu = machine_.cpu(0);
    if (!(cpu.efer & Efer::LMA)) return;  // 32-bit hypervisors are none of ours
    constexpr u64 both = PageEntry::RW | PageEntry::US;
    constexpr u64 all = both | PageEntry::XD;  // a set XD means that all above let it run
    tables_ = 0;
    const auto read = [user, bound](u64 entry, u64 rights) {
      Step step;
      step.goes_on = entry & PageEntry::P;
      step.rights = rights & ((entry & both) | (~entry & PageEntry::XD));
      step.large = entry & PageEntry::PS;
      step.reads = !user || (step.rights & PageEntry::US);
      step.writes = step.reads && (!bound || (step.rights & PageEntry::RW));
      step.runs = step.reads && (step.rights & PageEntry::XD) && (user || !(step.rights & PageEntry::US));
      return step;
    };
    walk_table(cr3 & frame, cpu.cr4 & Cr4::LA57 ? 5 : 4, all, read, found);
  }
  void by_ept(u64 eptp, Pages& found) {
    tables_ = 0;
    constexpr u64 all = EptEntry::R | EptEntry::W | EptEntry::X;
    const auto read = [](u64 entry, u64 rights) {
      Step step;
      step.rights = rights & entry & all;
      step.goes_on = entry & all;
      step.large = entry & EptEntry::page;
      step.reads = step.rights & EptEntry::R;
      step.writes = step.rights & EptEntry::W;
      step.runs = step.rights & EptEntry::X;
      return step;
    };
    walk_table(eptp & frame, Eptp::levels(eptp), all, read, found);
  }

 private:
  static constexpr u64 frame = bit_range(12, 51);
  // Tables that point at themselves, and large pages at the same place, map everything, many times: what is
  // beyond these is no longer looked at.
  static constexpr unsigned most_tables = 300'000;
  static constexpr u64 most_pages = u64{1} << 28;
  struct Step {
    bool goes_on = false, large = false, reads = false, writes = false, runs = false;
    u64 rights = 0;
  };
  using Read = std::function<Step(u64 entry, u64 rights)>;

  void walk_table(u64 at, unsigned level, u64 rights, const Read& read, Pages& found) {
    if (++tables_ > most_tables) return;
    std::array<u64, 512> entries{};
    machine_.memory().read_block(HostPhys(at), entries.data(), page_bytes);
    const u64 size = u64{1} << (12 + 9 * (level - 1));
    for (const u64 entry : entries) {
      const Step step = read(entry, rights);
      if (!step.goes_on) continue;
      if (level > 1 && !(level <= 3 && step.large)) {
        walk_table(entry & frame, level - 1, step.rights, read, found);
        continue;
      }
      const u64 first = (entry & frame & ~(size - 1)) / page_bytes;
      const u64 last = std::min<u64>(first + size / page_bytes, ram_.size());
      if (first < last && (pages_ += last - first) > most_pages) return;
      for (u64 page = first; page < last; ++page) {
        if (!ram_[page]) continue;
        if (step.reads) found.reads[page] = true;
        if (step.writes) found.writes[page] = true;
        if (step.runs) found.runs[page] = true;
      }
    }
  }

  Machine& machine_;
  const std::vector<bool>& ram_;
  unsigned tables_ = 0;
  u64 pages_ = 0;
};

std::vector<bool> ram_pages(Machine& machine) {
  std::vector<bool> ram;
  for (const auto& region : machine.memory().regions()) {
    if (region.kind != PhysicalMemory::Region::Kind::ram) continue;
    const u64 first = region.base.value / page_bytes, pages = region.bytes / page_bytes;
    if (ram.size() < first + pages) ram.resize(first + pages);
    std::fill_n(ram.begin() + static_cast<std::ptrdiff_t>(first), pages, true);
  }
  return ram;
}

}  // namespace

IsolationMap isolation_map(Machine& machine, std::vector<Domain> domains) {
  const std::vector<bool> ram = ram_pages(machine);
  Tables tables(machine, ram);
  std::vector<Pages> maps;
  for (const Domain& domain : domains) {
    Pages& found = maps.emplace_back(ram.size());
    for (const u64 root : domain.roots) {
      const bool process = domain.kind == Domain::Kind::process;
      if (process || domain.shadow || domain.kind == Domain::Kind::hypervisor)
        tables.by_cr3(root, process, process || domain.shadow, found);
      else
        tables.by_ept(root, found);
    }
  }
  // What is whose.
  std::vector<std::vector<bool>> owned;
  for (std::size_t n = 0; n < domains.size(); ++n) {
    owned.push_back(maps[n].reads);
    if (domains[n].kind != Domain::Kind::hypervisor) continue;
    for (std::size_t other = 0; other < domains.size(); ++other) {
      if (other == n) continue;
      for (std::size_t page = 0; page < ram.size(); ++page)
        if (maps[other].reads[page]) owned[n][page] = false;
    }
  }
  IsolationMap map;
  map.reach.assign(domains.size(), std::vector<Reach>(domains.size()));
  for (std::size_t who = 0; who < domains.size(); ++who) {
    for (std::size_t whose = 0; whose < domains.size(); ++whose) {
      Reach& reach = map.reach[who][whose];
      for (std::size_t page = 0; page < ram.size(); ++page) {
        if (!owned[whose][page]) continue;
        reach.reads += maps[who].reads[page];
        reach.writes += maps[who].writes[page];
      }
    }
  }
  for (std::size_t n = 0; n < domains.size(); ++n) {
    if (domains[n].kind == Domain::Kind::hypervisor)
      map.executable += static_cast<u64>(std::count(maps[n].runs.begin(), maps[n].runs.end(), true));
  }
  map.domains = std::move(domains);
  return map;
}

}  // namespace ringside::compare
