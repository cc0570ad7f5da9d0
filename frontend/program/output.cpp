// Owns the run's outputs: the streams of bytes from the guest, and files that appear whole or not at all.
#include "frontend/program/output.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

namespace ringside {
namespace {

std::string folder_of(const std::string& path) {
  const auto folder = std::filesystem::path(path).parent_path();
  return folder.empty() ? "." : folder.string();
}

std::string cannot_write(const std::string& flag, const std::string& path, const char* why) {
  return fmt::format("{} {}: cannot be written ({}); name a file in a folder that you may write to", flag,
                     path, why);
}

// All of it, or false with errno.
bool write_all(int file, const char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t written = ::write(file, data, size);
    if (written > 0) {
      data += written;
      size -= static_cast<std::size_t>(written);
    } else if (written < 0 && errno == EAGAIN) {
      pollfd wait{file, POLLOUT, 0};
      ::poll(&wait, 1, 1000);
    } else if (written < 0 && errno != EINTR) {
      return false;
    }
  }
  return true;
}

}  // namespace

void say(std::string_view line) { tell(fmt::format("ringside: {}\n", line)); }

void tell(std::string_view text) { static_cast<void>(std::fwrite(text.data(), 1, text.size(), stderr)); }

bool print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0)
    return true;
  say(fmt::format("standard output: cannot be written ({}); make room, or keep its reader alive",
                  std::strerror(errno)));
  return false;
}

bool check_writable(const std::string& flag, const std::string& path, std::string& error) {
  struct stat about {};
  if (::stat(path.c_str(), &about) == 0) {
    if (S_ISDIR(about.st_mode)) {
      error = fmt::format("{} {}: is a folder; name a file", flag, path);
      return false;
    }
    if (::access(path.c_str(), W_OK) == 0) return true;
  } else if (errno == ENOENT && ::access(folder_of(path).c_str(), W_OK | X_OK) == 0) {
    // access() is content with a file where a folder should be.
    if (::stat(folder_of(path).c_str(), &about) == 0 && S_ISDIR(about.st_mode)) return true;
    errno = ENOTDIR;
  }
  error = cannot_write(flag, path, std::strerror(errno));
  return false;
}

bool write_whole_file(const std::string& flag, const std::string& path, const std::string& text,
                      std::string& error) {
  struct stat about {};
  // A device or a pipe cannot be replaced by renaming, nor need it be.
  const bool direct = ::stat(path.c_str(), &about) == 0 && !S_ISREG(about.st_mode);
  const std::string name = direct ? path : fmt::format("{}.{}.part", path, ::getpid());
  const int file =
      ::open(name.c_str(), direct ? O_WRONLY | O_CLOEXEC : O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  bool good = file >= 0 && write_all(file, text.data(), text.size());
  const int why = errno;
  if (file >= 0) good = ::close(file) == 0 && good;
  if (good && !direct) good = ::rename(name.c_str(), path.c_str()) == 0;
  if (good) return true;
  error = cannot_write(flag, path, std::strerror(why ? why : errno));
  if (!direct && file >= 0) ::unlink(name.c_str());
  return false;
}

Stream::~Stream() {
  flush();
  if (owned_) ::close(file_);
}

bool Stream::open(const std::string& flag, const Sink& sink, std::string& error) {
  switch (sink.kind) {
    case Sink::Kind::none: return true;
    case Sink::Kind::standard:
      file_ = STDOUT_FILENO;
      name_ = "standard output";
      return true;
    case Sink::Kind::file: break;
  }
  file_ = ::open(sink.path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file_ < 0) {
    error = cannot_write(flag, sink.path, std::strerror(errno));
    return false;
  }
  owned_ = true;
  name_ = sink.path;
  return true;
}

void Stream::open_standard_error() {
  file_ = STDERR_FILENO;
  name_ = "standard error";
}

void Stream::flush() {
  if (buffer_.empty() || !failure_.empty()) return;
  if (!write_all(file_, buffer_.data(), buffer_.size())) fail(std::strerror(errno));
  buffer_.clear();
}

void Stream::fail(const char* why) {
  failure_ = fmt::format("{}: cannot be written ({}); make room, or keep its reader alive", name_, why);
  file_ = owned_ ? file_ : -1;
}

}  // namespace ringside
