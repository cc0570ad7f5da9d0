// Owns the reading of filters.
#include "frontend/inspect/story_filter.h"

#include <fmt/format.h>

#include <cctype>
#include <charconv>
#include <vector>

namespace ringside {
namespace {

// Letters and digits alone, in lower case.
std::string plain(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte)) out += static_cast<char>(std::tolower(byte));
  }
  return out;
}

std::optional<u64> number(std::string_view text) {
  u64 value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// False: `error` says why not.
bool add_reason(StoryFilter& filter, std::string_view word, std::string& error) {
  if (const auto n = number(word)) {
    if (*n < exit_reason_limit && name(static_cast<ExitReason>(*n)) != "reserved") {
      filter.reasons.set(*n);
      return true;
    }
    error = fmt::format("{}: no exit reason has this number", word);
    return false;
  }
  const std::string wanted = plain(word);
  std::vector<unsigned> found;
  for (unsigned n = 0; n < exit_reason_limit; ++n) {
    const std::string known = plain(name(static_cast<ExitReason>(n)));
    if (known == "reserved") continue;
    if (known == wanted) {
      filter.reasons.set(n);
      return true;
    }
    if (!wanted.empty() && known.find(wanted) != known.npos) found.push_back(n);
  }
  if (found.size() == 1) {
    filter.reasons.set(found[0]);
    return true;
  }
  error = found.empty()
              ? fmt::format("{}: neither an exit reason nor refused, from=N, to=N or every=N", word)
              : fmt::format("{}: {} exit reasons have this in their name; give the number or more of it",
                            word, found.size());
  return false;
}

}  // namespace

std::optional<StoryFilter> parse_story_filter(std::string_view text, std::string& error) {
  StoryFilter filter;
  const auto wrong = [&](const std::string& why) {
    error = fmt::format("--explain-only {}: {}", text, why);
    return std::nullopt;
  };
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    const std::string_view word = rest.substr(0, comma);
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    const std::size_t equals = word.find('=');
    if (word == "refused") {
      filter.refused = true;
      continue;
    }
    if (equals != word.npos) {
      const std::string_view key = word.substr(0, equals);
      const auto value = number(word.substr(equals + 1));
      u64* const place = key == "from"    ? &filter.from
                         : key == "to"    ? &filter.to
                         : key == "every" ? &filter.every
                                          : nullptr;
      if (!place || !value || (place == &filter.every && *value == 0))
        return wrong(fmt::format("{}: it is from=COUNT, to=COUNT or every=N, in decimal", word));
      *place = *value;
      continue;
    }
    std::string why;
    if (!add_reason(filter, word, why)) return wrong(why);
  }
  if (text.empty()) return wrong("give reasons, refused, from=COUNT, to=COUNT or every=N");
  return filter;
}

}  // namespace ringside
