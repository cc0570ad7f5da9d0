// Owns the bytes of the images that the loader tests are fed with.
#include "tests/machine/load_fixture.h"

namespace ringside {

void put_bytes(std::vector<u8>& bytes, u64 offset, u64 value, unsigned size) {
  while (bytes.size() < offset + size) bytes.push_back(0);
  std::memcpy(bytes.data() + offset, &value, size);
}

std::vector<u8> joined(std::vector<u8> a, const std::vector<u8>& b) {
  for (u8 byte : b) a.push_back(byte);
  return a;
}

std::vector<u8> make_linux(u64 kernel_bytes) {
  std::vector<u8> f(5 * 512 + kernel_bytes);
  put<u8>(f, 0x1f1, 4);
  put<u32>(f, 0x1f4, static_cast<u32>(kernel_bytes / 16));
  put<u16>(f, 0x1fe, 0xaa55);
  put<u16>(f, 0x200, 0x6aeb);
  put<u32>(f, 0x202, 0x53726448);
  put<u16>(f, 0x206, 0x020f);
  put<u8>(f, 0x211, 1);
  put<u32>(f, 0x22c, 0x7fffffff);
  put<u32>(f, 0x230, 0x200000);
  put<u8>(f, 0x234, 1);
  put<u16>(f, 0x236, 3);
  put<u32>(f, 0x238, 2047);
  put<u64>(f, 0x258, 0x1000000);
  put<u32>(f, 0x260, 0x800000);
  for (u64 i = 0; i < kernel_bytes; ++i) f[5 * 512 + i] = static_cast<u8>(i * 7 + 1);
  return f;
}

std::vector<u8> make_elf(bool bits64, u64 entry, const std::vector<ElfPart>& parts, u16 machine) {
  std::vector<u8> f(bits64 ? 64 : 52);
  std::memcpy(f.data(), "\177ELF\1\1\1", 7);
  if (bits64) f[4] = 2;
  put<u16>(f, 16, 2);
  put<u16>(f, 18, machine != 0 ? machine : bits64 ? 62 : 3);
  put<u32>(f, 20, 1);
  const u64 header = f.size(), stride = bits64 ? 56 : 32;
  if (bits64) {
    put<u64>(f, 24, entry), put<u64>(f, 32, header);
    put<u16>(f, 54, static_cast<u16>(stride)), put<u16>(f, 56, static_cast<u16>(parts.size()));
  } else {
    put<u32>(f, 24, static_cast<u32>(entry)), put<u32>(f, 28, static_cast<u32>(header));
    put<u16>(f, 42, static_cast<u16>(stride)), put<u16>(f, 44, static_cast<u16>(parts.size()));
  }
  f.resize((header + stride * parts.size() + 15) & ~u64{15});
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const u64 h = header + stride * i, offset = f.size(), size = parts[i].bytes.size();
    put<u32>(f, h, parts[i].type);
    if (bits64) {
      put<u32>(f, h + 4, 7), put<u64>(f, h + 8, offset), put<u64>(f, h + 16, parts[i].address);
      put<u64>(f, h + 24, parts[i].address), put<u64>(f, h + 32, size),
          put<u64>(f, h + 40, size + parts[i].extra);
    } else {
      const auto narrow = [](u64 v) { return static_cast<u32>(v); };
      put<u32>(f, h + 4, narrow(offset)), put<u32>(f, h + 8, narrow(parts[i].address));
      put<u32>(f, h + 12, narrow(parts[i].address)), put<u32>(f, h + 16, narrow(size));
      put<u32>(f, h + 20, narrow(size + parts[i].extra)), put<u32>(f, h + 24, 7);
    }
    f.insert(f.end(), parts[i].bytes.begin(), parts[i].bytes.end());
    f.resize((f.size() + 15) & ~u64{15});
  }
  return f;
}

std::vector<u8> multiboot1_header(u32 flags) {
  std::vector<u8> h;
  put<u32>(h, 0, 0x1badb002), put<u32>(h, 4, flags), put<u32>(h, 8, 0u - 0x1badb002 - flags);
  return h;
}

std::vector<u8> multiboot2_header(const std::vector<u8>& tags) {
  std::vector<u8> h(16);
  h.insert(h.end(), tags.begin(), tags.end());
  put<u32>(h, h.size(), 0), put<u32>(h, h.size(), 8);
  const u32 length = static_cast<u32>(h.size());
  put<u32>(h, 0, 0xe85250d6), put<u32>(h, 4, 0), put<u32>(h, 8, length),
      put<u32>(h, 12, 0u - 0xe85250d6 - length);
  return h;
}

std::vector<u8> pvh_note(u32 entry) {
  std::vector<u8> n;
  put<u32>(n, 0, 4), put<u32>(n, 4, 4), put<u32>(n, 8, 18), put<u32>(n, 12, 0x006e6558),
      put<u32>(n, 16, entry);
  return n;
}

}  // namespace ringside
