// Owns the expansion of wide_rows.inc.
#include "cpu/exec/core/dispatch.h"

#if RINGSIDE_EMITTED_DISPATCH
#include "cpu/exec/engine/emit/wide.h"

namespace ringside {
namespace {

using Host = Assembler;
using HostVector = Xbyak::Xmm;
using HostOperand = Xbyak::Operand;

struct Number {};
constexpr Wide operator|(Number, Wide row) {
  row.number = true;
  return row;
}

struct Comparison {};
constexpr Wide operator|(Comparison, Wide row) {
  row.number = true;
  row.legacy_control = 7;
  return row;
}

constexpr auto make_wide() {
  using enum HostPart;
  using Parts = std::array<Wide, inline_vector_count>;
  Parts table{};
  const auto put = [&](const Wide& row) { table[static_cast<unsigned>(row.operation)] = row; };
#define HOST(...)                                                                         \
  [](Host& c, [[maybe_unused]] const HostVector& d, [[maybe_unused]] const HostVector& a, \
     [[maybe_unused]] const HostOperand& b, [[maybe_unused]] u8 i) { __VA_ARGS__; }
#define ROW_OF(name, way, part, bytes, bits, ...) \
  Wide{InlineVector::name, Way::way, part, bytes, bits, 0xff, false, HOST(__VA_ARGS__)},
#define NUMBER Number{} |
#define COMPARISON Comparison{} |
#define MOVE(name) Wide{InlineVector::name, Way::move},
#define WAY(name, way, part) Wide{InlineVector::name, Way::way, part},
#define MASK(name, bits) ROW_OF(name, mask, avx, bits, 0, c.v##name(Xbyak::Reg32(d.getIdx()), a))
#define LANES(name, part) ROW_OF(name, lanes, part, 0, 0, c.v##name(d, a, b))
#define LANES_NAMED(name, part) ROW_OF(name, lanes, part, 0, 0, c.name(d, a, b))
#define COUNTED(name) ROW_OF(name, counted, avx, 0, 0, b.isNone() ? c.v##name(d, a, i) : c.v##name(d, a, b))
#define BY_BYTES(name) ROW_OF(name, by_bytes, avx, 0, 0, c.v##name(d, a, i))
#define OF_ONE(name, part) ROW_OF(name, of_one, part, 0, 0, c.v##name(d, b))
#define CONTROL(name, part, bits) ROW_OF(name, lanes, part, 0, bits, c.v##name(d, a, b, i))
#define CONTROL_OF_ONE(name, host, part, bits) ROW_OF(name, of_one, part, 0, bits, c.v##host(d, b, i))
#define CHOSEN(name) ROW_OF(name, chosen, avx, 0, 0, c.v##name(d, d, b, a))
#define WIDENED(name, part, bytes) ROW_OF(name, widened, part, bytes, 0, c.v##name(d, b))
#define NARROWED(name) ROW_OF(name, narrowed, avx, 0, 0, c.v##name(d, b))
#define INSERTED(name, bytes) ROW_OF(name, inserted, avx, bytes, 0, c.v##name(d, a, b, i))
#define EXTRACTED(name, bytes) ROW_OF(name, extracted, avx, bytes, 0, c.v##name(b, a, i))
#define TEST_BITS(name, host) ROW_OF(name, test_bits, avx, 0, 0, c.host(d, b))
#define TEXT(name, way) ROW_OF(name, way, avx, 0, 0, c.v##name(a, b, i))
#define GATHER(name, element, index) Wide{InlineVector::name, Way::gathered, avx, element, index},
#define HALVED(name, part) ROW_OF(name, halved, part, 0, 0, c.v##name(b, a, i))
#define SHA(name) ROW_OF(name, own_first, sha, 0, 0, c.name(d, b))
#define SHA_CONTROL(name) ROW_OF(name, own_first, sha, 0, 0, c.name(d, b, i))
#define SCALAR(name, bytes) ROW_OF(name, scalar, avx, bytes, 0, c.v##name(d, a, b))
#define SCALAR_CONTROL(name, host, bytes) ROW_OF(name, scalar, avx, bytes, 0, c.v##host(d, a, b, i))
#define FUSED(name, bytes) ROW_OF(name, fused, fma, bytes, 0, c.v##name(d, a, b))
#define COMPARED(name, bytes) ROW_OF(name, compared, avx, bytes, 0, c.v##name(a, b))
#define FROM_INTEGER(name) ROW_OF(name, from_integer, avx, 0, 0, c.v##name(d, a, b))
#define TO_INTEGER(name, bytes)           \
  ROW_OF(name, to_integer, avx, bytes, 0, \
         i == 8 ? c.v##name(Xbyak::Reg64(d.getIdx()), b) : c.v##name(Xbyak::Reg32(d.getIdx()), b))
  constexpr Wide rows[] = {
#include "cpu/exec/engine/emit/wide_rows.inc"
  };
#undef HOST
#undef ROW_OF
#undef NUMBER
#undef COMPARISON
#undef MOVE
#undef WAY
#undef MASK
#undef LANES
#undef LANES_NAMED
#undef COUNTED
#undef BY_BYTES
#undef OF_ONE
#undef CONTROL
#undef CONTROL_OF_ONE
#undef CHOSEN
#undef WIDENED
#undef NARROWED
#undef INSERTED
#undef EXTRACTED
#undef TEST_BITS
#undef TEXT
#undef GATHER
#undef HALVED
#undef SHA
#undef SHA_CONTROL
#undef SCALAR
#undef SCALAR_CONTROL
#undef FUSED
#undef COMPARED
#undef FROM_INTEGER
#undef TO_INTEGER
  for (const Wide& row : rows) put(row);
  return table;
}

constexpr auto wide_table = make_wide();

}  // namespace

const Wide& wide_of(InlineVector operation) { return wide_table[static_cast<unsigned>(operation)]; }

}  // namespace ringside
#endif
