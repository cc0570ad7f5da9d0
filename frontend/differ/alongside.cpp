// Owns the search for the first difference between a machine and a peer.
#include "frontend/differ/alongside.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "frontend/differ/own_side.h"
#include "frontend/inspect/where.h"
#include "vmx/capabilities.h"

namespace ringside {
namespace {

constexpr u64 first_stretch = 2000, longest_stretch = 1'000'000;
constexpr u64 fine_steps = 400;  // not worth a search by halves
constexpr u64 most_hits = 100;
constexpr u64 no_address = ~u64{0};  // of a CPU that is halted: where a peer is then is not seen

// Where both can be sent: the code at `address` is reached for the `hits`-th time since the point before; or
// the peer takes so many steps of its own.
struct Point {
  u64 address = 0, hits = 0;
  u64 steps = 0;  // of the own side
  bool by_steps = false, asleep = false;
};

class Alongside {
 public:
  Alongside(Machine& machine, Peer& peer, const Symbols* symbols)
      : own_(machine), peer_(peer), symbols_(symbols) {
    own_.debugger().use_symbols(symbols);
  }

  Comparison run(u64 most, bool direct, const std::function<bool()>& goes_on) {
    result_.unit = "steps";
    if (begin(direct)) {
      u64 stretch = first_stretch;
      while (!done_ && steps_ < most && (!goes_on || goes_on())) {
        // Where the peer's word was taken, it will have to be again soon.
        const std::size_t taken = times_taken_;
        compare_stretch(std::min(stretch, most - steps_));
        stretch = times_taken_ != taken ? fine_steps : std::min(stretch * 2, longest_stretch);
      }
    }
    result_.instructions = steps_;
    tell_remarks();
    return std::move(result_);
  }

 private:
  // What is in the general registers before the first instruction is the CPU's signature, and what else a
  // model puts there. A kernel that is started directly here is started by firmware there, which leaves
  // memory and segments as it likes.
  bool begin(bool direct) {
    std::vector<PeerRegister> now;
    if (!peer_.start()) return fail();
    if (direct) {
      points_.push_back({own_.address(), 1, 0});
      if (peer_.run_to(own_.address(), 1) != Peer::Went::there) return fail();
      if (!own_.take_memory(peer_)) return fail();
    }
    if (!peer_.registers(now)) return fail();
    own_.take(now, Eflags::arithmetic, true);
    own_.pass_over(now);
    std::string names;
    for (const std::string& name : own_.passed_over()) names += (names.empty() ? "" : ", ") + name;
    if (!names.empty())
      result_.remarks.push_back("not judged before it was the same once, because it began otherwise: " +
                                names);
    return true;
  }
  bool fail() {
    result_.failure = peer_.error();
    done_ = true;
    return false;
  }

  bool interrupted() const { return own_.interrupted() || interrupted_there_; }

  // -- Stretches.

  void compare_stretch(u64 most) {
    const OwnSide::Place start = own_.here();
    std::vector<u64> trace{own_.address()};
    while (trace.size() <= most && own_.step()) trace.push_back(own_.asleep() ? no_address : own_.address());
    own_.go_to(start);
    const Point point = choose(trace, 0, trace.size());
    if (point.steps <= fine_steps) {
      step_through(std::min<u64>(trace.size(), fine_steps));
      return;
    }
    if (meet(point)) {
      keep(point);
      return;
    }
    if (!result_.failure.empty()) return;
    search(start, trace, point.steps);
  }

  // Both stand at `start`, or were there, and are not the same after `apart` steps.
  void search(OwnSide::Place start, const std::vector<u64>& trace, u64 apart) {
    u64 same = 0;
    while (apart - same > fine_steps) {
      const u64 half = same + (apart - same) / 2;
      const Point point = choose(trace, same, half + 1);
      if (point.steps == 0) break;
      own_.go_to(start);
      if (!replay()) return;
      if (meet(point)) {
        keep(point);
        start = own_.here();
        same += point.steps;
      } else if (result_.failure.empty()) {
        apart = same + point.steps;
      } else {
        return;
      }
    }
    own_.go_to(start);
    if (!replay()) return;
    step_through(std::max(fine_steps, apart - same));
  }

