// Owns the table of VBE's mode numbers, and the reading of vga=.
#include "frontend/machine/linux_video.h"

#include <cstdlib>
#include <string>

namespace ringside {
namespace {

struct Named {
  std::string_view word;
  u16 mode;
};
constexpr Named named[] = {{"normal", 0xffff}, {"ext", 0xfffe}, {"ask", 0xfffd}};

// Source: VESA BIOS Extension 2.0, "VBE Mode Numbers"; the numbers that the standard leaves to 24 bits a dot
// have 24 in the card's BIOS.
struct Row {
  u16 number;
  LinearMode mode;
};
constexpr Row video_modes[] = {
    {0x100, {640, 400, 8}},    {0x101, {640, 480, 8}},   {0x103, {800, 600, 8}},    {0x105, {1024, 768, 8}},
    {0x107, {1280, 1024, 8}},  {0x110, {640, 480, 15}},  {0x111, {640, 480, 16}},   {0x112, {640, 480, 24}},
    {0x113, {800, 600, 15}},   {0x114, {800, 600, 16}},  {0x115, {800, 600, 24}},   {0x116, {1024, 768, 15}},
    {0x117, {1024, 768, 16}},  {0x118, {1024, 768, 24}}, {0x119, {1280, 1024, 15}}, {0x11a, {1280, 1024, 16}},
    {0x11b, {1280, 1024, 24}},
};

}  // namespace

u16 asked_vid_mode(std::string_view command_line) {
  constexpr std::string_view key = "vga=";
  u16 mode = 0xffff;
  for (std::size_t at = 0; at < command_line.size();) {
    const std::size_t end = std::min(command_line.find(' ', at), command_line.size());
    const std::string_view word = command_line.substr(at, end - at);
    at = end + 1;
    if (!word.starts_with(key)) continue;
    const std::string value(word.substr(key.size()));
    mode = 0xffff;
    for (const Named& name : named)
      if (value == name.word) mode = name.mode;
    char* rest = nullptr;
    const unsigned long number = std::strtoul(value.c_str(), &rest, 0);
    if (!value.empty() && *rest == 0 && number <= 0xffff) mode = static_cast<u16>(number);
  }
  return mode;
}

std::optional<LinearMode> linear_mode_of(u16 vid_mode) {
  for (const Row& row : video_modes)
    if (row.number + 0x200 == vid_mode) return row.mode;
  return std::nullopt;
}

}  // namespace ringside
