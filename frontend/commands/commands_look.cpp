// Owns the commands that look at the machine, and those that change a register or memory.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "frontend/inspect/backtrace.h"
#include "frontend/commands/commands_actions.h"
#include "frontend/inspect/disassembly.h"
#include "frontend/inspect/find_module.h"
#include "frontend/inspect/find_offset.h"
#include "frontend/inspect/look_branches.h"
#include "frontend/inspect/look_memory.h"
#include "frontend/inspect/look_paging.h"
#include "frontend/inspect/look_platform.h"
#include "frontend/inspect/look_registers.h"
#include "frontend/inspect/look_tables.h"
#include "frontend/inspect/look_vmcs.h"
#include "frontend/inspect/pending.h"
#include "frontend/inspect/sheet.h"
#include "frontend/inspect/vmcs_life.h"
#include "vmx/instruction_errors.h"
#include "vmx/rules.h"

namespace ringside::act {
namespace {

constexpr u64 most_units = 100'000;

// The current VMCS; nullptr: there is none, which is told.
const Vmcs* current(Commands& c) {
  const Cpu& cpu = c.debugger().cpu();
  if (cpu.vmx && cpu.vmx->current) return cpu.vmx->current;
  c.fail(cpu.vmx ? "this CPU has no current VMCS: there was no VMPTRLD yet" : "this CPU model has no VMX");
  return nullptr;
}

// Of one image, or of all if `name` is empty.
Sheet symbols_sheet(const Symbols& symbols, std::string_view name = {}) {
  Sheet sheet("symbols");
  sheet.section("images");
  if (symbols.empty()) sheet.row().say("no symbols are loaded; symbols FILE loads them");
  for (const Symbols::Image& image : symbols.images()) {
    if (!name.empty() && image.name != name) continue;
    Row& row = sheet.row().word("image", image.name, 16).say(" ").hex("low", image.low).say("-");
    row.hex("high", image.high).say(", ").count("symbols", image.symbols).say(" symbols");
    if (image.has_lines) row.say(", source lines").quiet("lines", 1);
    if (image.offset) row.say(", offset ").hex("offset", image.offset);
    if (image.world != World::any)
      row.say(", of the ").word("of", image.world == World::root ? "hypervisor" : "guest");
    row.say(", ").word("path", image.path);
    if (!image.debug_file.empty())
      sheet.row().say(fmt::format("{:<16} debugging information: ", "")).word("debug_file", image.debug_file);
  }
  return sheet;
}

struct Topic {
  std::string_view name;
  Sheet (*look)(Commands& c, const Cpu& cpu);
};
const Topic topics[] = {
    {"registers", [](Commands& c, const Cpu& cpu) { return registers_sheet(cpu, &c.symbols()); }},
    {"general", [](Commands& c, const Cpu& cpu) { return general_registers_sheet(cpu, &c.symbols()); }},
    {"control", [](Commands&, const Cpu& cpu) { return control_registers_sheet(cpu); }},
    {"segments", [](Commands&, const Cpu& cpu) { return segments_sheet(cpu); }},
    {"debug", [](Commands&, const Cpu& cpu) { return debug_registers_sheet(cpu); }},
    {"msrs", [](Commands&, const Cpu& cpu) { return msrs_sheet(cpu); }},
    {"x87", [](Commands&, const Cpu& cpu) { return x87_sheet(cpu); }},
    {"fpu", [](Commands&, const Cpu& cpu) { return x87_sheet(cpu); }},
    {"vector", [](Commands&, const Cpu& cpu) { return vector_sheet(cpu); }},
    {"all",
     [](Commands& c, const Cpu& cpu) {
       Sheet all = registers_sheet(cpu, &c.symbols());
       for (const Sheet& more : {msrs_sheet(cpu), x87_sheet(cpu), vector_sheet(cpu)}) all.add(more);
       return all;
     }},
    {"breakpoints", [](Commands& c, const Cpu&) { return breakpoints_sheet(c); }},
    {"cpus", [](Commands& c, const Cpu&) { return cpus_sheet(c); }},
    {"threads", [](Commands& c, const Cpu&) { return cpus_sheet(c); }},
    {"symbols", [](Commands& c, const Cpu&) { return symbols_sheet(c.symbols()); }},
    {"vmcs", [](Commands& c, const Cpu&) { return vmcs_life_sheet(c.debugger().machine(), &c.symbols()); }},
    {"gdt", [](Commands&, const Cpu& cpu) { return gdt_sheet(cpu); }},
    {"ldt", [](Commands&, const Cpu& cpu) { return ldt_sheet(cpu); }},
    {"idt", [](Commands& c, const Cpu& cpu) { return idt_sheet(cpu, &c.symbols()); }},
    {"tss", [](Commands&, const Cpu& cpu) { return tss_sheet(cpu); }},
    {"pages", [](Commands&, const Cpu& cpu) { return sheet(mapped_pages(cpu), "pages"); }},
    // QEMU's and Bochs' words for the same.
    {"mem", [](Commands&, const Cpu& cpu) { return sheet(mapped_pages(cpu), "pages"); }},
    {"tlb", [](Commands&, const Cpu& cpu) { return sheet(mapped_pages(cpu), "pages"); }},
    {"tab", [](Commands&, const Cpu& cpu) { return sheet(mapped_pages(cpu), "pages"); }},
    {"mtree", [](Commands& c, const Cpu&) { return memory_map_sheet(c.debugger().machine().memory()); }},
    {"cpu", [](Commands& c, const Cpu& cpu) { return registers_sheet(cpu, &c.symbols()); }},
    {"irq", [](Commands& c, const Cpu&) { return io_apic_sheet(c.debugger().machine().io_apic()); }},
    {"ept", [](Commands&, const Cpu& cpu) { return sheet(mapped_ept(cpu), "ept"); }},
    {"lbr", [](Commands& c, const Cpu& cpu) { return branches_sheet(cpu, &c.symbols()); }},
    {"mtrr", [](Commands&, const Cpu& cpu) { return mtrr_sheet(cpu); }},
    {"lapic", [](Commands& c,
                 const Cpu& cpu) { return local_apic_sheet(c.debugger().machine().local_apic(cpu.index)); }},
    {"ioapic", [](Commands& c, const Cpu&) { return io_apic_sheet(c.debugger().machine().io_apic()); }},
    {"memory", [](Commands& c, const Cpu&) { return memory_map_sheet(c.debugger().machine().memory()); }},
};

bool show_topic(Commands& c, std::string_view name) {
  if (name == "locals") return locals(c, {});
  const Topic* found = nullptr;
  for (const Topic& topic : topics) {
    if (topic.name == name) {
      found = &topic;
      break;
    }
    if (name.empty() || !topic.name.starts_with(name)) continue;
    if (!found) found = &topic;
  }
  if (!found)
    return c.fail(
        fmt::format("{}: nothing to tell of; help info and help registers list what there is", name));
  c.look(found->look(c, c.debugger().cpu()));
  return true;
}

}  // namespace

bool information(Commands& c, std::string_view arguments) {
  if (arguments.empty()) return help(c, "info");
  // "info registers rax", as gdb has it.
  std::string_view rest = arguments;
  const std::string_view first = next_word(rest);
  if (!rest.empty() && (first == "registers" || first == "reg" || first == "r")) return registers(c, rest);
  return show_topic(c, arguments);
}

bool registers(Commands& c, std::string_view arguments) {
  if (arguments.empty()) return show_topic(c, "registers");
  for (const Topic& topic : topics) {
    if (topic.name == arguments) return show_topic(c, arguments);
  }
  std::string error;
  if (const auto value = c.debugger().read_register(arguments)) {
    Sheet sheet("registers");
    sheet.row(arguments).say(arguments).say(" = ").hex("value", *value);
    c.look(std::move(sheet));
    return true;
  }
  return c.fail(fmt::format("{}: no such register", arguments));
}

bool set(Commands& c, std::string_view arguments) {
  // The first "=" that is not a part of a comparison.
  const std::size_t equals = arguments.find('=');
  if (equals == arguments.npos) return c.fail("set REGISTER = EXPR, or set [ADDRESS].SIZE = EXPR");
  std::string_view target = trimmed(arguments.substr(0, equals));
  const auto value = c.value(arguments.substr(equals + 1));
  if (!value) return false;
  if (target.find('[') == target.npos) {
    std::string why;
    return c.debugger().write_register(target, *value, why) || c.fail(why);
  }
  const std::size_t open = target.find('['), close = target.rfind(']');
  const std::string_view space = target.substr(0, open),
                         after = close == target.npos ? std::string_view() : target.substr(close + 1);
  if (close == target.npos || close < open) return c.fail("] is missing");
  const auto address = c.value(target.substr(open + 1, close - open - 1));
  if (!address) return false;
  Place place{AddressSpace::linear, *address};
  if (space == "guest")
    place.space = AddressSpace::guest_linear;
  else if (space == "gpa")
    place.space = AddressSpace::guest_physical;
  else if (space == "phys")
    place.space = AddressSpace::host_physical;
  else if (!space.empty())
    return c.fail(fmt::format("{}[...]: memory is [...], guest[...], gpa[...] or phys[...]", space));
  const std::size_t size = after == ".1" || after == ".b"                    ? 1
                           : after == ".2" || after == ".w"                  ? 2
                           : after == ".4" || after == ".d"                  ? 4
                           : after.empty() || after == ".8" || after == ".q" ? 8
                                                                             : 0;
  if (size == 0) return c.fail("after [...] a size is .1, .2, .4 or .8 (bytes)");
  if (size < 8 && *value >> (8 * size))
    return c.fail(fmt::format("{:#x} does not fit in {} bytes", *value, size));
  std::array<u8, 8> bytes{};
  for (unsigned n = 0; n < size; ++n) bytes[n] = static_cast<u8>(*value >> (8 * n));
  const std::size_t went = c.debugger().write(place, std::span(bytes).first(size));
  if (went == size) return true;
  std::string why = "no RAM is there";
  place.value += went;
  c.debugger().translate(place, &why);
  return c.fail(fmt::format("{:#x} cannot be written: {}", place.value, why));
}

namespace {

// In one of gdb's formats; empty: there is no such format.
std::string formatted(Commands& c, u64 value, char format, unsigned bytes = 8) {
  const unsigned shift = 64 - 8 * bytes;
  const s64 negative = static_cast<s64>(value << shift) >> shift;
  switch (format) {
    case 'x': return fmt::format("{:#x}", value);
    case 'z': return fmt::format("0x{:0{}x}", value, 2 * bytes);
    case 'd': return fmt::format("{}", negative);
    case 'u': return fmt::format("{}", value);
    case 'o': return fmt::format("{:#o}", value);
    case 't': return fmt::format("{:b}", value);
    case 'c': {
      const bool shown = value >= 0x20 && value < 0x7f;
      return fmt::format("{} '{}'", value & 0xff, shown ? static_cast<char>(value) : '?');
    }
    case 'a': {
      const std::string name = c.symbols().text(value, world_of(c.debugger().cpu()));
      return name.empty() ? fmt::format("{:#x}", value) : fmt::format("{:#x} <{}>", value, name);
    }
    default: return {};
  }
}

bool print_variable(Commands& c, std::string_view name) {
  for (const Symbols::Variable& one : variables(c)) {
    if (one.name != name) continue;
    Sheet sheet("value");
    sheet.row(one.name)
        .word("type", one.type)
        .say(" ")
        .word("variable", one.name)
        .say(" = ")
        .word("value", one.value);
    c.look(std::move(sheet));
    return true;
  }
  return false;
}

}  // namespace

bool print(Commands& c, std::string_view arguments) {
  char format = 0;
  if (arguments.starts_with('/')) {
    const std::string_view letters = next_word(arguments);
    format = letters.back();
    if (letters.size() != 2 || formatted(c, 0, format).empty())
      return c.fail(fmt::format("print{}: formats are x, z, d, u, o, t, c and a", letters));
  }
  // A variable of the function hides a symbol or a register, which $ names.
  if (!format && print_variable(c, arguments)) return true;
  const auto value = c.value(arguments);
  if (!value) return false;
  Sheet sheet("value");
  if (format) {
    sheet.row().number("value", *value, formatted(c, *value, format));
    c.look(std::move(sheet));
    return true;
  }
  Row& row = sheet.row().hex("value", *value).say(fmt::format(" = {}", *value));
  if (static_cast<s64>(*value) < 0) row.say(fmt::format(" = {}", static_cast<s64>(*value)));
  if (const std::string name = c.symbols().text(*value, world_of(c.debugger().cpu())); !name.empty())
    row.say(" <").word("symbol", name).to(Link::To::linear, *value).say(">");
  c.look(std::move(sheet));
  return true;
}

namespace {

struct Format {
  unsigned count = 1, size = 8;
  bool counted = false;
  char letter = 0;  // 0: plain words
};

std::optional<Format> parse_format(Commands& c, std::string_view text) {
  Format format;
  const auto refuse = [&](const std::string& why) {
    c.fail(why);
    return std::nullopt;
  };
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), format.count);
  format.counted = error == std::errc();
  if (error == std::errc::result_out_of_range || format.count > most_units)
    return refuse(fmt::format("x/{}: at most {} units", text, most_units));
  if (error != std::errc()) format.count = 1;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  for (const char letter : text) {
    switch (letter) {
      case 'b': format.size = 1; break;
      case 'h': format.size = 2; break;
      case 'w': format.size = 4; break;
      case 'g': format.size = 8; break;
      case 'c':
        format.size = 1;
        format.letter = 'c';
        break;
      case 'x': break;
      case 'd':
      case 'u':
      case 'o':
      case 't':
      case 'a':
      case 'z':
      case 's':
      case 'i': format.letter = letter; break;
      default:
        return refuse(fmt::format(
            "x/...{}: units are b, h, w, g (1, 2, 4, 8 bytes), formats x, z, d, u, o, t, c, a, s and i",
            letter));
    }
  }
  return format;
}

