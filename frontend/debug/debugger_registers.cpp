// Owns registers by name: what an expression, "set" and the gdb stub call them.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "cpu/exec/engine/run.h"
#include "cpu/exec/system/control_registers.h"
#include "cpu/state/msrs.h"
#include "frontend/debug/debugger_impl.h"

namespace ringside {
namespace {

struct Reference {
  std::function<u64(Cpu&)> read;
  // Empty: it cannot be written. False: not with this value.
  std::function<bool(Cpu&, u64)> write;
};

constexpr std::array<std::string_view, 16> gpr64 = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                                    "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
constexpr std::array<std::string_view, 8> gpr16 = {"ax", "cx", "dx", "bx", "sp", "bp", "si", "di"};
constexpr std::array<std::string_view, 8> gpr8 = {"al", "cl", "dl", "bl", "ah", "ch", "dh", "bh"};
constexpr std::array<std::string_view, 8> segments = {"es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr"};

struct Bit {
  std::string_view group, name;
  unsigned number;
};
constexpr Bit bits[] = {
#define BIT(group, number, name) {#group, name, number},
#include "vmx/field_bits.inc"
#undef BIT
};

std::string lower(std::string_view text) {
  std::string out;
  for (const char c : text) out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

Reference part_of_gpr(unsigned number, unsigned shift, u64 mask, bool extends) {
  return {[=](Cpu& c) { return c.gpr[number] >> shift & mask; },
          [=](Cpu& c, u64 value) {
            if (value & ~mask) return false;
            const u64 kept = extends ? 0 : c.gpr[number] & ~(mask << shift);
            c.gpr[number] = kept | value << shift;
            return true;
          }};
}

std::optional<Reference> general_register(std::string_view name) {
  for (unsigned n = 0; n < 16; ++n) {
    if (name == gpr64[n]) return part_of_gpr(n, 0, ~u64{0}, false);
    if (n < 8 && name.size() == 3 && name[0] == 'e' && name.substr(1) == gpr16[n])
      return part_of_gpr(n, 0, 0xffffffff, true);
    if (n < 8 && name == gpr16[n]) return part_of_gpr(n, 0, 0xffff, false);
    if (n < 8 && name == gpr8[n]) return part_of_gpr(n & 3, n < 4 ? 0 : 8, 0xff, false);
    if (n < 8) continue;
    if (name == fmt::format("{}d", gpr64[n])) return part_of_gpr(n, 0, 0xffffffff, true);
    if (name == fmt::format("{}w", gpr64[n])) return part_of_gpr(n, 0, 0xffff, false);
    if (name == fmt::format("{}b", gpr64[n])) return part_of_gpr(n, 0, 0xff, false);
  }
  return std::nullopt;
}

// A write that the processor's own rules may refuse.
template <class Write>
Reference control(std::function<u64(Cpu&)> read, Write write) {
  return {std::move(read), [=](Cpu& c, u64 value) {
            const Fault fault = c.fault;
            const Left left = c.left;
            const bool good = write(c, value);
            c.fault = fault;
            c.left = left;
            return good;
          }};
}

Reference debug_register(unsigned n) {
  return {[=](Cpu& c) { return c.dr[n]; },
          [=](Cpu& c, u64 value) {
            c.dr[n] = value;
            c.update_debug();
            return true;
          }};
}

std::optional<Reference> system_register(std::string_view name) {
  if (name == "rip" || name == "eip" || name == "ip" || name == "pc")
    return Reference{[](Cpu& c) { return c.rip; },
                     [](Cpu& c, u64 value) {
                       if (c.mode.bits64 ? !c.mmu.canonical(value) : value > 0xffffffff) return false;
                       c.rip = c.next_rip = value;
                       return true;
                     }};
  if (name == "rflags" || name == "eflags" || name == "flags")
    return Reference{[](Cpu& c) { return c.eflags(); },
                     [](Cpu& c, u64 value) {
                       // Virtual-8086 mode goes with segments that a debugger does not load.
                       if ((value ^ c.eflags()) & (Eflags::VM | ~u64{0x3fffff})) return false;
                       c.set_eflags(value, 0x3fffff);
                       return true;
                     }};
  if (name == "cr0") return control([](Cpu& c) { return c.cr0; }, write_cr0);
  if (name == "cr2")
    return Reference{[](Cpu& c) { return c.cr2; },
                     [](Cpu& c, u64 value) {
                       c.cr2 = value;
                       return true;
                     }};
  if (name == "cr3") return control([](Cpu& c) { return c.cr3; }, write_cr3);
  if (name == "cr4") return control([](Cpu& c) { return c.cr4; }, write_cr4);
  if (name == "cr8") return control([](Cpu& c) { return read_control_register(c, 8); }, write_cr8);
  if (name == "xcr0")
    return control([](Cpu& c) { return c.xcr0; }, [](Cpu& c, u64 value) { return write_xcr(c, 0, value); });
  if (name == "efer")
    return Reference{[](Cpu& c) { return c.efer; },
                     [](Cpu& c, u64 value) { return write_msr(c, msr_number::IA32_EFER, value, c.rip); }};
  if (name.size() == 3 && name.starts_with("dr") && name[2] >= '0' && name[2] <= '3')
    return debug_register(static_cast<unsigned>(name[2] - '0'));
  if (name == "dr6")
    return Reference{[](Cpu& c) { return c.dr6; },
                     [](Cpu& c, u64 value) {
                       c.dr6 = (value & 0xffffffff) | Dr6::fixed_one;
                       return true;
                     }};
  if (name == "dr7")
    return Reference{[](Cpu& c) { return c.dr7; },
                     [](Cpu& c, u64 value) {
                       c.dr7 = (value & 0xffff2fff) | Dr7::fixed_one;
                       c.update_debug();
                       return true;
                     }};
  if (name == "gdtr.base") return Reference{[](Cpu& c) { return c.gdtr.base; }, {}};
  if (name == "gdtr.limit") return Reference{[](Cpu& c) -> u64 { return c.gdtr.limit; }, {}};
  if (name == "idtr.base") return Reference{[](Cpu& c) { return c.idtr.base; }, {}};
  if (name == "idtr.limit") return Reference{[](Cpu& c) -> u64 { return c.idtr.limit; }, {}};
  if (name == "cpl") return Reference{[](Cpu& c) -> u64 { return c.cpl; }, {}};
  if (name == "pkru") return Reference{[](Cpu& c) -> u64 { return c.pkru; }, {}};
  if (name == "cpu") return Reference{[](Cpu& c) -> u64 { return c.index; }, {}};
  if (name == "nonroot") return Reference{[](Cpu& c) -> u64 { return c.non_root; }, {}};
  if (name == "count") return Reference{[](Cpu& c) { return retired(c); }, {}};
  if (name == "mxcsr")
    return Reference{[](Cpu& c) -> u64 { return c.vector.mxcsr; },
                     [](Cpu& c, u64 value) {
                       if (value & ~u64{mxcsr_mask}) return false;
                       c.vector.mxcsr = static_cast<u32>(value);
                       return true;
                     }};
  if (name == "fcw") return Reference{[](Cpu& c) -> u64 { return c.x87.control; }, {}};
  if (name == "fsw") return Reference{[](Cpu& c) -> u64 { return c.x87.status_word(); }, {}};
  return std::nullopt;
}

std::optional<Reference> segment_register(std::string_view name) {
  const std::size_t dot = name.find('.');
  const auto found = std::find(segments.begin(), segments.end(), name.substr(0, dot));
  if (found == segments.end()) return std::nullopt;
  const auto n = static_cast<unsigned>(found - segments.begin());
  const std::string_view part = dot == name.npos ? "selector" : name.substr(dot + 1);
  if (part == "selector") return Reference{[=](Cpu& c) -> u64 { return c.segment[n].selector; }, {}};
  if (part == "base")
    return Reference{[=](Cpu& c) { return c.segment[n].base; },
                     [=](Cpu& c, u64 value) {
                       const bool wide = n >= FS;
                       if (wide ? !c.mmu.canonical(value) : value > 0xffffffff) return false;
                       c.segment[n].base = value;
                       return true;
                     }};
  if (part == "limit") return Reference{[=](Cpu& c) -> u64 { return c.segment[n].limit; }, {}};
  if (part == "rights") return Reference{[=](Cpu& c) -> u64 { return c.segment[n].rights; }, {}};
  return std::nullopt;
}

std::optional<unsigned> number_after(std::string_view text, std::string_view prefix, unsigned limit) {
  if (!text.starts_with(prefix)) return std::nullopt;
  text.remove_prefix(prefix.size());
  unsigned number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number >= limit) return std::nullopt;
  return number;
}

template <class T>
Reference plain(T& (*place)(Cpu&, unsigned), unsigned n) {
  return {[=](Cpu& c) -> u64 { return place(c, n); },
          [=](Cpu& c, u64 value) {
            if (static_cast<T>(value) != value) return false;
            place(c, n) = static_cast<T>(value);
            return true;
          }};
}

X87Register& st(Cpu& c, unsigned n) { return c.x87.physical[(c.x87.top + n) & 7]; }

std::optional<Reference> vector_register(std::string_view name) {
  const std::size_t dot = name.find('.');
  const std::string_view part = dot == name.npos ? "" : name.substr(dot + 1), whole = name.substr(0, dot);
  if (const auto n = number_after(whole, "xmm", 16)) {
    if (part.empty() || part == "l")
      return plain<u64>([](Cpu& c, unsigned i) -> u64& { return c.vector.xmm[i].q[0]; }, *n);
    if (part == "h") return plain<u64>([](Cpu& c, unsigned i) -> u64& { return c.vector.xmm[i].q[1]; }, *n);
  }
  if (const auto n = number_after(whole, "st", 8)) {
    if (part.empty()) return plain<u64>([](Cpu& c, unsigned i) -> u64& { return st(c, i).significand; }, *n);
    if (part == "e") return plain<u16>([](Cpu& c, unsigned i) -> u16& { return st(c, i).sign_exponent; }, *n);
  }
  return std::nullopt;
}

std::optional<Reference> msr_register(std::string_view name) {
  if (!name.starts_with("msr.")) return std::nullopt;
  name.remove_prefix(4);
  u32 number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number, 16);
  const bool by_number = error == std::errc() && end == name.data() + name.size();
  const MsrInfo* known = nullptr;
  for (const MsrInfo& row : msr_table()) {
    if (by_number ? row.number == number : lower(row.name) == name) known = &row;
  }
  if (!known) return std::nullopt;
  number = known->number;
  return Reference{[=](Cpu& c) {
                     u64 value = 0;
                     const bool there = !known->present || (c.model && known->present(*c.model));
                     return there && read_msr(c, number, value, c.rip) ? value : 0;
                   },
                   [=](Cpu& c, u64 value) { return write_msr(c, number, value, c.rip); }};
}

std::optional<Reference> vmcs_register(std::string_view name) {
  if (!name.starts_with("vmcs.")) return std::nullopt;
  const auto field = find_field_by_id(name.substr(5));
  if (!field) return std::nullopt;
  return Reference{[=](Cpu& c) { return c.vmx && c.vmx->current ? (*c.vmx->current)[*field] : 0; },
                   [=](Cpu& c, u64 value) {
                     if (!c.vmx || !c.vmx->current || value & ~info(*field).value_mask()) return false;
                     c.vmx->current->dirty.add(*field);
                     c.vmx->current->set(*field, value);
                     return true;
                   }};
}

std::optional<Reference> resolve(std::string_view asked);

// "cr0.pg", "eflags.if", "efer.lma".
std::optional<Reference> bit_of_register(std::string_view name) {
  const std::size_t dot = name.find('.');
  if (dot == name.npos) return std::nullopt;
  std::string_view group = name.substr(0, dot);
  const auto whole = resolve(group);
  if (!whole) return std::nullopt;
  if (group == "eflags" || group == "flags") group = "rflags";
  for (const Bit& one : bits) {
    if (one.group != group || lower(one.name) != name.substr(dot + 1)) continue;
    const unsigned number = one.number;
    Reference part{[=](Cpu& c) { return whole->read(c) >> number & 1; }, {}};
    if (whole->write)
      part.write = [=](Cpu& c, u64 value) {
        return value <= 1 && whole->write(c, (whole->read(c) & ~bit(number)) | value << number);
      };
    return part;
  }
  return std::nullopt;
}

std::optional<Reference> resolve(std::string_view asked) {
  std::string name = lower(asked);
  if (name.starts_with('$')) name.erase(0, 1);
  for (const auto find : {general_register, system_register, segment_register, vector_register, msr_register,
                          vmcs_register, bit_of_register}) {
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
  std::vector<std::string> names;
  for (const std::string_view name : gpr64) names.emplace_back(name);
  for (const std::string_view name :
       {"rip",        "rflags",    "cr0",        "cr2", "cr3",  "cr4", "cr8",     "xcr0",
        "efer",       "dr0",       "dr1",        "dr2", "dr3",  "dr6", "dr7",     "gdtr.base",
        "gdtr.limit", "idtr.base", "idtr.limit", "cpl", "pkru", "cpu", "nonroot", "count",
        "exits",      "entries",   "mxcsr",      "fcw", "fsw"})
    names.emplace_back(name);
  for (const std::string_view name : segments) {
    names.emplace_back(name);
    for (const std::string_view part : {"base", "limit", "rights"})
      names.push_back(fmt::format("{}.{}", name, part));
  }
  for (unsigned n = 0; n < 16; ++n) names.push_back(fmt::format("xmm{}", n));
  for (unsigned n = 0; n < 8; ++n) names.push_back(fmt::format("st{}", n));
  for (const Bit& one : bits) {
    for (const std::string_view group : {"cr0", "cr4", "efer", "rflags"}) {
      if (one.group == group) names.push_back(lower(fmt::format("{}.{}", group, one.name)));
    }
  }
  return names;
}

}  // namespace ringside
