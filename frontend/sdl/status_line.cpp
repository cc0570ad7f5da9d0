// Owns the choice of what is said of the machine in one line.
#include "frontend/sdl/status_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace ringside {
namespace {

using Look = StatusPart::Look;
using World = WindowStatus::World;

constexpr std::string_view way_out = "Ctrl-Alt-G frees mouse and keys";

constexpr struct {
  World world;
  Look look;
  std::string_view word;
} worlds[] = {{World::root, Look::root, "root"},
              {World::guest, Look::guest, "guest"},
              {World::halted, Look::halted, "halted"}};

// Each CPU by itself as long as that can be read at a glance, then how many are where.
std::vector<StatusPart> world_parts(const WindowStatus& status) {
  constexpr std::size_t few = 2;
  std::vector<StatusPart> parts;
  for (std::size_t n = 0; n < status.cpus.size() && status.cpus.size() <= few; ++n) {
    for (const auto& row : worlds) {
      if (row.world == status.cpus[n]) parts.push_back({fmt::format("CPU {} {}", n, row.word), row.look});
    }
  }
  for (const auto& row : worlds) {
    const auto count = std::count(status.cpus.begin(), status.cpus.end(), row.world);
    if (status.cpus.size() > few && count > 0)
      parts.push_back({fmt::format("{} {}", count, row.word), row.look});
  }
  return parts;
}

}  // namespace

unsigned columns_of(const StatusPart& part) {
  const bool sign = part.look != Look::plain && part.look != Look::faint;
  return static_cast<unsigned>(part.text.size()) + (sign ? 2 : 0);
}

StatusLine status_line(const WindowStatus& status, bool grabbed, unsigned columns) {
  StatusLine line;
  line.right = grabbed ? StatusPart{std::string(way_out), Look::way_out} : StatusPart{"F1 keys", Look::faint};
  std::vector<StatusPart> wanted;
  if (status.paused) wanted.push_back({"paused", Look::paused});
  if (status.hears == WindowStatus::Hears::later) wanted.push_back({"past", Look::plain});
  if (status.hears == WindowStatus::Hears::recording) wanted.push_back({"replay", Look::plain});
  for (StatusPart& part : world_parts(status)) wanted.push_back(std::move(part));
  // Of a width of their own, so that the words behind them do not move.
  wanted.push_back({fmt::format("{:6.1f} s", status.seconds), Look::plain});
  if (!status.paused) wanted.push_back({fmt::format("{:4.0f} MIPS", status.mips), Look::plain});
  if (status.full_speed) wanted.push_back({"full speed", Look::plain});
  unsigned used = columns_of(line.right);
  if (!grabbed && used > columns) line.right = {}, used = 0;
  for (StatusPart& part : wanted) {
    const unsigned with = used + columns_of(part) + 2;
    if (with > columns) break;
    used = with;
    line.left.push_back(std::move(part));
  }
  return line;
}

std::string window_title(const WindowStatus& status, bool grabbed) {
  std::string title =
      status.name.empty() || status.name == "ringside" ? "Ringside" : status.name + " - Ringside";
  if (status.paused) title += " - paused";
  if (status.hears == WindowStatus::Hears::later) title += " - in the past, input waits";
  if (status.hears == WindowStatus::Hears::recording) title += " - replay, takes no input";
  if (grabbed) title += fmt::format(" - {}", way_out);
  return title;
}

}  // namespace ringside
