// Owns what a run says about itself with --stats, as far as a suite wants it.
#include "frontend/conform/running/statistics.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace ringside::conform {

std::optional<Statistics> parse_statistics(std::string_view text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  try {
    Statistics statistics;
    statistics.ending = json.value("ending", "");
    statistics.reason = json.value("reason", "");
    statistics.state_hash = json.value("state_hash", "");
    statistics.virtual_seconds = json.value("virtual_seconds", 0.0);
    // Those of the run alone: a machine that was loaded had others before.
    const u64 all = json.value("instructions", u64{0});
    statistics.instructions = all - std::min(all, json.value("loaded_at", u64{0}));
    return statistics;
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

}  // namespace ringside::conform