  // The peer, once more from its beginning to where both were the same for the last time, where the own side
  // stands already. What differs there now is a peer that does not repeat itself: QEMU's time-stamp counter
  // is another one each time, and a guest may have it in its registers for long.
  bool replay() {
    if (!peer_.start()) return fail();
    for (const Point& point : points_) {
      if (point.by_steps) {
        for (u64 n = 0; n < point.hits; ++n)
          if (peer_.step() != Peer::Went::there) return fail();
      } else if (peer_.run_to(point.address, point.hits, point.asleep) != Peer::Went::there) {
        return fail();
      }
    }
    if (times_taken_ == 0) return true;
    std::vector<PeerRegister> now;
    if (!peer_.registers(now)) return fail();
    if (!own_.differing(now).empty()) {
      own_.take(now, 0, true);
      ++taken_["registers that were others when the peer ran once more"];
    }
    return true;
  }

  // The best point of trace[from + 1] to trace[end - 1], counted from `from`: late, and not reached too often
  // before. Without one its steps are 0.
  static Point choose(const std::vector<u64>& trace, u64 from, u64 end) {
    std::unordered_map<u64, u64> hits;
    std::unordered_set<u64> unfit = {no_address};
    if (from + 1 < trace.size()) unfit.insert(trace[from + 1]);
    for (u64 n = from + 1; n < end && n < trace.size(); ++n) {
      ++hits[trace[n]];
      if (trace[n] == trace[n - 1]) unfit.insert(trace[n]);
    }
    Point best;
    u64 fewest = most_hits + 1;
    const u64 earliest = from + 1 + (end - from) / 2;
    for (u64 n = end; n-- > earliest;) {
      if (n >= trace.size() || unfit.contains(trace[n])) continue;
      u64& count = hits[trace[n]];
      if (count < fewest) {
        fewest = count;
        best = {trace[n], count, n - from};
      }
      --count;
    }
    return best;
  }

  // Sends both to the point. False: they are not the same there, or the peer does not come there.
  bool meet(const Point& point) {
    for (u64 n = 0; n < point.steps; ++n) own_.step();
    const Peer::Went went = peer_.run_to(point.address, point.hits);
    if (went != Peer::Went::there) return false;
    std::vector<PeerRegister> now;
    std::vector<DifferentValue> differ;
    if (!peer_.registers(now)) return fail();
    differ = own_.differing(now);
    if (differ.empty() && !interrupted() && !own_.compare_pages(peer_, differ)) return fail();
    return differ.empty();
  }
  void keep(const Point& point) {
    points_.push_back(point);
    steps_ += point.steps;
  }

  // -- Steps.

  struct Before {
    u64 address = 0, rip = 0, rsp = 0, rcx = 0, flags = 0;
    std::string where;
    DisassembledInstruction insn;
    MayDiffer may;
    std::optional<u64> operand;  // physical
    bool operand_is_ram = true;
    bool waits = false;  // for an interrupt, halted
  };

  Before before_step() {
    Before now;
    const Cpu& cpu = own_.cpu();
    now.address = own_.address();
    now.rip = cpu.rip;
    now.rsp = cpu.gpr[RSP];
    now.rcx = cpu.gpr[RCX];
    now.flags = cpu.eflags();
    now.waits = own_.asleep();
    now.where = where_line(cpu, symbols_);
    now.insn = next_instruction(cpu, symbols_);
    now.may = may_differ(cpu, now.insn);
    if (const auto linear = memory_operand(cpu)) {
      if (const auto place = own_.debugger().translate({AddressSpace::linear, *linear})) {
        now.operand = place->value;
        now.operand_is_ram = own_.is_ram(place->value, 1) || place->value < 0x100000;
      }
    }
    return now;
  }

  // `most` steps of both from where they are the same, or as far as they are.
  void step_through(u64 most) {
    const OwnSide::Place start = own_.here();
    const std::size_t points = points_.size();
    points_.push_back({0, 0, 0, true});  // what is stepped now is not added to what was before
    const u64 steps = steps_;
    std::vector<u64> trace{own_.address()};
    std::vector<DifferentValue> differ;
    bool goes_on = true;
    for (u64 n = 0; n < most && goes_on; ++n) {
      Before before = before_step();
      goes_on = own_.step();
      // A peer does not say when it is halted: both go on to where an interrupt has woken them.
      if (goes_on && before.insn.mnemonic == "hlt" && own_.asleep()) {
        before.waits = true;
        goes_on = own_.step();
      }
      if (!goes_on) {
        last_ = before;
        break;
      }
      if (!step_peer(before) || !same_after(before)) return;
      ++steps_;
      trace.push_back(own_.address());
    }
    if (!interrupted() && !own_.compare_pages(peer_, differ)) {
      fail();
      return;
    }
    if (!differ.empty() && watched_) {
      part({}, std::move(differ));
    } else if (!differ.empty()) {
      // Somebody wrote it who does not say so: the same once more, with an eye on it.
      watched_ = own_.first_different();
      points_.resize(points);
      steps_ = steps;
      own_.go_to(start);
      if (replay()) step_through(most);
    } else if (goes_on) {
      note_point(trace, points);
    } else {
      end_of_own();
    }
  }

