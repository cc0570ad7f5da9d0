// Owns the map above the lists of page tables and EPT: a block for each range, as broad as the logarithm of
// its size, its colour by what the rights allow.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <string_view>

#include "frontend/inspector/imgui/appearance.h"
#include "frontend/inspector/imgui/desk.h"
#include "frontend/inspector/views.h"

namespace ringside {
namespace {

struct MapColour {
  ImU32 colour;
  const char* words;
};
constexpr MapColour kinds[] = {{IM_COL32(150, 150, 155, 255), "read only"},
                               {IM_COL32(0, 158, 115, 255), "read, execute"},
                               {IM_COL32(86, 180, 233, 255), "read, write"},
                               {IM_COL32(230, 159, 0, 255), "read, write, execute"},
                               {IM_COL32(204, 121, 167, 255), "without read"}};

// "rwx WB", "rw- user": the first three letters of a range's rights.
const MapColour& kind_of(std::string_view rights) {
  const auto has = [&](std::size_t at, char letter) { return at < rights.size() && rights[at] == letter; };
  if (!has(0, 'r')) return kinds[4];
  return kinds[(has(1, 'w') ? 2 : 0) + (has(2, 'x') ? 1 : 0)];
}

struct MapBlock {
  u64 first = 0, last = 0, to = 0;
  std::string rights;
  bool gap = false;  // nothing is mapped between it and the one before
  float breadth = 0;
};

std::vector<MapBlock> blocks_of(const Sheet& sheet) {
  std::vector<MapBlock> blocks;
  for (const Section& section : sheet.sections) {
    for (const Row& row : section.rows) {
      const Cell *first = row.find("first"), *last = row.find("last"), *rights = row.find("rights"),
                 *to = row.find("to");
      if (!first || !last || !rights || !to || !first->number || !last->number || !to->number) continue;
      MapBlock block{*first->number, *last->number, *to->number, rights->text};
      block.gap = !blocks.empty() && block.first != blocks.back().last + 1;
      block.breadth = static_cast<float>(std::bit_width((block.last - block.first) >> 12)) + 1;
      blocks.push_back(std::move(block));
    }
  }
  return blocks;
}

}  // namespace

void Desk::map_view(View view) {
  const Sheet* const sheet = answer_ ? answer_->sheet(view) : nullptr;
  const std::vector<MapBlock> blocks = sheet ? blocks_of(*sheet) : std::vector<MapBlock>();
  if (!blocks.empty()) {
    constexpr float gap = 4;
    const float across = std::max(ImGui::GetContentRegionAvail().x, 1.0F),
                down = ImGui::GetTextLineHeight() * 2;
    float whole = 0, gaps = 0;
    for (const MapBlock& block : blocks) whole += block.breadth, gaps += block.gap ? gap : 0;
    const float unit = std::max(across - gaps, across / 2) / whole;
    const ImVec2 from = ImGui::GetCursorScreenPos(), mouse = ImGui::GetMousePos();
    ImGui::InvisibleButton("map", ImVec2(across, down));
    const bool over = ImGui::IsItemHovered();
    float x = from.x;
    for (const MapBlock& block : blocks) {
      if (block.gap) x += gap;
      const float end = x + block.breadth * unit;
      const MapColour& kind = kind_of(block.rights);
      // A thin ground between two that touch.
      ImGui::GetWindowDrawList()->AddRectFilled(ImVec2(x, from.y),
                                                ImVec2(std::max(x + 1, end - 1), from.y + down), kind.colour);
      if (over && mouse.x >= x && mouse.x < end)
        ImGui::SetTooltip("%s", fmt::format("{:#x} to {:#x}\nat {:#x}: {} ({})", block.first, block.last,
                                            block.to, block.rights, kind.words)
                                    .c_str());
      x = end;
    }
    for (const MapColour& kind : kinds) {
      if (&kind != kinds) ImGui::SameLine();
      ImGui::PushStyleColor(ImGuiCol_Text, kind.colour);
      ImGui::TextUnformatted("#");
      ImGui::PopStyleColor();
      ImGui::SameLine(0, 3);
      ImGui::TextUnformatted(kind.words);
    }
  }
  plain(view);
}

}  // namespace ringside
