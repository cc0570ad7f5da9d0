// Owns sums over what the C library and OpenSSL's compute: each chooses its code by the processor and by the environment, and whatever
// it chooses has to give the same. `library_sums strings|numbers|ciphers FILE` writes the results to FILE, a word of 64 bits each;
// `library_sums places` prints where the chosen functions lie; `library_sums near FILE FILE` says whether numbers differ by a unit in
// the last place at most.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <wchar.h>

static FILE* results;
static void word(uint64_t value) { fwrite(&value, sizeof value, 1, results); }
static uint64_t state = 1;
static uint64_t next(void) { return (state = state * 6364136223846793005u + 1442695040888963407u) >> 16; }
static uint64_t sum_of(const void* data, size_t bytes) {
  const unsigned char* at = data;
  uint64_t sum = 14695981039346656037u;
  for (size_t i = 0; i < bytes; ++i) sum = (sum ^ at[i]) * 1099511628211u;
  return sum;
}

// -- Strings, each at the end of a page behind which nothing is.

enum { room = 8192, page = 4096 };
static char* new_room(void) {
  char* const at = mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED || mprotect(at + room, page, PROT_NONE) != 0) exit(2);
  return at;
}
static uint64_t from(const void* found, const void* begin) { return found ? (uint64_t)((const char*)found - (const char*)begin) : ~0ull; }
static int sign(int value) { return (value > 0) - (value < 0); }

static void fill(char* at, size_t length, unsigned letters) {
  for (size_t i = 0; i < length; ++i) at[i] = (char)('A' + next() % letters);
}

static void copies(char* a, char* b, size_t length, size_t gap) {
  char* const from_end = a + room - length - gap;
  char* const to = b + room - length - next() % 64;
  fill(a, room, 26);
  memset(b, (int)(next() & 0xff), room);
  memcpy(b + next() % 32, from_end, length);
  memcpy(to, from_end, length);
  memmove(a + (room - length) / 2 + gap, a + (room - length) / 2, length);
  memmove(a + (room - length) / 2, a + (room - length) / 2 + gap, length);
  memset(b + gap, (int)(next() & 0xff), length);
  wmemset((wchar_t*)(b + room / 2), (wchar_t)next(), length / 4);
  word((uint64_t)((char*)mempcpy(b + 1, from_end, length) - b));
  word(sum_of(a, room));
  word(sum_of(b, room));
}

static void searches(char* a, char* b, size_t length, size_t gap) {
  // Text that ends with its page, or `gap` bytes before it.
  char* const s = a + room - length - 1 - gap;
  char* const t = b + room - length - 1;
  fill(s, length, 3 + next() % 24);
  memcpy(t, s, length);
  s[length] = t[length] = 0;
  if (length && next() % 4) t[next() % length] ^= (char)(1 + next() % 3);
  const int letter = 'A' + (int)(next() % 27);
  word(strlen(s));
  word(strnlen(s, next() % (length + 1)));
  word(from(strchr(s, letter), s));
  word(from(strrchr(s, letter), s));
  word(from(strchrnul(s, letter), s));
  word(from(memchr(s, letter, length), s));
  word(from(memrchr(s, letter, length), s));
  word(from(rawmemchr(s, 0), s));
  word((uint64_t)sign(strcmp(s, t)));
  word((uint64_t)sign(strncmp(s, t, next() % (length + 2))));
  word((uint64_t)sign(strcasecmp(s, t)));
  word((uint64_t)sign(strncasecmp(s, t, next() % (length + 2))));
  word((uint64_t)sign(memcmp(s, t, length)));
  word(strspn(s, "ABCDE"));
  word(strcspn(s, "XYZQ"));
  word(from(strpbrk(s, "WUB"), s));
  if (length > 4) {
    char needle[8] = {0};
    memcpy(needle, t + length - 4, 4);
    word(from(strstr(s, needle), s));
    word(from(memmem(s, length, needle, 3), s));
  }
  word((uint64_t)(stpcpy(b, s) - b));
  strncpy(b + 1024, s, length + next() % 40);
  strcat(b, "and more");
  word(sum_of(b, 2048));
}

static void wide_searches(char* a, char* b, size_t length) {
  wchar_t* const s = (wchar_t*)(a + room) - length - 1;
  wchar_t* const t = (wchar_t*)(b + room) - length - 1;
  for (size_t i = 0; i < length; ++i) s[i] = t[i] = (wchar_t)(0x400 + next() % 40);
  s[length] = t[length] = 0;
  if (length && next() % 4) t[next() % length] += 1;
  const wchar_t letter = (wchar_t)(0x400 + next() % 41);
  word(wcslen(s));
  word(wcsnlen(s, next() % (length + 1)));
  word(from(wcschr(s, letter), s));
  word(from(wcsrchr(s, letter), s));
  word(from(wmemchr(s, letter, length), s));
  word((uint64_t)sign(wcscmp(s, t)));
  word((uint64_t)sign(wcsncmp(s, t, length / 2 + 1)));
  word((uint64_t)sign(wmemcmp(s, t, length)));
}