  // What the peer did since points_[first] in one point, where there is one.
  void note_point(const std::vector<u64>& trace, std::size_t first) {
    const u64 last = trace.size() - 1;
    u64 hits = 0;
    for (u64 n = 1; n <= last; ++n) {
      hits += trace[n] == trace[last];
      if (trace[n] == trace[last] && (n == 1 || trace[n] == trace[n - 1])) return;
    }
    points_.resize(first);
    points_.push_back({trace[last], hits, last});
  }

  // These are written down: the peer may have to come here once more.
  Peer::Went peer_steps() {
    if (!points_.back().by_steps) points_.push_back({0, 0, 0, true});
    ++points_.back().hits;
    return peer_.step();
  }
  Peer::Went peer_runs(u64 address, bool asleep = false) {
    points_.push_back({address, 1, 0, false, asleep});
    return peer_.run_to(address, 1, asleep);
  }

  bool step_peer(const Before& before) {
    Peer::Went went = before.waits ? peer_runs(own_.address(), true) : peer_steps();
    constexpr u64 most_rounds = 40;
    const bool repeats = before.insn.mnemonic.starts_with("rep");
    for (u64 round = 0; repeats && went == Peer::Went::there && own_.address() != before.address; ++round) {
      const auto rip = peer_rip();
      if (!rip) return fail();
      if (*rip != before.rip) break;
      went = round < most_rounds ? peer_steps() : peer_runs(own_.address());
    }
    if (went == Peer::Went::lost) return fail();
    if (went == Peer::Went::ended) part(before, {{"the machine's end", "it goes on", "it has ended"}});
    return went == Peer::Went::there;
  }
  std::optional<u64> peer_rip() {
    std::vector<PeerRegister> now;
    if (!peer_.registers(now)) return std::nullopt;
    for (const PeerRegister& one : now)
      if (one.name == "rip") return one.value;
    return std::nullopt;
  }

  // Whether an interrupt has come there, or only here: its handler is to be run through there, too.
  bool interrupted_there(const Before& before, const std::vector<PeerRegister>& now) const {
    u64 rsp = before.rsp, flags = 0;
    for (const PeerRegister& one : now) {
      if (one.name == "rsp") rsp = one.value;
      if (one.name == "eflags") flags = one.value;
    }
    return (before.flags & Eflags::IF) && !(flags & Eflags::IF) && rsp < before.rsp;
  }

