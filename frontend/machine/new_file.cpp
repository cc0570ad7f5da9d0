// Owns a file that appears whole under its name, or not at all.
#include "frontend/machine/new_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace ringside {
namespace {

std::string why_not(const std::string& path, int why) {
  const bool full = why == ENOSPC || why == EDQUOT || why == EFBIG;
  return fmt::format("{}: cannot be written ({}); {}", path, std::strerror(why),
                     full ? "make room, or name another place" : "name another file");
}

}  // namespace

NewFile::NewFile(std::string path, std::string part, int file)
    : path_(std::move(path)), part_(std::move(part)), file_(file) {}

std::unique_ptr<NewFile> NewFile::create(const std::string& path, std::string& error) {
  struct stat about {};
  if (::stat(path.c_str(), &about) == 0 && !S_ISREG(about.st_mode)) {
    error = fmt::format("{}: is no file that could be replaced; name a file", path);
    return nullptr;
  }
  std::string part = fmt::format("{}.{}.part", path, ::getpid());
  const int file = ::open(part.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0) {
    error = why_not(path, errno);
    return nullptr;
  }
  return std::unique_ptr<NewFile>(new NewFile(path, std::move(part), file));
}

NewFile::~NewFile() {
  if (file_ >= 0) ::close(file_);
  if (!part_.empty()) ::unlink(part_.c_str());
}

void NewFile::append(const void* data, std::size_t size) {
  write_at(bytes_, data, size);
  bytes_ += size;
}

void NewFile::write_at(u64 at, const void* data, std::size_t size) {
  const char* from = static_cast<const char*>(data);
  while (size > 0 && failure_ == 0) {
    const ssize_t put = ::pwrite(file_, from, size, static_cast<off_t>(at));
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) failure_ = put < 0 ? errno : ENOSPC;
    if (put <= 0) return;
    from += put;
    at += static_cast<u64>(put);
    size -= static_cast<std::size_t>(put);
  }
}

bool NewFile::finish(std::string& error) {
  if (failure_ == 0 && ::fsync(file_) != 0) failure_ = errno;
  if (::close(std::exchange(file_, -1)) != 0 && failure_ == 0) failure_ = errno;
  if (failure_ == 0 && ::rename(part_.c_str(), path_.c_str()) != 0) failure_ = errno;
  if (failure_ != 0) {
    error = why_not(path_, failure_);
    return false;
  }
  part_.clear();
  // The name outlasts a loss of power, too; a folder that cannot be synchronized is no reason to say that it
  // failed.
  const std::string folder = std::filesystem::path(path_).parent_path().string();
  const int at = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (at >= 0) static_cast<void>(::fsync(at));
  if (at >= 0) ::close(at);
  return true;
}

}  // namespace ringside
