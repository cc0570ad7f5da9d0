// Owns the values that looks are made of: sheets of sections of rows of cells. A renderer makes terminal
// text, JSON or anything else of them (frontend/render).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cpu/arch/types.h"

namespace ringside {

// What a cell points at, for whoever can follow it.
struct Link {
  enum class To : u8 { nothing, linear, guest_linear, guest_physical, host_physical, source, field };
  To to = To::nothing;
  u64 address = 0;
  std::string name;  // of a symbol at the address, "file:line" of source, of the field of the VMCS
};

struct Cell {
  std::string name;  // for programs, "base", never "name"; empty: words between values, for people only
  std::string text;  // for people; empty with `quiet`: there are only the values
  std::optional<u64> number = std::nullopt;
  std::vector<std::string> bits = {};  // names of the bits that are set, "IOPL=3" for wider fields
  Link link = {};
  int width = 0;         // of the text in characters, at least; below 0: the text stands at the right
  bool quiet = false;    // the words around it tell it already
  bool changed = false;  // since the sheet was looked at before: see mark_changes()
};

// One line of text, unless it goes on.
class Row {
 public:
  explicit Row(std::string_view name = {}) : name(name) {}

  // Each adds a cell and returns the row. Words that people read around the values:
  Row& say(std::string_view words);
  // Hexadecimal; `digits`: filled with zeros, 0: with 0x in front. Decimal; `width`: as of Cell.
  Row& hex(std::string_view called, u64 value, int digits = 0);
  Row& count(std::string_view called, u64 value, int width = 0);
  Row& word(std::string_view called, std::string_view text, int width = 0);
  // A number that is told in other words.
  Row& number(std::string_view called, u64 value, std::string_view text, int width = 0);
  Row& names(std::string_view called, std::vector<std::string> set, std::string_view if_none = "-");
  // Values that the words tell already.
  Row& quiet(std::string_view called, u64 value);
  Row& quiet(std::string_view called, std::string_view text);
  Row& quiet(std::string_view called, std::vector<std::string> list);
  // Of the cell that was added last.
  Row& to(Link::To where, u64 address, std::string_view symbol = {});
  // The next row stands in the same line, for people.
  Row& go_on();

  const Cell* find(std::string_view called) const;  // nullptr: there is no such cell

  std::string name;  // for programs; may be empty
  std::vector<Cell> cells;
  bool goes_on = false;
};

struct Section {
  std::string name;
  std::vector<Row> rows;
};

struct Sheet {
  std::string name;
  std::vector<Section> sections;

  Sheet() = default;
  explicit Sheet(std::string_view called) : name(called) {}

  void section(std::string_view called) { sections.push_back({std::string(called), {}}); }
  // In the section that was begun last, or in one without a name.
  Row& row(std::string_view called = {});
  void add(const Sheet& other);                 // its sections
  const Row* find(std::string_view row) const;  // the first of that name; nullptr: there is none
};

// Marks each cell of `now` that says something else than the one of the same name in `before`: in the row of
// the same name and place, or of a name that no other row has.
void mark_changes(Sheet& now, const Sheet& before);

// "PE", "ET", "bit20", "IOPL=3": the bits that are set in a register or MSR (cpu/arch/register_bits.h), in
// rising order; wider fields where they are not 0 (IOPL always). Bits that are always 1 are left out.
std::vector<std::string> set_bits(std::string_view of, u64 value);

}  // namespace ringside
