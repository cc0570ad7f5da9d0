// Owns what the flags of the screen and the keyboard do.
#include <fmt/format.h>

#include "frontend/program/option_functions.h"
#include "frontend/program/option_values.h"
#include "frontend/screen/keys.h"

namespace ringside::flags {
namespace {

// "COUNT WORD", the word as it is.
bool at_count(std::string_view flag, std::string_view v, RunOptions::AtCount& to, std::string& e) {
  const std::size_t blank = v.find(' ');
  const auto count = parse_number(v.substr(0, blank));
  if (!count)
    return fail(
        e, fmt::format("{} {}: not a count; give a whole number of instructions", flag, v.substr(0, blank)));
  to = {*count, std::string(blank == v.npos ? std::string_view() : v.substr(blank + 1))};
  return !to.what.empty() || fail(e, fmt::format("{} {}: something is missing behind it", flag, v));
}

bool typeable(std::string_view flag, std::string_view text, std::string& e) {
  std::string why;
  return parse_typed(text, why) || fail(e, fmt::format("{} {}: {}", flag, text, why));
}

}  // namespace

bool vga(Parsed& p, std::string_view v, std::string& e) {
  if (v != "std" && v != "none")
    return fail(e, fmt::format("-vga {}: no such graphics card; choose std or none", v));
  p.run.vga = v == "std";
  return true;
}

bool display(Parsed& p, std::string_view v, std::string& e) {
  if (v != "sdl" && v != "none")
    return fail(e, fmt::format("-display {}: no such display; use -display sdl or -display none", v));
  p.run.window = v == "sdl";
  return true;
}

bool vnc(Parsed& p, std::string_view v, std::string& e) {
  p.run.vnc.reset();
  return v == "none" || parse_vnc_place(v, p.run.vnc.emplace(), e);
}

// To be looked at it needs the window.
bool inspector(Parsed& p, std::string_view, std::string&) {
  p.run.window = true;
  return p.run.inspector = true;
}

bool screenshot(Parsed& p, std::string_view v, std::string& e) {
  return file_name("--screenshot", v, p.run.screenshot, e);
}

bool screenshot_at(Parsed& p, std::string_view v, std::string& e) {
  return at_count("--screenshot-at", v, p.run.screenshots_at.emplace_back(), e);
}

bool type(Parsed& p, std::string_view v, std::string& e) {
  p.run.typed.emplace_back(v);
  return typeable("--type", v, e);
}

bool type_at(Parsed& p, std::string_view v, std::string& e) {
  RunOptions::AtCount& typed = p.run.typed_at.emplace_back();
  return at_count("--type-at", v, typed, e) && typeable("--type-at", typed.what, e);
}

bool expect_screen(Parsed& p, std::string_view v, std::string& e) {
  LinePattern trial;
  p.run.expect_screen.emplace_back(v);
  return trial.compile("--expect-screen", p.run.expect_screen.back(), e);
}

}  // namespace ringside::flags
