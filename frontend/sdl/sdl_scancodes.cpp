// Owns the table of keys by their USB usages. Source: USB HID Usage Tables, "Keyboard/Keypad Page".
#include "frontend/sdl/sdl_scancodes.h"

#include <array>
#include <iterator>

namespace ringside {
namespace {

// Usages 04H to 65H: scan codes of set 1; 0xe000 on top for those with the prefix; 0: none.
constexpr u16 scan_codes[] = {
    0x1e,   0x30,   0x2e,   0x20,   0x12,   0x21,   0x22, 0x23, 0x17, 0x24, 0x25, 0x26,
    0x32,   0x31,   0x18,   0x19,                                            // A to P
    0x10,   0x13,   0x1f,   0x14,   0x16,   0x2f,   0x11, 0x2d, 0x15, 0x2c,  // Q to Z
    0x02,   0x03,   0x04,   0x05,   0x06,   0x07,   0x08, 0x09, 0x0a, 0x0b,  // 1 to 0
    0x1c,   0x01,   0x0e,   0x0f,   0x39,                  // Enter, Escape, Backspace, Tab, Space
    0x0c,   0x0d,   0x1a,   0x1b,   0x2b,   0x2b,   0x27,  // - = [ ] \ # ;
    0x28,   0x29,   0x33,   0x34,   0x35,   0x3a,          // ' ` , . / Caps Lock
    0x3b,   0x3c,   0x3d,   0x3e,   0x3f,   0x40,   0x41, 0x42, 0x43, 0x44, 0x57, 0x58,  // F1 to F12
    0xe037, 0x46,   0x0000,                          // Print Screen, Scroll Lock, Pause
    0xe052, 0xe047, 0xe049, 0xe053, 0xe04f, 0xe051,  // Insert, Home, Page Up, Delete, End, Page Down
    0xe04d, 0xe04b, 0xe050, 0xe048,                  // right, left, down, up
    0x45,   0xe035, 0x37,   0x4a,   0x4e,   0xe01c,  // Num Lock / * - + Enter
    0x4f,   0x50,   0x51,   0x4b,   0x4c,   0x4d,   0x47, 0x48, 0x49, 0x52, 0x53,  // 1 to 9, 0, .
    0x56,   0xe05d,  // the key beside the left Shift, Menu
};
constexpr unsigned first_key = 0x04, last_key = 0x65;
static_assert(std::size(scan_codes) == last_key - first_key + 1);

// Usages E0H to E7H: Ctrl, Shift, Alt and Super, left and right.
constexpr u16 modifiers[] = {0x1d, 0x2a, 0x38, 0xe05b, 0xe01d, 0x36, 0xe038, 0xe05c};
constexpr unsigned first_modifier = 0xe0, last_modifier = 0xe7;

}  // namespace

std::optional<KeyStroke> key_of_usage(unsigned usage) {
  u16 key = 0;
  if (usage >= first_key && usage <= last_key) key = scan_codes[usage - first_key];
  if (usage >= first_modifier && usage <= last_modifier) key = modifiers[usage - first_modifier];
  if (key == 0) return std::nullopt;
  return KeyStroke{static_cast<u8>(key), key >= 0x100, false};
}

}  // namespace ringside
