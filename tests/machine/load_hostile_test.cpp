// Owns the randomised test of the loaders: valid images with bytes, words and lengths changed at random never
// crash, and what fails says so in one line.
#include <random>

#include "tests/machine/load_fixture.h"

using namespace ringside;

namespace {

constexpr u64 base = 0x200000;

void mutate(std::vector<u8>& bytes, std::mt19937& random) {
  static constexpr u64 lies[] = {0,          1,           0x7fffffff, 0x80000000,         0xffffffff,
                                 0xfffffff0, 0x100000,    0xfff,      0x7fffffffffffffff, 0x8000000000000000,
                                 ~u64{0},    ~u64{0xfff}, 0xffff0000, 0x3fffffff,         0xc0000000,
                                 0x4000000};
  const u64 changes = 1 + random() % 4;
  for (u64 n = 0; n < changes && !bytes.empty(); ++n) {
    // Headers are near the start; that is where lies matter.
    const u64 reach = random() % 4 ? std::min<u64>(bytes.size(), 256) : bytes.size();
    u64 at = random() % reach;
    if (bytes.size() > 0x300 && random() % 2) at = 0x1f1 + random() % 0x80;
    switch (random() % 4) {
      case 0: bytes[at] = static_cast<u8>(random()); break;
      case 1: bytes.resize(at); break;
      default: {
        const u64 size = u64{1} << (random() % 4);
        const u64 lie = random() % 3 ? lies[random() % std::size(lies)] : random();
        at &= ~(size - 1);
        for (u64 i = 0; i < size && at + i < bytes.size(); ++i)
          bytes[at + i] = static_cast<u8>(lie >> (8 * i));
      }
    }
  }
}

// Multiboot headers carry sums: make them right again, so that lies in flags and lengths get past them.
void mend(std::vector<u8>& bytes) {
  const auto word = [&](u64 at) {
    u32 value = 0;
    if (at + 4 <= bytes.size()) std::memcpy(&value, bytes.data() + at, 4);
    return value;
  };
  for (u64 at = 0; at + 16 <= bytes.size(); at += 4) {
    if (word(at) == 0x1badb002) put<u32>(bytes, at + 8, 0u - word(at) - word(at + 4));
    if (word(at) == 0xe85250d6) put<u32>(bytes, at + 12, 0u - word(at) - word(at + 4) - word(at + 8));
  }
}

}  // namespace

TEST_CASE("no image crashes the loaders") {
  const std::vector<u8> code{0xf4};
  auto addresses = multiboot1_header(0x10003);
  for (u32 word : {u32{base}, u32{base}, u32{0}, u32{base + 0x2000}, u32{base}})
    put<u32>(addresses, addresses.size(), word);
  std::vector<u8> tags;
  for (u32 word : {2u, 24u, u32{base}, u32{base}, 0u, u32{base + 0x3000}, 3u, 12u, u32{base}, 0u, 10u, 24u,
                   0x100000u, 0xffffffffu, 0x1000u, 2u})
    put<u32>(tags, tags.size(), word);
  std::vector<u8> relocatable;
  for (u32 word : {10u, 24u, 0x100000u, 0xffffffffu, 0x1000u, 1u})
    put<u32>(relocatable, relocatable.size(), word);
  const std::vector<std::vector<u8>> seeds{
      make_linux(0x400),
      make_elf(false, base, {{base, multiboot1_header(3), 0x2000}, {base + 0x4000, code}}),
      make_elf(true, base, {{base, multiboot1_header(3), 0x2000}}),
      addresses,
      make_elf(false, base, {{base, multiboot2_header(relocatable), 0x2000}}),
      joined(multiboot2_header(tags), code),
      make_elf(true, base, {{base, code, 0x1000}, {0, pvh_note(base), 0, 4}}),
  };
  std::mt19937 random(20240607);
  TestFile file("image", {});
  TestFile module("module", {1, 2, 3});
  unsigned good = 0, bad = 0;
  for (unsigned round = 0; round < 4000; ++round) {
    auto bytes = seeds[round % seeds.size()];
    if (round >= seeds.size()) mutate(bytes, random);
    mend(bytes);
    file.write(bytes);
    std::filesystem::resize_file(file.path(), bytes.size());
    TestMachine m(20);
    const bool loaded = m.load(file.path(), "a b", random() % 2 ? module.path() : "");
    if (round < seeds.size())
      CHECK_MESSAGE(loaded == (round != 0), m.error);  // 20 MiB are too few for the bzImage
    if (loaded) {
      ++good;
      CHECK(m.error.empty());
    } else {
      ++bad;
      CHECK(m.error.find(file.path()) == 0);
      CHECK(m.error.find('\n') == std::string::npos);
    }
  }
  CHECK(good > 200);
  CHECK(bad > 200);
}

TEST_CASE("noise is no kernel") {
  std::mt19937 random(7);
  TestFile file("noise", {});
  TestMachine m(20);
  for (unsigned round = 0; round < 200; ++round) {
    std::vector<u8> bytes(1 + random() % 3000);
    for (u8& b : bytes) b = static_cast<u8>(random());
    if (round % 2 && bytes.size() > 4) std::memcpy(bytes.data(), "\177ELF", 4);
    file.write(bytes);
    std::filesystem::resize_file(file.path(), bytes.size());
    CHECK(!m.load(file.path()));
  }
}
