// Owns named contents in one file: the tar, and its packing.
#include "frontend/replay/archive.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

namespace ringside {
namespace {

constexpr u64 block = 512;  // that all things begin at a multiple of
constexpr std::array<u8, 4> zstd_magic = {0x28, 0xb5, 0x2f, 0xfd};

// POSIX's "ustar" header. Numbers are octal digits.
struct TarHeader {
  std::array<char, 100> name{};
  std::array<char, 8> mode{}, owner{}, group{};
  std::array<char, 12> bytes{}, time{};
  std::array<char, 8> sum{};
  char kind = '0';  // a file
  std::array<char, 100> link{};
  std::array<char, 6> magic{'u', 's', 't', 'a', 'r', '\0'};
  std::array<char, 2> version{'0', '0'};
  std::array<char, 80> owners{};   // names and device numbers
  std::array<char, 167> prefix{};  // more of a long name
};
static_assert(sizeof(TarHeader) == block);

template <std::size_t n>
void put_octal(std::array<char, n>& field, u64 value) {
  const std::string digits = fmt::format("{:0{}o}", value, n - 1);
  std::copy_n(digits.begin(), n - 1, field.begin());
}

// False: they are no digits.
template <std::size_t n>
bool get_octal(const std::array<char, n>& field, u64& value) {
  value = 0;
  std::size_t at = 0;
  for (; at < n && field[at] >= '0' && field[at] <= '7'; ++at)
    value = value << 3 | static_cast<u64>(field[at] - '0');
  return at > 0 && (at == n || field[at] == '\0' || field[at] == ' ');
}

// Of all bytes, those of the sum itself taken as spaces.
u64 sum_of(TarHeader header) {
  header.sum.fill(' ');
  std::array<u8, block> bytes{};
  std::memcpy(bytes.data(), &header, block);
  u64 sum = 0;
  for (const u8 byte : bytes) sum += byte;
  return sum;
}

}  // namespace

bool begins_as_archive(std::span<const u8> bytes) {
  return bytes.size() >= zstd_magic.size() && std::equal(zstd_magic.begin(), zstd_magic.end(), bytes.begin());
}

bool good_member_name(std::string_view name) {
  static constexpr std::string_view others = "._-/+";
  const bool plain = !name.empty() && name.size() <= 100 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           others.find(c) != others.npos;
  });
  if (!plain) return false;
  for (std::size_t at = 0; at <= name.size();) {
    const std::size_t slash = std::min(name.find('/', at), name.size());
    const std::string_view part = name.substr(at, slash - at);
    if (part.empty() || part == "." || part == "..") return false;
    at = slash + 1;
  }
  return true;
}

// --- Writing ---

struct ArchiveWriter::Packer {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  std::vector<u8> out = std::vector<u8>(ZSTD_CStreamOutSize());
  ~Packer() { ZSTD_freeCCtx(context); }
};

ArchiveWriter::ArchiveWriter(std::unique_ptr<NewFile> file)
    : file_(std::move(file)), packer_(std::make_unique<Packer>()) {
  ZSTD_CCtx_setParameter(packer_->context, ZSTD_c_checksumFlag, 1);
}

ArchiveWriter::~ArchiveWriter() = default;

std::unique_ptr<ArchiveWriter> ArchiveWriter::create(const std::string& path, std::string& error) {
  auto file = NewFile::create(path, error);
  if (!file) return nullptr;
  return std::unique_ptr<ArchiveWriter>(new ArchiveWriter(std::move(file)));
}

void ArchiveWriter::put(std::span<const u8> bytes, bool last) {
  ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
  for (std::size_t left = 1; left != 0 || in.pos < in.size;) {
    ZSTD_outBuffer out{packer_->out.data(), packer_->out.size(), 0};
    left = ZSTD_compressStream2(packer_->context, &out, &in, last ? ZSTD_e_end : ZSTD_e_continue);
    if (ZSTD_isError(left)) file_->fail(ENOMEM);
    if (file_->failed()) return;
    file_->append(packer_->out.data(), out.pos);
    if (!last && in.pos == in.size) return;
  }
}

void ArchiveWriter::pad(u64 bytes) {
  constexpr std::array<u8, block> zeros{};
  if (bytes % block != 0) put(std::span(zeros).first(block - bytes % block));
}

void ArchiveWriter::begin(std::string_view name, u64 bytes) {
  TarHeader header;
  std::copy_n(name.begin(), std::min(name.size(), header.name.size()), header.name.begin());
  put_octal(header.mode, 0644);
  put_octal(header.owner, 0);
  put_octal(header.group, 0);
  put_octal(header.bytes, bytes);
  put_octal(header.time, 0);  // what was packed is the same whenever it was packed
  put_octal(header.sum, sum_of(header));
  std::array<u8, block> raw{};
  std::memcpy(raw.data(), &header, block);
  put(raw);
}

void ArchiveWriter::add(std::string_view name, std::string_view bytes) {
  begin(name, bytes.size());
  put({reinterpret_cast<const u8*>(bytes.data()), bytes.size()});  // NOLINT: characters are bytes
  pad(bytes.size());
}

