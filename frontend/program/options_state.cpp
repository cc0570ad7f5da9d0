// Owns what the flags that save and load machines do.
#include "frontend/program/options_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "devices/serial/uart16550.h"
#include "frontend/program/option_functions.h"
#include "frontend/program/option_values.h"

namespace ringside {
namespace {

constexpr std::string_view serial_ports = "serial ports";

// The flags that name drives in other words: who gives one gives all.
bool names_drive(std::string_view name) {
  static constexpr std::array<std::string_view, 7> names{"drive", "cdrom", "hda", "hdb", "hdc", "hdd", "fda"};
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Those that machine_flags() gives.
bool describes_machine(const MachineFlag& flag) {
  static constexpr std::array<std::string_view, 16> names{
      "-m",      "-smp",   "-cpu",  "--msrs", "--feature-control", "-rtc",    "-vga",   "-device", "-uuid",
      "-fw_cfg", "-drive", "-bios", "-boot",  "-kernel",           "-initrd", "-append"};
  const bool device = flag.value.starts_with("isa-debug-exit,") || flag.value == "pc-testdev";
  return std::find(names.begin(), names.end(), flag.flag) != names.end() &&
         (device || flag.flag != "-device");
}

bool is_given(const MachineFlag& flag, const Parsed& parsed, std::span<const std::string_view> given) {
  const std::string_view name =
      std::string_view(flag.flag).substr(std::min(flag.flag.find_first_not_of('-'), flag.flag.size()));
  if (name == "drive") return std::any_of(given.begin(), given.end(), names_drive);
  if (name == "vga") return parsed.run.vga.has_value();
  if (name == "device") return flag.value.starts_with("isa-debug-exit") && parsed.run.machine.debug_exit;
  return std::find(given.begin(), given.end(), name) != given.end();
}

}  // namespace

namespace flags {

bool save(Parsed& p, std::string_view v, std::string& e) {
  constexpr std::string_view at = ",at=";
  RunOptions::Save save{std::string(v), std::nullopt};
  if (const auto comma = v.rfind(at); comma != v.npos) {
    save.path = v.substr(0, comma);
    save.at = parse_number(v.substr(comma + at.size()));
    if (!save.at)
      return fail(e, fmt::format("--save {}: {} is no count of instructions; write --save FILE,at=1000000", v,
                                 v.substr(comma + at.size())));
  }
  p.run.saves.push_back(save);
  return file_name("--save", save.path, p.run.saves.back().path, e);
}

bool load(Parsed& p, std::string_view v, std::string& e) {
  if (!p.run.load.empty())
    return fail(
        e, fmt::format("--load {}: one state is loaded already, {}; leave one of them out", v, p.run.load));
  if (!file_name("--load", v, p.run.load, e)) return false;
  p.run.loaded = describe_state_file(p.run.load, e);
  if (!p.run.loaded) e = "--load " + e;
  return p.run.loaded.has_value();
}

}  // namespace flags

bool take_saved_flags(Parsed& parsed, std::span<const std::string_view> given, std::string& error) {
  if (!parsed.run.loaded) return true;
  for (const MachineFlag& flag : parsed.run.loaded->flags) {
    if (flag.flag == serial_ports || is_given(flag, parsed, given)) continue;
    const auto known = option_table();
    const auto option = std::find_if(known.begin(), known.end(), [&](const Option& o) {
      return !o.name.empty() && flag.flag == fmt::format("{}{}", o.own ? "--" : "-", o.name);
    });
    // Whoever wrote the file with sums that fit: nothing but a machine comes of it.
    if (option == known.end() || !describes_machine(flag)) {
      error = fmt::format("--load {}: names {}, which describes no machine; save it again", parsed.run.load,
                          flag.flag);
      return false;
    }
    if (!option->apply(parsed, flag.written(), error)) {
      error = fmt::format("--load {}: {}", parsed.run.load, error);
      return false;
    }
  }
  return true;
}

std::size_t saved_serial_ports(const StateDescription& saved) {
  for (const MachineFlag& flag : saved.flags)
    if (flag.flag == serial_ports)
      return std::min<u64>(parse_number(flag.value).value_or(0), Uart16550::com.size());
  return 0;
}

}  // namespace ringside
