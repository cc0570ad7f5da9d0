// Owns the rules of the house's pages.
#include "tests/lint/pages.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <sstream>

namespace ringside::lint {
namespace {

constexpr std::array<std::string_view, 7> rooms = {"cpu/",      "mmu/",  "vmx/",  "devices/",
                                                   "frontend/", "roms/", "tests/"};

std::string complaint(const File& file, std::size_t line, const std::string& what) {
  return file.path + ":" + std::to_string(line + 1) + ": " + what;
}

struct Quoted {
  std::string text;
  std::size_t begin = 0;  // of its opening backtick
};

std::vector<Quoted> in_backticks(const std::string& line) {
  std::vector<Quoted> found;
  for (std::size_t open = line.find('`'); open != std::string::npos;) {
    const std::size_t close = line.find('`', open + 1);
    if (close == std::string::npos) break;
    found.push_back({line.substr(open + 1, close - open - 1), open});
    open = line.find('`', close + 1);
  }
  return found;
}

// One word that begins with a room: a path, if it has no braces or angles of a pattern.
bool is_path(const std::string& text) {
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '/' || c == '.' || c == '_' || c == '-' ||
           c == '*';
  });
  return plain && std::any_of(rooms.begin(), rooms.end(),
                              [&](std::string_view room) { return text.starts_with(room); });
}

bool matches(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern[0] != '*')
    return !text.empty() && text[0] == pattern[0] && matches(pattern.substr(1), text.substr(1));
  for (std::size_t taken = 0; taken <= text.size(); ++taken) {
    if (matches(pattern.substr(1), text.substr(taken))) return true;
    if (taken < text.size() && text[taken] == '/') break;
  }
  return false;
}

// A file's path, or that of a folder with a file in it.
bool exists(const std::string& path, const std::vector<File>& all) {
  const std::string pattern = path.ends_with('/') ? path.substr(0, path.size() - 1) : path;
  const auto parts = std::count(pattern.begin(), pattern.end(), '/');
  return std::any_of(all.begin(), all.end(), [&](const File& file) {
    std::size_t end = 0;
    for (auto n = parts + 1; n > 0 && end != std::string::npos; --n)
      end = file.path.find('/', end + (end ? 1 : 0));
    return matches(pattern, std::string_view(file.path).substr(0, end));
  });
}

const File* find(const std::vector<File>& all, std::string_view path) {
  const auto found = std::find_if(all.begin(), all.end(), [&](const File& f) { return f.path == path; });
  return found == all.end() ? nullptr : &*found;
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

bool has_words(const File& file, const std::string& words) {
  return std::any_of(file.lines.begin(), file.lines.end(), [&](const std::string& line) {
    return lower(line).find(lower(words)) != std::string::npos;
  });
}

// What stands in quotes right before " in `": words of the file that is named there.
std::optional<std::string> quoted_before(const std::string& line, std::size_t at) {
  constexpr std::string_view link = "\" in ";
  if (at < link.size() || line.compare(at - link.size(), link.size(), link) != 0) return std::nullopt;
  const std::size_t close = at - link.size();
  const std::size_t open = close == 0 ? std::string::npos : line.rfind('"', close - 1);
  if (open == std::string::npos) return std::nullopt;
  return line.substr(open + 1, close - open - 1);
}

}  // namespace

Complaints check_paths(const File& file, const std::vector<File>& all) {
  Complaints complaints;
  if (!file.path.ends_with(".md")) return complaints;
  for (std::size_t n = 0; n < file.lines.size(); ++n) {
    for (const Quoted& quoted : in_backticks(file.lines[n])) {
      if (!is_path(quoted.text)) continue;
      if (!exists(quoted.text, all)) {
        complaints.push_back(complaint(file, n, "names " + quoted.text + ", which is not there"));
        continue;
      }
      const auto words = quoted_before(file.lines[n], quoted.begin);
      const File* const named = find(all, quoted.text);
      if (words && (!named || !has_words(*named, *words)))
        complaints.push_back(complaint(file, n, quoted.text + " does not say \"" + *words + "\""));
    }
  }
  return complaints;
}

Complaints check_glossary(const std::vector<File>& all) {
  Complaints complaints;
  const File* const glossary = find(all, "tests/glossary.md");
  if (!glossary) return {"tests/glossary.md:1: is missing"};
  std::size_t explained = 0;
  for (std::size_t n = 0; n < glossary->lines.size(); ++n) {
    const std::string& line = glossary->lines[n];
    if (!line.starts_with("| **")) continue;
    const auto paths = in_backticks(line);
    const File* const home = paths.empty() ? nullptr : find(all, paths.back().text);
    if (!home) {
      complaints.push_back(complaint(*glossary, n, "names no file at its end"));
      continue;
    }
    const std::size_t column = line.find(" |");
    for (std::size_t open = line.find("**"); open < column;) {
      const std::size_t close = line.find("**", open + 2);
      if (close == std::string::npos) break;
      std::istringstream term(line.substr(open + 2, close - open - 2));
      for (std::string word; term >> word;) {
        if (!has_words(*home, word))
          complaints.push_back(
              complaint(*glossary, n, home->path + " does not know the word \"" + word + "\""));
      }
      ++explained;
      open = line.find("**", close + 2);
    }
  }
  if (explained < 2) complaints.push_back(complaint(*glossary, 0, "explains nothing"));
  return complaints;
}

Complaints check_images(const std::vector<File>& all) {
  const std::string folder = "tests/system/", kind = ".asm";
  const File* const page = find(all, folder + "README.md");
  if (!page) return {folder + "README.md:1: is missing"};
  Complaints complaints;
  for (const File& file : all) {
    const bool image = file.path.starts_with(folder) && file.path.ends_with(kind) &&
                       file.path.find('/', folder.size()) == std::string::npos;
    if (!image) continue;
    const std::string name = file.path.substr(folder.size(), file.path.size() - folder.size() - kind.size());
    const bool listed = std::any_of(page->lines.begin(), page->lines.end(), [&](const std::string& line) {
      return line.starts_with("| " + name + " |");
    });
    if (!listed) complaints.push_back(complaint(file, 0, "has no row in " + page->path));
  }
  return complaints;
}

}  // namespace ringside::lint