  bool same_after(const Before& before) {
    std::vector<PeerRegister> now;
    if (!peer_.registers(now)) return fail();
    std::vector<DifferentValue> differ = own_.differing(now);
    const bool elsewhere =
        std::any_of(differ.begin(), differ.end(), [](const auto& v) { return v.what == "rip"; });
    if (elsewhere && interrupted_there(before, now)) {
      if (peer_runs(own_.address()) == Peer::Went::lost) return fail();
      now.clear();
      if (!peer_.registers(now)) return fail();
      differ = own_.differing(now);
      interrupted_there_ = true;
    }
    MayDiffer may = before.may;
    if (!before.operand_is_ram && before.operand) {
      may.results = true;
      may.why = fmt::format("an access to {:#x}, which is no RAM", *before.operand);
    }
    if (before.insn.mnemonic == "rdmsr" && (before.rcx & 0xffffffff) == first_capability_msr) {
      for (const PeerRegister& one : now)
        if (one.name == "rax") own_.let_revision(one.value & 0x7fffffff);
    }
    if (!differ.empty() && (may.results || may.flags)) {
      own_.take(now, may.results ? Eflags::arithmetic : may.flags, may.results);
      const std::size_t all = differ.size();
      differ = own_.differing(now);
      if (differ.size() != all) {
        ++taken_[may.results ? may.why : "undefined flags"];
        ++times_taken_;
      }
    }
    if (differ.empty() && before.insn.writes_memory && before.operand && before.operand_is_ram) {
      const u64 bytes = std::min<u64>(16, page_bytes - *before.operand % page_bytes);
      if (!own_.compare_bytes(peer_, *before.operand, bytes, differ)) return fail();
    }
    if (differ.empty() && !compare_pushed(before.rsp, differ)) return fail();
    if (differ.empty() && watched_ && !own_.compare_bytes(peer_, *watched_, 1, differ)) return fail();
    if (differ.empty()) return true;
    part(before, std::move(differ));
    return false;
  }
  bool compare_pushed(u64 rsp_before, std::vector<DifferentValue>& differ) {
    const Cpu& cpu = own_.cpu();
    const u64 base = cpu.mode.bits64 ? 0 : cpu.segment[SS].base, rsp = cpu.gpr[RSP];
    // An exception may have changed to another stack: what it pushes at most is looked at there.
    constexpr u64 most_pushed = 64, longest_frame = 48;
    const bool exception = own_.took_exception();
    if (!exception && (rsp >= rsp_before || rsp_before - rsp > most_pushed)) return true;
    const auto place = own_.debugger().translate({AddressSpace::linear, base + rsp});
    if (!place) return true;
    const u64 bytes =
        std::min(exception ? longest_frame : rsp_before - rsp, page_bytes - place->value % page_bytes);
    if (!own_.compare_bytes(peer_, place->value, bytes, differ)) return false;
    // QEMU does not push RF for faults, so that hardly a guest would be the same for long.
    if (!differ.empty() && own_.took_exception() &&
        own_.take_resume_flag(place->value, differ, peer_, bytes)) {
      ++taken_["RF in the flags that an exception pushes"];
      ++times_taken_;
    }
    return true;
  }

  // The own side has ended in the step that last_ is: so has the peer, or it has not.
  void end_of_own() {
    done_ = true;
    const Ending& ending = own_.machine().ending();
    if (own_.lost_in_handler()) {
      result_.failure = fmt::format(
          "the handler of an interrupt has not come back to where it was called: {} steps were the same, and "
          "nothing is known of what followed; compare a guest without interrupts, or use --max-instructions "
          "{}",
          steps_, steps_);
      return;
    }
    result_.ending = ending.reason;
    // A CPU that waits for ever would be waited for.
    if (ending.why == Ending::Why::idle) return;
    const Peer::Went went = peer_.step();
    if (went == Peer::Went::lost) fail();
    // The other's board may have no such device.
    if (ending.why == Ending::Why::power_off || ending.why == Ending::Why::debug_exit) return;
    if (went == Peer::Went::there) part(last_, {{"the machine's end", ending.reason, "it goes on"}});
  }

  void part(const Before& before, std::vector<DifferentValue> differ) {
    done_ = true;
    result_.ending.clear();
    Parting& parting = result_.parting.emplace();
    parting.alike = steps_;
    parting.where = before.where.empty() ? where_line(own_.cpu(), symbols_) : before.where;
    parting.instruction = before.insn.mnemonic;
    if (!before.insn.operands.empty()) parting.instruction += " " + before.insn.operands;
    if (before.insn.mnemonic.empty())
      parting.instruction = "one of those before; which one wrote this is not known";
    else
      parting.mnemonic = manual_title(before.insn.mnemonic);
    for (DifferentValue& value : differ) {
      if (parting.values.size() < Parting::most_values)
        parting.values.push_back(std::move(value));
      else
        ++parting.more_values;
    }
  }

  void tell_remarks() {
    for (const auto& [why, count] : taken_)
      result_.remarks.push_back(
          fmt::format("not judged, the peer's word was taken: {}, {} times", why, count));
    if (interrupted())
      result_.remarks.emplace_back(
          "interrupts came: from the first on RAM was compared at instructions only");
  }

  OwnSide own_;
  Peer& peer_;
  const Symbols* symbols_;
  Comparison result_;
  std::vector<Point> points_;  // by which the peer comes to where both were the same for the last time
  u64 steps_ = 0;              // that were the same
  bool done_ = false, interrupted_there_ = false;
  std::optional<u64> watched_;  // a physical address that is compared after each step
  Before last_;                 // of the step in which the own side ended
  std::map<std::string, u64> taken_;
  std::size_t times_taken_ = 0;
};

}  // namespace

Comparison run_alongside(Machine& machine, Peer& peer, u64 most, const Symbols* symbols, bool direct,
                         const std::function<bool()>& goes_on) {
  return Alongside(machine, peer, symbols).run(most, direct, goes_on);
}

}  // namespace ringside
