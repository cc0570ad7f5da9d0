// Owns the use of Zydis' operands to say which registers an instruction writes.
#include "frontend/debug/register_writes.h"

#include <Zydis/Zydis.h>

#include <algorithm>
#include <cstring>

#include "cpu/state/msrs.h"
#include "frontend/inspect/look_memory.h"

namespace ringside {
namespace {

constexpr u32 x87_component = 1, sse_component = 2, avx_component = 4;

unsigned zydis_name(const RegisterInfo& r) {
  const auto nth = [&](ZydisRegister first) { return static_cast<unsigned>(first) + r.index; };
  switch (r.group) {
    case RegisterGroup::general: return r.name == "rip" || r.name == "rflags" ? 0 : nth(ZYDIS_REGISTER_RAX);
    case RegisterGroup::segment:
      if (r.index < LDTR) return nth(ZYDIS_REGISTER_ES);
      return r.index == LDTR ? ZYDIS_REGISTER_LDTR : ZYDIS_REGISTER_TR;
    case RegisterGroup::table: return r.index ? ZYDIS_REGISTER_IDTR : ZYDIS_REGISTER_GDTR;
    case RegisterGroup::debug: return nth(ZYDIS_REGISTER_DR0);
    case RegisterGroup::vector:
      return r.name == "mxcsr" ? static_cast<unsigned>(ZYDIS_REGISTER_MXCSR) : nth(ZYDIS_REGISTER_ZMM0);
    case RegisterGroup::control:
      if (r.name.starts_with("cr")) return ZYDIS_REGISTER_CR0 + static_cast<unsigned>(r.name[2] - '0');
      return r.name == "xcr0" ? ZYDIS_REGISTER_XCR0 : r.name == "pkru" ? ZYDIS_REGISTER_PKRU : 0;
    case RegisterGroup::x87:
      if (r.name == "fcw") return ZYDIS_REGISTER_X87CONTROL;
      if (r.name == "fsw") return ZYDIS_REGISTER_X87STATUS;
      if (r.name == "ftw") return ZYDIS_REGISTER_X87TAG;
      if (r.name.starts_with("st")) return nth(ZYDIS_REGISTER_ST0);
      return r.name.starts_with("mm") ? nth(ZYDIS_REGISTER_MM0) : 0;
    case RegisterGroup::privilege: return 0;
  }
  return 0;
}

// Instructions that load CS and mostly SS, which no operand says.
bool transfers_far(const ZydisDecodedInstruction& insn) {
  switch (insn.mnemonic) {
    case ZYDIS_MNEMONIC_SYSCALL:
    case ZYDIS_MNEMONIC_SYSRET:
    case ZYDIS_MNEMONIC_SYSENTER:
    case ZYDIS_MNEMONIC_SYSEXIT:
    case ZYDIS_MNEMONIC_IRET:
    case ZYDIS_MNEMONIC_IRETD:
    case ZYDIS_MNEMONIC_IRETQ: return true;
    default: return insn.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR;
  }
}

bool restores_x87(ZydisMnemonic mnemonic) {
  return mnemonic == ZYDIS_MNEMONIC_FRSTOR || mnemonic == ZYDIS_MNEMONIC_FNINIT ||
         mnemonic == ZYDIS_MNEMONIC_FNSAVE || mnemonic == ZYDIS_MNEMONIC_FXRSTOR ||
         mnemonic == ZYDIS_MNEMONIC_FXRSTOR64;
}
bool restores_vectors(ZydisMnemonic mnemonic) {
  return mnemonic == ZYDIS_MNEMONIC_FXRSTOR || mnemonic == ZYDIS_MNEMONIC_FXRSTOR64 ||
         mnemonic == ZYDIS_MNEMONIC_VZEROALL || mnemonic == ZYDIS_MNEMONIC_VZEROUPPER;
}
bool restores_by_mask(ZydisMnemonic mnemonic) {
  return mnemonic == ZYDIS_MNEMONIC_XRSTOR || mnemonic == ZYDIS_MNEMONIC_XRSTOR64 ||
         mnemonic == ZYDIS_MNEMONIC_XRSTORS || mnemonic == ZYDIS_MNEMONIC_XRSTORS64;
}

}  // namespace

struct RegisterWrites::Decoders {
  ZydisDecoder bits16, bits32, bits64;

