// Owns the reading of ORC from a kernel's file, and one step outward by it.
#include "frontend/symbols/orc.h"

#include <gelf.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <tuple>

#include "frontend/symbols/symbols_image.h"
#include "frontend/symbols/unwind.h"

namespace ringside {
namespace {

// Offsets in Linux's struct pt_regs, which the entry code builds on the stack; the processor's own part of it
// begins at `ip`.
constexpr u64 saved_ip = 128, saved_sp = 152, ip_to_sp = saved_sp - saved_ip;
struct Saved {
  unsigned dwarf;  // the register's number
  u64 offset;
};
constexpr Saved saved[] = {{15, 0}, {14, 8}, {13, 16}, {12, 24}, {6, 32}, {3, 40},  {11, 48}, {10, 56},
                           {9, 64}, {8, 72}, {0, 80},  {2, 88},  {1, 96}, {4, 104}, {5, 112}};

std::optional<u64> base(OrcEntry::Base which, const UnwindRegisters& inner) {
  switch (which) {
    case OrcEntry::Base::dx: return inner.value[1];
    case OrcEntry::Base::di: return inner.value[5];
    case OrcEntry::Base::bp:
    case OrcEntry::Base::at_bp: return inner.value[UnwindRegisters::rbp];
    case OrcEntry::Base::sp:
    case OrcEntry::Base::at_sp: return inner.value[UnwindRegisters::rsp];
    case OrcEntry::Base::r10: return inner.value[10];
    case OrcEntry::Base::r13: return inner.value[13];
    default: return std::nullopt;
  }
}

u64 plus(u64 value, s16 offset) { return value + static_cast<u64>(s64{offset}); }

struct Section {
  GElf_Shdr header{};
  std::size_t number = 0;
  Elf_Data* data = nullptr;
};

std::optional<Section> section_named(Elf* elf, std::string_view wanted) {
  std::size_t names = 0;
  if (!elf || elf_getshdrstrndx(elf, &names) != 0) return std::nullopt;
  for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf, section)) != nullptr;) {
    Section found;
    const char* name =
        gelf_getshdr(section, &found.header) ? elf_strptr(elf, names, found.header.sh_name) : nullptr;
    if (!name || name != wanted || found.header.sh_type == SHT_NOBITS) continue;
    found.number = elf_ndxscn(section);
    found.data = elf_rawdata(section, nullptr);
    if (found.data && found.data->d_buf) return found;
  }
  return std::nullopt;
}

s32 word_at(const Elf_Data& data, std::size_t at) {
  s32 word = 0;
  std::memcpy(&word, static_cast<const char*>(data.d_buf) + at, 4);
  return word;
}

}  // namespace

OrcEntry orc_entry(std::span<const u8, 6> bytes, bool header) {
  using Frame = OrcEntry::Frame;
  const auto half = [&](unsigned at) { return static_cast<u16>(bytes[at] | bytes[at + 1] << 8); };
  const unsigned bits = half(4);
  OrcEntry entry{static_cast<s16>(half(0)), static_cast<s16>(half(2)), static_cast<OrcEntry::Base>(bits & 15),
                 static_cast<OrcEntry::Base>(bits >> 4 & 15)};
  if (header) {
    constexpr Frame frames[8] = {Frame::none, Frame::end, Frame::call, Frame::registers, Frame::interrupt};
    entry.frame = frames[bits >> 8 & 7];
  } else if (bits >> 10 & 1) {
    entry.frame = Frame::end;
  } else {
    constexpr Frame frames[4] = {Frame::call, Frame::registers, Frame::interrupt, Frame::none};
    entry.frame = entry.sp == OrcEntry::Base::undefined ? Frame::none : frames[bits >> 8 & 3];
  }
  return entry;
}

std::optional<OrcEntry> OrcTable::find(u64 address) const {
  const auto after = std::upper_bound(addresses.begin(), addresses.end(), address);
  if (after == addresses.begin()) return std::nullopt;
  return entries[static_cast<std::size_t>(after - addresses.begin()) - 1];
}

