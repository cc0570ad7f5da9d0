// Owns the comparison of two machines that should do the same.
#include "frontend/differ/lockstep.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>

#include "frontend/debug/debugger.h"
#include "frontend/differ/named_fields.h"
#include "frontend/inspect/disassembly.h"
#include "frontend/inspect/where.h"

namespace ringside {
namespace {

constexpr u64 first_interval = 100'000, longest_interval = 6'400'000;

// A reset by the guest is a part of the run.
void run_machine(Machine& machine, u64 instructions) {
  const u64 last = machine.retired() + instructions;
  std::string error;
  while (machine.retired() < last) {
    const Ending ending = machine.run(last - machine.retired());
    if (ending.why == Ending::Why::running) continue;
    if (ending.why != Ending::Why::reset || !machine.perform_reset(error)) return;
  }
}

class Lockstep {
 public:
  Lockstep(Side& one, Side& other, const std::function<bool()>& goes_on)
      : sides_{&one, &other}, goes_on_(goes_on) {
    for (Side* side : sides_) {
      if (!side->run) side->run = [side](u64 instructions) { run_machine(side->machine, instructions); };
    }
  }

  // False: they part, and both stand where they were the same for the last time.
  bool run(u64 most) {
    u64 interval = first_interval;
    const u64 first = retired();
    while (retired() - first < most && (!goes_on_ || goes_on_())) {
      save();
      const u64 before = retired(), wanted = std::min(interval, most - (before - first));
      advance(wanted);
      if (!alike()) {
        go_back(wanted);
        return false;
      }
      if (retired() - before < wanted) return true;  // both have ended
      interval = std::min(interval * 2, longest_interval);
    }
    return true;
  }
  u64 retired() const { return sides_[0]->machine.retired(); }
  void advance(u64 instructions) {
    for (Side* side : sides_) side->run(instructions);
  }

 private:
  bool alike() const {
    Machine &a = sides_[0]->machine, &b = sides_[1]->machine;
    return a.retired() == b.retired() && a.ending().why == b.ending().why && a.state_hash() == b.state_hash();
  }
  void save() {
    for (unsigned n = 0; n < 2; ++n) saved_[n] = sides_[n]->machine.save();
  }
  void restore() {
    std::string error;
    for (unsigned n = 0; n < 2; ++n) sides_[n]->machine.restore(saved_[n], error);
  }
  // They differ `apart` instructions behind what is saved: the last place where they do not is found by
  // halves.
  void go_back(u64 apart) {
    u64 same = 0;
    while (apart - same > 1) {
      const u64 half = (apart - same) / 2;
      restore();
      advance(half);
      if (alike()) {
        save();
        same += half;
      } else {
        apart = same + half;
      }
    }
    restore();
  }

  std::array<Side*, 2> sides_;
  const std::function<bool()>& goes_on_;
  std::array<std::vector<u8>, 2> saved_;
};

// -- What differs.

class Values {
 public:
  void add(std::string what, std::string one, std::string other) {
    if (one == other) return;
    if (parting_.values.size() >= Parting::most_values)
      ++parting_.more_values;
    else
      parting_.values.push_back({std::move(what), std::move(one), std::move(other)});
  }
  void add(std::string what, u64 one, u64 other) {
    if (one != other) add(std::move(what), fmt::format("{:#x}", one), fmt::format("{:#x}", other));
  }
  explicit Values(Parting& parting) : parting_(parting) {}

