// Owns the bytes of the container: its header and its table, packing and unpacking.
#include "frontend/machine/state_frames.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <condition_variable>
#include <cstddef>
#include <cstring>
#include <exception>
#include <filesystem>
#include <mutex>
#include <system_error>
#include <thread>
#include <tuple>
#include <utility>

namespace ringside {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are copied as they are");

constexpr std::string_view file_magic = "\x89Ringside state\n";
constexpr u32 format = 1;
constexpr u64 most_description = 1u << 20, most_frames = 1u << 20;

// All that is not in a frame is covered by `hash`, which is of what stands before it in the header, then the
// description and the table.
struct Header {
  std::array<char, 16> magic{};
  u32 format = 0, reserved = 0;
  std::array<char, 16> version{};  // of the Ringside that wrote it, padded with zeros
  u64 file_bytes = 0, description_at = 0, description_bytes = 0, frames = 0, hash = 0;
};
static_assert(sizeof(Header) == 80);

struct Row {
  u8 kind = 0, index = 0;
  u16 reserved = 0;
  u32 bytes = 0, packed = 0, reserved2 = 0;
  u64 first = 0, hash = 0, offset = 0;
};
static_assert(sizeof(Row) == 40);

u64 hash_of(const Header& header, std::string_view description, std::span<const u8> table) {
  std::string all(reinterpret_cast<const char*>(&header), offsetof(Header, hash));
  all.append(description).append(table.begin(), table.end());
  return XXH3_64bits(all.data(), all.size());
}

}  // namespace

// --- Writing ---

struct StateFrameWriter::Packer {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  std::vector<u8> out = std::vector<u8>(ZSTD_compressBound(StateFrame::most));
  ~Packer() { ZSTD_freeCCtx(context); }
};

StateFrameWriter::StateFrameWriter(std::unique_ptr<NewFile> file)
    : file_(std::move(file)), packer_(std::make_unique<Packer>()) {
  const Header later;
  file_->append(&later, sizeof later);
}

std::unique_ptr<StateFrameWriter> StateFrameWriter::create(const std::string& path, std::string& error) {
  auto file = NewFile::create(path, error);
  if (!file) return nullptr;
  return std::unique_ptr<StateFrameWriter>(new StateFrameWriter(std::move(file)));
}

StateFrameWriter::~StateFrameWriter() = default;

void StateFrameWriter::add(StateFrame::Kind kind, u8 index, u64 first, std::span<const u8> bytes) {
  // The fastest that still finds what memory repeats; what it saves beyond costs more time than the disk
  // does.
  constexpr int level = 1;
  const std::size_t size = ZSTD_compressCCtx(packer_->context, packer_->out.data(), packer_->out.size(),
                                             bytes.data(), bytes.size(), level);
  if (ZSTD_isError(size)) file_->fail(ENOMEM);
  if (file_->failed()) return;
  frames_.push_back({kind, index, static_cast<u32>(bytes.size()), static_cast<u32>(size), first,
                     XXH3_64bits(packer_->out.data(), size), file_->bytes()});
  file_->append(packer_->out.data(), size);
}

bool StateFrameWriter::finish(std::string_view version, std::string_view description, std::string& error) {
  std::vector<u8> table(frames_.size() * sizeof(Row));
  for (std::size_t n = 0; n < frames_.size(); ++n) {
    const StateFrame& f = frames_[n];
    const Row row{static_cast<u8>(f.kind), f.index, 0, f.bytes, f.packed, 0, f.first, f.hash, f.offset};
    std::memcpy(&table[n * sizeof row], &row, sizeof row);
  }
  Header header;
  std::copy(file_magic.begin(), file_magic.end(), header.magic.begin());
  header.format = format;
  std::copy_n(version.begin(), std::min(version.size(), header.version.size() - 1), header.version.begin());
  header.description_at = file_->bytes();
  header.description_bytes = description.size();
  header.frames = frames_.size();
  file_->append(description.data(), description.size());
  file_->append(table.data(), table.size());
  header.file_bytes = file_->bytes();
  header.hash = hash_of(header, description, table);
  file_->write_at(0, &header, sizeof header);
  return file_->finish(error);
}

// --- Reading ---

StateFrameReader::~StateFrameReader() { ::close(file_); }

std::string StateFrameReader::damaged(std::string_view what) const {
  return fmt::format("{}: is damaged ({}); copy it again, or save it again", path_, what);
}

std::unique_ptr<StateFrameReader> StateFrameReader::open(const std::string& path, std::string& error) {
  struct stat about {};
  if (::stat(path.c_str(), &about) == 0 && !S_ISREG(about.st_mode)) {
    error = fmt::format("{}: is no file; name one that --save made", path);
    return nullptr;
  }
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    const int why = errno;
    error = why == ENOENT
                ? fmt::format("{}: no such file; check its path, or make it by --save", path)
                : fmt::format("{}: cannot be read ({}); check its rights", path, std::strerror(why));
    return nullptr;
  }
  std::unique_ptr<StateFrameReader> reader(new StateFrameReader(path, file));
  return reader->read_head(error) ? std::move(reader) : nullptr;
}

