// Owns source lines: from an address to its line and from a line to its addresses, by DWARF.
#include <dwarf.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "frontend/symbols/symbols_image.h"

namespace ringside {
namespace {

// The file is named by the end of its path, at a folder's border.
bool names_file(std::string_view path, std::string_view wanted) {
  if (wanted.empty() || !path.ends_with(wanted)) return false;
  return path.size() == wanted.size() || path[path.size() - wanted.size() - 1] == '/';
}

}  // namespace

// Not .debug_aranges, which many compilers leave out: each unit's own ranges.
void SymbolImage::index_units() {
  if (units_known_) return;
  units_known_ = true;
  Dwarf_Off offset = 0, next = 0;
  std::size_t header = 0;
  while (dwarf_nextcu(dwarf_, offset, &next, &header, nullptr, nullptr, nullptr) == 0) {
    Dwarf_Die die;
    if (next <= offset) break;
    const Dwarf_Off die_at = offset + header;
    offset = next;
    if (!dwarf_offdie(dwarf_, die_at, &die)) continue;
    dies_.push_back(die_at);
    Dwarf_Addr base = 0, low = 0, high = 0;
    for (ptrdiff_t at = 0; (at = dwarf_ranges(&die, at, &base, &low, &high)) > 0;) {
      if (low < high) units_.push_back({low, high, die_at});
    }
  }
  std::sort(units_.begin(), units_.end(), [](const Unit& a, const Unit& b) { return a.low < b.low; });
  u64 reach = 0;
  for (const Unit& unit : units_) unit_reach_.push_back(reach = std::max(reach, unit.high));
}

std::optional<Symbols::Line> SymbolImage::line(u64 address) {
  std::optional<Symbols::Line> line;
  each_unit_at(address, [&](Dwarf_Die& die) {
    Dwarf_Line* found = dwarf_getsrc_die(&die, address);
    if (!found) return false;
    int number = 0;
    Dwarf_Addr start = 0;
    bool statement = false;
    const char* file = dwarf_linesrc(found, nullptr, nullptr);
    if (!file || dwarf_lineno(found, &number) != 0 || number <= 0) return false;
    dwarf_lineaddr(found, &start);
    dwarf_linebeginstatement(found, &statement);
    line = {file, static_cast<unsigned>(number), start, statement};
    return true;
  });
  return line;
}

// The scopes around an address, from the innermost on, up to the function whose code it is.
std::vector<Symbols::Inlined> SymbolImage::inlined(u64 address) {
  std::vector<Symbols::Inlined> all;
  each_unit_at(address, [&](Dwarf_Die& unit) {
    using Dies = std::unique_ptr<Dwarf_Die, decltype(&std::free)>;
    Dwarf_Die* found = nullptr;
    if (dwarf_getscopes(&unit, address, &found) <= 0) return false;
    // Behind an inlined function these are the scopes where it was written; what counts is where it was put.
    const Dies innermost(found, std::free);
    const int count = dwarf_getscopes_die(innermost.get(), &found);
    if (count <= 0) return false;
    const Dies scopes(found, std::free);
    Dwarf_Files* files = nullptr;
    dwarf_getsrcfiles(&unit, &files, nullptr);
    for (int n = 0; n < count; ++n) {
      if (dwarf_tag(&found[n]) == DW_TAG_subprogram) break;
      if (dwarf_tag(&found[n]) != DW_TAG_inlined_subroutine) continue;
      const auto number = [&](unsigned name) -> Dwarf_Word {
        Dwarf_Attribute attribute;
        Dwarf_Word value = 0;
        if (!dwarf_attr(&found[n], name, &attribute) || dwarf_formudata(&attribute, &value) != 0) return 0;
        return value;
      };
      Symbols::Inlined one;
      const char* name = dwarf_diename(&found[n]);
      const char* file = files ? dwarf_filesrc(files, number(DW_AT_call_file), nullptr, nullptr) : nullptr;
      if (name) one.function = name;
      if (file) one.call.file = file;
      one.call.line = static_cast<unsigned>(number(DW_AT_call_line));
      all.push_back(std::move(one));
    }
    return true;
  });
  return all;
}

// A unit's line table is long; its name is at hand, and most questions are about the file that it names.
std::vector<Dwarf_Off> SymbolImage::units_of(std::string_view file) {
  index_units();
  std::vector<Dwarf_Off> named;
  for (const Dwarf_Off at : dies_) {
    Dwarf_Die die;
    const char* name = dwarf_offdie(dwarf_, at, &die) ? dwarf_diename(&die) : nullptr;
    if (name && names_file(name, file)) named.push_back(at);
  }
  return named.empty() ? dies_ : named;
}

std::optional<std::string> SymbolImage::source_file(std::string_view name) {
  if (!has_lines_) return std::nullopt;
  for (const Dwarf_Off at : units_of(name)) {
    Dwarf_Die die;
    Dwarf_Files* files = nullptr;
    std::size_t count = 0;
    if (!dwarf_offdie(dwarf_, at, &die) || dwarf_getsrcfiles(&die, &files, &count) != 0) continue;
    for (std::size_t i = 0; i < count; ++i) {
      const char* path = dwarf_filesrc(files, i, nullptr, nullptr);
      if (path && names_file(path, name)) return path;
    }
  }
  return std::nullopt;
}

void SymbolImage::lines_of(std::string_view file, unsigned line, std::vector<u64>& addresses) {
  if (!has_lines_) return;
  // The nearest line at or behind the wanted one that has code, over all units.
  unsigned nearest = ~0u;
  std::vector<u64> found;
  for (const Dwarf_Off at : units_of(file)) {
    Dwarf_Die die;
    Dwarf_Lines* lines = nullptr;
    std::size_t count = 0;
    if (!dwarf_offdie(dwarf_, at, &die) || dwarf_getsrclines(&die, &lines, &count) != 0) continue;
    unsigned previous = 0;
    std::string_view previous_file;
    for (std::size_t i = 0; i < count; ++i) {
      Dwarf_Line* row = dwarf_onesrcline(lines, i);
      int number = 0;
      bool end = false, statement = false;
      Dwarf_Addr address = 0;
      const char* source = row ? dwarf_linesrc(row, nullptr, nullptr) : nullptr;
      if (!source || dwarf_lineno(row, &number) != 0 || dwarf_lineaddr(row, &address) != 0) continue;
      dwarf_lineendsequence(row, &end);
      dwarf_linebeginstatement(row, &statement);
      const unsigned n = static_cast<unsigned>(std::max(number, 0));
      // A line's code begins where the one before was another.
      const bool begins = !end && statement && (n != previous || previous_file != source);
      previous = end ? 0 : n;
      previous_file = source;
      if (!begins || n < line || n > nearest || !names_file(source, file)) continue;
      if (n < nearest) found.clear();
      nearest = n;
      found.push_back(address);
    }
  }
  addresses.insert(addresses.end(), found.begin(), found.end());
}

void SymbolImage::each_line(const std::function<void(const Symbols::Line& line, u64 end)>& visit) {
  if (!has_lines_) return;
  index_units();
  for (const Dwarf_Off at : dies_) {
    Dwarf_Die die;
    Dwarf_Lines* lines = nullptr;
    std::size_t count = 0;
    if (!dwarf_offdie(dwarf_, at, &die) || dwarf_getsrclines(&die, &lines, &count) != 0) continue;
    // A row's code ends where the next one's begins.
    Symbols::Line open;
    for (std::size_t i = 0; i < count; ++i) {
      Dwarf_Line* row = dwarf_onesrcline(lines, i);
      int number = 0;
      bool end = false;
      Dwarf_Addr address = 0;
      const char* source = row ? dwarf_linesrc(row, nullptr, nullptr) : nullptr;
      if (!source || dwarf_lineno(row, &number) != 0 || dwarf_lineaddr(row, &address) != 0) continue;
      dwarf_lineendsequence(row, &end);
      if (open.line != 0 && open.start < address) visit(open, address);
      open = {source, end ? 0 : static_cast<unsigned>(std::max(number, 0)), address, true};
    }
  }
}

std::vector<Dwarf_CFI*> SymbolImage::frames() {
  if (!frames_known_) {
    frames_known_ = true;
    if (dwarf_) debug_frame_ = dwarf_getcfi(dwarf_);
    if (elf_) eh_frame_ = dwarf_getcfi_elf(elf_);
  }
  std::vector<Dwarf_CFI*> all;
  if (debug_frame_) all.push_back(debug_frame_);
  if (eh_frame_) all.push_back(eh_frame_);
  return all;
}

}  // namespace ringside
