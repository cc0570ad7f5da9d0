// Owns the fuzzing of recordings: blocks of any bytes, whose checks fit, become a recording that is in order,
// or one line of words.
#include <cstdlib>

#include "frontend/replay/recording_form.h"
#include "tests/fuzz/machines.h"

using namespace ringside;
using namespace ringside::fuzz;

namespace {

// A file with blocks of any bytes, whose checks fit: what is in them is looked at, and not refused by its
// sums.
std::vector<u8> some_file(Input& in) {
  std::vector<u8> file(recording::magic.begin(), recording::magic.end());
  u64 chain = 0;
  constexpr u8 kinds[] = {'R', 'R', 'M', 'B', 'E', 'H', '?'};
  for (unsigned n = 0; n < 6; ++n) {
    std::vector<u8> payload;
    if (n == 0) {
      ByteWriter head;
      head.text("0");
      for (unsigned lists = 0; lists < 3; ++lists) head.number(0);
      for (unsigned names = 0; names < 2; ++names) {
        head.number(1);
        head.text("x");
      }
      payload = head.out();
    }
    // The head is mostly one.
    const bool plain = n == 0 && in.take<u8>() != 0;
    for (unsigned bytes = plain ? 0 : in.take<u8>() % 40; bytes > 0; --bytes)
      payload.push_back(in.take<u8>());
    std::vector<u8> block = {n == 0 ? u8{'H'} : kinds[in.take<u8>() % std::size(kinds)],
                             static_cast<u8>(payload.size()), static_cast<u8>(payload.size() >> 8), 0};
    const u64 first = recording::check(chain, block);
    for (unsigned byte = 0; byte < 4; ++byte) block.push_back(static_cast<u8>(first >> 8 * byte));
    block.insert(block.end(), payload.begin(), payload.end());
    chain = recording::check(chain, block);
    for (unsigned byte = 0; byte < 8; ++byte) block.push_back(static_cast<u8>(chain >> 8 * byte));
    file.insert(file.end(), block.begin(), block.end());
  }
  for (unsigned cut = in.take<u8>() % 4 * (in.take<u8>() % 8u); cut > 0; --cut) file.pop_back();
  return file;
}

void check(bool good) {
  if (!good) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
  Input in(data, size);
  const std::vector<u8> file = some_file(in);
  std::string error;
  const auto read = parse_recording(file, error);
  check(read.has_value() == error.empty());
  if (!read) {
    check(error.find('\n') == error.npos);
    return 0;
  }
  for (const StateMark& mark : read->marks)
    check(mark.registers.size() == read->head.registers.size() &&
          mark.parts.size() == read->head.parts.size());
  for (std::size_t n = 1; n < read->history.size(); ++n)
    check(recording::follows(read->history[n - 1].at, read->history[n].at));
  return 0;
}