// Up to their zero, with a length that a terminal bears.
Sheet strings_sheet(const Cpu& cpu, Place place, unsigned count) {
  constexpr unsigned longest = 200;
  Sheet sheet("memory");
  sheet.section("strings");
  for (unsigned n = 0; n < count; ++n) {
    std::string text;
    bool whole = false;
    Row& row = sheet.row().number("address", place.value, fmt::format("{:#018x}", place.value)).say(": ");
    while (text.size() < longest && !whole) {
      const auto byte = peek_word(cpu, place.space, place.value, 1);
      if (!byte) {
        std::string why;
        locate(cpu, place.space, place.value, &why);
        row.word("unreadable", why);
        return sheet;
      }
      ++place.value;
      whole = *byte == 0;
      if (!whole) text += static_cast<char>(*byte);
    }
    row.say("\"").word("string", text).say(whole ? "\"" : "\"...");
  }
  return sheet;
}

Sheet formatted_sheet(Commands& c, Place place, const Format& format) {
  const Cpu& cpu = c.debugger().cpu();
  const unsigned a_line = format.letter == 'a' ? 1 : std::min(8u, 16 / format.size);
  Sheet sheet("memory");
  sheet.section("memory");
  for (unsigned n = 0; n < format.count; n += a_line) {
    Row& row = sheet.row().number("address", place.value, fmt::format("{:#018x}", place.value)).say(":");
    for (unsigned k = 0; k < std::min(a_line, format.count - n); ++k, place.value += format.size) {
      const auto value = peek_word(cpu, place.space, place.value, format.size);
      if (!value) {
        std::string why;
        locate(cpu, place.space, place.value, &why);
        row.say(" ").word("unreadable", why);
        return sheet;
      }
      row.say("  ").number(fmt::format("w{}", k), *value, formatted(c, *value, format.letter, format.size));
    }
  }
  return sheet;
}

}  // namespace

