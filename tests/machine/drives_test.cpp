// Owns the test of drives in a whole machine: what a guest writes is in the image, is a part of the state,
// and comes back with it.
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "frontend/machine/checkpoints.h"
#include "tests/machine/guest.h"

using namespace ringside;

namespace {

struct ImageFile {
  std::string path;
  explicit ImageFile(std::size_t sectors) {
    char name[] = "/tmp/ringside-drive-XXXXXX";
    const int file = ::mkstemp(name);
    REQUIRE(file >= 0);
    ::close(file);
    path = name;
    std::ofstream(path, std::ios::binary) << std::string(sectors * sector_bytes, '.');
  }
  ~ImageFile() { std::filesystem::remove(path); }
  ImageFile(const ImageFile&) = delete;
  ImageFile& operator=(const ImageFile&) = delete;
  char at(std::size_t offset) const {
    std::ifstream stream(path, std::ios::binary);
    stream.seekg(static_cast<std::streamoff>(offset));
    return static_cast<char>(stream.get());
  }
};

MachineConfig with_disk(const ImageFile& image, bool snapshot = false) {
  MachineConfig config = Guest::config();
  DriveRequest drive;
  drive.path = image.path;
  drive.snapshot = snapshot;
  config.drives.push_back(drive);
  return config;
}

// Writes the sector of letters at Guest::data to sector `lba`, and waits until the drive is done.
void write_sector(Guest& g, u8 lba) {
  g.out(0x1f6, 0xe0).out(0x1f2, 1).out(0x1f3, lba).out(0x1f4, 0).out(0x1f5, 0).out(0x1f7, 0x30);
  g.bytes({0xbe}).number(Guest::data, 4);   // mov esi, data
  g.bytes({0xb9}).number(256, 4);           // mov ecx, 256
  g.bytes({0x66, 0xba}).number(0x1f0, 2);   // mov dx, 1f0h
  g.bytes({0xf3, 0x66, 0x6f});              // rep outsw
  g.bytes({0x66, 0xba}).number(0x1f7, 2);   // mov dx, 1f7h
  g.bytes({0xec, 0xa8, 0x80, 0x75, 0xfb});  // in al, dx; test al, 80h; jnz back
}
void fill(Guest& g, char letter) {
  for (u64 n = 0; n < sector_bytes; ++n) g.put(Guest::data + n, static_cast<u8>(letter), 1);
}

}  // namespace

TEST_CASE("what a guest writes is in the image at once, and is taken back by a restore") {
  const ImageFile image(64);
  Guest g(with_disk(image));
  fill(g, 'A');
  write_sector(g, 5);
  const u64 half = g.next;
  write_sector(g, 6);
  const u64 end = g.next;
  g.forever();
  const auto points = Checkpoints::create(*g.machine);
  REQUIRE(points);
  const unsigned before = points->take();
  CHECK(g.step_to(half));
  CHECK(image.at(5 * 512) == 'A');
  CHECK(image.at(6 * 512) == '.');
  const unsigned middle = points->take();
  CHECK(g.step_to(end));
  CHECK(image.at(6 * 512) == 'A');
  const std::string hash = g.machine->state_hash();

  CHECK(points->restore(before));
  CHECK(image.at(5 * 512) == '.');
  CHECK(image.at(6 * 512) == '.');
  CHECK(points->restore(middle));
  CHECK(image.at(5 * 512) == 'A');
  CHECK(image.at(6 * 512) == '.');
  CHECK(g.step_to(end));
  CHECK(g.machine->state_hash() == hash);
  CHECK(image.at(6 * 512 + 511) == 'A');
}

TEST_CASE("a saved state whose disk has other contents is refused, and one that fits is taken") {
  const ImageFile one(64), two(64);
  Guest first(with_disk(one)), second(with_disk(two));
  std::string error;
  const std::vector<u8> fresh = first.machine->save();
  CHECK(second.machine->restore(fresh, error));
  fill(first, 'B');
  write_sector(first, 1);
  CHECK(first.step_to(first.next));
  const std::vector<u8> written = first.machine->save();
  CHECK_FALSE(second.machine->restore(written, error));
  CHECK(error.find("contents of its disks") != error.npos);
  CHECK(first.machine->restore(fresh, error));
  CHECK(one.at(512) == '.');
}

TEST_CASE("with snapshot=on the image stays as it is, and the guest sees what it wrote") {
  const ImageFile image(64);
  Guest g(with_disk(image, true));
  fill(g, 'C');
  write_sector(g, 2);
  const u64 written = g.next;
  g.out(0x1f2, 1).out(0x1f3, 2).out(0x1f7, 0x20);
  g.bytes({0x66, 0xba}).number(0x1f7, 2).bytes({0xec, 0xa8, 0x80, 0x75, 0xfb});
  g.bytes({0x66, 0xba}).number(0x1f0, 2).bytes({0x66, 0xed});  // in ax, dx
  CHECK(g.step_to(written));
  CHECK(g.step_to(g.next));
  CHECK((g.cpu().gpr[RAX] & 0xffff) == 0x4343);
  CHECK(image.at(2 * 512) == '.');
}
