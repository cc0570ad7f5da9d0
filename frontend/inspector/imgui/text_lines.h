// Owns a sheet as lines of characters for a window: which part has which colour, and what can be followed
// from it. No ImGui here.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/inspect/sheet.h"

namespace ringside {

struct TextRun {
  enum class Look : u8 { plain, dim, link, name, source };
  std::size_t first = 0, end = 0;  // columns
  Look look = Look::plain;
  bool changed = false;
  std::optional<u64> number;  // of the cell
  Link link;
};

struct TextLine {
  std::string text;  // a byte is a column
  std::vector<TextRun> runs;
  bool current = false;            // the CPU's next instruction
  std::optional<u64> address;      // of the instruction; a breakpoint can stand there
  std::optional<bool> breakpoint;  // one stands there: whether it is enabled
  std::optional<u64> exit;         // the number of a VM exit in a list of them

  const TextRun* at(std::size_t column) const;  // nullptr: nothing is there
};

// What is not printable ASCII is shown as a dot; tabs are filled up to the next eighth column.
std::string columns(std::string_view text);
std::vector<TextLine> text_lines(const Sheet& sheet);
std::vector<TextLine> text_lines(const std::vector<std::string>& lines);

// A place in lines; `end` after the last column of a line is one, too.
struct TextPlace {
  std::size_t line = 0, column = 0;
  auto operator<=>(const TextPlace&) const = default;
};
// What is between two places, in any order, with a newline between lines.
std::string text_between(const std::vector<TextLine>& lines, TextPlace a, TextPlace b);

}  // namespace ringside