bool examine(Commands& c, std::string_view arguments) {
  // "xp /4wx 0x1000" of QEMU has its format behind the space.
  std::string_view rest = arguments;
  const std::string_view first = next_word(rest);
  std::string moved;
  if (!first.starts_with('/') && rest.starts_with('/')) {
    const std::string_view format = next_word(rest);
    moved = fmt::format("{} {} {}", format, first, rest);
    arguments = moved;
  }
  Format format;
  if (arguments.starts_with('/')) {
    const auto given = parse_format(c, next_word(arguments).substr(1));
    if (!given) return false;
    format = *given;
  }
  const Cpu& cpu = c.debugger().cpu();
  Place place{AddressSpace::linear, linear_rip(cpu)};
  if (!arguments.empty()) {
    const auto given = c.place(arguments);
    if (!given) return false;
    if (!arguments.empty()) return c.fail(fmt::format("{}: not understood after the address", arguments));
    place = *given;
  }
  if (!format.counted) format.count = format.letter == 'i' ? 10 : format.letter == 's' ? 1 : 16 / format.size;
  switch (format.letter) {
    case 'i':
      if (place.space != AddressSpace::linear) return c.fail("instructions are shown at linear addresses");
      c.look(disassembly_sheet(cpu, &c.symbols(), format.count, place.value));
      return true;
    case 's': c.look(strings_sheet(cpu, place, format.count)); return true;
    case 0:
      c.look(memory_sheet(cpu, place.space, place.value, format.count, format.size, &c.symbols()));
      return true;
    default: c.look(formatted_sheet(c, place, format)); return true;
  }
}

