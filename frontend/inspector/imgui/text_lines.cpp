// Owns the making of lines from sheets.
#include "frontend/inspector/imgui/text_lines.h"

#include <algorithm>

namespace ringside {
namespace {

TextRun::Look look_of(const Row& row, const Cell& cell) {
  if (cell.name == "source") return TextRun::Look::source;
  if (cell.link.to != Link::To::nothing && cell.link.to != Link::To::source) return TextRun::Look::link;
  if (cell.name == "symbol" || cell.name == "target" || cell.name == "place") return TextRun::Look::name;
  if (cell.name == "bytes" || (cell.name.empty() && row.name == "instruction")) return TextRun::Look::dim;
  return TextRun::Look::plain;
}

void add_cell(TextLine& line, const Row& row, const Cell& cell) {
  if (cell.quiet) {
    if (cell.name == "current") line.current = true;
    if (cell.name == "breakpoint" && !line.breakpoint) line.breakpoint = true;
    if (cell.name == "disabled") line.breakpoint = false;
    return;
  }
  if (cell.name == "exit" && cell.number) line.exit = cell.number;
  if (cell.name == "address" && row.name == "instruction") line.address = cell.number;
  std::string text = columns(cell.text);
  const std::size_t width = static_cast<std::size_t>(cell.width < 0 ? -cell.width : cell.width);
  const std::size_t fill = width > text.size() ? width - text.size() : 0;
  if (cell.width < 0) text.insert(0, fill, ' ');
  const std::size_t first = line.text.size();
  line.text += text;
  line.runs.push_back({first, line.text.size(), look_of(row, cell), cell.changed, cell.number, cell.link});
  if (cell.width > 0) line.text.append(fill, ' ');
}

}  // namespace

const TextRun* TextLine::at(std::size_t column) const {
  for (const TextRun& run : runs)
    if (column >= run.first && column < run.end) return &run;
  return nullptr;
}

std::string columns(std::string_view text) {
  constexpr std::size_t stop = 8;
  std::string out;
  for (const char c : text) {
    if (c == '\t')
      out.append(stop - out.size() % stop, ' ');
    else
      out += c >= 0x20 && c < 0x7f ? c : '.';
  }
  return out;
}

std::vector<TextLine> text_lines(const Sheet& sheet) {
  std::vector<TextLine> lines;
  bool goes_on = false;
  for (const Section& section : sheet.sections) {
    for (const Row& row : section.rows) {
      if (!goes_on) lines.emplace_back();
      for (const Cell& cell : row.cells) add_cell(lines.back(), row, cell);
      goes_on = row.goes_on;
    }
  }
  return lines;
}

std::vector<TextLine> text_lines(const std::vector<std::string>& all) {
  std::vector<TextLine> lines;
  for (const std::string& one : all) {
    TextLine& line = lines.emplace_back();
    line.text = columns(one);
    line.runs.push_back({0, line.text.size()});
  }
  return lines;
}

std::string text_between(const std::vector<TextLine>& lines, TextPlace a, TextPlace b) {
  if (b < a) std::swap(a, b);
  std::string out;
  for (std::size_t n = a.line; n <= b.line && n < lines.size(); ++n) {
    const std::string& text = lines[n].text;
    const std::size_t first = n == a.line ? std::min(a.column, text.size()) : 0;
    const std::size_t end = n == b.line ? std::min(b.column, text.size()) : text.size();
    if (end > first) out += text.substr(first, end - first);
    if (n != b.line) out += '\n';
  }
  return out;
}

}  // namespace ringside
