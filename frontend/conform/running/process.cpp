// Owns processes: they are started, listened to with bounded memory, and ended when their time is over.
#include "frontend/conform/running/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iostream>
#include <limits>

#include "frontend/conform/running/allowance.h"

namespace ringside::conform {
namespace {

using HostClock = std::chrono::steady_clock;
constexpr int cannot_be_run = 127;

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

// The descriptors of one direction; both are closed when they go.
struct Pipe {
  ~Pipe() {
    close_end(reads);
    close_end(writes);
  }
  bool open() {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) return false;
    reads = ends[0];
    writes = ends[1];
    return true;
  }
  static void close_end(int& end) {
    if (end >= 0) close(end);
    end = -1;
  }
  int reads = -1, writes = -1;
};

void flush_streams() {
  std::cout.flush();
  std::fflush(nullptr);
}

[[noreturn]] void become(const Job& job, char* const* words, int output, int errors) noexcept {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  const int nothing = open("/dev/null", O_RDONLY);
  if (nothing >= 0) dup2(nothing, STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  dup2(errors, STDERR_FILENO);
  if (!job.folder.empty() && chdir(job.folder.c_str()) != 0) _exit(cannot_be_run);
  if (job.itself) {
    close_range(STDERR_FILENO + 1, std::numeric_limits<unsigned>::max(), 0);
    const int status = job.itself(job.words);
    flush_streams();
    _exit(status);
  }
  execvp(words[0], words);
  _exit(cannot_be_run);
}

}  // namespace

double processor_seconds(pid_t child) {
  clockid_t clock{};
  timespec time{};
  if (clock_getcpuclockid(child, &clock) != 0 || clock_gettime(clock, &time) != 0) return 0;
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

bool sleeps(pid_t child) {
  std::ifstream file(fmt::format("/proc/{}/stat", child));
  std::string line;
  std::getline(file, line);
  // "PID (NAME) STATE ...", where a name may have parentheses.
  const auto name_end = line.rfind(')');
  return name_end != line.npos && line.substr(name_end, 3) == ") S";
}

struct Processes::Running {
  Job job;
  pid_t child = -1;
  Pipe output, errors;
  HostClock::time_point since = HostClock::now();
  Allowance allowance{0, 0, 0};
  bool overdue = false;

  double age() const { return std::chrono::duration<double>(HostClock::now() - since).count(); }
  bool silent() const { return output.reads < 0 && errors.reads < 0; }
};

Processes::Processes() = default;
Processes::~Processes() { kill_all(); }

bool Processes::start(Job job, std::string& error) {
  auto made = std::make_unique<Running>();
  made->job = std::move(job);
  made->allowance = Allowance(made->job.processor_seconds, 0, 0);
  std::vector<char*> words;
  for (std::string& word : made->job.words) words.push_back(word.data());
  words.push_back(nullptr);
  if (made->job.itself) flush_streams();  // what waits in them is this process's to write
  if (made->output.open() && made->errors.open()) made->child = fork();
  if (made->child == 0) become(made->job, words.data(), made->output.writes, made->errors.writes);
  if (made->child < 0) {
    error = fmt::format("{}: no process can be started: {}; let fewer run at once", made->job.words[0],
                        std::strerror(errno));
    return false;
  }
  setpgid(made->child, made->child);
  for (Pipe* pipe : {&made->output, &made->errors}) {
    Pipe::close_end(pipe->writes);
    fcntl(pipe->reads, F_SETFL, O_NONBLOCK);
  }
  running_.push_back(std::move(made));
  return true;
}

// What is there to be read, but no more than a share, so that one who prints for ever keeps nobody waiting.
void Processes::listen(Running& process) {
  constexpr int most_pieces = 16;
  std::array<char, 65536> bytes;
  for (const auto& [pipe, tell] : {std::pair{&process.output, &process.job.on_output},
                                   std::pair{&process.errors, &process.job.on_errors}}) {
    for (int piece = 0; pipe->reads >= 0 && piece < most_pieces; ++piece) {
      const ssize_t got = read(pipe->reads, bytes.data(), bytes.size());
      if (got > 0) {
        if (*tell) (*tell)(std::string_view(bytes.data(), static_cast<std::size_t>(got)));
        continue;
      }
      if (got < 0 && (errno == EAGAIN || errno == EINTR)) break;
      Pipe::close_end(pipe->reads);
    }
  }
}

void Processes::end_if_overdue(Running& process) {
  if (!process.allowance.limited()) return;
  const double age = process.age(), used = processor_seconds(process.child);
  if (!process.allowance.used_up(age, used, sleeps(process.child))) return;
  const double grace = process.overdue ? 0 : process.job.grace_seconds;
  process.overdue = true;
  process.allowance = Allowance(grace, age, used);
  kill(-process.child, grace > 0 ? SIGTERM : SIGKILL);
}

// True: it has ended, and everything was told.
bool Processes::reap(Running& process) {
  end_if_overdue(process);
  int status = 0;
  rusage used{};
  if (wait4(process.child, &status, WNOHANG, &used) != process.child) return false;
  // Whoever it has left behind has its pipes and must not keep this one waiting.
  kill(-process.child, SIGKILL);
  listen(process);
  ProcessEnd end;
  end.status = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
  end.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  end.overdue = process.overdue;
  end.host_seconds = process.age();
  end.cpu_seconds = seconds(used.ru_utime) + seconds(used.ru_stime);
  process.child = -1;
  if (process.job.on_end) process.job.on_end(end);
  return true;
}

// In milliseconds. Who has closed its pipes is about to end.
int Processes::longest_wait() const {
  const bool soon =
      std::any_of(running_.begin(), running_.end(), [](const auto& process) { return process->silent(); });
  return soon ? 1 : 100;
}

void Processes::wait() {
  std::vector<pollfd> wanted;
  for (const auto& process : running_) {
    for (const int end : {process->output.reads, process->errors.reads}) {
      if (end >= 0) wanted.push_back({end, POLLIN, 0});
    }
  }
  poll(wanted.data(), wanted.size(), longest_wait());
  for (const auto& process : running_) listen(*process);
  // What a job does at its end may start another.
  std::vector<std::unique_ptr<Running>> before;
  std::swap(before, running_);
  for (auto& process : before) {
    if (!reap(*process)) running_.push_back(std::move(process));
  }
}

void Processes::kill_all() {
  for (const auto& process : running_) {
    kill(-process->child, SIGKILL);
    waitpid(process->child, nullptr, 0);
  }
  running_.clear();
}

}  // namespace ringside::conform