bool ArchiveWriter::add_file(std::string_view name, const std::string& path, u64 bytes, std::string& error) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    error = fmt::format("{}: cannot be read ({})", path, std::strerror(errno));
    return false;
  }
  begin(name, bytes);
  std::vector<u8> buffer(1u << 20);
  u64 left = bytes;
  while (left > 0) {
    const ssize_t got = ::read(file, buffer.data(), std::min<u64>(buffer.size(), left));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    put(std::span(buffer).first(static_cast<std::size_t>(got)));
    left -= static_cast<u64>(got);
  }
  ::close(file);
  if (left == 0) {
    pad(bytes);
    return true;
  }
  error = fmt::format("{}: has become shorter; leave it alone while it is packed", path);
  return false;
}

bool ArchiveWriter::finish(std::string& error) {
  constexpr std::array<u8, 2 * block> end{};
  put(end);
  put({}, true);
  return file_->finish(error);
}

// --- Reading ---

namespace {

// The tar, a piece at a time.
class Unpacker {
 public:
  Unpacker(const ByteSource& source, std::string& error)
      : source_(source), error_(error), in_bytes_(ZSTD_DStreamInSize()) {}
  ~Unpacker() { ZSTD_freeDCtx(context_); }
  Unpacker(const Unpacker&) = delete;
  Unpacker& operator=(const Unpacker&) = delete;

  // All of `to`. False: there is less, and `error`.
  bool take(std::span<u8> to) {
    ZSTD_outBuffer out{to.data(), to.size(), 0};
    while (out.pos < out.size) {
      if (over_) return cut();
      if (in_.pos == in_.size) {
        in_ = {in_bytes_.data(), source_(in_bytes_), 0};
        if (in_.size == 0) return cut();
      }
      if (!unpack(out)) return false;
    }
    return true;
  }
  // Nothing but zeros may follow, which tar adds, and the file ends with its frame: only then has the
  // checksum been compared. False: `error`.
  bool take_end() {
    std::array<u8, block> rest{};
    for (u64 all = 0; all < most_padding && !over_;) {
      ZSTD_outBuffer out{rest.data(), rest.size(), 0};
      if (in_.pos == in_.size) {
        in_ = {in_bytes_.data(), source_(in_bytes_), 0};
        if (in_.size == 0) return cut();
      }
      if (!unpack(out)) return false;
      if (std::any_of(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(out.pos),
                      [](u8 b) { return b != 0; }))
        return fail("is damaged: something follows its end; fetch it again");
      all += out.pos;
    }
    if (over_ && in_.pos == in_.size && source_(std::span(in_bytes_).first(1)) == 0) return true;
    return fail("is damaged: something follows its end; fetch it again");
  }
  bool fail(std::string why) {
    error_ = std::move(why);
    return false;
  }
  bool cut() { return fail("is cut short; fetch it again"); }

 private:
  static constexpr u64 most_padding = 1u << 20;

  bool unpack(ZSTD_outBuffer& out) {
    const std::size_t left = ZSTD_decompressStream(context_, &out, &in_);
    if (ZSTD_isError(left))
      return fail(fmt::format("is damaged ({}); fetch it again", ZSTD_getErrorName(left)));
    over_ = left == 0;
    return true;
  }

  const ByteSource& source_;
  std::string& error_;
  std::vector<u8> in_bytes_;
  ZSTD_inBuffer in_{nullptr, 0, 0};
  ZSTD_DCtx* context_ = ZSTD_createDCtx();
  bool over_ = false;  // the frame has ended, and its checksum is right
};

bool all_zero_block(const TarHeader& header) {
  std::array<u8, block> raw{};
  std::memcpy(raw.data(), &header, block);
  return std::all_of(raw.begin(), raw.end(), [](u8 b) { return b == 0; });
}

// False: there is no further member, or `error`.
bool take_header(Unpacker& from, std::string& name, u64& bytes, bool& last) {
  std::array<u8, block> raw{};
  if (!from.take(raw)) return false;
  TarHeader header;
  std::memcpy(&header, raw.data(), block);
  if ((last = all_zero_block(header))) return true;
  u64 sum = 0;
  if (std::string_view(header.magic.data(), 5) != "ustar" || !get_octal(header.sum, sum) ||
      sum != sum_of(header) || !get_octal(header.bytes, bytes) || bytes > longest_member)
    return from.fail("holds no tar, or one that is damaged; fetch it again");
  name.assign(header.name.data(), ::strnlen(header.name.data(), header.name.size()));
  const bool file = (header.kind == '0' || header.kind == '\0') && header.prefix[0] == '\0';
  return (file && good_member_name(name)) ||
         from.fail(
             fmt::format("holds something that is no plain file with a plain name: \"{}\"; pack it again",
                         good_member_name(name) ? name : "..."));
}

}  // namespace

bool read_archive(const ByteSource& source, ArchiveSink& sink, std::string& error) {
  Unpacker from(source, error);
  std::vector<u8> buffer(1u << 16);
  for (;;) {
    std::string name;
    u64 bytes = 0;
    bool last = false;
    if (!take_header(from, name, bytes, last)) return false;
    if (last) return from.take_end();
    if (!sink.begin(name, bytes, error)) return false;
    for (u64 left = bytes; left > 0;) {
      const auto piece =
          std::span(buffer).first(static_cast<std::size_t>(std::min<u64>(left, buffer.size())));
      if (!from.take(piece) || !sink.data(piece, error)) return false;
      left -= piece.size();
    }
    if (!sink.end(error)) return false;
    if (const u64 pad = bytes % block; pad != 0 && !from.take(std::span(buffer).first(block - pad)))
      return false;
  }
}

}  // namespace ringside
