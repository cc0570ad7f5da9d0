// Owns the program's entry: which subcommand, and its exit status.
#include <fmt/format.h>

#include <csignal>
#include <exception>
#include <new>
#include <string_view>
#include <vector>

#include "frontend/inspect/nearest.h"
#include "frontend/inspect/vmx_report.h"
#include "frontend/program/course_command.h"
#include "frontend/program/isa.h"
#include "frontend/program/listings.h"
#include "frontend/program/manual.h"
#include "frontend/program/option_values.h"
#include "frontend/program/options.h"
#include "frontend/program/output.h"
#include "frontend/program/run_driver.h"
#include "frontend/program/tools.h"

namespace ringside {
namespace {

using Words = std::span<const std::string_view>;

int show(const std::string& text) { return print(text) ? exit_ok : exit_failed; }

std::string usage();
std::vector<SubcommandHelp> subcommand_helps();

int answer(Answer question) { return show(question == Answer::help ? usage() : answer_text(question)); }

int run(Words arguments) {
  std::string error;
  auto parsed = parse_options(arguments, error);
  if (!parsed) return refuse(error);
  if (parsed->answer != Answer::run) return answer(parsed->answer);
  return run_to_end(std::move(parsed->run));
}

int explain(Words arguments) {
  std::vector<std::string_view> all = {"--explain"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return run(all);
}
// What the machine that the flags describe offers; nothing is run.
int vmx(Words arguments) {
  std::string error;
  auto parsed = parse_options(arguments, error);
  if (!parsed) return refuse(error);
  if (parsed->answer != Answer::run) return answer(parsed->answer);
  const std::string report = vmx_report(parsed->run.machine, error);
  if (!report.empty()) return show(report);
  say(error);
  return exit_failed;
}
int help(Words arguments) {
  if (arguments.empty()) return show(usage());
  if (arguments.size() == 1 && arguments[0] == "markdown") return show(help_markdown());
  if (arguments.size() == 1 && arguments[0] == "man") return show(man_page(subcommand_helps()));
  if (arguments.size() == 1 && arguments[0] == "bash") return show(bash_completion(subcommand_helps()));
  return refuse(
      fmt::format("help {}: unknown; write ringside help, or help markdown, man or bash", arguments[0]));
}
int isa(Words arguments) {
  const bool missing = !arguments.empty() && arguments[0] == "missing";
  if (arguments.size() == (missing ? 1 : 0)) return show(isa_text(missing));
  return refuse(
      fmt::format("isa {}: unknown; write ringside isa or ringside isa missing", arguments[missing ? 1 : 0]));
}
int listing(std::string_view name, std::string (*text)(), Words arguments) {
  if (arguments.empty()) return show(text());
  return refuse(fmt::format("{} {}: takes no words; write ringside {}", name, arguments[0], name));
}
int devices(Words arguments) { return listing("devices", devices_text, arguments); }
int cpus(Words arguments) { return listing("cpus", cpus_text, arguments); }

int run_safely(Words arguments);
int replay(Words arguments) {
  if (arguments.empty() || arguments[0].starts_with('-'))
    return refuse("replay: which? Write ringside replay FILE, a bundle or what --record wrote");
  std::vector<std::string_view> all = {"--replay"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return run(all);
}

template <auto tool, class... More>
int by_tools(std::string_view name, More... arguments) {
  std::string error;
  if (const Tools* const all = tools(error)) return (all->*tool)(arguments...);
  say(fmt::format("{}: {}", name, error));
  return exit_failed;
}
int debug(Words arguments) { return by_tools<&Tools::debug>("debug", arguments); }
int test(Words arguments) { return by_tools<&Tools::test>("test", arguments, run_safely); }
int course(Words arguments) { return by_tools<&Tools::course>("course", arguments, run_safely); }
int bundle(Words arguments) { return by_tools<&Tools::bundle>("bundle", arguments, run_safely); }
int merge(Words arguments) { return by_tools<&Tools::merge>("merge", arguments); }
int coverage(Words arguments) { return by_tools<&Tools::coverage>("coverage", arguments); }
int differ(Words arguments) { return by_tools<&Tools::differ>("differ", arguments); }
int compare(Words arguments) { return by_tools<&Tools::compare>("compare", arguments); }
int diff(Words arguments) { return by_tools<&Tools::diff>("diff", arguments); }
// A program without its tools has no help for their flags.
std::vector<FlagHelp> test_flags() {
  std::string error;
  const Tools* const all = tools(error);
  return all ? all->test_flags() : std::vector<FlagHelp>();
}

struct Subcommand {
  std::string_view name, arguments, help;
  int (*act)(Words arguments);
  std::vector<FlagHelp> (*flags)() = nullptr;  // its own, where it has some
};
constexpr Subcommand subcommands[] = {
    {"run", "[FLAG...]", "boot; without -kernel and -bios, the built-in guest. The word may be left out",
     run},
    {"debug", "[FLAG...]", "stop and look: the debugger; ringside debug --help lists its commands", debug},
    {"explain", "[FLAG...]", "boot, and tell each VM entry, exit and refusal in words", explain},
    {"test", "SUITE... [FLAG...]", "run suites of tests; ringside test --help lists its flags", test,
     test_flags},
    {"bundle", "OUT [FLAG...]",
     "pack a run into one file for somebody else: its recording, its images, what is seen at its end; "
     "--replay "
     "FILE packs one that was recorded",
     bundle},
    {"replay", "FILE [FLAG...]", "make the run of a bundle, or of a recording, again", replay},
    {"course", course_arguments,
     "lessons in writing a hypervisor, which grade themselves; --help says what each word is", course},
    {"vmx", "[FLAG...]", "what the CPU model's VMX offers, and to whom that is enough", vmx},
    {"merge", "FILE...",
     "the results of several shards, of ringside test --json each, as one; --junit, --tap, --json, --html "
     "FILE",
     merge},
    {"coverage", "FILE...",
     "add up what --vmx-coverage wrote as JSON; -o FILE, .json and .html by the name, without it text",
     coverage},
    {"differ", "[--with PEER] [FLAG...]",
     "run on both dispatchers, or on QEMU or Bochs, too, and find the first difference", differ},
    {"diff", "A B [--json]",
     "what differs between two saved machines, or RECORDING,at=COUNT: registers, VMCSs, translations, "
     "memory, devices",
     diff},
    {"compare", "SUBJECT... [FLAG...]",
     "a guest's work under several hypervisors, measured to the instruction; --help lists the flags",
     compare},
    {"isa", "[missing]", "which instructions are there, by extension; missing: which are not", isa},
    {"devices", "", "the machine's devices", devices},
    {"cpus", "", "CPU models and features", cpus},
    {"help", "[markdown|man|bash]",
     "this text; the flags as a table for the README, the man page, completion for bash", help}};

std::vector<SubcommandHelp> subcommand_helps() {
  std::vector<SubcommandHelp> helps;
  for (const Subcommand& s : subcommands)
    helps.push_back({s.name, s.arguments, s.help, s.flags ? s.flags() : std::vector<FlagHelp>()});
  return helps;
}

std::string usage() {
  std::string text;
  for (const Subcommand& s : subcommands)
    text += fmt::format("  {:<28} {}\n", fmt::format("ringside {} {}", s.name, s.arguments), s.help);
  return help_text(text);
}

int dispatch(Words arguments) {
  if (arguments.empty() || arguments[0].starts_with('-')) return run(arguments);
  std::vector<std::string_view> names;
  for (const Subcommand& subcommand : subcommands) {
    if (subcommand.name == arguments[0]) return subcommand.act(arguments.subspan(1));
    names.push_back(subcommand.name);
  }
  if (const auto near = nearest(arguments[0], names)) {
    return refuse(fmt::format("{}: no such subcommand; did you mean {}?", arguments[0], *near));
  }
  return refuse(fmt::format(
      "{}: no such subcommand; a kernel is named by -kernel FILE, ringside --help lists all", arguments[0]));
}

int run_safely(Words arguments) {
  try {
    return dispatch(arguments);
  } catch (const std::bad_alloc&) {
    say("the host has no memory left; give the guest less with -m");
  } catch (const std::exception& failure) {
    say(fmt::format("{}; please report this", failure.what()));
  }
  return exit_failed;
}

}  // namespace

}  // namespace ringside

int main(int count, char** words) {
  std::signal(SIGXFSZ, SIG_IGN);  // a file at the limit of its size is a failed write, which is told
  const std::vector<std::string_view> arguments(words + (count > 0 ? 1 : 0), words + count);
  return ringside::run_safely(arguments);
}