 private:
  Parting& parting_;
};

void compare_registers(Machine& one, Machine& other, Values& values) {
  Debugger a(one), b(other);
  for (unsigned n = 0; n < one.cpus(); ++n) {
    a.select(n);
    b.select(n);
    for (const std::string& name : Debugger::register_names()) {
      const auto left = a.read_register(name), right = b.read_register(name);
      if (left && right) values.add(fmt::format("CPU {} {}", n, name), *left, *right);
    }
  }
}

void compare_memory(Machine& one, Machine& other, Values& values) {
  std::map<u64, std::vector<u8>> pages;
  const auto gather = [&](HostPhys page, const u8* bytes) {
    pages[page.value].assign(bytes, bytes + page_bytes);
  };
  one.memory().for_each_written_page(gather);
  const std::vector<u8> empty(page_bytes);
  const auto compare = [&](u64 page, const u8* left, const u8* right) {
    for (u64 at = 0; at < page_bytes; ++at)
      values.add(fmt::format("host-physical {:#x}", page + at), left[at], right[at]);
  };
  other.memory().for_each_written_page([&](HostPhys page, const u8* bytes) {
    const auto known = pages.find(page.value);
    compare(page.value, known == pages.end() ? empty.data() : known->second.data(), bytes);
    if (known != pages.end()) pages.erase(known);
  });
  for (const auto& [page, bytes] : pages) compare(page, bytes.data(), empty.data());
}

void compare_fields(Machine& one, Machine& other, Values& values) {
  NamedFields a, b;
  one.fields(a);
  other.fields(b);
  for (std::size_t n = 0; n < std::min(a.rows.size(), b.rows.size()); ++n)
    values.add("state " + a.rows[n].first, a.rows[n].second, b.rows[n].second);
  values.add("fields of the state", a.rows.size(), b.rows.size());
}

}  // namespace

Comparison run_in_lockstep(Side one, Side other, u64 most, const Symbols* symbols,
                           const std::function<bool()>& goes_on) {
  Lockstep both(one, other, goes_on);
  Comparison result;
  const u64 first = both.retired();
  const bool same = both.run(most);
  result.instructions = both.retired() - first;
  if (same) {
    result.ending = one.machine.ending().reason;
    return result;
  }
  Parting& parting = result.parting.emplace();
  parting.alike = both.retired();
  parting.cpu = one.machine.turn();
  const Cpu& cpu = one.machine.cpu(parting.cpu);
  parting.where = where_line(cpu, symbols);
  const DisassembledInstruction next = next_instruction(cpu, symbols);
  parting.instruction = next.mnemonic + (next.operands.empty() ? "" : " " + next.operands);
  parting.mnemonic = manual_title(next.mnemonic);
  both.advance(1);
  Values values(parting);
  values.add("instructions", one.machine.retired(), other.machine.retired());
  values.add("the machine's end", one.machine.ending().reason, other.machine.ending().reason);
  compare_registers(one.machine, other.machine, values);
  compare_memory(one.machine, other.machine, values);
  if (parting.values.empty()) compare_fields(one.machine, other.machine, values);
  return result;
}

namespace {

void add_remarks(Sheet& sheet, const Comparison& comparison) {
  for (const std::string& remark : comparison.remarks) sheet.row("remark").say("  ").word("remark", remark);
}

}  // namespace

std::string manual_title(std::string_view mnemonic) {
  if (mnemonic.starts_with('(')) return {};
  for (const std::string_view prefix : {"lock ", "repne ", "repe ", "rep "})
    if (mnemonic.starts_with(prefix)) mnemonic.remove_prefix(prefix.size());
  if (mnemonic == "ljmp" || mnemonic == "lcall") mnemonic.remove_prefix(1);
  if (mnemonic.starts_with('j') && mnemonic != "jmp") return "Jcc";
  if (mnemonic.starts_with("cmov")) return "CMOVcc";
  if (mnemonic.starts_with("set") && mnemonic != "setssbsy") return "SETcc";
  for (const std::string_view string : {"movs", "stos", "lods", "scas", "cmps", "ins", "outs"}) {
    const std::string_view width = mnemonic.substr(std::min(string.size(), mnemonic.size()));
    if (mnemonic.starts_with(string) && width.size() == 1 &&
        std::string_view("bwdq").find(width) != width.npos)
      mnemonic = string;
  }
  std::string title(mnemonic);
  for (char& c : title) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return title;
}

Sheet comparison_sheet(const Comparison& comparison, std::string_view one, std::string_view other) {
  Sheet sheet("differ");
  sheet.section("comparison");
  if (!comparison.parting) {
    Row& row =
        sheet.row("alike").word("one", one).say(" and ").word("other", other).say(" did the same for ");
    row.count("instructions", comparison.instructions).say(" " + comparison.unit);
    if (!comparison.ending.empty()) row.say(", to the end: ").word("ending", comparison.ending);
    add_remarks(sheet, comparison);
    return sheet;
  }
  const Parting& parting = *comparison.parting;
  sheet.row("parting")
      .word("one", one)
      .say(" and ")
      .word("other", other)
      .say(" part at instruction ")
      .count("instruction", parting.alike + 1)
      .say(" of all CPUs; they were the same after ")
      .count("alike", parting.alike);
  sheet.row("where").say("  ").word("where", parting.where);
  Row& what = sheet.row("instruction").say("  instruction: ").word("instruction", parting.instruction);
  if (!parting.mnemonic.empty())
    what.say("   (the manual's volume 2, ").word("title", parting.mnemonic).say(")");
  for (const DifferentValue& value : parting.values) {
    sheet.row("value")
        .say("  ")
        .word("what", value.what)
        .say(": ")
        .word("first", value.one)
        .say(fmt::format(" on {}, ", one))
        .word("second", value.other)
        .say(fmt::format(" on {}", other));
  }
  if (parting.more_values)
    sheet.row("more").say("  and ").count("more", parting.more_values).say(" values more");
  add_remarks(sheet, comparison);
  return sheet;
}

}  // namespace ringside
