// Owns the bodies of FXSAVE, FXRSTOR, the XSAVE family and XGETBV.
//
// XSAVEOPT, XSAVEC and XSAVES use the init optimisation: components in their initial state are not written.
// The modified optimisation, which the manual leaves to the processor, is never used. XINUSE is a function of
// the state alone, so that the image in memory is the same on every run.
#pragma once

#include "cpu/exec/core/instruction_exits.h"
#include "cpu/exec/core/operands.h"
#include "cpu/exec/sse/ready.h"

namespace ringside {

// The state components that are not in their initial configuration. MXCSR counts as part of SSE state here.
u64 components_in_use(const Cpu& cpu);

enum class SaveForm : u8 { xsave, xsaveopt, xsavec, xsaves };

// Checks in front of the address: #UD, #NM, #GP. `supervisor`: XSAVES and XRSTORS.
bool fxsave_ready(Cpu& cpu);
bool xsave_ready(Cpu& cpu, bool supervisor);
// EDX:EAX under what XCR0 (and IA32_XSS) allow.
u64 requested_components(const Cpu& cpu, bool supervisor);
// Bytes from the area's start to the end of the last component in `components`.
unsigned save_area_bytes(u64 components, bool compacted);

// With the operand's linear address; alignment and contents are checked. op.size 8 is the 64-bit x87 format.
bool fxsave_at(Cpu& cpu, const Op& op, u64 linear);
bool fxrstor_at(Cpu& cpu, const Op& op, u64 linear);
bool xsave_at(Cpu& cpu, const Op& op, u64 linear, SaveForm form);
bool xrstor_at(Cpu& cpu, const Op& op, u64 linear, bool supervisor);

template <class Address>
inline bool fxsave(Cpu& cpu, const Op& op) {
  u64 linear;
  return fxsave_ready(cpu) && Address::linear(cpu, op, 512, AccessKind::write, linear) &&
         fxsave_at(cpu, op, linear);
}
template <class Address>
inline bool fxrstor(Cpu& cpu, const Op& op) {
  u64 linear;
  return fxsave_ready(cpu) && Address::linear(cpu, op, 512, AccessKind::read, linear) &&
         fxrstor_at(cpu, op, linear);
}

template <SaveForm form, class Address>
inline bool save_components(Cpu& cpu, const Op& op) {
  constexpr bool supervisor = form == SaveForm::xsaves, compacted = supervisor || form == SaveForm::xsavec;
  if (supervisor && cpu.non_root && !may_use_supervisor_states(cpu, op)) return false;
  if (!xsave_ready(cpu, supervisor)) return false;
  const unsigned bytes = save_area_bytes(requested_components(cpu, supervisor), compacted);
  u64 linear;
  return Address::linear(cpu, op, bytes, AccessKind::write, linear) && xsave_at(cpu, op, linear, form);
}
template <class Address>
constexpr auto xsave = save_components<SaveForm::xsave, Address>;
template <class Address>
constexpr auto xsaveopt = save_components<SaveForm::xsaveopt, Address>;
template <class Address>
constexpr auto xsavec = save_components<SaveForm::xsavec, Address>;
template <class Address>
constexpr auto xsaves = save_components<SaveForm::xsaves, Address>;

template <bool supervisor, class Address>
inline bool restore_components(Cpu& cpu, const Op& op) {
  u64 linear;
  if (supervisor && cpu.non_root && !may_use_supervisor_states(cpu, op)) return false;
  return xsave_ready(cpu, supervisor) && Address::linear(cpu, op, 576, AccessKind::read, linear) &&
         xrstor_at(cpu, op, linear, supervisor);
}
template <class Address>
constexpr auto xrstor = restore_components<false, Address>;
template <class Address>
constexpr auto xrstors = restore_components<true, Address>;

bool xgetbv(Cpu& cpu, const Op& op);

}  // namespace ringside
