// Owns the signatures of the formats that people mistake for raw images.
// Source: ECMA-119, "Primary Volume Descriptor", for the size that a CD says of itself.
#include "devices/block/image_kind.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace ringside {
namespace {

struct Signature {
  u64 offset;
  std::string_view bytes, name;
  std::string_view format;  // as qemu-img calls it; empty: it is packed
};

constexpr Signature signatures[] = {
    {0, {"QFI\xfb", 4}, "qcow2", "qcow2"},
    {0, "KDMV", "VMDK", "vmdk"},
    {0, {"QED\0", 4}, "QED", "qed"},
    {0, "vhdxfile", "VHDX", "vhdx"},
    {0, "conectix", "VHD", "vpc"},
    {0x40, "\x7f\x10\xda\xbe", "VDI", "vdi"},
    {0, "\x1f\x8b\x08", "gzip", ""},
    {0,
     {"\xfd"
      "7zXZ\0",
      6},
     "xz",
     ""},
    {0, "\x28\xb5\x2f\xfd", "zstd", ""},
    {0, "BZh", "bzip2", ""},
};

bool found(std::span<const u8> head, u64 offset, std::string_view bytes) {
  return offset + bytes.size() <= head.size() &&
         std::equal(bytes.begin(), bytes.end(), head.begin() + static_cast<std::ptrdiff_t>(offset),
                    [](char a, u8 b) { return static_cast<u8>(a) == b; });
}

// What a CD's file system says of its size, in bytes; 0: it has none.
u64 volume_bytes(std::span<const u8> head) {
  constexpr u64 descriptor = 16 * 2048, blocks_at = descriptor + 80, block_bytes_at = descriptor + 128;
  if (head.size() < block_bytes_at + 2) return 0;
  if (!found(head, descriptor, {"\1CD001\1", 7})) return 0;
  u64 blocks = 0;
  for (unsigned n = 0; n < 4; ++n) blocks |= u64{head[blocks_at + n]} << (8 * n);
  return blocks * (head[block_bytes_at] | u64{head[block_bytes_at + 1]} << 8);
}

}  // namespace

std::string why_not_raw(std::span<const u8> head, u64 size, bool cdrom, const std::string& path) {
  for (const Signature& s : signatures) {
    if (!found(head, s.offset, s.bytes)) continue;
    if (s.format.empty()) return fmt::format("{}: is packed by {}; unpack it first", path, s.name);
    return fmt::format(
        "{}: is a {} image, not a raw one; make one: qemu-img convert -f {} -O raw {} disk.raw", path, s.name,
        s.format, path);
  }
  const u64 says = cdrom ? volume_bytes(head) : 0;
  if (says > size)
    return fmt::format("{}: is cut off: {} bytes of {} are there; fetch it once more", path, size, says);
  return {};
}

}  // namespace ringside