bool where(Commands& c, std::string_view) {
  Sheet sheet("where");
  sheet.row().word("where", c.debugger().where());
  c.look(std::move(sheet));
  return true;
}

bool pending(Commands& c, std::string_view arguments) {
  Machine& machine = c.debugger().machine();
  c.look(arguments == "all" ? pending_sheet(machine) : pending_sheet(machine, c.debugger().cpu().index));
  return true;
}

bool explain(Commands& c, std::string_view arguments) {
  if (arguments == "pending") return pending(c, {});
  const VmxEvent* last = c.debugger().last_vmx_event(c.debugger().selected());
  const Cpu& cpu = c.debugger().cpu();
  Sheet sheet("explanation");
  sheet.section("event");
  if (!last) {
    sheet.row().say(cpu.vmx ? "there was no VM entry and no VM exit on this CPU yet"
                            : "this CPU model has no VMX");
    c.look(std::move(sheet));
    return true;
  }
  switch (last->kind) {
    case VmxEvent::Kind::entered:
      sheet.row("entered")
          .say("the last event was a VM entry, at instruction ")
          .count("instruction", last->count);
      sheet.sections.back().rows.back().say("; before it:");
      sheet.add(last_exit_sheet(cpu, &c.symbols()));
      break;
    case VmxEvent::Kind::exited: sheet = last_exit_sheet(cpu, &c.symbols()); break;
    case VmxEvent::Kind::failed:
    case VmxEvent::Kind::faulted:
      sheet.row("failed").say("a VMX instruction failed, at instruction ").count("instruction", last->count);
      sheet.sections.back().rows.back().say(": ").word("words", last->words);
      break;
    case VmxEvent::Kind::refused: {
      Row& row = sheet.row("refused").say("the VM entry at instruction ").count("instruction", last->count);
      row.say(" was refused");
      if (last->exit)
        row.say(", with a VM exit, reason ").count("reason", static_cast<unsigned>(last->exit->reason));
      else
        row.say(": VMfailValid");
      sheet.add(last->broken);
      break;
    }
  }
  c.look(std::move(sheet));
  return true;
}

