// Owns running: the slices of a run, steps of every kind, and what a stop says.
#include "frontend/debug/debugger.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "frontend/debug/debugger_impl.h"
#include "frontend/inspect/look_memory.h"
#include "frontend/inspect/look_registers.h"
#include "frontend/inspect/next_step.h"
#include "frontend/inspect/where.h"
#include "vmx/explain_walk.h"

namespace ringside {
namespace {

// As a run without a debugger has them, so that input arrives at the same instructions.
constexpr u64 slice_instructions = 200'000;
constexpr u64 longest_instruction = 15;

}  // namespace

Debugger::Debugger(Machine& machine) : impl_(std::make_unique<Impl>(*this, machine)) { attach(); }

Debugger::~Debugger() {
  Machine& m = impl_->machine;
  m.set_stop_offsets({});
  m.hold_still(0);
  for (unsigned n = 0; n < m.cpus(); ++n) {
    Cpu& cpu = m.cpu(n);
    if (cpu.watched.empty() && !cpu.mmu.watches_frames()) continue;
    cpu.watched.clear();
    cpu.mmu.set_watched_frames({}, {});
    cpu.update_debug();
  }
}

Machine& Debugger::machine() { return impl_->machine; }

void Debugger::attach() {
  Impl& i = *impl_;
  i.cpus.resize(i.machine.cpus());
  for (unsigned n = 0; n < i.machine.cpus(); ++n) {
    Cpu& cpu = i.machine.cpu(n);
    i.cpus[n] = {};  // of the machine before the reboot, or of this one
    i.cpus[n].looks_at_cpu = cpu.observers.attach(i);
    if (cpu.vmx) i.cpus[n].looks_at_vmx = cpu.vmx->observers.attach(i);
  }
  i.exits_over_time = {};
  i.offsets.clear();
  i.witness_hears = false;
  i.watching = true;  // so that arm() looks
  if (i.selected >= i.machine.cpus()) i.selected = 0;
  if (i.witness) let_witness(i.witness);
}

unsigned Debugger::selected() const { return impl_->selected; }
bool Debugger::select(unsigned cpu) {
  if (cpu >= impl_->machine.cpus()) return false;
  impl_->selected = cpu;
  return true;
}
Cpu& Debugger::cpu() { return impl_->machine.cpu(impl_->selected); }

void Debugger::interrupt() {
  impl_->interrupted = true;
  impl_->machine.interrupt();
}
void Debugger::stop_after_this(std::string why) {
  const unsigned turn = impl_->machine.turn();
  impl_->stop_after(impl_->machine.cpu(turn), {0, turn, Stop::Kind::event, std::move(why)});
}
bool Debugger::take_interrupt() { return impl_->take_interrupt(); }
bool Debugger::Impl::take_interrupt() {
  const bool was = interrupted;
  interrupted = false;
  return was;
}
Stop Debugger::Impl::interruption() const {
  return {Stop::Kind::interrupted, machine.turn(), 0, false, "interrupted"};
}
void Debugger::on_slice(std::function<void()> between) { impl_->between = std::move(between); }
void Debugger::on_condition(Evaluate evaluate) { impl_->evaluate = std::move(evaluate); }
void Debugger::on_allowance(std::function<u64(u64)> allowed) { impl_->allowed = std::move(allowed); }
void Debugger::on_reset(std::function<bool(const std::string&)> perform) {
  impl_->perform_reset = std::move(perform);
}

void Debugger::let_witness(std::shared_ptr<Witness> witness) {
  Impl& i = *impl_;
  i.witness = std::move(witness);
  for (Impl::PerCpu& own : i.cpus) own.told_count = ~u64{0};
  if (i.witness && i.machine.retired() == 0) {
    for (unsigned n = 0; n < i.machine.cpus(); ++n) i.witness->was_reset(i.machine.cpu(n), false);
  }
  i.arm();
}
const std::shared_ptr<Witness>& Debugger::witness() const { return impl_->witness; }
void Debugger::use_symbols(const Symbols* symbols) { impl_->symbols = symbols; }

std::string Debugger::where(std::optional<unsigned> cpu) const {
  return where_line(impl_->machine.cpu(cpu.value_or(impl_->selected)), impl_->symbols);
}

const FieldWriters& Debugger::writers() const { return impl_->writers; }

const VmxEvent* Debugger::last_vmx_event(unsigned cpu) const {
  const auto& last = impl_->cpus[cpu].last;
  return last ? &*last : nullptr;
}

// -- What runs are armed with.

void Debugger::Impl::arm() {
  std::vector<u16> wanted;
  bool watch = false;
  armed = 0;
  points_touched = false;
  const auto want = [&](const Place& place) { wanted.push_back(static_cast<u16>(place.value % page_bytes)); };
  for (const Breakpoint& point : points) {
    if (!point.enabled) continue;
    armed |= u32{1} << static_cast<unsigned>(point.kind);
    if (point.kind == Breakpoint::Kind::execute) want(point.at);
    watch |= point.kind == Breakpoint::Kind::watch;
  }
  if (target && !target->call_with_rsp) want(target->at);
  for (u64 back = 1; target && target->call_with_rsp && back <= longest_instruction; ++back)
    want({target->at.space, target->at.value - back});
  witness_hears = witness && witness->hears_instructions();
  if (witness_hears) {
    wanted.resize(page_bytes);
    std::iota(wanted.begin(), wanted.end(), u16{0});
  }
  std::sort(wanted.begin(), wanted.end());
  wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
  if (wanted != offsets) machine.set_stop_offsets(wanted);
  offsets = std::move(wanted);

  if (!watch && !watching) return;
  watching = watch;
  for (unsigned n = 0; n < machine.cpus(); ++n) arm_watches(machine.cpu(n));
}

void Debugger::Impl::arm_watches(Cpu& cpu) {
  std::vector<LinAddr> pages;
  std::vector<HostPhys> frames;
  std::vector<GuestPhys> guest_frames;
  const auto put = [](auto& list, auto page) {
    if (std::find(list.begin(), list.end(), page) == list.end()) list.push_back(page);
  };
  for (const Breakpoint& point : points) {
    if (!waits(point, Breakpoint::Kind::watch, cpu)) continue;
    const u64 first = point.at.value & ~(page_bytes - 1), last = point.at.value + point.bytes - 1;
    for (u64 page = first; page <= last && last - page < 2 * page_bytes; page += page_bytes) {
      switch (point.at.space) {
        case AddressSpace::linear:
        case AddressSpace::guest_linear: put(pages, LinAddr(page)); break;
        case AddressSpace::guest_physical: put(guest_frames, GuestPhys(page)); break;
        case AddressSpace::host_physical: put(frames, HostPhys(page)); break;
      }
    }
  }
  cpu.watched = std::move(pages);
  cpu.mmu.set_watched_frames(frames, guest_frames);
  cpu.update_debug();
}

Debugger::Impl::World Debugger::Impl::world(const Cpu& cpu) const { return {cpu.cpl, mode_name(cpu)}; }

std::optional<Stop> Debugger::Impl::over() const {
  const Ending& ending = machine.ending();
  if (ending.why == Ending::Why::running) return std::nullopt;
  return Stop{Stop::Kind::ended, selected, 0, false, ending.reason};
}

Stop Debugger::Impl::finish(Stop made) {
  selected = made.cpu;
  const Cpu& cpu = machine.cpu(made.cpu);
  // A slice's end is nobody's stop: what stands there is still to be met.
  if (made.kind != Stop::Kind::limit) {
    cpus[made.cpu].stopped_count = retired(cpu);
    cpus[made.cpu].stopped_rip = cpu.rip;
  }
  if (searching) return made;
  made.where = where_line(cpu, symbols);
  if (made.temporary) std::erase_if(points, [&](const Breakpoint& p) { return p.id == made.breakpoint; });
  return made;
}

bool Debugger::Impl::hit(Breakpoint& point, Cpu& cpu, std::string& note) {
  if (!point.condition.empty() && evaluate) {
    std::string error;
    const bool holds = evaluate(point, cpu, error);
    if (!error.empty())
      note = fmt::format(" (its condition cannot be evaluated: {})", error);
    else if (!holds)
      return false;
  }
  if (searching) return true;
  ++point.hits;
  if (point.ignore > 0) {
    --point.ignore;
    return false;
  }
  return true;
}

bool Debugger::Impl::decide_stop() {
  const std::vector<Pending> reasons = std::move(pending);
  pending.clear();
  for (const Pending& reason : reasons) {
    if (!stop) accessed_rip = reason.rip;
    if (reason.breakpoint == 0) {
      if (!stop) stop = Stop{reason.kind, reason.cpu, 0, false, reason.text};
      continue;
    }
    const auto point = std::find_if(points.begin(), points.end(),
                                    [&](const Breakpoint& p) { return p.id == reason.breakpoint; });
    std::string note;
    if (point == points.end() || !hit(*point, machine.cpu(reason.cpu), note)) continue;
    const std::string_view what = reason.kind == Stop::Kind::watchpoint ? "watchpoint" : "breakpoint";
    if (!stop)
      stop = Stop{reason.kind, reason.cpu, point->id, point->temporary,
                  fmt::format("{} {}: {}{}", what, point->id, reason.text, note)};
  }
  if (look_again && !stop) {
    look_again = false;
    for (unsigned n = 0; n < machine.cpus(); ++n) {
      if (awaited_cpu && *awaited_cpu != n) continue;
      const World now = world(machine.cpu(n)), &then = cpus[n].world;
      if (awaited == RunTo::ring_change && now.cpl != then.cpl)
        stop = Stop{Stop::Kind::event, n, 0, false, fmt::format("ring {} to {}", then.cpl, now.cpl)};
      if (awaited == RunTo::mode_change && now.mode != then.mode)
        stop = Stop{Stop::Kind::event, n, 0, false, fmt::format("from {} to {}", then.mode, now.mode)};
    }
  }
  return stop.has_value();
}

Stop Debugger::Impl::go(u64 instructions) {
  if (const auto ended = over()) return finish(*ended);
  arm();
  stop.reset();
  pending.clear();
  look_again = round_ended = false;
  for (unsigned n = 0; n < machine.cpus(); ++n) cpus[n].world = world(machine.cpu(n));
  const u64 turn_before = turn_of ? retired(machine.cpu(*turn_of)) : 0;
  for (u64 left = instructions;;) {
    const u64 before = machine.retired();
    const u64 wanted = std::min(left, slice_instructions), slice = allowed ? allowed(wanted) : wanted;
    if (slice == 0 && take_interrupt()) return finish(interruption());
    if (slice == 0) return finish({Stop::Kind::limit, selected, 0, false, "no more instructions may run"});
    // The witness has heard enough, or who is called between two slices has changed what is waited for.
    if (points_touched || (witness_hears && !witness->hears_instructions())) arm();
    const Ending ending = run_machine(slice);
    left -= machine.retired() - before;
    // Of many short runs, too, which a step out of a long function is.
    since_between += machine.retired() - before;
    if (between && since_between >= slice_instructions) {
      since_between = 0;
      between();
    }
    if (decide_stop()) return finish(*stop);
    const bool goes_on =
        ending.why == Ending::Why::reset && perform_reset && perform_reset(std::string(ending.reason));
    if (ending.why != Ending::Why::running && !goes_on)
      return finish({Stop::Kind::ended, selected, 0, false, ending.reason});
    if (take_interrupt()) return finish(interruption());
    const bool turn_came = turn_of && retired(machine.cpu(*turn_of)) != turn_before;
    if (left == 0 || turn_came || round_ended) return finish({Stop::Kind::limit, selected});
    if (between && machine.retired() == before) between();  // everybody sleeps
  }
}

// -- Running.

Stop Debugger::run(u64 instructions) { return impl_->go(instructions); }

Stop Debugger::run_to(RunTo event, bool this_cpu) {
  impl_->awaited = event;
  if (this_cpu) impl_->awaited_cpu = impl_->selected;
  const Stop stop = impl_->go(~u64{0});
  impl_->awaited.reset();
  impl_->awaited_cpu.reset();
  return stop;
}

// Whoever is held still does not get there.
std::optional<Stop> Debugger::Impl::stands_still() const {
  const u32 everybody = (u32{1} << machine.cpus()) - 1, held = machine.held_still() & everybody;
  if (held == everybody || !(held >> selected & 1)) return std::nullopt;
  return Stop{Stop::Kind::step,
              selected,
              0,
              false,
              fmt::format("CPU {} is held still; hold none, or hold others, lets it run", selected),
              where_line(machine.cpu(selected), symbols)};
}

Stop Debugger::step(u64 instructions, Rounds rounds) {
  Impl& i = *impl_;
  if (const auto still = i.stands_still()) return *still;
  i.rounds = 0;
  if (rounds == Rounds::singly) i.rounds_of = i.selected;
  const Stop stop = i.step(instructions);
  i.rounds_of.reset();
  return stop;
}

Stop Debugger::Impl::step(u64 instructions) {
  const unsigned mine = selected;
  const Cpu& cpu = machine.cpu(mine);
  const u64 before = retired(cpu);
  Stop made{Stop::Kind::step, mine};
  for (u64 done = 0; done < instructions; done = retired(cpu) - before + rounds) {
    if (machine.turn() == mine) {
      made = go(instructions - done);
    } else {
      // The others have their turns; this one's begins with one instruction.
      machine.stop_after_first(mine);
      turn_of = mine;
      made = go(~u64{0});
      turn_of.reset();
      machine.stop_after_first(std::nullopt);
    }
    if (made.kind != Stop::Kind::limit || !made.text.empty()) return made;
  }
  made.kind = Stop::Kind::step;
  made.cpu = mine;
  return finish(made);
}

Stop Debugger::run_until(const Place& place) {
  if (const auto still = impl_->stands_still()) return *still;
  impl_->target = Impl::Target{impl_->selected, place};
  const Stop stop = impl_->go(~u64{0});
  impl_->target.reset();
  return stop;
}

Stop Debugger::step_over() {
  Impl& i = *impl_;
  if (const auto still = i.stands_still()) return *still;
  const Cpu& here = cpu();
  const NextStep next = next_step(here);
  if (!next.comes_back) return step();
  i.target =
      Impl::Target{here.index, {AddressSpace::linear, next.following}, true, here.non_root, here.gpr[RSP]};
  const Stop stop = i.go(~u64{0});
  i.target.reset();
  return stop;
}

Stop Debugger::step_out() {
  if (const auto still = impl_->stands_still()) return *still;
  const Cpu& here = cpu();
  const u64 rsp = here.gpr[RSP];
  const bool non_root = here.non_root;
  for (;;) {
    const bool same = here.non_root == non_root;
    const NextStep next = next_step(here);
    const Stop stop = same && next.comes_back ? step_over() : step(1, Rounds::together);
    if (stop.kind != Stop::Kind::step) return stop;
    if (same && next.returns && here.non_root == non_root && here.gpr[RSP] > rsp) return stop;
  }
}

Stop Debugger::here() const {
  if (auto ended = impl_->over()) {
    ended->where = where();
    return *ended;
  }
  return {Stop::Kind::step, impl_->selected, 0, false, "", where()};
}

// -- Breakpoints.

unsigned Debugger::add(Breakpoint breakpoint) {
  impl_->points_touched = true;
  breakpoint.id = impl_->next_id++;
  impl_->points.push_back(std::move(breakpoint));
  return impl_->points.back().id;
}
bool Debugger::remove(unsigned id) {
  impl_->points_touched = true;
  return std::erase_if(impl_->points, [=](const Breakpoint& p) { return p.id == id; }) > 0;
}
void Debugger::remove_all() {
  impl_->points_touched = true;
  impl_->points.clear();
}
Breakpoint* Debugger::find(unsigned id) {
  impl_->points_touched = true;
  for (Breakpoint& point : impl_->points) {
    if (point.id == id) return &point;
  }
  return nullptr;
}
const std::vector<Breakpoint>& Debugger::breakpoints() const { return impl_->points; }

// -- Looking.

std::optional<HostPhys> Debugger::Impl::locate_at(const Cpu& cpu, const Place& place,
                                                  std::string* why) const {
  const bool guest = place.space == AddressSpace::guest_linear || place.space == AddressSpace::guest_physical;
  const Vmcs* current = cpu.vmx ? cpu.vmx->current : nullptr;
  if (!guest || !place.vmcs || (current && current->region.value == *place.vmcs))
    return locate(cpu, place.space, place.value, why);
  const Vmcs* vmcs = cpu.vmx ? cpu.vmx->find_active(HostPhys(*place.vmcs)) : nullptr;
  if (!vmcs) {
    if (why) *why = fmt::format("no VMCS is active at {:#x} on CPU {}", *place.vmcs, cpu.index);
    return std::nullopt;
  }
  const ExplainedWalk walk =
      place.space == AddressSpace::guest_linear
          ? explain_guest_walk(cpu, *vmcs, LinAddr(place.value), {AccessKind::read, false})
          : explain_ept_walk(cpu, *vmcs, GuestPhys(place.value), AccessKind::read);
  if (!walk.failed) return walk.address;
  if (why) *why = walk.conclusion;
  return std::nullopt;
}

std::size_t Debugger::Impl::peek_at(const Cpu& cpu, const Place& place, std::span<u8> out) const {
  std::size_t done = 0;
  Place at = place;
  while (done < out.size()) {
    at.value = place.value + done;
    const auto found = locate_at(cpu, at, nullptr);
    if (!found) break;
    const std::size_t part = std::min<std::size_t>(out.size() - done, page_bytes - found->page_offset());
    done += peek(cpu, AddressSpace::host_physical, found->value, out.subspan(done, part));
  }
  return done;
}

std::optional<HostPhys> Debugger::translate(const Place& place, std::string* why) const {
  return impl_->locate_at(impl_->machine.cpu(impl_->selected), place, why);
}
std::size_t Debugger::read(const Place& place, std::span<u8> out) const {
  return impl_->peek_at(impl_->machine.cpu(impl_->selected), place, out);
}
std::size_t Debugger::write(const Place& place, std::span<const u8> in) {
  std::size_t done = 0;
  Place at = place;
  while (done < in.size()) {
    at.value = place.value + done;
    const auto found = translate(at);
    if (!found) break;
    const std::size_t part = std::min<std::size_t>(in.size() - done, page_bytes - found->page_offset());
    const std::size_t went = poke(cpu(), AddressSpace::host_physical, found->value, in.subspan(done, part));
    if (went > 0)
      impl_->note(MemoryWritten{*found,
                                {in.begin() + static_cast<std::ptrdiff_t>(done),
                                 in.begin() + static_cast<std::ptrdiff_t>(done + went)}});
    done += went;
    if (went < part) break;
  }
  return done;
}

}  // namespace ringside
