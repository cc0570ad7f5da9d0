// Owns the command that logs what runs, to the terminal or into a file.
#include <fmt/format.h>

#include <cerrno>
#include <cstring>

#include "frontend/commands/commands_actions.h"
#include "frontend/commands/execution_log.h"

namespace ringside::act {
namespace {

std::string state_of(const ExecutionLog& log, std::string_view file) {
  const ExecutionLog::Options& o = log.options();
  std::string words;
  const auto add = [&](bool on, std::string_view word) {
    if (on) words += fmt::format("{}{}", words.empty() ? "" : ",", word);
  };
  add(o.exec, "exec");
  add(o.in_asm, "in_asm");
  add(o.cpu, "cpu");
  add(o.events, "int");
  add(o.vmx, "vmx");
  add(o.cpu_reset, "cpu_reset");
  std::string text =
      fmt::format("tracing {}, {} {} so far", words, log.written(), log.written() == 1 ? "entry" : "entries");
  if (o.most != ~u64{0}) text += fmt::format(" of {}", o.most);
  if (o.only_cpu) text += fmt::format(", CPU {}", *o.only_cpu);
  if (o.only_world) text += *o.only_world == World::root ? ", root" : ", guest";
  for (const ExecutionLog::Range& r : o.ranges) text += fmt::format(", {:#x}..{:#x}", r.first, r.last);
  if (!file.empty()) text += fmt::format(", into {}", file);
  return text;
}

// "FIRST..LAST" of expressions, "FIRST+BYTES", or a function's name: all of it.
bool add_range(Commands& c, std::string_view text, ExecutionLog::Options& options) {
  std::string error;
  if (ExecutionLog::add_ranges(text, options, error)) return true;
  if (const std::size_t dots = text.find(".."); dots != text.npos) {
    const auto first = c.value(text.substr(0, dots)),
               last = first ? c.value(text.substr(dots + 2)) : std::nullopt;
    if (!last) return false;
    if (*last < *first) return c.fail(fmt::format("{}: ends before it begins", text));
    options.ranges.push_back({*first, *last});
    return true;
  }
  const auto at = c.symbols().address(text);
  const auto named = at ? c.symbols().find(*at) : std::nullopt;
  if (!named || named->size == 0)
    return c.fail(at ? fmt::format("{}: its size is not known; give FIRST..LAST", text) : error);
  options.ranges.push_back({*at, *at + named->size - 1});
  return true;
}

struct Wanted {
  ExecutionLog::Options options;
  std::string file;
};

bool read(Commands& c, std::string_view arguments, Wanted& wanted) {
  ExecutionLog::Options& o = wanted.options;
  while (!arguments.empty()) {
    const std::string_view word = next_word(arguments);
    if (word == "root" || word == "guest") {
      o.only_world = word == "root" ? World::root : World::non_root;
    } else if (word == "to" || word == "in" || word == "cpu" || word == "count") {
      // "cpu" alone is one of the words of the log.
      const std::string_view value = word == "cpu" && arguments.find_first_of("0123456789") != 0
                                         ? std::string_view()
                                         : next_word(arguments);
      if (value.empty() && word == "cpu") {
        o.cpu = true;
        continue;
      }
      if (value.empty()) return c.fail(fmt::format("trace ... {}: what follows is missing", word));
      if (word == "to") wanted.file = value;
      if (word == "in" && !add_range(c, value, o)) return false;
      if (word == "to" || word == "in") continue;
      const auto number = c.value(value);
      if (!number) return false;
      if (word == "count") o.most = *number;
      if (word == "cpu" && *number >= c.debugger().machine().cpus())
        return c.fail(fmt::format("there is no CPU {}", *number));
      if (word == "cpu") o.only_cpu = static_cast<unsigned>(*number);
    } else {
      std::string error;
      if (!ExecutionLog::add_words(word, o, error)) return c.fail(error);
    }
  }
  if (!o.any()) o.exec = o.in_asm = true;
  return true;
}

}  // namespace

bool trace(Commands& c, std::string_view arguments) {
  const auto* const present = dynamic_cast<const ExecutionLog*>(c.debugger().witness().get());
  if (arguments.empty()) {
    c.print(present ? state_of(*present, c.trace_file()) : std::string("nothing is traced"));
    return true;
  }
  std::string_view rest = arguments;
  const std::string_view first = next_word(rest);
  if (first == "off" || first == "none" || first == "stop") {
    if (!rest.empty()) return c.fail(fmt::format("trace off: {} is too much", rest));
    if (present) c.print(state_of(*present, c.trace_file()) + "; no longer");
    c.debugger().let_witness(nullptr);
    c.trace_into({}, nullptr);
    return true;
  }
  Wanted wanted;
  if (!read(c, first == "on" ? rest : arguments, wanted)) return false;
  std::shared_ptr<std::FILE> file;
  if (!wanted.file.empty()) {
    std::string why;
    if (!c.may_write(wanted.file, why)) return c.fail(why);
    file.reset(std::fopen(wanted.file.c_str(), "we"), [](std::FILE* f) {
      if (f) std::fclose(f);
    });
    if (!file) return c.fail(fmt::format("{}: {}", wanted.file, std::strerror(errno)));
  }
  auto log = std::make_shared<ExecutionLog>(wanted.options, c.symbols(),
                                            [&c, out = file.get()](std::string_view line) {
                                              if (out)
                                                std::fwrite(line.data(), 1, line.size(), out);
                                              else
                                                c.print(line);
                                            });
  c.trace_into(wanted.file, file);
  c.print(state_of(*log, wanted.file));
  c.debugger().let_witness(std::move(log));
  return true;
}

}  // namespace ringside::act
