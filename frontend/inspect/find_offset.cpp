// Owns the evidence for load offsets.
#include "frontend/inspect/find_offset.h"

#include <fmt/format.h>

#include "frontend/inspect/look_memory.h"
#include "vmx/vmx.h"

namespace ringside {
namespace {

// Handlers by the names that kernels give them: Linux of several ages, Xen.
struct KnownGate {
  unsigned vector;
  std::string_view symbol;
};
constexpr KnownGate handlers[] = {
    {3, "asm_exc_int3"},
    {3, "int3"},
    {3, "entry_BP"},
    {6, "asm_exc_invalid_op"},
    {6, "invalid_op"},
    {6, "entry_UD"},
    {13, "asm_exc_general_protection"},
    {13, "general_protection"},
    {13, "entry_GP"},
    {14, "asm_exc_page_fault"},
    {14, "page_fault"},
    {14, "entry_PF"},
};
constexpr std::string_view system_calls[] = {"entry_SYSCALL_64", "system_call"};

// Whose tables: the CPU's, or the guest's in the current VMCS.
struct EventTables {
  u64 idt = 0;
  u32 limit = 0;
  bool long_mode = false;
  AddressSpace space = AddressSpace::linear;
};

std::optional<EventTables> tables_of(const Cpu& cpu, World world) {
  if (world != World::non_root || cpu.non_root)
    return EventTables{cpu.idtr.base, cpu.idtr.limit, cpu.mode.long_mode, AddressSpace::linear};
  if (!cpu.vmx || !cpu.vmx->current) return std::nullopt;
  const Vmcs& vmcs = *cpu.vmx->current;
  return EventTables{vmcs[Field::GUEST_IDTR_BASE], static_cast<u32>(vmcs[Field::GUEST_IDTR_LIMIT]),
                     (vmcs[Field::VM_ENTRY_CONTROLS] & mask(VmxControl::ia32e_mode_guest)) != 0,
                     AddressSpace::guest_linear};
}

std::optional<u64> gate(const Cpu& cpu, const EventTables& tables, unsigned vector) {
  const unsigned size = tables.long_mode ? 16 : 8;
  if (size * vector + size - 1 > tables.limit) return std::nullopt;
  const u64 at = tables.idt + u64{size} * vector;
  const auto low = peek_word(cpu, tables.space, at, 8);
  const auto high = tables.long_mode ? peek_word(cpu, tables.space, at + 8, 4) : 0;
  if (!low || !high || !(*low & bit(47))) return std::nullopt;
  return (*low & 0xffff) | (*low >> 48 << 16) | (*high << 32);
}

}  // namespace

std::optional<u64> find_offset(const Cpu& cpu, const Symbols& symbols, std::string_view image, World world,
                               std::string& why) {
  bool loaded = false;
  for (const Symbols::Image& one : symbols.images()) loaded |= one.name == image;
  if (!loaded) {
    why = fmt::format("no image {} is loaded", image);
    return std::nullopt;
  }
  const auto tables = tables_of(cpu, world);
  if (!tables) {
    why = "there is no guest: the CPU has no current VMCS";
    return std::nullopt;
  }
  std::optional<u64> offset;
  std::string evidence;
  bool agree = true, known = false;
  const auto compare = [&](std::string_view symbol, std::optional<u64> address, std::string_view place) {
    if (!address || *address == 0) return;
    const auto found = symbols.offset_for(image, symbol, *address);
    if (!found) return;
    if (offset && *offset != *found) agree = false;
    offset = found;
    evidence += fmt::format("{}{} is {} at {:#x}", evidence.empty() ? "" : ", ", place, symbol, *address);
  };
  for (const KnownGate& handler : handlers) {
    known |= symbols.offset_for(image, handler.symbol, 0).has_value();
    compare(handler.symbol, gate(cpu, *tables, handler.vector), fmt::format("gate {}", handler.vector));
  }
  // Hypervisors load it late: once a guest has run it may be either one's, and gates know better.
  const bool shared = cpu.vmx && cpu.vmx->current && cpu.vmx->current->entries != 0;
  for (const std::string_view symbol : system_calls) {
    known |= symbols.offset_for(image, symbol, 0).has_value();
    // No VM exit saves IA32_LSTAR: whose it is while the hypervisor runs, nobody can say.
    if (tables->space != AddressSpace::linear) continue;
    if (shared && offset && symbols.offset_for(image, symbol, cpu.msr.lstar) != offset) continue;
    compare(symbol, cpu.msr.lstar, "IA32_LSTAR");
  }
  if (!known) {
    why = fmt::format("{} has none of the symbols that the tables of a kernel point at", image);
  } else if (!offset) {
    why = "the CPU's tables do not lead into a kernel yet";
  } else if (!agree) {
    why = "the CPU's tables disagree: " + evidence;
  } else if (*offset % page_bytes != 0) {
    why = fmt::format("not the same kernel, or too early: {}, which would be an offset of {:#x}", evidence,
                      *offset);
  } else {
    why = evidence;
    return offset;
  }
  return std::nullopt;
}

}  // namespace ringside