bool vmcs(Commands& c, std::string_view arguments) {
  Machine& machine = c.debugger().machine();
  const Cpu* cpu = &c.debugger().cpu();
  if (arguments == "list") {
    c.look(vmcs_life_sheet(machine, &c.symbols()));
    return true;
  }
  const Vmcs* v = nullptr;
  std::string_view rest = arguments;
  if (next_word(rest) == "at") {
    std::string error;
    const auto region = c.expressions().evaluate_first(rest, error);
    if (!region) return c.fail(error);
    const auto known = find_vmcs(machine, *region);
    if (!known) return c.fail(fmt::format("{:#x}: no CPU knew a VMCS here; vmcs list shows all", *region));
    cpu = known->cpu;
    v = known->vmcs;
    arguments = trimmed(rest);
  } else {
    v = current(c);
  }
  if (!v) return false;
  if (arguments == "check") {
    c.look(check_sheet(*cpu, *v, &c.symbols()));
    return true;
  }
  VmcsTextOptions options;
  options.symbols = &c.symbols();
  options.machine = &machine;
  for (const std::string_view area : {"controls", "host", "guest", "injection", "exit"}) {
    if (arguments == area) options.area = area;
  }
  if (arguments.empty() || !options.area.empty()) {
    c.look(vmcs_sheet(*cpu, *v, options));
    return true;
  }
  const std::vector<Field> fields = find_fields(arguments);
  if (fields.empty())
    return c.fail(
        fmt::format("{}: no field has this in its name; help vmcs lists what else there is", arguments));
  for (const Field field : fields) c.look(field_sheet(*cpu, *v, field, options));
  return true;
}

