// Owns one image of symbols: the file, its index by address and by name, and DWARF's part of it. Addresses
// here are the file's own; Symbols adds offsets.
#pragma once

#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>

#include "frontend/symbols/orc.h"
#include "frontend/symbols/dwarf_values.h"
#include "frontend/symbols/symbols.h"

namespace ringside {

// To the next one of the same parent; false: it was the last. A damaged file may say that an earlier one
// follows.
inline bool next_sibling(Dwarf_Die& die) {
  const Dwarf_Off at = dwarf_dieoffset(&die);
  return dwarf_siblingof(&die, &die) == 0 && dwarf_dieoffset(&die) > at;
}

class SymbolImage {
 public:
  struct Symbol {
    u64 address = 0, size = 0;
    std::string_view name;
    bool absolute = false;  // a constant: has no place in the address space
    u8 rank = 0;            // among symbols at one address the highest is shown
  };

  SymbolImage() = default;
  ~SymbolImage();
  SymbolImage(const SymbolImage&) = delete;
  SymbolImage& operator=(const SymbolImage&) = delete;

  // False and why in `error`, which does not name the file. An image that could not be opened is useless.
  // `folders`: where a separate file of debugging information may be, besides the usual places.
  bool open(const std::string& path, const std::vector<Symbols::Section>& sections,
            const std::vector<std::string>& folders, std::string& error);
  bool open(std::span<const u8> elf, std::string& error);

  bool elf() const { return elf_ != nullptr; }
  bool has_lines() const { return has_lines_; }
  // The separate file of debugging information that is used; empty: none.
  const std::string& debug_file() const { return debug_path_; }
  std::vector<Dwarf_CFI*> frames();
  std::optional<OrcEntry> orc(u64 address);
  u64 entry() const { return entry_; }
  std::size_t size() const { return symbols_.size(); }
  // The range that the image explains.
  u64 low() const { return low_; }
  u64 high() const { return high_; }
  bool covers(u64 address) const;

  const Symbol* find(u64 address) const;  // the last one at or before, inside the range
  const Symbol* named(std::string_view name) const;
  // Calls visit(name) for each name that begins with `prefix`, in order, until it returns false.
  template <class Visit>
  void each_name(std::string_view prefix, Visit visit) const {
    for (auto i = first_name(prefix); i < by_name_.size() && by_name_[i]->name.starts_with(prefix); ++i) {
      if (!visit(by_name_[i]->name)) return;
    }
  }
  std::optional<Symbols::Line> line(u64 address);
  void lines_of(std::string_view file, unsigned line, std::vector<u64>& addresses);
  // Every row of the line tables that has code: visit(Symbols::Line without the statement's mark, end).
  void each_line(const std::function<void(const Symbols::Line& line, u64 end)>& visit);
  std::vector<Symbols::Inlined> inlined(u64 address);
  std::optional<Symbols::Member> member(std::string_view structure, std::string_view name);
  std::vector<Symbols::Variable> locals(u64 address, u64 offset, const UnwindRegisters& registers,
                                        std::optional<u64> cfa, const Symbols::Read& read);
  std::vector<Symbols::Variable> members(std::string_view type, std::optional<u64> address,
                                         const Symbols::Read& read);
  std::optional<std::string> source_file(std::string_view name);

  // Calls visit(die, where) for what the function at `address` can name there, the innermost block first.
  // where(die) is the variable's place; nullopt: it has none now.
  using WhereIs = std::function<std::optional<Stored>(Dwarf_Die&)>;
  using VisitVariable = std::function<void(Dwarf_Die&, const WhereIs&)>;
  void each_variable(u64 address, u64 offset, const UnwindRegisters& registers, std::optional<u64> cfa,
                     const Symbols::Read& read, const VisitVariable& visit);
  // A variable outside functions, and its address in the file. False: there is none of this name.
  bool find_global(std::string_view name, Dwarf_Die& found, u64& address);
  // A structure or union; with `any`, also what typedef and C itself name.
  bool find_type(std::string_view name, Dwarf_Die& found, bool any = false);

 private:
  struct Range {
    u64 low, high;
  };
  struct Unit {
    u64 low, high;
    Dwarf_Off die;
  };
  bool open_elf(Elf* elf, const std::vector<Symbols::Section>& sections, std::string& error);
  // symbols_module.cpp
  bool is_module() const;
  void place_sections(const std::vector<Symbols::Section>& sections);
  void open_module_dwarf();
  // symbols_debug_file.cpp
  void open_debug_file(const std::string& path, const std::vector<std::string>& folders);
  bool use_debug_file(const std::string& path, std::span<const u8> build_id, std::optional<u32> crc);
  static bool has_units(Dwarf* dwarf);
  bool finish(std::string_view nothing, std::string& error);
  bool read_list(std::string& error);
  bool read_elf_symbols(Elf* elf);
  // Calls visit(unit) for the compilation units that have code at an address, until it returns true.
  template <class Visit>
  void each_unit_at(u64 address, Visit visit);
  void read_sections();
  void index();
  std::size_t first_name(std::string_view prefix) const;
  const Symbol* named_in_cxx(std::string_view name) const;
  void index_units();
  // The compilation units to ask about a file: those that are called so, or all.
  std::vector<Dwarf_Off> units_of(std::string_view file);

  int file_ = -1, debug_fd_ = -1;
  Elf* elf_ = nullptr;
  Elf* debug_elf_ = nullptr;  // a separate file of debugging information
  std::string debug_path_;
  std::optional<OrcTable> orc_;
  Dwarf* dwarf_ = nullptr;
  Dwfl* dwfl_ = nullptr;         // of a module: owns dwarf_, which is linked to where the sections are
  std::vector<u64> section_at_;  // of a module: by the section's number; nowhere if it is not there
  std::vector<Range> ranges_;    // of a module: its sections, sorted
  static constexpr u64 nowhere = ~u64{0};
  bool has_lines_ = false, units_known_ = false;
  Dwarf_CFI* debug_frame_ = nullptr;  // dwarf_ owns it
  Dwarf_CFI* eh_frame_ = nullptr;
  bool frames_known_ = false;
  std::string bytes_;  // of an ELF file that was given as such
  std::string text_;   // of a list of symbols: what the names point into
  std::vector<Symbol> symbols_;
  std::vector<const Symbol*> by_address_, by_name_;
  // C++'s names without parameters, sorted; made when one is asked for first.
  mutable std::vector<std::pair<std::string, const Symbol*>> cxx_names_;
  std::vector<Unit> units_;                   // sorted by `low`
  std::vector<u64> unit_reach_;               // the highest `high` of all units up to here
  std::vector<Dwarf_Off> dies_;               // of all compilation units
  std::map<std::string, Dwarf_Off> globals_;  // that were asked for; 0: there is none
  u64 entry_ = 0, low_ = 0, high_ = 0;
};

template <class Visit>
void SymbolImage::each_unit_at(u64 address, Visit visit) {
  if (!has_lines_) return;
  index_units();
  std::size_t i =
      static_cast<std::size_t>(std::upper_bound(units_.begin(), units_.end(), address,
                                                [](u64 a, const Unit& unit) { return a < unit.low; }) -
                               units_.begin());
  for (; i > 0 && unit_reach_[i - 1] > address; --i) {
    const Unit& unit = units_[i - 1];
    Dwarf_Die die;
    if (address < unit.high && dwarf_offdie(dwarf_, unit.die, &die) && visit(die)) return;
  }
}

}  // namespace ringside
