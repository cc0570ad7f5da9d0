// Owns the table of keys and the reading of what is to be typed.
#include "frontend/screen/keys.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>

namespace ringside {
namespace {

struct Key {
  u8 code = 0;  // scan code set 1
  bool extended = false;
};
struct NamedKey {
  std::string_view name;
  Key key;
};
constexpr NamedKey named[] = {
    {"enter", {0x1c}},
    {"esc", {0x01}},
    {"tab", {0x0f}},
    {"backspace", {0x0e}},
    {"space", {0x39}},
    {"up", {0x48, true}},
    {"down", {0x50, true}},
    {"left", {0x4b, true}},
    {"right", {0x4d, true}},
    {"home", {0x47, true}},
    {"end", {0x4f, true}},
    {"pageup", {0x49, true}},
    {"pagedown", {0x51, true}},
    {"insert", {0x52, true}},
    {"delete", {0x53, true}},
    {"f1", {0x3b}},
    {"f2", {0x3c}},
    {"f3", {0x3d}},
    {"f4", {0x3e}},
    {"f5", {0x3f}},
    {"f6", {0x40}},
    {"f7", {0x41}},
    {"f8", {0x42}},
    {"f9", {0x43}},
    {"f10", {0x44}},
    {"f11", {0x57}},
    {"f12", {0x58}},
    {"ctrl", {0x1d}},
    {"shift", {0x2a}},
    {"alt", {0x38}},
    {"altgr", {0x38, true}},
    {"super", {0x5b, true}},
    {"menu", {0x5d, true}},
    {"capslock", {0x3a}},
    {"numlock", {0x45}},
    {"scrolllock", {0x46}},
    {"print", {0x37, true}},
};

// Keys in rows as their codes count, without and with Shift.
struct Row {
  u8 first;
  std::string_view plain, shifted;
};
constexpr Row rows[] = {
    {0x02, "1234567890-=", "!@#$%^&*()_+"},
    {0x10, "qwertyuiop[]", "QWERTYUIOP{}"},
    {0x1e, "asdfghjkl;'`", "ASDFGHJKL:\"~"},
    {0x2b, "\\zxcvbnm,./", "|ZXCVBNM<>?"},
    {0x39, " ", ""},
    {0x1c, "\n", ""},
    {0x0f, "\t", ""},
    {0x0e, "\b", ""},
    {0x01, "\x1b", ""},
};
constexpr Key shift{0x2a};

class Reader {
 public:
  Reader(std::string_view text, std::string& error) : text_(text), error_(error) {}

  std::optional<std::vector<TypedStep>> read() {
    while (!text_.empty()) {
      const char c = text_.front();
      text_.remove_prefix(1);
      const bool good = c == '<' ? bracket() : c == '\\' ? escape() : letter(c);
      if (!good) return std::nullopt;
    }
    return std::move(steps_);
  }

 private:
  bool fail(std::string why) {
    error_ = std::move(why);
    return false;
  }
  void stroke(Key key, bool down) { steps_.emplace_back(KeyStroke{key.code, key.extended, down}); }

  bool letter(char c) {
    for (const Row& row : rows) {
      for (const bool shifted : {false, true}) {
        const std::size_t place = (shifted ? row.shifted : row.plain).find(c);
        if (place == std::string_view::npos) continue;
        const Key key{static_cast<u8>(row.first + place)};
        if (shifted) stroke(shift, true);
        stroke(key, true);
        stroke(key, false);
        if (shifted) stroke(shift, false);
        return true;
      }
    }
    return fail(fmt::format("\"{}\": no key of a US keyboard types it", c));
  }

  bool escape() {
    const char c = text_.empty() ? '\0' : text_.front();
    constexpr std::string_view from = "ntbe\\<", to = "\n\t\b\x1b\\<";
    const std::size_t place = from.find(c);
    if (c == '\0' || place == from.npos) return fail("\\ is followed by n, t, b, e, \\ or <");
    text_.remove_prefix(1);
    return letter(to[place]);
  }

