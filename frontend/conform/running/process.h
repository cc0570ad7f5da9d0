// Owns processes: they are started, listened to with bounded memory, and ended when their time is over.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::conform {

// Of a child: seconds of the processor's time that it has had; 0 if the host does not tell.
double processor_seconds(pid_t child);
// It waits for something else than the processor, a disk or whoever has stopped it. False if the host does
// not tell.
bool sleeps(pid_t child);

struct ProcessEnd {
  int status = 0;        // its exit status, if no signal ended it
  int signal = 0;        // the one that ended it; 0: none
  bool overdue = false;  // it was ended because its time was over
  double host_seconds = 0, cpu_seconds = 0;
};

struct Job {
  std::vector<std::string> words;  // the program first, which is sought as execvp does
  // Where the program is this one: what it does with the words, in a child of this process, which has been
  // loaded and linked already. Its value is the exit status.
  std::function<int(const std::vector<std::string>& words)> itself;
  std::string folder;  // where it runs; empty: here
  // Of the processor's time, so that a busy host takes nothing from it; who sleeps for as long is over, too.
  // Then it is asked to end (SIGTERM) and has the second number of seconds for that, if it is not 0, before
  // it is killed with all that it has started. 0: never.
  double processor_seconds = 0, grace_seconds = 0;
  // Pieces of what it prints, as they come.
  std::function<void(std::string_view)> on_output, on_errors;
  std::function<void(const ProcessEnd&)> on_end;
};

// Several processes at once, each in a group of its own, with nothing to read. They end when this program
// ends, however it does.
class Processes {
 public:
  Processes();
  ~Processes();
  Processes(const Processes&) = delete;
  Processes& operator=(const Processes&) = delete;

  // False and one line in `error`: it could not be started. A program that is not there exits with 127.
  bool start(Job job, std::string& error);
  // Waits until something happens, a tenth of a second at most, and tells the jobs about it.
  void wait();
  std::size_t running() const { return running_.size(); }
  void kill_all();

 private:
  struct Running;
  void listen(Running& process);
  void end_if_overdue(Running& process);
  bool reap(Running& process);
  int longest_wait() const;

  std::vector<std::unique_ptr<Running>> running_;
};

}  // namespace ringside::conform
