// Owns the breaking of lines between words.
#include "frontend/render/wrap.h"

#include <algorithm>

namespace ringside {
namespace {

// The length of the escape sequence at the beginning of `text`; 0: there is none.
std::size_t escape_length(std::string_view text) {
  if (!text.starts_with("\033[")) return 0;
  std::size_t n = 2;
  while (n < text.size() && (text[n] < '@' || text[n] > '~')) ++n;
  return std::min(n + 1, text.size());
}

std::size_t characters(std::string_view text) {
  std::size_t count = 0;
  while (!text.empty()) {
    if (const std::size_t escape = escape_length(text)) {
      text.remove_prefix(escape);
      continue;
    }
    if ((static_cast<unsigned char>(text.front()) & 0xc0) != 0x80) ++count;
    text.remove_prefix(1);
  }
  return count;
}

void wrap_line(std::string& out, std::string_view line, std::size_t width) {
  constexpr std::size_t more = 2;
  const std::size_t own = std::min(line.find_first_not_of(' '), line.size());
  const std::size_t indent = own + more < width / 2 ? own + more : 0;
  std::size_t column = 0;
  bool begun = false;
  while (!line.empty()) {
    // Blanks and the word behind them.
    const std::size_t blanks = std::min(line.find_first_not_of(' '), line.size());
    const std::size_t end = std::min(line.find(' ', blanks), line.size());
    const std::string_view word = line.substr(blanks, end - blanks);
    const std::size_t length = characters(word);
    if (begun && !word.empty() && column + blanks + length > width) {
      out += '\n';
      out.append(indent, ' ');
      column = indent;
    } else {
      out.append(blanks, ' ');
      column += blanks;
    }
    out += word;
    column += length;
    begun = begun || !word.empty();
    line.remove_prefix(end);
  }
}

}  // namespace

std::string wrapped(std::string_view text, unsigned width) {
  if (width == 0) return std::string(text);
  std::string out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    if (characters(line) <= width)
      out += line;
    else
      wrap_line(out, line, width);
    if (end < text.size()) out += '\n';
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

unsigned rows_of(std::string_view line, unsigned width) {
  const std::size_t count = characters(line);
  return width == 0 || count == 0 ? 1 : static_cast<unsigned>((count + width - 1) / width);
}

}  // namespace ringside
