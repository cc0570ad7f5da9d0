// Owns how the inspector looks: fonts, colours that people with any kind of colour vision tell apart, and
// spaces.
#pragma once

#include <imgui.h>

namespace ringside {

// Of Okabe and Ito's palette, lightened for a dark ground. No colour says anything alone: what has changed is
// underlined too, the present instruction has an arrow, a breakpoint is a dot.
struct Colours {
  static constexpr ImU32 text = IM_COL32(222, 222, 222, 255), dim = IM_COL32(150, 150, 155, 255),
                         changed = IM_COL32(240, 180, 50, 255), link = IM_COL32(110, 190, 240, 255),
                         name = IM_COL32(90, 205, 165, 255), source = IM_COL32(200, 185, 140, 255),
                         current = IM_COL32(36, 70, 110, 255), chosen = IM_COL32(58, 58, 70, 255),
                         selected = IM_COL32(70, 95, 140, 170), breakpoint = IM_COL32(235, 110, 40, 255),
                         good = IM_COL32(90, 205, 165, 255), stopped = IM_COL32(240, 180, 50, 255),
                         margin = IM_COL32(30, 30, 35, 255);
};

// Of the current context. `scale`: dots of the screen for each unit of the window.
void set_appearance(float scale);

}  // namespace ringside
