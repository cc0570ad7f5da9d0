// Owns the commands that look at the machine.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "frontend/inspect/backtrace.h"
#include "frontend/commands/commands_actions.h"
#include "frontend/inspect/disassembly.h"
#include "frontend/inspect/fault_chain.h"
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
Sheet all_registers(Commands& c, const Cpu& cpu) {
  Sheet all = registers_sheet(cpu, &c.symbols());
  for (const Sheet& more : {msrs_sheet(cpu), x87_sheet(cpu), vector_sheet(cpu)}) all.add(more);
  return all;
}

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
    {"all", all_registers},
    {"breakpoints", [](Commands& c, const Cpu&) { return breakpoints_sheet(c); }},
    {"bookmarks", [](Commands& c, const Cpu&) { return bookmarks_sheet(c); }},
    {"past", [](Commands& c, const Cpu&) { return past_sheet(c); }},
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
    {"irq",
     [](Commands& c, const Cpu&) {
       Sheet both = pic_sheet(c.debugger().machine().pic());
       both.add(io_apic_sheet(c.debugger().machine().io_apic()));
       return both;
     }},
    {"pic", [](Commands& c, const Cpu&) { return pic_sheet(c.debugger().machine().pic()); }},
    {"devices", [](Commands& c, const Cpu&) { return devices_sheet(c.debugger().machine()); }},
    {"qtree", [](Commands& c, const Cpu&) { return devices_sheet(c.debugger().machine()); }},
    {"qdm", [](Commands& c, const Cpu&) { return devices_sheet(c.debugger().machine()); }},
    {"pci", [](Commands& c, const Cpu&) { return devices_sheet(c.debugger().machine()); }},
    {"all-registers", all_registers},
    {"watchpoints", [](Commands& c, const Cpu&) { return breakpoints_sheet(c); }},
    {"cr", [](Commands&, const Cpu& cpu) { return control_registers_sheet(cpu); }},
    {"creg", [](Commands&, const Cpu& cpu) { return control_registers_sheet(cpu); }},
    {"sreg", [](Commands&, const Cpu& cpu) { return segments_sheet(cpu); }},
    {"dr", [](Commands&, const Cpu& cpu) { return debug_registers_sheet(cpu); }},
    {"eflags", [](Commands& c, const Cpu& cpu) { return general_registers_sheet(cpu, &c.symbols()); }},
    {"flags", [](Commands& c, const Cpu& cpu) { return general_registers_sheet(cpu, &c.symbols()); }},
    {"mmx", [](Commands&, const Cpu& cpu) { return x87_sheet(cpu); }},
    {"float", [](Commands&, const Cpu& cpu) { return x87_sheet(cpu); }},
    {"sse", [](Commands&, const Cpu& cpu) { return vector_sheet(cpu); }},
    {"ymm", [](Commands&, const Cpu& cpu) { return vector_sheet(cpu); }},
    {"ivt", [](Commands& c, const Cpu& cpu) { return idt_sheet(cpu, &c.symbols()); }},
    {"roms", [](Commands& c, const Cpu&) { return memory_map_sheet(c.debugger().machine().memory()); }},
    {"ept", [](Commands&, const Cpu& cpu) { return sheet(mapped_ept(cpu), "ept"); }},
    {"lbr", [](Commands& c, const Cpu& cpu) { return branches_sheet(cpu, &c.symbols()); }},
    {"mtrr", [](Commands&, const Cpu& cpu) { return mtrr_sheet(cpu); }},
    {"lapic", [](Commands& c,
                 const Cpu& cpu) { return local_apic_sheet(c.debugger().machine().local_apic(cpu.index)); }},
    {"ioapic", [](Commands& c, const Cpu&) { return io_apic_sheet(c.debugger().machine().io_apic()); }},
    {"memory", [](Commands& c, const Cpu&) { return memory_map_sheet(c.debugger().machine().memory()); }},
};

// Other debuggers' words for what is a command here.
struct Shortcut {
  std::string_view name;
  bool (*act)(Commands& c, std::string_view arguments);
};
constexpr Shortcut shortcuts[] = {{"locals", locals},   {"args", locals},     {"frame", frame},
                                  {"stack", backtrace}, {"display", display}, {"status", where},
                                  {"program", where}};

