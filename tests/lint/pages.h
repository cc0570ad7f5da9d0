// Owns the rules of the house's pages: what a page names is there, and the glossary's words live where it
// says.
#pragma once

#include "tests/lint/house.h"

namespace ringside::lint {

// A page (*.md) names files and folders of the house in backticks, from the root, "*" standing for a part of
// a name: each is there.
// `"words" in `path``: the file has these words.
Complaints check_paths(const File& file, const std::vector<File>& all);
// Each word of tests/glossary.md, in bold in a table's first column, stands in the file that its row names
// last.
Complaints check_glossary(const std::vector<File>& all);
// Each image of tests/system has a row in the table of its page.
Complaints check_images(const std::vector<File>& all);

}  // namespace ringside::lint
