// Owns the walk over the command line's words, and the texts that are made of the table of flags.
#include <fmt/format.h>

#include <algorithm>

#include "frontend/inspect/nearest.h"
#include "frontend/program/absent_flags.h"
#include "frontend/program/flag_value.h"
#include "frontend/program/option_values.h"
#include "frontend/program/options.h"
#include "frontend/program/options_firmware.h"
#include "frontend/program/options_state.h"
#include "frontend/program/recorded_flags.h"
#include "frontend/screen/keys.h"
#include "frontend/sdl/window_keys.h"

namespace ringside {
namespace {

const Option* find_option(std::string_view name) {
  for (const Option& option : option_table()) {
    if (!option.name.empty() && option.name == name) return &option;
  }
  return nullptr;
}

// The title above it.
std::string_view group_of(const Option& option) {
  std::string_view group;
  for (const Option& row : option_table()) {
    if (row.name.empty()) group = row.help;
    if (&row == &option) break;
  }
  return group;
}

std::string spelled(const Option& option) {
  return fmt::format("{}{}", option.own ? "--" : "-", option.name);
}

std::string unknown_flag(std::string_view word, std::string_view name) {
  if (const auto words = absent_flag(name)) return fmt::format("{}: {}", word, *words);
  std::vector<std::string_view> names;
  for (const Option& option : option_table()) {
    if (!option.name.empty()) names.push_back(option.name);
  }
  if (const auto near = nearest(name, names)) {
    return fmt::format("{}: unknown flag; did you mean {}?", word, spelled(*find_option(*near)));
  }
  return fmt::format("{}: unknown flag; ringside --help lists them", word);
}

// The one that -chardev has described by this name takes its place. False: there is none.
bool resolve(const RunOptions& run, const char* flag, Chardev& device, std::string& error) {
  if (device.kind != Chardev::Kind::named) return true;
  const auto found = run.chardevs.find(device.path);
  if (found == run.chardevs.end()) {
    error = fmt::format("{} chardev:{}: no -chardev has this id; add -chardev KIND,id={}", flag, device.path,
                        device.path);
    return false;
  }
  device = found->second;
  return true;
}

bool resolve_chardevs(RunOptions& run, std::string& error) {
  if (run.serials.empty()) {
    Chardev usual;
    if (!run.no_defaults || run.nographic) usual.kind = Chardev::Kind::standard;
    run.serials.push_back(usual);
  }
  if (run.loaded) run.serials.resize(std::max(run.serials.size(), saved_serial_ports(*run.loaded)));
  run.machine.serial_ports = static_cast<unsigned>(run.serials.size());
  unsigned typed = 0;
  for (Chardev& device : run.serials) {
    if (!resolve(run, "-serial", device, error)) return false;
    if (device.kind == Chardev::Kind::standard && ++typed > 1) {
      error = "-serial stdio: one serial port has the terminal already; give the other a file, pty or socket";
      return false;
    }
  }
  return resolve(run, "-debugcon", run.debugcon, error);
}

// What is typed may be parsed: its flag has looked.
bool typing_needs_screen(const std::string& text) {
  std::string error;
  const auto steps = parse_typed(text, error);
  return steps && needs_screen(*steps);
}

// Whether there is a screen: as asked for, or where firmware or this command line makes something of one.
bool resolve_screen(RunOptions& run, std::string& error) {
  std::string asks;
  for (const std::string& text : run.typed)
    if (typing_needs_screen(text)) asks = fmt::format("--type {}", text);
  for (const RunOptions::AtCount& typed : run.typed_at)
    if (typing_needs_screen(typed.what)) asks = fmt::format("--type-at {} {}", typed.count, typed.what);
  if (!run.screenshots_at.empty()) asks = "--screenshot-at";
  if (!run.screenshot.empty()) asks = "--screenshot";
  if (!run.expect_screen.empty()) asks = "--expect-screen";
  if (run.window.value_or(false)) asks = "-display sdl";
  if (run.vnc) asks = "-vnc";
  if (!asks.empty() && !run.vga.value_or(true)) {
    error = fmt::format("{}: -vga none leaves the machine without a screen; leave one of them out", asks);
    return false;
  }
  const BootRequest& boot = run.machine.boot;
  const bool firmware = boot.kernel.empty() && !boot.bios.empty();
  run.machine.vga = run.vga.value_or(!asks.empty() || (firmware && !run.nographic && !run.no_defaults));
  return true;
}

bool check_combinations(RunOptions& run, std::string& error) {
  const BootRequest& boot = run.machine.boot;
  if (boot.kernel.empty() && !boot.initrd.empty()) {
    error = fmt::format("-initrd {}: there is no kernel to give it to; add -kernel FILE", boot.initrd);
    return false;
  }
  if (boot.kernel.empty() && !boot.append.empty()) {
    error = "-append: there is no kernel to give it to; add -kernel FILE";
    return false;
  }
  if (run.start_stopped && !run.gdb) {
    error = "-S: nobody could let the machine go on; add -s, and then: gdb -ex 'target remote :1234'";
    return false;
  }
  for (DriveRequest& drive : run.machine.drives) drive.snapshot |= run.snapshot;
  return choose_firmware(run, error) && resolve_screen(run, error) && resolve_chardevs(run, error);
}

// False: `error`. A question ends it early.
bool take_words(std::span<const std::string_view> arguments, Parsed& parsed,
                std::vector<std::string_view>& given, std::string& error) {
  const auto model = parse_cpu_model(default_cpu_model, error);
  if (!model) return false;
  parsed.run.machine.model = *model;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view word = arguments[i];
    if (word.empty()) {
      error = "\"\": an empty word is no flag; leave it out";
      return false;
    }
    if (word.size() < 2 || word[0] != '-') {
      error =
          fmt::format("{}: neither a flag nor a flag's value; a kernel is named by -kernel {}", word, word);
      return false;
    }
    const bool two = word.starts_with("--");
    std::string_view name = word.substr(two ? 2 : 1);
    std::optional<std::string_view> value;
    std::string both;
    // With one dash only behind a flag that there is: QEMU's values may hold an equals sign themselves.
    if (const auto equals = name.find('=');
        equals != std::string_view::npos && (two || find_option(name.substr(0, equals)))) {
      value = name.substr(equals + 1);
      name = name.substr(0, equals);
    }
    const Option* option = find_option(name);
    if (!option) {
      error = unknown_flag(word, name);
      return false;
    }
    const bool apart = !value;
    if (!take_flag_value({spelled(*option), option->argument}, arguments, i, value, error)) return false;
    // "COUNT FILE": two words are one value with a blank between.
    if (apart && option->argument.find(' ') != std::string_view::npos) {
      if (i + 1 == arguments.size()) {
        error = fmt::format("{} {}: a word is missing; write {} {}", word, *value, spelled(*option),
                            option->argument);
        return false;
      }
      both = fmt::format("{} {}", *value, arguments[++i]);
      value = both;
    }
    if (!option->apply(parsed, value.value_or(""), error)) return false;
    given.push_back(option->name);
    const std::string_view group = group_of(*option);
    parsed.run.unattended |= group == batch_group || group == virtualization_group;
    if (option->run_only) parsed.run_only.push_back(spelled(*option));
    // A question is answered at once, whatever else may be wrong.
    if (parsed.answer != Answer::run) return true;
    if (makes_machine(group, option->name)) {
      const std::string word = fmt::format("--{}", option->name);
      parsed.run.machine_words.push_back(value ? fmt::format("{}={}", word, *value) : word);
    }
  }
  return true;
}

}  // namespace

