// Owns the search for the first difference between a machine and a peer.
#include "frontend/differ/alongside.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "frontend/differ/before_step.h"
#include "frontend/differ/own_side.h"
#include "frontend/differ/places.h"
#include "frontend/differ/taken_words.h"
#include "frontend/inspect/where.h"
#include "vmx/capabilities.h"

namespace ringside {
namespace {

constexpr u64 first_stretch = 2000, longest_stretch = 1'000'000;
constexpr unsigned most_passes = 16;  // over the same steps, each with an eye on another byte
constexpr std::string_view ram_of_others =
    "RAM that the instruction there did not write: a handler, a device (DMA) or code interrupted elsewhere";
constexpr u64 fine_steps = 400;           // not worth a search by halves
constexpr double doubtful_patience = 10;  // seconds, for a place where the peer may never come
constexpr double nearby_patience = 2, steps_a_second = 100'000;  // if no loop is before it

class Alongside {
 public:
  Alongside(Machine& machine, Peer& peer, const Symbols* symbols, u64 longest_wait)
      : own_(machine), peer_(peer), symbols_(symbols), longest_wait_(longest_wait) {
    own_.debugger().use_symbols(symbols);
  }

  Comparison run(u64 most, bool direct, std::optional<u64> from, const std::function<bool()>& goes_on) {
    result_.unit = "steps";
    goes_on_ = goes_on;
    peer_.ask_while_waiting(goes_on);
    if (begin(direct, from)) {
      u64 stretch = first_stretch;
      while (!done_ && steps_ < most && goes_on_now()) {
        // Where the peer's word was taken, it will have to be again soon.
        const std::size_t taken = taken_.times();
        compare_stretch(std::min(stretch, most - steps_));
        stretch = taken_.times() != taken ? fine_steps : std::min(stretch * 2, longest_stretch);
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
  bool begin(bool direct, std::optional<u64> from) {
    std::vector<PeerRegister> now;
    if (!peer_.start()) return fail();
    if (from && own_.debugger().run_until({AddressSpace::linear, *from}).kind == Stop::Kind::ended) {
      result_.failure = fmt::format("--from {}: the guest ends without coming there: {}", named(*from),
                                    own_.machine().ending().reason);
      done_ = true;
      return false;
    }
    if (direct || from) {
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
    done_ = true;
    if (goes_on_now())
      result_.failure = peer_.error();
    else if (waits_for_)
      result_.remarks.push_back(
          fmt::format("there was no time left: the peer was on its way to {}", named(*waits_for_)));
    return false;
  }

  bool goes_on_now() const { return !goes_on_ || goes_on_(); }
  bool interrupted() const { return own_.interrupted() || interrupted_there_; }

  // -- Stretches.

  void compare_stretch(u64 most) {
    const OwnSide::Place start = own_.here();
    std::vector<u64> trace{own_.address()};
    bool ended = false;
    while (trace.size() <= most && !ended) ended = !add_step(trace);
    std::optional<WaitingLoop> loop;
    Point point = choose_point(trace, 0, trace.size());
    if (point.steps <= fine_steps && !ended && (loop = waiting_loop(trace))) {
      const u64 before_loop = trace.size() - loop->steps;
      if (before_loop > fine_steps) {
        // First what leads to it.
        loop.reset();
        trace.resize(before_loop);
        point = choose_point(trace, 0, trace.size());
      } else {
        point = leave_loop(*loop, trace);
      }
    }
    own_.go_to(start);
    if (point.steps <= fine_steps) {
      step_through(std::min<u64>(trace.size(), fine_steps));
      if (loop && !done_) wait_for_ever(*loop);
      return;
    }
    behind_loop_ = loop;
    const bool met = meet(point);
    behind_loop_.reset();
    if (met) {
      keep(point);
      return;
    }
    if (done_) return;
    search(start, trace, point.steps);
  }
  bool add_step(std::vector<u64>& trace) {
    if (!own_.step()) return false;
    trace.push_back(own_.asleep() ? no_address : own_.address());
    return true;
  }

  // A guest that waits in a loop comes to few places, and there as often as its device or its clock wants.
  // The first place behind the loop is one for both. Without one the point's steps are 0.
  Point leave_loop(const WaitingLoop& loop, std::vector<u64>& trace) {
    const std::unordered_set<u64> known(trace.begin(), trace.end());
    constexpr std::size_t ask_each = 10'000;
    while (trace.size() < longest_wait_ && add_step(trace)) {
      const u64 now = trace.back();
      if (now != no_address && !known.contains(now) && (now < loop.first || now > loop.last))
        return {now, 1, trace.size() - 1, false, false, own_.entered_handler()};
      if (trace.size() % ask_each == 0 && !goes_on_now()) break;
    }
    return {};
  }
  // Both wait in the loop, and what has brought them there was the same.
  void wait_for_ever(const WaitingLoop& loop) {
    done_ = true;
    result_.remarks.push_back(
        fmt::format("there the guest waits in a loop of {} instructions at {}, and had not left it after "
                    "{} steps more; it asks {}. If it goes on elsewhere, compare behind the loop with "
                    "--from ADDRESS",
                    loop.instructions, named(loop.first), longest_wait_, asked_in(loop)));
  }
  std::string named(u64 address) const {
    const std::string text = symbols_ ? symbols_->text(address) : std::string();
    return text.empty() ? fmt::format("{:#x}", address) : fmt::format("{:#x} <{}>", address, text);
  }
  // What a guest that waits asks in the loop: the own side goes round it for that, and comes back.
  std::string asked_in(const WaitingLoop& loop) {
    const OwnSide::Place place = own_.here();
    std::string asked;
    for (u64 n = 0; asked.empty() && n < 2 * loop.instructions; ++n) {
      const Before now = before_step(own_, symbols_);
      if (now.may.results)
        asked = now.may.why;
      else if (now.operand && !now.operand_is_ram)
        asked = fmt::format("{:#x}, which is no RAM", *now.operand);
      else if (now.waits)
        asked = "for an interrupt";
      if (!own_.step()) break;
    }
    for (u64 n = 0; asked.empty() && n < 2 * loop.instructions; ++n) {
      const Before now = before_step(own_, symbols_);
      if (now.operand) asked = fmt::format("RAM at {:#x}, which somebody else is to write", *now.operand);
      if (!own_.step()) break;
    }
    own_.go_to(place);
    return asked;
  }

  // Both stand at `start`, or were there, and are not the same after `apart` steps.
  void search(OwnSide::Place start, const std::vector<u64>& trace, u64 apart) {
    u64 same = 0;
    while (apart - same > fine_steps && goes_on_now()) {
      const u64 half = same + (apart - same) / 2;
      const Point point = choose_point(trace, same, half + 1);
      if (point.steps == 0) break;
      own_.go_to(start);
      if (!replay()) return;
      if (meet(point)) {
        keep(point);
        start = own_.here();
        same += point.steps;
      } else if (!done_) {
        apart = same + point.steps;
      } else {
        return;
      }
    }
    own_.go_to(start);
    if (!replay()) return;
    // In pieces: a loop that was left may be long, and what differs is found where it begins.
    const u64 end = steps_ + apart - same;
    while (!done_ && steps_ < end && goes_on_now()) step_through(fine_steps);
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
    if (taken_.times() == 0) return true;
    std::vector<PeerRegister> now;
    if (!peer_.registers(now)) return fail();
    if (!own_.differing(now).empty()) {
      own_.take(now, 0, true);
      took("registers that were others when the peer ran once more");
    }
    return true;
  }

  // Sends both to the point. False: they are not the same there, or the peer does not come there.
  bool meet(const Point& point) {
    const std::string asked = behind_loop_ && !point.in_handler ? asked_in(*behind_loop_) : std::string();
    const std::vector<u64> before = own_.general_registers();
    for (u64 n = 0; n < point.steps; ++n) own_.step();
    const double nearby = nearby_patience + static_cast<double>(point.steps) / steps_a_second;
    peer_.let_patience(behind_loop_ ? doubtful_patience : std::min(nearby, doubtful_patience));
    waits_for_ = point.address;
    const Peer::Went went = peer_.run_to(point.address, point.hits);
    peer_.let_patience(peer_patience);
    if (went == Peer::Went::lost && !goes_on_now()) return fail();
    waits_for_.reset();
    if (went != Peer::Went::there) return false;
    std::vector<PeerRegister> now;
    std::vector<DifferentValue> differ;
    if (!peer_.registers(now)) return fail();
    if (point.in_handler) return take_interrupt(now, differ) ? differ.empty() : fail();
    differ = own_.differing(now);
    if (!differ.empty() && !asked.empty()) {
      // What a loop has counted that runs until a device or a clock says so.
      own_.take_changed(now, before);
      differ = own_.differing(now);
      took(fmt::format("registers behind a loop at {}, which runs another number of rounds; it asks {}",
                       named(behind_loop_->first), asked));
    }
    if (differ.empty() && !own_.compare_pages(peer_, differ)) return fail();
    // Behind such a loop, and where handlers have run at other times, RAM tells as little.
    if (differ.empty() || asked.empty() || !interrupted() || !own_.differing(now).empty())
      return differ.empty();
    took(std::string(ram_of_others), named(behind_loop_->first));
    return own_.take_pages(peer_) || fail();
  }
  void keep(const Point& point) {
    points_.push_back(point);
    steps_ += point.steps;
  }

  // -- Steps.

  // `most` steps of both from where they are the same, or as far as they are.
  void step_through(u64 most) {
    const OwnSide::Place start = own_.here();
    const std::size_t points = points_.size();
    points_.push_back({0, 0, 0, true});  // what is stepped now is not added to what was before
    const u64 steps = steps_;
    std::vector<u64> trace{own_.address()};
    std::vector<DifferentValue> differ;
    bool goes_on = true;
    constexpr u64 ask_each = 64;
    for (u64 n = 0; n < most && goes_on; ++n) {
      if (n % ask_each == 0 && !goes_on_now()) return;
      Before before = before_step(own_, symbols_);
      if (interrupted() && !take_memory_read(before)) return;
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
      if (own_.entered_handler() ? !same_in_handler(before) : !step_peer(before) || !same_after(before))
        return;
      ++steps_;
      trace.push_back(own_.address());
    }
    if (!own_.compare_pages(peer_, differ)) fail();
    if (done_) return;
    if (!differ.empty() && interrupted() && ++passes_ > most_passes) {
      took(std::string(ram_of_others), named(own_.address()));
      if (!own_.take_pages(peer_)) fail();
      differ.clear();
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
    } else if (goes_on && !done_) {
      passes_ = 0;
      watched_.reset();
      note_point(trace, points);
    } else if (!done_) {
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
    waits_for_ = address;
    const Peer::Went went = peer_.run_to(address, 1, asleep);
    if (went != Peer::Went::lost) waits_for_.reset();
    return went;
  }

  // Handlers of interrupts have run at other times, so that the guest may read there what it did not write
  // here yet: a loop that waits for it goes round as often as the peer's. False: the peer has failed.
  bool take_memory_read(const Before& before) {
    if (!before.operand || !own_.is_ram(*before.operand, 1)) return true;
    const u64 bytes = std::min<u64>(16, page_bytes - *before.operand % page_bytes);
    const auto taken = own_.take_bytes(peer_, *before.operand, bytes);
    if (!taken) return fail();
    if (*taken) {
      took(
          "RAM that differed before it was read, because an interrupt had come at another time: its handler "
          "wrote it, or what it interrupted",
          named(before.address));
    }
    return true;
  }

  // The own side was interrupted, stands behind the first instruction of the handler, and would not have come
  // back from it: from there on both are compared again. The peer may have been interrupted elsewhere.
  bool same_in_handler(const Before& before) {
    peer_.let_patience(doubtful_patience);
    const Peer::Went went = peer_runs(own_.address(), true);
    peer_.let_patience(peer_patience);
    if (went == Peer::Went::there) return same_at_handler(before);
    if (went == Peer::Went::lost && !goes_on_now()) return fail();
    part(before, {{"an interrupt", fmt::format("its handler runs, before {}", named(own_.address())),
                   went == Peer::Went::ended ? "none came before the machine's end" : "none comes"}});
    return false;
  }
  bool same_at_handler(const Before& before) {
    std::vector<PeerRegister> now;
    std::vector<DifferentValue> differ;
    if (!peer_.registers(now) || !take_interrupt(now, differ)) return fail();
    if (differ.empty()) return true;
    part(before, std::move(differ));
    return false;
  }
  // Both stand behind the handler's first instruction. Where the interrupt came is the peer's word: what the
  // interrupted code had in its registers, and what was pushed. False: the peer has failed.
  bool take_interrupt(const std::vector<PeerRegister>& now, std::vector<DifferentValue>& differ) {
    interrupted_there_ = true;
    const std::size_t all = own_.differing(now).size();
    own_.take(now, Eflags::arithmetic, true);
    differ = own_.differing(now);
    bool other = differ.size() != all;
    constexpr u64 longest_frame = 56;  // and what one instruction may push
    const Cpu& cpu = own_.cpu();
    const u64 base = cpu.mode.bits64 ? 0 : cpu.segment[SS].base;
    if (const auto place = own_.debugger().translate({AddressSpace::linear, base + cpu.gpr[RSP]})) {
      const u64 bytes = std::min(longest_frame, page_bytes - place->value % page_bytes);
      const auto taken = own_.take_bytes(peer_, place->value, bytes);
      if (!taken) return false;
      other = other || *taken;
    }
    if (other) took("where an interrupt came, whose handler does not come back");
    return true;
  }
  // The peer has been interrupted and stands in the handler. True: the own side will come there, too, and not
  // back; it stands there now. False: it stands where it stood.
  bool comes_to_handler(u64 rip) {
    constexpr u64 most_ahead = 20'000, most_inside = 4;
    const OwnSide::Place place = own_.here();
    for (u64 n = 0; n < most_ahead && own_.step(); ++n) {
      if (!own_.entered_handler()) continue;
      if (own_.handler() == rip) return peer_steps() == Peer::Went::there;
      for (u64 inside = 0; inside < most_inside && own_.cpu().rip != rip; ++inside) own_.step();
      if (own_.cpu().rip == rip) return true;
      break;
    }
    own_.go_to(place);
    return false;
  }

  bool step_peer(const Before& before) {
    // A single step of QEMU's over PAUSE takes the instruction behind it, too.
    const bool overshoots = before.insn.mnemonic == "pause" && own_.address() != before.address;
    Peer::Went went = before.waits || overshoots ? peer_runs(own_.address(), true) : peer_steps();
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
    return rip_of(now);
  }
  static u64 rip_of(const std::vector<PeerRegister>& registers) {
    for (const PeerRegister& one : registers)
      if (one.name == "rip") return one.value;
    return no_address;
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
      if (comes_to_handler(rip_of(now))) return same_at_handler(before);
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
        took(may.results ? may.why : "undefined flags");
      }
    }
    if (differ.empty() && before.insn.writes_memory && before.operand && before.operand_is_ram) {
      const u64 bytes = std::min<u64>(16, page_bytes - *before.operand % page_bytes);
      if (!own_.compare_bytes(peer_, *before.operand, bytes, differ)) return fail();
    }
    if (differ.empty() && !compare_pushed(before.rsp, differ)) return fail();
    if (differ.empty() && watched_) {
      if (!own_.compare_bytes(peer_, *watched_, 1, differ)) return fail();
      if (!differ.empty() && interrupted()) {
        took(std::string(ram_of_others), before.where);
        watched_.reset();
        if (!own_.take_pages(peer_)) return fail();
        differ.clear();
      }
      for (DifferentValue& value : differ)
        value.what += ", which is no operand of this instruction: a device (DMA), or a store astray";
    }
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
      took("RF in the flags that an exception pushes");
    }
    return true;
  }

  // The own side has ended in the step that last_ is: so has the peer, or it has not.
  void end_of_own() {
    done_ = true;
    const Ending& ending = own_.machine().ending();
    result_.ending = ending.reason;
    // A CPU that waits for ever would be waited for.
    if (ending.why == Ending::Why::running || ending.why == Ending::Why::idle) {
      result_.ending = "the guest halts, and nothing is there that could wake it";
      return;
    }
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

  void took(const std::string& why, std::string where = {}) { taken_.took(why, steps_, std::move(where)); }
  void tell_remarks() {
    taken_.tell(result_.remarks);
    if (interrupted())
      result_.remarks.emplace_back("interrupts came: RAM that their handlers wrote was not compared");
  }

  OwnSide own_;
  Peer& peer_;
  const Symbols* symbols_;
  u64 longest_wait_;
  Comparison result_;
  std::function<bool()> goes_on_;
  std::vector<Point> points_;  // by which the peer comes to where both were the same for the last time
  u64 steps_ = 0;              // that were the same
  bool done_ = false, interrupted_there_ = false;
  std::optional<WaitingLoop> behind_loop_;  // that the stretch which is compared has left
  unsigned passes_ = 0;
  std::optional<u64> watched_;  // a physical address that is compared after each step
  Before last_;                 // of the step in which the own side ended
  TakenWords taken_;
  std::optional<u64> waits_for_;  // where the peer is sent, as long as it has not come
};

}  // namespace

Comparison run_alongside(Machine& machine, Peer& peer, u64 most, const Symbols* symbols, bool direct,
                         const std::function<bool()>& goes_on, std::optional<u64> from, u64 longest_wait) {
  return Alongside(machine, peer, symbols, longest_wait).run(most, direct, from, goes_on);
}

}  // namespace ringside