static void strings(void) {
  char *a = new_room(), *b = new_room();
  for (size_t length = 0; length < 3000; length += length < 300 ? 1 : 97) {
    copies(a, b, length, next() % 70);
    for (int n = 0; n < 3; ++n) searches(a, b, length < 1000 ? length : 1000, n ? next() % 40 : 0);
    if (length < 700) wide_searches(a, b, length);
  }
}

// -- Numbers.

static double any_number(void) {
  const double x = (double)(int64_t)(next() << 16) / 9.3e18;
  switch (next() % 4) {
    case 0: return x;
    case 1: return x * 700;
    case 2: return x * 1e6;
    default: return ldexp(x, (int)(next() % 200) - 100);
  }
}
static void number(double value) {
  uint64_t bits;
  if (value != value) value = NAN;
  memcpy(&bits, &value, sizeof bits);
  word(bits);
}
static void numbers(void) {
  for (int n = 0; n < 3000; ++n) {
    const double x = any_number(), y = any_number(), z = any_number();
    const float f = (float)x, g = (float)y;
    const double all[] = {exp(x),      log(fabs(x)),  pow(fabs(x), y / 50), sin(x),          cos(x),  tan(x),     atan(x),
                          atan2(x, y), exp2(y / 700), floor(x),             ceil(x),         rint(x), trunc(x),   nearbyint(y),
                          fma(x, y, z), round(y),     log2(fabs(y)),        roundeven(z)};
    const float singles[] = {expf(f / 1000), logf(fabsf(f)), powf(fabsf(f), g / 1e5f), sinf(f),  cosf(f),           exp2f(g / 1e4f),
                             floorf(f),      ceilf(f),       rintf(g),                 truncf(g), fmaf(f, g, (float)z), log2f(fabsf(g))};
    for (size_t i = 0; i < sizeof all / sizeof *all; ++i) number(all[i]);
    // A unit in the last place of theirs is more than one of a double: they stand for themselves.
    for (size_t i = 0; i < sizeof singles / sizeof *singles; ++i) {
      int32_t bits;
      const float value = singles[i] != singles[i] ? NAN : singles[i];
      memcpy(&bits, &value, sizeof bits);
      word((uint64_t)(int64_t)bits);
    }
  }
}
static int near(const char* one, const char* other) {
  FILE *a = fopen(one, "r"), *b = fopen(other, "r");
  uint64_t x, y, count = 0, apart = 0;
  int good = a && b;
  while (good && fread(&x, 8, 1, a) == 1) {
    good = fread(&y, 8, 1, b) == 1 && x - y + 1 <= 2;
    apart += x != y;
    ++count;
  }
  if (!good) printf("LIBRARY-DIFFERS at number %llu: %016llx and %016llx\n", (unsigned long long)count, (unsigned long long)x, (unsigned long long)y);
  printf("LIBRARY-NUMBERS %llu, %llu of them a last place apart\n", (unsigned long long)count, (unsigned long long)apart);
  return !good || fread(&y, 8, 1, b) == 1;
}

// -- OpenSSL, by the few functions that are needed, as its manual pages declare them.

typedef struct cipher_context cipher_context;
cipher_context* EVP_CIPHER_CTX_new(void);
void EVP_CIPHER_CTX_free(cipher_context*);
void* EVP_CIPHER_fetch(void*, const char*, const char*);
int EVP_EncryptInit_ex2(cipher_context*, const void*, const unsigned char*, const unsigned char*, const void*);
int EVP_EncryptUpdate(cipher_context*, unsigned char*, int*, const unsigned char*, int);
int EVP_EncryptFinal_ex(cipher_context*, unsigned char*, int*);
int EVP_CIPHER_CTX_ctrl(cipher_context*, int, int, void*);
int EVP_Q_digest(void*, const char*, const char*, const void*, size_t, unsigned char*, size_t*);
void* EVP_PKEY_new_raw_private_key(int, void*, const unsigned char*, size_t);
int EVP_PKEY_get_raw_public_key(const void*, unsigned char*, size_t*);
void* BN_bin2bn(const unsigned char*, int, void*);
void* BN_new(void);
void* BN_CTX_new(void);
int BN_bn2binpad(const void*, unsigned char*, int);
int BN_mod_exp_mont_consttime(void*, const void*, const void*, const void*, void*, void*);
void* EC_GROUP_new_by_curve_name(int);
void* EC_POINT_new(const void*);
int EC_POINT_mul(const void*, void*, const void*, const void*, const void*, void*);
size_t EC_POINT_point2oct(const void*, const void*, int, unsigned char*, size_t, void*);

static void must(int good, const char* what) {
  if (good) return;
  printf("LIBRARY-DIFFERS %s failed\n", what);
  exit(2);
}
static unsigned char plain[5000], secret[5100], key[64], vector[16];

