// Owns the layout of the inspector's desk: tiles of tabs, a row of buttons, the line of commands.
#include "frontend/inspector/imgui/desk.h"

#include <fmt/format.h>
#include <imgui.h>
#include <imgui_stdlib.h>

#include <algorithm>
#include <utility>

#include "frontend/inspector/imgui/appearance.h"
#include "frontend/inspector/views.h"

namespace ringside {
namespace {

constexpr float bar = 5;  // between tiles

constexpr ImGuiWindowFlags fixed = ImGuiWindowFlags_NoMove | ImGuiWindowFlags_NoResize |
                                   ImGuiWindowFlags_NoTitleBar | ImGuiWindowFlags_NoCollapse |
                                   ImGuiWindowFlags_NoSavedSettings | ImGuiWindowFlags_NoBringToFrontOnFocus |
                                   ImGuiWindowFlags_NoScrollbar | ImGuiWindowFlags_NoScrollWithMouse;

}  // namespace

bool begin_pane(const char* id, ImVec2 at, ImVec2 size) {
  ImGui::SetNextWindowPos(at);
  ImGui::SetNextWindowSize(ImVec2(std::max(size.x, 1.0F), std::max(size.y, 1.0F)));
  return ImGui::Begin(id, nullptr, fixed);
}

Desk::Desk(std::shared_ptr<Exchange> exchange) : exchange_(std::move(exchange)) {}

void Desk::draw(ImVec2 at, ImVec2 size) {
  constexpr float wide = 1000, smallest = 60;
  answer_ = exchange_->answer();
  asked_.views.reset();
  const float line = ImGui::GetFrameHeight(), bar_row = 2 * line + 10;
  const bool past = answer_ && answer_->past.kept;
  // In a low window they are keys only.
  constexpr float enough = 480;
  const float time = past ? time_height(size.y >= enough) : 0;
  const float head = past ? bar_row + time + 2 : bar_row;
  toolbar(at, size.x);
  if (past) time_line(ImVec2(at.x, at.y + bar_row), ImVec2(size.x, time));
  const ImVec2 desk(at.x, at.y + head);
  const float high = std::max(size.y - head, 4 * smallest), deep = high * desk_share_;
  splitter("desk", ImVec2(at.x, desk.y + deep), ImVec2(size.x, bar), false, high, desk_share_);
  output(ImVec2(at.x, desk.y + deep + bar), ImVec2(size.x, high - deep - bar));

  static const Tile code{"Code tile", {View::code}};
  static const Tile registers{"Registers tile", {View::registers, View::more_registers, View::breakpoints}};
  static const Tile left{
      "Left tile",
      {View::exits, View::vmcs, View::walk, View::ept, View::pages, View::entry_check, View::pending}};
  static const Tile right{"Right tile", {View::stack, View::memory}};
  static const Tile both{
      "Small tile", {View::registers, View::stack, View::memory, View::more_registers, View::breakpoints}};
  if (size.x >= wide) {
    const float first = size.x * left_share_, rest = size.x - first - bar;
    splitter("columns", ImVec2(at.x + first, desk.y), ImVec2(bar, deep), true, size.x, left_share_);
    const float upper = deep * code_share_, right_upper = deep * right_share_;
    splitter("left", ImVec2(at.x, desk.y + upper), ImVec2(first, bar), false, deep, code_share_);
    splitter("right", ImVec2(at.x + first + bar, desk.y + right_upper), ImVec2(rest, bar), false, deep,
             right_share_);
    tile(code, desk, ImVec2(first, upper));
    tile(left, ImVec2(at.x, desk.y + upper + bar), ImVec2(first, deep - upper - bar));
    tile(registers, ImVec2(at.x + first + bar, desk.y), ImVec2(rest, right_upper));
    tile(right, ImVec2(at.x + first + bar, desk.y + right_upper + bar),
         ImVec2(rest, deep - right_upper - bar));
  } else {
    const float first = deep * narrow_first_, rest = deep - first - bar, second = rest * narrow_second_;
    splitter("first", ImVec2(at.x, desk.y + first), ImVec2(size.x, bar), false, deep, narrow_first_);
    splitter("second", ImVec2(at.x, desk.y + first + bar + second), ImVec2(size.x, bar), false, rest,
             narrow_second_);
    tile(code, desk, ImVec2(size.x, first));
    tile(both, ImVec2(at.x, desk.y + first + bar), ImVec2(size.x, second));
    tile(left, ImVec2(at.x, desk.y + first + second + 2 * bar), ImVec2(size.x, rest - second - bar));
  }
  copy_ = select_all_ = false;
  exchange_->ask(asked_);
}

void Desk::splitter(const char* id, ImVec2 at, ImVec2 size, bool vertical, float whole, float& share) {
  ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, ImVec2(0, 0));
  ImGui::PushStyleVar(ImGuiStyleVar_WindowMinSize, ImVec2(1, 1));
  ImGui::PushStyleVar(ImGuiStyleVar_WindowBorderSize, 0);
  begin_pane(id, at, size);
  ImGui::InvisibleButton("bar", ImVec2(std::max(size.x, 1.0F), std::max(size.y, 1.0F)));
  if (ImGui::IsItemHovered() || ImGui::IsItemActive())
    ImGui::SetMouseCursor(vertical ? ImGuiMouseCursor_ResizeEW : ImGuiMouseCursor_ResizeNS);
  if (ImGui::IsItemActive() && whole > 0) {
    const ImVec2 moved = ImGui::GetIO().MouseDelta;
    share = std::clamp(share + (vertical ? moved.x : moved.y) / whole, 0.15F, 0.9F);
  }
  ImGui::End();
  ImGui::PopStyleVar(3);
}

