// Owns how a source is cut.
#include "frontend/course/holes.h"

#include <fmt/format.h>

#include <optional>

namespace ringside::course {
namespace {

struct Mark {
  char kind = 0;  // [ : | ]
  std::string_view indent, leader, text;
};

// A line that is a mark and nothing else.
std::optional<Mark> mark_of(std::string_view line) {
  const std::size_t at = line.find_first_not_of(' ');
  if (at == line.npos) return std::nullopt;
  Mark mark;
  mark.indent = line.substr(0, at);
  for (const std::string_view leader : {"//", ";"}) {
    if (line.substr(at).starts_with(leader)) mark.leader = leader;
  }
  const std::string_view rest = line.substr(at + mark.leader.size());
  if (mark.leader.empty() || rest.empty() || std::string_view("[:|]").find(rest[0]) == rest.npos)
    return std::nullopt;
  mark.kind = rest[0];
  mark.text = rest.substr(1);
  if (mark.text.starts_with(' ')) mark.text.remove_prefix(1);
  return mark;
}

}  // namespace

bool cut(std::string_view name, std::string_view source, Version version, std::string& text,
         std::string& error) {
  const bool exercise = version == Version::exercise;
  text.clear();
  std::size_t number = 0, opened = 0;
  const auto fail = [&](std::size_t line, std::string_view what) {
    error = fmt::format("{}:{}: {}", name, line, what);
    return false;
  };
  while (!source.empty()) {
    const std::size_t end = source.find('\n');
    const std::string_view line = source.substr(0, end);
    source.remove_prefix(end == source.npos ? source.size() : end + 1);
    ++number;
    const auto mark = mark_of(line);
    if (!mark) {
      if (!exercise || !opened) text += fmt::format("{}\n", line);
      continue;
    }
    if ((mark->kind == '[') == (opened > 0))
      return fail(number, opened ? "a hole begins within a hole" : "a mark of a hole stands outside of one");
    if (mark->kind == '[') opened = number;
    if (mark->kind == ']') opened = 0;
    if (!exercise) continue;
    if (mark->kind == '[')
      text += fmt::format("{}{} YOUR CODE: {}\n", mark->indent, mark->leader, mark->text);
    if (mark->kind == ':') text += fmt::format("{}{} {}\n", mark->indent, mark->leader, mark->text);
    if (mark->kind == '|') text += fmt::format("{}{}\n", mark->indent, mark->text);
  }
  return opened == 0 || fail(opened, "the hole does not end");
}

}  // namespace ringside::course
