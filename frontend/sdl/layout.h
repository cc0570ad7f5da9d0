// Owns where the parts of the window are.
#pragma once

namespace ringside {

// In dots of the window, from its upper left corner.
struct Box {
  int x = 0, y = 0, width = 0, height = 0;
  bool operator==(const Box&) const = default;
};

struct LayoutRequest {
  int across = 0, down = 0;                   // of the window
  int picture_width = 0, picture_height = 0;  // of the guest's picture; 0: there is none yet
  int panes_width = 0;                        // 0: they are closed
  int bar_height = 0;                         // of the status line
  bool full_screen = false, smooth = false;
};

struct Layout {
  Box picture;  // the picture as it is shown, its aspect kept
  Box area;     // what there is for it
  Box bar;      // of no height: not shown
  Box panes;
};

// Crisp pictures are enlarged by whole numbers; where there is no room for the whole picture it is shrunk.
// The line below goes away in full screen where the picture would be shown smaller for it.
Layout lay_out(const LayoutRequest& request);

}  // namespace ringside
