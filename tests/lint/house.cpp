// Owns the rules of the house.
#include "tests/lint/house.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <sstream>

namespace ringside::lint {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t longest_file = 600;

// The rooms in the order of the house: a file includes its own room and rooms of a lower rank. A longer
// prefix wins. Ranks leave room between them.
struct Room {
  std::string_view prefix;
  int rank;
};
constexpr std::array<Room, 49> rooms = {{
    {"cpu/arch/", 0},
    {"mmu/", 10},
    {"devices/bus/", 10},
    {"cpu/decode/", 10},
    {"roms/", 10},
    {"cpu/state/", 20},
    {"vmx/", 30},
    // cpu/exec by its floors; cpu/exec/README.md says why they stand so.
    {"cpu/exec/core/", 40},
    {"cpu/exec/integer/", 50},
    {"cpu/exec/stack/", 50},
    {"cpu/exec/string/", 50},
    {"cpu/exec/descriptors/", 50},
    {"cpu/exec/system/", 50},
    {"cpu/exec/x87/", 50},
    {"cpu/exec/sse/", 50},
    {"cpu/exec/avx/", 51},
    {"cpu/exec/control/", 51},
    {"cpu/exec/io/", 51},
    {"cpu/exec/mmx/", 51},
    {"cpu/exec/events/", 60},
    {"cpu/exec/far/", 62},
    {"cpu/exec/guest/", 64},
    {"cpu/exec/vmx/", 66},
    {"cpu/exec/engine/emit/", 70},
    {"cpu/exec/engine/", 72},
    {"devices/", 40},
    {"frontend/machine/", 80},
    {"frontend/replay/", 90},
    {"frontend/screen/", 90},
    {"frontend/symbols/", 90},
    {"frontend/inspect/", 100},
    {"frontend/debug/", 110},
    {"frontend/render/", 110},
    {"frontend/coverage/", 105},
    {"frontend/conform/", 115},
    {"frontend/course/", 117},
    {"frontend/commands/", 120},
    {"frontend/gdb/", 130},
    {"frontend/sdl/", 130},
    {"frontend/inspector/", 130},
    {"frontend/inspector/imgui/", 135},
    {"frontend/vnc/", 132},
    {"frontend/differ/", 135},
    {"frontend/compare/", 136},
    {"frontend/modules/", 138},
    {"frontend/program/", 140},
    {"frontend/library/", 144},
    {"frontend/python/", 146},
    {"tests/", 150},
}};

const Room* room_of(std::string_view path) {
  const Room* best = nullptr;
  for (const Room& room : rooms) {
    if (path.starts_with(room.prefix) && (!best || room.prefix.size() > best->prefix.size())) best = &room;
  }
  return best;
}

std::string at(const File& file, std::size_t line, const std::string& what) {
  return file.path + ":" + std::to_string(line + 1) + ": " + what;
}

std::string extension(const File& file) { return fs::path(file.path).extension().string(); }

// What stands between the quotes of an #include; nothing for other lines and for <...>.
std::optional<std::string> included(const std::string& line) {
  const auto hash = line.find_first_not_of(' ');
  if (hash == std::string::npos || line.compare(hash, 8, "#include") != 0) return std::nullopt;
  const auto open = line.find('"');
  const auto close = line.rfind('"');
  if (open == std::string::npos || close == open) return std::nullopt;
  return line.substr(open + 1, close - open - 1);
}

const File* find(const std::vector<File>& all, std::string_view path) {
  const auto found = std::find_if(all.begin(), all.end(), [&](const File& f) { return f.path == path; });
  return found == all.end() ? nullptr : &*found;
}

bool is_nasm(const File& file) {
  return file.path.starts_with("roms/") || file.path.starts_with("tests/system/");
}

bool is_script(const File& file) { return !file.lines.empty() && file.lines[0].starts_with("#!"); }

}  // namespace

File make_file(std::string path, std::string_view text) {
  File file{std::move(path), {}};
  std::istringstream stream{std::string(text)};
  for (std::string line; std::getline(stream, line);) file.lines.push_back(line);
  return file;
}

