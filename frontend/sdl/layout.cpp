// Owns the arithmetic of the window's parts.
#include "frontend/sdl/layout.h"

#include <algorithm>
#include <cmath>

namespace ringside {
namespace {

double scale_in(const LayoutRequest& request, int width, int height) {
  const double fits = std::min(static_cast<double>(width) / request.picture_width,
                               static_cast<double>(height) / request.picture_height);
  return !request.smooth && fits >= 1 ? std::floor(fits) : fits;
}

}  // namespace

Layout lay_out(const LayoutRequest& request) {
  Layout out;
  const int panes = std::clamp(request.panes_width, 0, request.across), across = request.across - panes;
  int bar = std::min(request.bar_height, request.down);
  const bool shown = request.picture_width > 0 && request.picture_height > 0;
  if (shown && request.full_screen && panes == 0 &&
      scale_in(request, across, request.down) > scale_in(request, across, request.down - bar))
    bar = 0;
  const int down = request.down - bar;
  out.area = {0, 0, across, down};
  out.bar = {0, down, across, bar};
  out.panes = {across, 0, panes, request.down};
  if (!shown || across <= 0 || down <= 0) return out;
  const double scale = scale_in(request, across, down);
  const int width = std::clamp(static_cast<int>(request.picture_width * scale), 1, across),
            height = std::clamp(static_cast<int>(request.picture_height * scale), 1, down);
  out.picture = {(across - width) / 2, (down - height) / 2, width, height};
  return out;
}

}  // namespace ringside
