// Owns the stepping of the own side, and what of it is compared.
#include "frontend/differ/own_side.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "frontend/inspect/disassembly.h"
#include "vmx/vmcs.h"

namespace ringside {

// Notes where the latest interrupt came.
struct OwnSide::Interrupts final : Witness {
  bool hears_instructions() const override { return false; }
  void instruction(Cpu&) override {}
  void exception(Cpu&, const Fault&, u64) override { exception_came = true; }
  void interrupt(Cpu&, u8, u64 saved_rip) override {
    ++count;
    from = saved_rip;
  }
  void entered(Cpu&) override {}
  void exited(Cpu&, const ExitInfo&) override {}
  void failed(Cpu&, std::string_view) override {}
  void was_reset(Cpu&, bool) override {}

  u64 count = 0, from = 0;
  bool exception_came = false;
};

OwnSide::OwnSide(Machine& machine) : debugger_(machine), interrupts_(std::make_shared<Interrupts>()) {
  debugger_.let_witness(interrupts_);
  for (const auto& region : machine.memory().regions()) {
    if (region.kind == PhysicalMemory::Region::Kind::ram)
      ram_.emplace_back(region.base.value, region.base.value + region.bytes);
  }
}

bool OwnSide::interrupted() const { return interrupts_->count != 0; }

bool OwnSide::took_exception() const { return interrupts_->exception_came; }

// The manual's volume 3, "Software Use of the VMCS and Related Structures".
void OwnSide::adapt_revision() {
  if (!peer_revision_ || !(cpu().cr4 & Cr4::VMXE)) return;
  const std::string mnemonic = next_instruction(cpu(), nullptr).mnemonic;
  if (mnemonic != "vmxon" && mnemonic != "vmptrld" && mnemonic != "vmclear") return;
  const auto operand = memory_operand(cpu());
  u64 pointer = 0;
  if (!operand ||
      debugger_.read({AddressSpace::linear, *operand}, {reinterpret_cast<u8*>(&pointer), sizeof pointer}) !=
          sizeof pointer ||
      !is_ram(pointer, page_bytes))
    return;
  regions_.insert(pointer & ~(page_bytes - 1));
  u32 first = 0;
  debugger_.read({AddressSpace::host_physical, pointer}, {reinterpret_cast<u8*>(&first), sizeof first});
  if ((first & ~shadow_indicator) != *peer_revision_) return;
  first = vmcs_revision | (first & shadow_indicator);
  debugger_.write({AddressSpace::host_physical, pointer},
                  {reinterpret_cast<const u8*>(&first), sizeof first});
}

// The handler is left where the interrupted code goes on. False: it is not, and the machine stands where the
// handler begins. Whether it is must not depend on what was seen before: steps are counted.
bool OwnSide::run_handler_through(u64 back) {
  constexpr unsigned most_returns = 1000;
  constexpr u64 most_instructions = 2'000'000;
  const Place at_entry = here();
  const PageBytes before = pages_now();
  u64 left = most_instructions;
  debugger_.on_allowance([&left](u64 slice) {
    const u64 given = std::min(slice, left);
    left -= given;
    return given;
  });
  bool comes = true;
  for (unsigned n = 0; comes && n < most_returns && address() != back; ++n) {
    const Stop stop = debugger_.run_until({AddressSpace::linear, back});
    comes = stop.kind != Stop::Kind::ended && stop.kind != Stop::Kind::limit;
  }
  debugger_.on_allowance({});
  if (comes)
    note_handlers_bytes(before);
  else
    go_to(at_entry);
  return comes;
}

OwnSide::PageBytes OwnSide::pages_now() {
  PageBytes pages;
  machine().memory().for_each_written_page([&](HostPhys page, const u8* bytes) {
    if (is_ram(page.value, page_bytes)) pages.emplace(page.value, std::vector<u8>(bytes, bytes + page_bytes));
  });
  return pages;
}

void OwnSide::note_handlers_bytes(const PageBytes& before) {
  machine().memory().for_each_written_page([&](HostPhys page, const u8* bytes) {
    const auto known = before.find(page.value);
    if (!is_ram(page.value, page_bytes)) return;
    for (u64 n = 0; n < page_bytes; ++n) {
      if (bytes[n] != (known == before.end() ? 0 : known->second[n])) of_handlers_[page.value].set(n);
    }
  });
}

bool OwnSide::step() {
  adapt_revision();
  const u64 before = address();
  interrupts_->exception_came = entered_handler_ = false;
  const u64 code_base = before - cpu().rip;
  do {
    const u64 interrupts = interrupts_->count;
    constexpr u8 int_n = 0xcd;
    constexpr u64 int_bytes = 2;
    u8 opcode = 0;
    debugger_.read({AddressSpace::linear, address()}, {&opcode, 1});
    const u64 behind_int = cpu().rip + int_bytes;
    const Stop stop = debugger_.step(1, Debugger::Rounds::together);
    if (stop.kind == Stop::Kind::ended) return false;
    // INT n is told as an interrupt, too.
    if (opcode == int_n && interrupts_->from == behind_int) interrupts_->count = interrupts;
    if (interrupts_->count == interrupts) {
      // A part of the rounds is done: they are interruptible here and there.
      if (address() == before && next_instruction(cpu(), nullptr).mnemonic.starts_with("rep")) continue;
      return true;
    }
    if (!run_handler_through(code_base + interrupts_->from)) {
      entered_handler_ = true;
      handler_ = cpu().rip;
      // Bochs meets no breakpoint at a handler's first instruction.
      return debugger_.step(1, Debugger::Rounds::together).kind != Stop::Kind::ended;
    }
  } while (address() == before);
  return true;
}

OwnSide::Place OwnSide::here() { return {machine().save(), pages_, passed_over_}; }

void OwnSide::go_to(const Place& place) {
  std::string error;
  machine().restore(place.state, error);
  debugger_.attach();
  pages_ = place.pages;
  passed_over_ = place.passed_over;
}

namespace {

constexpr std::array<std::string_view, 16> general = {"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp",
                                                      "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
// FNV-1a over words: a sum that tells a page that has changed.
u64 sum_of(const u8* bytes) {
  u64 sum = 0xcbf29ce484222325;
  for (u64 at = 0; at < page_bytes; at += 8) {
    u64 word;
    std::memcpy(&word, bytes + at, sizeof word);
    sum = (sum ^ word) * 0x100000001b3;
    sum ^= sum >> 29;
  }
  return sum;
}

bool is_general(std::string_view name) {
  return std::find(general.begin(), general.end(), name) != general.end();
}
// Those that only 64-bit mode shows. The others' upper halves are undefined outside of it.
bool is_high(std::string_view name) {
  const std::size_t digit = name.find_first_of("0123456789");
  return (name.starts_with('r') || name.starts_with("xmm")) && digit != name.npos &&
         std::stoul(std::string(name.substr(digit))) > 7;
}

}  // namespace

std::vector<DifferentValue> OwnSide::differing(const std::vector<PeerRegister>& peer) {
  std::vector<DifferentValue> out;
  const bool wide = cpu().mode.bits64;
  for (const PeerRegister& one : peer) {
    if (!wide && is_high(one.name)) continue;
    const u64 mask = !wide && is_general(one.name) ? 0xffffffff : ~u64{0};
    const auto own = debugger_.read_register(one.name);
    const bool differs = own && ((*own ^ one.value) & mask);
    if (!differs) passed_over_.erase(one.name);
    if (differs && !passed_over_.contains(one.name))
      out.push_back({one.name, fmt::format("{:#x}", *own & mask), fmt::format("{:#x}", one.value & mask)});
  }
  return out;
}

void OwnSide::take(const std::vector<PeerRegister>& peer, u64 flags, bool take_general) {
  std::string why;
  for (const PeerRegister& one : peer) {
    if (take_general && is_general(one.name)) debugger_.write_register(one.name, one.value, why);
    if (one.name == "eflags" && flags != 0) {
      const u64 own = cpu().eflags();
      debugger_.write_register("eflags", (own & ~flags) | (one.value & flags), why);
    }
  }
}

std::vector<u64> OwnSide::general_registers() {
  std::vector<u64> values;
  for (const std::string_view name : general) values.push_back(debugger_.read_register(name).value_or(0));
  return values;
}

void OwnSide::take_changed(const std::vector<PeerRegister>& peer, const std::vector<u64>& before) {
  const std::vector<u64> now = general_registers();
  std::vector<PeerRegister> changed;
  for (const PeerRegister& one : peer) {
    const auto at = std::find(general.begin(), general.end(), one.name);
    const auto n = static_cast<std::size_t>(at - general.begin());
    if (one.name == "eflags" || (at != general.end() && now[n] != before[n])) changed.push_back(one);
  }
  take(changed, Eflags::arithmetic, true);
}

void OwnSide::pass_over(const std::vector<PeerRegister>& peer) {
  for (const DifferentValue& value : differing(peer)) passed_over_.insert(value.what);
}

bool OwnSide::take_memory(Peer& peer) {
  constexpr u64 conventional_end = 0xa0000, loaded_from = 0x100000, around = 16;
  std::set<u64> pages;
  for (u64 page = 0; page < conventional_end; page += page_bytes) pages.insert(page);
  machine().memory().for_each_written_page([&](HostPhys page, const u8*) {
    for (u64 n = 0; page.value >= loaded_from && n <= around; ++n)
      if (is_ram(page.value + n * page_bytes, page_bytes)) pages.insert(page.value + n * page_bytes);
  });
  std::vector<u8> bytes(page_bytes);
  for (const u64 page : pages) {
    if (!peer.memory(page, bytes)) return false;
    debugger_.write({AddressSpace::host_physical, page}, bytes);
    pages_[page] = sum_of(bytes.data());
  }
  return true;
}

bool OwnSide::is_ram(u64 physical, u64 bytes) const {
  constexpr u64 screen = 0xa0000, above_firmware = 0x100000;
  if (physical < above_firmware && physical + bytes > screen) return false;
  return std::any_of(ram_.begin(), ram_.end(), [&](const auto& range) {
    return physical >= range.first && physical + bytes <= range.second;
  });
}

namespace {

// Words that differ are told as one; `most` is enough of them.
void compare_words(u64 physical, std::span<const u8> own, std::span<const u8> theirs,
                   std::vector<DifferentValue>& differ) {
  constexpr std::size_t most = 64;
  for (std::size_t at = 0; at < own.size() && differ.size() < most; ++at) {
    if (own[at] == theirs[at]) continue;
    const std::size_t size = std::min<std::size_t>(8, own.size() - at);
    std::string left, right;
    for (std::size_t n = 0; n < size; ++n) {
      left += fmt::format("{:02x} ", own[at + n]);
      right += fmt::format("{:02x} ", theirs[at + n]);
    }
    left.pop_back();
    right.pop_back();
    differ.push_back({fmt::format("bytes from physical {:#x}", physical + at), left, right});
    at += size - 1;
  }
}

}  // namespace

bool OwnSide::compare_bytes(Peer& peer, u64 physical, u64 bytes, std::vector<DifferentValue>& differ) {
  if (!is_ram(physical, bytes) || regions_.contains(physical & ~(page_bytes - 1))) return true;
  std::vector<u8> own(bytes), theirs(bytes);
  debugger_.read({AddressSpace::host_physical, physical}, own);
  if (!peer.memory(physical, theirs)) return false;
  compare_words(physical, own, theirs, differ);
  return true;
}

std::optional<bool> OwnSide::take_bytes(Peer& peer, u64 physical, u64 bytes) {
  if (!is_ram(physical, bytes) || regions_.contains(physical & ~(page_bytes - 1))) return false;
  std::vector<u8> own(bytes), theirs(bytes);
  debugger_.read({AddressSpace::host_physical, physical}, own);
  if (!peer.memory(physical, theirs)) return std::nullopt;
  if (own == theirs) return false;
  debugger_.write({AddressSpace::host_physical, physical}, theirs);
  return true;
}

bool OwnSide::take_resume_flag(u64 physical, std::vector<DifferentValue>& differ, Peer& peer, u64 bytes) {
  std::vector<u8> own(bytes), theirs(bytes);
  debugger_.read({AddressSpace::host_physical, physical}, own);
  if (!peer.memory(physical, theirs)) return false;
  bool taken = false;
  for (std::size_t at = 2; at < bytes; at += 2) {
    if ((own[at] ^ theirs[at]) != (Eflags::RF >> 16)) continue;
    debugger_.write({AddressSpace::host_physical, physical + at}, {&theirs[at], 1});
    own[at] = theirs[at];
    taken = true;
  }
  if (own == theirs) differ.clear();
  return taken;
}

// Handlers run below what the interrupted code has on its stack, and have left there what it had in its
// registers where the interrupt came.
void OwnSide::take_dead_stack(u64 page, std::vector<u8>& own, std::span<const u8> theirs) {
  const u64 base = cpu().mode.bits64 ? 0 : cpu().segment[SS].base, top = base + cpu().gpr[RSP];
  const auto place = debugger_.translate({AddressSpace::linear, top - 1});
  if (!place || (place->value & ~(page_bytes - 1)) != page) return;
  const std::size_t end = place->value % page_bytes + 1;
  if (std::equal(own.begin(), own.begin() + static_cast<std::ptrdiff_t>(end), theirs.begin())) return;
  std::copy_n(theirs.begin(), end, own.begin());
  debugger_.write({AddressSpace::host_physical, page}, theirs.first(end));
}

bool OwnSide::take_pages(Peer& peer) {
  std::vector<u8> theirs(page_bytes);
  for (const auto& [page, own] : pages_now()) {
    const auto known = pages_.find(page);
    if (regions_.contains(page) || (known != pages_.end() && known->second == sum_of(own.data()))) continue;
    if (!peer.memory(page, theirs)) return false;
    for (u64 n = 0; n < page_bytes; ++n)
      if (own[n] != theirs[n]) of_handlers_[page].set(n);
    if (own != theirs) debugger_.write({AddressSpace::host_physical, page}, theirs);
    pages_[page] = sum_of(theirs.data());
  }
  return true;
}

bool OwnSide::compare_pages(Peer& peer, std::vector<DifferentValue>& differ) {
  std::vector<std::pair<u64, std::vector<u8>>> changed;
  machine().memory().for_each_written_page([&](HostPhys page, const u8* bytes) {
    if (!is_ram(page.value, page_bytes) || regions_.contains(page.value)) return;
    const auto known = pages_.find(page.value);
    if (known == pages_.end() || known->second != sum_of(bytes))
      changed.emplace_back(page.value, std::vector<u8>(bytes, bytes + page_bytes));
  });
  std::vector<u8> theirs(page_bytes);
  for (auto& [page, own] : changed) {
    if (!peer.memory(page, theirs)) return false;
    if (own == theirs) {
      pages_[page] = sum_of(own.data());
      continue;
    }
    if (interrupted()) take_dead_stack(page, own, theirs);
    const u64 sum = sum_of(own.data());
    const auto handlers = of_handlers_.find(page);
    for (u64 n = 0; handlers != of_handlers_.end() && n < page_bytes; ++n)
      if (handlers->second[n]) own[n] = theirs[n];
    const std::size_t before = differ.size();
    compare_words(page, own, theirs, differ);
    if (differ.size() == before)
      pages_[page] = sum;
    else if (before == 0) {
      const auto [first, other] = std::mismatch(own.begin(), own.end(), theirs.begin());
      first_different_ = page + static_cast<u64>(first - own.begin());
    }
  }
  return true;
}

}  // namespace ringside
