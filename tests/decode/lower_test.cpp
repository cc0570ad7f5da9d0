// Owns the tests of the lowering over all of the instruction space: what is lowered has handlers, its length
// is the decoder's, and its fields stay inside their arrays.
#include <doctest/doctest.h>

#include <Zydis/Zydis.h>

#include <map>

#include "cpu/decode/lower.h"
#include "cpu/exec/engine/handler_table.h"
#include "tests/decode/samples.h"
#include "tests/soak.h"

using namespace ringside;

namespace {

FeatureSet everything() {
  FeatureSet features;
  features.set();
  features.reset(static_cast<std::size_t>(Feature::never));
  return features;
}

// Faults of the table, one example each.
struct Holes {
  Decoder decoder{everything()};
  const std::vector<Handlers>& handlers = all_handlers();
  std::map<std::string, std::string> found;
  u64 lowered = 0;

  void note(const Op& op, const char* what, unsigned bits, const Sample& bytes) {
    const RowInfo& row = rows()[op.row];
    found.try_emplace(std::string(row.mnemonic) + " row " + std::to_string(op.row) + " variant " +
                          std::to_string(op.variant) + ": " + what,
                      std::to_string(bits) + "-bit: " + hex(bytes));
  }

  void operator()(unsigned bits, const Sample& bytes) {
    Lowered out;
    const DecodeStatus status = decoder.lower(bytes.data(), sample_bytes, bits, false, 0x123, out);
    if (status != DecodeStatus::ok) {
      if (out.op.row != Decoder::no_row) note(out.op, "not lowered, but has a row", bits, bytes);
      return;
    }
    ++lowered;
    const Op& op = out.op;
    if (op.row >= handlers.size() || op.variant >= variants) return note(op, "beyond the table", bits, bytes);
    const Handlers& h = handlers[op.row];
    if (!h.fast[op.variant]) note(op, "no fast handler", bits, bytes);
    if (!h.checked[op.variant]) note(op, "no checked handler", bits, bytes);
    if (op.length == 0 || op.length > sample_bytes) note(op, "length", bits, bytes);
    if (op.base > reg::page_size || op.index > reg::page_size || op.scale > 3 || op.seg > 5)
      note(op, "memory operand", bits, bytes);
    if (out.kind != rows()[op.row].kind) note(op, "kind", bits, bytes);

    // The same bytes cut short are not an instruction yet, and what follows it does not matter.
    Lowered other;
    if (decoder.lower(bytes.data(), op.length, bits, false, 0x123, other) != DecodeStatus::ok ||
        other.op.length != op.length || other.op.row != op.row || other.op.variant != op.variant ||
        other.op.imm64 != op.imm64)
      note(op, "depends on the bytes behind it", bits, bytes);
    if (decoder.lower(bytes.data(), op.length - 1u, bits, false, 0x123, other) != DecodeStatus::more)
      note(op, "does not ask for its last byte", bits, bytes);
  }

  void report() const {
    for (const auto& [what, example] : found) MESSAGE(what << "  " << example);
    CHECK(found.empty());
  }
};

}  // namespace

TEST_CASE("every instruction that is lowered has its handlers: all opcodes") {
  Holes holes;
  sweep_opcodes([&](unsigned bits, const Sample& bytes) { holes(bits, bytes); });
  holes.report();
  CHECK(holes.lowered > 500'000);
}

TEST_CASE("every instruction that is lowered has its handlers: random bytes") {
  Holes holes;
  random_samples(0x5eed, 1'000'000 * soak_factor(),
                 [&](unsigned bits, const Sample& bytes) { holes(bits, bytes); });
  holes.report();
  CHECK(holes.lowered > 200'000);
}

TEST_CASE("fifteen prefixes are too long, fourteen and an opcode are not") {
  const Decoder decoder(everything());
  Sample bytes;
  bytes.fill(0x66);
  Lowered out;
  CHECK(decoder.lower(bytes.data(), 15, 64, false, 0, out) == DecodeStatus::too_long);
  CHECK(decoder.lower(bytes.data(), 14, 64, false, 0, out) == DecodeStatus::more);
  bytes[14] = 0x90;
  CHECK(decoder.lower(bytes.data(), 15, 64, false, 0, out) == DecodeStatus::ok);
  CHECK(out.op.length == 15);
}
