// Owns what passes between a machine's thread and the thread of those who look at it in the inspector:
// questions and orders one way, answers the other. Values only: nobody here knows a machine or a window.
#pragma once

#include <array>
#include <atomic>
#include <bitset>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/inspect/sheet.h"

namespace ringside {

// What can be looked at, a sheet each; their titles and how they are made are rows of a table (views.h).
enum class View : u8 {
  registers,
  more_registers,
  code,
  stack,
  memory,
  vmcs,
  entry_check,
  walk,
  pages,
  ept,
  exits,
  exit,
  pending,
  breakpoints,
  count
};
constexpr std::size_t view_count = static_cast<std::size_t>(View::count);

// What is wanted at each stop, and some ten times a second while the machine runs.
struct Asked {
  std::bitset<view_count> views;
  // Addresses as the debugger's commands take them: "main", "gpa 0x7000", "rsp + 8". Empty, of `code`: where
  // the CPU is; of `stack` and others as said.
  std::string code;
  std::string memory = "rsp", walk = "rip";
  unsigned memory_size = 8;        // of a word in bytes: 1, 2, 4 or 8
  std::string vmcs_area;           // "controls", "host", "guest", "injection", "exit"; empty: all
  u64 time_from = 0, time_to = 0;  // what of the past to count exits in; both 0: all of it
  u64 exit = 0;                    // the number of the one to explain; 0: the newest
  bool operator==(const Asked&) const = default;

  bool wants(View view) const { return views.test(static_cast<std::size_t>(view)); }
  void want(View view, bool on = true) { views.set(static_cast<std::size_t>(view), on); }
};

// What is to be done.
struct Order {
  enum class Kind : u8 {
    run,
    stop,
    command,     // a line of the debugger's
    travel,      // to a count of instructions of the known past; the newest of several that wait is done
    breakpoint,  // one of execution is set at the linear address, or the one that is there is taken away
  };
  Kind kind = Kind::command;
  std::string line = {};
  u64 address = 0;  // of breakpoint; of travel the count
  // Of travel. False: people are still dragging, and a moment nearby that is quick to come by does.
  bool settled = true;
};

// What is known of the time before the present, in counts of Answered::instructions.
struct PastSeen {
  bool kept = false;     // the machine can go there
  bool in_it = false;    // and is there: input waits for the present
  bool passing = false;  // it is on its way, and the sheets are those of where it was
  u64 begin = 0, end = 0;
  std::vector<u64> checkpoints;
  std::vector<u64> stops;  // where breakpoints, watchpoints and events stopped the machine last
  std::map<std::string, u64, std::less<>> bookmarks;
  u64 exits_from = 0, exits_to = 0;
  std::vector<u32> exits;  // in equal parts between these
};

// What the looker sees: it is never changed once it was given.
struct Answered {
  bool running = false;
  bool ended = false;  // it cannot go on
  std::string where;   // of the selected CPU, one line
  std::string why;     // of the last stop; empty: nothing is known of it
  unsigned cpu = 0, cpus = 1;
  u64 instructions = 0;  // retired by all CPUs
  double seconds = 0;    // of virtual time
  u64 exits = 0;         // VM exits that were seen
  PastSeen past;
  Asked asked;                                                  // what the sheets answer
  std::array<std::shared_ptr<const Sheet>, view_count> sheets;  // nullptr: was not asked for

  const Sheet* sheet(View view) const { return sheets[static_cast<std::size_t>(view)].get(); }
};

class Exchange {
 public:
  // -- The looker's thread.
  void set_open(bool open) { open_ = open; }
  void ask(const Asked& asked);
  void order(Order order);
  // The newest; nullptr: none yet. `version` rises with each.
  std::shared_ptr<const Answered> answer() const;
  u64 version() const { return version_; }
  // What commands printed, by lines, from line `from` on (which counts from the first that there ever was,
  // and is set to the end). Lines that were forgotten are left out.
  std::vector<std::string> printed(u64& from) const;

  // -- The machine's thread.
  bool open() const { return open_; }
  Asked asked() const;
  std::optional<Order> take_order();
  // The first, if it is of this kind.
  std::optional<Order> take_order(Order::Kind kind);
  // Whether the first is of this kind.
  bool next_is(Order::Kind kind) const;
  // Whether an order waits: cheap.
  bool ordered() const { return ordered_; }
  void give(std::shared_ptr<const Answered> answer);
  // Whole lines, and the beginning of one that goes on with the next call.
  void print(std::string_view text);

 private:
  static constexpr std::size_t most_lines = 2000;

  std::atomic<bool> open_ = false, ordered_ = false;
  std::atomic<u64> version_ = 0;
  mutable std::mutex mutex_;
  Asked asked_;
  std::deque<Order> orders_;
  std::shared_ptr<const Answered> answer_;
  std::deque<std::string> lines_;
  u64 first_line_ = 0;  // the number of lines_.front()
  bool line_open_ = false;
};

}  // namespace ringside
