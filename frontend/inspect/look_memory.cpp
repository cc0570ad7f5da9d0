// Owns the way from an address to bytes for whoever looks, and memory as text.
#include "frontend/inspect/look_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "vmx/explain_walk.h"

namespace ringside {
namespace {

// In the order in which somebody who looks wants to know why not.
constexpr Access attempts[] = {{AccessKind::read, false},
                               {AccessKind::read, true},
                               {AccessKind::execute, false},
                               {AccessKind::execute, true}};

std::optional<HostPhys> through_paging(const Cpu& cpu, u64 address, std::string* why) {
  for (const Access& access : attempts) {
    HostPhys at;
    Fault fault;
    if (cpu.mmu.probe(LinAddr(address), access, at, fault)) return at;
  }
  if (why) *why = explain_walk(cpu.mmu, LinAddr(address), attempts[0]).conclusion;
  return std::nullopt;
}

template <class Walk>
std::optional<HostPhys> through_guest(const Cpu& cpu, std::string* why, Walk walk) {
  if (!cpu.vmx || !cpu.vmx->current) {
    if (why) *why = "there is no guest: the CPU has no current VMCS";
    return std::nullopt;
  }
  for (const Access& access : attempts) {
    const ExplainedWalk found = walk(*cpu.vmx->current, access);
    if (!found.failed) return found.address;
    if (why && &access == attempts) *why = found.conclusion;
  }
  return std::nullopt;
}

void words(Row& row, const Cpu& cpu, std::span<const u8> bytes, unsigned size, const Symbols* symbols) {
  std::string characters;
  std::size_t shown = 0;
  for (std::size_t at = 0; at + size <= bytes.size(); at += size, ++shown) {
    u64 word = 0;
    for (unsigned i = size; i-- > 0;) word = word << 8 | bytes[at + i];
    row.say(" ").hex(fmt::format("w{}", shown), word, static_cast<int>(2 * size));
    if (size == 1) characters += word >= 0x20 && word < 0x7f ? static_cast<char>(word) : '.';
    if (size == 8 && symbols) {
      if (const std::string name = symbols->text(word, world_of(cpu)); !name.empty()) {
        row.to(Link::To::linear, word, name);
        row.say(fmt::format(" <{}>", name));
      }
    }
  }
  if (size == 1) row.say(fmt::format("{:{}}  ", "", 3 * (16 - shown))).word("characters", characters);
}

Link::To link_of(AddressSpace space) {
  switch (space) {
    case AddressSpace::linear: return Link::To::linear;
    case AddressSpace::guest_linear: return Link::To::guest_linear;
    case AddressSpace::guest_physical: return Link::To::guest_physical;
    case AddressSpace::host_physical: return Link::To::host_physical;
  }
  return Link::To::nothing;
}

}  // namespace

std::optional<HostPhys> locate(const Cpu& cpu, AddressSpace space, u64 address, std::string* why) {
  switch (space) {
    case AddressSpace::host_physical: return HostPhys(address);
    case AddressSpace::linear: return through_paging(cpu, address, why);
    case AddressSpace::guest_linear:
      if (cpu.non_root) return through_paging(cpu, address, why);
      return through_guest(cpu, why, [&](const Vmcs& vmcs, const Access& access) {
        return explain_guest_walk(cpu, vmcs, LinAddr(address), access);
      });
    case AddressSpace::guest_physical:
      return through_guest(cpu, why, [&](const Vmcs& vmcs, const Access& access) {
        return explain_ept_walk(cpu, vmcs, GuestPhys(address), access.kind);
      });
  }
  return std::nullopt;
}

std::size_t peek(const Cpu& cpu, AddressSpace space, u64 address, std::span<u8> bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const auto at = locate(cpu, space, address + done);
    if (!at) break;
    const std::size_t chunk = std::min<std::size_t>(bytes.size() - done, page_bytes - at->page_offset());
    cpu.mmu.memory().read_block(*at, bytes.data() + done, chunk);
    done += chunk;
  }
  return done;
}

std::optional<u64> peek_word(const Cpu& cpu, AddressSpace space, u64 address, unsigned size) {
  u8 bytes[8] = {};
  if (size > sizeof bytes || peek(cpu, space, address, std::span(bytes, size)) != size) return std::nullopt;
  u64 word = 0;
  for (unsigned i = size; i-- > 0;) word = word << 8 | bytes[i];
  return word;
}

std::size_t poke(const Cpu& cpu, AddressSpace space, u64 address, std::span<const u8> bytes) {
  std::size_t done = 0;
  PhysicalMemory& memory = cpu.mmu.memory();
  while (done < bytes.size()) {
    const auto at = locate(cpu, space, address + done);
    PhysicalMemory::Page page;
    if (!at || !memory.page(*at, page) || !page.ram) break;
    const std::size_t chunk = std::min<std::size_t>(bytes.size() - done, page_bytes - at->page_offset());
    memory.write_block(*at, bytes.data() + done, chunk);
    done += chunk;
  }
  return done;
}

Sheet memory_sheet(const Cpu& cpu, AddressSpace space, u64 address, unsigned count, unsigned size,
                   const Symbols* symbols) {
  constexpr unsigned line_bytes = 16;
  Sheet sheet("memory");
  sheet.section("memory");
  if (size != 1 && size != 2 && size != 4 && size != 8) {
    sheet.row("refusal").word("refusal", "words have 1, 2, 4 or 8 bytes");
    return sheet;
  }
  const auto line = [&](u64 at) -> Row& {
    return sheet.row().number("address", at, fmt::format("{:#018x}", at)).to(link_of(space), at).say(":");
  };
  for (u64 left = u64{count} * size; left != 0;) {
    u8 bytes[line_bytes] = {};
    const std::size_t wanted = std::min<u64>(left, line_bytes);
    const std::size_t there = peek(cpu, space, address, std::span(bytes, wanted));
    if (there >= size) words(line(address), cpu, std::span(bytes, there), size, symbols);
    if (there < wanted) {
      std::string why;
      locate(cpu, space, address + there, &why);
      line(address + there).say(" ").word("unreadable", why);
      return sheet;
    }
    address += wanted;
    left -= wanted;
  }
  return sheet;
}

}  // namespace ringside
