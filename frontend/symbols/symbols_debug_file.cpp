// Owns the search for separate files of debugging information: by build ID, and by the name in
// .gnu_debuglink.
#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "frontend/symbols/symbols_image.h"

namespace ringside {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view usual_folder = "/usr/lib/debug";

// The checksum that .gnu_debuglink carries: CRC-32 as in zlib.
std::optional<u32> checksum(int file) {
  std::array<u32, 256> table{};
  for (u32 n = 0; n < 256; ++n) {
    u32 value = n;
    for (unsigned bit = 0; bit < 8; ++bit) value = value >> 1 ^ (value & 1 ? 0xedb88320 : 0);
    table[n] = value;
  }
  u32 sum = ~u32{0};
  std::vector<u8> buffer(1 << 20);
  for (off_t at = 0;;) {
    const ssize_t got = ::pread(file, buffer.data(), buffer.size(), at);
    if (got < 0) return std::nullopt;
    if (got == 0) return ~sum;
    for (ssize_t n = 0; n < got; ++n)
      sum = sum >> 8 ^ table[(sum ^ buffer[static_cast<std::size_t>(n)]) & 0xff];
    at += got;
  }
}

std::span<const u8> build_id_of(Elf* elf) {
  const void* id = nullptr;
  const ssize_t size = dwelf_elf_gnu_build_id(elf, &id);
  if (size <= 0) return {};
  return {static_cast<const u8*>(id), static_cast<std::size_t>(size)};
}

}  // namespace

bool SymbolImage::use_debug_file(const std::string& path, std::span<const u8> build_id,
                                 std::optional<u32> crc) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat about, own;
  // A folder with the program itself in it: the debuglink's name may be the program's own.
  const bool regular = file >= 0 && ::fstat(file, &about) == 0 && S_ISREG(about.st_mode) &&
                       ::fstat(file_, &own) == 0 &&
                       (about.st_ino != own.st_ino || about.st_dev != own.st_dev);
  Elf* elf = regular ? elf_begin(file, ELF_C_READ_MMAP, nullptr) : nullptr;
  const auto theirs = elf ? build_id_of(elf) : std::span<const u8>();
  // The build ID says whether they belong together; without it, the checksum does.
  const bool belongs =
      elf && (!build_id.empty() && !theirs.empty()
                  ? std::equal(theirs.begin(), theirs.end(), build_id.begin(), build_id.end())
                  : crc && checksum(file) == crc);
  Dwarf* dwarf = belongs ? dwarf_begin_elf(elf, DWARF_C_READ, nullptr) : nullptr;
  if (!has_units(dwarf)) {
    if (dwarf) dwarf_end(dwarf);
    if (elf) elf_end(elf);
    if (file >= 0) ::close(file);
    return false;
  }
  if (dwarf_) dwarf_end(dwarf_);
  dwarf_ = dwarf;
  debug_elf_ = elf;
  debug_fd_ = file;
  debug_path_ = path;
  has_lines_ = true;
  // A stripped program has the names that others use at most.
  symbols_.clear();
  return read_elf_symbols(debug_elf_);
}

void SymbolImage::open_debug_file(const std::string& path, const std::vector<std::string>& folders) {
  if (dwfl_ || !section_at_.empty()) return;
  const auto build_id = build_id_of(elf_);
  std::error_code problem;
  const fs::path folder = fs::absolute(path, problem).parent_path();
  std::vector<std::string> roots(folders);
  roots.emplace_back(usual_folder);
  if (build_id.size() > 1) {
    std::string name = fmt::format("{:02x}/", build_id[0]);
    for (const u8 byte : build_id.subspan(1)) name += fmt::format("{:02x}", byte);
    for (const std::string& root : roots) {
      if (use_debug_file(fmt::format("{}/.build-id/{}.debug", root, name), build_id, {})) return;
    }
  }
  GElf_Word crc = 0;
  const char* link = dwelf_elf_gnu_debuglink(elf_, &crc);
  // A name, not a path: it may not lead anywhere else.
  if (!link || !*link || std::string_view(link).find('/') != std::string_view::npos) return;
  std::vector<fs::path> places = {folder, folder / ".debug"};
  for (const std::string& root : roots) {
    places.push_back(fs::path(root) / folder.relative_path());
    places.emplace_back(root);
  }
  for (const fs::path& place : places) {
    if (use_debug_file((place / link).string(), build_id, crc)) return;
  }
}

}  // namespace ringside
