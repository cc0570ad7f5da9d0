// Owns going back: to a moment, by steps, and to the last stop before this one.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "cpu/exec/engine/run.h"
#include "frontend/debug/debugger_impl.h"
#include "frontend/inspect/backtrace.h"
#include "frontend/inspect/disassembly.h"
#include "frontend/inspect/look_memory.h"
#include "frontend/inspect/next_step.h"
#include "frontend/inspect/where.h"

namespace ringside {

void Debugger::use_timeline(Timeline* timeline) {
  Impl& i = *impl_;
  i.timeline = timeline;
  if (!timeline) return;
  timeline->between([&i] {
    if (i.between) i.between();
    return !i.interrupted;
  });
  timeline->on_travel([&i] { return i.keep(); },
                      [&i](const Timeline::Keepsake& kept) {
                        if (kept) i.give_back(*static_cast<const Impl::Known*>(kept.get()));
                      });
  timeline->on_register([this](const RegisterWritten& written) {
    const unsigned before = std::exchange(impl_->selected, written.cpu);
    std::string why;
    set_register(written.name, written.value, why);
    impl_->selected = before;
  });
}
Timeline* Debugger::timeline() const { return impl_->timeline; }

// -- What goes with the machine.

std::shared_ptr<const Debugger::Impl::Known> Debugger::Impl::keep() const {
  auto known = std::make_shared<Known>();
  for (unsigned n = 0; n < cpus.size(); ++n) {
    const Vmx* const vmx = machine.cpu(n).vmx;
    known->cpus.push_back({cpus[n].last, cpus[n].entries, cpus[n].exits, vmx ? vmx->exit : ExitInfo()});
  }
  known->writers = writers;
  return known;
}

void Debugger::Impl::give_back(const Known& known) {
  for (std::size_t n = 0; n < cpus.size() && n < known.cpus.size(); ++n) {
    cpus[n].last = known.cpus[n].last;
    cpus[n].entries = known.cpus[n].entries;
    cpus[n].exits = known.cpus[n].exits;
    if (Vmx* const vmx = machine.cpu(static_cast<unsigned>(n)).vmx) vmx->exit = known.cpus[n].exit;
  }
  writers = known.writers;
}

// In the past it is the end of what was known.
void Debugger::Impl::note(Happening what) {
  if (!timeline) return;
  exits_over_time.forget_after(machine.retired());
  timeline->note(std::move(what));
}

void Debugger::Impl::forget_stops() {
  for (PerCpu& cpu : cpus) cpu.stopped_count = ~u64{0};
}

// -- Going.

std::optional<Stop> Debugger::Impl::no_past() const {
  if (timeline && machine.retired() > timeline->begin()) return std::nullopt;
  const std::string text = timeline
                               ? fmt::format("the past begins here, at instruction {}", timeline->begin())
                               : "nobody keeps this machine's past";
  return Stop{Stop::Kind::beginning, selected, 0, false, text, where_line(machine.cpu(selected), symbols)};
}

// False: broken off, and the machine is somewhere on the way.
bool Debugger::Impl::travel(u64 count) {
  const bool before = std::exchange(travelling, true);
  const bool there = timeline->go_to(count);
  travelling = before;
  forget_stops();
  return there;
}

bool Debugger::Impl::go_back_to(const Timeline::Place& place) {
  const bool before = std::exchange(travelling, true);
  const bool there = timeline->return_to(place);
  travelling = before;
  forget_stops();
  return there;
}

// Somebody broke off what was searched for, or it cannot be done: the machine is where it was.
Stop Debugger::Impl::gave_up(const Timeline::Place& here) {
  const bool was = take_interrupt();
  go_back_to(here);
  if (!was && !timeline->trouble().empty())
    return finish({Stop::Kind::interrupted, selected, 0, false, timeline->trouble()});
  return finish({Stop::Kind::interrupted, selected, 0, false, "interrupted; the machine is where it was"});
}

Stop Debugger::go_to(u64 count) {
  Impl& i = *impl_;
  if (!i.timeline) return *i.no_past();
  const Timeline::Place here = i.timeline->here();
  i.take_interrupt();
  const u64 end = i.timeline->end().retired;
  if (count < i.timeline->begin() || count > end) {
    return {Stop::Kind::beginning,
            i.selected,
            0,
            false,
            fmt::format("instruction {} is not in the known past, which is {} to {}", count,
                        i.timeline->begin(), end),
            where()};
  }
  if (!i.travel(count)) return i.gave_up(here);
  return i.finish({Stop::Kind::step, i.selected});
}

// To before this CPU's instruction that made its count `count`. False: its past does not go back so far, or
// it was broken off.
bool Debugger::Impl::before_instruction(u64 count) {
  const Cpu& cpu = machine.cpu(selected);
  // Mostly it is the last that ran.
  const u64 steps = retired(cpu) - count + 1;
  if (machine.retired() >= steps && travel(machine.retired() - steps) && retired(cpu) == count - 1 &&
      machine.cpus() == 1)
    return true;
  const auto there = [&](u64 at) { return travel(at) && retired(cpu) >= count; };
  if (machine.cpus() > 1 && retired(cpu) == count - 1 && there(machine.retired() + 1))
    return travel(machine.retired() - 1);
  u64 end = std::min(machine.retired() + steps, timeline->end().retired);
  travelling = true;
  bool found = false;
  while (!found && timeline->go_to_checkpoint_before(end)) {
    found = retired(cpu) < count;
    end = machine.retired();
  }
  travelling = false;
  for (const u64 chunk : {u64{65536}, u64{1024}, u64{32}, u64{1}}) {
    for (bool passed = false; found && !passed;) {
      const u64 at = machine.retired(), next = std::min(at + chunk, timeline->end().retired);
      passed = there(next);
      found = machine.retired() == next && (passed || next > at) && (!passed || travel(at));
    }
  }
  return found;
}

// -- Searching.

// From where the machine is to `end`: the last stop before `before`, at `floor` or behind it. Leaves the
// machine at the end, or where it was broken off.
std::optional<Debugger::Met> Debugger::Impl::scan(u64 end, u64 before, u64 floor) {
  std::optional<Met> last;
  while (machine.retired() < end) {
    Stop made = go(end - machine.retired());
    if (made.kind == Stop::Kind::interrupted) {
      interrupted = true;
      return std::nullopt;
    }
    if (made.kind == Stop::Kind::ended) break;
    if (made.kind == Stop::Kind::limit) continue;
    u64 at = machine.retired();
    // The instruction that made the access, or that the handler was entered from; one that is repeated has
    // not ended.
    const bool on_the_way =
        made.kind == Stop::Kind::watchpoint && linear_rip(machine.cpu(made.cpu)) == accessed_rip;
    const bool delivered = origin && made.kind == Stop::Kind::event;
    if (made.kind == Stop::Kind::watchpoint || delivered) at -= on_the_way ? 0 : 1;
    if (at < before && at >= floor) last = Met{at, std::move(made)};
  }
  return last;
}

// Segment by segment from the last checkpoint on. An event that stops at a checkpoint happened in the segment
// before it.
std::optional<Debugger::Met> Debugger::Impl::last_stop(u64 before, u64 floor) {
  searching = true;
  std::optional<Met> found;
  for (u64 end = before; !found && !interrupted && end > floor;) {
    travelling = true;
    const bool went = timeline->go_to_checkpoint_before(end);
    travelling = false;
    if (!went) break;
    forget_stops();
    const u64 begin = machine.retired();
    found = scan(end, before, floor);
    end = begin;
  }
  searching = false;
  return found;
}

Stop Debugger::Impl::arrived(const Met& met, const Timeline::Place& from) {
  if (!travel(met.count)) return gave_up(from);
  Stop made = met.stop;
  if (made.kind == Stop::Kind::event && made.text.empty()) made.kind = Stop::Kind::step;
  return finish(std::move(made));
}

// To the last of what is waited for; else to where the past begins.
Stop Debugger::Impl::search_back(u64 floor) {
  if (auto nothing = no_past()) return *nothing;
  const Timeline::Place here = timeline->here();
  const unsigned cpu = selected;
  take_interrupt();
  const auto met = last_stop(machine.retired(), floor);
  selected = cpu;
  if (met) return arrived(*met, here);
  if (interrupted || !timeline->trouble().empty()) return gave_up(here);
  if (floor > timeline->begin()) return finish({Stop::Kind::limit, selected});
  if (!travel(timeline->begin())) return gave_up(here);
  return finish({Stop::Kind::beginning, selected, 0, false,
                 fmt::format("nothing before; the past begins here, at instruction {}", timeline->begin())});
}

bool Debugger::Impl::points_armed(bool watchpoints) const {
  return std::any_of(points.begin(), points.end(), [&](const Breakpoint& point) {
    return point.enabled && (!watchpoints || point.kind == Breakpoint::Kind::watch);
  });
}

// -- As people ask for it.

Stop Debugger::reverse() { return impl_->search_back(); }

Stop Debugger::reverse_to(RunTo event, bool this_cpu) {
  impl_->awaited = event;
  if (this_cpu) impl_->awaited_cpu = impl_->selected;
  const Stop stop = impl_->search_back();
  impl_->awaited.reset();
  impl_->awaited_cpu.reset();
  return stop;
}

Stop Debugger::reverse_until(const Place& place) {
  impl_->target = Impl::Target{impl_->selected, place};
  const Stop stop = impl_->search_back();
  impl_->target.reset();
  return stop;
}

// From the middle of a repeated string instruction, which has not retired, to its beginning. False: the CPU
// stands at no such place, and the machine is where it was.
bool Debugger::Impl::to_first_round() {
  const Cpu& cpu = machine.cpu(selected);
  if ((cpu.eflags() & Eflags::RF) == 0 || !next_step(cpu).comes_back) return false;
  const u64 count = machine.retired(), left = cpu.gpr[RCX];
  const Timeline::Place place = timeline->here();
  const bool was = std::exchange(travelling, true);
  const bool went = timeline->go_to_checkpoint_before(count) && timeline->go_to(count);
  travelling = was;
  if (went && cpu.gpr[RCX] != left) return true;
  go_back_to(place);
  return false;
}

Stop Debugger::reverse_step(u64 instructions) {
  Impl& i = *impl_;
  if (auto nothing = i.no_past()) return *nothing;
  const Timeline::Place here = i.timeline->here();
  if (i.to_first_round()) {
    if (instructions > 1) return reverse_step(instructions - 1);
    return i.finish({Stop::Kind::step, i.selected});
  }
  const u64 count = retired(cpu());
  const unsigned mine = i.selected;
  i.take_interrupt();
  if (instructions > count || !i.before_instruction(count - instructions + 1)) {
    if (i.interrupted) return i.gave_up(here);
    if (!i.travel(i.timeline->begin())) return i.gave_up(here);
    return i.finish({Stop::Kind::beginning, mine, 0, false,
                     fmt::format("the past begins here, at instruction {}", i.timeline->begin())});
  }
  const u64 there = i.machine.retired();
  // On the way of several steps breakpoints are met; on that of one, as forwards, watchpoints.
  const bool several = instructions > 1;
  if (i.points_armed(!several)) {
    const auto met = i.go_back_to(here) ? i.last_stop(here.at.retired, there) : std::nullopt;
    i.selected = mine;
    if (i.interrupted) return i.gave_up(here);
    if (met && (several || met->stop.kind == Stop::Kind::watchpoint)) return i.arrived(*met, here);
    if (!i.travel(there)) return i.gave_up(here);
  }
  return i.finish({Stop::Kind::step, mine});
}

// Whatever led to an instruction behind a return began with a call, an interrupt or an exception; what ran
// between them is passed over.
Stop Debugger::reverse_over() {
  Impl& i = *impl_;
  if (auto nothing = i.no_past()) return *nothing;
  const Timeline::Place from = i.timeline->here();
  const Cpu& here = cpu();
  const u64 rip = here.rip, linear = linear_rip(here), rsp = here.gpr[RSP];
  const bool non_root = here.non_root;
  const Stop one = reverse_step();
  const NextStep back = next_step(here);
  if (one.kind != Stop::Kind::step || !back.returns || here.non_root != non_root) return one;
  const Timeline::Place before = i.timeline->here();
  const auto bytes = next_instruction(here, nullptr).bytes;
  constexpr u8 return_and_pop = 0xc2, interrupt_return = 0xcf;
  u64 popped = 0;
  if (bytes.size() >= 3 && bytes[bytes.size() - 3] == return_and_pop)
    popped = bytes[bytes.size() - 2] | u64{bytes[bytes.size() - 1]} << 8;
  if (!bytes.empty() && bytes.back() == interrupt_return) i.origin = Impl::Origin{here.index, rip};
  i.target = Impl::Target{here.index, {AddressSpace::linear, linear}, true, non_root, 0, rsp - popped};
  i.take_interrupt();
  const unsigned mine = i.selected;
  const auto met = i.last_stop(from.at.retired, 0);
  i.target.reset();
  i.origin.reset();
  i.selected = mine;
  if (i.interrupted) return i.gave_up(from);
  if (met) return i.arrived(*met, from);
  if (!i.go_back_to(before)) return i.gave_up(from);
  return i.finish({Stop::Kind::step, mine});
}

// By the stack where it can be walked; else over what the function has done so far, one instruction after
// the other.
Stop Debugger::reverse_out() {
  Impl& i = *impl_;
  if (auto nothing = i.no_past()) return *nothing;
  const Cpu& here = cpu();
  static const Symbols none;
  const auto frames = backtrace(here, unwind_start(here), i.symbols ? *i.symbols : none, 2);
  if (frames.size() < 2 || frames[1].found == StackFrame::Found::on_stack) return i.walk_out();
  i.target =
      Impl::Target{here.index, {AddressSpace::linear, frames[1].rip}, true, here.non_root, 0, frames[1].rsp};
  const Stop stop = i.search_back();
  i.target.reset();
  return stop;
}

Stop Debugger::Impl::walk_out() {
  constexpr unsigned most_instructions = 10'000;
  const Timeline::Place from = timeline->here();
  const Cpu& cpu = machine.cpu(selected);
  Stop stop;
  for (unsigned n = 0; n < most_instructions; ++n) {
    const u64 rip = linear_rip(cpu);
    stop = debugger.reverse_over();
    const NextStep back = next_step(cpu);
    if (stop.kind != Stop::Kind::step || (back.comes_back && back.following != rip)) return stop;
  }
  go_back_to(from);
  return finish(
      {Stop::Kind::interrupted, selected, 0, false,
       fmt::format("nobody knows who called this: its stack cannot be walked, and no call is among the "
                   "{} instructions before",
                   most_instructions)});
}

Stop Debugger::go_to_event(RunTo event, u64 number) {
  Impl& i = *impl_;
  if (!i.timeline) return *i.no_past();
  const Timeline::Place from = i.timeline->here();
  const unsigned mine = i.selected;
  i.take_interrupt();
  const auto met = [&] {
    const Impl::PerCpu& own = i.cpus[mine];
    return event == RunTo::vm_exit ? own.exits : own.entries;
  };
  // The last checkpoint before it.
  const std::vector<u64> counts = i.timeline->checkpoint_counts();
  std::size_t first = 0, behind = counts.size();
  while (behind - first > 1) {
    const std::size_t middle = first + (behind - first) / 2;
    if (!i.travel(counts[middle])) return i.gave_up(from);
    (met() < number ? first : behind) = middle;
  }
  if (!i.travel(counts[first])) return i.gave_up(from);
  auto others = std::exchange(i.points, {});
  i.awaited = event;
  i.awaited_cpu = mine;
  i.searching = true;
  Stop stop;
  for (const u64 end = i.timeline->end().retired; met() < number && i.machine.retired() < end;) {
    stop = i.go(end - i.machine.retired());
    if (stop.kind != Stop::Kind::event && stop.kind != Stop::Kind::limit) break;
  }
  i.searching = false;
  i.awaited.reset();
  i.awaited_cpu.reset();
  i.points = std::move(others);
  i.points_touched = true;
  i.selected = mine;
  if (stop.kind == Stop::Kind::event && met() == number) return i.finish(stop);
  if (stop.kind == Stop::Kind::interrupted) return i.gave_up(from);
  const u64 all = met();
  i.go_back_to(from);
  return i.finish(
      {Stop::Kind::beginning, mine, 0, false,
       fmt::format("this CPU had {} of them in the known past; the machine is where it was", all)});
}

// -- For those who ask who did something, and when.

std::optional<Debugger::Met> Debugger::last_met(const Breakpoint& point, u64 before) {
  Impl& i = *impl_;
  if (!i.timeline) return std::nullopt;
  const Timeline::Place here = i.timeline->here();
  const unsigned mine = i.selected;
  auto others = std::exchange(i.points, {point});
  i.points[0].enabled = true;
  i.points[0].id = ~0u;
  const auto met = i.last_stop(before, i.timeline->begin());
  i.points = std::move(others);
  i.points_touched = true;
  i.selected = mine;
  i.go_back_to(here);
  i.finish({Stop::Kind::step, mine});
  return met;
}

bool Debugger::look_through(u64 after, const std::function<std::vector<Breakpoint>()>& points,
                            const std::function<bool(const Met&)>& met) {
  Impl& i = *impl_;
  if (!i.timeline) return true;
  const Timeline::Place here = i.timeline->here();
  const unsigned mine = i.selected;
  const auto others = std::exchange(i.points, {});
  i.take_interrupt();
  i.searching = true;
  bool broken_off = !i.travel(after);
  for (bool goes_on = true; goes_on && !broken_off && i.machine.retired() < i.timeline->end().retired;) {
    i.points = points();
    for (Breakpoint& point : i.points) {
      point.enabled = true;
      point.id = ~0u;
    }
    i.points_touched = true;
    Stop made = i.go(i.timeline->end().retired - i.machine.retired());
    broken_off = made.kind == Stop::Kind::interrupted;
    if (broken_off || made.kind == Stop::Kind::ended) break;
    if (made.kind == Stop::Kind::limit) continue;
    const bool access = made.kind == Stop::Kind::watchpoint;
    const bool on_the_way = access && linear_rip(i.machine.cpu(made.cpu)) == i.accessed_rip;
    goes_on = met(Met{i.machine.retired() - (access && !on_the_way ? 1 : 0), std::move(made)});
  }
  i.searching = false;
  i.points = others;
  i.points_touched = true;
  i.selected = mine;
  i.take_interrupt();
  i.go_back_to(here);
  i.finish({Stop::Kind::step, mine});
  return !broken_off;
}

std::optional<Debugger::Met> Debugger::first_met(const Breakpoint& point, u64 after) {
  std::optional<Met> first;
  const bool all = look_through(
      after, [&] { return std::vector<Breakpoint>{point}; },
      [&](const Met& met) {
        first = met;
        return false;
      });
  // Whoever asked is told by take_interrupt().
  if (!all) impl_->interrupted = true;
  return first;
}

std::vector<u32> Debugger::exits_over(u64 begin, u64 end, unsigned parts) const {
  return impl_->exits_over_time.over(begin, end, parts);
}

Debugger::Bookmarks& Debugger::bookmarks() { return impl_->bookmarks; }

bool Debugger::travel(u64 count) { return impl_->timeline && impl_->travel(count); }
bool Debugger::travel_before(u64 cpu_count) {
  const unsigned mine = impl_->selected;
  const bool there = impl_->timeline && cpu_count > 0 && impl_->before_instruction(cpu_count);
  impl_->selected = mine;
  return there;
}
bool Debugger::travel_back(const Timeline::Place& place) {
  const bool there = impl_->timeline && impl_->go_back_to(place);
  impl_->finish({Stop::Kind::step, impl_->selected});
  return there;
}

bool Debugger::run_unseen(u64 instructions, bool each) {
  constexpr u64 slice = 200'000;
  Impl& i = *impl_;
  std::vector<u16> all(each ? page_bytes : 0);
  std::iota(all.begin(), all.end(), u16{0});
  if (each) i.machine.set_stop_offsets(all);
  const bool before = std::exchange(i.travelling, true);
  const u64 end = i.machine.retired() + instructions;
  while (i.machine.retired() < end && !i.interrupted) {
    const Moment from = i.machine.moment();
    i.run_machine(std::min(slice, end - i.machine.retired()));
    if (i.between) i.between();
    if (i.machine.moment() == from || (i.timeline && !i.timeline->trouble().empty())) break;
  }
  i.travelling = before;
  i.forget_stops();
  if (each) i.machine.set_stop_offsets(i.offsets);
  return i.machine.retired() == end && !i.interrupted;
}

std::vector<Debugger::Met> Debugger::last_events(RunTo event, std::size_t most) {
  Impl& i = *impl_;
  std::vector<Met> found;
  if (!i.timeline) return found;
  const Timeline::Place from = i.timeline->here();
  const unsigned mine = i.selected;
  i.take_interrupt();
  auto others = std::exchange(i.points, {});
  i.awaited = event;
  i.searching = true;
  bool broken_off = false;
  for (u64 end = i.machine.retired(); found.size() < most && !broken_off && !i.interrupted;) {
    i.travelling = true;
    const bool went = i.timeline->go_to_checkpoint_before(end);
    i.travelling = false;
    if (!went) break;
    i.forget_stops();
    const u64 begin = i.machine.retired();
    std::vector<Met> here;
    while (i.machine.retired() < end) {
      Stop made = i.go(end - i.machine.retired());
      broken_off = made.kind == Stop::Kind::interrupted;
      if (broken_off || made.kind == Stop::Kind::ended) break;
      if (made.kind == Stop::Kind::event) here.push_back({i.machine.retired(), std::move(made)});
    }
    // Of a stretch that was not run to its end the newest would be missing.
    if (broken_off) break;
    found.insert(found.begin(), std::make_move_iterator(here.begin()), std::make_move_iterator(here.end()));
    end = begin;
  }
  i.searching = false;
  i.awaited.reset();
  i.points = std::move(others);
  i.points_touched = true;
  i.selected = mine;
  i.take_interrupt();
  i.go_back_to(from);
  i.finish({Stop::Kind::step, mine});
  if (found.size() > most) found.erase(found.begin(), found.end() - static_cast<std::ptrdiff_t>(most));
  return found;
}

}  // namespace ringside
