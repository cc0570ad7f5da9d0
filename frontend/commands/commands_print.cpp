// Owns the commands that show values and memory: print and x, in gdb's formats.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "frontend/commands/commands_actions.h"
#include "frontend/inspect/disassembly.h"
#include "frontend/inspect/look_memory.h"

namespace ringside::act {
namespace {

// In one of gdb's formats; empty: there is no such format.
std::string formatted(Commands& c, u64 value, char format, unsigned bytes = 8) {
  const unsigned shift = 64 - 8 * bytes;
  const s64 negative = static_cast<s64>(value << shift) >> shift;
  switch (format) {
    case 'x': return fmt::format("{:#x}", value);
    case 'z': return fmt::format("0x{:0{}x}", value, 2 * bytes);
    case 'd': return fmt::format("{}", negative);
    case 'u': return fmt::format("{}", value);
    case 'o': return fmt::format("{:#o}", value);
    case 't': return fmt::format("{:b}", value);
    case 'c': {
      const bool shown = value >= 0x20 && value < 0x7f;
      return fmt::format("{} '{}'", value & 0xff, shown ? static_cast<char>(value) : '?');
    }
    case 'a': {
      const std::string name = c.symbols().text(value, world_of(c.debugger().cpu()));
      return name.empty() ? fmt::format("{:#x}", value) : fmt::format("{:#x} <{}>", value, name);
    }
    default: return {};
  }
}

// "int task->pid = 5".
bool print_typed(Commands& c, std::string_view expression, const CValue& value) {
  Sheet sheet("value");
  Row& row = sheet.row(expression).word("type", c.expressions().type_text(value)).say(" ");
  row.word("variable", expression).say(" = ").word("value", c.expressions().text(value));
  if (value.address) row.quiet("address", *value.address);
  c.look(std::move(sheet));
  return true;
}

}  // namespace

bool print(Commands& c, std::string_view arguments) {
  char format = 0;
  if (arguments.starts_with('/')) {
    const std::string_view letters = next_word(arguments);
    format = letters.back();
    if (letters.size() != 2 || formatted(c, 0, format).empty())
      return c.fail(fmt::format("print{}: formats are x, z, d, u, o, t, c and a", letters));
  }
  std::string error;
  const auto typed = c.expressions().evaluate_typed(arguments, error);
  if (!typed) return c.fail(error);
  if (typed->type && !format) return print_typed(c, arguments, *typed);
  const auto value = CValues::number(*typed);
  if (!value) return c.fail(fmt::format("{}: formats are for numbers; print it without", arguments));
  const u64 size = CValues::size(*typed);
  Sheet sheet("value");
  if (format) {
    const unsigned bytes = size >= 1 && size <= 8 ? static_cast<unsigned>(size) : 8;
    const u64 word = bytes < 8 ? *value & ((u64{1} << 8 * bytes) - 1) : *value;
    sheet.row().number("value", word, formatted(c, word, format, bytes));
    c.look(std::move(sheet));
    return true;
  }
  Row& row = sheet.row().hex("value", *value).say(fmt::format(" = {}", *value));
  if (static_cast<s64>(*value) < 0) row.say(fmt::format(" = {}", static_cast<s64>(*value)));
  if (const std::string name = c.symbols().text(*value, world_of(c.debugger().cpu())); !name.empty())
    row.say(" <").word("symbol", name).to(Link::To::linear, *value).say(">");
  c.look(std::move(sheet));
  return true;
}

namespace {

struct Format {
  unsigned count = 1, size = 8;
  bool counted = false;
  char letter = 0;  // 0: plain words
};

std::optional<Format> parse_format(Commands& c, std::string_view text) {
  Format format;
  const auto refuse = [&](const std::string& why) {
    c.fail(why);
    return std::nullopt;
  };
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), format.count);
  format.counted = error == std::errc();
  if (error == std::errc::result_out_of_range || format.count > most_units)
    return refuse(fmt::format("x/{}: at most {} units", text, most_units));
  if (error != std::errc()) format.count = 1;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  for (const char letter : text) {
    switch (letter) {
      case 'b': format.size = 1; break;
      case 'h': format.size = 2; break;
      case 'w': format.size = 4; break;
      case 'g': format.size = 8; break;
      case 'c':
        format.size = 1;
        format.letter = 'c';
        break;
      case 'x': break;
      case 'd':
      case 'u':
      case 'o':
      case 't':
      case 'a':
      case 'z':
      case 's':
      case 'i': format.letter = letter; break;
      default:
        return refuse(fmt::format(
            "x/...{}: units are b, h, w, g (1, 2, 4, 8 bytes), formats x, z, d, u, o, t, c, a, s and i",
            letter));
    }
  }
  return format;
}

