// Owns the commands that set, list and change breakpoints.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "cpu/state/msrs.h"
#include "frontend/commands/commands_actions.h"
#include "vmx/explain_exit.h"
#include "vmx/instruction_errors.h"

namespace ringside::act {
namespace {

// Reads "[cpu N] [if EXPR]", which every breakpoint may end with; nothing else may be left.
bool read_tail(Commands& c, std::string_view rest, Breakpoint& b) {
  rest = trimmed(rest);
  if (rest.starts_with("cpu ")) {
    next_word(rest);
    const auto n = c.value(next_word(rest));
    if (!n) return false;
    if (*n >= c.debugger().machine().cpus()) return c.fail(fmt::format("there is no CPU {}", *n));
    b.cpu = static_cast<unsigned>(*n);
  }
  if (rest.empty()) return true;
  if (next_word(rest) != "if" || rest.empty()) return c.fail("what may follow is: cpu NUMBER, if EXPRESSION");
  // Read once now: a slip is told at once, not when the breakpoint is met. What cannot be read yet may be
  // later.
  std::string error;
  c.expressions().evaluate(rest, error);
  if (!error.empty() && error.find("cannot be read") == error.npos) return c.fail(error);
  b.condition = rest;
  return true;
}

bool is_tail(std::string_view text) {
  return text.empty() || text.starts_with("if ") || text.starts_with("cpu ");
}

bool add(Commands& c, Breakpoint b) {
  const unsigned id = c.debugger().add(std::move(b));
  const Breakpoint& added = *c.debugger().find(id);
  std::string text =
      fmt::format("{}breakpoint {}: {}", added.temporary ? "temporary " : "", id, describe(added));
  if (added.kind == Breakpoint::Kind::execute) {
    if (const std::string name = c.symbols().text(added.at.value); !name.empty())
      text += fmt::format(" <{}>", name);
  }
  c.print(text);
  return true;
}

bool set_execute(Commands& c, std::string_view arguments, bool temporary) {
  Breakpoint b;
  b.text = arguments;
  b.temporary = temporary;
  // As gdb: without an address the present instruction.
  if (is_tail(arguments)) return c.fail("break ADDRESS: an address is missing");
  const auto place = c.place(arguments);
  if (!place) return false;
  b.at = *place;
  return read_tail(c, arguments, b) && add(c, std::move(b));
}

bool watch(Commands& c, std::string_view arguments, bool reads, bool writes) {
  Breakpoint b;
  b.kind = Breakpoint::Kind::watch;
  b.text = arguments;
  b.on_read = reads;
  b.on_write = writes;
  b.bytes = 8;
  // "watch r 0x1000" and "watch w 0x1000" of Bochs.
  std::string_view rest = arguments;
  const std::string_view first = next_word(rest);
  if (!is_tail(rest) && (first == "r" || first == "read" || first == "w" || first == "write")) {
    b.on_read = first.starts_with('r');
    b.on_write = !b.on_read;
    arguments = rest;
  }
  std::optional<u64> storage;
  const auto place = c.place(arguments, &storage);
  if (!place) return false;
  b.at = *place;
  if (storage) b.bytes = std::clamp<u64>(*storage, 1, page_bytes);
  if (!is_tail(arguments)) {
    std::string error;
    const auto bytes = c.expressions().evaluate_first(arguments, error);
    if (!bytes) return c.fail(error);
    if (*bytes < 1 || *bytes > page_bytes)
      return c.fail(fmt::format("{} bytes: give between 1 and {}", *bytes, page_bytes));
    b.bytes = *bytes;
  }
  return read_tail(c, arguments, b) && add(c, std::move(b));
}

// Letters and digits, in lower case.
std::string plain(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::isalnum(static_cast<unsigned char>(c)))
      out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return out;
}

// A number, or the name of an exit reason or a part of it that no other has: "ept-violation", "cpuid".
std::optional<u64> exit_reason(Commands& c, std::string_view word) {
  const std::string wanted = plain(word);
  std::vector<u64> found;
  for (unsigned n = 0; n < exit_reason_limit; ++n) {
    const std::string known = plain(name(static_cast<ExitReason>(n)));
    if (known == wanted) return n;
    if (known != "reserved" && known.find(wanted) != known.npos) found.push_back(n);
  }
  if (found.size() == 1) return found[0];
  if (!found.empty() && !std::isdigit(static_cast<unsigned char>(word[0]))) {
    c.fail(fmt::format("{}: {} exit reasons have this in their name; give the number or more of it", word,
                       found.size()));
    return std::nullopt;
  }
  const auto number = c.value(word);
  if (number && *number >= exit_reason_limit) {
    c.fail(fmt::format("{}: exit reasons are below {}", *number, exit_reason_limit));
    return std::nullopt;
  }
  return number;
}

// "14", "pf", "#PF".
std::optional<u64> vector(Commands& c, std::string_view word) {
  const std::string wanted = plain(word);
  for (unsigned n = 0; n < 32; ++n) {
    if (plain(vector_text(n, true)) == wanted) return n;
  }
  const auto number = c.value(word);
  if (number && *number > 255) {
    c.fail(fmt::format("{}: vectors are 0 to 255", *number));
    return std::nullopt;
  }
  return number;
}

// "invalid", "fault", or a VM-instruction error.
std::optional<u64> vm_failure(Commands& c, std::string_view word) {
  if (word == "invalid") return 0;
  if (word == "fault") return Breakpoint::vm_fault;
  const auto number = c.value(word);
  if (number &&
      (*number == 0 || *number > 63 || instruction_error_name(static_cast<u32>(*number)) == "reserved")) {
    c.fail(fmt::format("{}: no VM-instruction error has this number; or write invalid, or fault", *number));
    return std::nullopt;
  }
  return number;
}

// "[FIRST [LAST]]" into number and last; without FIRST any.
bool range(Commands& c, std::string_view& rest, Breakpoint& b, u64 most) {
  b.any = is_tail(rest);
  if (b.any) return true;
  std::string error;
  const auto first = c.expressions().evaluate_first(rest, error);
  if (!first) return c.fail(error);
  b.number = b.last = *first;
  if (!is_tail(rest)) {
    const auto last = c.expressions().evaluate_first(rest, error);
    if (!last) return c.fail(error);
    b.last = *last;
  }
  if (b.last < b.number || b.last > most)
    return c.fail(fmt::format("{:#x} to {:#x}: no range up to {:#x}", b.number, b.last, most));
  return true;
}

// "[r|w]" before what follows.
void directions(std::string_view& rest, Breakpoint& b) {
  b.on_read = b.on_write = true;
  std::string_view after = rest;
  const std::string_view word = next_word(after);
  if (word != "r" && word != "w" && word != "rw") return;
  b.on_read = word != "w";
  b.on_write = word != "r";
  rest = after;
}

// An id at the beginning of `text`.
Breakpoint* identified(Commands& c, std::string_view& text) {
  const std::string_view word = next_word(text);
  if (word.empty()) {
    c.fail("the number of a breakpoint is missing; info breakpoints lists them");
    return nullptr;
  }
  const auto id = c.value(word);
  if (!id) return nullptr;
  Breakpoint* b = *id <= ~0u ? c.debugger().find(static_cast<unsigned>(*id)) : nullptr;
  if (!b) c.fail(fmt::format("there is no breakpoint {}; info breakpoints lists them", *id));
  return b;
}

// `change` for each id, or for all.
template <class Change>
bool for_each(Commands& c, std::string_view ids, Change change) {
  if (ids.empty()) {
    std::vector<unsigned> all;
    for (const Breakpoint& b : c.debugger().breakpoints()) all.push_back(b.id);
    for (const unsigned id : all) change(*c.debugger().find(id));
    return true;
  }
  while (!ids.empty()) {
    Breakpoint* b = identified(c, ids);
    if (!b) return false;
    change(*b);
  }
  return true;
}

}  // namespace

