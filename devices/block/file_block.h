// Owns a raw image: a file or a block device of the host as sectors.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "devices/block/block_device.h"

namespace ringside {

enum class Media : u8 { disk, cdrom, floppy };

// Held by a lock from the time that it is opened: of all who keep to such locks there is one writer, or any
// number of readers. QEMU keeps to them.
class FileBlock final : public BlockDevice {
 public:
  // nullptr: one line in `error` that names the file and the cure.
  static std::unique_ptr<FileBlock> open(const std::string& path, Media media, bool read_only,
                                         std::string& error);
  ~FileBlock() override;
  FileBlock(const FileBlock&) = delete;
  FileBlock& operator=(const FileBlock&) = delete;

  u64 sectors() const override { return sectors_; }
  bool read_only() const override { return read_only_; }
  bool read(u64 sector, std::span<u8> to) override;
  bool write(u64 sector, std::span<const u8> from) override;
  u64 next_data(u64 sector) const override;
  bool flush() override;
  // Told of the first thing that the host could not do, for people: one line that names the file and the
  // cure.
  void on_trouble(std::function<void(const std::string& line)> told) { told_ = std::move(told); }

 private:
  FileBlock(int file, std::string path, bool read_only)
      : file_(file), path_(std::move(path)), read_only_(read_only) {}
  bool lock(const std::string& path, std::string& error) const;
  bool measure(const std::string& path, Media media, std::string& error);
  bool fail(const char* what, int why);

  int file_;
  std::string path_;
  std::function<void(const std::string&)> told_;
  bool read_only_;
  u64 sectors_ = 0;
};

}  // namespace ringside