  bool bracket() {
    const std::size_t close = text_.find('>');
    if (close == text_.npos) return fail("> is missing; a < of its own is written \\<");
    const std::string_view inside = text_.substr(0, close);
    text_.remove_prefix(close + 1);
    if (inside.starts_with("wait ")) return wait(inside.substr(5));
    if (inside.starts_with("screen ")) {
      LinePattern pattern;
      if (!pattern.compile("<screen>", std::string(inside.substr(7)), error_)) return false;
      steps_.emplace_back(std::move(pattern));
      return true;
    }
    if (inside.starts_with("mouse ")) return mouse(inside.substr(6));
    if (inside.starts_with("screenshot ")) return add(TakePicture{std::string(inside.substr(11))});
    if (inside == "click") return add(MouseMove{.buttons = 1}) && add(MouseMove{});
    if (inside == "pause") return add(PauseKey{});
    if (inside == "quit") return add(QuitRun{});
    return chord(inside);
  }

  bool add(TypedStep step) {
    steps_.push_back(std::move(step));
    return true;
  }

  bool mouse(std::string_view text) {
    std::array<int, 3> numbers{};
    constexpr int most = 10'000, all_buttons = 7;
    std::size_t given = 0;
    for (std::string_view rest = text; !rest.empty(); ++given) {
      const std::size_t blank = std::min(rest.find(' '), rest.size());
      const std::string_view word = rest.substr(0, blank);
      rest.remove_prefix(std::min(blank + 1, rest.size()));
      int value = 0;
      const auto [end, problem] = std::from_chars(word.data(), word.data() + word.size(), value);
      const bool number = problem == std::errc() && end == word.data() + word.size();
      const bool fits = given < 2 ? value >= -most && value <= most : value >= 0 && value <= all_buttons;
      if (given == numbers.size() || !number || !fits) return no_movement(text);
      numbers[given] = value;
    }
    if (given < 2) return no_movement(text);
    return add(MouseMove{.right = numbers[0], .up = numbers[1], .buttons = static_cast<u8>(numbers[2])});
  }
  bool no_movement(std::string_view text) {
    return fail(
        fmt::format("<mouse {}>: no movement; give counts to the right and up, and buttons if any, such as "
                    "<mouse 20 -5 1>",
                    text));
  }

  bool wait(std::string_view text) {
    double seconds = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    constexpr double most = 1e6;
    if (problem != std::errc() || end != text.data() + text.size() || !(seconds >= 0 && seconds <= most))
      return fail(fmt::format("<wait {}>: not a time; give seconds, such as <wait 0.5>", text));
    steps_.emplace_back(WaitSeconds{seconds});
    return true;
  }

  // "ctrl-alt-delete", "f2", "ctrl-c": all go down in this order and up in the other.
  bool chord(std::string_view names) {
    std::vector<Key> keys;
    for (std::string_view rest = names; keys.empty() || !rest.empty();) {
      // A minus is a key, too, where no name begins.
      const std::size_t minus = rest.find('-', 1);
      const std::string_view name = rest.substr(0, minus);
      rest = minus == rest.npos ? std::string_view() : rest.substr(minus + 1);
      const std::optional<Key> key = key_of(name);
      if (!key)
        return fail(fmt::format(
            "<{}>: no such key; there are letters, wait, screen, mouse, click, screenshot, quit, pause, {}",
            names, key_names()));
      keys.push_back(*key);
    }
    for (const Key& key : keys) stroke(key, true);
    for (auto key = keys.rbegin(); key != keys.rend(); ++key) stroke(*key, false);
    return true;
  }

  static std::optional<Key> key_of(std::string_view name) {
    for (const NamedKey& known : named) {
      if (known.name == name) return known.key;
    }
    if (name.size() != 1) return std::nullopt;
    for (const Row& row : rows) {
      if (const std::size_t place = row.plain.find(name[0]); place != row.plain.npos)
        return Key{static_cast<u8>(row.first + place)};
    }
    return std::nullopt;
  }

  std::string_view text_;
  std::string& error_;
  std::vector<TypedStep> steps_;
};

}  // namespace

std::optional<std::vector<TypedStep>> parse_typed(std::string_view text, std::string& error) {
  return Reader(text, error).read();
}

bool needs_screen(const std::vector<TypedStep>& steps) {
  return std::any_of(steps.begin(), steps.end(), [](const TypedStep& step) {
    return std::holds_alternative<LinePattern>(step) || std::holds_alternative<TakePicture>(step);
  });
}

std::string key_names() {
  std::string names;
  for (const NamedKey& key : named) names += (names.empty() ? "" : " ") + std::string(key.name);
  return names;
}

}  // namespace ringside
