// Owns the gathering of blocks that ran, and what the two forms are told of them.
#include "frontend/coverage/code_coverage.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "frontend/coverage/code_forms.h"

namespace ringside {
namespace {

using Ran = CodeCoverage::Block;

constexpr u64 piece_bytes = u64{1} << 32;  // offsets have 32 bits in drcov
constexpr std::size_t most_modules = 0x10000;

// The blocks as ranges that do not touch each other.
struct Range {
  u64 begin, end;
};
std::vector<Range> joined(const std::vector<Ran>& sorted) {
  std::vector<Range> ranges;
  for (const Ran& block : sorted) {
    const u64 end = block.start + block.bytes;
    if (!ranges.empty() && block.start <= ranges.back().end)
      ranges.back().end = std::max(ranges.back().end, end);
    else
      ranges.push_back({block.start, end});
  }
  return ranges;
}

bool any_in(const std::vector<Range>& ranges, u64 begin, u64 end) {
  const auto behind = std::upper_bound(ranges.begin(), ranges.end(), begin,
                                       [](u64 at, const Range& range) { return at < range.end; });
  return behind != ranges.end() && behind->begin < end;
}

std::vector<DrcovModule> image_modules(World world, const Symbols& symbols) {
  std::vector<DrcovModule> modules;
  for (const Symbols::Image& image : symbols.images()) {
    const bool theirs = image.world == World::any || world == World::any || image.world == world;
    // Beyond 4 GiB a block's offset has no room; such an image's code goes into the pieces.
    if (theirs && image.low < image.high && image.high - image.low <= piece_bytes)
      modules.push_back({image.path, image.low, image.high, image.entry});
  }
  return modules;
}

// Where a block stands: an image, or the piece around it, which is made if it is not there yet.
std::size_t module_of(std::vector<DrcovModule>& modules, std::size_t images,
                      std::map<u64, std::size_t>& pieces, u64 address) {
  for (std::size_t n = 0; n < images; ++n) {
    if (address >= modules[n].low && address < modules[n].high) return n;
  }
  const u64 low = address & ~(piece_bytes - 1);
  const auto [piece, made] = pieces.emplace(low, modules.size());
  if (made) modules.push_back({fmt::format("code at {:#x}", low), low, low + piece_bytes, 0});
  return piece->second;
}

}  // namespace

void CodeCoverage::attach(Machine& machine) { machine.listen_to_blocks(this); }

void CodeCoverage::runs(const Cpu& cpu, LinAddr start, unsigned bytes) {
  if (!full()) seen_.insert({start.value, bytes, cpu.non_root});
}

std::vector<Ran> CodeCoverage::blocks(World world) const {
  std::vector<Ran> all;
  for (const Seen& seen : seen_) {
    if (world == World::any || (world == World::non_root) == seen.guest)
      all.push_back({seen.start, seen.bytes});
  }
  const auto key = [](const Ran& block) { return std::pair(block.start, block.bytes); };
  std::sort(all.begin(), all.end(), [&](const Ran& a, const Ran& b) { return key(a) < key(b); });
  all.erase(std::unique(all.begin(), all.end(), [&](const Ran& a, const Ran& b) { return key(a) == key(b); }),
            all.end());
  return all;
}

std::string drcov(const std::vector<Ran>& blocks, World world, const Symbols& symbols) {
  std::vector<DrcovModule> modules = image_modules(world, symbols);
  const std::size_t images = modules.size();
  std::map<u64, std::size_t> pieces;
  std::vector<DrcovBlock> table;
  for (const Ran& block : blocks) {
    const std::size_t at = module_of(modules, images, pieces, block.start);
    if (at >= most_modules) continue;
    table.push_back({static_cast<u32>(block.start - modules[at].low),
                     static_cast<u16>(std::min<u32>(block.bytes, 0xffff)), static_cast<u16>(at)});
  }
  return drcov_text(modules, table);
}

namespace {

// A function is where a symbol's code and a line's begin at the same place. Labels inside of one, as
// assemblers write them ("start.loop"), have no size and are none.
void add_function(LcovFile& file, const Symbols::Line& line, World world, const Symbols& symbols,
                  const std::vector<Range>& ran) {
  const auto named = symbols.find(line.start, world);
  if (!named || named->distance != 0) return;
  if (named->size == 0 && named->symbol.find('.') != named->symbol.npos) return;
  LcovFile::Function& function = file.functions[std::string(named->symbol)];
  if (function.line == 0) function.line = line.line;
  function.count |= any_in(ran, line.start, line.start + 1);
}

}  // namespace

std::string lcov(const std::vector<Ran>& blocks, World world, const Symbols& symbols) {
  const std::vector<Range> ran = joined(blocks);
  std::map<std::string, LcovFile> files;
  symbols.each_line(world, [&](const Symbols::Line& line, u64 end) {
    if (line.line == 0) return;
    LcovFile& file = files[line.file];
    file.lines[line.line] |= any_in(ran, line.start, end);
    add_function(file, line, world, symbols, ran);
  });
  return lcov_text(files);
}

}  // namespace ringside
