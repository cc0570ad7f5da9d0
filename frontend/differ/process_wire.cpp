// Owns peers as processes: one socket is their standard input and output, and a file in memory what they
// complain of.
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "frontend/conform/running/process.h"
#include "frontend/differ/patience.h"
#include "frontend/differ/peer.h"

namespace ringside {
namespace {

constexpr int not_to_be_run = 127;

// Each of its threads waits for something else than the processor: QEMU's first one does so while another
// runs the guest.
bool all_sleep(pid_t child) {
  std::error_code none;
  bool all = conform::sleeps(child);
  for (const auto& entry : std::filesystem::directory_iterator(fmt::format("/proc/{}/task", child), none))
    all = all && conform::sleeps(static_cast<pid_t>(std::atoi(entry.path().filename().c_str())));
  return all;
}

class ProcessWire final : public Wire {
 public:
  ProcessWire(pid_t child, int line, int complaints) : child_(child), line_(line), complaints_(complaints) {}
  ProcessWire(const ProcessWire&) = delete;
  ProcessWire& operator=(const ProcessWire&) = delete;
  ~ProcessWire() override {
    kill(-child_, SIGKILL);
    waitpid(child_, nullptr, 0);
    close(line_);
    close(complaints_);
  }

  bool send(std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(line_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  std::optional<std::string> receive(double seconds, const std::function<bool()>& goes_on) override {
    using Clock = std::chrono::steady_clock;
    constexpr double look_each = 0.1;
    const auto seconds_now = [] {
      return std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
    };
    Patience patience(seconds, seconds_now(), conform::processor_seconds(child_));
    pollfd wanted{line_, POLLIN, 0};
    while (poll(&wanted, 1, static_cast<int>(std::min(seconds, look_each) * 1000)) <= 0) {
      if (goes_on && !goes_on()) return std::string();
      if (patience.used_up(seconds_now(), conform::processor_seconds(child_), all_sleep(child_)))
        return std::string();
    }
    std::array<char, 65536> bytes;
    const ssize_t got = recv(line_, bytes.data(), bytes.size(), 0);
    if (got < 0 && errno == EINTR) return std::string();
    if (got <= 0) return std::nullopt;
    return std::string(bytes.data(), static_cast<std::size_t>(got));
  }

  std::string complaint() const override {
    std::array<char, 4096> bytes;
    const off_t size = lseek(complaints_, 0, SEEK_END);
    const off_t from = std::max<off_t>(0, size - static_cast<off_t>(bytes.size()));
    const ssize_t got = pread(complaints_, bytes.data(), bytes.size(), from);
    std::string_view text(bytes.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    // Bochs frames what it says with lines of "=".
    while (text.ends_with('\n') || text.ends_with('=')) text.remove_suffix(1);
    const std::size_t line = text.rfind('\n');
    return std::string(line == text.npos ? text : text.substr(line + 1));
  }

 private:
  pid_t child_;
  int line_, complaints_;
};

[[noreturn]] void become(char* const* words, int line, int complaints, pid_t parent) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(not_to_be_run);
  dup2(line, STDIN_FILENO);
  dup2(line, STDOUT_FILENO);
  dup2(complaints, STDERR_FILENO);
  execvp(words[0], words);
  const char* const why = std::strerror(errno);
  if (write(STDERR_FILENO, why, std::strlen(why)) < 0) _exit(not_to_be_run);
  _exit(not_to_be_run);
}

}  // namespace

OpenWire process_wire(std::vector<std::string> words) {
  return [words = std::move(words)](std::string& error) mutable -> std::unique_ptr<Wire> {
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    std::array<int, 2> line{-1, -1};
    const int complaints = memfd_create("complaints", MFD_CLOEXEC);
    const bool made = complaints >= 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, line.data()) == 0;
    const pid_t parent = getpid(), child = made ? fork() : -1;
    if (child == 0) become(pointers.data(), line[1], complaints, parent);
    if (line[1] >= 0) close(line[1]);
    if (child < 0) {
      error = fmt::format("{}: no process can be started: {}", words[0], std::strerror(errno));
      if (line[0] >= 0) close(line[0]);
      if (complaints >= 0) close(complaints);
      return nullptr;
    }
    setpgid(child, child);
    return std::make_unique<ProcessWire>(child, line[0], complaints);
  };
}

}  // namespace ringside
