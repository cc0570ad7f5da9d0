// Owns how the window looks. Its colours are those of Okabe and Ito, which people tell apart whatever colours
// they see; each comes with a sign of its own shape.
#include <algorithm>
#include <sstream>

#include "frontend/sdl/sdl_face.h"

namespace ringside {
namespace {

using Look = StatusPart::Look;

constexpr SDL_Color background{24, 24, 28, 255}, bar_color{43, 43, 51, 255}, text_color{236, 236, 236, 255},
    faint{168, 168, 176, 255}, blue{86, 180, 233, 255}, orange{230, 159, 0, 255}, yellow{240, 228, 66, 255},
    black{0, 0, 0, 255};

SDL_Color color_of(Look look) {
  switch (look) {
    case Look::plain: return text_color;
    case Look::faint:
    case Look::halted: return faint;
    case Look::root: return blue;
    case Look::guest: return orange;
    case Look::paused:
    case Look::way_out: return yellow;
  }
  return text_color;
}

void set_color(SDL_Renderer* renderer, SDL_Color color) {
  SDL_SetRenderDrawColor(renderer, color.r, color.g, color.b, color.a);
}

SDL_Rect rect(const Box& box) { return {box.x, box.y, box.width, box.height}; }

}  // namespace

Layout SdlFace::layout() const {
  LayoutRequest request;
  SDL_GetRendererOutputSize(renderer_, &request.across, &request.down);
  request.picture_width = static_cast<int>(picture_.width);
  request.picture_height = static_cast<int>(picture_.height);
  if (panes_open()) request.panes_width = panes_->width_in(request.across, request.down);
  request.bar_height = bar_height();
  request.full_screen = full_screen_;
  request.smooth = smooth_;
  return lay_out(request);
}

void SdlFace::present() {
  const Layout where = layout();
  set_color(renderer_, background);
  SDL_RenderClear(renderer_);
  const SDL_Rect place = rect(where.picture);
  if (texture_ != nullptr) SDL_RenderCopy(renderer_, texture_, nullptr, &place);
  if (where.bar.height > 0) draw_bar(where.bar);
  if (help_) {
    std::vector<std::string> lines;
    std::istringstream text(window_keys_text());
    for (std::string line; std::getline(text, line);) lines.push_back(line);
    draw_card(lines, where.area, false);
  }
  if (!note_.empty()) draw_card({note_}, where.area, true);
  if (panes_open()) {
    panes_->draw(renderer_, rect(where.panes));
    SDL_RenderSetClipRect(renderer_, nullptr);
    SDL_RenderSetScale(renderer_, 1, 1);
    SDL_SetRenderDrawBlendMode(renderer_, SDL_BLENDMODE_NONE);
    mail_.nudge();  // what was clicked at may be for the machine's thread
  }
  SDL_RenderPresent(renderer_);
}

void SdlFace::draw_bar(const Box& bar) {
  set_color(renderer_, bar_color);
  const SDL_Rect all = rect(bar);
  SDL_RenderFillRect(renderer_, &all);
  const int letter = SdlLetters::width * letter_scale_, margin = letter;
  const int columns = std::max(0, (bar.width - 2 * margin) / letter);
  const StatusLine line = status_line(status_, grabbed_, static_cast<unsigned>(columns));
  const int y = bar.y + (bar.height - SdlLetters::height * letter_scale_) / 2;
  int x = bar.x + margin;
  for (const StatusPart& part : line.left) x += draw_part(part, x, y) + 2 * letter;
  draw_part(line.right, bar.x + bar.width - margin - static_cast<int>(columns_of(line.right)) * letter, y);
}

// How wide it is.
int SdlFace::draw_part(const StatusPart& part, int x, int y) {
  const int letter = SdlLetters::width * letter_scale_;
  const int width = static_cast<int>(columns_of(part)) * letter;
  if (part.look == Look::way_out) {
    set_color(renderer_, color_of(part.look));
    const SDL_Rect behind{x, y - letter_scale_ * 2, width, (SdlLetters::height + 4) * letter_scale_};
    SDL_RenderFillRect(renderer_, &behind);
    letters_.draw(part.text, x + letter, y, letter_scale_, black);
    return width;
  }
  const int sign = width - static_cast<int>(part.text.size()) * letter;
  if (sign > 0) draw_sign(part.look, x, y);
  letters_.draw(part.text, x + sign, y, letter_scale_,
                part.look == Look::faint || part.look == Look::halted ? faint : text_color);
  return width;
}

// root: a full square; guest: a square in a frame; halted: a frame; paused: two bars.
void SdlFace::draw_sign(Look look, int x, int y) {
  const int s = letter_scale_;
  const auto fill = [&](int left, int top, int width, int height) {
    const SDL_Rect box{x + left * s, y + top * s, width * s, height * s};
    SDL_RenderFillRect(renderer_, &box);
  };
  set_color(renderer_, color_of(look));
  if (look == Look::paused) {
    fill(0, 2, 4, 11);
    fill(7, 2, 4, 11);
    return;
  }
  fill(0, 2, 11, 11);
  if (look == Look::root) return;
  set_color(renderer_, bar_color);
  fill(2, 4, 7, 7);
  if (look == Look::halted) return;
  set_color(renderer_, color_of(look));
  fill(4, 6, 3, 3);
}

// Lines on a dark card over the picture.
void SdlFace::draw_card(const std::vector<std::string>& lines, const Box& area, bool at_bottom) {
  std::size_t longest = 0;
  for (const std::string& line : lines) longest = std::max(longest, line.size());
  // Letters of a smaller scale where the card would not fit.
  int scale = letter_scale_;
  const auto across = [&] { return (static_cast<int>(longest) + 2) * SdlLetters::width * scale; };
  while (scale > 1 && across() > area.width) --scale;
  const int row = (SdlLetters::height + 2) * scale, height = (static_cast<int>(lines.size()) + 1) * row;
  const int x = area.x + std::max(0, (area.width - across()) / 2),
            y = area.y + std::max(0, at_bottom ? area.height - height - row / 2 : (area.height - height) / 2);
  const SDL_Rect card{x, y, across(), height};
  SDL_SetRenderDrawBlendMode(renderer_, SDL_BLENDMODE_BLEND);
  SDL_SetRenderDrawColor(renderer_, 16, 16, 20, 236);
  SDL_RenderFillRect(renderer_, &card);
  SDL_SetRenderDrawBlendMode(renderer_, SDL_BLENDMODE_NONE);
  set_color(renderer_, blue);
  SDL_RenderDrawRect(renderer_, &card);
  int top = y + row / 2;
  for (const std::string& line : lines) {
    letters_.draw(line, x + SdlLetters::width * scale, top, scale, text_color);
    top += row;
  }
}

}  // namespace ringside
