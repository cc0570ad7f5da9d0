// Owns the run of one vector instruction by the handler of its row.
#include "cpu/decode/lower.h"
#include "cpu/exec/engine/handler_table.h"
#include "tests/oracle/sse_harness.h"

namespace ringside::test {
namespace {

const Op* stop(Cpu&, const Op* op) { return op; }

FeatureSet all_features() {
  FeatureSet features;
  features.set();
  features.reset(static_cast<std::size_t>(Feature::never));
  return features;
}

}  // namespace

struct EmulatedVector::Impl {
  PhysicalMemory memory;
  std::unique_ptr<Mmu> mmu;
  std::unique_ptr<Cpu> cpu;
  CpuModel model;
  Decoder decoder{all_features()};
  Op ops[2];
  Engine engine;
  u8* ram = nullptr;
};

EmulatedVector::EmulatedVector() : impl_(std::make_unique<Impl>()) {
  Impl& m = *impl_;
  m.memory.add_ram(HostPhys(0), 0x10000, "ram");
  m.mmu = std::make_unique<Mmu>(m.memory, 46);
  m.cpu = std::make_unique<Cpu>(*m.mmu);
  Cpu& cpu = *m.cpu;
  m.model.features = all_features();
  m.model.flags.set();
  cpu.model = &m.model;
  cpu.engine = &m.engine;
  cpu.reset(false);
  cpu.cr0 = Cr0::PE | Cr0::NE | Cr0::ET;
  cpu.cr4 = Cr4::OSFXSR | Cr4::OSXMMEXCPT;
  cpu.update_mode();
  cpu.update_translation();
  // The page as the handlers of 64-bit mode see it; paging itself is not under test.
  cpu.mode.bits64 = true;
  cpu.mode.code_bits = 64;
  cpu.alone = true;
  m.ram = m.memory.pointer(HostPhys(memory_at), true);
  m.ops[1].handler = stop;
}
EmulatedVector::~EmulatedVector() = default;

bool EmulatedVector::set(std::span<const u8> instruction) {
  Impl& m = *impl_;
  Lowered lowered;
  if (m.decoder.lower(instruction.data(), static_cast<unsigned>(instruction.size()), 64, false, 0, lowered) !=
      DecodeStatus::ok)
    return false;
  m.ops[0] = lowered.op;
  m.ops[0].handler = all_handlers()[lowered.op.row].fast[lowered.op.variant];
  return m.ops[0].handler != nullptr;
}
bool EmulatedVector::step() {
  impl_->cpu->fault = Fault();
  impl_->cpu->chain_end = ChainEnd::fault;
  const Op* next = impl_->ops[0].handler(*impl_->cpu, &impl_->ops[0]);
  // Rows of kind boundary end the chain.
  return next || impl_->cpu->chain_end == ChainEnd::boundary;
}
Cpu& EmulatedVector::cpu() { return *impl_->cpu; }
u8* EmulatedVector::memory() { return impl_->ram; }

void EmulatedVector::run(VectorCase& state) {
  Impl& m = *impl_;
  Cpu& cpu = *m.cpu;
  cpu.cr4 |= Cr4::OSXSAVE;
  cpu.xcr0 = Xcr0::x87 | Xcr0::sse | Xcr0::avx;
  for (unsigned i = 0; i < 4; ++i) {
    cpu.vector.xmm[i] = {{state.ymm[i][0], state.ymm[i][1]}};
    cpu.vector.upper[i] = {{state.ymm[i][2], state.ymm[i][3]}};
  }
  for (unsigned i = 0; i < 2; ++i) cpu.x87.physical[i] = {state.mmx[i], 0xffff};
  cpu.x87.top = 0;
  cpu.x87.valid = 0xff;
  cpu.gpr[RAX] = state.rax;
  cpu.gpr[RCX] = state.rcx;
  cpu.gpr[RDX] = state.rdx;
  cpu.gpr[RBX] = cpu.gpr[RDI] = memory_at;
  cpu.flags.set_image(state.flags);
  cpu.vector.mxcsr = state.mxcsr;
  std::memcpy(m.ram, state.memory.data(), sizeof state.memory);
  state.trap = step() ? 0 : static_cast<u32>(cpu.fault.vector);
  for (unsigned i = 0; i < 4; ++i) {
    const V128 &low = cpu.vector.xmm[i], &high = cpu.vector.upper[i];
    state.ymm[i] = {low.q[0], low.q[1], high.q[0], high.q[1]};
  }
  for (unsigned i = 0; i < 2; ++i) state.mmx[i] = cpu.x87.physical[i].significand;
  state.rax = cpu.gpr[RAX];
  state.rcx = cpu.gpr[RCX];
  state.rdx = cpu.gpr[RDX];
  state.flags = cpu.flags.image();
  state.mxcsr = cpu.vector.mxcsr;
  std::memcpy(state.memory.data(), m.ram, sizeof state.memory);
}

}  // namespace ringside::test
