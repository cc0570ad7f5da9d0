// Owns how a line becomes a command: words, aliases, scripts, completion, help.
#include "frontend/commands/commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "frontend/commands/commands_actions.h"
#include "frontend/machine/state_file.h"
#include "frontend/render/json.h"
#include "frontend/render/sheet_text.h"

namespace ringside {
namespace {

constexpr std::string_view blanks = " \t\r\n";

// "x/8gx" is x with the format 8gx.
std::string_view word_of(std::string_view text) {
  return text.substr(0, std::min({text.find_first_of(blanks), text.find('/'), text.size()}));
}

const Command* find_exactly(std::string_view name) {
  for (const Command& command : command_table()) {
    if (command.act && command.name == name) return &command;
  }
  return nullptr;
}

// By its name or the beginning of one that no other shares.
const Command* find_command(std::string_view name, std::string& others) {
  if (const Command* command = find_exactly(name)) return command;
  const Command* found = nullptr;
  for (const Command& command : command_table()) {
    if (!command.act || !command.name.starts_with(name)) continue;
    others += fmt::format("{}{}", others.empty() ? "" : ", ", command.name);
    found = found ? nullptr : &command;
    if (!found) break;
  }
  if (found || others.find(',') == others.npos) return found;
  others.clear();
  for (const Command& command : command_table()) {
    if (command.act && command.name.starts_with(name))
      others += fmt::format("{}{}", others.empty() ? "" : ", ", command.name);
  }
  return nullptr;
}

std::string expand(std::string_view line) {
  const std::string_view word = word_of(line);
  for (const Alias& alias : alias_table()) {
    if (alias.name != word) continue;
    std::string_view rest = line.substr(word.size());
    // "xp/4wx 0x1000": the format belongs to the command, not to what else the alias stands for.
    const std::string_view format =
        rest.starts_with('/') ? rest.substr(0, std::min(rest.find_first_of(blanks), rest.size())) : "";
    rest.remove_prefix(format.size());
    const std::size_t space = std::min(alias.stands_for.find(' '), alias.stands_for.size());
    return fmt::format("{}{}{}{}", alias.stands_for.substr(0, space), format, alias.stands_for.substr(space),
                       rest);
  }
  return std::string(line);
}

std::string aliases_of(std::string_view name) {
  std::string text;
  for (const Alias& alias : alias_table()) {
    if (alias.stands_for == name) text += fmt::format("{}{}", text.empty() ? "" : " ", alias.name);
  }
  return text;
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) + 1 - first);
}

std::string_view next_word(std::string_view& text) {
  text = trimmed(text);
  const std::string_view word = text.substr(0, std::min(text.find_first_of(blanks), text.size()));
  text = trimmed(text.substr(word.size()));
  return word;
}

Commands::Commands(Debugger& debugger, Symbols& symbols, Print print)
    : debugger_(debugger), symbols_(symbols), expressions_(debugger, &symbols), print_(std::move(print)) {
  debugger_.use_symbols(&symbols_);
  debugger_.on_condition([this](const Breakpoint& breakpoint, Cpu& cpu, std::string& error) {
    const unsigned selected = debugger_.selected(), frame = std::exchange(frame_, 0);
    debugger_.select(cpu.index);
    const auto value = expressions_.evaluate(breakpoint.condition, error);
    debugger_.select(selected);
    frame_ = frame;
    return value.value_or(1) != 0;
  });
  expressions_.on_scope([this] { return act::scope(*this); });
}

namespace {

// What a file or a line holds must not speak to the terminal.
std::string harmless(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7f) c = '?';
  }
  return out;
}

}  // namespace

void Commands::print(std::string_view text) {
  if (text.empty()) return;
  print_(harmless(text) + (text.ends_with('\n') ? "" : "\n"));
}

bool Commands::fail(std::string_view why) {
  const std::string line = harmless(script_place_ + std::string(why));
  (tell_ && !script_place_.empty() ? tell_ : print_)(line + (line.ends_with('\n') ? "" : "\n"));
  return false;
}

std::optional<u64> Commands::value(std::string_view text) {
  std::string error;
  const auto result = expressions_.evaluate(text, error);
  if (!result) fail(error);
  return result;
}

