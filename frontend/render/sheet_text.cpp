// Owns the layout of sheets in lines.
#include "frontend/render/sheet_text.h"

#include <fmt/format.h>

namespace ringside {
namespace {

void put(std::string& out, const Cell& cell, bool colour) {
  if (cell.quiet) return;
  const bool marked = colour && cell.changed;
  if (marked) out += "\033[1m";
  if (cell.width < 0)
    out += fmt::format("{:>{}}", cell.text, -cell.width);
  else
    out += fmt::format("{:<{}}", cell.text, cell.width);
  if (marked) out += "\033[0m";
}

}  // namespace

std::string text(const Sheet& sheet, bool colour) {
  std::string out;
  for (const Section& section : sheet.sections) {
    for (const Row& row : section.rows) {
      for (const Cell& cell : row.cells) put(out, cell, colour);
      if (!row.goes_on) out += "\n";
    }
  }
  return out;
}

}  // namespace ringside
