// Owns the commands that change something: registers, memory, the console's settings; and those of scripts.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "frontend/commands/commands_actions.h"
#include "frontend/machine/load_image.h"

namespace ringside::act {

namespace {

// Of gdb's settings: those that mean something here, and those that its scripts begin with.
bool is_setting(std::string_view word) {
  for (const std::string_view known :
       {"pager", "pagination", "width", "height", "confirm", "print", "listsize", "disassembly-flavor",
        "history", "architecture", "style", "logging", "verbose", "osabi", "endian", "language", "prompt"}) {
    if (word == known) return true;
  }
  return false;
}

// False: it is none, or cannot be written; nothing is told.
bool set_variable(Commands& c, std::string_view target, u64 value) {
  std::string why;
  const auto held = target.starts_with('$') ? std::nullopt : c.expressions().evaluate_typed(target, why);
  const u64 size = held && held->type && held->address ? CValues::size(*held) : 0;
  if (size < 1 || size > 8 || !CValues::number(*held)) return false;
  std::array<u8, 8> bytes{};
  for (unsigned n = 0; n < size; ++n) bytes[n] = static_cast<u8>(value >> (8 * n));
  return c.debugger().write({AddressSpace::linear, *held->address}, std::span(bytes).first(size)) == size;
}

bool set_screen(Commands& c, std::string_view name, std::string_view value) {
  if (name == "pager" || name == "pagination") {
    if (value != "on" && value != "off") return c.fail(fmt::format("set {} on, or set {} off", name, name));
    c.screen().pager = value == "on";
    return true;
  }
  if (name != "width" && name != "height") {
    c.print(fmt::format("set {}: nothing depends on it here", name));
    return true;
  }
  constexpr u64 most = 10'000;
  // As gdb has it, 0 and "unlimited": nothing is wrapped, and nothing stops at the end of the screen.
  const auto number = value == "unlimited" ? std::optional<u64>(0) : c.value(value);
  if (!number) return false;
  if (*number > most) return c.fail(fmt::format("set {} {}: at most {}", name, value, most));
  (name == "width" ? c.screen().width : c.screen().height) =
      *number == 0 ? Commands::Screen::unlimited : static_cast<unsigned>(*number);
  return true;
}

}  // namespace

bool echo(Commands& c, std::string_view text) {
  std::string out;
  for (std::size_t n = 0; n < text.size(); ++n) {
    const bool escape = text[n] == '\\' && n + 1 < text.size();
    if (escape) ++n;
    out += escape && text[n] == 'n' ? '\n' : escape && text[n] == 't' ? '\t' : text[n];
  }
  c.print(out.empty() ? "\n" : out);
  return true;
}

bool source(Commands& c, std::string_view arguments) {
  constexpr u64 most = 16u << 20;
  Image image;
  std::string error;
  if (arguments.empty()) return c.fail("source FILE: the file is missing");
  if (!read_image(std::string(arguments), "script", most, image, error)) return c.fail(error);
  const std::string text(image.bytes.begin(), image.bytes.end());
  const Commands::Result result = c.execute_script(text, arguments);
  if (result == Commands::Result::quit) c.leave();
  return result != Commands::Result::failed;
}

bool set(Commands& c, std::string_view arguments) {
  std::string_view after_word = arguments;
  const std::string_view word = next_word(after_word);
  if (word == "var" || word == "variable") arguments = after_word;
  if (is_setting(word) && !after_word.starts_with('=')) return set_screen(c, word, after_word);
  // The first "=" that is not a part of a comparison.
  const std::size_t equals = arguments.find('=');
  if (equals == arguments.npos) return c.fail("set REGISTER = EXPR, or set [ADDRESS].SIZE = EXPR");
  std::string_view target = trimmed(arguments.substr(0, equals));
  const auto value = c.value(arguments.substr(equals + 1));
  if (!value || !c.may_change()) return false;
  const std::string_view named = target.substr(0, target.find('['));
  const bool memory = named.empty() || named == "guest" || named == "gpa" || named == "phys";
  if (!memory || target.find('[') == target.npos) {
    std::string why;
    return set_variable(c, target, *value) || c.debugger().write_register(target, *value, why) || c.fail(why);
  }
  const std::size_t open = target.find('['), close = target.rfind(']');
  const std::string_view space = target.substr(0, open),
                         after = close == target.npos ? std::string_view() : target.substr(close + 1);
  if (close == target.npos || close < open) return c.fail("] is missing");
  const auto address = c.value(target.substr(open + 1, close - open - 1));
  if (!address) return false;
  Place place{AddressSpace::linear, *address};
  if (space == "guest")
    place.space = AddressSpace::guest_linear;
  else if (space == "gpa")
    place.space = AddressSpace::guest_physical;
  else if (space == "phys")
    place.space = AddressSpace::host_physical;
  else if (!space.empty())
    return c.fail(fmt::format("{}[...]: memory is [...], guest[...], gpa[...] or phys[...]", space));
  const std::size_t size = after == ".1" || after == ".b"                    ? 1
                           : after == ".2" || after == ".w"                  ? 2
                           : after == ".4" || after == ".d"                  ? 4
                           : after.empty() || after == ".8" || after == ".q" ? 8
                                                                             : 0;
  if (size == 0) return c.fail("after [...] a size is .1, .2, .4 or .8 (bytes)");
  if (size < 8 && *value >> (8 * size))
    return c.fail(fmt::format("{:#x} does not fit in {} bytes", *value, size));
  std::array<u8, 8> bytes{};
  for (unsigned n = 0; n < size; ++n) bytes[n] = static_cast<u8>(*value >> (8 * n));
  const std::size_t went = c.debugger().write(place, std::span(bytes).first(size));
  if (went == size) return true;
  std::string why = "no RAM is there";
  place.value += went;
  c.debugger().translate(place, &why);
  return c.fail(fmt::format("{:#x} cannot be written: {}", place.value, why));
}

}  // namespace ringside::act
