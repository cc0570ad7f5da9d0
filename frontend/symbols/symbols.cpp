// Owns the questions to all images together: offsets, worlds, completion.
#include "frontend/symbols/symbols.h"

#include <cxxabi.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>

#include "frontend/symbols/symbols_loaded.h"

namespace ringside {
namespace {

// "image!name" apart.
struct Qualified {
  std::string_view image, name;
};
Qualified qualified(std::string_view text) {
  const std::size_t mark = text.find('!');
  if (mark == text.npos) return {{}, text};
  return {text.substr(0, mark), text.substr(mark + 1)};
}

// Folders and the ending that says what kind of file it is are no part of the name; version numbers are.
std::string image_name(const std::string& path) {
  const std::filesystem::path file = std::filesystem::path(path).filename();
  for (const std::string_view ending : {".elf", ".ko", ".debug", ".map", ".so", ".o", ".bin"}) {
    if (file.extension() == ending) return file.stem().string();
  }
  return file.string();
}

// Of Levenshtein; gives up beyond `most`.
unsigned distance(std::string_view a, std::string_view b, unsigned most) {
  if (std::max(a.size(), b.size()) - std::min(a.size(), b.size()) > most) return most + 1;
  std::vector<unsigned> row(b.size() + 1);
  for (unsigned j = 0; j <= b.size(); ++j) row[j] = j;
  for (unsigned i = 1; i <= a.size(); ++i) {
    unsigned diagonal = row[0], least = row[0] = i;
    for (unsigned j = 1; j <= b.size(); ++j) {
      const unsigned here = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = row[j];
      row[j] = here;
      least = std::min(least, here);
    }
    if (least > most) return most + 1;
  }
  return row[b.size()];
}

}  // namespace

std::string demangled(std::string_view symbol) {
  if (!symbol.starts_with("_Z")) return std::string(symbol);
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(
      abi::__cxa_demangle(std::string(symbol).c_str(), nullptr, nullptr, &status), std::free);
  return status == 0 && text ? std::string(text.get()) : std::string(symbol);
}

Symbols::Symbols() = default;
Symbols::~Symbols() = default;

std::string Symbols::Named::text() const {
  const std::string name = demangled(symbol);
  return distance ? fmt::format("{}+{:#x}", name, distance) : name;
}

std::string Symbols::Line::text() const {
  const std::size_t last = file.rfind('/');
  const std::size_t before = last == file.npos || last == 0 ? file.npos : file.rfind('/', last - 1);
  return fmt::format("{}:{}", before == file.npos ? file : file.substr(before + 1), line);
}

bool Symbols::load(const std::string& path, const Options& options, std::string& error, std::string* name) {
  auto loaded = std::make_unique<Loaded>();
  std::string why;
  if (!loaded->image.open(path, options.sections, folders_, why)) {
    error = fmt::format("{}: {}", path, why);
    return false;
  }
  const std::string& called = add(std::move(loaded), path, options);
  if (name) *name = called;
  return true;
}

bool Symbols::load_bytes(std::span<const u8> bytes, const std::string& path, const Options& options,
                         std::string& error) {
  auto loaded = std::make_unique<Loaded>();
  std::string why;
  if (!loaded->image.open(bytes, why)) {
    error = fmt::format("{}: {}", path, why);
    return false;
  }
  add(std::move(loaded), path, options);
  return true;
}

const std::string& Symbols::add(std::unique_ptr<Loaded> loaded, const std::string& path,
                                const Options& options) {
  loaded->name = options.name.empty() ? image_name(path) : options.name;
  loaded->path = path;
  loaded->offset = options.offset;
  loaded->world = options.world;
  // The same kernel may run as the hypervisor and in its guest.
  const auto clashes = [&](const auto& other) {
    return other->name == loaded->name && other->world != loaded->world;
  };
  if (options.name.empty() && options.world != World::any &&
      std::any_of(loaded_.begin(), loaded_.end(), clashes))
    loaded->name += options.world == World::root ? "-root" : "-guest";
  for (auto& other : loaded_) {
    if (other->name == loaded->name) {
      other = std::move(loaded);
      return other->name;
    }
  }
  loaded_.push_back(std::move(loaded));
  return loaded_.back()->name;
}

bool Symbols::unload(std::string_view image) {
  return std::erase_if(loaded_, [&](const auto& one) { return one->name == image; }) != 0;
}

bool Symbols::set_offset(std::string_view image, u64 offset) {
  for (auto& one : loaded_) {
    if (one->name == image) {
      one->offset = offset;
      return true;
    }
  }
  return false;
}

std::optional<u64> Symbols::offset_for(std::string_view image, std::string_view symbol, u64 address) const {
  for (const auto& one : loaded_) {
    if (one->name != image) continue;
    const SymbolImage::Symbol* found = one->image.named(symbol);
    if (found && !found->absolute) return address - found->address;
  }
  return std::nullopt;
}

std::optional<Symbols::Member> Symbols::member(std::string_view image, std::string_view structure,
                                               std::string_view name) const {
  for (const auto& one : loaded_) {
    if (one->name == image) return one->image.member(structure, name);
  }
  return std::nullopt;
}

std::vector<Symbols::Variable> Symbols::locals(u64 rip, World world, const UnwindRegisters& registers,
                                               std::optional<u64> cfa, const Read& read) const {
  const Loaded* loaded = of(rip, world);
  if (!loaded) return {};
  return loaded->image.locals(rip - loaded->offset, loaded->offset, registers, cfa, read);
}

std::vector<Symbols::Variable> Symbols::members(std::string_view type, std::optional<u64> address,
                                                World world, const Read& read) const {
  const Qualified q = qualified(type);
  for (const auto& one : loaded_) {
    if (!same_world(one->world, world) || (!q.image.empty() && q.image != one->name)) continue;
    auto members = one->image.members(q.name, address, read);
    if (!members.empty()) return members;
  }
  return {};
}

std::vector<Symbols::Image> Symbols::images() const {
  std::vector<Image> all;
  for (const auto& one : loaded_) {
    const SymbolImage& image = one->image;
    all.push_back({one->name, one->path, image.debug_file(), image.elf(), image.has_lines(),
                   !one->image.frames().empty(), one->offset, image.low() + one->offset,
                   image.high() + one->offset, image.entry() ? image.entry() + one->offset : 0, image.size(),
                   one->world});
  }
  return all;
}

void Symbols::each_line(World world, const std::function<void(const Line& line, u64 end)>& visit) const {
  for (const auto& one : loaded_) {
    if (!same_world(one->world, world)) continue;
    one->image.each_line([&](Line line, u64 end) {
      line.start += one->offset;
      visit(line, end + one->offset);
    });
  }
}

bool Symbols::empty() const { return loaded_.empty(); }

const Symbols::Loaded* Symbols::of(u64 address, World world) const {
  // An image that belongs to the world knows better than one that belongs to all.
  const Loaded* best = nullptr;
  for (const auto& one : loaded_) {
    if (!same_world(one->world, world) || !one->covers(address)) continue;
    if (!best || (best->world == World::any && one->world != World::any)) best = one.get();
  }
  return best;
}

std::optional<Symbols::Named> Symbols::find(u64 address, World world) const {
  const Loaded* loaded = of(address, world);
  const SymbolImage::Symbol* symbol = loaded ? loaded->image.find(address - loaded->offset) : nullptr;
  if (!symbol) return std::nullopt;
  const u64 start = symbol->address + loaded->offset;
  return Named{symbol->name, loaded->name, start, symbol->size, address - start};
}

std::optional<Symbols::Line> Symbols::line(u64 address, World world) const {
  for (const auto& one : loaded_) {
    if (!same_world(one->world, world)) continue;
    auto line = one->image.line(address - one->offset);
    if (!line) continue;
    line->start += one->offset;
    return line;
  }
  return std::nullopt;
}

std::vector<Symbols::Inlined> Symbols::inlined(u64 address, World world) const {
  const Loaded* loaded = of(address, world);
  return loaded ? loaded->image.inlined(address - loaded->offset) : std::vector<Inlined>();
}

std::string Symbols::text(u64 address, World world, bool with_line) const {
  const auto named = find(address, world);
  std::string text = named ? named->text() : std::string();
  if (!with_line) return text;
  const auto at = line(address, world);
  if (!at) return text;
  std::string place = at->text();
  if (const auto inner = inlined(address, world); !inner.empty() && inner.back().call.line)
    place += fmt::format(", inlined at {}", inner.back().call.text());
  return text + fmt::format("{}({})", text.empty() ? "" : " ", place);
}

std::optional<u64> Symbols::address(std::string_view name, World world) const {
  const Qualified q = qualified(name);
  for (const auto& one : loaded_) {
    if (!same_world(one->world, world) || (!q.image.empty() && q.image != one->name)) continue;
    if (const SymbolImage::Symbol* symbol = one->image.named(q.name))
      return symbol->absolute ? symbol->address : symbol->address + one->offset;
  }
  return std::nullopt;
}

std::vector<u64> Symbols::addresses_of_line(std::string_view place, World world) const {
  const Qualified q = qualified(place);
  const std::size_t colon = q.name.rfind(':');
  std::vector<u64> all;
  if (colon == q.name.npos) return all;
  unsigned line = 0;
  const std::string_view number = q.name.substr(colon + 1);
  const auto [end, problem] = std::from_chars(number.data(), number.data() + number.size(), line);
  if (problem != std::errc() || end != number.data() + number.size() || line == 0) return all;
  for (const auto& one : loaded_) {
    if (!same_world(one->world, world) || (!q.image.empty() && q.image != one->name)) continue;
    std::vector<u64> here;
    one->image.lines_of(q.name.substr(0, colon), line, here);
    for (const u64 address : here) all.push_back(address + one->offset);
  }
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

std::vector<std::string> Symbols::complete(std::string_view prefix, std::size_t limit) const {
  const Qualified q = qualified(prefix);
  std::vector<std::string> all;
  for (const auto& one : loaded_) {
    if (!q.image.empty() && q.image != one->name) continue;
    std::size_t room = limit;
    one->image.each_name(q.name, [&](std::string_view name) {
      if (room-- == 0) return false;
      all.push_back(q.image.empty() ? std::string(name) : fmt::format("{}!{}", q.image, name));
      return true;
    });
  }
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  if (all.size() > limit) all.resize(limit);
  return all;
}

std::optional<std::string> Symbols::nearest(std::string_view name) const {
  const std::string_view wanted = qualified(name).name;
  constexpr std::size_t longest = 200;
  if (wanted.size() > longest) return std::nullopt;
  unsigned best = static_cast<unsigned>(std::min<std::size_t>(3, wanted.size() / 3)) + 1;
  std::optional<std::string> found;
  for (const auto& one : loaded_) {
    one->image.each_name({}, [&](std::string_view other) {
      if (best == 0) return false;
      const unsigned d = distance(wanted, other, best - 1);
      if (d < best) {
        best = d;
        found = other;
      }
      return true;
    });
  }
  return found;
}

std::optional<OrcEntry> Symbols::orc(u64 address, World world) const {
  const Loaded* loaded = of(address, world);
  return loaded ? loaded->image.orc(address - loaded->offset) : std::nullopt;
}

Symbols::Frames Symbols::frames(u64 address, World world) const {
  const Loaded* loaded = of(address, world);
  if (!loaded) return {};
  return {loaded->image.frames(), loaded->offset};
}

std::optional<std::string> Symbols::source_file(std::string_view name, World world) const {
  const Qualified q = qualified(name);
  for (const auto& one : loaded_) {
    if (!same_world(one->world, world) || (!q.image.empty() && q.image != one->name)) continue;
    if (auto file = one->image.source_file(q.name)) return file;
  }
  return std::nullopt;
}

}  // namespace ringside
