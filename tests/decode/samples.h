// Owns the byte strings that the decoder's tests are fed with: a systematic sweep and random ones.
#pragma once

#include <array>
#include <span>
#include <string>
#include <vector>

#include "tests/random.h"

namespace ringside {

constexpr unsigned sample_bytes = 15;
using Sample = std::array<u8, sample_bytes>;

// Every opcode of the four maps, with prefixes, every ModRM.reg, and the ways to address.
template <class Visit>  // visit(unsigned code_bits, const Sample&)
void sweep_opcodes(Visit visit) {
  using Bytes = std::vector<u8>;
  static const std::vector<Bytes> legacy = {{},     {0x66},       {0xf2},       {0xf3},      {0x67},
                                            {0xf0}, {0x66, 0xf3}, {0x66, 0xf2}, {0x64, 0x67}};
  static const std::vector<Bytes> rex = {{0x48},       {0x66, 0x48}, {0xf2, 0x48},
                                         {0xf3, 0x48}, {0x45},       {0xf0, 0x4f}};
  static const std::vector<Bytes> maps = {{}, {0x0f}, {0x0f, 0x38}, {0x0f, 0x3a}};
  static constexpr u8 places[] = {0xc0, 0xc5, 0x00, 0x04, 0x05, 0x06, 0x44, 0x83};
  for (const unsigned bits : {16u, 32u, 64u}) {
    std::vector<Bytes> prefixes = legacy;
    if (bits == 64) prefixes.insert(prefixes.end(), rex.begin(), rex.end());
    for (const Bytes& prefix : prefixes) {
      for (const Bytes& map : maps) {
        for (unsigned opcode = 0; opcode < 256; ++opcode) {
          for (unsigned reg = 0; reg < 8; ++reg) {
            for (const u8 place : places) {
              Sample sample;
              for (unsigned i = 0; i < sample_bytes; ++i) sample[i] = static_cast<u8>(0x25 + 0x11 * i);
              unsigned at = 0;
              for (const u8 byte : prefix) sample[at++] = byte;
              for (const u8 byte : map) sample[at++] = byte;
              sample[at++] = static_cast<u8>(opcode);
              sample[at] = static_cast<u8>(place | reg << 3);
              visit(bits, sample);
            }
          }
        }
      }
    }
  }
}

// Random bytes, half of them with an opcode of a map behind prefixes that make sense.
template <class Visit>
void random_samples(u64 seed, u64 count, Visit visit) {
  static constexpr u8 prefixes[] = {0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x2e, 0x36, 0x3e,
                                    0x26, 0x64, 0x65, 0x40, 0x41, 0x44, 0x48, 0x4f};
  Random random{seed};
  for (u64 n = 0; n < count; ++n) {
    Sample sample;
    for (u8& byte : sample) byte = static_cast<u8>(random.next());
    unsigned at = 0;
    if (random.one_in(2)) {
      while (at < 4 && random.one_in(2)) sample[at++] = prefixes[random.below(sizeof prefixes)];
      if (random.one_in(2)) sample[at++] = 0x0f;
      if (at && sample[at - 1] == 0x0f && random.one_in(3)) sample[at] = random.one_in(2) ? 0x38 : 0x3a;
    }
    visit(16u << random.below(3), sample);
  }
}

inline std::string hex(std::span<const u8> bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const u8 byte : bytes) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
    text += ' ';
  }
  return text;
}

}  // namespace ringside
