// Owns the test of folders as FAT disks, where mtools are installed.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <vector>

#include "devices/block/fat_folder.h"

using namespace ringside;
namespace fs = std::filesystem;

namespace {

struct ScratchFolder {
  fs::path path;
  ScratchFolder() {
    char name[] = "/tmp/ringside-folder-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    path = name;
  }
  ~ScratchFolder() { fs::remove_all(path); }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  void put(const std::string& name, std::string_view text) const {
    fs::create_directories((path / name).parent_path());
    std::ofstream(path / name, std::ios::binary) << text;
  }
};

bool mtools() {
  const bool there = std::system("command -v mformat mmd mcopy >/dev/null") == 0;
  if (!there) MESSAGE("skipped: mtools are not installed");
  return there;
}

std::vector<u8> contents(BlockDevice& block) {
  std::vector<u8> bytes(block.sectors() * sector_bytes);
  CHECK(block.read(0, bytes));
  return bytes;
}

bool holds(const std::vector<u8>& bytes, std::string_view text) {
  return std::search(bytes.begin(), bytes.end(), text.begin(), text.end(),
                     [](u8 a, char b) { return a == static_cast<u8>(b); }) != bytes.end();
}

}  // namespace

TEST_CASE("a folder becomes a partitioned FAT disk, the same one whenever its files are the same") {
  if (!mtools()) return;
  const ScratchFolder one, two;
  one.put("startup.nsh", "echo of the first file\n");
  one.put("EFI/BOOT/BOOTX64.EFI", "not really a program");
  two.put("EFI/BOOT/BOOTX64.EFI", "not really a program");
  two.put("startup.nsh", "echo of the first file\n");
  fs::last_write_time(two.path / "startup.nsh", fs::file_time_type());
  std::string error;
  const auto disk = open_fat_folder(one.path.string(), false, error),
             same = open_fat_folder(two.path.string(), false, error);
  CAPTURE(error);
  REQUIRE(disk);
  REQUIRE(same);
  const std::vector<u8> bytes = contents(*disk);
  CHECK(bytes == contents(*same));
  CHECK(bytes[510] == 0x55);
  CHECK(bytes[446 + 4] == 0x0e);
  CHECK(bytes[(1 << 20) + 510] == 0x55);
  CHECK(holds(bytes, "FAT16"));
  CHECK(holds(bytes, "BOOTX64 EFI"));
  CHECK(holds(bytes, "echo of the first file\n"));
  // What the guest writes gets to its disk, and not to the folder.
  CHECK(disk->write(0, std::vector<u8>(512, 1)));
  CHECK(contents(*disk)[0] == 1);
  CHECK(fs::file_size(one.path / "startup.nsh") == 23);
}

TEST_CASE("what changed on the disk of a folder is put back when it is closed, and nothing else is touched") {
  if (!mtools()) return;
  const ScratchFolder folder, work;
  folder.put("same.txt", "same"), folder.put("old.txt", "old"), folder.put("sub/gone.txt", "gone");
  const auto before = fs::last_write_time(folder.path / "same.txt");
  std::string error;
  auto disk = open_fat_folder(folder.path.string(), true, error);
  CAPTURE(error);
  REQUIRE(disk);
  // The guest is mtools, on a copy of the disk.
  const std::string image = (work.path / "image").string();
  const std::vector<u8> bytes = contents(*disk);
  std::ofstream(image, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  work.put("new.txt", "the new file"), work.put("old.txt", "changed");
  const std::string on = " -i " + image + "@@1048576 ", from = work.path.string();
  const std::string act = "MTOOLS_SKIP_CHECK=1; export MTOOLS_SKIP_CHECK; mdel" + on +
                          "::/sub/gone.txt && mrd" + on + "::/sub && mcopy -o" + on + from + "/new.txt " +
                          from + "/old.txt ::/";
  REQUIRE(std::system(act.c_str()) == 0);
  std::vector<u8> changed(bytes.size());
  std::ifstream(image, std::ios::binary)
      .read(reinterpret_cast<char*>(changed.data()), static_cast<std::streamsize>(changed.size()));
  CHECK(disk->write(0, changed));
  CHECK_FALSE(fs::exists(folder.path / "new.txt"));
  disk.reset();
  const auto text = [&](const char* name) {
    std::ifstream stream(folder.path / name);
    return std::string{std::istreambuf_iterator<char>(stream), {}};
  };
  CHECK(text("new.txt") == "the new file");
  CHECK(text("old.txt") == "changed");
  CHECK(text("same.txt") == "same");
  CHECK(fs::last_write_time(folder.path / "same.txt") == before);
  CHECK_FALSE(fs::exists(folder.path / "sub"));
  CHECK(std::distance(fs::directory_iterator(folder.path), fs::directory_iterator()) == 3);
}

TEST_CASE("what is no folder for a disk is refused in one line") {
  std::string error;
  CHECK(open_fat_folder("/tmp/ringside-nowhere", false, error) == nullptr);
  CHECK(error.find("/tmp/ringside-nowhere") != error.npos);
  CHECK(error.find('\n') == error.npos);
}
