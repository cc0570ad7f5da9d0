// Owns the commands that go back.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cpu/exec/engine/run.h"
#include "frontend/commands/commands_actions.h"
#include "frontend/debug/mapping.h"

namespace ringside::act {
namespace {

// nullptr, which was told: nobody keeps the past.
Timeline* past_of(Commands& c) {
  if (Timeline* const past = c.debugger().timeline()) return past;
  c.fail("nobody keeps this machine's past; ringside debug does, without --past off");
  return nullptr;
}

bool same_line(const std::optional<Symbols::Line>& a, const std::optional<Symbols::Line>& b) {
  return a && b && a->line == b->line && a->file == b->file;
}

// To the beginning of the line before, as it ran last. Where no line is known it is one instruction.
Stop one_line_back(Commands& c, bool over) {
  constexpr unsigned most_instructions = 1'000'000;
  Debugger& d = c.debugger();
  const auto back = [&] { return over ? d.reverse_over() : d.reverse_step(); };
  const auto from = line_here(c);
  Stop stop = back();
  // In the middle of a line its beginning is the goal.
  const auto line = line_here(c);
  if (stop.kind != Stop::Kind::step || !from || !line) return stop;
  for (unsigned n = 0; n < most_instructions; ++n) {
    const u64 here = d.machine().retired();
    const Stop next = back();
    if (next.kind != Stop::Kind::step) return next;
    if (!same_line(line_here(c), line)) return d.go_to(here);
    stop = next;
  }
  return stop;
}

template <class Once>
bool repeated(Commands& c, std::string_view arguments, Once once) {
  if (!past_of(c)) return false;
  const auto n = count_of(c, arguments);
  if (!n) return false;
  Stop stop = c.debugger().here();
  for (u64 done = 0; done < *n; ++done) {
    stop = once();
    if (stop.kind != Stop::Kind::step) break;
  }
  return stopped(c, stop);
}

}  // namespace

bool reverse_step(Commands& c, std::string_view arguments) {
  return repeated(c, arguments, [&] { return one_line_back(c, false); });
}

bool reverse_next(Commands& c, std::string_view arguments) {
  return repeated(c, arguments, [&] { return one_line_back(c, true); });
}

bool reverse_step_instruction(Commands& c, std::string_view arguments) {
  if (!past_of(c)) return false;
  const auto n = count_of(c, arguments);
  return n && stopped(c, c.debugger().reverse_step(*n));
}

bool reverse_next_instruction(Commands& c, std::string_view arguments) {
  return repeated(c, arguments, [&] { return c.debugger().reverse_over(); });
}

bool reverse_finish(Commands& c, std::string_view arguments) {
  return past_of(c) && takes_nothing(c, arguments) && stopped(c, c.debugger().reverse_out());
}

bool reverse_continue(Commands& c, std::string_view arguments) {
  return past_of(c) && takes_nothing(c, arguments) && stopped(c, c.debugger().reverse());
}

bool reverse_to(Commands& c, std::string_view arguments) {
  if (!past_of(c)) return false;
  if (const auto event = event_named(arguments)) return stopped(c, c.debugger().reverse_to(*event));
  const auto place = c.place(arguments);
  return place && takes_nothing(c, arguments) && stopped(c, c.debugger().reverse_until(*place));
}

bool go_to(Commands& c, std::string_view arguments) {
  Debugger& d = c.debugger();
  const Timeline* const past = past_of(c);
  if (!past) return false;
  const u64 here = d.machine().retired();
  if (arguments == "end") return stopped(c, d.go_to(past->end().retired));
  if (arguments == "start") return stopped(c, d.go_to(past->begin()));
  if (const auto mark = c.bookmarks().find(arguments); mark != c.bookmarks().end())
    return stopped(c, d.go_to(mark->second));
  std::string_view number = arguments;
  const std::string_view word = next_word(number);
  if ((word == "exit" || word == "entry") && !number.empty()) {
    const RunTo event = word == "exit" ? RunTo::vm_exit : RunTo::vm_entry;
    const bool back = number.front() == '-';
    const auto wanted = c.value(back ? number.substr(1) : number);
    if (!wanted) return false;
    if (!back) return stopped(c, d.go_to_event(event, *wanted));
    constexpr u64 most = 100'000;
    const auto met = d.last_events(event, std::min(*wanted, most));
    if (*wanted == 0 || met.size() < *wanted)
      return c.fail(
          fmt::format("goto {}: there were {} of them before here in the known past", arguments, met.size()));
    return stopped(c, d.go_to(met.front().count));
  }
  const char sign = arguments.empty() ? ' ' : arguments.front();
  const bool relative = sign == '-' || sign == '+';
  const auto n = c.value(relative ? arguments.substr(1) : arguments);
  if (!n) return false;
  const u64 there = sign == '-' ? here - std::min(*n, here) : sign == '+' ? here + *n : *n;
  return stopped(c, d.go_to(there));
}

Sheet bookmarks_sheet(Commands& c) {
  Sheet sheet("bookmarks");
  sheet.section("bookmarks");
  for (const auto& [name, count] : c.bookmarks())
    sheet.row("bookmark").word("name", name).say("  instruction ").count("count", count);
  if (c.bookmarks().empty()) sheet.row().say("no moment has a name; bookmark NAME gives this one");
  return sheet;
}

bool bookmark(Commands& c, std::string_view arguments) {
  if (arguments.empty()) {
    c.look(bookmarks_sheet(c));
    return true;
  }
  const std::string_view word = next_word(arguments);
  if (word == "delete" && !arguments.empty()) {
    const auto mark = c.bookmarks().find(arguments);
    if (mark == c.bookmarks().end()) return c.fail(fmt::format("{}: no moment has this name", arguments));
    c.bookmarks().erase(mark);
    return true;
  }
  constexpr std::array<std::string_view, 7> others = {"start",  "end",    "exit", "entry",
                                                      "delete", "author", "first"};
  const bool taken = std::find(others.begin(), others.end(), word) != others.end();
  const bool number = word.find_first_of("0123456789+-") == 0;
  if (taken || number || !arguments.empty())
    return c.fail(fmt::format(
        "{}: goto has its own meaning for this; a name is one word that begins with a letter", word));
  const u64 here = c.debugger().machine().retired();
  c.bookmarks()[std::string(word)] = here;
  c.print(fmt::format("{} is instruction {}; goto {} leads here", word, here, word));
  return true;
}

bool last_exits(Commands& c, std::string_view arguments) {
  if (!past_of(c)) return false;
  constexpr std::size_t most = 100'000, usual = 10;
  const auto n = arguments.empty() ? std::optional<u64>(usual) : count_of(c, arguments);
  if (!n) return false;
  Sheet sheet("last_exits");
  sheet.section("last_exits");
  for (const Debugger::Met& met : c.debugger().last_events(RunTo::vm_exit, std::min<u64>(*n, most)))
    sheet.row("exit")
        .count("count", met.count, 12)
        .say("  CPU ")
        .count("cpu", met.stop.cpu)
        .say("  ")
        .word("text", met.stop.text);
  if (sheet.sections[0].rows.empty()) sheet.row().say("no VM exit in the known past before here");
  c.look(std::move(sheet));
  return true;
}

namespace {

// What the stop says of the access, without the name of the breakpoint.
std::string access_text(const Debugger::Met& met) {
  const std::size_t named = met.stop.text.find(": ");
  return named == std::string::npos ? met.stop.text : met.stop.text.substr(named + 2);
}

void say_first(Commands& c, std::string_view what, const Debugger::Met& met, bool access) {
  c.bookmarks()["first"] = met.count;
  c.print(fmt::format("first {} at instruction {}{}{}\ngoto first goes there, before it", what, met.count,
                      access ? ": " : "", access ? access_text(met) : ""));
}

bool mapped(Commands& c, const Place& place) {
  std::string why;
  const auto found = when_mapped(c.debugger(), place, why);
  if (!found) return c.fail(why);
  c.print(fmt::format("through {} it is {}mapped", found->through, found->is_now ? "" : "not "));
  if (!found->why.empty()) return c.fail(found->why);
  if (found->always)
    c.print("it was mapped where the known past begins");
  else if (found->first)
    say_first(c, "mapped", *found->first, true);
  else
    c.print("it was never mapped in the known past");
  if (found->last && (found->always || found->last->count != found->first->count))
    c.print(fmt::format("mapped again last before here at instruction {}: {}", found->last->count,
                        access_text(*found->last)));
  return true;
}

}  // namespace

bool when(Commands& c, std::string_view arguments) {
  if (!past_of(c)) return false;
  std::string_view rest = arguments;
  const std::string_view word = next_word(rest);
  const bool runs = word == "executed", writes = word == "written", maps = word == "mapped";
  if (!runs && !writes && !maps && word != "touched")
    return c.fail("when touched ADDRESS, when written, when executed, or when mapped ADDRESS");
  auto place = c.place(rest);
  if (!place || !takes_nothing(c, rest)) return false;
  if (maps) return mapped(c, *place);
  Breakpoint point;
  point.at = *place;
  if (!runs) {
    // The page, by whatever address: it is looked for where it lies now.
    std::string why;
    const auto frame = c.debugger().translate(*place, &why);
    if (!frame) return c.fail(why);
    point.kind = Breakpoint::Kind::watch;
    point.at = {AddressSpace::host_physical, frame->value & ~(page_bytes - 1)};
    point.bytes = page_bytes;
    point.on_write = true;
    point.on_read = !writes;
  }
  const Timeline& past = *c.debugger().timeline();
  const auto met = c.debugger().first_met(point, past.begin());
  if (c.debugger().take_interrupt()) return c.fail("broken off: it was not looked through to the end");
  if (met)
    say_first(c, word, *met, !runs);
  else
    c.print(fmt::format("not {} by an instruction in the known past, which begins at instruction {}", word,
                        past.begin()));
  return true;
}

Sheet past_sheet(Commands& c) {
  Sheet sheet("past");
  sheet.section("past");
  const Timeline* const past = c.debugger().timeline();
  if (!past) {
    sheet.row().say("nobody keeps this machine's past").quiet("kept", 0);
    return sheet;
  }
  const Timeline::Use use = past->use();
  sheet.row("span")
      .say("known from instruction ")
      .count("begin", past->begin())
      .say(" to ")
      .count("end", past->end().retired)
      .say("; the machine is at ")
      .count("here", c.debugger().machine().retired())
      .say(past->in_past() ? "" : ", the present");
  sheet.row("checkpoints")
      .count("checkpoints", use.checkpoints)
      .say(" checkpoints, about ")
      .count("mib", use.bytes >> 20)
      .say(" MiB; running took ")
      .word("seconds", fmt::format("{:.2f}", use.seconds))
      .say(" s of CPU time, taking them ")
      .word("taking", fmt::format("{:.2f}", use.taking))
      .say(" s");
  return sheet;
}

}  // namespace ringside::act
