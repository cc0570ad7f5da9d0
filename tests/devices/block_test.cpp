// Owns the test of images as blocks: raw files and what is no such thing, locks, overlays, contents that come
// back.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "devices/block/disk_history.h"
#include "devices/block/kept_bytes.h"
#include "devices/block/file_block.h"
#include "devices/block/memory_block.h"
#include "devices/block/overlay_block.h"
#include "tests/random.h"

using namespace ringside;

namespace {

// A file that goes away.
struct Scratch {
  std::string path;
  explicit Scratch(std::string_view bytes) {
    char name[] = "/tmp/ringside-block-XXXXXX";
    const int file = ::mkstemp(name);
    REQUIRE(file >= 0);
    ::close(file);
    path = name;
    std::ofstream(path, std::ios::binary) << bytes;
  }
  ~Scratch() { std::filesystem::remove(path); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
};

std::vector<u8> filled(u64 sectors, u8 with) { return std::vector<u8>(sectors * sector_bytes, with); }

std::vector<u8> contents(BlockDevice& block) {
  std::vector<u8> bytes(block.sectors() * sector_bytes);
  CHECK(block.read(0, bytes));
  return bytes;
}

// One line that names the file and says all these words.
void refused(const std::string& path, Media media, std::initializer_list<const char*> words) {
  std::string error;
  CHECK(FileBlock::open(path, media, false, error) == nullptr);
  CAPTURE(error);
  CHECK(error.find('\n') == error.npos);
  CHECK(error.find(path) == 0);
  for (const char* word : words) CHECK(error.find(word) != error.npos);
}

std::string padded(std::string text, std::size_t bytes) {
  text.resize(bytes);
  return text;
}

}  // namespace

TEST_CASE("block: a host that takes no more bytes is a failed write, and what it took before is there") {
  const Scratch file(std::string(8 * 512, 'a'));
  std::string error;
  const auto block = FileBlock::open(file.path, Media::disk, false, error);
  REQUIRE_MESSAGE(block, error);
  const std::vector<u8> sector(512, 'b');
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  std::vector<std::string> told;
  block->on_trouble([&](const std::string& line) { told.push_back(line); });
  const rlimit four_sectors{4 * 512, before.rlim_max};
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &four_sectors) == 0);
  const bool below = block->write(1, sector), above = block->write(5, sector),
             again = block->write(6, sector), flushed = block->flush();
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  std::signal(SIGXFSZ, handler);
  CHECK(below);
  CHECK_FALSE(above);
  CHECK_FALSE(again);
  CHECK(flushed);
  const std::vector<u8> now = contents(*block);
  CHECK(now[512] == 'b');
  CHECK(now[5 * 512] == 'a');
  REQUIRE(told.size() == 1);
  CHECK(told[0] ==
        file.path + ": cannot be written: File too large; the guest got an error: make room for it");
}

TEST_CASE("block: a raw file is read and written in place") {
  const Scratch file(std::string(8 * 512, 'a'));
  std::string error;
  const auto block = FileBlock::open(file.path, Media::disk, false, error);
  REQUIRE(block);
  CHECK(block->sectors() == 8);
  CHECK(block->write(3, filled(2, 'b')));
  CHECK(block->flush());
  std::ifstream stream(file.path, std::ios::binary);
  const std::string now{std::istreambuf_iterator<char>(stream), {}};
  CHECK(now == std::string(3 * 512, 'a') + std::string(2 * 512, 'b') + std::string(3 * 512, 'a'));
  CHECK(contents(*block)[3 * 512] == 'b');
  // Somebody cuts it off meanwhile: an error, and no zeros that nobody wrote.
  std::filesystem::resize_file(file.path, 1024);
  std::vector<u8> bytes(512);
  CHECK(block->read(1, bytes));
  std::string told;
  block->on_trouble([&](const std::string& line) { told += line; });
  CHECK_FALSE(block->read(2, bytes));
  CHECK_FALSE(block->read(3, bytes));
  CHECK(told ==
        file.path + ": cannot be read: it ends early; the guest got an error: put the whole image back");
}

TEST_CASE("block: what is no raw image is refused in one line with the cure") {
  refused("/tmp/ringside-nowhere.raw", Media::disk, {"no such file"});
  refused("/tmp", Media::disk, {"directory", "fat:"});
  refused("/dev/null", Media::disk, {"neither"});
  const Scratch empty(""), odd(std::string(1000, 'x')), qcow2(padded("QFI\xfb", 4096)),
      vmdk(padded("KDMV", 4096)), packed(padded("\x1f\x8b\x08", 4096));
  refused(empty.path, Media::disk, {"empty", "truncate"});
  refused(odd.path, Media::disk, {"1000 bytes", "512"});
  refused(qcow2.path, Media::disk, {"qcow2", "qemu-img convert"});
  refused(vmdk.path, Media::disk, {"VMDK", "qemu-img convert"});
  refused(packed.path, Media::disk, {"gzip", "unpack"});
  const Scratch short_disc(std::string(3 * 512, 'x'));
  refused(short_disc.path, Media::cdrom, {"2048"});
  std::string disc(20 * 2048, '\0');
  disc.replace(16 * 2048, 7, std::string("\1CD001\1", 7));
  disc[16 * 2048 + 80] = 21;
  disc[16 * 2048 + 129] = 8;
  const Scratch cut(disc);
  refused(cut.path, Media::cdrom, {"cut off", "43008"});
  disc[16 * 2048 + 80] = 20;
  // One that ends inside its descriptor is told by its length alone.
  const Scratch inside(disc.substr(0, 16 * 2048 + 8));
  refused(inside.path, Media::cdrom, {"32776 bytes", "2048"});
  const Scratch whole(disc);
  std::string error;
  CHECK(FileBlock::open(whole.path, Media::cdrom, true, error) != nullptr);
}

