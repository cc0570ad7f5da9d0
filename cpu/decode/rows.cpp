// Owns the lowering table: the rows of cpu/decode/rows/*.inc, as data.
#include "cpu/decode/rows.h"

#include <Zydis/Zydis.h>

#include "cpu/decode/groups.h"
#include "cpu/decode/row_tags.h"

namespace ringside {
namespace {

template <class... Tokens>
constexpr std::array<Operand, max_operands> pattern(Tokens... tokens) {
  return {tokens...};
}

constexpr auto make_rows() {
  using namespace row_tag;
  using enum Operand;
  using enum Inline;
  using enum InlineVector;
  using enum Privilege;
  using enum InformationFormat;
  using enum Judge;
  using enum Branch;
  std::array<RowInfo, row_count> made{};
  RowInfo* next = made.data();
  RowGroup group{};
#define GROUP(name, oracle) group = RowGroup::name;
#define ROW(mnemonic, operands, sizes, body, feature, kind, attrs, ...)                                     \
  *next++ = with(RowInfo{#mnemonic, ZYDIS_MNEMONIC_##mnemonic, pattern operands, true, Sizes::sizes, #body, \
                         Feature::feature, Kind::kind, RowAttr::attrs, group} __VA_OPT__(, ) __VA_ARGS__);
#define ROW_0(mnemonic, body, feature, kind, attrs, ...)                                             \
  *next++ = with(RowInfo{#mnemonic, ZYDIS_MNEMONIC_##mnemonic, pattern(), false, Sizes::none, #body, \
                         Feature::feature, Kind::kind, RowAttr::attrs, group} __VA_OPT__(, ) __VA_ARGS__);
#include "cpu/decode/rows/all.inc"
#undef GROUP
#undef ROW
#undef ROW_0
  return made;
}

constexpr auto table = make_rows();

}  // namespace

std::span<const RowInfo> rows() { return table; }

std::string_view feature_name(Feature feature) {
  static constexpr std::string_view names[] = {
      "base",      "fpu",      "cx8",           "cmov",       "sep",      "fxsr",    "mmx",
      "sse",       "sse2",     "sse3",          "pclmulqdq",  "monitor",  "vmx",     "ssse3",
      "cx16",      "sse4.1",   "sse4.2",        "movbe",      "popcnt",   "aes",     "xsave",
      "rdrand",    "fsgsbase", "bmi1",          "bmi2",       "adx",      "smap",    "clflushopt",
      "clwb",      "sha-ni",   "pku",           "rdpid",      "rdseed",   "invpcid", "lahf-lm",
      "lzcnt",     "syscall",  "rdtscp",        "lm",         "xsaveopt", "xsavec",  "xsaves",
      "wbnoinvd",  "clflush",  "3dnowprefetch", "umip",       "waitpkg",  "movdiri", "movdir64b",
      "serialize", "erms",     "gfni",          "fsrm",       "cldemote", "avx",     "avx2",
      "fma",       "f16c",     "vaes",          "vpclmulqdq", "never"};
  static_assert(std::size(names) == static_cast<std::size_t>(Feature::count));
  return names[static_cast<std::size_t>(feature)];
}

}  // namespace ringside
