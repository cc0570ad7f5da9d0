// Owns the look-up of the manual's titles.
#include "vmx/manual_titles.h"

#include <fmt/format.h>

namespace ringside {
namespace {

struct Title {
  std::string_view title, volume, chapter;
};
constexpr Title titles[] = {
#define TITLE(title, volume, chapter) {title, volume, chapter},
#include "vmx/manual_titles.inc"
#undef TITLE
};

}  // namespace

std::string manual_place(std::string_view title) {
  for (const Title& row : titles) {
    if (row.title == title) return fmt::format("Volume {}, {}", row.volume, row.chapter);
  }
  return {};
}

std::string titled_in_manual(std::string_view title) {
  const std::string place = manual_place(title);
  return place.empty() ? std::string(title) : fmt::format("{} ({})", title, place);
}

}  // namespace ringside