TEST_CASE("block: one writer, or any number of readers") {
  const Scratch file(std::string(4096, 'a'));
  std::string error;
  auto writer = FileBlock::open(file.path, Media::disk, false, error);
  REQUIRE(writer);
  CHECK(FileBlock::open(file.path, Media::disk, false, error) == nullptr);
  CHECK(error.find("snapshot=on") != error.npos);
  CHECK(FileBlock::open(file.path, Media::disk, true, error) == nullptr);
  writer.reset();
  const auto one = FileBlock::open(file.path, Media::disk, true, error);
  const auto two = FileBlock::open(file.path, Media::disk, true, error);
  CHECK(one);
  CHECK(two);
  CHECK_FALSE(one->write(0, filled(1, 'b')));
  CHECK(FileBlock::open(file.path, Media::disk, false, error) == nullptr);
}

TEST_CASE("block: an overlay shows what was written, and what is below stays as it is") {
  auto below = std::make_unique<MemoryBlock>(filled(50, 'a'), true);
  const MemoryBlock& base = *below;
  OverlayBlock overlay(std::move(below));
  MemoryBlock model(filled(50, 'a'));
  Random random{3};
  for (int n = 0; n < 500; ++n) {
    const u64 sector = random.below(50), count = 1 + random.below(50 - sector);
    std::vector<u8> bytes = filled(count, static_cast<u8>(n));
    CHECK(overlay.write(sector, bytes) == model.write(sector, bytes));
    const u64 from = random.below(50), many = 1 + random.below(50 - from);
    std::vector<u8> here(many * 512), there(many * 512);
    CHECK(overlay.read(from, here));
    CHECK(model.read(from, there));
    CHECK(here == there);
  }
  CHECK(std::vector<u8>(base.bytes().begin(), base.bytes().end()) == filled(50, 'a'));
}

TEST_CASE("block: contents have numbers that follow from the writes, and come back by them") {
  DiskHistory disk(std::make_unique<MemoryBlock>(filled(16, 0)));
  DiskHistory same(std::make_unique<MemoryBlock>(filled(16, 0)));
  CHECK(disk.version() == same.version());
  CHECK(disk.write(1, filled(2, 'x')));
  CHECK(disk.version() != same.version());
  CHECK(same.write(1, filled(2, 'x')));
  CHECK(disk.version() == same.version());
  // Before keep() nothing is remembered.
  CHECK_FALSE(disk.go_to(0));

  disk.keep();
  std::vector<std::pair<u64, std::vector<u8>>> seen;
  Random random{9};
  for (int n = 0; n < 300; ++n) {
    seen.emplace_back(disk.version(), contents(disk));
    if (random.below(8) == 0) {
      // Back to some contents, from where another branch grows.
      const auto& [version, bytes] = seen[random.below(seen.size())];
      CHECK(disk.go_to(version));
      CHECK(contents(disk) == bytes);
    }
    const u64 sector = random.below(16);
    CHECK(disk.write(sector, filled(1 + random.below(16 - sector), static_cast<u8>(random.below(4)))));
  }
  for (const auto& [version, bytes] : seen) {
    CHECK(disk.go_to(version));
    CHECK(contents(disk) == bytes);
  }
  CHECK_FALSE(disk.go_to(12345));
  CHECK(contents(disk) == seen.back().second);
}

TEST_CASE("bytes that are kept go into a file when they are many, and come back from either place") {
  KeptBytes kept(1000);
  std::vector<u64> places;
  const auto piece = [](u64 n) { return std::vector<u8>(100 + n, static_cast<u8>(n)); };
  for (u64 n = 0; n < 40; ++n) {
    const auto at = kept.add(piece(n));
    REQUIRE(at);
    places.push_back(*at);
  }
  CHECK(places[0] == 0);
  CHECK(places[39] >= 1000);
  for (u64 n = 40; n-- > 0;) {
    std::vector<u8> back(piece(n).size());
    REQUIRE(kept.read(places[n], back));
    CHECK(back == piece(n));
  }
  std::vector<u8> beyond(8);
  CHECK_FALSE(kept.read(u64{1} << 40, beyond));
  CHECK_FALSE(kept.read(999, beyond));
  kept.clear();
  CHECK(kept.add(piece(1)) == 0);
}
