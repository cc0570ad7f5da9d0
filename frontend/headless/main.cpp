// Owns the program's entry: which subcommand, and its exit status.
#include <fmt/format.h>

#include <exception>
#include <new>
#include <string_view>
#include <vector>

#include "frontend/debug/vmx_report.h"
#include "frontend/headless/debug_session.h"
#include "frontend/headless/isa.h"
#include "frontend/headless/listings.h"
#include "frontend/headless/option_values.h"
#include "frontend/headless/options.h"
#include "frontend/headless/session.h"

namespace ringside {
namespace {

int refuse(const std::string& error) {
  fmt::print(stderr, "ringside: {}\n", error);
  return exit_usage;
}

int print(const std::string& text) {
  const bool good =
      std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  return good ? exit_ok : exit_failed;
}

int answer(Answer question) {
  switch (question) {
    case Answer::run: break;
    case Answer::help: return print(help_text());
    case Answer::version: return print(version_text());
    case Answer::devices: return print(devices_text());
    case Answer::cpus: return print(cpus_text());
    case Answer::machines: return print(machines_text());
    case Answer::accelerators: return print(accelerators_text());
  }
  return exit_ok;
}

int run(std::span<const std::string_view> arguments) {
  std::string error;
  auto parsed = parse_options(arguments, error);
  if (!parsed) return refuse(error);
  if (parsed->answer != Answer::run) return answer(parsed->answer);
  return run_session(std::move(parsed->run));
}

int explain(std::span<const std::string_view> arguments) {
  std::vector<std::string_view> all = {"--explain"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return run(all);
}
// What the machine that the flags describe offers; nothing is run.
int vmx(std::span<const std::string_view> arguments) {
  std::string error;
  auto parsed = parse_options(arguments, error);
  if (!parsed) return refuse(error);
  if (parsed->answer != Answer::run) return answer(parsed->answer);
  const std::string report = vmx_report(parsed->run.machine, error);
  return report.empty() ? refuse(error) : print(report);
}
int help(std::span<const std::string_view> arguments) {
  if (arguments.size() == 1 && arguments[0] == "markdown") return print(help_markdown());
  return print(help_text());
}
int isa(std::span<const std::string_view> arguments) {
  if (arguments.empty()) return print(isa_text(false));
  if (arguments.size() == 1 && arguments[0] == "missing") return print(isa_text(true));
  return refuse(fmt::format("isa {}: unknown; write ringside isa or ringside isa missing", arguments[0]));
}
int devices(std::span<const std::string_view>) { return print(devices_text()); }
int cpus(std::span<const std::string_view>) { return print(cpus_text()); }

struct Subcommand {
  std::string_view name;
  int (*act)(std::span<const std::string_view> arguments);
};
constexpr Subcommand subcommands[] = {{"run", run},   {"explain", explain}, {"debug", run_debugger},
                                      {"vmx", vmx},   {"isa", isa},         {"devices", devices},
                                      {"cpus", cpus}, {"help", help}};

int dispatch(std::span<const std::string_view> arguments) {
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

}  // namespace
}  // namespace ringside

int main(int count, char** words) {
  const std::vector<std::string_view> arguments(words + (count > 0 ? 1 : 0), words + count);
  try {
    return ringside::dispatch(arguments);
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "ringside: the host has no memory left; give the guest less with -m\n");
  } catch (const std::exception& failure) {
    fmt::print(stderr, "ringside: {}; please report this\n", failure.what());
  }
  return ringside::exit_failed;
}
