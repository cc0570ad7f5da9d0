// Owns turning addresses that ran into functions and lines.
#include "frontend/compare/surface.h"

#include <algorithm>
#include <set>
#include <utility>

namespace ringside::compare {

Surface surface(const std::unordered_set<u64>& code, const Symbols& symbols) {
  constexpr u64 line_bytes = 64;
  Surface found;
  const std::vector<u64> ran = [&] {
    std::vector<u64> sorted(code.begin(), code.end());
    std::sort(sorted.begin(), sorted.end());
    return sorted;
  }();
  std::set<u64> cache_lines;
  std::set<std::string> functions;
  for (const u64 address : ran) {
    cache_lines.insert(address / line_bytes);
    if (const auto symbol = symbols.find(address)) functions.insert(demangled(symbol->symbol));
  }
  found.bytes = cache_lines.size() * line_bytes;
  found.named = !symbols.empty();
  found.functions.assign(functions.begin(), functions.end());

  std::set<std::pair<std::string, unsigned>> lines, all_lines;
  std::set<std::string> all_functions;
  symbols.each_line(World::any, [&](const Symbols::Line& line, u64 end) {
    if (line.line == 0) return;
    all_lines.emplace(line.file, line.line);
    if (const auto symbol = symbols.find(line.start)) all_functions.insert(demangled(symbol->symbol));
    const auto first = std::lower_bound(ran.begin(), ran.end(), line.start);
    if (first != ran.end() && *first < end) lines.emplace(line.file, line.line);
  });
  // Code in assembly language may have a name and no lines.
  if (!all_functions.empty()) all_functions.insert(functions.begin(), functions.end());
  found.lined = !all_lines.empty();
  found.lines = lines.size();
  found.all_lines = all_lines.size();
  found.all_functions = all_functions.size();
  return found;
}

}  // namespace ringside::compare