static void cipher(const char* name, int tagged) {
  void* const kind = EVP_CIPHER_fetch(NULL, name, NULL);
  must(kind != NULL, name);
  for (int length = 16; length < (int)sizeof plain; length += length < 400 ? 16 : 656) {
    cipher_context* const context = EVP_CIPHER_CTX_new();
    int first = 0, last = 0;
    memset(secret, 0, sizeof secret);
    must(EVP_EncryptInit_ex2(context, kind, key, vector, NULL), name);
    must(!tagged || EVP_EncryptUpdate(context, NULL, &first, plain, 77), name);
    must(EVP_EncryptUpdate(context, secret, &first, plain, length), name);
    must(EVP_EncryptFinal_ex(context, secret + first, &last), name);
    must(!tagged || EVP_CIPHER_CTX_ctrl(context, 0x10, 16, secret + first + last), name); // the tag
    word(sum_of(secret, sizeof secret));
    EVP_CIPHER_CTX_free(context);
  }
}
static void ciphers(void) {
  for (size_t i = 0; i < sizeof plain; ++i) plain[i] = (unsigned char)next();
  for (size_t i = 0; i < sizeof key; ++i) key[i] = (unsigned char)next();
  cipher("AES-128-GCM", 1);
  cipher("AES-256-GCM", 1);
  cipher("ChaCha20-Poly1305", 1);
  cipher("AES-256-CTR", 0);
  cipher("AES-128-CBC", 0);
  cipher("AES-256-XTS", 0);
  cipher("ChaCha20", 0);
  static const char* const digests[] = {"SHA1", "SHA224", "SHA256", "SHA384", "SHA512", "SHA3-256", "BLAKE2b512", "MD5"};
  for (size_t n = 0; n < sizeof digests / sizeof *digests; ++n)
    for (size_t length = 0; length < sizeof plain; length += length < 300 ? 1 : 431) {
      unsigned char digest[64] = {0};
      size_t size = 0;
      must(EVP_Q_digest(NULL, digests[n], NULL, plain, length, digest, &size), digests[n]);
      word(sum_of(digest, sizeof digest));
    }
  enum { x25519 = 1034, ed25519 = 1087, p256 = 415, uncompressed = 4 };
  for (int n = 0; n < 8; ++n) {
    unsigned char out[256] = {0};
    size_t size = 32;
    must(EVP_PKEY_get_raw_public_key(EVP_PKEY_new_raw_private_key(n & 1 ? x25519 : ed25519, NULL, plain + 32 * n, 32), out, &size), "X25519");
    word(sum_of(out, size));
    void* const group = EC_GROUP_new_by_curve_name(p256);
    void *const base = EC_POINT_new(group), *const point = EC_POINT_new(group), *const numbers = BN_CTX_new();
    void* const scalar = BN_bin2bn(plain + 100 + 32 * n, 32, NULL);
    must(EC_POINT_mul(group, base, scalar, NULL, NULL, numbers), "P-256");
    must(EC_POINT_mul(group, point, NULL, base, BN_bin2bn(plain + 7 + 32 * n, 31, NULL), numbers), "P-256");
    word(EC_POINT_point2oct(group, point, uncompressed, out, sizeof out, numbers));
    word(sum_of(out, sizeof out));
  }
  // As RSA has them, of 1,024 and 2,048 bits.
  for (int bytes = 128; bytes <= 256; bytes *= 2) {
    unsigned char out[256] = {0};
    plain[bytes + bytes - 1] |= 1;
    plain[bytes] |= 0x80;
    plain[0] &= 0x7f;
    void* const power = BN_new();
    must(BN_mod_exp_mont_consttime(power, BN_bin2bn(plain, bytes, NULL), BN_bin2bn(plain + 1000, bytes, NULL), BN_bin2bn(plain + bytes, bytes, NULL),
                                   BN_CTX_new(), NULL),
         "RSA");
    must(BN_bn2binpad(power, out, bytes) == bytes, "RSA");
    word(sum_of(out, sizeof out));
  }
}

// -- Which variants were chosen.

static void places(void) {
  static const char* const names[] = {"memmove", "memset", "memcmp", "strlen", "strchr", "strcmp", "strcasecmp", "strspn", "wcslen", "exp", "sin", "floor", "fma"};
  Dl_info where;
  for (size_t n = 0; n < sizeof names / sizeof *names; ++n) {
    void* const function = dlsym(RTLD_DEFAULT, names[n]);
    must(function && dladdr(function, &where), names[n]);
    printf("%s %lx\n", names[n], (unsigned long)((char*)function - (char*)where.dli_fbase));
  }
}

int main(int count, char** words) {
  const char* const what = count > 1 ? words[1] : "";
  if (strcmp(what, "places") == 0) return places(), 0;
  if (strcmp(what, "near") == 0 && count == 4) return near(words[2], words[3]);
  results = count == 3 ? fopen(words[2], "w") : NULL;
  if (!results) return 2;
  if (strcmp(what, "strings") == 0) strings();
  else if (strcmp(what, "numbers") == 0) numbers();
  else if (strcmp(what, "ciphers") == 0) ciphers();
  else return 2;
  return fclose(results) != 0;
}