std::optional<OrcEntry> SymbolImage::orc(u64 address) {
  if (!covers(address)) return std::nullopt;
  if (orc_) return orc_->find(address);
  orc_.emplace();
  const auto places = section_named(elf_, ".orc_unwind_ip"), rows = section_named(elf_, ".orc_unwind");
  if (!places || !rows) return std::nullopt;
  const bool header = section_named(elf_, ".orc_header").has_value();
  const std::size_t count = std::min(places->data->d_size / 4, rows->data->d_size / 6);
  // Each place is given as the distance from itself. In a module that is not known before it is linked: its
  // relocations say what will stand there.
  std::vector<u64> at(count, nowhere);
  if (section_at_.empty()) {
    for (std::size_t n = 0; n < count; ++n)
      at[n] = places->header.sh_addr + 4 * n + static_cast<u64>(s64{word_at(*places->data, 4 * n)});
  } else {
    for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf_, section)) != nullptr;) {
      GElf_Shdr relocations, table;
      if (!gelf_getshdr(section, &relocations) || relocations.sh_type != SHT_RELA ||
          relocations.sh_info != places->number)
        continue;
      Elf_Scn* symbols = elf_getscn(elf_, relocations.sh_link);
      Elf_Data* symbol_data =
          symbols && gelf_getshdr(symbols, &table) ? elf_getdata(symbols, nullptr) : nullptr;
      Elf_Data* data = elf_getdata(section, nullptr);
      if (!data || !symbol_data || relocations.sh_entsize == 0) continue;
      for (std::size_t n = 0; n < relocations.sh_size / relocations.sh_entsize; ++n) {
        GElf_Rela one;
        GElf_Sym symbol;
        if (!gelf_getrela(data, static_cast<int>(n), &one) || one.r_offset / 4 >= count ||
            !gelf_getsym(symbol_data, static_cast<int>(GELF_R_SYM(one.r_info)), &symbol) ||
            symbol.st_shndx >= section_at_.size() || section_at_[symbol.st_shndx] == nowhere)
          continue;
        at[one.r_offset / 4] =
            section_at_[symbol.st_shndx] + symbol.st_value + static_cast<u64>(one.r_addend);
      }
    }
  }
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return std::tie(at[a], a) < std::tie(at[b], b); });
  for (const std::size_t n : order) {
    if (at[n] == nowhere) break;
    const auto* row = static_cast<const u8*>(rows->data->d_buf) + 6 * n;
    orc_->addresses.push_back(at[n]);
    orc_->entries.push_back(orc_entry(std::span<const u8, 6>(row, 6), header));
  }
  return orc_->find(address);
}

std::optional<UnwindRegisters> unwind_by_orc(const OrcEntry& entry, const UnwindRegisters& inner,
                                             const ReadStack& read, bool& signal_frame) {
  using Frame = OrcEntry::Frame;
  signal_frame = entry.frame == Frame::registers || entry.frame == Frame::interrupt;
  if (entry.frame == Frame::none || entry.frame == Frame::end) return std::nullopt;
  auto sp = base(entry.sp, inner);
  if (!sp) return std::nullopt;
  if (entry.sp == OrcEntry::Base::at_sp) {
    sp = read(*sp, 8);
    if (sp) sp = plus(*sp, entry.sp_offset);
  } else {
    sp = plus(*sp, entry.sp_offset);
    if (entry.sp == OrcEntry::Base::at_bp) sp = read(*sp, 8);
  }
  if (!sp) return std::nullopt;
  UnwindRegisters outer;
  auto& rip = outer.value[UnwindRegisters::return_address];
  if (entry.frame == Frame::call) {
    rip = read(*sp - 8, 8);
    outer.value[UnwindRegisters::rsp] = *sp;
  } else {
    const u64 pushed = entry.frame == Frame::registers ? *sp + saved_ip : *sp;
    rip = read(pushed, 8);
    outer.value[UnwindRegisters::rsp] = read(pushed + ip_to_sp, 8);
  }
  if (!rip) return std::nullopt;
  if (entry.frame == Frame::registers) {
    for (const Saved& one : saved) outer.value[one.dwarf] = read(*sp + one.offset, 8);
    return outer;
  }
  switch (entry.bp) {
    case OrcEntry::Base::previous_sp:
      outer.value[UnwindRegisters::rbp] = read(plus(*sp, entry.bp_offset), 8);
      break;
    case OrcEntry::Base::bp:
      if (const auto bp = inner.value[UnwindRegisters::rbp])
        outer.value[UnwindRegisters::rbp] = read(plus(*bp, entry.bp_offset), 8);
      break;
    default: outer.value[UnwindRegisters::rbp] = inner.value[UnwindRegisters::rbp]; break;
  }
  return outer;
}

}  // namespace ringside
