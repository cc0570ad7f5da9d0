// Owns the painting of lines, their selection, and the menu of an address.
#include "frontend/inspector/imgui/text_grid.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "frontend/inspector/imgui/appearance.h"

namespace ringside {
namespace {

constexpr std::size_t margin_columns = 3;

// Every character of the font is as wide as any other.
float column_width() { return ImGui::CalcTextSize("MMMMMMMM").x / 8; }
float line_height() { return ImGui::GetTextLineHeight() + 1; }

ImU32 colour_of(const TextRun& run) {
  if (run.changed) return Colours::changed;
  switch (run.look) {
    case TextRun::Look::plain: return Colours::text;
    case TextRun::Look::dim: return Colours::dim;
    case TextRun::Look::link: return Colours::link;
    case TextRun::Look::name: return Colours::name;
    case TextRun::Look::source: return Colours::source;
  }
  return Colours::text;
}

}  // namespace

void TextGrid::show(const std::shared_ptr<const Sheet>& sheet) {
  if (sheet == sheet_) return;
  sheet_ = sheet;
  show(sheet ? text_lines(*sheet) : std::vector<TextLine>());
}

void TextGrid::show(std::vector<TextLine> lines) {
  lines_ = std::move(lines);
  widest_ = 0;
  for (const TextLine& line : lines_) widest_ = std::max(widest_, line.text.size());
  fresh_ = true;
  // A selection stays where it was, as far as there is something.
  const auto inside = [&](TextPlace& place) {
    if (place.line >= lines_.size()) place = {};
  };
  inside(anchor_), inside(head_);
}

void TextGrid::append(std::vector<TextLine> lines, std::size_t most) {
  if (lines.empty()) return;
  std::vector<TextLine> all = std::move(lines_);
  all.insert(all.end(), std::make_move_iterator(lines.begin()), std::make_move_iterator(lines.end()));
  if (all.size() > most) {
    all.erase(all.begin(), all.end() - static_cast<std::ptrdiff_t>(most));
    anchor_ = head_ = {};
  }
  show(std::move(all));
}

std::optional<u64> TextGrid::address() const {
  return anchor_.line < lines_.size() ? lines_[anchor_.line].address : std::nullopt;
}

TextPlace TextGrid::place(ImVec2 at, ImVec2 origin, bool margin) const {
  const float y = std::max(0.0F, at.y - origin.y), x = std::max(0.0F, at.x - origin.x);
  const std::size_t line = static_cast<std::size_t>(y / line_height());
  if (line >= lines_.size()) return {lines_.empty() ? 0 : lines_.size() - 1, widest_};
  const std::size_t before = margin ? margin_columns : 0;
  const std::size_t column = static_cast<std::size_t>(x / column_width() + 0.5F);
  return {line, std::min(column < before ? 0 : column - before, lines_[line].text.size())};
}

void TextGrid::copy(bool everything) const {
  const std::string text =
      everything ? text_between(lines_, {}, {lines_.size(), 0}) : text_between(lines_, anchor_, head_);
  ImGui::SetClipboardText(text.c_str());
}

Followed TextGrid::draw(const char* id, ImVec2 size, const Options& options) {
  Followed followed;
  if (!ImGui::BeginChild(id, size, false, ImGuiWindowFlags_HorizontalScrollbar)) {
    ImGui::EndChild();
    return followed;
  }
  const std::size_t columns = widest_ + (options.margin ? margin_columns : 0) + 2;
  const float high = line_height() * static_cast<float>(lines_.size() + 1);
  const ImVec2 room = ImGui::GetContentRegionAvail(), origin = ImGui::GetCursorScreenPos();
  ImGui::InvisibleButton("lines",
                         ImVec2(std::max({room.x, column_width() * static_cast<float>(columns), 1.0F}),
                                std::max({room.y, high, 1.0F})),
                         ImGuiButtonFlags_MouseButtonLeft | ImGuiButtonFlags_MouseButtonRight);
  followed = mouse(options, origin);
  if (ImGui::IsWindowFocused()) {
    if (options.all && !lines_.empty()) anchor_ = {}, head_ = {lines_.size() - 1, lines_.back().text.size()};
    if (options.copy && selected()) copy(false);
  }
  const float top = ImGui::GetScrollY(), bottom = top + ImGui::GetWindowHeight();
  if (std::exchange(fresh_, false)) {
    for (std::size_t n = 0; options.follow_current && n < lines_.size(); ++n) {
      if (!lines_[n].current || current_ == lines_[n].address) continue;
      current_ = lines_[n].address;
      const float y = line_height() * static_cast<float>(n), some = line_height() * 4;
      if (y < top || y + some > bottom) ImGui::SetScrollY(std::max(0.0F, y - (bottom - top) / 3));
    }
    if (options.follow_end) ImGui::SetScrollY(high);
  }
  paint(options, origin, top, bottom);
  if (const Followed chosen = menu(); chosen.what != Followed::What::nothing) followed = chosen;
  ImGui::EndChild();
  return followed;
}

// Press, drag, release: a selection; press and release on the spot: what is there is followed.
Followed TextGrid::mouse(const Options& options, ImVec2 origin) {
  Followed followed;
  const ImVec2 at = ImGui::GetMousePos();
  const bool over = ImGui::IsItemHovered();
  const std::size_t number = static_cast<std::size_t>(std::max(0.0F, at.y - origin.y) / line_height());
  const TextLine* const line = number < lines_.size() ? &lines_[number] : nullptr;
  const float from_text = at.x - origin.x - (options.margin ? column_width() * margin_columns : 0);
  const TextRun* const run =
      line && from_text >= 0 ? line->at(static_cast<std::size_t>(from_text / column_width())) : nullptr;
  if (over && ImGui::IsMouseClicked(ImGuiMouseButton_Left)) {
    anchor_ = head_ = place(at, origin, options.margin);
    dragging_ = true;
    if (options.margin && from_text < 0 && line && line->address) {
      dragging_ = false;
      return {Followed::What::breakpoint, Link::To::linear, *line->address};
    }
    if (ImGui::IsMouseDoubleClicked(ImGuiMouseButton_Left) && run) {
      anchor_ = {number, run->first}, head_ = {number, run->end};
      dragging_ = false;
    }
  }
  if (dragging_ && ImGui::IsMouseDown(ImGuiMouseButton_Left)) {
    head_ = place(at, origin, options.margin);
    const ImVec2 window = ImGui::GetWindowPos(), size = ImGui::GetWindowSize();
    if (at.y < window.y) ImGui::SetScrollY(ImGui::GetScrollY() - line_height());
    if (at.y > window.y + size.y) ImGui::SetScrollY(ImGui::GetScrollY() + line_height());
  }
  if (dragging_ && !ImGui::IsMouseDown(ImGuiMouseButton_Left)) {
    dragging_ = false;
    if (!selected() && line && line->exit) followed = {Followed::What::exit, Link::To::nothing, *line->exit};
    if (!selected() && run && run->look == TextRun::Look::link)
      followed = {Followed::What::memory, run->link.to, run->link.address};
  }
  if (over && ImGui::IsMouseClicked(ImGuiMouseButton_Right)) {
    menu_of_ = run ? *run : TextRun();
    if (!selected() && line) anchor_ = {number, 0}, head_ = {number, line->text.size()};
    ImGui::OpenPopup("menu");
  }
  if (over && run && run->look == TextRun::Look::link) ImGui::SetMouseCursor(ImGuiMouseCursor_Hand);
  return followed;
}

Followed TextGrid::menu() {
  Followed followed;
  if (!ImGui::BeginPopup("menu")) return followed;
  if (ImGui::MenuItem("Copy", "Ctrl-C", false, selected())) copy(false);
  if (ImGui::MenuItem("Copy all of it")) copy(true);
  const bool linked = menu_of_.link.to != Link::To::nothing && menu_of_.link.to != Link::To::source;
  if (linked || menu_of_.number) {
    const u64 number = linked ? menu_of_.link.address : *menu_of_.number;
    const Link::To space = linked ? menu_of_.link.to : Link::To::linear;
    ImGui::Separator();
    const auto item = [&](const char* words, Followed::What what, Link::To in) {
      if (ImGui::MenuItem(fmt::format("{} {:#x}", words, number).c_str())) followed = {what, in, number};
    };
    item("Memory at", Followed::What::memory, space);
    if (space == Link::To::linear) {
      item("Memory at guest-physical", Followed::What::memory, Link::To::guest_physical);
      item("Memory at host-physical", Followed::What::memory, Link::To::host_physical);
      item("Code at", Followed::What::code, space);
      item("Breakpoint at", Followed::What::breakpoint, space);
    }
    if (space != Link::To::host_physical) item("Walk of", Followed::What::walk, space);
  }
  ImGui::EndPopup();
  return followed;
}

void TextGrid::paint(const Options& options, ImVec2 origin, float top, float bottom) {
  if (lines_.empty()) return;
  const float height = line_height();
  const std::size_t first = static_cast<std::size_t>(std::max(0.0F, top / height)),
                    end = std::min(lines_.size(), static_cast<std::size_t>(bottom / height) + 1);
  if (options.margin)
    ImGui::GetWindowDrawList()->AddRectFilled(
        ImVec2(origin.x, origin.y + top),
        ImVec2(origin.x + column_width() * (margin_columns - 0.5F), origin.y + bottom), Colours::margin);
  for (std::size_t n = first; n < end; ++n)
    paint_line(options, lines_[n], n, ImVec2(origin.x, origin.y + height * static_cast<float>(n)));
}

void TextGrid::paint_line(const Options& options, const TextLine& line, std::size_t number, ImVec2 at) {
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const float width = column_width(), height = line_height();
  const float left = at.x + (options.margin ? width * margin_columns : 0);
  const float right = std::max(ImGui::GetWindowPos().x + ImGui::GetWindowWidth(),
                               left + width * static_cast<float>(line.text.size()));
  if (line.current) list.AddRectFilled(ImVec2(left, at.y), ImVec2(right, at.y + height), Colours::current);
  if (options.chosen && line.exit == options.chosen)
    list.AddRectFilled(ImVec2(left, at.y), ImVec2(right, at.y + height), Colours::chosen);
  const TextPlace first = std::min(anchor_, head_), last = std::max(anchor_, head_);
  if (selected() && number >= first.line && number <= last.line) {
    const std::size_t from = number == first.line ? first.column : 0,
                      to = number == last.line ? last.column : line.text.size() + 1;
    list.AddRectFilled(ImVec2(left + width * static_cast<float>(from), at.y),
                       ImVec2(left + width * static_cast<float>(to), at.y + height), Colours::selected);
  }
  if (options.margin) {
    if (line.breakpoint) {
      const ImVec2 middle(at.x + width * 0.75F, at.y + height / 2);
      // Squares: they are drawn as they are meant by every renderer.
      const float half = height * 0.28F;
      const ImVec2 a(middle.x - half, middle.y - half), b(middle.x + half, middle.y + half);
      list.AddRectFilled(a, b, Colours::breakpoint);
      if (!*line.breakpoint)
        list.AddRectFilled(ImVec2(a.x + 2, a.y + 2), ImVec2(b.x - 2, b.y - 2), Colours::margin);
    }
    if (line.current) list.AddText(ImVec2(at.x + width * 1.4F, at.y), Colours::changed, ">");
  }
  for (const TextRun& run : line.runs) {
    const ImVec2 from(left + width * static_cast<float>(run.first), at.y);
    const ImU32 colour = colour_of(run);
    const char* const text = line.text.data();
    list.AddText(from, colour, text + run.first, text + run.end);
    const bool underlined = run.changed && run.end > run.first;
    const float bottom = at.y + height - 1;
    if (underlined)
      list.AddRectFilled(ImVec2(from.x, bottom),
                         ImVec2(from.x + width * static_cast<float>(run.end - run.first), bottom + 1),
                         colour);
  }
}

}  // namespace ringside
