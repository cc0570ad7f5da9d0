// Owns what tests of machines with disks share: images that go away, and guests that write sectors.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/machine/guest.h"

namespace ringside {

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

inline MachineConfig with_disk(const ImageFile& image, bool snapshot = false) {
  MachineConfig config = Guest::config();
  DriveRequest drive;
  drive.path = image.path;
  drive.snapshot = snapshot;
  config.drives.push_back(drive);
  return config;
}

// Writes the sector of letters at Guest::data to sector `lba`, and waits until the drive is done.
inline void write_sector(Guest& g, u8 lba) {
  g.out(0x1f6, 0xe0).out(0x1f2, 1).out(0x1f3, lba).out(0x1f4, 0).out(0x1f5, 0).out(0x1f7, 0x30);
  g.bytes({0xbe}).number(Guest::data, 4);   // mov esi, data
  g.bytes({0xb9}).number(256, 4);           // mov ecx, 256
  g.bytes({0x66, 0xba}).number(0x1f0, 2);   // mov dx, 1f0h
  g.bytes({0xf3, 0x66, 0x6f});              // rep outsw
  g.bytes({0x66, 0xba}).number(0x1f7, 2);   // mov dx, 1f7h
  g.bytes({0xec, 0xa8, 0x80, 0x75, 0xfb});  // in al, dx; test al, 80h; jnz back
}
inline void fill(Guest& g, char letter) {
  for (u64 n = 0; n < sector_bytes; ++n) g.put(Guest::data + n, static_cast<u8>(letter), 1);
}

}  // namespace ringside
