// Owns the fuzzing of bundles' archives: headers and contents of any bytes, packed so that their checks fit,
// are read in bounded memory or refused in one line, and no name leaves the folder.
#include <zstd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "frontend/replay/archive.h"
#include "tests/fuzz/machines.h"

using namespace ringside;
using namespace ringside::fuzz;

namespace {

void check(bool good) {
  if (!good) std::abort();
}

class Sink final : public ArchiveSink {
 public:
  bool begin(std::string_view name, u64 bytes, std::string&) override {
    check(good_member_name(name) && !open_);
    open_ = true;
    left_ = bytes;
    return true;
  }
  bool data(std::span<const u8> bytes, std::string&) override {
    check(open_ && !bytes.empty() && bytes.size() <= left_);
    left_ -= bytes.size();
    return true;
  }
  bool end(std::string&) override {
    check(open_ && left_ == 0);
    open_ = false;
    return true;
  }

 private:
  bool open_ = false;
  u64 left_ = 0;
};

// Blocks of a tar, most of them headers whose sums are right.
std::vector<u8> some_tar(Input& in) {
  std::vector<u8> tar;
  for (unsigned blocks = in.take<u8>() % 8; blocks > 0; --blocks) {
    std::vector<u8> block(512);
    const bool header = in.take<u8>() % 4 != 0;
    if (header) {
      const char* const names[] = {"bundle.json", "../x", "images/0-x", "/etc/x", "a//b", ""};
      const std::string name = names[in.take<u8>() % std::size(names)];
      std::copy(name.begin(), name.end(), block.begin());
      std::memcpy(&block[124], "00000000000", 11);
      block[134] = static_cast<u8>('0' + in.take<u8>() % 8);
      block[124 + in.take<u8>() % 12] = in.take<u8>();
      block[156] = in.take<u8>() % 3 == 0 ? in.take<u8>() : u8{'0'};
      std::memcpy(&block[257], "ustar", 5);
    }
    for (unsigned bytes = in.take<u8>() % 4; bytes > 0; --bytes) block[in.take<u16>() % 512] = in.take<u8>();
    if (header) {
      std::memset(&block[148], ' ', 8);
      unsigned sum = 0;
      for (const u8 byte : block) sum += byte;
      for (unsigned digit = 0; digit < 6; ++digit)
        block[153 - digit] = static_cast<u8>('0' + (sum >> 3 * digit & 7));
      block[154] = 0;
    }
    tar.insert(tar.end(), block.begin(), block.end());
  }
  if (in.take<u8>() % 4 != 0) tar.resize(tar.size() + 1024);
  return tar;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
  Input in(data, size);
  const std::vector<u8> tar = some_tar(in);
  std::vector<u8> file(ZSTD_compressBound(tar.size()));
  file.resize(ZSTD_compress(file.data(), file.size(), tar.data(), tar.size(), 1));
  for (unsigned bytes = in.take<u8>() % 8 == 0 ? in.take<u8>() % 4 : 0; bytes > 0; --bytes)
    file[in.take<u16>() % file.size()] = in.take<u8>();
  std::size_t at = 0;
  Sink sink;
  std::string error;
  const bool good = read_archive(
      [&](std::span<u8> to) {
        const std::size_t piece = std::min(to.size(), file.size() - at);
        std::copy_n(file.begin() + static_cast<std::ptrdiff_t>(at), piece, to.begin());
        at += piece;
        return piece;
      },
      sink, error);
  check(good == error.empty() && error.find('\n') == error.npos);
  return 0;
}
