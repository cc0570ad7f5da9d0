// Owns the man page, made of the tables that help is made of.
#include "frontend/program/manual.h"

#include <fmt/format.h>

#include "frontend/inspector/actions.h"
#include "frontend/program/listings.h"
#include "frontend/program/options.h"
#include "frontend/sdl/window_keys.h"

namespace ringside {
namespace {

// As in the README: `code` between backquotes.
constexpr std::string_view description[] = {
    "Ringside emulates a PC with x86-64 processors that have Intel's VMX. It starts at the reset vector, or "
    "boots a kernel that `-kernel` names, takes QEMU's flags for the same things, and every run is "
    "repeatable: "
    "the same image and the same input give the same instructions and the same final state.",
    "Without `-kernel` and `-bios` the machine runs the guest that is built in, a small hypervisor to read; "
    "`ringside explain` tells in words why each of its VM exits happened.",
    "A firmware image that `-bios` names without a folder is sought in the folder with the installed guests, "
    "too, if it is not in the current one."};

struct Described {
  std::string_view what, text;
};
constexpr Described exit_statuses[] = {
    {"0",
     "the guest powered the machine off, or was reset under `-no-reboot`; every `--expect` matched; Ctrl-A "
     "x"},
    {"(value << 1) | 1", "the guest wrote the value to `isa-debug-exit`, as in QEMU"},
    {"1",
     "of a shutdown (triple fault), a guest that halted for ever, a run without a match, a match of "
     "`--fail-on`, an image that cannot be booted, an output that cannot be written"},
    {"2", "the command line is wrong"},
    {"124",
     "`--timeout`, `--max-seconds`, `--max-instructions` or `--output-limit` was reached; where each CPU was "
     "is said"},
    {"128 + n", "signal n; 130 is Ctrl-C without a terminal"}};

constexpr Described examples[] = {
    {"ringside explain", "Run the built-in hypervisor, explained."},
    {"ringside -bios hello.bin", "Run the guest that goes through every mode of the CPU."},
    {"ringside -nographic -no-reboot -m 512 -kernel vmlinuz -initrd root.cpio -append console=ttyS0",
     "Boot Linux on the terminal."},
    {"ringside debug", "Stop and look; help lists the debugger's commands."}};

// Text for roff: what would be markup is not, and `code` is bold.
std::string roff(std::string_view text) {
  std::string out;
  bool bold = false;
  if (text.starts_with('.') || text.starts_with('\'')) out += "\\&";
  for (const char c : text) {
    switch (c) {
      case '\\': out += "\\e"; break;
      case '-': out += "\\-"; break;
      case '`':
        bold = !bold;
        out += bold ? "\\fB" : "\\fR";
        break;
      default: out += c;
    }
  }
  return out;
}

std::string entry(std::string_view name, std::string_view argument, std::string_view text) {
  std::string head = fmt::format("\\fB{}\\fR", roff(name));
  if (!argument.empty()) head += fmt::format(" \\fI{}\\fR", roff(argument));
  return fmt::format(".TP\n{}\n{}\n", head, roff(text));
}

std::string flags_section() {
  std::string text;
  for (const Option& option : option_table()) {
    text += option.name.empty() ? fmt::format(".SS {}\n", roff(option.help))
                                : entry(fmt::format("{}{}", option.own ? "--" : "-", option.name),
                                        option.argument, option.help);
  }
  return text;
}

}  // namespace

std::string man_page(std::span<const SubcommandHelp> subcommands) {
  std::string version = version_text();
  version.erase(version.find_last_not_of('\n') + 1);
  std::string text = fmt::format(
      ".\\\" Made by ringside help man.\n"
      ".TH RINGSIDE 1 \"\" \"{}\" \"User Commands\"\n"
      ".SH NAME\nringside \\- an x86\\-64 emulator with VMX that explains itself\n"
      ".SH SYNOPSIS\n",
      version);
  for (const SubcommandHelp& s : subcommands) {
    text += fmt::format("\\fBringside {}\\fR {}\n.br\n", s.name, roff(s.arguments));
  }
  text += ".SH DESCRIPTION\n";
  for (const std::string_view paragraph : description) text += fmt::format("{}\n.PP\n", roff(paragraph));
  text += ".SH SUBCOMMANDS\n";
  for (const SubcommandHelp& s : subcommands) text += entry(s.name, "", s.help);
  text +=
      fmt::format(".SH FLAGS\n{}\n",
                  roff("`-flag` and `--flag` mean the same, and so do `--flag value` and `--flag=value`."));
  text += flags_section();
  for (const SubcommandHelp& s : subcommands) {
    if (s.flags.empty()) continue;
    text += fmt::format(".SH FLAGS OF {}\n", roff(s.name));
    for (const FlagHelp& flag : s.flags) text += entry(flag.name, flag.argument, flag.help);
  }
  text += fmt::format(".SH KEYS OF THE WINDOW\n{}\n",
                      roff("The letters are those that the layout writes on the keys. F1 and F2 alone do the "
                           "same as long as the guest has not grabbed the keyboard."));
  for (const WindowKey& key : window_keys()) text += entry(spelled(key), "", key.help);
  text +=
      fmt::format(".SH KEYS OF THE INSPECTOR\n{}\n",
                  roff("While the inspector has the keyboard; a click on the screen gives it to the guest."));
  for (const Action& action : action_table()) text += entry(key_name(action), "", action.help);
  text += ".SH EXIT STATUS\n";
  for (const Described& row : exit_statuses) text += entry(row.what, "", row.text);
  text += ".SH EXAMPLES\n";
  for (const Described& row : examples) text += entry(row.what, "", row.text);
  return text + ".SH SEE ALSO\n.BR qemu\\-system\\-x86_64 (1),\n.BR gdb (1)\n";
}

}  // namespace ringside