void Desk::tile(const Tile& tile, ImVec2 at, ImVec2 size) {
  if (begin_pane(tile.id, at, size) && ImGui::BeginTabBar("tabs", ImGuiTabBarFlags_FittingPolicyScroll)) {
    for (const View one : tile.views) {
      const bool wanted = wanted_tab_ == one;
      if (wanted) wanted_tab_.reset();
      const std::string title(info(one).title);
      if (!ImGui::BeginTabItem(title.c_str(), nullptr, wanted ? ImGuiTabItemFlags_SetSelected : 0)) continue;
      asked_.want(one);
      view(one);
      ImGui::EndTabItem();
    }
    ImGui::EndTabBar();
  }
  ImGui::End();
}

void Desk::act(const Action& action) {
  const bool running = answer_ && answer_->running;
  u64 address = 0;
  if (action.kind == Action::Kind::breakpoint) {
    const Sheet* const code = answer_ ? answer_->sheet(View::code) : nullptr;
    std::optional<u64> chosen = grid(View::code).address();
    for (std::size_t n = 0; code && !chosen && n < code->sections.size(); ++n)
      for (const Row& row : code->sections[n].rows)
        if (row.find("current") && row.find("address")) chosen = row.find("address")->number;
    if (!chosen) return;
    address = *chosen;
  }
  exchange_->order(order_of(action, running, address));
}

bool Desk::key(unsigned number, bool shift, bool control) {
  const Action* const action = action_of_key(number, shift, control);
  if (action) act(*action);
  return action != nullptr;
}

void Desk::toolbar(ImVec2 at, float width) {
  const bool running = answer_ && answer_->running;
  begin_pane("Toolbar", at, ImVec2(width, 2 * ImGui::GetFrameHeight() + 8));
  bool first = true;
  for (const Action& action : action_table()) {
    if (action.button.empty() || action.back) continue;
    if (!std::exchange(first, false)) ImGui::SameLine();
    const bool stops = action.kind == Action::Kind::run_or_stop && running;
    const std::string label = fmt::format("{} {}", stops ? "Stop" : action.button, key_name(action));
    if (ImGui::Button(label.c_str())) act(action);
    if (ImGui::IsItemHovered()) ImGui::SetTooltip("%s", std::string(action.help).c_str());
  }
  status();
  ImGui::End();
}

void Desk::status() {
  const auto words = [](ImU32 colour, const std::string& text) {
    ImGui::PushStyleColor(ImGuiCol_Text, colour);
    ImGui::TextUnformatted(columns(text).c_str());
    ImGui::PopStyleColor();
  };
  if (!answer_) return words(Colours::dim, "waiting for the machine");
  const Answered& a = *answer_;
  words(a.running ? Colours::good : Colours::stopped, a.past.passing ? "goes through the past"
                                                      : a.running    ? "runs"
                                                      : a.ended      ? "ended"
                                                                     : "stopped");
  ImGui::SameLine();
  if (a.past.in_it && !a.past.passing) {
    words(Colours::changed, fmt::format("in the past, {} before the present", a.past.end - a.instructions));
    ImGui::SameLine();
  }
  if (!a.why.empty()) {
    words(Colours::changed, a.why);
    ImGui::SameLine();
  }
  words(Colours::text, a.where);
  ImGui::SameLine();
  words(Colours::dim, fmt::format("instruction {}, {:.6f} s", a.instructions, a.seconds));
}

void Desk::output(ImVec2 at, ImVec2 size) {
  constexpr std::size_t most = 2000;
  const auto fresh = exchange_->printed(printed_);
  output_.append(text_lines(fresh), most);
  begin_pane("Commands", at, size);
  TextGrid::Options options;
  options.follow_end = true;
  options.copy = copy_;
  options.all = select_all_;
  follow(output_.draw("output", ImVec2(0, -ImGui::GetFrameHeightWithSpacing()), options));
  command_line();
  ImGui::End();
}

void Desk::command_line() {
  // Earlier lines come back by the arrows.
  const auto recall = [](ImGuiInputTextCallbackData* data) {
    Desk& desk = *static_cast<Desk*>(data->UserData);
    if (data->EventKey == ImGuiKey_UpArrow && desk.recalled_ > 0) --desk.recalled_;
    if (data->EventKey == ImGuiKey_DownArrow && desk.recalled_ < desk.history_.size()) ++desk.recalled_;
    data->DeleteChars(0, data->BufTextLen);
    if (desk.recalled_ < desk.history_.size()) data->InsertChars(0, desk.history_[desk.recalled_].c_str());
    return 0;
  };
  ImGui::AlignTextToFramePadding();
  ImGui::TextUnformatted("(ringside)");
  ImGui::SameLine();
  ImGui::SetNextItemWidth(-1);
  constexpr auto flags = ImGuiInputTextFlags_EnterReturnsTrue | ImGuiInputTextFlags_CallbackHistory;
  if (!ImGui::InputTextWithHint("##line", "a command of the debugger's: help lists them", &line_, flags,
                                recall, this))
    return;
  if (!line_.empty()) {
    exchange_->order({Order::Kind::command, line_});
    if (history_.empty() || history_.back() != line_) history_.push_back(line_);
  }
  recalled_ = history_.size();
  line_.clear();
  ImGui::SetKeyboardFocusHere(-1);
}

}  // namespace ringside
