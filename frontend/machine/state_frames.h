// Owns the container of a saved state's file: a description, and frames of bytes that zstd packed, each with
// its checksum. It is written whole or not at all, and read in bounded memory, whatever it says.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cpu/arch/types.h"
#include "frontend/machine/new_file.h"

namespace ringside {

// The header, the frames, the description (JSON), the table of the frames. Numbers are little endian.
struct StateFrame {
  enum class Kind : u8 { fields = 1, disk = 2, pages = 3 } kind = Kind::fields;
  u8 index = 0;               // of what: a disk's place among the machine's drives; else 0
  u32 bytes = 0, packed = 0;  // unpacked at most StateFrame::most
  u64 first = 0;   // the first sector, the first page's address; frames of one thing are in this order
  u64 hash = 0;    // XXH3 of the packed bytes
  u64 offset = 0;  // in the file
  static constexpr u32 most = 2u << 20;
};

class StateFrameWriter {
 public:
  // nullptr: one line in `error`.
  static std::unique_ptr<StateFrameWriter> create(const std::string& path, std::string& error);
  ~StateFrameWriter();  // what was not finished is gone
  StateFrameWriter(const StateFrameWriter&) = delete;
  StateFrameWriter& operator=(const StateFrameWriter&) = delete;

  // A failure of the host's is told by finish().
  void add(StateFrame::Kind kind, u8 index, u64 first, std::span<const u8> bytes);
  // It is on the disk, and has its name. False: `error`, and what had the name before is as it was.
  bool finish(std::string_view version, std::string_view description, std::string& error);

 private:
  explicit StateFrameWriter(std::unique_ptr<NewFile> file);

  std::unique_ptr<NewFile> file_;
  struct Packer;
  std::unique_ptr<Packer> packer_;
  std::vector<StateFrame> frames_;
};

class StateFrameReader {
 public:
  // nullptr: one line in `error` that names the file, what is wrong with it and the cure.
  static std::unique_ptr<StateFrameReader> open(const std::string& path, std::string& error);
  ~StateFrameReader();
  StateFrameReader(const StateFrameReader&) = delete;
  StateFrameReader& operator=(const StateFrameReader&) = delete;

  const std::string& path() const { return path_; }
  const std::string& description() const { return description_; }
  const std::vector<StateFrame>& frames() const { return frames_; }
  // The frames of one thing, unpacked, in their order, one at a time; some threads unpack ahead. False:
  // `take` did not want one, or the file is damaged; then there is a line in `error`.
  using Take = std::function<bool(const StateFrame& frame, std::span<const u8> bytes)>;
  bool each(StateFrame::Kind kind, u8 index, const Take& take, std::string& error) const;
  // What a damaged file is told as.
  std::string damaged(std::string_view what) const;

 private:
  StateFrameReader(std::string path, int file) : path_(std::move(path)), file_(file) {}
  bool read_head(std::string& error);
  bool read_at(u64 offset, std::span<u8> to) const;

  std::string path_, description_;
  int file_;
  std::vector<StateFrame> frames_;
};

}  // namespace ringside
