// Owns what the flags about recordings do.
#include <fmt/format.h>

#include <filesystem>

#include "frontend/program/option_functions.h"
#include "frontend/program/option_values.h"

namespace ringside::flags {

// "FILE", "FILE,writes", "FILE,every=1000".
bool record(Parsed& p, std::string_view v, std::string& e) {
  for (std::size_t comma = v.rfind(','); comma != v.npos; comma = v.rfind(',')) {
    const std::string_view word = v.substr(comma + 1);
    if (word == "writes") {
      p.run.record_writes = true;
    } else if (word.starts_with("every=")) {
      const auto count = parse_number(word.substr(6));
      if (!count || *count == 0)
        return fail(e, fmt::format("--record {}: every= is a number of instructions above 0", v));
      p.run.record_every = *count;
    } else {
      break;
    }
    v = v.substr(0, comma);
  }
  return file_name("--record", v, p.run.record, e);
}

bool replay(Parsed& p, std::string_view v, std::string& e) {
  return file_name("--replay", v, p.run.replay, e);
}

bool images(Parsed& p, std::string_view v, std::string& e) {
  std::error_code none;
  if (!std::filesystem::is_directory(std::filesystem::path(v), none))
    return fail(e, fmt::format("--images {}: no such folder; name one that holds a recording's images", v));
  p.run.image_folders.emplace_back(v);
  return true;
}

}  // namespace ringside::flags