std::optional<Parsed> parse_options(std::span<const std::string_view> arguments, std::string& error) {
  Parsed parsed;
  std::vector<std::string_view> given;
  if (!take_words(arguments, parsed, given, error)) return std::nullopt;
  if (parsed.answer != Answer::run) return parsed;
  if (!parsed.run.replay.empty()) {
    // Once more, behind the flags of the recording.
    std::vector<std::string_view> words;
    if (!open_replay(parsed.run, error)) return std::nullopt;
    const auto recording = parsed.run.recording;
    const auto bundle = parsed.run.bundle;
    words.assign(recording->head.flags.begin(), recording->head.flags.end());
    words.insert(words.end(), arguments.begin(), arguments.end());
    parsed = Parsed{};
    given.clear();
    if (!take_words(words, parsed, given, error)) return std::nullopt;
    parsed.run.recording = recording;
    parsed.run.bundle = bundle;
    if (!prepare_replay(parsed.run, error)) return std::nullopt;
  }
  if (!take_saved_flags(parsed, given, error) || !check_combinations(parsed.run, error)) return std::nullopt;
  if (!fits_recording(parsed.run, error)) return std::nullopt;
  if (parsed.run.replay.empty()) spell_out(parsed.run);
  return parsed;
}

bool window_by_itself(const RunOptions& run) {
  return !run.machine.boot.bios.empty() && run.machine.vga && !run.nographic && !run.vnc && !run.unattended;
}

std::string help_text(std::string_view subcommands) {
  std::string text = fmt::format(
      "Ringside: an x86-64 machine made of glass.\n\n{}\n"
      "The flags are QEMU's for the same things; -flag and --flag mean the same.\n",
      subcommands);
  for (const Option& option : option_table()) {
    if (option.name.empty()) {
      text += fmt::format("\n{}:\n", option.help);
      continue;
    }
    const std::string head =
        fmt::format("{}{}{}", spelled(option), option.argument.empty() ? "" : " ", option.argument);
    text += head.size() < 24 ? fmt::format("  {:<24} {}\n", head, option.help)
                             : fmt::format("  {}\n  {:<24} {}\n", head, "", option.help);
  }
  text += fmt::format("\nKeys of the window:\n{}", window_keys_text("  "));
  text +=
      "\nExit status: 0 the guest powered off, was reset under -no-reboot, or --expect matched; "
      "isa-debug-exit:\n"
      "(value << 1) | 1; 1 the guest failed (triple fault, halted for ever, no match, --fail-on) or could "
      "not "
      "be loaded;\n"
      "2 the command line is wrong; 124 a limit was reached; 130 interrupted.\n"
      "On a terminal Ctrl-A x ends the run, Ctrl-A h shows the other keys.\n";
  return text;
}

std::string help_markdown() {
  std::string text;
  for (const Option& option : option_table()) {
    if (option.name.empty()) {
      text += fmt::format("{}**{}**\n\n| flag | what it does |\n|---|---|\n", text.empty() ? "" : "\n",
                          option.help);
      continue;
    }
    std::string head =
        fmt::format("{}{}{}", spelled(option), option.argument.empty() ? "" : " ", option.argument);
    for (auto at = head.find('|'); at != std::string::npos; at = head.find('|', at + 2))
      head.insert(at, "\\");
    text += fmt::format("| `{}` | {} |\n", head, option.help);
  }
  text += "\n**Keys of the window**\n\n| key | what it does |\n|---|---|\n";
  for (const WindowKey& key : window_keys()) text += fmt::format("| {} | {} |\n", spelled(key), key.help);
  return text;
}

}  // namespace ringside
