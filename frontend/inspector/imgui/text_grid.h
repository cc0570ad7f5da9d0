// Owns a field of lines in the window that people can select, copy and follow: what every pane is made of.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <imgui.h>

#include "frontend/inspector/imgui/text_lines.h"

namespace ringside {

// What somebody wants of a place in a sheet.
struct Followed {
  enum class What : u8 { nothing, memory, code, walk, breakpoint, exit };
  What what = What::nothing;
  Link::To space = Link::To::linear;
  u64 number = 0;
};

class TextGrid {
 public:
  // The lines of a sheet; the same pointer again costs nothing.
  void show(const std::shared_ptr<const Sheet>& sheet);
  void show(std::vector<TextLine> lines);
  void append(std::vector<TextLine> lines, std::size_t most);

  struct Options {
    bool margin = false;          // for breakpoints
    bool follow_current = false;  // the present instruction comes into view when it moves
    bool follow_end = false;      // new lines come into view
    std::optional<u64> chosen;    // of a list of VM exits
    bool copy = false;            // Ctrl-C was pressed: for the field that has the focus
    bool all = false;             // so was Ctrl-A
  };
  // In a child window of that size (0: what is left).
  Followed draw(const char* id, ImVec2 size, const Options& options);

  // The address of the line in which something was selected last.
  std::optional<u64> address() const;

 private:
  Followed mouse(const Options& options, ImVec2 origin);
  Followed menu();
  void paint(const Options& options, ImVec2 origin, float top, float bottom);
  void paint_line(const Options& options, const TextLine& line, std::size_t number, ImVec2 at);
  TextPlace place(ImVec2 at, ImVec2 origin, bool margin) const;
  void copy(bool everything) const;
  bool selected() const { return anchor_ != head_; }

  std::shared_ptr<const Sheet> sheet_;
  std::vector<TextLine> lines_;
  std::size_t widest_ = 0;
  TextPlace anchor_, head_;
  bool dragging_ = false, fresh_ = true;
  std::optional<u64> current_;  // the address of the present instruction when it was brought into view
  TextRun menu_of_;             // what the menu was opened on
};

}  // namespace ringside