bool StateFrameReader::read_at(u64 offset, std::span<u8> to) const {
  while (!to.empty()) {
    const ssize_t got = ::pread(file_, to.data(), to.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    to = to.subspan(static_cast<std::size_t>(got));
    offset += static_cast<u64>(got);
  }
  return true;
}

bool StateFrameReader::read_head(std::string& error) {
  struct stat about {};
  Header header;
  const auto fail = [&](std::string line) {
    error = std::move(line);
    return false;
  };
  if (::fstat(file_, &about) != 0) return fail(damaged(std::strerror(errno)));
  const u64 size = static_cast<u64>(about.st_size);
  std::array<u8, sizeof header> bytes{};
  const std::size_t there = std::min<u64>(size, sizeof header);
  if (!read_at(0, std::span(bytes).first(there))) return fail(damaged("it cannot be read"));
  std::memcpy(&header, bytes.data(), sizeof header);
  if (!std::equal(file_magic.begin(), file_magic.end(), header.magic.begin()))
    return fail(fmt::format("{}: is no saved state of a machine; name a file that --save made", path_));
  if (there == sizeof header && header.format != format) {
    const std::string by(header.version.data(), ::strnlen(header.version.data(), header.version.size()));
    const bool spelled =
        !by.empty() && std::all_of(by.begin(), by.end(), [](char c) { return c > ' ' && c <= '~'; });
    return fail(
        fmt::format("{}: is of format {}, written by Ringside {}, and this one reads format {}; load it with "
                    "that one, or save it again",
                    path_, header.format, spelled ? by : "of another version", format));
  }
  if (there < sizeof header || size < header.file_bytes)
    return fail(fmt::format("{}: is cut short: {} bytes{}; copy it again, or save it again", path_, size,
                            there < sizeof header ? "" : fmt::format(" of {}", header.file_bytes)));
  const u64 at = header.description_at, text = header.description_bytes;
  if (size != header.file_bytes || at < sizeof header || at > size || text > most_description ||
      text > size - at || header.frames > most_frames || header.frames * sizeof(Row) != size - at - text)
    return fail(damaged("its header"));
  description_.resize(text);
  std::vector<u8> table(header.frames * sizeof(Row));
  if (!read_at(at, {reinterpret_cast<u8*>(description_.data()), description_.size()}) ||
      !read_at(at + text, table))
    return fail(damaged("it cannot be read"));
  if (hash_of(header, description_, table) != header.hash) return fail(damaged("the checksum of its header"));
  for (std::size_t n = 0; n < header.frames; ++n) {
    Row row;
    std::memcpy(&row, &table[n * sizeof row], sizeof row);
    const StateFrame f{static_cast<StateFrame::Kind>(row.kind),
                       row.index,
                       row.bytes,
                       row.packed,
                       row.first,
                       row.hash,
                       row.offset};
    const bool inside = f.offset >= sizeof header && f.offset <= at && f.packed <= at - f.offset;
    const bool ordered =
        frames_.empty() || std::tuple(frames_.back().kind, frames_.back().index, frames_.back().first) <=
                               std::tuple(f.kind, f.index, f.first);
    if (!inside || !ordered || f.bytes > StateFrame::most || f.packed > ZSTD_compressBound(f.bytes))
      return fail(damaged("the table of its parts"));
    frames_.push_back(f);
  }
  return true;
}

namespace {

// What one thread unpacks with.
struct Unpacker {
  ZSTD_DCtx* context = ZSTD_createDCtx();
  std::vector<u8> packed, bytes;
  Unpacker() = default;
  Unpacker(const Unpacker&) = delete;
  Unpacker& operator=(const Unpacker&) = delete;
  ~Unpacker() { ZSTD_freeDCtx(context); }
};

// Whose turn it is: frames are unpacked by whoever has time, and taken in their order.
struct ThreadTurns {
  std::mutex lock;
  std::condition_variable moved;
  std::size_t next_to_unpack = 0, next_to_take = 0;
  bool over = false;
  std::string error;
  std::exception_ptr thrown;
};

}  // namespace

bool StateFrameReader::each(StateFrame::Kind kind, u8 index, const Take& take, std::string& error) const {
  std::vector<StateFrame> mine;
  for (const StateFrame& f : frames_)
    if (f.kind == kind && f.index == index) mine.push_back(f);
  ThreadTurns turns;
  const auto unpack = [&](Unpacker& with, const StateFrame& f) {
    with.packed.resize(f.packed);
    with.bytes.resize(f.bytes);
    return read_at(f.offset, with.packed) && XXH3_64bits(with.packed.data(), f.packed) == f.hash &&
           ZSTD_decompressDCtx(with.context, with.bytes.data(), f.bytes, with.packed.data(), f.packed) ==
               f.bytes;
  };
  const auto work = [&] {
    Unpacker with;
    std::unique_lock hold(turns.lock);
    while (!turns.over && turns.next_to_unpack < mine.size()) {
      const std::size_t n = turns.next_to_unpack++;
      hold.unlock();
      const bool good = unpack(with, mine[n]);
      hold.lock();
      turns.moved.wait(hold, [&] { return turns.over || turns.next_to_take == n; });
      if (turns.over) return;
      if (!good) turns.error = damaged(fmt::format("the bytes from {:#x} on", mine[n].offset));
      turns.over = !good || !take(mine[n], with.bytes);
      ++turns.next_to_take;
      turns.moved.notify_all();
    }
  };
  const auto work_safely = [&] {
    try {
      work();
    } catch (...) {
      const std::lock_guard hold(turns.lock);
      turns.thrown = std::current_exception();
      turns.over = true;
      turns.moved.notify_all();
    }
  };
  constexpr std::size_t most_threads = 4, worth_a_thread = 8;
  const std::size_t others =
      std::min({most_threads, mine.size() / worth_a_thread,
                static_cast<std::size_t>(std::max(1u, std::thread::hardware_concurrency()))});
  {
    std::vector<std::jthread> threads;
    try {
      for (std::size_t n = 1; n < others; ++n) threads.emplace_back(work_safely);
    } catch (const std::system_error&) {
      // The host gives no more of them: fewer do it as well.
    }
    work_safely();
  }
  if (turns.thrown) std::rethrow_exception(turns.thrown);
  if (!turns.error.empty()) error = turns.error;
  return !turns.over;
}

}  // namespace ringside
