// Owns the inspector's desk: its panes, where they lie in a place of any size, and what people do in them.
// Between ImGui::NewFrame and ImGui::Render only.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <imgui.h>

#include "frontend/inspector/actions.h"
#include "frontend/inspector/exchange.h"
#include "frontend/inspector/imgui/text_grid.h"

namespace ringside {

// Begins a window of Dear ImGui's that stays where it is put. False: nothing of it is seen; it ends all the
// same.
bool begin_pane(const char* id, ImVec2 at, ImVec2 size);

class Desk {
 public:
  explicit Desk(std::shared_ptr<Exchange> exchange);

  // Everything, at a place in the window; afterwards what is seen of it is asked for.
  void draw(ImVec2 at, ImVec2 size);
  // A function key; false: it is none of the inspector's.
  bool key(unsigned number, bool shift, bool control);
  void copy(bool everything) { (everything ? select_all_ : copy_) = true; }

 private:
  // A rectangle of the desk with views as tabs.
  struct Tile {
    const char* id;
    std::vector<View> views;
  };
  void tile(const Tile& tile, ImVec2 at, ImVec2 size);
  void view(View view);
  void code_view();
  void exits_view();
  void memory_view();
  void walk_view();
  void vmcs_view();
  void map_view(View view);
  void toolbar(ImVec2 at, float width);
  void time_line(ImVec2 at, ImVec2 size);
  void back_buttons();
  void choose_time(u64 pointed, float wheel);
  static float time_height(bool buttons);
  void status();
  void output(ImVec2 at, ImVec2 size);
  void command_line();
  void plain(View view, ImVec2 size = ImVec2(0, 0), TextGrid::Options options = {});
  bool address_field(const char* id, const char* hint, std::string& text, std::string& asked);
  void follow(const Followed& followed);
  void act(const Action& action);
  // A bar between tiles that can be dragged; `share` is what lies before it.
  void splitter(const char* id, ImVec2 at, ImVec2 size, bool vertical, float whole, float& share);
  TextGrid& grid(View view) { return grids_[static_cast<std::size_t>(view)]; }
  void bring(View view) { wanted_tab_ = view; }

  std::shared_ptr<Exchange> exchange_;
  std::shared_ptr<const Answered> answer_;
  Asked asked_;
  std::array<TextGrid, view_count> grids_;
  std::array<std::string, view_count> fields_;  // what is typed in a view's field for an address
  TextGrid output_;
  u64 printed_ = 0;
  std::string line_;
  std::vector<std::string> history_;
  std::size_t recalled_ = 0;  // of history_; its size: the line that is being typed
  std::optional<View> wanted_tab_;
  u64 time_here_ = 0;          // where the machine was when the time line was drawn last
  std::optional<u64> wished_;  // the count that the time line is dragged to
  bool copy_ = false, select_all_ = false;
  float code_share_ = 0.5F, left_share_ = 0.52F, right_share_ = 0.5F, desk_share_ = 0.8F;
  float narrow_first_ = 0.38F, narrow_second_ = 0.5F;
};

}  // namespace ringside
