// Owns what is special to Linux's modules: they are linked only when they are loaded, to wherever there is
// room.
#include <gelf.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "frontend/symbols/symbols_image.h"

namespace ringside {
namespace {

constexpr std::string_view per_cpu = ".data..percpu";

bool initial(std::string_view name) { return name.starts_with(".init"); }

}  // namespace

bool SymbolImage::is_module() const {
  std::size_t names = 0;
  if (elf_getshdrstrndx(elf_, &names) != 0) return false;
  for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf_, section)) != nullptr;) {
    GElf_Shdr header;
    const char* name = gelf_getshdr(section, &header) ? elf_strptr(elf_, names, header.sh_name) : nullptr;
    if (name && std::string_view(name) == ".gnu.linkonce.this_module") return true;
  }
  return false;
}

void SymbolImage::place_sections(const std::vector<Symbols::Section>& sections) {
  std::size_t names = 0, count = 0;
  elf_getshdrstrndx(elf_, &names);
  elf_getshdrnum(elf_, &count);
  section_at_.assign(std::max<std::size_t>(count, 1), nowhere);
  struct Part {
    std::size_t number;
    std::string_view name;
    GElf_Shdr header;
  };
  std::vector<Part> parts;
  for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf_, section)) != nullptr;) {
    GElf_Shdr header;
    const char* name = gelf_getshdr(section, &header) ? elf_strptr(elf_, names, header.sh_name) : nullptr;
    if (!name || !(header.sh_flags & SHF_ALLOC) || name == per_cpu) continue;
    parts.push_back({elf_ndxscn(section), name, header});
  }
  if (sections.empty()) {
    // Linux puts code first, then what is only read, then the rest, each from a new page on; what is only
    // for the start lies elsewhere.
    u64 at = 0;
    for (unsigned group = 0; group < 3; ++group) {
      at = (at + page_bytes - 1) & ~(page_bytes - 1);
      for (const Part& part : parts) {
        const u64 flags = part.header.sh_flags;
        const unsigned of = flags & SHF_EXECINSTR ? 0 : flags & SHF_WRITE ? 2 : 1;
        if (of != group || initial(part.name)) continue;
        const u64 align = std::clamp<u64>(part.header.sh_addralign, 1, page_bytes);
        at = (at + align - 1) / align * align;
        section_at_[part.number] = at;
        at += std::min<u64>(part.header.sh_size, u64{1} << 32);
      }
    }
  } else {
    for (const Part& part : parts) {
      for (const Symbols::Section& given : sections) {
        if (given.name == part.name) section_at_[part.number] = given.address;
      }
    }
  }
  low_ = ~u64{0};
  for (const Part& part : parts) {
    const u64 low = section_at_[part.number], high = low + part.header.sh_size;
    if (low == nowhere || low >= high) continue;
    ranges_.push_back({low, high});
    low_ = std::min(low_, low);
    high_ = std::max(high_, high);
  }
  if (ranges_.empty()) low_ = 0;
  std::sort(ranges_.begin(), ranges_.end(), [](const Range& a, const Range& b) { return a.low < b.low; });
}

// libdwfl links what describes the code; it asks for the file and for the place of each section.
void SymbolImage::open_module_dwarf() {
  static constexpr Dwfl_Callbacks callbacks = {
      .find_elf = [](Dwfl_Module*, void** data, const char*, Dwarf_Addr, char** name, Elf**) -> int {
        *name = ::strdup("module");
        return ::dup(static_cast<SymbolImage*>(*data)->file_);
      },
      .find_debuginfo = [](Dwfl_Module*, void**, const char*, Dwarf_Addr, const char*, const char*, GElf_Word,
                           char**) -> int { return -1; },
      .section_address = [](Dwfl_Module*, void** data, const char*, Dwarf_Addr, const char*, GElf_Word number,
                            const GElf_Shdr*, Dwarf_Addr* address) -> int {
        const std::vector<u64>& at = static_cast<SymbolImage*>(*data)->section_at_;
        *address = number < at.size() ? at[number] : nowhere;
        return DWARF_CB_OK;
      },
      .debuginfo_path = nullptr};
  if (file_ < 0 || ranges_.empty()) return;
  dwfl_ = dwfl_begin(&callbacks);
  if (!dwfl_) return;
  dwfl_report_begin(dwfl_);
  Dwfl_Module* module = dwfl_report_module(dwfl_, "module", low_, high_);
  void** data = nullptr;
  if (module && dwfl_module_info(module, &data, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr))
    *data = this;
  dwfl_report_end(dwfl_, nullptr, nullptr);
  Dwarf_Addr bias = 0;
  if (!data) return;
  dwarf_ = dwfl_module_getdwarf(module, &bias);
  if (bias != 0) dwarf_ = nullptr;
}

}  // namespace ringside
