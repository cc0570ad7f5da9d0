// Owns the fuzzing of the decoder: any bytes in any mode are lowered to something that has a handler, or
// refused.
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "cpu/decode/lower.h"
#include "cpu/exec/engine/handler_table.h"

using namespace ringside;

namespace {
void must(bool condition) {
  if (!condition) std::abort();
}
FeatureSet everything() {
  FeatureSet features;
  features.set();
  features.reset(static_cast<std::size_t>(Feature::never));
  return features;
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
  static const Decoder decoder(everything());
  if (size < 3) return 0;
  const unsigned bits = 16u << data[0] % 3;
  const u16 offset = static_cast<u16>((data[0] >> 4 << 8 | data[1]) & 0xfff);
  const u8* bytes = data + 2;
  unsigned left = static_cast<unsigned>(size - 2);
  while (left) {
    Lowered out;
    const DecodeStatus status = decoder.lower(bytes, left, bits, data[0] & 8, offset, out);
    if (status != DecodeStatus::ok) return 0;
    must(out.op.length > 0 && out.op.length <= 15 && out.op.length <= left);
    must(out.op.row < all_handlers().size() && out.op.variant < variants);
    const Handlers& handlers = all_handlers()[out.op.row];
    must(handlers.fast[out.op.variant] && handlers.checked[out.op.variant]);
    bytes += out.op.length;
    left -= out.op.length;
  }
  return 0;
}