std::optional<Place> Commands::place(std::string_view& text, std::optional<u64>* storage) {
  text = trimmed(text);
  // gdb's "break *0x1000" names an address, "x *pointer" and "watch *pointer" what lies there.
  if (text.starts_with('*') && !storage) text.remove_prefix(1);
  std::string_view rest = text;
  const std::string_view word = next_word(rest);
  Place result;
  const auto in = [&](AddressSpace space) {
    result.space = space;
    text = rest;
  };
  if (word == "guest") in(AddressSpace::guest_linear);
  if (word == "gpa") in(AddressSpace::guest_physical);
  if (word == "phys" || word == "hpa") in(AddressSpace::host_physical);
  if (text.empty()) {
    fail("an address is missing");
    return std::nullopt;
  }
  // "run.inc:32"
  rest = text;
  const std::string_view maybe_line = next_word(rest);
  const std::size_t colon = maybe_line.rfind(':');
  if (colon != maybe_line.npos && colon > 0 && maybe_line[colon - 1] != ':') {
    const auto addresses = symbols_.addresses_of_line(maybe_line);
    if (addresses.empty()) {
      fail(fmt::format("{}: no code of this line; symbols FILE loads source lines", maybe_line));
      return std::nullopt;
    }
    result.value = addresses.front();
    text = rest;
    return result;
  }
  std::string error;
  if (storage) {
    rest = text;
    const auto value = expressions_.evaluate_first_typed(rest, error);
    if (value && value->type && value->address) {
      text = rest;
      *storage = CValues::size(*value);
      result.value = *value->address;
      return result;
    }
    if (text.starts_with('*')) text.remove_prefix(1);
  }
  const auto address = expressions_.evaluate_first(text, error);
  if (!address) {
    fail(error);
    return std::nullopt;
  }
  result.value = *address;
  return result;
}

bool Commands::may_change() {
  const Timeline* const past = debugger_.timeline();
  if (!past || !past->in_past()) return true;
  const u64 here = debugger_.machine().retired(), lost = past->end().retired - here;
  const std::string what =
      fmt::format("what came after instruction {} is given up, {} instructions", here, lost);
  if (ask_ && !ask_(what)) return fail("nothing is changed");
  print(what);
  was_in_past_ = false;
  return true;
}

bool Commands::takes_input() {
  const Timeline* const past = debugger_.timeline();
  return !past || !past->in_past() ||
         fail("the machine is in its past, and had its input there; goto end leads to the present");
}

bool Commands::send(std::string_view bytes) {
  if (!takes_input()) return false;
  if (!send_) return fail("nothing can be sent to the guest here");
  const std::size_t went = send_(bytes);
  if (went == bytes.size()) return true;
  return fail(fmt::format("the guest's serial port took {} of {} bytes; let it run, then send the rest", went,
                          bytes.size()));
}

bool Commands::type(std::string_view text) {
  if (!takes_input()) return false;
  if (!type_) return fail("nothing can be typed here");
  std::string error;
  auto steps = parse_typed(text, error);
  if (!steps) return fail(error);
  if (needs_screen(*steps) && debugger_.machine().screen() == nullptr)
    return fail("the machine has no screen to wait for; start it with -vga std");
  type_(std::move(*steps));
  return true;
}

bool Commands::screenshot(std::string_view path) {
  if (!screenshot_) return fail("no picture can be written here");
  std::string error;
  return screenshot_(std::string(path), error) || fail(error);
}

bool Commands::restart() {
  std::string error;
  const bool good = restart_ ? restart_(error) : debugger_.machine().reboot(error);
  if (!good) return fail(fmt::format("the machine cannot be started again: {}", error));
  debugger_.attach();
  debugger_.select(0);
  return true;
}

bool Commands::load(std::string_view path) {
  std::string error;
  const std::string file(path);
  if (!(load_ ? load_(file, error) : load_state_file(debugger_.machine(), file, Before::kept, error)))
    return fail(error);
  debugger_.attach();
  return true;
}

namespace {

// Whether the last word is "-json", which is taken away.
bool ends_with_json(std::string_view& arguments) {
  constexpr std::string_view word = "-json";
  if (!arguments.ends_with(word)) return false;
  const std::string_view before = arguments.substr(0, arguments.size() - word.size());
  if (!before.empty() && blanks.find(before.back()) == blanks.npos) return false;
  arguments = trimmed(before);
  return true;
}

}  // namespace

Commands::Result Commands::execute(std::string_view line) {
  line = trimmed(line);
  if (collecting_) {
    if (line == "end")
      collecting_.reset();
    else
      scripts_[*collecting_].emplace_back(line);
    return Result::done;
  }
  Result result = act(line);
  // A command of a script that runs the machine ends it: the stop that follows has a script of its own.
  if (std::exchange(doing_, true)) return result;
  while (result == Result::done && !to_do_.empty()) {
    const std::string next = to_do_.front();
    to_do_.erase(to_do_.begin());
    result = act(next);
  }
  to_do_.clear();
  doing_ = false;
  return result;
}

