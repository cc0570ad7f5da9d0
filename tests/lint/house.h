// Owns the rules of the house as functions over a file's text: each returns the complaints, "file:line:
// what".
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ringside::lint {

struct File {
  std::string path;  // from the repository's root, with forward slashes
  std::vector<std::string> lines;
};
using Complaints = std::vector<std::string>;

File make_file(std::string path, std::string_view text);
// Every file under version control's eye: no build folders, nothing hidden but .ci.
std::vector<File> all_files(const std::string& root);

bool is_source(const File& file);  // C++, tables, assembler, ASL, CMake, scripts

Complaints check_includes(const File& file, const std::vector<File>& all);
Complaints check_length(const File& file);
Complaints check_opening(const File& file);
Complaints check_blanks(const File& file);
Complaints check_words(const File& file);
Complaints check_layout(const std::vector<File>& all);
Complaints check_names(const std::vector<File>& all);
Complaints check_rows_listed(const std::vector<File>& all);

}  // namespace ringside::lint
