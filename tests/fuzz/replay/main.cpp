// Owns the fixed budget of the fuzz targets in a test run: the same generated inputs every time, without
// libFuzzer.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

// The argument: how many inputs.
int main(int argc, char** argv) {
  const long count = argc == 2 ? std::atol(argv[1]) : 0;
  if (count <= 0) {
    std::fprintf(stderr, "usage: %s INPUTS\n", argv[0]);
    return 2;
  }
  std::mt19937_64 random(20240607);
  std::vector<std::uint8_t> input;
  for (long n = 0; n < count; ++n) {
    // Short ones are the commonest: what is behind the first fault is rarely reached.
    input.resize(random() % (std::size_t{16} << random() % 7));
    // Opcodes cluster at the table's ends; zeros and ones are what flags and counts are made of.
    for (auto& byte : input) {
      const std::uint64_t r = random();
      byte = static_cast<std::uint8_t>(r % 5 == 0 ? 0 : r % 5 == 1 ? r >> 8 & 0x81 : r >> 8);
    }
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  std::printf("%ld inputs\n", count);
  return 0;
}
