// Owns the sorting of rows into those that an oracle compares and those that none can.
#include "cpu/decode/proof.h"

#include <algorithm>

namespace ringside {
namespace {

template <std::size_t n>
bool among(std::string_view name, const std::string_view (&list)[n]) {
  return std::find(std::begin(list), std::end(list), name) != std::end(list);
}

constexpr std::string_view outside_64_bit_mode[] = {
    "DAA", "DAS", "AAA", "AAS", "AAM", "AAD", "PUSHA", "POPA", "PUSHAD", "POPAD", "PUSHFD", "POPFD", "JCXZ"};
constexpr std::string_view hints[] = {"PREFETCH",  "PREFETCHNTA", "PREFETCHT0", "PREFETCHT1", "PREFETCHT2",
                                      "PREFETCHW", "PREFETCHWT1", "CLDEMOTE",   "RDSSPD",     "RDSSPQ",
                                      "BNDCL",     "BNDCN",       "BNDCU",      "BNDLDX",     "BNDMK",
                                      "BNDMOV",    "BNDSTX"};
constexpr std::string_view approximations[] = {"RCPPS", "RCPSS", "RSQRTPS", "RSQRTSS"};
constexpr std::string_view state_images[] = {"FLDENV", "FNSTENV", "FRSTOR", "FNSAVE"};

bool input_or_output(std::string_view body) {
  return body.starts_with("in_") || body.starts_with("out_") || body == "ins" || body == "outs" ||
         body == "rep_ins" || body == "rep_outs";
}

Proof general(const RowInfo& row) {
  if (row.attrs & RowAttr::legacy || among(row.mnemonic, outside_64_bit_mode))
    return {Oracle::none, "not in 64-bit mode"};
  if (input_or_output(row.body)) return {Oracle::none, "input and output"};
  if (row.body == "rdrand" || row.body == "rdseed") return {Oracle::none, "random numbers"};
  if (row.body == "undefined_instruction") return {Oracle::none, "#UD, always"};
  if (among(row.mnemonic, hints)) return {Oracle::none, "hints, without effect"};
  return {Oracle::general, {}};
}

Proof x87(const RowInfo& row) {
  const bool image80 = row.operands[0] == Operand::m80;
  if (image80 || among(row.mnemonic, state_images)) return {Oracle::none, "x87 images in memory"};
  if (row.body == "fwait" || row.body == "former_control") return {Oracle::none, "x87 waiting"};
  return {Oracle::x87, {}};
}

Proof vector(const RowInfo& row) {
  if (among(row.mnemonic, approximations)) return {Oracle::none, "approximations, which makers choose"};
  if (row.body.find("maskmov") != row.body.npos) return {Oracle::none, "masked stores"};
  if (row.mnemonic == "LDMXCSR" || !row.match_operands || row.operands[0] == Operand::none ||
      row.operands[0] == Operand::ea)
    return {Oracle::none, "vector state as a whole"};
  return {Oracle::vector, {}};
}

}  // namespace

Proof proof_of(unsigned number) {
  const RowInfo& row = rows()[number];
  if (row.feature == Feature::vmx) return {Oracle::none, "VMX"};
  if (number >= mmx_rows) return vector(row);
  if (number >= x87_rows) return x87(row);
  if (number >= system_rows) return {Oracle::none, "system registers, time and identity"};
  if (number >= far_rows && number < string_rows) return {Oracle::none, "segments, gates and system calls"};
  return general(row);
}

}  // namespace ringside
