// Owns the manual's "Task Switching": both formats of the TSS, the checks, and the faults in the new task.
#include "cpu/exec/events/task_switch.h"

#include "cpu/exec/core/debug_traps.h"
#include "cpu/exec/core/exit_request.h"
#include "cpu/exec/core/system_access.h"
#include "cpu/exec/events/events.h"
#include "cpu/exec/events/frame.h"
#include "cpu/exec/events/transfer.h"
#include "vmx/event_exits.h"

namespace ringside {
namespace {

// Where a TSS keeps what; offsets in bytes. Fields are `width` bytes; selectors always 16 bits of them.
struct Format {
  unsigned width;
  unsigned minimum_limit;
  unsigned ip, flags, registers, segments, ldt;  // ldt follows the saved part
  unsigned segment_count;
};
constexpr Format format32{4, 0x67, 0x20, 0x24, 0x28, 0x48, 0x60, 6};
constexpr Format format16{2, 0x2b, 0x0e, 0x10, 0x12, 0x22, 0x2a, 4};
constexpr unsigned cr3_offset = 0x1c, trap_offset = 0x64;

const Format& format_of(unsigned type) { return type & 8 ? format32 : format16; }

// What the new task's TSS holds.
struct TaskState {
  u32 cr3 = 0, eip = 0, eflags = 0;
  std::array<u32, 8> registers{};
  std::array<u16, 6> selectors{};  // ES, CS, SS, DS, FS, GS
  u16 ldt = 0;
  bool trap = false;
};

bool read_field(Cpu& cpu, u64 at, unsigned width, u32& value) {
  if (width == 4) return read_system(cpu, at, value);
  u16 word;
  if (!read_system(cpu, at, word)) return false;
  value = word;
  return true;
}
bool write_field(Cpu& cpu, u64 at, unsigned width, u32 value) {
  return width == 4 ? write_system(cpu, at, value) : write_system(cpu, at, static_cast<u16>(value));
}

bool read_task(Cpu& cpu, u64 base, const Format& f, TaskState& t) {
  u16 word = 0;
  if (f.width == 4) {
    if (!read_system(cpu, base + cr3_offset, t.cr3) || !read_system(cpu, base + trap_offset, word))
      return false;
    t.trap = word & 1;
  }
  if (!read_field(cpu, base + f.ip, f.width, t.eip) || !read_field(cpu, base + f.flags, f.width, t.eflags))
    return false;
  for (unsigned i = 0; i < 8; ++i) {
    if (!read_field(cpu, base + f.registers + i * f.width, f.width, t.registers[i])) return false;
  }
  for (unsigned i = 0; i < f.segment_count; ++i) {
    if (!read_system(cpu, base + f.segments + i * f.width, t.selectors[i])) return false;
  }
  return read_system(cpu, base + f.ldt, t.ldt);
}

bool save_task(Cpu& cpu, u64 base, const Format& f, const TaskSwitch& source) {
  u64 flags = source.flags;
  if (source.kind == TaskSwitch::task_return) flags &= ~Eflags::NT;
  if (!write_field(cpu, base + f.ip, f.width, static_cast<u32>(source.return_rip)) ||
      !write_field(cpu, base + f.flags, f.width, static_cast<u32>(flags)))
    return false;
  for (unsigned i = 0; i < 8; ++i) {
    if (!write_field(cpu, base + f.registers + i * f.width, f.width, static_cast<u32>(cpu.gpr[i])))
      return false;
  }
  for (unsigned i = 0; i < f.segment_count; ++i) {
    if (!write_system(cpu, base + f.segments + i * f.width, cpu.segment[i].selector)) return false;
  }
  return true;
}

u64 descriptor_of_task(const Cpu& cpu, u16 selector) { return cpu.gdtr.base + (selector & 0xfff8); }

// Everything that the switch will write, so that nothing of it can fault half-way.
bool probe_writes(Cpu& cpu, const Descriptor& tss, const Format& old_format, const TaskSwitch& source) {
  const Segment& tr = cpu.segment[TR];
  const bool leaves = source.kind == TaskSwitch::jump || source.kind == TaskSwitch::task_return;
  if (!tr.usable() || tr.limit < old_format.minimum_limit) return refuse(cpu, Vector::TS, tr.selector);
  if (!probe_write_system(cpu, static_cast<u32>(tr.base + old_format.ip), old_format.ldt - old_format.ip))
    return false;
  if (leaves && !probe_write_system(cpu, descriptor_of_task(cpu, tr.selector) + 5, 1)) return false;
  if (source.kind != TaskSwitch::task_return && !probe_write_system(cpu, tss.at + 5, 1)) return false;
  return leaves || probe_write_system(cpu, tss.base(), 2);
}

void load_paging(Cpu& cpu, const TaskState& t) {
  if (!(cpu.cr0 & Cr0::PG)) return;
  cpu.cr3 = t.cr3;
  cpu.mmu.load_cr3(t.cr3, false);
}

bool check_ldt(Cpu& cpu, u16 selector) {
  Segment& ldtr = cpu.segment[LDTR];
  ldtr = null_segment(selector);
  if (is_null(selector)) return true;
  Descriptor d;
  if (selector & 4) return refuse(cpu, Vector::TS, selector);
  if (!fetch_descriptor(cpu, selector, Vector::TS, d)) return false;
  if (!d.is_system() || system_type(d) != SystemType::ldt || !d.present())
    return refuse(cpu, Vector::TS, selector);
  ldtr = segment_of(selector, d);
  return true;
}

bool check_task_code(Cpu& cpu, u16 selector) {
  if (is_null(selector)) return refuse(cpu, Vector::TS);
  Descriptor d;
  if (!fetch_descriptor(cpu, selector, Vector::TS, d)) return false;
  const unsigned rpl = selector & 3;
  if (!d.is_code() || (d.conforming() ? d.dpl() > rpl : d.dpl() != rpl))
    return refuse(cpu, Vector::TS, selector);
  if (!d.present()) return refuse(cpu, Vector::NP, selector);
  if (!set_accessed(cpu, d)) return false;
  cpu.segment[CS] = segment_of(selector, d);
  return true;
}

// As a load of the register, with #TS in the place of #GP.
bool check_task_data(Cpu& cpu, SegReg reg, u16 selector) {
  Segment s;
  if (!check_data_segment(cpu, selector, s)) {
    if (cpu.chain_end == ChainEnd::fault && cpu.fault.vector == Vector::GP) cpu.fault.vector = Vector::TS;
    return false;
  }
  cpu.segment[reg] = s;
  return true;
}

// The descriptors of the new task, in whose name they fault.
bool load_segments(Cpu& cpu, const TaskState& t) {
  if (!check_ldt(cpu, t.ldt)) return false;
  if (cpu.flag(Eflags::VM)) {
    for (unsigned i = 0; i < 6; ++i)
      cpu.segment[i] = real_mode_segment(cpu, static_cast<SegReg>(i), t.selectors[i]);
    return true;
  }
  Segment ss;
  if (!check_task_code(cpu, t.selectors[CS]) ||
      !check_stack_segment(cpu, t.selectors[SS], cpu.cpl, Vector::TS, ss))
    return false;
  cpu.segment[SS] = ss;
  for (const SegReg reg : {ES, DS, FS, GS}) {
    if (!check_task_data(cpu, reg, t.selectors[reg])) return false;
  }
  return true;
}

bool push_error(Cpu& cpu, const TaskSwitch& source, unsigned width) {
  if (!source.has_error) return true;
  Frame frame(width);
  frame.push(source.error);
  FrameStack stack{&cpu.segment[SS], cpu.gpr[RSP]};
  stack.pointer &= stack.mask();
  if (!reserve_frame(cpu, stack, frame) || !write_frame(cpu, stack, frame)) return false;
  cpu.gpr[RSP] = stack.register_after(cpu.gpr[RSP], frame);
  return true;
}

// From here on the new task is the present one.
bool load_task(Cpu& cpu, const TaskState& t, const Format& f, const TaskSwitch& source) {
  for (unsigned i = 0; i < 8; ++i)
    cpu.gpr[i] = f.width == 4 ? t.registers[i] : t.registers[i] | (cpu.gpr[i] & 0xffff0000);
  u64 flags = t.eflags;
  if (source.kind == TaskSwitch::call || source.kind == TaskSwitch::interrupt) flags |= Eflags::NT;
  const bool v86 = flags & Eflags::VM;
  for (unsigned i = 0; i < 6; ++i) cpu.segment[i] = null_segment(t.selectors[i]);
  cpu.cpl = v86 ? 3 : t.selectors[CS] & 3;
  constexpr u64 all = Eflags::arithmetic | Eflags::TF | Eflags::IF | Eflags::DF | Eflags::IOPL | Eflags::NT |
                      Eflags::RF | Eflags::VM | Eflags::AC | Eflags::VIF | Eflags::VIP | Eflags::ID;
  cpu.set_eflags(flags, all);
  cpu.cr0 |= Cr0::TS;
  cpu.dr7 &= ~Dr7::local_enabled;
  cpu.update_translation();
  cpu.update_debug();
  cpu.update_mode();
  cpu.update_privilege();
  const bool loaded = load_segments(cpu, t);
  cpu.update_mode();
  if (!loaded || !push_error(cpu, source, f.width)) return false;
  if (t.eip > cpu.segment[CS].limit) return refuse(cpu, Vector::GP);
  if (t.trap) raise_debug_trap(cpu, Dr6::BT);
  return true;
}

// "Treatment of Task Switches": in VMX non-root operation all exit. Always false.
bool ask_for_exit(Cpu& cpu, u16 selector, const TaskSwitch& source) {
  TaskSwitchSource from = TaskSwitchSource::call;
  switch (source.kind) {
    case TaskSwitch::call: from = TaskSwitchSource::call; break;
    case TaskSwitch::task_return: from = TaskSwitchSource::iret; break;
    case TaskSwitch::jump: from = TaskSwitchSource::jump; break;
    case TaskSwitch::interrupt: from = TaskSwitchSource::task_gate_in_idt; break;
  }
  const u64 return_rip = source.kind == TaskSwitch::interrupt ? 0 : source.return_rip;
  return request_exit(cpu, task_switch_exit(cpu, selector, from, return_rip));
}

bool perform(Cpu& cpu, u16 selector, Descriptor& tss, const TaskSwitch& source) {
  const Format& new_format = format_of(tss.type());
  const Format& old_format = format_of(cpu.segment[TR].type());
  if (tss.limit() < new_format.minimum_limit) return refuse(cpu, Vector::TS, selector);
  if (cpu.non_root) return ask_for_exit(cpu, selector, source);
  TaskState t;
  if (!read_task(cpu, tss.base(), new_format, t) || !probe_writes(cpu, tss, old_format, source)) return false;
  if (new_format.width == 4 && !cpu.mmu.load_pdptes(t.cr3, cpu.cr0, cpu.cr4, cpu.efer))
    return refuse(cpu, Vector::GP);

  const Segment old = cpu.segment[TR];
  const bool leaves = source.kind == TaskSwitch::jump || source.kind == TaskSwitch::task_return;
  if (leaves) set_busy(cpu, descriptor_of_task(cpu, old.selector), false);
  if (source.kind != TaskSwitch::task_return) set_busy(cpu, tss.at, true);
  save_task(cpu, old.base, old_format, source);
  if (!leaves) write_system(cpu, tss.base(), old.selector);
  cpu.step_consumed = cpu.flag(Eflags::TF);
  cpu.segment[TR] = segment_of(selector, tss);
  cpu.segment[TR].rights |= 2;
  if (new_format.width == 4) load_paging(cpu, t);
  if (load_task(cpu, t, new_format, source)) {
    cpu.next_rip = t.eip;
    return true;
  }
  cpu.rip = t.eip;
  if (source.external) return false;
  deliver_fault(cpu);  // no guest runs: it is delivered, or the CPU shuts down
  cpu.next_rip = cpu.rip;
  return true;
}

// The present TSS of a task gate or a task link, busy or available as it must be: `wrong` if it is not.
bool fetch_tss(Cpu& cpu, u16 selector, bool busy, Vector wrong, Descriptor& tss) {
  if (selector & 4) return refuse(cpu, wrong, selector);
  if (!fetch_descriptor(cpu, selector, wrong, tss)) return false;
  const SystemType type = system_type(tss);
  const bool fits = busy ? type == SystemType::tss_busy || type == SystemType::tss16_busy
                         : type == SystemType::tss_available || type == SystemType::tss16_available;
  if (!tss.is_system() || !fits) return refuse(cpu, wrong, selector);
  return tss.present() || refuse(cpu, Vector::NP, selector);
}

}  // namespace

bool switch_task(Cpu& cpu, u16 selector, Descriptor& tss, const TaskSwitch& source) {
  return perform(cpu, selector, tss, source);
}

bool switch_task_through_gate(Cpu& cpu, const Descriptor& gate, const TaskSwitch& source) {
  const u16 selector = gate.gate_selector();
  Descriptor tss;
  return fetch_tss(cpu, selector, false, Vector::GP, tss) && perform(cpu, selector, tss, source);
}

bool switch_task_back(Cpu& cpu, u16 link) {
  Descriptor tss;
  return fetch_tss(cpu, link, true, Vector::TS, tss) &&
         perform(cpu, link, tss, {TaskSwitch::task_return, cpu.next_rip, cpu.eflags()});
}

}  // namespace ringside
