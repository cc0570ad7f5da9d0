// Owns the reading of where a VNC server listens, and the keys that viewers name.
#include <arpa/inet.h>
#include <fmt/format.h>

#include <charconv>

#include "frontend/screen/keys.h"
#include "frontend/vnc/vnc.h"

namespace ringside {
namespace {

// Keysyms that are no characters; the names are those of <...> in what is typed.
struct NamedKeysym {
  u32 keysym;
  std::string_view name;
};
constexpr NamedKeysym named[] = {
    {0xff08, "backspace"}, {0xff09, "tab"},   {0xff0d, "enter"},    {0xff14, "scrolllock"},
    {0xff1b, "esc"},       {0xff50, "home"},  {0xff51, "left"},     {0xff52, "up"},
    {0xff53, "right"},     {0xff54, "down"},  {0xff55, "pageup"},   {0xff56, "pagedown"},
    {0xff57, "end"},       {0xff61, "print"}, {0xff63, "insert"},   {0xff67, "menu"},
    {0xff7f, "numlock"},   {0xff8d, "enter"}, {0xffbe, "f1"},       {0xffbf, "f2"},
    {0xffc0, "f3"},        {0xffc1, "f4"},    {0xffc2, "f5"},       {0xffc3, "f6"},
    {0xffc4, "f7"},        {0xffc5, "f8"},    {0xffc6, "f9"},       {0xffc7, "f10"},
    {0xffc8, "f11"},       {0xffc9, "f12"},   {0xffe1, "shift"},    {0xffe2, "shift"},
    {0xffe3, "ctrl"},      {0xffe4, "ctrl"},  {0xffe5, "capslock"}, {0xffe7, "alt"},
    {0xffe8, "altgr"},     {0xffe9, "alt"},   {0xffea, "altgr"},    {0xffeb, "super"},
    {0xffec, "super"},     {0xfe03, "altgr"}, {0xfe20, "tab"},      {0xffff, "delete"},
};

// The key among the strokes of what is typed: the last that goes down, behind a Shift.
std::optional<KeyStroke> key_typed_by(std::string_view text) {
  std::string error;
  const auto steps = parse_typed(text, error);
  if (!steps) return std::nullopt;
  std::optional<KeyStroke> key;
  for (const TypedStep& step : *steps) {
    const auto* const stroke = std::get_if<KeyStroke>(&step);
    if (stroke != nullptr && stroke->down) key = *stroke;
  }
  return key;
}

}  // namespace

bool parse_vnc_place(std::string_view text, VncPlace& place, std::string& error) {
  const auto refused = [&](std::string_view why) {
    error = fmt::format("-vnc {}: {}; write [ADDRESS]:DISPLAY, such as :1 or 0.0.0.0:1", text, why);
    return false;
  };
  const std::size_t colon = text.rfind(':');
  if (colon == text.npos) return refused("no display");
  const std::string_view display = text.substr(colon + 1);
  if (display.find(',') != display.npos)
    return refused("nothing may follow the display, there is no password");
  constexpr unsigned first_port = 5900;
  unsigned number = 0;
  const auto [end, problem] = std::from_chars(display.data(), display.data() + display.size(), number);
  if (problem != std::errc() || end != display.data() + display.size() || number > 0xffff - first_port)
    return refused("the display is no number from 0 to 59635");
  VncPlace found;
  found.port = static_cast<u16>(first_port + number);
  const std::string address(text.substr(0, colon));
  if (!address.empty() && address != "localhost") {
    in_addr parsed{};
    if (::inet_pton(AF_INET, address.c_str(), &parsed) != 1)
      return refused(fmt::format("\"{}\" is no IPv4 address in numbers", address));
    found.address = ntohl(parsed.s_addr);
  }
  place = found;
  return true;
}

std::string text_of(const VncPlace& place) {
  return fmt::format("{}.{}.{}.{}:{}", place.address >> 24, place.address >> 16 & 0xff,
                     place.address >> 8 & 0xff, place.address & 0xff, place.port);
}

std::optional<KeyStroke> key_of_keysym(u32 keysym) {
  for (const NamedKeysym& known : named) {
    if (known.keysym == keysym) return key_typed_by(fmt::format("<{}>", known.name));
  }
  // ASCII, and the same on the number pad.
  constexpr u32 pad_first = 0xffaa, pad_last = 0xffb9, pad_to_ascii = 0xff80;
  if (keysym >= pad_first && keysym <= pad_last) keysym -= pad_to_ascii;
  if (keysym < 0x20 || keysym > 0x7e) return std::nullopt;
  std::string letter(1, static_cast<char>(keysym));
  if (letter == "<" || letter == "\\") letter.insert(0, 1, '\\');
  return key_typed_by(letter);
}

}  // namespace ringside