bool set_breakpoint(Commands& c, std::string_view arguments) { return set_execute(c, arguments, false); }
bool set_temporary(Commands& c, std::string_view arguments) { return set_execute(c, arguments, true); }
bool watch_writes(Commands& c, std::string_view arguments) { return watch(c, arguments, false, true); }
bool watch_reads(Commands& c, std::string_view arguments) { return watch(c, arguments, true, false); }
bool watch_accesses(Commands& c, std::string_view arguments) { return watch(c, arguments, true, true); }

bool catch_event(Commands& c, std::string_view arguments) {
  using Kind = Breakpoint::Kind;
  Breakpoint b;
  b.text = arguments;
  const std::string_view what = next_word(arguments);
  b.any = is_tail(arguments);
  std::optional<u64> number = 0;
  if (what == "exit") {
    b.kind = Kind::exit_reason;
    if (!b.any) number = exit_reason(c, next_word(arguments));
  } else if (what == "refused" || what == "failed-entry") {
    b.kind = Kind::failed_entry;
  } else if (what == "vmwrite") {
    b.kind = Kind::vmwrite;
    if (!b.any) {
      const std::string_view word = next_word(arguments);
      const auto field = find_field_by_id(word);
      if (!field) return c.fail(fmt::format("{}: no such field; vmcs lists them", word));
      number = info(*field).encoding;
    }
  } else if (what == "ept") {
    b.kind = Kind::ept_violation;
    if (!range(c, arguments, b, ~u64{0})) return false;
    number = b.number;
  } else if (what == "vmfail") {
    b.kind = Kind::vm_failure;
    if (!b.any) number = vm_failure(c, next_word(arguments));
  } else if (what == "msr") {
    b.kind = Kind::msr;
    directions(arguments, b);
    b.any = is_tail(arguments);
    if (!b.any) {
      const std::string_view word = next_word(arguments);
      const auto known = std::find_if(msr_table().begin(), msr_table().end(),
                                      [&](const MsrInfo& row) { return plain(row.name) == plain(word); });
      number = known != msr_table().end() ? known->number : c.value(word);
    }
  } else if (what == "port") {
    b.kind = Kind::port;
    directions(arguments, b);
    if (!range(c, arguments, b, 0xffff)) return false;
    number = b.number;
  } else if (what == "exception" || what == "interrupt") {
    b.kind = what == "exception" ? Kind::exception : Kind::interrupt;
    if (!b.any) number = vector(c, next_word(arguments));
  } else {
    return c.fail(
        fmt::format("catch {}: it is exit, refused, vmfail, vmwrite, ept, msr, port, exception or interrupt; "
                    "see help catch",
                    what));
  }
  if (!number) return false;
  b.number = *number;
  return read_tail(c, arguments, b) && add(c, std::move(b));
}

