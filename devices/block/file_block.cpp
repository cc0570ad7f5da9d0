// Owns the host's side of a raw image: opening, locking, reading, writing.
#include "devices/block/file_block.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "devices/block/image_kind.h"

namespace ringside {
namespace {

std::string why_not_opened(const std::string& path, int why, bool read_only) {
  if (why == ENOENT) return fmt::format("{}: no such file; check its path, or make an image", path);
  if (why == EACCES && read_only) return fmt::format("{}: may not be read; give yourself the right", path);
  if (why == EACCES || why == EROFS)
    return fmt::format("{}: may not be written; add readonly=on or snapshot=on to its -drive", path);
  return fmt::format("{}: cannot be opened as an image: {}; name another", path, std::strerror(why));
}

// A multiple of this is a whole image.
u64 unit_of(Media media) { return media == Media::cdrom ? 2048 : sector_bytes; }

}  // namespace

std::unique_ptr<FileBlock> FileBlock::open(const std::string& path, Media media, bool read_only,
                                           std::string& error) {
  struct stat about {};
  if (::stat(path.c_str(), &about) == 0 && !S_ISREG(about.st_mode) && !S_ISBLK(about.st_mode)) {
    error = S_ISDIR(about.st_mode)
                ? fmt::format("{0}: is a directory; give an image, or the folder as a disk by fat:{0}", path)
                : fmt::format("{}: is neither a file nor a block device; give an image", path);
    return nullptr;
  }
  const int file = ::open(path.c_str(), (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
  if (file < 0) {
    error = why_not_opened(path, errno, read_only);
    return nullptr;
  }
  std::unique_ptr<FileBlock> made(new FileBlock(file, path, read_only));
  if (!made->lock(path, error) || !made->measure(path, media, error)) return nullptr;
  return made;
}

FileBlock::~FileBlock() { ::close(file_); }

// A lock of the open file itself, not of the process: two machines in one process are two users. File
// systems that know no locks are used without.
bool FileBlock::lock(const std::string& path, std::string& error) const {
  struct flock whole {};
  whole.l_type = read_only_ ? F_RDLCK : F_WRLCK;
  whole.l_whence = SEEK_SET;
  if (::fcntl(file_, F_OFD_SETLK, &whole) == 0 || (errno != EAGAIN && errno != EACCES)) return true;
  error = read_only_
              ? fmt::format("{}: somebody else is writing to it; end that, or copy the image", path)
              : fmt::format("{}: somebody else uses it; end that, or add snapshot=on to its -drive", path);
  return false;
}

bool FileBlock::measure(const std::string& path, Media media, std::string& error) {
  const off_t end = ::lseek(file_, 0, SEEK_END);
  if (end < 0) {
    error = fmt::format("{}: its size cannot be found out: {}; give a file", path, std::strerror(errno));
    return false;
  }
  const u64 bytes = static_cast<u64>(end);
  if (bytes == 0) {
    error = fmt::format("{0}: is empty; give an image, or make one: truncate -s 1G {0}", path);
    return false;
  }
  std::vector<u8> head(std::min(bytes, looked_at_bytes));
  const ssize_t got = ::pread(file_, head.data(), head.size(), 0);
  if (got != static_cast<ssize_t>(head.size())) {
    error = fmt::format("{}: cannot be read: {}; check the file", path,
                        got < 0 ? std::strerror(errno) : "it ends early");
    return false;
  }
  if (std::string why = why_not_raw(head, bytes, media == Media::cdrom, path); !why.empty()) {
    error = std::move(why);
    return false;
  }
  if (bytes % unit_of(media) != 0) {
    error = fmt::format("{}: {} bytes are no whole number of sectors of {}; it is cut off, or no such image",
                        path, bytes, unit_of(media));
    return false;
  }
  sectors_ = bytes / sector_bytes;
  return true;
}

bool FileBlock::read(u64 sector, std::span<u8> to) {
  off_t at = static_cast<off_t>(sector * sector_bytes);
  while (!to.empty()) {
    const ssize_t got = ::pread(file_, to.data(), to.size(), at);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return fail("read", got < 0 ? errno : 0);
    to = to.subspan(static_cast<std::size_t>(got));
    at += got;
  }
  return true;
}

bool FileBlock::write(u64 sector, std::span<const u8> from) {
  if (read_only_) return false;
  off_t at = static_cast<off_t>(sector * sector_bytes);
  while (!from.empty()) {
    const ssize_t put = ::pwrite(file_, from.data(), from.size(), at);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return fail("written", put < 0 ? errno : ENOSPC);
    from = from.subspan(static_cast<std::size_t>(put));
    at += put;
  }
  return true;
}

// Where the host keeps no holes, everything may be data.
u64 FileBlock::next_data(u64 sector) const {
  const off_t at = ::lseek(file_, static_cast<off_t>(sector * sector_bytes), SEEK_DATA);
  if (at < 0) return errno == ENXIO ? sectors_ : sector;
  return std::min(sectors_, std::max(sector, static_cast<u64>(at) / sector_bytes));
}

bool FileBlock::flush() { return read_only_ || ::fdatasync(file_) == 0 || fail("flushed", errno); }

// The guest learns of each failure; its host's person of the first. 0: nothing is wrong but the file's end.
bool FileBlock::fail(const char* what, int why) {
  if (!told_) return false;
  const bool full = why == ENOSPC || why == EDQUOT || why == EFBIG;
  std::exchange(told_, {})(fmt::format("{}: cannot be {}: {}; the guest got an error: {}", path_, what,
                                       why == 0 ? "it ends early" : std::strerror(why),
                                       full       ? "make room for it"
                                       : why == 0 ? "put the whole image back"
                                                  : "check the disk that it is on"));
  return false;
}

}  // namespace ringside
