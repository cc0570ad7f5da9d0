// Owns the commands that show source text.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "frontend/commands/commands_actions.h"
#include "frontend/inspect/look_memory.h"
#include "vmx/vmx.h"

namespace ringside::act {
namespace {

constexpr unsigned lines_shown = 10, most_lines = 10'000;

// A decimal number; nullopt: `text` is not one, and no more than one.
std::optional<unsigned> line_number(std::string_view text) {
  unsigned number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// The line of an address in words, for failures.
std::string address_text(Commands& c, u64 address, World world) {
  const std::string name = c.symbols().text(address, world);
  return name.empty() ? fmt::format("{:#x}", address) : fmt::format("{:#x} <{}>", address, name);
}

std::optional<Symbols::Line> line_at(Commands& c, u64 address, World world) {
  auto line = c.symbols().line(address, world);
  if (!line)
    c.fail(fmt::format("{}: no source line is known of it; symbols FILE loads them",
                       address_text(c, address, world)));
  return line;
}

bool show_lines(Commands& c, const std::string& file, unsigned first, unsigned count) {
  const Cpu& cpu = c.debugger().cpu();
  std::string why;
  const auto lines = c.sources().read(file, first, count, why);
  if (!lines) return c.fail(why);
  if (lines->text.empty()) return c.fail(fmt::format("{} is empty", file));
  const auto here = c.symbols().line(linear_rip(cpu), world_of(cpu));
  std::string text;
  unsigned number = lines->first;
  for (const std::string& line : lines->text) {
    const bool current = here && here->line == number && here->file == file;
    text += fmt::format("{} {:>5}  {}\n", current ? "=>" : "  ", number++, line);
  }
  c.print(text);
  c.listed() = {file, lines->first, number - 1, retired(cpu), cpu.index};
  return true;
}

bool show_around(Commands& c, const std::string& file, unsigned line) {
  return show_lines(c, file, line > lines_shown / 2 ? line - lines_shown / 2 : 1, lines_shown);
}

// "FIRST,LAST" or "LINE" of the file that was listed last, or of the stop's.
bool show_numbered(Commands& c, std::string_view first_text, std::string_view last_text) {
  std::string file = c.listed().file;
  if (file.empty()) {
    const Cpu& cpu = c.debugger().cpu();
    const auto here = line_at(c, linear_rip(cpu), world_of(cpu));
    if (!here) return false;
    file = here->file;
  }
  const auto first = line_number(trimmed(first_text));
  if (last_text.empty()) return show_around(c, file, *first);
  const auto last = line_number(trimmed(last_text.substr(1)));
  if (!last || *last < *first) return c.fail("list FIRST,LAST: two numbers of lines, the smaller one first");
  return show_lines(c, file, *first, std::min(*last - *first, most_lines - 1) + 1);
}

bool show_place(Commands& c, std::string_view arguments) {
  // A line of a file needs no code to be shown.
  std::string_view rest = arguments;
  const std::string_view word = next_word(rest);
  const std::size_t colon = word.rfind(':');
  if (colon != word.npos && colon > 0 && word[colon - 1] != ':' && rest.empty()) {
    const auto line = line_number(word.substr(colon + 1));
    if (!line || *line == 0) return c.fail(fmt::format("{}: after the colon comes a line's number", word));
    const auto file = c.symbols().source_file(word.substr(0, colon));
    if (!file)
      return c.fail(fmt::format("{}: no code is of such a file; symbols FILE loads source lines",
                                word.substr(0, colon)));
    return show_around(c, *file, *line);
  }
  const auto place = c.place(arguments);
  if (!place) return false;
  if (!arguments.empty()) return c.fail(fmt::format("{}: not understood after the place", arguments));
  if (place->space != AddressSpace::linear && place->space != AddressSpace::guest_linear)
    return c.fail("source lines are known by linear addresses");
  const World world =
      place->space == AddressSpace::guest_linear ? World::non_root : world_of(c.debugger().cpu());
  // A symbol of the other world is no less a place to read.
  auto line = c.symbols().line(place->value, world);
  if (!line) line = line_at(c, place->value, World::any);
  return line && show_around(c, line->file, line->line);
}

}  // namespace

bool list(Commands& c, std::string_view arguments) {
  const Cpu& cpu = c.debugger().cpu();
  const Commands::Listed listed = c.listed();
  const bool goes_on = !listed.file.empty() && listed.count == retired(cpu) && listed.cpu == cpu.index;
  if (arguments == "-" && goes_on) {
    if (listed.first <= 1) return c.fail(fmt::format("{} begins there", listed.file));
    const unsigned first = listed.first > lines_shown ? listed.first - lines_shown : 1;
    return show_lines(c, listed.file, first, listed.first - first);
  }
  if (arguments.empty() && goes_on) return show_lines(c, listed.file, listed.last + 1, lines_shown);
  if (const std::string source = frame_source(c); arguments.empty() && !source.empty()) {
    const std::size_t colon = source.rfind(':');
    const auto line = line_number(source.substr(colon + 1));
    const auto file = c.symbols().source_file(source.substr(0, colon));
    if (line && file) return show_around(c, *file, *line);
  }
  if (arguments.empty() || arguments == "-") {
    const auto here = line_at(c, linear_rip(cpu), world_of(cpu));
    return here && show_around(c, here->file, here->line);
  }
  const std::size_t comma = std::min(arguments.find(','), arguments.size());
  if (line_number(trimmed(arguments.substr(0, comma))))
    return show_numbered(c, arguments.substr(0, comma), arguments.substr(comma));
  return show_place(c, arguments);
}

bool directory(Commands& c, std::string_view arguments) {
  std::string why;
  if (arguments == "none") {
    c.sources().forget_folders();
  } else if (!arguments.empty() && !c.sources().add_folder(std::string(arguments), why)) {
    return c.fail(why);
  }
  c.symbols().search(c.sources().folders());
  std::string text = "sources are looked for where the compiler read them";
  for (const std::string& folder : c.sources().folders()) text += fmt::format(", then in {}", folder);
  c.print(text);
  return true;
}

}  // namespace ringside::act
