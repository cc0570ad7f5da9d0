// Owns running the built program from a test.
#include "tests/cli/program.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <utmp.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace ringside::cli {
namespace {

[[noreturn]] void become(std::vector<std::string> arguments) {
  std::string program = RINGSIDE_BINARY_DIR "/ringside";
  std::vector<char*> words = {program.data()};
  for (std::string& argument : arguments) words.push_back(argument.data());
  words.push_back(nullptr);
  execv(program.c_str(), words.data());
  _exit(127);
}

int status_of(int wait_status) {
  return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

void check(bool good) {
  if (!good) throw std::runtime_error("the test's own set-up failed");
}

}  // namespace

Result run(std::vector<std::string> arguments, std::string_view input) {
  int in[2], out[2], err[2];
  check(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0 && pipe2(err, O_CLOEXEC) == 0);
  const pid_t child = fork();
  check(child >= 0);
  if (child == 0) {
    dup2(in[0], 0);
    dup2(out[1], 1);
    dup2(err[1], 2);
    become(std::move(arguments));
  }
  close(in[0]);
  close(out[1]);
  close(err[1]);
  // Inputs are shorter than what a pipe holds, so that nobody waits here.
  check(write(in[1], input.data(), input.size()) == static_cast<ssize_t>(input.size()));
  close(in[1]);
  Result result;
  pollfd wait[2] = {{out[0], POLLIN, 0}, {err[0], POLLIN, 0}};
  std::string* to[2] = {&result.out, &result.err};
  while (wait[0].fd >= 0 || wait[1].fd >= 0) {
    check(poll(wait, 2, -1) > 0);
    for (int n = 0; n < 2; ++n) {
      if (wait[n].fd < 0 || !wait[n].revents) continue;
      char bytes[4096];
      const ssize_t got = read(wait[n].fd, bytes, sizeof bytes);
      if (got > 0) {
        to[n]->append(bytes, static_cast<std::size_t>(got));
      } else {
        close(wait[n].fd);
        wait[n].fd = -1;
      }
    }
  }
  int status = 0;
  check(waitpid(child, &status, 0) == child);
  result.status = status_of(status);
  return result;
}

int shell(const std::string& words) {
  return status_of(std::system(("'" RINGSIDE_BINARY_DIR "/ringside' " + words).c_str()));
}

bool has_terminals() {
  int ours = -1, theirs = -1;
  if (openpty(&ours, &theirs, nullptr, nullptr, nullptr) != 0) {
    MESSAGE("not tested: no terminal can be made here; mount devpts at /dev/pts");
    return false;
  }
  close(ours);
  close(theirs);
  return true;
}

Running::Running(std::vector<std::string> arguments, With with) {
  if (with == With::terminal) {
    check(openpty(&in_, &terminal_, nullptr, nullptr, nullptr) == 0);
    fcntl(in_, F_SETFD, FD_CLOEXEC);
    child_ = fork();
    check(child_ >= 0);
    if (child_ == 0) {
      login_tty(terminal_);
      become(std::move(arguments));
    }
    out_ = in_;
    return;
  }
  int in[2], out[2];
  check(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
  child_ = fork();
  check(child_ >= 0);
  if (child_ == 0) {
    dup2(in[0], 0);
    dup2(out[1], 1);
    dup2(out[1], 2);
    become(std::move(arguments));
  }
  close(in[0]);
  close(out[1]);
  in_ = in[1];
  out_ = out[0];
}

Running::~Running() {
  if (child_ > 0) {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }
  close(out_);
  if (in_ != out_) close(in_);
  if (terminal_ >= 0) close(terminal_);
}

bool Running::read_some(int milliseconds) {
  pollfd wait{out_, POLLIN, 0};
  if (poll(&wait, 1, milliseconds) <= 0) return false;
  char bytes[4096];
  const ssize_t got = read(out_, bytes, sizeof bytes);  // a terminal without a program on it: EIO
  if (got <= 0) return false;
  output_.append(bytes, static_cast<std::size_t>(got));
  return true;
}

bool Running::wait_for(std::string_view text) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (output_.find(text) == std::string::npos) {
    if (std::chrono::steady_clock::now() > end || !read_some(60'000)) return false;
  }
  return true;
}

void Running::type(std::string_view text) {
  check(write(in_, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
}

void Running::resize(unsigned short columns, unsigned short rows) {
  winsize size{};
  size.ws_col = columns;
  size.ws_row = rows;
  check(ioctl(terminal_, TIOCSWINSZ, &size) == 0);
}

void Running::signal(int number) { kill(child_, number); }

int Running::finish() {
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  int status = 0;
  pid_t ended = 0;
  while (ended == 0 && std::chrono::steady_clock::now() < end) {
    read_some(10);
    ended = waitpid(child_, &status, WNOHANG);
  }
  while (read_some(0)) {
  }
  if (ended != child_) return -1;
  child_ = -1;
  return status_of(status);
}

bool Running::raw() const {
  termios modes{};
  check(tcgetattr(terminal_, &modes) == 0);
  return (modes.c_lflag & (ICANON | ECHO | ISIG)) == 0;
}

Folder::Folder() {
  std::string name = (std::filesystem::temp_directory_path() / "ringside-XXXXXX").string();
  check(mkdtemp(name.data()) != nullptr);
  path_ = name;
}

Folder::~Folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string Folder::write(std::string_view name, std::string_view bytes) const {
  const std::string path = *this / name;
  std::ofstream(path, std::ios::binary) << bytes;
  return path;
}

std::vector<std::string> Folder::names() const {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(path_)) {
    found.push_back(entry.path().filename().string());
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::string guest_images(std::string_view guest) {
  const char* const folder = std::getenv("RINGSIDE_GUESTS");
  const std::string path = folder == nullptr ? "" : std::string(folder) + "/" + std::string(guest);
  if (!path.empty() && std::filesystem::is_directory(path)) return path;
  MESSAGE("skipped: RINGSIDE_GUESTS names no folder with " << guest << ", which tests/guests/" << guest
                                                           << ".sh makes");
  return {};
}

std::vector<std::string> kvm_guest() {
  const std::string image = guest_images("kvm");
  if (image.empty()) return {};
  return {"-m",
          "1024",
          "-no-reboot",
          "-kernel",
          image + "/vmlinuz",
          "-initrd",
          image + "/kvm.cpio",
          "-append",
          "console=ttyS0,115200 quiet"};
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string firmware(std::initializer_list<int> code) {
  std::string image(0x10000, '\xff');
  std::size_t at = 0xf000;
  for (const int byte : code) image[at++] = static_cast<char>(byte);
  // The reset vector: JMP rel16 to offset F000.
  image[0xfff0] = '\xe9';
  image[0xfff1] = static_cast<char>((0xf000 - 0xfff3) & 0xff);
  image[0xfff2] = static_cast<char>(((0xf000 - 0xfff3) >> 8) & 0xff);
  return image;
}

}  // namespace ringside::cli