bool walk(Commands& c, std::string_view arguments) {
  const auto place = c.place(arguments);
  if (!place) return false;
  const Cpu& cpu = c.debugger().cpu();
  switch (place->space) {
    case AddressSpace::linear: c.look(walk_sheet(cpu, place->value)); return true;
    case AddressSpace::guest_linear: c.look(guest_walk_sheet(cpu, place->value)); return true;
    case AddressSpace::guest_physical: c.look(ept_walk_sheet(cpu, place->value)); return true;
    case AddressSpace::host_physical: break;
  }
  return c.fail("a host-physical address needs no walk");
}

bool disassemble(Commands& c, std::string_view arguments) {
  const Cpu& cpu = c.debugger().cpu();
  u64 address = linear_rip(cpu), count = 10;
  std::string error;
  if (!arguments.empty()) {
    const auto place = c.place(arguments);
    if (!place) return false;
    address = place->value;
  }
  if (!arguments.empty()) {
    const auto given = c.value(arguments);
    if (!given) return false;
    count = std::min(*given, most_units);
  }
  c.look(disassembly_sheet(cpu, &c.symbols(), static_cast<unsigned>(count), address));
  return true;
}

bool symbols(Commands& c, std::string_view arguments) {
  if (arguments.empty()) {
    c.look(symbols_sheet(c.symbols()));
    return true;
  }
  const std::string file(next_word(arguments));
  Symbols::Options options;
  bool find = false;
  while (!arguments.empty()) {
    const std::string_view word = next_word(arguments);
    if (word == "root") {
      options.world = World::root;
    } else if (word == "guest") {
      options.world = World::non_root;
    } else if (word == "find") {
      find = true;
    } else if (word == "as") {
      options.name = next_word(arguments);
      if (options.name.empty()) return c.fail("symbols FILE as NAME: the name is missing");
    } else {
      const auto offset = c.value(word);
      if (!offset) return false;
      options.offset = *offset;
    }
  }
  std::string why;
  if (find && options.world == World::root && c.debugger().cpu().non_root)
    return c.fail("a guest runs; the hypervisor's tables are there to look at once it has left: run-to exit");
  const std::string module = module_name(file);
  if (find && !module.empty()) {
    const auto sections = find_module(c.debugger().cpu(), c.symbols(), module, options.world, why);
    if (!sections) return c.fail(fmt::format("{}: {}", file, why));
    options.sections = *sections;
    options.offset = 0;
  }
  std::string name;
  if (!c.symbols().load(file, options, why, &name)) return c.fail(why);
  if (find && module.empty()) {
    const auto offset = find_offset(c.debugger().cpu(), c.symbols(), name, options.world, why);
    if (!offset)
      return c.fail(
          fmt::format("{}: loaded, but its offset is not found: {}; let the kernel boot further, or "
                      "give it",
                      file, why));
    c.symbols().set_offset(name, *offset);
    why = fmt::format("offset {:#x}: {}", *offset, why);
  }
  if (find) c.print(why);
  c.look(symbols_sheet(c.symbols(), name));
  return true;
}

bool backtrace(Commands& c, std::string_view) {
  c.look(backtrace_sheet(c.debugger().cpu(), c.symbols()));
  return true;
}

}  // namespace ringside::act