void Commands::stopped(const Stop& stop) {
  frame_ = 0;
  const Timeline* const past = debugger_.timeline();
  const bool in_past = past && past->in_past();
  if (std::exchange(was_in_past_, in_past) && !in_past) print("this is the present: what runs now is new");
  if (past && !past->trouble().empty())
    print(fmt::format("this is a fault of Ringside's, and worth a report: {}", past->trouble()));
  if (stop_told_) stop_told_(stop);
  if (trace_file_) std::fflush(trace_file_.get());
  const bool json = std::exchange(as_json_, false);
  if (!json && stop.kind != Stop::Kind::ended) {
    const std::vector<Display> all = displays_;
    for (const Display& one : all) {
      print_(fmt::format("{}: ", one.id));
      act(one.line);
    }
  }
  to_do_.clear();
  const bool met = stop.kind == Stop::Kind::breakpoint || stop.kind == Stop::Kind::watchpoint;
  if (const auto script = scripts_.find(stop.breakpoint); met && script != scripts_.end())
    to_do_ = script->second;
}

Commands::Result Commands::act(std::string_view line) {
  line = trimmed(line);
  if (line.empty() || line.front() == '#') return Result::done;
  const std::string whole = expand(line);
  std::string_view rest = whole;
  const std::string_view word = word_of(rest);
  rest = trimmed(rest.substr(word.size()));
  std::string others;
  const Command* command = find_command(word, others);
  if (const std::string_view instead = foreign_word(word);
      !instead.empty() && find_exactly(word) == nullptr) {
    fail(fmt::format("{}: not here; {}", word, instead));
    return Result::failed;
  }
  if (!command) {
    fail(others.empty() ? fmt::format("{}: no such command; help lists them", word)
                        : fmt::format("{}: could be {}", word, others));
    return Result::failed;
  }
  if (command->name == "quit") return Result::quit;
  const bool wants_json = ends_with_json(rest);
  if (wants_json && !command->looks) {
    fail(fmt::format("{}: prints nothing that JSON could hold; help {} says what it does", whole,
                     command->name));
    return Result::failed;
  }
  as_json_ = wants_json;
  const bool good = command->act(*this, rest);
  as_json_ = false;
  if (leaving_) return Result::quit;
  return good ? Result::done : Result::failed;
}

Commands::Result Commands::execute_script(std::string_view text, std::string_view name) {
  constexpr unsigned deepest = 10;
  if (scripts_open_ == deepest) {
    fail(fmt::format("{}: scripts run scripts more than {} deep", name, deepest));
    return Result::failed;
  }
  unsigned number = 0;
  const std::string around = script_place_;
  Result result = Result::done;
  ++scripts_open_;
  while (!text.empty() && result == Result::done) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    script_place_ = fmt::format("{}:{}: ", name, number);
    result = execute(line);
  }
  --scripts_open_;
  script_place_ = around;
  if (result != Result::done) return result;
  if (!collecting_) return Result::done;
  fail(fmt::format("{}: commands {} has no end", name, *std::exchange(collecting_, std::nullopt)));
  return Result::failed;
}

bool Commands::repeats(std::string_view line) {
  const std::string whole = expand(trimmed(line));
  std::string others;
  const Command* command = find_command(word_of(whole), others);
  if (!command) return false;
  for (const std::string_view name :
       {"step", "next", "stepi", "nexti", "finish", "continue", "run-to", "list"}) {
    if (command->name == name) return true;
  }
  return false;
}

bool Commands::runs(std::string_view line) {
  const std::string whole = expand(trimmed(line));
  std::string others;
  const Command* named = find_command(word_of(whole), others);
  if (!named) return false;
  std::string_view group;
  for (const Command& command : command_table()) {
    if (!command.act) group = command.name;
    if (&command == named) break;
  }
  return group == "Running" || named->name == "source";
}

