// Owns the walk over a Linux kernel's list of modules.
#include "frontend/inspect/find_module.h"

#include <fmt/format.h>

#include <algorithm>

namespace ringside {
namespace {

constexpr unsigned most_modules = 2000, most_sections = 1000, longest_name = 64;

// Linux's structures, as the kernel's own DWARF lays them out.
struct Layout {
  u64 state, list, name, sections;          // in struct module
  u64 count, first;                         // in struct module_sect_attrs
  u64 section_name, section_address, size;  // in struct module_sect_attr, and its size
};

struct Kernel {
  const Cpu& cpu;
  AddressSpace space;

  std::optional<u64> word(u64 at, unsigned size = 8) const { return peek_word(cpu, space, at, size); }
  std::string text(u64 at) const {
    std::string out;
    while (out.size() < longest_name) {
      const auto c = word(at + out.size(), 1);
      if (!c || *c == 0) break;
      out += static_cast<char>(*c);
    }
    return out;
  }
};

std::optional<Layout> layout_of(const Symbols& symbols, std::string_view image) {
  bool all = true;
  u64 size = 0;
  const auto member = [&](std::string_view structure, std::string_view name) -> u64 {
    const auto found = all ? symbols.member(image, structure, name) : std::nullopt;
    all &= found.has_value();
    size = found ? found->structure_size : 0;
    return found ? found->offset : 0;
  };
  Layout layout{};
  layout.state = member("module", "state");
  layout.list = member("module", "list");
  layout.name = member("module", "name");
  layout.sections = member("module", "sect_attrs");
  layout.count = member("module_sect_attrs", "nsections");
  layout.first = member("module_sect_attrs", "attrs");
  layout.section_name =
      member("module_sect_attr", "battr") + member("bin_attribute", "attr") + member("attribute", "name");
  layout.section_address = member("module_sect_attr", "address");
  layout.size = size;
  if (!all || size == 0) return std::nullopt;
  return layout;
}

// nullopt: the kernel's memory does not read as it should.
std::optional<std::vector<Symbols::Section>> sections_of(const Kernel& kernel, const Layout& layout,
                                                         u64 module) {
  const auto state = kernel.word(module + layout.state, 4), table = kernel.word(module + layout.sections);
  if (!state || !table) return std::nullopt;
  const auto count = kernel.word(*table + layout.count, 4);
  if (!count || *count > most_sections) return std::nullopt;
  // Of enum module_state. What is only for the start is given back once the module lives.
  constexpr u64 coming = 1;
  std::vector<Symbols::Section> sections;
  for (u64 n = 0; n < *count; ++n) {
    const u64 row = *table + layout.first + n * layout.size;
    const auto name_at = kernel.word(row + layout.section_name),
               at = kernel.word(row + layout.section_address);
    if (!name_at || !at) return std::nullopt;
    Symbols::Section section{kernel.text(*name_at), *at};
    if (section.name.starts_with(".init") && *state != coming) continue;
    sections.push_back(std::move(section));
  }
  return sections;
}

}  // namespace

std::string module_name(std::string_view path) {
  path = path.substr(path.rfind('/') + 1);
  const std::size_t end = path.find(".ko");
  if (end == path.npos || (end + 3 < path.size() && path[end + 3] != '.')) return {};
  std::string name(path.substr(0, end));
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

std::optional<std::vector<Symbols::Section>> find_module(const Cpu& cpu, const Symbols& symbols,
                                                         std::string_view module, World world,
                                                         std::string& why) {
  std::optional<Layout> layout;
  std::optional<u64> head;
  for (const Symbols::Image& image : symbols.images()) {
    if (layout || (image.world != World::any && world != World::any && image.world != world)) continue;
    head = symbols.address(image.name + "!modules");
    if (head && image.has_lines) layout = layout_of(symbols, image.name);
  }
  if (!layout) {
    why = "the kernel's own symbols come first: symbols VMLINUX find, with a vmlinux that has DWARF";
    return std::nullopt;
  }
  const Kernel kernel{
      cpu, world == World::non_root && !cpu.non_root ? AddressSpace::guest_linear : AddressSpace::linear};
  std::string others;
  auto at = kernel.word(*head);
  for (unsigned n = 0; at && *at != *head && n < most_modules; ++n) {
    const u64 start = *at - layout->list;
    const std::string name = kernel.text(start + layout->name);
    if (name == module) {
      auto sections = sections_of(kernel, *layout, start);
      if (!sections || sections->empty()) break;
      const auto text = std::find_if(sections->begin(), sections->end(),
                                     [](const Symbols::Section& one) { return one.name == ".text"; });
      why = fmt::format("the kernel's list of modules has {}", module);
      if (text != sections->end()) why += fmt::format(", its code at {:#x}", text->address);
      return sections;
    }
    others += (n ? ", " : "") + name;
    at = kernel.word(*at);
  }
  if (at && *at == *head)
    why = fmt::format("the kernel has not loaded {}; {}", module,
                      others.empty() ? "it has no modules yet" : "it has " + others);
  else
    why =
        "the kernel's list of modules cannot be read: the kernel is at another offset, or has not come so "
        "far";
  return std::nullopt;
}

}  // namespace ringside