bool show_topic(Commands& c, std::string_view name) {
  for (const Shortcut& one : shortcuts) {
    if (one.name == name) return one.act(c, {});
  }
  const Topic* found = nullptr;
  for (const Topic& topic : topics) {
    if (topic.name == name) {
      found = &topic;
      break;
    }
    if (name.empty() || !topic.name.starts_with(name)) continue;
    if (!found) found = &topic;
  }
  if (!found) {
    if (const auto instead = foreign_word(fmt::format("info {}", name)); !instead.empty())
      return c.fail(fmt::format("info {}: not here; {}", name, instead));
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
  // "i /x 0x3f8" of QEMU reads a port.
  if (arguments.starts_with('/')) {
    return c.fail(fmt::format(
        "info {}: a port that is read may answer only once; catch port stops at the guest's accesses",
        arguments));
  }
  // A range behind a table, as Bochs has it: all of it is shown.
  if (!rest.empty() && (first == "gdt" || first == "ldt" || first == "idt")) return show_topic(c, first);
  return show_topic(c, arguments);
}

bool registers(Commands& c, std::string_view arguments) {
  if (arguments.empty()) return show_topic(c, "registers");
  for (const Topic& topic : topics) {
    if (topic.name == arguments) return show_topic(c, arguments);
  }
  Sheet sheet("registers");
  while (!arguments.empty()) {
    const std::string_view name = next_word(arguments);
    const auto value = c.debugger().read_register(name);
    if (!value) return c.fail(fmt::format("{}: no such register", name));
    sheet.row(name).say(name).say(" = ").hex("value", *value);
  }
  c.look(std::move(sheet));
  return true;
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
  if (const Sheet chain = shutdown_sheet(cpu, &c.symbols()); !chain.sections.empty()) {
    c.look(chain);
    return true;
  }
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
    case VmxEvent::Kind::exited:
      // After VMXOFF the CPU knows of none.
      sheet = cpu.vmx->exit_count || !last->exit ? last_exit_sheet(cpu, &c.symbols())
                                                 : former_exit_sheet(*last->exit, last->count);
      break;
    case VmxEvent::Kind::failed:
    case VmxEvent::Kind::faulted:
      sheet.row("failed").say("a VMX instruction failed, at instruction ").count("instruction", last->count);
      sheet.sections.back().rows.back().say(": ").word("words", last->words);
      sheet.add(last->broken);
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
    c.look(check_sheet(*cpu, *v, &c.symbols(), &c.debugger().writers()));
    return true;
  }
  VmcsTextOptions options;
  options.symbols = &c.symbols();
  options.machine = &machine;
  options.callers = &c.debugger().writers();
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

// By which gdb loads the same file to the same place.
static std::string gdb_command(const std::string& file, const Symbols::Options& options) {
  if (options.sections.empty()) return fmt::format("add-symbol-file {} -o {:#x}", file, options.offset);
  std::string command = "add-symbol-file " + file;
  for (const Symbols::Section& section : options.sections)
    if (section.name != ".symtab" && section.name != ".strtab")
      command += fmt::format(" -s {} {:#x}", section.name, section.address);
  // The kernel has given it back; gdb would take it to be at 0, where a guest may run.
  constexpr u64 nowhere = 0xffff'ffff'ffff'0000;
  return command + fmt::format(" -s .init.text {:#x}", nowhere);
}

bool symbols(Commands& c, std::string_view arguments) {
  if (arguments.empty()) {
    c.look(symbols_sheet(c.symbols()));
    return true;
  }
  const std::string file(next_word(arguments));
  Symbols::Options options;
  bool find = false, gdb = false;
  while (!arguments.empty()) {
    const std::string_view word = next_word(arguments);
    if (word == "root") {
      options.world = World::root;
    } else if (word == "guest") {
      options.world = World::non_root;
    } else if (word == "find") {
      find = true;
    } else if (word == "gdb") {
      gdb = true;
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
    options.offset = *offset;
    why = fmt::format("offset {:#x}: {}", *offset, why);
  }
  if (gdb) {
    c.print(gdb_command(file, options));
    return true;
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
