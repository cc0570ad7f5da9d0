// Owns the command that asks who wrote something last.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "cpu/state/msrs.h"
#include "cpu/state/register_table.h"
#include "frontend/commands/commands_actions.h"
#include "frontend/debug/authors.h"
#include "frontend/inspect/look_vmcs.h"
#include "vmx/explain_walk.h"

namespace ringside::act {
namespace {

// As a number where it is one; longer ones byte by byte.
std::string value_text(const std::vector<u8>& bytes) {
  if (bytes.size() > sizeof(u64)) {
    std::string text;
    for (const u8 byte : bytes) text += fmt::format("{}{:02x}", text.empty() ? "" : " ", byte);
    return text;
  }
  u64 value = 0;
  for (std::size_t n = bytes.size(); n-- > 0;) value = value << 8 | bytes[n];
  return fmt::format("{:#x}", value);
}

void add_author(Sheet& sheet, const Author& author, u64 here) {
  Row& when = sheet.row("when").say("  written last at instruction ").count("count", author.count);
  when.say(fmt::format(", {} before here", here - author.count)).quiet("cpu", author.cpu);
  if (!author.act.empty()) sheet.row("act").say("  by ").word("act", author.act);
  if (!author.instruction.empty())
    sheet.row("instruction")
        .say(author.act.empty() ? "  by " : "  at ")
        .word("instruction", author.instruction);
  if (!author.where.empty()) sheet.row("where").say("  on ").word("where", author.where);
  if (!author.before.empty() || !author.after.empty())
    sheet.row("change")
        .say("  it was ")
        .word("before", value_text(author.before))
        .say(author.before == author.after ? ", and was made " : ", and became ")
        .word("after", value_text(author.after))
        .say(author.before == author.after ? " again" : "");
  sheet.row("goto").say(fmt::format("  goto {} goes there, before it", author.count));
}

// `what` is "rax", "8 bytes at phys 0x1000", ...
bool tell(Commands& c, Sheet& sheet, std::string_view what, const Authorship& answer) {
  if (!answer.why.empty() && !answer.author) return c.fail(fmt::format("who wrote {}: {}", what, answer.why));
  const Timeline& past = *c.debugger().timeline();
  sheet.row("what").word("what", what).say(" is ").word("value", value_text(answer.now));
  if (answer.author) {
    add_author(sheet, *answer.author, c.debugger().machine().retired());
    c.bookmarks()["author"] = answer.author->count;
  } else {
    sheet.row("when")
        .say("  nobody wrote it in the known past, which begins at instruction ")
        .count("since", past.begin());
  }
  return true;
}

bool told(Commands& c, std::string_view what, const Authorship& answer) {
  Sheet sheet("who");
  sheet.section("who");
  if (!tell(c, sheet, what, answer)) return false;
  c.look(std::move(sheet));
  return true;
}

bool of_register(Commands& c, Authors& authors, std::string_view name) {
  const auto answer = authors.of_register(name);
  if (!answer) return c.fail(fmt::format("{}: this CPU has no such register", name));
  return told(c, name, *answer);
}

bool of_field(Commands& c, Authors& authors, std::string_view name) {
  const std::vector<Field> fields = find_fields(name);
  if (name.empty() || fields.empty())
    return c.fail(fmt::format("{}: no field of the VMCS is called so", name));
  if (fields.size() > 1)
    return c.fail(fmt::format("{}: could be {}, {}{}", name, info(fields[0]).id, info(fields[1]).id,
                              fields.size() > 2 ? ", ..." : ""));
  const auto answer = authors.of_field(fields[0]);
  if (!answer) return c.fail("this CPU has no current VMCS: there was no VMPTRLD yet");
  return told(c, info(fields[0]).id, *answer);
}

std::string lower(std::string_view text) {
  std::string out;
  for (const char c : text) out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

// By its name, or its number, which is hexadecimal where a register of the debugger is named by it.
bool of_msr(Commands& c, Authors& authors, std::string_view name, bool hexadecimal = false) {
  const auto rows = msr_table();
  const auto row = std::find_if(rows.begin(), rows.end(),
                                [&](const MsrInfo& one) { return lower(one.name) == lower(name); });
  const std::string text = hexadecimal ? fmt::format("0x{}", name) : std::string(name);
  const auto number = row != rows.end() ? std::optional<u64>(row->number) : c.value(text);
  if (!number) return false;
  const auto answer = authors.of_msr(static_cast<u32>(*number));
  if (!answer || *number > ~u32{0}) return c.fail(fmt::format("{}: this CPU has no such MSR", name));
  const std::string_view known = msr_name(static_cast<u32>(*number));
  return told(c, known.empty() ? name : known, *answer);
}

std::string_view space_word(AddressSpace space) {
  switch (space) {
    case AddressSpace::linear: return "";
    case AddressSpace::guest_linear: return "guest ";
    case AddressSpace::guest_physical: return "gpa ";
    case AddressSpace::host_physical: return "phys ";
  }
  return "";
}

std::string memory_text(const Place& place, u64 bytes) {
  return fmt::format("{} byte{} at {}{:#x}", bytes, bytes == 1 ? "" : "s", space_word(place.space),
                     place.value);
}

bool of_memory(Commands& c, Authors& authors, const Place& place, u64 bytes) {
  std::string why;
  const auto answer = authors.of_memory(place, bytes, &why);
  if (!answer)
    return c.fail(fmt::format("{}{:#x} cannot be read: {}", space_word(place.space), place.value, why));
  return told(c, memory_text(place, bytes), *answer);
}

// "[EXPR]", "[EXPR].4", "[EXPR] BYTES", with guest, gpa or phys before it; or an address, a variable.
bool of_place(Commands& c, Authors& authors, std::string_view arguments) {
  std::string plain(arguments);
  const std::size_t open = plain.find('['), close = plain.rfind(']');
  const std::string_view before = trimmed(std::string_view(plain).substr(0, std::min(open, plain.size())));
  const bool brackets = open != plain.npos && close != plain.npos && open < close &&
                        (before.empty() || before == "guest" || before == "gpa" || before == "phys");
  if (brackets) {
    std::string_view after = std::string_view(plain).substr(close + 1);
    if (after.starts_with('.')) after.remove_prefix(1);
    plain = fmt::format("{} ({}) {}", before, plain.substr(open + 1, close - open - 1), trimmed(after));
  }
  std::string_view rest = plain;
  std::optional<u64> storage;
  const auto place = c.place(rest, &storage);
  if (!place) return false;
  u64 bytes = std::clamp<u64>(storage.value_or(8), 1, page_bytes);
  if (!rest.empty()) {
    const auto given = c.value(rest);
    if (!given) return false;
    bytes = *given;
  }
  if (bytes < 1 || bytes > page_bytes)
    return c.fail(fmt::format("{} bytes: give between 1 and {}", bytes, page_bytes));
  return of_memory(c, authors, *place, bytes);
}

// The entry that ends the walk maps the address, or fails to; "all": those above it, too.
bool of_entry(Commands& c, Authors& authors, const ExplainedWalk& walk, AddressSpace space, u64 bytes,
              bool second_stage, bool all) {
  std::vector<ExplainedStep> steps;
  for (const ExplainedStep& step : walk.steps)
    if (step.second_stage == second_stage) steps.push_back(step);
  if (steps.empty()) return c.fail(walk.conclusion.empty() ? "no entry maps it" : walk.conclusion);
  Sheet sheet("who");
  for (const ExplainedStep& step : steps) {
    const bool last = &step == &steps.back();
    sheet.section(step.name);
    sheet.row("entry").word("entry", fmt::format("{} at {}{:#x}: {:#x}, {}", step.name, space_word(space),
                                                 step.at, step.entry, step.meaning));
    if (!last && !all) continue;
    const auto answer = authors.of_memory({space, step.at}, bytes);
    if (!answer || !tell(c, sheet, step.name, *answer)) return false;
  }
  if (walk.failed) sheet.row("conclusion").word("conclusion", walk.conclusion);
  c.look(std::move(sheet));
  return true;
}

bool ends_with_all(std::string_view& arguments) {
  if (!arguments.ends_with(" all")) return false;
  arguments = trimmed(arguments.substr(0, arguments.size() - 4));
  return true;
}

bool of_ept_entry(Commands& c, Authors& authors, std::string_view arguments) {
  const bool all = ends_with_all(arguments);
  const Cpu& cpu = c.debugger().cpu();
  if (!cpu.vmx || !cpu.vmx->current) return c.fail("this CPU has no current VMCS: there was no VMPTRLD yet");
  const auto address = c.value(arguments);
  if (!address) return false;
  const ExplainedWalk walk = explain_ept_walk(cpu, *cpu.vmx->current, GuestPhys(*address), AccessKind::read);
  return of_entry(c, authors, walk, AddressSpace::host_physical, 8, true, all);
}

bool of_page_entry(Commands& c, Authors& authors, std::string_view arguments) {
  const bool all = ends_with_all(arguments);
  const Cpu& cpu = c.debugger().cpu();
  const auto place = c.place(arguments);
  if (!place || !takes_nothing(c, arguments)) return false;
  const bool guest = place->space == AddressSpace::guest_linear && !cpu.non_root;
  if (place->space != AddressSpace::linear && place->space != AddressSpace::guest_linear)
    return c.fail("who pte ADDRESS: page tables map linear addresses; who ept GPA asks for EPT's");
  if (guest && (!cpu.vmx || !cpu.vmx->current))
    return c.fail("this CPU has no current VMCS: there was no VMPTRLD yet");
  const ExplainedWalk walk =
      guest ? explain_guest_walk(cpu, *cpu.vmx->current, LinAddr(place->value), {AccessKind::read, false})
            : explain_walk(cpu.mmu, LinAddr(place->value), {AccessKind::read, false});
  const bool translated = guest || cpu.non_root;
  // "32-Bit Paging" has entries of 4 bytes.
  const bool wide = (guest ? (*cpu.vmx->current)[Field::GUEST_CR4] : cpu.cr4) & Cr4::PAE;
  return of_entry(c, authors, walk, translated ? AddressSpace::guest_physical : AddressSpace::host_physical,
                  wide ? 8 : 4, false, all);
}

}  // namespace

bool who(Commands& c, std::string_view arguments) {
  if (!c.debugger().timeline())
    return c.fail("nobody keeps this machine's past; ringside debug does, without --past off");
  if (arguments.empty())
    return c.fail("who X: a register, [ADDRESS], a variable, vmcs FIELD, msr NAME, ept GPA, pte ADDRESS");
  Authors authors(c.debugger(), &c.symbols());
  std::string_view rest = arguments;
  const std::string_view word = next_word(rest);
  if (word == "vmcs") return of_field(c, authors, rest);
  if (word == "msr") return of_msr(c, authors, rest);
  if (word == "ept") return of_ept_entry(c, authors, rest);
  if (word == "pte") return of_page_entry(c, authors, rest);
  if (word.starts_with("vmcs.")) return of_field(c, authors, word.substr(5));
  if (word.starts_with("msr.")) return of_msr(c, authors, word.substr(4), true);
  if (rest.empty() && find_register(word.starts_with('$') ? word.substr(1) : word))
    return of_register(c, authors, word);
  return of_place(c, authors, arguments);
}

}  // namespace ringside::act