  Decoders() {
    ZydisDecoderInit(&bits16, ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16);
    ZydisDecoderInit(&bits32, ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
    ZydisDecoderInit(&bits64, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
  }
};

RegisterWrites::RegisterWrites(const RegisterPart& part)
    : decoders_(std::make_unique<Decoders>()), info_(part.whole), zydis_(zydis_name(*part.whole)) {
  const RegisterInfo& r = *part.whole;
  if (r.name == "rflags") flags_ = part.mask() << part.low;
  if (r.name == "efer") msr_ = msr_number::IA32_EFER;
  if (r.name == "fs.base") msr_ = msr_number::IA32_FS_BASE;
  if (r.name == "gs.base") msr_ = msr_number::IA32_GS_BASE;
  if (r.group == RegisterGroup::x87) components_ = x87_component;
  if (r.group == RegisterGroup::vector) components_ = sse_component | avx_component;
}

RegisterWrites::RegisterWrites(u32 msr) : decoders_(std::make_unique<Decoders>()), msr_(msr) {}
RegisterWrites::~RegisterWrites() = default;

RegisterWrites::Verdict RegisterWrites::judge(const Code& code, std::size_t bytes, unsigned bits) const {
  const ZydisDecoder& decoder = bits == 64   ? decoders_->bits64
                                : bits == 32 ? decoders_->bits32
                                             : decoders_->bits16;
  ZydisDecodedInstruction insn;
  std::array<ZydisDecodedOperand, ZYDIS_MAX_OPERAND_COUNT> operands;
  if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, code.data(), bytes, &insn, operands.data())))
    return Verdict::never;
  if (msr_ && insn.mnemonic == ZYDIS_MNEMONIC_WRMSR) return Verdict::by_wrmsr;
  const bool gs = msr_ == msr_number::IA32_GS_BASE;
  if (insn.mnemonic == ZYDIS_MNEMONIC_SWAPGS)
    return gs || msr_ == msr_number::IA32_KERNEL_GS_BASE ? Verdict::always : Verdict::never;
  if (insn.mnemonic == ZYDIS_MNEMONIC_WRGSBASE) return gs ? Verdict::always : Verdict::never;
  if (insn.mnemonic == ZYDIS_MNEMONIC_WRFSBASE)
    return msr_ == msr_number::IA32_FS_BASE ? Verdict::always : Verdict::never;
  if (!info_) return Verdict::never;
  const bool x87 = components_ == x87_component;
  if (components_ != 0 && (x87 ? restores_x87(insn.mnemonic) : restores_vectors(insn.mnemonic)))
    return Verdict::always;
  if (components_ != 0 && restores_by_mask(insn.mnemonic)) return Verdict::by_restore;
  const bool code_or_stack =
      info_->group == RegisterGroup::privilege ||
      (info_->group == RegisterGroup::segment && (info_->index == CS || info_->index == SS));
  if (code_or_stack && transfers_far(insn)) return Verdict::always;
  if (flags_ != 0 && insn.cpu_flags) {
    const ZydisAccessedFlags& f = *insn.cpu_flags;
    if ((f.modified | f.set_0 | f.set_1 | f.undefined) & flags_) return Verdict::always;
  }
  for (unsigned n = 0; zydis_ != 0 && n < insn.operand_count; ++n) {
    const ZydisDecodedOperand& o = operands[n];
    if (o.type != ZYDIS_OPERAND_TYPE_REGISTER || !(o.actions & ZYDIS_OPERAND_ACTION_WRITE)) continue;
    const ZydisRegister whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, o.reg.value);
    if (static_cast<unsigned>(o.reg.value) == zydis_ || static_cast<unsigned>(whole) == zydis_)
      return Verdict::always;
  }
  return Verdict::never;
}

bool RegisterWrites::answer(Verdict verdict, const Cpu& cpu) const {
  switch (verdict) {
    case Verdict::never: return false;
    case Verdict::always: return true;
    case Verdict::by_wrmsr: return static_cast<u32>(cpu.gpr[RCX]) == msr_;
    case Verdict::by_restore: return static_cast<u32>(cpu.gpr[RAX]) & components_ & cpu.xcr0;
  }
  return false;
}

bool RegisterWrites::by_next(const Cpu& cpu, HostPhys physical) {
  Code code{};
  const std::size_t in_page = std::min<std::size_t>(longest, page_bytes - physical.page_offset());
  std::size_t bytes = peek(cpu, AddressSpace::host_physical, physical.value, std::span(code).first(in_page));
  if (in_page < longest) bytes = peek(cpu, AddressSpace::linear, linear_rip(cpu), code);
  const u8 bits = cpu.mode.code_bits;
  Known& known = known_[physical.value];
  if (known.bits != bits || known.code != code) known = {code, judge(code, bytes, bits), bits};
  return answer(known.verdict, cpu);
}

}  // namespace ringside
