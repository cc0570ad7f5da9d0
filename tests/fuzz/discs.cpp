// Owns the fuzzing of CDs: images of any bytes and any length, most of them with the descriptors of an ISO
// file system and an El Torito boot catalog. Nothing may crash: an image is refused in one line, or the drive
// reads what it holds and no more, and firmware that boots from it may end in any way but take the program
// along.
// Source: ECMA-119, "Volume descriptors"; the El Torito specification, "Booting catalog".
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "devices/block/file_block.h"
#include "tests/fuzz/machines.h"

using namespace ringside;
using namespace ringside::fuzz;

namespace {

constexpr u64 block_bytes = 2048, descriptors_at = 16, catalog_at = 19, boot_image_at = 20, blocks = 24;

struct DiscFile {
  std::string path;
  DiscFile() {
    char name[] = "/tmp/ringside-fuzz-XXXXXX";
    const int file = ::mkstemp(name);
    if (file < 0) std::abort();
    ::close(file);
    path = name;
  }
  ~DiscFile() { std::filesystem::remove(path); }
  DiscFile(const DiscFile&) = delete;
  DiscFile& operator=(const DiscFile&) = delete;
  void write(const std::string& bytes) const { std::ofstream(path, std::ios::binary) << bytes; }
};

void set(std::string& image, u64 at, u64 value, unsigned size) {
  for (unsigned n = 0; n < size; ++n) image.at(at + n) = static_cast<char>(value >> (8 * n));
}

// Most fields are right, so that what is behind them is reached.
bool seldom(Input& in) { return (in.take<u8>() & 0x70) == 0x70; }

void descriptor(std::string& image, Input& in, u64 block, u8 type) {
  const u64 at = block * block_bytes;
  set(image, at, seldom(in) ? in.take<u8>() : type, 1);
  image.replace(at + 1, 6, "CD001\1", 6);
  if (seldom(in)) image.at(at + 1 + in.pick(6)) = static_cast<char>(in.take<u8>());
}

// A validation entry whose sum is right most of the time, and the entry of what is booted by default.
void catalog(std::string& image, Input& in) {
  constexpr u64 at = catalog_at * block_bytes, entry = at + 32;
  static constexpr u8 media[] = {0, 1, 2, 3, 4, 5, 0x10, 0xff};
  set(image, at, 1, 1);
  set(image, at + 30, 0xaa55, 2);
  u16 sum = 0;
  for (u64 n = 0; n < 32; n += 2)
    sum = static_cast<u16>(sum + static_cast<u8>(image[at + n]) + (static_cast<u8>(image[at + n + 1]) << 8));
  set(image, at + 28, static_cast<u16>(seldom(in) ? in.take<u16>() : 0 - sum), 2);
  set(image, entry, seldom(in) ? in.take<u8>() : 0x88, 1);
  set(image, entry + 1, media[in.pick(std::size(media))], 1);
  set(image, entry + 2, seldom(in) ? in.take<u16>() : 0, 2);
  set(image, entry + 6, seldom(in) ? in.take<u16>() : 1 + in.pick(8), 2);
  set(image, entry + 8, seldom(in) ? in.take<u32>() : boot_image_at, 4);
}

std::string disc(Input& in) {
  std::string image(blocks * block_bytes, '\0');
  descriptor(image, in, descriptors_at, 1);
  const bool says_more = seldom(in);
  set(image, descriptors_at * block_bytes + 80, says_more ? in.take<u32>() : blocks, 4);
  set(image, descriptors_at * block_bytes + 128, says_more ? in.take<u16>() : block_bytes, 2);
  descriptor(image, in, descriptors_at + 1, 0);
  image.replace((descriptors_at + 1) * block_bytes + 7, 23, "EL TORITO SPECIFICATION");
  set(image, (descriptors_at + 1) * block_bytes + 0x47, seldom(in) ? in.take<u32>() : catalog_at, 4);
  descriptor(image, in, descriptors_at + 2, 0xff);
  catalog(image, in);
  // What is booted: the input's bytes, wherever they lead.
  for (u64 n = 0; in.size > 0 && n < (blocks - boot_image_at) * block_bytes; ++n)
    image[boot_image_at * block_bytes + n] = static_cast<char>(in.take<u8>());
  return image;
}

[[noreturn]] void wrong(const std::string& what) {
  std::fprintf(stderr, "%s\n", what.c_str());
  std::abort();
}

// As it is opened for a drive: refused in one line that names it, or all of its blocks can be read.
void open_and_read(const DiscFile& file) {
  std::string error;
  const auto block = FileBlock::open(file.path, Media::cdrom, true, error);
  if (!block) {
    if (!error.starts_with(file.path) || error.find('\n') != error.npos) wrong("refused by: " + error);
    return;
  }
  std::vector<u8> bytes(block->sectors() * sector_bytes);
  if (bytes.size() != std::filesystem::file_size(file.path)) wrong("a disc of another size than its image");
  if (!block->read(0, bytes)) wrong("a disc that cannot be read");
}

// SeaBIOS on the point of looking at the disc, where it is installed.
class Firmware {
 public:
  explicit Firmware(const DiscFile& file) : file_(file) {
    const std::string rom = "/usr/share/seabios/bios-256k.bin";
    if (::access(rom.c_str(), R_OK) != 0) {
      std::fprintf(stderr, "no %s: discs are opened and read, not booted\n", rom.c_str());
      return;
    }
    MachineConfig config;
    std::string error;
    config.model = *parse_cpu_model(default_cpu_model, error);
    config.ram_bytes = 16 << 20;
    config.boot.bios = rom;
    DriveRequest drive;
    drive.path = file.path;
    drive.cdrom = true;
    drive.index = 2;
    config.drives = {drive};
    Input none{nullptr, 0};
    file.write(disc(none));
    waiting_ = std::make_unique<Fresh>(config);
    Machine& machine = waiting_->again();
    std::string said;
    machine.on_debug_console([&](u8 byte) { said += static_cast<char>(byte); });
    while (said.find("Booting from DVD/CD") == said.npos && machine.retired() < most_to_boot &&
           machine.run(slice).why == Ending::Why::running)
      ;
    machine.on_debug_console({});
    if (said.find("Booting from DVD/CD") == said.npos) wrong("SeaBIOS does not come to the CD: " + said);
    waiting_->keep();
  }
  // The file's length stays that of the disc that it found.
  void boot(const std::string& image) {
    if (!waiting_) return;
    Machine& machine = waiting_->again();
    file_.write(image);
    run_to(machine, machine.retired() + booted, whole);
  }

 private:
  static constexpr u64 most_to_boot = 400'000'000, slice = 1000, booted = 400'000;
  const DiscFile& file_;
  std::unique_ptr<Fresh> waiting_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
  static const DiscFile file;
  static Firmware firmware(file);
  Input in{data, size};
  const u8 kind = in.take<u8>();
  const u16 cut = in.take<u16>();
  std::string image = disc(in);
  firmware.boot(image);
  // Of any length: the ends of what is looked at among them.
  if (kind & 1) image.resize(kind & 2 ? descriptors_at * block_bytes + cut % 256 : cut);
  file.write(image);
  open_and_read(file);
  return 0;
}
