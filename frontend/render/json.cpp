// Owns the writing of sheets as JSON.
#include "frontend/render/json.h"

#include <fmt/format.h>

#include <array>

#include "frontend/inspect/json_value.h"

namespace ringside {
namespace {

std::string_view name_of(Link::To to) {
  constexpr std::array<std::string_view, 7> names = {"", "linear", "guest", "gpa", "phys", "source", "vmcs"};
  return names[static_cast<std::size_t>(to)];
}

// The members of an object, with commas.
class Members {
 public:
  void add(std::string_view name, std::string_view value) {
    text_ += fmt::format("{}{}:{}", text_.empty() ? "" : ",", json_text(name), value);
  }
  std::string object() const { return "{" + text_ + "}"; }

 private:
  std::string text_;
};

std::string link_of(const Link& link) {
  Members members;
  members.add("to", json_text(name_of(link.to)));
  if (link.to != Link::To::source && link.to != Link::To::field)
    members.add("address", json_text(fmt::format("{:#x}", link.address)));
  if (!link.name.empty()) members.add("name", json_text(link.name));
  return members.object();
}

std::string value_of(const Cell& cell) {
  Members members;
  members.add("text", json_text(cell.text));
  if (cell.number) {
    members.add("number", fmt::format("{}", *cell.number));
    members.add("hex", json_text(fmt::format("{:#x}", *cell.number)));
  }
  if (!cell.bits.empty()) {
    std::string list;
    for (const std::string& bit : cell.bits) list += (list.empty() ? "" : ",") + json_text(bit);
    members.add("bits", "[" + list + "]");
  }
  if (cell.link.to != Link::To::nothing) members.add("link", link_of(cell.link));
  if (cell.changed) members.add("changed", "true");
  return members.object();
}

std::string row_of(const Row& row) {
  Members members;
  if (!row.name.empty()) members.add("name", json_text(row.name));
  std::string words;  // of a row that has nothing else
  bool values = false;
  for (const Cell& cell : row.cells) {
    if (!cell.name.empty()) {
      members.add(cell.name, value_of(cell));
      values = true;
    } else {
      words += cell.text;
    }
  }
  if (!values) members.add("text", json_text(words));
  return members.object();
}

}  // namespace

std::string json(const Sheet& sheet) {
  std::string sections;
  for (const Section& section : sheet.sections) {
    std::string rows;
    for (const Row& row : section.rows) rows += (rows.empty() ? "" : ",") + row_of(row);
    Members members;
    members.add("name", json_text(section.name));
    members.add("rows", "[" + rows + "]");
    sections += (sections.empty() ? "" : ",") + members.object();
  }
  Members whole;
  whole.add("sheet", json_text(sheet.name));
  whole.add("sections", "[" + sections + "]");
  return whole.object();
}

}  // namespace ringside
