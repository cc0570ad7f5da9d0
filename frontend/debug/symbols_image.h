// Owns one image of symbols: the file, its index by address and by name, and DWARF's part of it. Addresses
// here are the file's own; Symbols adds offsets.
#pragma once

#include <elfutils/libdw.h>

#include <optional>
#include <unordered_map>

#include "frontend/debug/symbols.h"

namespace ringside {

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
  bool open(const std::string& path, std::string& error);

  bool elf() const { return elf_ != nullptr; }
  bool has_lines() const { return has_lines_; }
  std::vector<Dwarf_CFI*> frames();
  u64 entry() const { return entry_; }
  std::size_t size() const { return symbols_.size(); }
  // The range that the image explains.
  u64 low() const { return low_; }
  u64 high() const { return high_; }

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

 private:
  struct Unit {
    u64 low, high;
    Dwarf_Off die;
  };
  bool open_elf(std::string& error);
  bool read_list(std::string& error);
  bool read_elf_symbols();
  void read_sections();
  void index();
  std::size_t first_name(std::string_view prefix) const;
  void index_units();

  int file_ = -1;
  Elf* elf_ = nullptr;
  Dwarf* dwarf_ = nullptr;
  bool has_lines_ = false, units_known_ = false;
  Dwarf_CFI* debug_frame_ = nullptr;  // dwarf_ owns it
  Dwarf_CFI* eh_frame_ = nullptr;
  bool frames_known_ = false;
  std::string text_;  // of a list of symbols: what the names point into
  std::vector<Symbol> symbols_;
  std::vector<const Symbol*> by_address_, by_name_;
  std::vector<Unit> units_;      // sorted by `low`
  std::vector<u64> unit_reach_;  // the highest `high` of all units up to here
  std::vector<Dwarf_Off> dies_;  // of all compilation units
  u64 entry_ = 0, low_ = 0, high_ = 0;
};

}  // namespace ringside