// Up to their zero, with a length that a terminal bears.
Sheet strings_sheet(const Cpu& cpu, Place place, unsigned count) {
  constexpr unsigned longest = 200;
  Sheet sheet("memory");
  sheet.section("strings");
  for (unsigned n = 0; n < count; ++n) {
    std::string text;
    bool whole = false;
    Row& row = sheet.row().number("address", place.value, fmt::format("{:#018x}", place.value)).say(": ");
    while (text.size() < longest && !whole) {
      const auto byte = peek_word(cpu, place.space, place.value, 1);
      if (!byte) {
        std::string why;
        locate(cpu, place.space, place.value, &why);
        row.word("unreadable", why);
        return sheet;
      }
      ++place.value;
      whole = *byte == 0;
      if (!whole) text += static_cast<char>(*byte);
    }
    row.say("\"").word("string", text).say(whole ? "\"" : "\"...");
  }
  return sheet;
}

Sheet formatted_sheet(Commands& c, Place place, const Format& format) {
  const Cpu& cpu = c.debugger().cpu();
  const unsigned a_line = format.letter == 'a' ? 1 : std::min(8u, 16 / format.size);
  Sheet sheet("memory");
  sheet.section("memory");
  for (unsigned n = 0; n < format.count; n += a_line) {
    Row& row = sheet.row().number("address", place.value, fmt::format("{:#018x}", place.value)).say(":");
    for (unsigned k = 0; k < std::min(a_line, format.count - n); ++k, place.value += format.size) {
      const auto value = peek_word(cpu, place.space, place.value, format.size);
      if (!value) {
        std::string why;
        locate(cpu, place.space, place.value, &why);
        row.say(" ").word("unreadable", why);
        return sheet;
      }
      row.say("  ").number(fmt::format("w{}", k), *value, formatted(c, *value, format.letter, format.size));
    }
  }
  return sheet;
}

}  // namespace

bool examine(Commands& c, std::string_view arguments) {
  // "xp /4wx 0x1000" of QEMU has its format behind the space.
  std::string_view rest = arguments;
  const std::string_view first = next_word(rest);
  std::string moved;
  if (!first.starts_with('/') && rest.starts_with('/')) {
    const std::string_view format = next_word(rest);
    moved = fmt::format("{} {} {}", format, first, rest);
    arguments = moved;
  }
  Format format;
  if (arguments.starts_with('/')) {
    const auto given = parse_format(c, next_word(arguments).substr(1));
    if (!given) return false;
    format = *given;
  }
  const Cpu& cpu = c.debugger().cpu();
  Place place{AddressSpace::linear, linear_rip(cpu)};
  if (!arguments.empty()) {
    const auto given = c.place(arguments);
    if (!given) return false;
    if (!arguments.empty()) return c.fail(fmt::format("{}: not understood after the address", arguments));
    place = *given;
  }
  if (!format.counted) format.count = format.letter == 'i' ? 10 : format.letter == 's' ? 1 : 16 / format.size;
  switch (format.letter) {
    case 'i':
      if (place.space != AddressSpace::linear) return c.fail("instructions are shown at linear addresses");
      c.look(disassembly_sheet(cpu, &c.symbols(), format.count, place.value));
      return true;
    case 's': c.look(strings_sheet(cpu, place, format.count)); return true;
    case 0:
      c.look(memory_sheet(cpu, place.space, place.value, format.count, format.size, &c.symbols()));
      return true;
    default: c.look(formatted_sheet(c, place, format)); return true;
  }
}

}  // namespace ringside::act
