// Owns the conversation with gdb: what each packet asks for and what is answered. It knows no sockets and
// never runs the machine: it says what the client wants, and is told what came of it.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "frontend/gdb/packet.h"
#include "frontend/gdb/gdb_registers.h"

namespace ringside {

// What the client wants the machine to do.
struct Resume {
  // step_back, back: to before the instruction that ran last; to the last stop before here.
  enum class Kind : u8 { stay, run, step, step_back, back } kind = Kind::stay;
  unsigned cpu = 0;  // of step and step_back
  // Of step: while the program counter is at or above `first` and below `end`. Both 0: once.
  u64 first = 0, end = 0;
  u32 still = 0;  // bit n: CPU n has no turns meanwhile
};

class GdbStub {
 public:
  // Threads are CPUs: thread 1 is CPU 0.
  explicit GdbStub(Debugger& debugger);

  // A client came; the machine stops for it. Its conversation starts afresh.
  void connected();
  // It went: its breakpoints go with it; the machine stays stopped or goes on, as it was.
  void disconnected();

  // Bytes from the client, to be given while the machine stands still. What is to be sent grows output().
  void receive(std::string_view bytes);
  std::string& output() { return output_; }

  const Resume& resume() const { return resume_; }
  void stop_machine() { resume_ = {}; }  // as if the client had stopped it
  // The client may start the program again after its end: target extended-remote.
  bool extended() const { return extended_; }
  // Somebody keeps the machine's past.
  bool goes_back() const;
  // Ctrl-C came since the last call.
  bool take_interrupt() { return std::exchange(interrupt_, false); }
  // Words for the client's user, while it waits for the machine; else they are lost.
  void tell(std::string_view text) {
    if (waiting_) console(text);
  }
  // What came of resume().
  void stopped(const Stop& stop);
  // The machine is gone: told to a client that waits for it.
  void exited(int status);
  // The same, but that an extended client may want it again: it stays, and so does what runs it, until the
  // client goes or asks for it.
  void ended(int status);

  // What is beyond the debugger. `restart`: from the beginning, and stopped there; restarted() follows.
  enum class Request : u8 { none, kill, restart };
  Request take_request() { return std::exchange(request_, Request::none); }
  void restarted();

  // Answers `monitor COMMAND`, any lines; without one there are the stub's own commands only.
  void on_monitor(std::function<std::string(std::string_view command)> monitor) {
    monitor_ = std::move(monitor);
  }

 private:
  void answer(std::string_view body);
  void fail(std::string_view why);  // in words, which gdb shows
  void console(std::string_view text);
  void item(PacketReader::Item item);
  void packet(std::string_view body);

  // Packets, by their first letter.
  void query(Words words);
  void set(Words words);
  void features(Words words);
  void transfer(Words words);
  void monitor(Words words);
  std::string own_command(std::string_view command);
  void thread_information(Words words);
  void memory_region(Words words);
  void choose_thread(Words words);
  void thread_alive(Words words);
  void read_all();
  void write_all(Words words);
  void read_one(Words words);
  void write_one(Words words);
  std::size_t read_present(u64 address, std::span<u8> out);
  void read_memory(Words words);
  void write_memory(Words words, bool binary);
  void breakpoint(Words words, bool insert);
  void verbose(Words words);
  void continue_each(Words words);
  void resume_at(Words words, bool step, bool signal);
  void go_back(std::string_view how);
  void detach();
  void want_restart();
  // The CPU that the old packets c, s and bs mean.
  unsigned continued() const { return continue_cpu_.value_or(thread_); }
  void go(Resume resume);
  void note_given_up(u64 end_before);
  u64 known_end() const;
  void remove_breakpoints();
  std::string stop_reply() const;
  bool set_register(const GdbRegister& reg, std::string_view raw);
  void set_layout(Layout layout);
  unsigned cpus() { return debugger_.machine().cpus(); }

  struct Action {
    char what;  // c, s, r or t
    u64 first = 0, end = 0;
    u64 thread = 0;  // 0: all
  };
  bool parse_action(std::string_view text, Action& action);

  Debugger& debugger_;
  PacketReader reader_;
  std::string output_, last_sent_;
  bool acknowledge_ = true, extended_ = false;
  bool reports_breakpoints_ = false;  // the client knows swbreak and hwbreak
  bool waiting_ = false;              // the client waits for a stop reply
  bool interrupt_ = false;
  bool runs_anew_ = false;            // vRun waits for its answer
  std::string later_;                 // words for the user, once the client takes some
  bool killed_ = false;               // by vKill of an extended client, which may want it again
  Resume resume_{Resume::Kind::run};  // nobody is there yet who could let it go on
  Request request_ = Request::none;
  // Of the old packets c and s, and of bs; nullopt: the one that the client's packets mean.
  std::optional<unsigned> continue_cpu_;
  // The CPU that the client's packets mean, and the one that `monitor` looks at: the client hears nothing of
  // a `monitor cpu`, and would take one CPU's registers for another's.
  unsigned thread_ = 0, monitor_cpu_ = 0;
  std::string stop_ = "T05thread:1;";
  // By type, address and length: the id of the debugger's breakpoint.
  std::map<std::tuple<u64, u64, u64>, unsigned> breakpoints_;
  Layout layout_ = Layout::bits64;
  Layout wanted_ = Layout::bits64;  // from when the client fetches its description on
  std::vector<GdbRegister> registers_;
  std::string description_;
  std::function<std::string(std::string_view)> monitor_;
};

}  // namespace ringside