bool condition(Commands& c, std::string_view arguments) {
  Breakpoint* b = identified(c, arguments);
  if (!b) return false;
  if (arguments.empty()) {
    b->condition.clear();
    return true;
  }
  Breakpoint read;
  if (!read_tail(c, fmt::format("if {}", arguments), read)) return false;
  b->condition = read.condition;
  return true;
}

bool ignore(Commands& c, std::string_view arguments) {
  Breakpoint* b = identified(c, arguments);
  if (!b) return false;
  const auto count = c.value(arguments);
  if (!count) return false;
  b->ignore = *count;
  return true;
}

bool enable(Commands& c, std::string_view arguments) {
  return for_each(c, arguments, [](Breakpoint& b) { b.enabled = true; });
}
bool disable(Commands& c, std::string_view arguments) {
  return for_each(c, arguments, [](Breakpoint& b) { b.enabled = false; });
}
bool remove(Commands& c, std::string_view arguments) {
  return for_each(c, arguments, [&](Breakpoint& b) { c.debugger().remove(b.id); });
}

Sheet breakpoints_sheet(Commands& c) {
  Sheet sheet("breakpoints");
  sheet.section("breakpoints");
  if (c.debugger().breakpoints().empty()) sheet.row().say("there are no breakpoints");
  for (const Breakpoint& b : c.debugger().breakpoints()) {
    Row& row = sheet.row().count("id", b.id, -3).say("  ");
    if (!b.enabled) row.say("disabled, ").quiet("disabled", 1);
    if (b.temporary) row.say("temporary, ").quiet("temporary", 1);
    row.word("breakpoint", describe(b)).say(", ").count("hits", b.hits).say(b.hits == 1 ? " hit" : " hits");
    if (b.kind == Breakpoint::Kind::execute) {
      row.quiet("address", b.at.value);
      if (const std::string name = c.symbols().text(b.at.value); !name.empty())
        row.say(" <").word("symbol", name).say(">");
    }
    if (b.cpu) row.say(", only on CPU ").count("cpu", *b.cpu);
    if (!b.condition.empty()) row.say(", if ").word("condition", b.condition);
    if (b.ignore) row.say(", passes over the next ").count("ignore", b.ignore);
  }
  return sheet;
}

bool list_breakpoints(Commands& c) {
  c.look(breakpoints_sheet(c));
  return true;
}

}  // namespace ringside::act
