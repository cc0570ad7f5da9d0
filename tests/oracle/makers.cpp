// Owns the table of what makers do differently.
#include "tests/oracle/makers.h"

namespace oracle {
namespace {

bool always(const Sample&) { return true; }
bool narrow_in_64(const Sample& s) { return s.bits == 64 && s.size_prefix; }
bool wide(const Sample& s) { return s.wide; }
bool words(const Sample& s) { return s.operand_bytes == 2; }
bool long_count(const Sample& s) { return s.operand_bytes == 2 && (s.immediate & 31) > 16; }

bool legacy(const Sample& s) { return s.bits != 64; }
bool register_form(const Sample& s) { return !s.memory && s.rm != Sample::none; }
bool beyond_limit(const Sample& s) { return s.row->operands[0] == Operand::rel && !s.target; }
bool in_or_out_of_64_bit_code(const Sample& s) { return (s.bits == 64) != (s.target_bits == 64); }
bool exchanges_r8(const Sample& s) { return s.bits == 64 && (s.bytes[s.bytes.size() - 2] & 0xf1) == 0x41; }
bool from_memory(const Sample& s) { return s.memory; }
bool repeated(const Sample& s) { return s.repeat_prefix; }

constexpr MakersDiffer table[] = {
    {"jump", narrow_in_64, Open::everything, "in 64-bit mode one maker ignores a branch's operand size"},
    {"If<*", narrow_in_64, Open::everything, "likewise"},
    {"call", narrow_in_64, Open::everything, "likewise"},
    {"jump_to", narrow_in_64, Open::everything, "likewise"},
    {"call_to", narrow_in_64, Open::everything, "likewise"},
    {"ret*", narrow_in_64, Open::everything, "likewise"},
    {"loop*", narrow_in_64, Open::everything, "likewise"},
    {"jump_if_count_zero", narrow_in_64, Open::everything, "likewise"},
    {"jmp_far_memory", wide, Open::everything, "one maker has no far pointers with 64-bit offsets"},
    {"call_far_memory", wide, Open::everything, "likewise"},
    {"lss", wide, Open::everything, "likewise"},
    {"lfs", wide, Open::everything, "likewise"},
    {"lgs", wide, Open::everything, "likewise"},
    {"bswap", words, Open::everything, "undefined with a 16-bit register"},
    {"shld_immediate", long_count, Open::everything, "undefined where the count exceeds the operand"},
    {"shrd_immediate", long_count, Open::everything, "likewise"},
    {"nop", register_form, Open::everything,
     "0Dh 0Fh with a register: undefined with one maker, no operation with the other"},
    {"loop_while*", repeated, Open::everything,
     "one maker's LOOPE is LOOPNE after a REPNE prefix, and vice versa"},
    {"sysret_instruction", legacy, Open::everything, "one maker has it in 64-bit mode only"},
    {"call_far*", always, Open::frame_order, "which word of a frame is touched first"},
    {"ret_far", always, Open::frame_order, "likewise"},
    {"ret_far_release", always, Open::frame_order | Open::which_fault,
     "likewise; one maker looks at the far end of it first"},
    {"fst", always, Open::whether_it_faults,
     "one maker looks at the destination even where an unmasked exception forbids the store"},
    {"fstp", always, Open::whether_it_faults, "likewise"},
    {"fist*", always, Open::whether_it_faults, "likewise"},
    {"fbstp", always, Open::whether_it_faults, "likewise"},
    {"fxrstor", always, Open::frame_order, "which end of the image is touched first"},
    {"xrstor*", always, Open::frame_order, "likewise"},
    {"iret", always, Open::frame_order, "likewise"},
    {"lar", always, Open::limit_bits, "undefined"},
    {"arpl", always, Open::whether_it_faults, "one maker writes the destination only if its RPL changes"},
    {"call", beyond_limit, Open::which_fault, "the stack's fault or the target's"},
    {"call_far*", in_or_out_of_64_bit_code, Open::everything,
     "one maker pushes by the rules of the code that is called"},
    {"ret_far_release", in_or_out_of_64_bit_code, Open::everything, "likewise"},
    {"maskmov*", always, Open::whether_it_faults, "for bytes that the mask leaves out"},
    {"sha1*", always, Open::whether_it_faults, "one maker takes misaligned operands"},
    {"sha256*", always, Open::whether_it_faults, "likewise"},
    {"fldenv", always, Open::frame_order, "which end of the image is touched first"},
    {"frstor", always, Open::frame_order, "likewise"},
    {"pause_instruction", exchanges_r8, Open::everything,
     "F3h before XCHG R8, RAX: PAUSE to the decoder's library, the exchange to one maker's processors"},
    {"popa", always, Open::registers_of_a_fault, "one maker's registers keep what was read before the fault"},
    {"push_segment", always, Open::pushed_selector | Open::whether_it_faults,
     "one maker writes 16 bits, the other zeros above them"},
    {"cvtpi2ps", from_memory, Open::x87_values | Open::whether_it_faults,
     "one maker leaves the x87 registers alone where no MMX register is read"},
    {"f2xm1", always, Open::x87_values,
     "transcendental: the last bit is the maker's; tests/float80 compares closely"},
    {"fsin", always, Open::x87_values, "likewise"},
    {"fcos", always, Open::x87_values, "likewise"},
    {"fsincos", always, Open::x87_values, "likewise"},
    {"fptan", always, Open::x87_values, "likewise"},
    {"fpatan", always, Open::x87_values, "likewise"},
    {"fyl2x", always, Open::x87_values, "likewise"},
    {"fyl2xp1", always, Open::x87_values, "likewise"},
    {"fcomi*", always, Open::c1 | Open::flags,
     "C1, and EFLAGS after an unmasked IE; tests/float80 has the manual's"},
    {"fucomi*", always, Open::c1 | Open::flags, "likewise"},
    {"fxsave", always, Open::frame_order | Open::x87_pointers | Open::reserved_bytes,
     "one maker saves the pointers to the last x87 instruction only while an exception pends; MXCSR_MASK"},
    {"xsave*", always, Open::frame_order | Open::x87_pointers | Open::reserved_bytes, "likewise"},
    {"fnsave", always, Open::frame_order | Open::x87_pointers,
     "likewise; the selectors are zero on newer processors"},
    {"fnstenv", always, Open::frame_order | Open::x87_pointers, "likewise"},
};

bool names(std::string_view pattern, std::string_view body) {
  if (pattern.ends_with('*')) return body.starts_with(pattern.substr(0, pattern.size() - 1));
  return pattern == body;
}

}  // namespace

std::span<const MakersDiffer> makers_differ() { return table; }

u32 open_for(const Sample& sample) {
  u32 open = 0;
  for (const MakersDiffer& entry : table) {
    if (!names(entry.body, sample.row->body) || !entry.applies(sample)) continue;
    open |= entry.body == "If<*" && sample.row->kind != Kind::conditional ? 0 : entry.open;
  }
  return open;
}

}  // namespace oracle
