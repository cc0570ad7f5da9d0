// Owns sheets as JSON, for programs.
#pragma once

#include <string>

#include "frontend/inspect/sheet.h"

namespace ringside {

// {"sheet": NAME, "sections": [{"name": NAME, "rows": [ROW, ...]}, ...]}, in one line without a newline.
// A row is an object of its name and its cells: "name", then for each cell with a name
// {"text": TEXT, "number": N, "hex": "0xN", "bits": [NAME, ...], "link": {"to": SPACE, "address": "0xN",
// "name": NAME}, "changed": true}, of which those are there that it has. "hex" is exact where a reader's
// numbers are not.
std::string json(const Sheet& sheet);

}  // namespace ringside