std::vector<std::string> Commands::complete(std::string_view line) const {
  std::set<std::string> found;
  const std::size_t blank = line.find_last_of(" \t[(");
  const std::string_view word = blank == line.npos ? line : line.substr(blank + 1);
  const auto offer = [&](std::string_view one) {
    if (one.starts_with(word)) found.emplace(one);
  };
  if (trimmed(line.substr(0, line.size() - word.size())).empty()) {
    for (const Command& command : command_table()) {
      if (command.act) offer(command.name);
    }
    return {found.begin(), found.end()};
  }
  std::string_view rest = line;
  const std::string first(next_word(rest));
  const std::string whole = expand(first);
  std::string others;
  const Command* command = find_command(word_of(whole), others);
  // The words that stand in the arguments of its row.
  if (command) {
    std::string_view arguments = command->arguments;
    while (!arguments.empty()) {
      const std::size_t start =
          std::min(arguments.find_first_of("abcdefghijklmnopqrstuvwxyz"), arguments.size());
      arguments.remove_prefix(start);
      const std::size_t end =
          std::min(arguments.find_first_not_of("abcdefghijklmnopqrstuvwxyz-"), arguments.size());
      if (end > 1) offer(arguments.substr(0, end));
      arguments.remove_prefix(end);
    }
    if (command->name == "help") {
      for (const Command& one : command_table()) {
        if (one.act) offer(one.name);
      }
      return {found.begin(), found.end()};
    }
  }
  for (const std::string& name : Debugger::register_names()) offer(name);
  if (word.starts_with("vmcs.")) {
    for (unsigned n = 0; n < field_count; ++n) offer(fmt::format("vmcs.{}", info(static_cast<Field>(n)).id));
  }
  if (!word.empty()) {
    for (const std::string& name : symbols_.complete(word)) found.insert(name);
  }
  return {found.begin(), found.end()};
}

void Commands::show(const Stop& stop) { look(stop_sheet(stop)); }

void Commands::look(Sheet sheet) {
  for (Section& section : sheet.sections) {
    for (Row& row : section.rows)
      for (Cell& cell : row.cells) cell.text = harmless(cell.text);
  }
  if (const auto before = looked_at_.find(sheet.name); before != looked_at_.end())
    mark_changes(sheet, before->second);
  print_(as_json_ ? json(sheet) + "\n" : text(sheet, colour_));
  looked_at_[sheet.name] = std::move(sheet);
}

Sheet stop_sheet(const Stop& stop) {
  constexpr std::string_view kinds[] = {"step",        "breakpoint", "watchpoint", "event",
                                        "interrupted", "limit",      "ended",      "beginning"};
  Sheet sheet("stop");
  sheet.section("stop");
  if (!stop.text.empty()) sheet.row("why").word("why", stop.text);
  Row& where = sheet.row("where").word("where", stop.where);
  where.quiet("kind", kinds[static_cast<std::size_t>(stop.kind)]).quiet("cpu", stop.cpu);
  if (stop.breakpoint) where.quiet("breakpoint", stop.breakpoint);
  return sheet;
}

std::string help_of_commands() {
  std::string text;
  for (const Command& command : command_table()) {
    if (!command.act) {
      text += fmt::format("{}{}\n", text.empty() ? "" : "\n", command.name);
      continue;
    }
    text += fmt::format("  {:<34} {}\n", fmt::format("{} {}", command.name, command.arguments), command.help);
  }
  text += "\nhelp COMMAND shows an example; help expressions says what EXPR may be.\n";
  return text;
}

std::string help_of_command(std::string_view name) {
  if (name == "expressions" || name == "expression") {
    return "EXPR is of unsigned 64-bit values, with C's operators: || && | ^ & == != < <= > >= << >> + - * / "
           "% "
           "~ ! ( )\n"
           "  42 0x2a 2ah                      numbers\n"
           "  rax cr0.pg eflags.if cs.base     registers, and their bits and parts; $rax if a symbol is "
           "called so\n"
           "  msr.ia32_efer vmcs.GUEST_RIP     MSRs, fields of the current VMCS\n"
           "  count exits entries nonroot      instructions retired, VM exits, VM entries, 1 in a guest\n"
           "  [rsp+8] [rsp+8].4                memory at a linear address: 8 bytes, or .1 .2 .4 .8\n"
           "  guest[...] gpa[...] phys[...]    memory of the current VMCS's guest, guest-physical, "
           "host-physical\n"
           "  main xen!start                   symbols\n"
           "Example: break vm_exit if vmcs.EXIT_REASON == 48 && rax != 0\n";
  }
  const std::string whole = expand(name);
  std::string others;
  const Command* command = find_command(word_of(whole), others);
  if (!command) return {};
  std::string text = fmt::format("{} {}\n  {}\n", command->name, command->arguments, command->help);
  if (const std::string aliases = aliases_of(command->name); !aliases.empty())
    text += fmt::format("  also: {}\n", aliases);
  if (command->looks) text += "  -json behind it prints the same as JSON\n";
  return text + fmt::format("  example: {}\n", command->example);
}

}  // namespace ringside
