// Owns the time line of the desk: the known past from its beginning to the present, and going there by the
// mouse.
#include <fmt/format.h>
#include <imgui.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "frontend/inspector/imgui/appearance.h"
#include "frontend/inspector/imgui/desk.h"

namespace ringside {
namespace {

constexpr float time_line_height = 32;

// Where things are on the line.
struct Scale {
  ImVec2 from;
  float across;
  u64 begin, end;

  float at(u64 count) const {
    const double share = end > begin ? static_cast<double>(std::clamp(count, begin, end) - begin) /
                                           static_cast<double>(end - begin)
                                     : 1.0;
    return from.x + across * static_cast<float>(share);
  }
  bool shows(u64 count) const { return count >= begin && count <= end; }
  u64 count_at(float x) const {
    const double share = std::clamp((x - from.x) / std::max(across, 1.0F), 0.0F, 1.0F);
    return begin + static_cast<u64>(share * static_cast<double>(end - begin));
  }
};

// What has a mark can be hit though a dot of the screen stands for many instructions.
u64 pointed_at(const PastSeen& past, const Scale& scale, float x) {
  constexpr float reach = 5;
  float nearest = reach;
  u64 count = scale.count_at(x);
  const auto mark = [&](u64 at) {
    const float away = std::abs(scale.at(at) - x);
    if (away < nearest) nearest = away, count = at;
  };
  mark(scale.begin);
  mark(scale.end);
  for (const u64 at : past.stops)
    if (scale.shows(at)) mark(at);
  for (const auto& [name, at] : past.bookmarks)
    if (scale.shows(at)) mark(at);
  return std::clamp(count, past.begin, past.end);
}

// From the bottom, by the logarithm: one is seen beside many.
void draw_exits(ImDrawList& list, const PastSeen& past, const Scale& scale, float high) {
  if (past.exits.empty()) return;
  const float bottom = scale.from.y + time_line_height;
  const float most =
      std::log2(static_cast<float>(*std::max_element(past.exits.begin(), past.exits.end())) + 1);
  const auto parts = static_cast<double>(past.exits.size());
  const double part = static_cast<double>(past.exits_to - past.exits_from) / parts;
  for (std::size_t n = 0; n < past.exits.size(); ++n) {
    const u64 from = past.exits_from + static_cast<u64>(part * static_cast<double>(n)),
              to = past.exits_from + static_cast<u64>(part * static_cast<double>(n + 1));
    if (past.exits[n] == 0 || to < scale.begin || from > scale.end) continue;
    const float share = std::log2(static_cast<float>(past.exits[n]) + 1) / most, x = scale.at(from);
    list.AddRectFilled(ImVec2(x, bottom - high * (0.25F + 0.75F * share)),
                       ImVec2(std::max(x + 1, scale.at(to)), bottom), Colours::name);
  }
}

// A flag each, with its name where there is room before the next one.
void draw_bookmarks(ImDrawList& list, const PastSeen& past, const Scale& scale) {
  std::vector<std::pair<float, const std::string*>> flags;
  for (const auto& [name, count] : past.bookmarks)
    if (scale.shows(count)) flags.emplace_back(scale.at(count), &name);
  std::sort(flags.begin(), flags.end());
  const float top = scale.from.y, right = scale.from.x + scale.across;
  for (std::size_t n = 0; n < flags.size(); ++n) {
    const float x = flags[n].first, next = n + 1 < flags.size() ? flags[n + 1].first : right;
    list.AddLine(ImVec2(x, top), ImVec2(x, top + time_line_height), Colours::link);
    list.AddTriangleFilled(ImVec2(x, top), ImVec2(x + 7, top + 4), ImVec2(x, top + 8), Colours::link);
    const float wide = ImGui::CalcTextSize(flags[n].second->c_str()).x, gap = 9;
    if (x + gap + wide < next) list.AddText(ImVec2(x + gap, top), Colours::link, flags[n].second->c_str());
  }
}

void draw_marks(const PastSeen& past, const Scale& scale, u64 here) {
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const float top = scale.from.y, bottom = top + time_line_height, right = scale.from.x + scale.across;
  list.PushClipRect(ImVec2(scale.from.x - 4, top), ImVec2(right + 4, bottom), true);
  list.AddRectFilled(scale.from, ImVec2(right, bottom), Colours::margin);
  list.AddRectFilled(scale.from, ImVec2(scale.at(here), bottom), Colours::current);
  for (const u64 count : past.checkpoints)
    if (scale.shows(count))
      list.AddLine(ImVec2(scale.at(count), bottom - 3), ImVec2(scale.at(count), bottom), Colours::dim);
  draw_exits(list, past, scale, time_line_height * 0.45F);
  draw_bookmarks(list, past, scale);
  for (const u64 count : past.stops) {
    if (!scale.shows(count)) continue;
    constexpr float half = 4;
    const float x = scale.at(count), middle = top + time_line_height * 0.5F;
    list.AddTriangleFilled(ImVec2(x - half, middle - half), ImVec2(x + half, middle - half),
                           ImVec2(x, middle + half), Colours::breakpoint);
  }
  const float x = scale.at(here);
  if (scale.shows(here)) list.AddRectFilled(ImVec2(x - 1, top), ImVec2(x + 1, bottom), Colours::text);
  list.PopClipRect();
}

std::string words_of(const PastSeen& past, u64 pointed) {
  std::string words = fmt::format("instruction {}", pointed);
  words += pointed == past.end ? ", the present" : fmt::format(", {} before the present", past.end - pointed);
  for (const auto& [name, count] : past.bookmarks)
    if (count == pointed) words += fmt::format("\nbookmark {}", name);
  if (std::find(past.stops.begin(), past.stops.end(), pointed) != past.stops.end())
    words += "\nthe machine stopped here";
  if (past.exits.empty() || pointed < past.exits_from || pointed > past.exits_to) return words;
  const double share = static_cast<double>(pointed - past.exits_from) /
                       static_cast<double>(std::max<u64>(past.exits_to - past.exits_from, 1));
  const auto parts = static_cast<double>(past.exits.size());
  const u32 exits = past.exits[static_cast<std::size_t>(std::min(share * parts, parts - 1))];
  if (exits > 0) words += fmt::format("\nVM exits hereabouts: {}", exits);
  return words;
}

}  // namespace

float Desk::time_height(bool buttons) {
  return time_line_height + 10 + (buttons ? ImGui::GetFrameHeightWithSpacing() : 0);
}

void Desk::back_buttons() {
  bool first = true;
  for (const Action& action : action_table()) {
    if (!action.back || action.button.empty()) continue;
    if (!std::exchange(first, false)) ImGui::SameLine();
    if (ImGui::Button(std::string(action.button).c_str())) act(action);
    if (ImGui::IsItemHovered())
      ImGui::SetTooltip("%s: %s", key_name(action).c_str(), std::string(action.help).c_str());
  }
  ImGui::SameLine();
  constexpr const char* words = "bars: VM exits; click or drag to go there; the wheel shows more or less";
  const bool room = ImGui::CalcTextSize(words).x < ImGui::GetContentRegionAvail().x;
  ImGui::PushStyleColor(ImGuiCol_Text, Colours::dim);
  ImGui::TextUnformatted(room ? words : "");
  ImGui::PopStyleColor();
}

// The wheel shows less of the past, or more, around what is pointed at. Where the machine goes is shown.
void Desk::choose_time(u64 pointed, float wheel) {
  constexpr double step = 1.5;
  constexpr u64 least = 64;  // instructions
  const PastSeen& past = answer_->past;
  const u64 here = answer_->instructions, all = past.end - past.begin;
  u64 wide = asked_.time_to - asked_.time_from, from = asked_.time_from;
  if (wide == 0) wide = all, from = past.begin;
  if (wheel != 0) {
    const double share =
        static_cast<double>(pointed - std::min(pointed, from)) / static_cast<double>(std::max<u64>(wide, 1));
    const double wanted = static_cast<double>(wide) * std::pow(step, -static_cast<double>(wheel));
    wide = static_cast<u64>(
        std::clamp(wanted, static_cast<double>(std::min(least, all)), static_cast<double>(all)));
    const u64 before = static_cast<u64>(static_cast<double>(wide) * std::clamp(share, 0.0, 1.0));
    from = pointed - std::min(pointed, before);
  }
  if (std::exchange(time_here_, here) != here && (here < from || here > from + wide))
    from = here - std::min(here, wide / 2);
  asked_.time_from = asked_.time_to = 0;
  if (wide >= all) return;
  asked_.time_from = std::clamp(from, past.begin, past.end - wide);
  asked_.time_to = asked_.time_from + wide;
}

void Desk::time_line(ImVec2 at, ImVec2 size) {
  const PastSeen& past = answer_->past;
  begin_pane("Time line", at, size);
  if (size.y >= time_height(true)) back_buttons();
  ImVec2 from = ImGui::GetCursorScreenPos();
  // So that marks at its ends are whole.
  constexpr float margin = 4;
  from.x += margin;
  const bool all = asked_.time_to <= asked_.time_from;
  const Scale scale{from, std::max(ImGui::GetContentRegionAvail().x - 2 * margin, 1.0F),
                    all ? past.begin : asked_.time_from, all ? past.end : asked_.time_to};
  ImGui::InvisibleButton("time", ImVec2(scale.across + 2 * margin, time_line_height));
  const u64 pointed = pointed_at(past, scale, ImGui::GetMousePos().x);
  const bool looks = ImGui::IsItemHovered() || ImGui::IsItemActive();
  if (ImGui::IsItemActive() && pointed != wished_) {
    wished_ = pointed;
    exchange_->order({Order::Kind::travel, {}, pointed, false});
  }
  if (ImGui::IsItemDeactivated())
    exchange_->order({Order::Kind::travel, {}, wished_.value_or(pointed), true});
  if (!ImGui::IsItemActive()) wished_.reset();
  choose_time(pointed, looks ? ImGui::GetIO().MouseWheel : 0);
  draw_marks(past, scale, answer_->instructions);
  if (looks) {
    ImDrawList& list = *ImGui::GetWindowDrawList();
    list.AddLine(ImVec2(scale.at(pointed), from.y), ImVec2(scale.at(pointed), from.y + time_line_height),
                 Colours::changed);
    ImGui::SetTooltip("%s", words_of(past, pointed).c_str());
  }
  ImGui::End();
}

}  // namespace ringside