std::vector<File> all_files(const std::string& root) {
  std::vector<File> files;
  fs::recursive_directory_iterator walk(root);
  for (const auto& entry : walk) {
    const std::string name = entry.path().filename().string();
    const bool top = walk.depth() == 0;
    const bool skipped =
        (name.starts_with(".") && name != ".ci") ||
        (top && (name.starts_with("build") || name == "out" || name == "compile_commands.json"));
    if (entry.is_directory() && skipped) walk.disable_recursion_pending();
    if (!entry.is_regular_file() || skipped) continue;
    std::ifstream stream(entry.path(), std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
    files.push_back(make_file(fs::relative(entry.path(), root).generic_string(), text));
  }
  std::sort(files.begin(), files.end(), [](const File& a, const File& b) { return a.path < b.path; });
  return files;
}

bool is_source(const File& file) {
  constexpr std::array<std::string_view, 9> kinds = {".cpp", ".h",     ".inc", ".asm", ".asl",
                                                     ".S",   ".cmake", ".sh",  ".py"};
  return is_script(file) || fs::path(file.path).filename() == "CMakeLists.txt" ||
         std::find(kinds.begin(), kinds.end(), extension(file)) != kinds.end();
}

Complaints check_includes(const File& file, const std::vector<File>& all) {
  Complaints complaints;
  const std::string kind = extension(file);
  if (kind != ".cpp" && kind != ".h" && kind != ".inc") return complaints;
  const Room* own = room_of(file.path);
  if (!own) {
    complaints.push_back(at(file, 0, "lies in no room of the house"));
    return complaints;
  }
  for (std::size_t n = 0; n < file.lines.size(); ++n) {
    const auto path = included(file.lines[n]);
    if (!path) continue;
    if (path->ends_with(".hex")) continue;  // made by the build
    const Room* other = room_of(*path);
    if (!other || !find(all, *path)) {
      complaints.push_back(at(file, n, "includes \"" + *path + "\", which is no path from the root"));
    } else if (other != own && other->rank >= own->rank) {
      complaints.push_back(at(file, n,
                              "a file of " + std::string(own->prefix) + " includes " + *path +
                                  ", but includes go down the list of rooms only"));
    }
  }
  return complaints;
}

Complaints check_length(const File& file) {
  if (!is_source(file) || file.lines.size() <= longest_file) return {};
  return {at(file, file.lines.size() - 1,
             "the file has more than " + std::to_string(longest_file) + " lines; split it by what it owns")};
}

Complaints check_opening(const File& file) {
  if (!is_source(file)) return {};
  const std::size_t first = is_script(file) ? 1 : 0;
  const std::string kind = extension(file);
  const std::string mark =
      kind == ".asm"                                                                       ? "; Owns "
      : kind == ".inc" && is_nasm(file)                                                    ? "; Owns "
      : kind == ".cpp" || kind == ".h" || kind == ".inc" || kind == ".asl" || kind == ".S" ? "// Owns "
                                                                                           : "# ";
  if (file.lines.size() > first && file.lines[first].starts_with(mark)) return {};
  return {at(file, first, "opens without \"" + mark + "...\", the sentence that says what it owns")};
}

Complaints check_blanks(const File& file) {
  Complaints complaints;
  if (!is_source(file) && extension(file) != ".md") return complaints;
  for (std::size_t n = 0; n < file.lines.size(); ++n) {
    const std::string& line = file.lines[n];
    if (line.find('\t') != std::string::npos) complaints.push_back(at(file, n, "holds a tab"));
    if (!line.empty() && (line.back() == ' ' || line.back() == '\r')) {
      complaints.push_back(at(file, n, "ends in a blank"));
    }
  }
  return complaints;
}

// Places of one machine do not belong into the house.
Complaints check_words(const File& file) {
  Complaints complaints;
  const std::string slash = "/";  // in pieces, so that this file keeps its own rule
  std::vector<std::string> words = {slash + "root" + slash, slash + "work" + slash};
  if (!file.path.starts_with("tests/")) words.push_back(slash + "tmp" + slash);
  for (std::size_t n = 0; n < file.lines.size(); ++n) {
    for (const std::string& word : words) {
      if (file.lines[n].find(word) != std::string::npos) {
        complaints.push_back(at(file, n, "names a place of one machine, " + word));
      }
    }
  }
  return complaints;
}

Complaints check_layout(const std::vector<File>& all) {
  constexpr std::array<std::string_view, 8> folders = {"cpu",      "mmu",  "vmx",   "devices",
                                                       "frontend", "roms", "tests", ".ci"};
  constexpr std::array<std::string_view, 4> files = {"CMakeLists.txt", "CMakePresets.json", "LICENSE",
                                                     "README.md"};
  Complaints complaints;
  std::vector<std::string> scripts;
  for (const File& file : all) {
    const auto slash = file.path.find('/');
    const std::string top = file.path.substr(0, slash);
    if (slash != std::string::npos) {
      if (std::find(folders.begin(), folders.end(), top) == folders.end()) {
        complaints.push_back(at(file, 0, "the top level has no folder " + top));
      }
    } else if (is_script(file)) {
      scripts.push_back(top);
    } else if (std::find(files.begin(), files.end(), top) == files.end()) {
      complaints.push_back(at(file, 0, "does not belong to the top level"));
    }
  }
  if (scripts.size() > 1)
    complaints.push_back(scripts[1] + ":1: the top level has one script, " + scripts[0]);
  for (const std::string_view name : files) {
    if (!find(all, name)) complaints.push_back(std::string(name) + ":1: is missing");
  }
  return complaints;
}

// A file is spoken of by its name.
Complaints check_names(const std::vector<File>& all) {
  constexpr std::array<std::string_view, 5> machine = {"cpu/", "mmu/", "vmx/", "devices/", "frontend/"};
  Complaints complaints;
  std::map<std::string, std::string> known;
  for (const File& file : all) {
    const bool concerned =
        is_source(file) && std::any_of(machine.begin(), machine.end(), [&](std::string_view prefix) {
          return file.path.starts_with(prefix);
        });
    if (!concerned) continue;
    const auto [other, fresh] = known.emplace(fs::path(file.path).filename().string(), file.path);
    if (!fresh) complaints.push_back(at(file, 0, "has the name of " + other->second));
  }
  return complaints;
}

Complaints check_rows_listed(const std::vector<File>& all) {
  Complaints complaints;
  const std::string list = "cpu/decode/rows/all.inc";
  const File* table = find(all, list);
  if (!table) return {list + ":1: is missing"};
  for (const File& file : all) {
    if (!file.path.starts_with("cpu/decode/rows/") || extension(file) != ".inc" || file.path == list)
      continue;
    const bool listed = std::any_of(table->lines.begin(), table->lines.end(),
                                    [&](const std::string& line) { return included(line) == file.path; });
    if (!listed) complaints.push_back(at(file, 0, "is not listed in " + list));
  }
  return complaints;
}

}  // namespace ringside::lint
