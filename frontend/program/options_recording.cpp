// Owns what the flags about recordings do.
#include <fmt/format.h>

#include <filesystem>

#include "frontend/program/option_functions.h"
#include "frontend/program/option_values.h"

namespace ringside::flags {

// "FILE", "FILE,writes", "FILE,every=1000,from=20000000,to=40000000".
bool record(Parsed& p, std::string_view v, std::string& e) {
  const std::string_view whole = v;
  LookInterval& look = p.run.record_look;
  bool bounds = false;
  for (std::size_t comma = v.rfind(','); comma != v.npos; comma = v.rfind(',')) {
    const std::string_view word = v.substr(comma + 1);
    const std::size_t equals = word.find('=');
    const std::string_view name = word.substr(0, equals);
    if (word == "writes") {
      p.run.record_writes = true;
    } else if (equals != word.npos && (name == "every" || name == "from" || name == "to")) {
      const auto count = parse_number(word.substr(equals + 1));
      if (!count || (*count == 0 && name != "from"))
        return fail(e, fmt::format("--record {}: {}= is a number of instructions above 0", whole, name));
      (name == "every" ? look.every : name == "from" ? look.from : look.to) = *count;
      bounds = bounds || name != "every";
    } else {
      break;
    }
    v = v.substr(0, comma);
  }
  if (bounds && (look.every == 0 || look.from >= look.to))
    return fail(e, fmt::format("--record {}: from= and to= say where every=COUNT holds; give it, and a to= "
                               "behind from=",
                               whole));
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
