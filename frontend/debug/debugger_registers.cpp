// Owns registers by name: what an expression, "set" and the gdb stub call them. Those of the CPU come from
// its table (cpu/state/register_table.h), MSRs and fields of the VMCS from theirs.
#include <fmt/format.h>

#include <cctype>
#include <charconv>

#include "cpu/exec/engine/run.h"
#include "cpu/exec/system/control_registers.h"
#include "cpu/state/msrs.h"
#include "cpu/state/register_table.h"
#include "frontend/debug/debugger_impl.h"
#include "frontend/inspect/look_memory.h"

namespace ringside {
namespace {

struct Reference {
  std::function<u64(const Cpu&)> read;
  // Empty: it cannot be written. False: not with this value.
  std::function<bool(Cpu&, u64)> write;
};

// Numbers that are no registers, but that expressions ask for.
struct Counter {
  std::string_view name;
  u64 (*read)(const Cpu&);
};
constexpr Counter counters[] = {{"pc", linear_rip},  // gdb's: where code lies, also where CS has a base
                                {"cpu", [](const Cpu& c) -> u64 { return c.index; }},
                                {"nonroot", [](const Cpu& c) -> u64 { return c.non_root; }},
                                {"count", [](const Cpu& c) { return retired(c); }}};

std::string lower(std::string_view text) {
  std::string out;
  for (const char c : text) out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

bool write_by_rule(Cpu& cpu, RegisterRule rule, u64 value) {
  // A write that the processor's own rules refuse leaves a fault behind, which nobody is to meet.
  const Fault fault = cpu.fault;
  const ChainEnd left = cpu.chain_end;
  bool good = false;
  switch (rule) {
    case RegisterRule::none: break;
    case RegisterRule::cr0: good = write_cr0(cpu, value); break;
    case RegisterRule::cr3: good = write_cr3(cpu, value); break;
    case RegisterRule::cr4: good = write_cr4(cpu, value); break;
    case RegisterRule::cr8: good = write_cr8(cpu, value); break;
    case RegisterRule::xcr0: good = write_xcr(cpu, 0, value); break;
  }
  cpu.fault = fault;
  cpu.chain_end = left;
  return good;
}

std::optional<Reference> cpu_register(std::string_view name) {
  const auto part = find_register(name);
  if (!part) {
    for (const Counter& counter : counters)
      if (counter.name == name) return Reference{counter.read, {}};
    return std::nullopt;
  }
  Reference found{[=](const Cpu& c) { return part->read(c); }, {}};
  if (part->whole->can_be_set()) {
    found.write = [=](Cpu& c, u64 value) {
      if (value & ~part->mask()) return false;
      const u64 word = part->merged(c, value);
      const RegisterInfo& whole = *part->whole;
      return whole.set ? whole.set(c, whole, part->low / 64, word) : write_by_rule(c, whole.rule, word);
    };
  }
  return found;
}

std::optional<Reference> msr_register(std::string_view name) {
  if (!name.starts_with("msr.")) return std::nullopt;
  name.remove_prefix(4);
  u32 number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number, 16);
  const bool by_number = error == std::errc() && end == name.data() + name.size();
  const std::size_t dot = name.find('.');
  const MsrInfo* known = nullptr;
  for (const MsrInfo& row : msr_table()) {
    if (by_number ? row.number == number : lower(row.name) == name.substr(0, dot)) known = &row;
  }
  if (!known) return std::nullopt;
  u64 mask = ~u64{0};
  unsigned low = 0;
  if (dot != name.npos) {
    const auto bits = std::find_if(known->bits.begin(), known->bits.end(), [&](const BitField& row) {
      return lower(row.name) == name.substr(dot + 1);
    });
    if (bits == known->bits.end()) return std::nullopt;
    mask = bits->mask();
    low = bits->low;
  }
  return Reference{[=](const Cpu& c) { return (peek_msr(c, *known).value_or(0) & mask) >> low; },
                   [=](Cpu& c, u64 value) {
                     if (value & ~(mask >> low)) return false;
                     const u64 kept = mask == ~u64{0} ? 0 : peek_msr(c, *known).value_or(0) & ~mask;
                     return write_msr(c, known->number, kept | value << low, c.rip);
                   }};
}

std::optional<Reference> vmcs_register(std::string_view name) {
  if (!name.starts_with("vmcs.")) return std::nullopt;
  const auto field = find_field_by_id(name.substr(5));
  if (!field) return std::nullopt;
  return Reference{[=](const Cpu& c) { return c.vmx && c.vmx->current ? (*c.vmx->current)[*field] : 0; },
                   [=](Cpu& c, u64 value) {
                     if (!c.vmx || !c.vmx->current || value & ~info(*field).value_mask()) return false;
                     c.vmx->current->dirty.add(*field);
                     c.vmx->current->set(*field, value);
                     return true;
                   }};
}

std::optional<Reference> resolve(std::string_view asked) {
  std::string name = lower(asked);
  if (name.starts_with('$')) name.erase(0, 1);
  for (const auto find : {cpu_register, msr_register, vmcs_register}) {
    if (auto found = find(name)) return found;
  }
  return std::nullopt;
}

}  // namespace

std::optional<u64> Debugger::read_register(std::string_view name) const {
  const Impl::PerCpu& own = impl_->cpus[impl_->selected];
  if (name == "exits") return own.exits;
  if (name == "entries") return own.entries;
  const auto found = resolve(name);
  if (!found) return std::nullopt;
  return found->read(impl_->machine.cpu(impl_->selected));
}

bool Debugger::write_register(std::string_view name, u64 value, std::string& why) {
  if (!set_register(name, value, why)) return false;
  impl_->note(RegisterWritten{impl_->selected, std::string(name), value});
  return true;
}

bool Debugger::write_again(const Happening& what) {
  if (const auto* const memory = std::get_if<MemoryWritten>(&what))
    return write({AddressSpace::host_physical, memory->at.value}, memory->bytes) == memory->bytes.size();
  const auto* const written = std::get_if<RegisterWritten>(&what);
  const unsigned before = selected();
  std::string why;
  const bool good =
      written != nullptr && select(written->cpu) && write_register(written->name, written->value, why);
  select(before);
  return good;
}

bool Debugger::set_register(std::string_view name, u64 value, std::string& why) {
  const auto found = resolve(name);
  if (!found) {
    why = fmt::format("{}: no such register", name);
    return false;
  }
  if (!found->write) {
    why = fmt::format("{} cannot be set", name);
    return false;
  }
  if (found->write(cpu(), value)) return true;
  why = fmt::format("{} cannot be {:#x}: the processor would refuse it", name, value);
  return false;
}

std::vector<std::string> Debugger::register_names() {
  std::vector<std::string> names = ringside::register_names();
  for (const Counter& counter : counters) names.emplace_back(counter.name);
  for (const std::string_view name : {"exits", "entries"}) names.emplace_back(name);
  return names;
}

}  // namespace ringside
