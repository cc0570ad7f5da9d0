// Owns --stats: what a run says about itself as JSON.
#include "frontend/program/stats.h"

#include <fmt/format.h>

#include "frontend/inspect/json_value.h"

namespace ringside {

std::string stats_json(const RunOptions& options, Machine& machine, const RunSummary& summary) {
  Json json;
  const u64 instructions = summary.instructions;
  json["name"] = options.name;
  json["ending"] = summary.ending;
  json["reason"] = summary.reason;
  json["status"] = summary.status;
  json["reboots"] = summary.reboots;
  json["instructions"] = instructions;
  if (!options.load.empty()) json["loaded_at"] = summary.loaded_at;
  json["virtual_seconds"] = machine.seconds();
  json["host_seconds"] = summary.host_seconds;
  json["mips"] = summary.host_seconds > 0
                     ? static_cast<double>(instructions - summary.loaded_at) / summary.host_seconds / 1e6
                     : 0.0;
  json["state_hash"] = machine.state_hash();
  json["cpu_model"] = options.machine.model.name;
  json["cpus"] = machine.cpus();
  json["ram_bytes"] = options.machine.ram_bytes;
  auto& unknown = json["unknown_msrs"] = Json::array();
  for (unsigned n = 0; n < machine.cpus(); ++n) {
    for (const Cpu::UnknownMsr& msr : machine.cpu(n).unknown_msrs) {
      unknown.push_back({{"cpu", n},
                         {"msr", fmt::format("{:#x}", msr.number)},
                         {"reads", msr.reads},
                         {"writes", msr.writes},
                         {"first_rip", fmt::format("{:#x}", msr.first_rip)}});
    }
  }
  return json.dump(2) + "\n";
}

}  // namespace ringside
