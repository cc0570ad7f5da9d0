// Owns the run's outputs: the streams of bytes from the guest, and files that appear whole or not at all.
#include "frontend/program/output.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "frontend/program/terminal.h"

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

std::string nobody_reads(const std::string& flag, const std::string& path) {
  return fmt::format("{} {}: nobody reads this pipe; start its reader first", flag, path);
}

// How long a wait lasts before it asks again whether the program is to stop: a signal that comes between the
// question and the wait does not end the wait. In milliseconds.
constexpr int look_again = 20;

// All of it, or false with errno. A reader who does not read is waited for, until the program is asked to
// stop: then it has one more second, and errno is ETIMEDOUT.
bool write_all(int file, const char* data, std::size_t size) {
  constexpr std::size_t at_once = 4096;  // a pipe that has room takes so much without blocking
  constexpr int last_chance = 1000;
  while (size > 0) {
    const bool stopping = asked_to_stop();
    pollfd wait{file, POLLOUT, 0};
    const int ready = ::poll(&wait, 1, stopping ? last_chance : look_again);
    if (ready <= 0 && stopping) {
      errno = ETIMEDOUT;
      return false;
    }
    if (ready <= 0) continue;
    if (!(wait.revents & POLLOUT)) {
      errno = wait.revents & POLLNVAL ? EBADF : EPIPE;
      return false;
    }
    const ssize_t written = ::write(file, data, std::min(size, at_once));
    if (written > 0) {
      data += written;
      size -= static_cast<std::size_t>(written);
    } else if (written < 0 && errno != EINTR && errno != EAGAIN) {
      return false;
    }
  }
  return true;
}

// A pipe's open() would wait for its reader by itself, but could miss the signal that ends the wait.
int open_pipe(const char* path, int flags) {
  for (;;) {
    const int file = ::open(path, flags | O_CLOEXEC | O_NONBLOCK, 0666);
    if (file >= 0) ::fcntl(file, F_SETFL, ::fcntl(file, F_GETFL) & ~O_NONBLOCK);
    if (file >= 0 || errno != ENXIO || asked_to_stop()) return file;
    ::poll(nullptr, 0, look_again);
  }
}

bool is_fifo(const std::string& path) {
  struct stat about {};
  return ::stat(path.c_str(), &about) == 0 && S_ISFIFO(about.st_mode);
}

}  // namespace

void say(std::string_view line) { tell(fmt::format("ringside: {}\n", line)); }

int refuse(std::string_view error, int status) {
  say(error);
  return status;
}

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
  // A FIFO that nobody reads is a failure now: whoever wants to know the run's end is there at its end.
  const int file =
      ::open(name.c_str(),
             direct ? O_WRONLY | O_CLOEXEC | O_NONBLOCK : O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  bool good = file >= 0 && write_all(file, text.data(), text.size());
  const int why = errno;
  if (file >= 0) good = ::close(file) == 0 && good;
  if (good && !direct) good = ::rename(name.c_str(), path.c_str()) == 0;
  if (good) return true;
  const bool unread = file < 0 && why == ENXIO;
  error = unread ? nobody_reads(flag, path) : cannot_write(flag, path, std::strerror(why ? why : errno));
  if (!direct && file >= 0) ::unlink(name.c_str());
  return false;
}

Stream::~Stream() {
  flush();
  if (owned_) ::close(file_);
}

bool Stream::open_file(const std::string& flag, const std::string& path, bool append, std::string& error) {
  const int flags = O_WRONLY | O_CREAT | (append ? O_APPEND : O_TRUNC);
  const bool pipe = is_fifo(path);
  if (pipe) say(fmt::format("{} {}: waiting for a reader of the pipe", flag, path));
  file_ = pipe ? open_pipe(path.c_str(), flags) : ::open(path.c_str(), flags | O_CLOEXEC, 0666);
  if (file_ < 0) {
    error =
        pipe && errno == ENXIO ? nobody_reads(flag, path) : cannot_write(flag, path, std::strerror(errno));
    return false;
  }
  owned_ = true;
  name_ = path;
  return true;
}

void Stream::open_standard_output() {
  file_ = STDOUT_FILENO;
  name_ = "standard output";
}

void Stream::open_standard_error() {
  file_ = STDERR_FILENO;
  name_ = "standard error";
}

void Stream::flush() {
  if (buffer_.empty() || !failure_.empty()) return;
  // What a stop interrupts is no failure of the output's.
  const bool good = file_ < 0 || write_all(file_, buffer_.data(), buffer_.size());
  if (!good && !may_go_ && errno != ETIMEDOUT) fail(std::strerror(errno));
  buffer_.clear();
}

void Stream::fail(const char* why) {
  failure_ = fmt::format("{}: cannot be written ({}); make room, or keep its reader alive", name_, why);
  file_ = owned_ ? file_ : -1;
}

}  // namespace ringside
