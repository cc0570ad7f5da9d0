// Owns the emulated half of the oracle tests.
#include "tests/oracle/emulated.h"

#include <cstring>

#include "cpu/exec/core/dispatch.h"
#include "cpu/exec/core/segments.h"
#include "cpu/exec/x87/unit.h"

namespace oracle {
namespace {

constexpr u64 tables = 0x1000;  // four pages: PML4, PDPT, page directory, page table

// What only the system sees: descriptor tables, a stack, and where its handlers would be.
constexpr u64 system_page = 0x10100000, gdt_at = system_page, ldt_at = system_page + 0x400,
              idt_at = system_page + 0x1000, tss_at = system_page + 0x2000, stack_top = system_page + 0x4000,
              system_end = stack_top, handlers_at = 0x20000000;

const Op* stop(Cpu& cpu, const Op*) {
  cpu.chain_end = ChainEnd::boundary;
  cpu.rip = cpu.next_rip;
  return nullptr;
}
const Op* end(Cpu&, const Op*) { return nullptr; }

template <class T>
T at(const VectorImage& image, unsigned offset) {
  T value;
  std::memcpy(&value, &image.bytes[offset], sizeof value);
  return value;
}
template <class T>
void put(VectorImage& image, unsigned offset, T value) {
  std::memcpy(&image.bytes[offset], &value, sizeof value);
}

void load_vectors(Cpu& cpu, const VectorImage& image) {
  X87State& x87 = cpu.x87;
  x87.control = at<u16>(image, 0);
  const u16 status = at<u16>(image, 2);
  x87.status = status & static_cast<u16>(~0x3800);
  x87.top = status >> 11 & 7;
  x87.valid = 0;
  x87.opcode = at<u16>(image, 6);
  x87.instruction_pointer = at<u64>(image, 8);
  x87.data_pointer = at<u64>(image, 16);
  x87.code_selector = x87.data_selector = 0;
  x87.valid = image.bytes[4];
  for (unsigned i = 0; i < 8; ++i)
    x87.physical[(x87.top + i) & 7] = {at<u64>(image, 32 + 16 * i), at<u16>(image, 40 + 16 * i)};
  x87::update_error_summary(cpu);
  cpu.vector.mxcsr = at<u32>(image, 24);
  std::memcpy(static_cast<void*>(cpu.vector.xmm.data()), &image.bytes[160], 256);
  cpu.vector.upper = cpu.vector.xmm;
}

void store_vectors(const Cpu& cpu, VectorImage& image) {
  const X87State& x87 = cpu.x87;
  put(image, 0, x87.control);
  put(image, 2, x87.status_word());
  put(image, 4, u16{x87.valid});
  put(image, 6, x87.opcode);
  put(image, 8, x87.instruction_pointer);
  put(image, 16, x87.data_pointer);
  put(image, 24, cpu.vector.mxcsr);
  for (unsigned i = 0; i < 8; ++i) {
    const X87Register& r = x87.physical[(x87.top + i) & 7];
    put(image, 32 + 16 * i, r.significand);
    put(image, 40 + 16 * i, u64{r.sign_exponent});
  }
  std::memcpy(&image.bytes[160], cpu.vector.xmm.data(), 256);
  std::memcpy(image.upper.data(), cpu.vector.upper.data(), 256);
}

}  // namespace

CpuModel Emulated::everything() {
  std::string error;
  CpuModel model = *parse_cpu_model(default_cpu_model, error);
  model.features.set();
  return model;
}

Emulated::Emulated(Descriptors host) : host_(host) {
  memory_.add_ram(HostPhys(0), 0x10000, "low");
  memory_.add_ram(HostPhys(data_base & ~u64{0x1fffff}), 0x200000, "data");
  constexpr u64 user = 7, system = 3;
  memory_.write(HostPhys(tables), 8, (tables + 0x1000) | user);
  memory_.write(HostPhys(tables + 0x1000), 8, (tables + 0x2000) | user);
  memory_.write(HostPhys(tables + 0x2000 + 8 * (data_base >> 21)), 8, (tables + 0x3000) | user);
  const auto map = [&](u64 from, u64 to, u64 rights) {
    for (u64 page = from; page < to; page += 0x1000)
      memory_.write(HostPhys(tables + 0x3000 + 8 * (page >> 12 & 511)), 8, page | rights);
  };
  map(data_base, data_base + data_bytes, user);
  map(system_page, system_end, system);
  cpu_.model = &model_;
  cpu_.engine = &engine_;
  cpu_.reset(false);
  cpu_.cr0 = Cr0::PE | Cr0::PG | Cr0::ET | Cr0::NE | Cr0::WP | Cr0::AM;
  cpu_.cr4 = Cr4::PAE | Cr4::OSFXSR | Cr4::OSXMMEXCPT | Cr4::OSXSAVE | Cr4::FSGSBASE | Cr4::UMIP;
  cpu_.xcr0 = Xcr0::x87 | Xcr0::sse | Xcr0::avx;
  cpu_.cr3 = tables;
  cpu_.efer = Efer::LME | Efer::LMA | Efer::SCE;
  build_tables();
  engine_.exit.op.handler = end;
  load({}, {});
  cpu_.update_translation();
}

void Emulated::build_tables() {
  const auto descriptor = [&](u64 table, unsigned n, u64 value, u16 selector, Segment& segment) {
    memory_.write(HostPhys(table + 8 * n), 8, value);
    Descriptor d;
    d.low = value;
    segment = value ? segment_of(selector, d) : null_segment(0);
    segment.update();
  };
  for (unsigned n = 0; n < gdt_count; ++n)
    descriptor(gdt_at, n, gdt_descriptor(host_, n, tss_at, ldt_at), static_cast<u16>(n * 8 + 3),
               segments_[n]);
  for (unsigned n = 0; n < ldt::count; ++n)
    descriptor(ldt_at, n, ldt_entries()[n].descriptor(), ldt_selector(n), segments_[gdt_count + n]);
  cpu_.gdtr = {gdt_at, gdt_count * 8 - 1};
  cpu_.idtr = {idt_at, 256 * 16 - 1};
  cpu_.segment[LDTR] = segments_[10];
  cpu_.segment[LDTR].selector = host_.local ? 0x50 : 0;
  cpu_.segment[TR] = segments_[8];
  cpu_.segment[TR].selector = 0x40;
  memory_.write(HostPhys(tss_at + 4), 8, stack_top);
  memory_.write(HostPhys(tss_at + 0x66), 2, 0x206f);  // no I/O permission bitmap
  // As Linux: of the software interrupts, a program may use 3 and 4 (and 80h, which the tests do not).
  for (u64 vector = 0; vector < 256; ++vector) {
    const u64 handler = handlers_at + 16 * vector, level = vector == 3 || vector == 4 ? 3 : 0;
    memory_.write(HostPhys(idt_at + 16 * vector), 8,
                  (handler & 0xffff) | u64{0x10} << 16 | u64{0x8e} << 40 | level << 45 |
                      (handler >> 16 & 0xffff) << 48);
    memory_.write(HostPhys(idt_at + 16 * vector + 8), 8, 0);
  }
  null_ = null_segment(0);
  null_.update();
}

const Segment& Emulated::segment(u16 selector) const {
  if (is_null(selector)) return null_;
  return segments_[selector & 4 ? gdt_count + (selector >> 3) : selector >> 3];
}

bool Emulated::lower(const Program& program, Op& op, Handler& handler, bool& branches) const {
  Lowered lowered;
  const bool limited = program.cs & 4;
  if (decoder_.lower(program.code.data(), static_cast<unsigned>(program.code.size()), program.bits, limited,
                     code_offset, lowered) != DecodeStatus::ok)
    return false;
  const Handlers& handlers = all_handlers()[lowered.op.row];
  op = lowered.op;
  handler = (lowered.checked ? handlers.checked : handlers.fast)[op.variant];
  branches = lowered.kind == Kind::conditional || lowered.kind == Kind::direct;
  return handler != nullptr;
}

u16 Emulated::row_of(std::span<const u8> instruction, unsigned bits) const {
  Op op;
  Handler handler;
  bool branches;
  const u16 cs = bits == 64 ? user_code64 : ldt_selector(bits == 32 ? ldt::code32 : ldt::code16);
  return lower({instruction, bits, cs}, op, handler, branches) ? op.row : Decoder::no_row;
}

void Emulated::load(const Program& program, const Registers& in) {
  cpu_.gpr = in.gpr;
  cpu_.flags.set_image(in.flags);
  cpu_.system_flags = in.flags & ~(Eflags::arithmetic | Eflags::reserved_one);
  for (const SegReg s : {ES, CS, SS, DS, FS, GS}) {
    const u16 selector = s == CS ? program.cs : in.segment[s];
    cpu_.segment[s] = segment(selector);
    cpu_.segment[s].selector = selector;
  }
  cpu_.cpl = 3;
  cpu_.interrupt_shadow = 0;
  cpu_.attention = 0;
  cpu_.update_mode();
  cpu_.update_privilege();
  cpu_.rip_base = code_page - code_base(program.cs);
}

Outcome Emulated::outcome() {
  Outcome out;
  out.registers.gpr = cpu_.gpr;
  out.registers.flags = cpu_.eflags();
  for (const SegReg s : {ES, CS, SS, DS, FS, GS}) out.registers.segment[s] = cpu_.segment[s].selector;
  const u64 base = cpu_.mode.bits64 ? 0 : cpu_.segment[CS].base;
  out.rip = base + cpu_.rip;
  return out;
}

// A software interrupt went to its handler: what it found on the stack.
void Emulated::take_delivered(Outcome& out) {
  const u64 vector = (cpu_.rip - handlers_at) / 16, frame = cpu_.gpr[RSP];
  out.trapped = true;
  out.fault = Fault::exception(static_cast<Vector>(vector));
  const auto word = [&](unsigned n) { return memory_.read(HostPhys(frame + 8 * n), 8); };
  out.registers.segment[CS] = static_cast<u16>(word(1));
  out.rip = word(0) + code_base(out.registers.segment[CS]);
  out.registers.flags = word(2);
  out.registers.gpr[RSP] = word(3);
  out.registers.segment[SS] = static_cast<u16>(word(4));
}

Outcome Emulated::run(const Program& program, const Registers& in, VectorImage* vectors) {
  load(program, in);
  if (vectors) load_vectors(cpu_, *vectors);
  Op ops[1 + link_records];
  Handler handler = nullptr;
  bool branches = false;
  if (!lower(program, ops[0], handler, branches)) {
    cpu_.rip = code_at - code_base(program.cs);
    Outcome out = outcome();
    out.trapped = true;
    return out;
  }
  ops[0].handler = handler;
  ops[0].left = 1;
  if (branches)
    new (&ops[1]) LinkSlots();
  else
    ops[1].handler = stop;
  const u64 start = cpu_.instruction_rip(ops[0]), after = cpu_.following_rip(ops[0]);
  for (;;) {
    cpu_.chain_end = ChainEnd::fault;
    cpu_.next_rip = after;
    const Op* op = ops;
    while (op) op = op->handler(cpu_, op);
    cpu_.alone = false;
    if (cpu_.chain_end == ChainEnd::alone) {
      cpu_.alone = true;
      continue;
    }
    if (cpu_.chain_end == ChainEnd::fault) cpu_.rip = start;
    // A repeated string instruction that has more to do points to itself.
    if (cpu_.chain_end == ChainEnd::fault || cpu_.rip != start) break;
  }
  Outcome out = outcome();
  if (cpu_.chain_end == ChainEnd::fault) {
    out.trapped = true;
    out.fault = cpu_.fault;
  } else if (cpu_.cpl == 0) {
    take_delivered(out);
  }
  if (vectors) store_vectors(cpu_, *vectors);
  return out;
}

}  // namespace oracle
