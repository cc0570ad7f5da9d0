// Owns the functions behind AES-NI, PCLMULQDQ, the SHA extensions and GFNI. Tables are computed from the
// field itself.
#include "cpu/exec/sse/crypto.h"

namespace ringside {
namespace {

using Bytes = LanesOf<u8>;
using Words = LanesOf<u32>;

// GF(2^8) with AES' polynomial.
constexpr u8 times(u8 a, u8 b) {
  unsigned r = 0, x = a;
  for (unsigned i = 0; i < 8; ++i) {
    if (b >> i & 1) r ^= x;
    x = (x << 1) ^ (x & 0x80 ? 0x11b : 0);
  }
  return static_cast<u8>(r);
}
constexpr u8 inverse(u8 a) {
  u8 r = 1;
  for (unsigned i = 0; i < 254; ++i) r = times(r, a);  // a^254; 0 stays 0
  return r;
}
constexpr u8 rotated(u8 a, unsigned n) { return static_cast<u8>(a << n | a >> (8 - n)); }

struct Tables {
  std::array<u8, 256> inverses{}, box{}, inverse_box{};
  // What a byte of a column's first row adds to the column, through the box and the mixing.
  std::array<u32, 256> mixed{}, inverse_mixed{};
};
constexpr Tables make_tables() {
  Tables t;
  // Inverses by powers of the generator 3.
  std::array<u8, 256> power{};
  u8 p = 1;
  for (unsigned i = 0; i < 255; ++i, p = times(p, 3)) power[i] = p;
  for (unsigned i = 0; i < 255; ++i) t.inverses[power[i]] = power[(255 - i) % 255];
  for (unsigned i = 0; i < 256; ++i) {
    const u8 v = t.inverses[i];
    const u8 s = static_cast<u8>(v ^ rotated(v, 1) ^ rotated(v, 2) ^ rotated(v, 3) ^ rotated(v, 4) ^ 0x63);
    t.box[i] = s;
    t.inverse_box[s] = static_cast<u8>(i);
  }
  const auto column = [](u8 a, u8 b, u8 c, u8 d) {
    return u32{a} | u32{b} << 8 | u32{c} << 16 | u32{d} << 24;
  };
  for (unsigned i = 0; i < 256; ++i) {
    const u8 s = t.box[i], v = t.inverse_box[i];
    t.mixed[i] = column(times(s, 2), s, s, times(s, 3));
    t.inverse_mixed[i] = column(times(v, 14), times(v, 9), times(v, 13), times(v, 11));
  }
  return t;
}
constexpr Tables tables = make_tables();
static_assert(inverse(0x53) == 0xca && tables.inverses[0x53] == 0xca);

V128 operator^(const V128& a, const V128& b) { return {{a.q[0] ^ b.q[0], a.q[1] ^ b.q[1]}}; }

// ShiftRows takes row r of column c from column c + r; its inverse from c - r.
constexpr unsigned shifted(unsigned column, unsigned row) { return ((column + row) & 3) * 4 + row; }
constexpr unsigned unshifted(unsigned column, unsigned row) { return ((column - row) & 3) * 4 + row; }

template <unsigned (*place)(unsigned, unsigned)>
V128 mix(const V128& state, const std::array<u32, 256>& table) {
  const auto s = bits_as<Bytes>(state);
  Words r;
  for (unsigned c = 0; c < 4; ++c) {
    r[c] = table[s[place(c, 0)]] ^ std::rotl(table[s[place(c, 1)]], 8) ^
           std::rotl(table[s[place(c, 2)]], 16) ^ std::rotl(table[s[place(c, 3)]], 24);
  }
  return bits_as<V128>(r);
}
template <unsigned (*place)(unsigned, unsigned)>
V128 substitute(const V128& state, const std::array<u8, 256>& table) {
  const auto s = bits_as<Bytes>(state);
  Bytes r;
  for (unsigned i = 0; i < 16; ++i) r[i] = table[s[place(i / 4, i % 4)]];
  return bits_as<V128>(r);
}

// SHA's pseudo-code counts words from the top of the register.
struct FromTop {
  Words w;
  explicit FromTop(const V128& v) : w(bits_as<Words>(v)) {}
  u32 operator[](unsigned i) const { return w[3 - i]; }
};
V128 from_top(u32 a, u32 b, u32 c, u32 d) { return {{u64{c} << 32 | d, u64{a} << 32 | b}}; }

u32 choose(u32 a, u32 b, u32 c) { return (a & b) ^ (~a & c); }
u32 majority(u32 a, u32 b, u32 c) { return (a & b) ^ (a & c) ^ (b & c); }
u32 rotations(u32 x, int a, int b, int c) { return std::rotr(x, a) ^ std::rotr(x, b) ^ std::rotr(x, c); }
u32 sigma_0(u32 x) { return std::rotr(x, 7) ^ std::rotr(x, 18) ^ x >> 3; }
u32 sigma_1(u32 x) { return std::rotr(x, 17) ^ std::rotr(x, 19) ^ x >> 10; }

template <class Function>
V128 each_byte(const V128& a, const V128& b, Function function) {
  const auto x = bits_as<Bytes>(a), y = bits_as<Bytes>(b);
  Bytes r;
  for (unsigned i = 0; i < 16; ++i) r[i] = function(x[i], y[i], i);
  return bits_as<V128>(r);
}
// Row 7 - i of the matrix makes bit i.
u8 affine(u64 matrix, u8 x, u8 constant) {
  unsigned r = 0;
  for (unsigned i = 0; i < 8; ++i) {
    const u8 row = static_cast<u8>(matrix >> (8 * (7 - i)));
    r |= static_cast<unsigned>(std::popcount(static_cast<u8>(row & x)) & 1) << i;
  }
  return static_cast<u8>(r ^ constant);
}

}  // namespace

V128 aes_encrypt(const V128& state, const V128& key) { return mix<shifted>(state, tables.mixed) ^ key; }
V128 aes_encrypt_last(const V128& state, const V128& key) {
  return substitute<shifted>(state, tables.box) ^ key;
}
V128 aes_decrypt(const V128& state, const V128& key) {
  return mix<unshifted>(state, tables.inverse_mixed) ^ key;
}
V128 aes_decrypt_last(const V128& state, const V128& key) {
  return substitute<unshifted>(state, tables.inverse_box) ^ key;
}
V128 aes_inverse_mix_columns(const V128&, const V128& key) {
  const auto k = bits_as<Bytes>(key);
  Words r;
  // The table goes through the inverse box, which the box undoes.
  const auto term = [&](unsigned i) { return tables.inverse_mixed[tables.box[k[i]]]; };
  for (unsigned c = 0; c < 4; ++c) {
    r[c] = term(4 * c) ^ std::rotl(term(4 * c + 1), 8) ^ std::rotl(term(4 * c + 2), 16) ^
           std::rotl(term(4 * c + 3), 24);
  }
  return bits_as<V128>(r);
}
V128 aes_key_assist(const V128&, const V128& key, u8 constant) {
  const auto k = bits_as<Words>(key);
  const auto substituted = [](u32 x) {
    u32 r = 0;
    for (unsigned i = 0; i < 4; ++i) r |= u32{tables.box[x >> (8 * i) & 0xff]} << (8 * i);
    return r;
  };
  const u32 x1 = substituted(k[1]), x3 = substituted(k[3]);
  const Words r = {x1, std::rotr(x1, 8) ^ constant, x3, std::rotr(x3, 8) ^ constant};
  return bits_as<V128>(r);
}

V128 carryless_multiply(const V128& a, const V128& b, u8 select) {
  const u64 x = a.q[select & 1];
  u64 y = b.q[select >> 4 & 1];
  // The multiples of x by 0 to 15, then four bits at a time.
  std::array<u128, 16> multiples{};
  for (unsigned i = 1; i < 16; ++i) {
    multiples[i] = (multiples[i >> 1] << 1) ^ (i & 1 ? static_cast<u128>(x) : 0);
  }
  u128 r = 0;
  for (unsigned i = 0; i < 16; ++i, y <<= 4) r = (r << 4) ^ multiples[y >> 60];
  return bits_as<V128>(r);
}

V128 sha1_next_e(const V128& a, const V128& b) {
  const FromTop x(a), y(b);
  return from_top(y[0] + std::rotl(x[0], 30), y[1], y[2], y[3]);
}
V128 sha1_message_1(const V128& a, const V128& b) {
  const FromTop x(a), y(b);
  return from_top(x[2] ^ x[0], x[3] ^ x[1], y[0] ^ x[2], y[1] ^ x[3]);
}
V128 sha1_message_2(const V128& a, const V128& b) {
  const FromTop x(a), y(b);
  const u32 w16 = std::rotl(x[0] ^ y[1], 1), w17 = std::rotl(x[1] ^ y[2], 1), w18 = std::rotl(x[2] ^ y[3], 1);
  return from_top(w16, w17, w18, std::rotl(x[3] ^ w16, 1));
}
V128 sha1_rounds(const V128& a, const V128& b, u8 function) {
  static constexpr u32 constants[] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
  const FromTop state(a), words(b);
  u32 A = state[0], B = state[1], C = state[2], D = state[3], E = 0;  // the first word holds E already
  for (unsigned i = 0; i < 4; ++i) {
    const unsigned kind = function & 3;
    const u32 f = kind == 0 ? choose(B, C, D) : kind == 2 ? majority(B, C, D) : B ^ C ^ D;
    const u32 next = f + std::rotl(A, 5) + words[i] + E + constants[kind];
    E = D;
    D = C;
    C = std::rotl(B, 30);
    B = A;
    A = next;
  }
  return from_top(A, B, C, D);
}
V128 sha256_message_1(const V128& a, const V128& b) {
  const auto x = bits_as<Words>(a), y = bits_as<Words>(b);
  return from_top(x[3] + sigma_0(y[0]), x[2] + sigma_0(x[3]), x[1] + sigma_0(x[2]), x[0] + sigma_0(x[1]));
}
V128 sha256_message_2(const V128& a, const V128& b) {
  const auto x = bits_as<Words>(a), y = bits_as<Words>(b);
  const u32 w16 = x[0] + sigma_1(y[2]), w17 = x[1] + sigma_1(y[3]);
  return from_top(x[3] + sigma_1(w17), x[2] + sigma_1(w16), w17, w16);
}
V128 sha256_rounds(const V128& a, const V128& b, const V128& words) {
  const FromTop x(a), y(b);
  const auto w = bits_as<Words>(words);
  u32 A = y[0], B = y[1], C = x[0], D = x[1], E = y[2], F = y[3], G = x[2], H = x[3];
  for (unsigned i = 0; i < 2; ++i) {
    const u32 t = choose(E, F, G) + rotations(E, 6, 11, 25) + w[i] + H;
    const u32 next = t + majority(A, B, C) + rotations(A, 2, 13, 22);
    H = G;
    G = F;
    F = E;
    E = t + D;
    D = C;
    C = B;
    B = A;
    A = next;
  }
  return from_top(A, B, E, F);
}

V128 field_multiply(const V128& a, const V128& b) {
  return each_byte(a, b, [](u8 x, u8 y, unsigned) { return times(x, y); });
}
V128 field_affine(const V128& a, const V128& b, u8 constant) {
  return each_byte(a, a, [&](u8 x, u8, unsigned i) { return affine(b.q[i / 8], x, constant); });
}
V128 field_affine_inverse(const V128& a, const V128& b, u8 constant) {
  return each_byte(a, a,
                   [&](u8 x, u8, unsigned i) { return affine(b.q[i / 8], tables.inverses[x], constant); });
}

}  // namespace ringside
