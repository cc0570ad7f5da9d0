// Owns named contents in one file: a tar in a zstd frame with its checksum, which tar --zstd makes and reads,
// too.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "cpu/arch/types.h"
#include "frontend/machine/new_file.h"

namespace ringside {

// Whether the bytes begin as such a file's do; four are enough.
bool begins_as_archive(std::span<const u8> bytes);

constexpr u64 longest_member = (u64{8} << 30) - 1;  // bytes; the form has no room for more

// Appears whole or not at all.
class ArchiveWriter {
 public:
  // nullptr: one line in `error` that begins with the path.
  static std::unique_ptr<ArchiveWriter> create(const std::string& path, std::string& error);
  ~ArchiveWriter();
  ArchiveWriter(const ArchiveWriter&) = delete;
  ArchiveWriter& operator=(const ArchiveWriter&) = delete;

  // A name is one that good_member_name() allows.
  void add(std::string_view name, std::string_view bytes);
  // All of a file. False: it cannot be read, or has other than `bytes` bytes; `error`.
  bool add_file(std::string_view name, const std::string& path, u64 bytes, std::string& error);
  // False: `error`, and what had the path before is as it was.
  bool finish(std::string& error);

 private:
  explicit ArchiveWriter(std::unique_ptr<NewFile> file);
  void begin(std::string_view name, u64 bytes);
  void put(std::span<const u8> bytes, bool last = false);
  void pad(u64 bytes);

  struct Packer;
  std::unique_ptr<NewFile> file_;
  std::unique_ptr<Packer> packer_;
};

// Relative, at most 100 bytes, of letters, digits and "._-/+", without "." or ".." or nothing between two
// slashes: it stays in the folder where it is put.
bool good_member_name(std::string_view name);

// Gets what an archive holds, in order.
class ArchiveSink {
 public:
  ArchiveSink() = default;
  virtual ~ArchiveSink() = default;
  ArchiveSink(const ArchiveSink&) = delete;
  ArchiveSink& operator=(const ArchiveSink&) = delete;

  // False, of each: `error` says why the archive is not read any further.
  virtual bool begin(std::string_view name, u64 bytes, std::string& error) = 0;
  virtual bool data(std::span<const u8> bytes, std::string& error) = 0;
  virtual bool end(std::string& error) = 0;
};

// Up to so many bytes of the file into the span; 0: there are no more.
using ByteSource = std::function<std::size_t(std::span<u8>)>;

// In bounded memory, whatever the bytes are. False: one line in `error`, without the file's name; what the
// sink has got so far is not to be trusted.
bool read_archive(const ByteSource& source, ArchiveSink& sink, std::string& error);

}  // namespace ringside
