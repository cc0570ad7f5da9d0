// Owns running an instance: what ends a run, what is done between its slices, and what a stop is told as.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "frontend/inspect/pending.h"
#include "frontend/library/instance_impl.h"
#include "frontend/screen/screen.h"
#include "vmx/vmx.h"

namespace ringside {
namespace {

std::string_view ending_name(Ending::Why why) {
  switch (why) {
    case Ending::Why::running: break;
    case Ending::Why::power_off: return "power-off";
    case Ending::Why::reset: return "reset";
    case Ending::Why::debug_exit: return "debug-exit";
    case Ending::Why::shutdown: return "shutdown";
    case Ending::Why::idle: return "idle";
  }
  return {};
}

Instance::Why why_of(Stop::Kind kind) {
  switch (kind) {
    case Stop::Kind::step: return Instance::Why::step;
    case Stop::Kind::breakpoint: return Instance::Why::breakpoint;
    case Stop::Kind::watchpoint: return Instance::Why::watchpoint;
    case Stop::Kind::event: return Instance::Why::reached;
    case Stop::Kind::interrupted: return Instance::Why::interrupted;
    case Stop::Kind::limit: return Instance::Why::limit;
    case Stop::Kind::ended: return Instance::Why::ended;
    case Stop::Kind::beginning: return Instance::Why::beginning;
  }
  return Instance::Why::limit;
}

Instance::Exit exit_value(const Cpu& cpu, const ExitInfo& exit) {
  Instance::Exit value;
  value.cpu = cpu.index;
  value.instructions = cpu.vmx->exit_count;
  value.reason = static_cast<unsigned>(exit.reason) & 0xffff;
  value.name = name(exit.reason);
  value.qualification = exit.qualification;
  value.guest_linear = exit.linear;
  value.guest_physical = exit.physical;
  value.instruction_length = exit.instruction_length;
  value.instruction_information = exit.instruction_information;
  value.interruption_information = exit.interruption;
  value.interruption_error = exit.interruption_error;
  value.vectoring_information = exit.vectoring;
  value.vectoring_error = exit.vectoring_error;
  return value;
}

}  // namespace

std::string_view name(Instance::Why why) {
  constexpr std::string_view names[] = {"count",     "step",       "reached",    "serial",      "screen",
                                        "predicate", "breakpoint", "watchpoint", "interrupted", "time",
                                        "limit",     "ended",      "beginning"};
  return names[static_cast<std::size_t>(why)];
}

// -- Between two slices.

// Timers tick on though nobody listens: then the machine is as good as ended.
bool Instance::Impl::halted_for_ever() {
  constexpr double patience = 1;
  const double now = machine().seconds();
  if (machine().retired() != running->awake_retired) {
    running->awake_retired = machine().retired();
    running->awake_seconds = now;
    return false;
  }
  return now - running->awake_seconds > patience && machine().no_interrupt_wakes();
}

// Why nothing more is to run; nullopt: it goes on.
std::optional<Instance::Why> Instance::Impl::decided() {
  Running& r = *running;
  const bool goes_on = !go_on || go_on();
  if (!goes_on || asked == Asked::stop) return Why::interrupted;
  if (session.ended_from_outside() || session.over()) {
    r.text = session.summary().reason;
    return Why::limit;
  }
  if (halted_for_ever()) {
    r.text = "the guest halted for ever: no interrupt wakes its CPUs" + pending_summary(machine());
    return Why::ended;
  }
  if (!r.until) return std::nullopt;
  if (r.serial && r.serial->matched()) return Why::serial;
  if (r.screen && r.screen->matches_any(screen_lines(machine()))) return Why::screen;
  if (r.until->predicate && machine().retired() >= r.next_question) {
    r.next_question = machine().retired() + r.until->every;
    if (r.until->predicate()) return Why::predicate;
  }
  if (machine().retired() >= r.last) return Why::count;
  const double passed = std::chrono::duration<double>(std::chrono::steady_clock::now() - r.began).count();
  if (r.until->seconds > 0 && passed >= r.until->seconds) return Why::time;
  return std::nullopt;
}

// The debugger's own events, which have no breakpoint.
std::optional<RunTo> Instance::Impl::own_event(std::string_view name) {
  constexpr std::pair<std::string_view, RunTo> events[] = {{"entry", RunTo::vm_entry},
                                                           {"interrupt", RunTo::interrupt},
                                                           {"exception", RunTo::exception},
                                                           {"ring", RunTo::ring_change},
                                                           {"mode", RunTo::mode_change}};
  for (const auto& [called, event] : events) {
    if (called == name) return event;
  }
  return std::nullopt;
}

u64 Instance::Impl::allowed(u64 slice) {
  if (!running) return slice;
  offer_input();
  running->enough = decided();
  if (running->enough == Why::interrupted) debugger().interrupt();  // whose own stop it is
  if (running->enough) return 0;
  slice = session.allowed(slice);
  if (!running->until) return slice;
  slice = std::min(slice, running->last - machine().retired());
  if (running->until->predicate) slice = std::min(slice, running->next_question - machine().retired());
  return slice;
}

// -- A run.

Instance::Halt Instance::Impl::told(const Stop& stop) {
  Halt halt;
  halt.why = why_of(stop.kind);
  halt.cpu = stop.cpu;
  halt.breakpoint = stop.breakpoint;
  halt.text = stop.text;
  halt.where = stop.where;
  if (stop.kind == Stop::Kind::limit && running) {
    halt.text = running->text;
    if (running->enough) halt.why = *running->enough;
    if (session.over()) halt.text = session.summary().reason;
  }
  if (halt.why != Why::ended) return halt;
  const Ending& ending = machine().ending();
  halt.ending = ending.why == Ending::Why::running ? "idle" : ending_name(ending.why);
  halt.status = ending.status;
  return halt;
}

// `runs` until something stops it that no callback lets pass.
template <class Runs>
Instance::Halt Instance::Impl::run_while(Running& conditions, Runs runs) {
  const Busy busy(asked);
  running = &conditions;
  Halt halt;
  for (bool again = true; std::exchange(again, false);) {
    halt = told(runs());
    const auto callback = callbacks.find(halt.breakpoint);
    if (halt.breakpoint != 0 && callback != callbacks.end() && callback->second) {
      const auto goes_on = callback->second;  // which may remove itself
      again = goes_on(halt);
    }
    if (halt.ending == "idle" && machine().ending().why == Ending::Why::running) again = offer_input();
  }
  running = nullptr;
  session.flush();
  return halt;
}

bool Instance::Impl::prepare_run(const Until& until, Running& conditions, std::string& error) {
  if (running) {
    error = "the machine runs already; a callback cannot run it";
    return false;
  }
  conditions.until = &until;
  const u64 now = machine().retired();
  conditions.last = until.instructions > ~u64{0} - now ? ~u64{0} : now + until.instructions;
  conditions.next_question = now;
  if (until.predicate && until.every == 0) {
    error = "a predicate is asked after every 1 instruction at least; 0 is none";
    return false;
  }
  if (until.port >= ports.size()) {
    error = fmt::format("serial port {}: ports are numbered from 0 to {}", until.port, ports.size() - 1);
    return false;
  }
  if (!until.screen.empty()) {
    conditions.screen.emplace();
    if (!conditions.screen->compile("screen", until.screen, error)) return false;
  }
  if (until.serial.empty()) return true;
  LinePattern tried;  // its errors name this face, and not a flag
  return tried.compile("serial", until.serial, error) &&
         conditions.serial.emplace().add_wanted(until.serial, error);
}

std::optional<Instance::Halt> Instance::run(const Until& until, std::string& error) {
  Impl& i = *impl_;
  const Impl::Busy busy(i.asked);
  Impl::Running conditions;
  if (!i.prepare_run(until, conditions, error)) return std::nullopt;
  i.running = &conditions;
  const bool matched = conditions.serial && i.match_from_before(until.port);
  i.running = nullptr;
  if (matched) {
    Halt halt = here();
    halt.why = Why::serial;
    return halt;
  }
  const auto own = Impl::own_event(until.event);
  std::vector<unsigned> temporary;
  if (!set_temporary(until, own.has_value(), temporary, error)) return std::nullopt;
  Halt halt = i.run_while(conditions, [&] { return own ? i.debugger().run_to(*own) : i.debugger().run(); });
  // Both are looked at between slices only, and the last one may have brought what was waited for.
  if (halt.why == Why::ended && conditions.serial && conditions.serial->matched()) halt.why = Why::serial;
  if (halt.why == Why::ended && conditions.screen &&
      conditions.screen->matches_any(screen_lines(i.machine())))
    halt.why = Why::screen;
  i.let_go(temporary, halt);
  return halt;
}

std::optional<Instance::Halt> Instance::Impl::back(const std::function<Stop(Debugger&)>& goes,
                                                   std::string& error) {
  error.clear();
  if (!can_go_back(error)) return std::nullopt;
  Running conditions;
  return run_while(conditions, [&] { return goes(debugger()); });
}

// The breakpoints of a run's place and event. False: `error`, and there are none.
bool Instance::set_temporary(const Until& until, bool own, std::vector<unsigned>& temporary,
                             std::string& error) {
  for (const auto& [verb, text] : {std::pair{"break", &until.address}, std::pair{"catch", &until.event}}) {
    if (text->empty() || (text == &until.event && own)) continue;
    const unsigned number = add_breakpoint(fmt::format("{} {}", verb, *text), error);
    if (number) temporary.push_back(number);
    if (number) continue;
    for (const unsigned made : temporary) remove_breakpoint(made);
    return false;
  }
  return true;
}

void Instance::Impl::let_go(const std::vector<unsigned>& temporary, Halt& halt) {
  if (std::find(temporary.begin(), temporary.end(), halt.breakpoint) != temporary.end()) {
    halt.why = Why::reached;
    const std::size_t colon = halt.text.find(": ");  // behind the number of a breakpoint that nobody has set
    halt.text = colon == std::string::npos ? std::string() : halt.text.substr(colon + 2);
    halt.breakpoint = 0;
  }
  for (const unsigned made : temporary) debugger().remove(made);
}

Instance::Halt Instance::step(std::uint64_t instructions) {
  Impl::Running conditions;
  if (impl_->running) return here();
  return impl_->run_while(conditions, [&] { return impl_->debugger().step(instructions); });
}
Instance::Halt Instance::step_over() {
  Impl::Running conditions;
  if (impl_->running) return here();
  return impl_->run_while(conditions, [&] { return impl_->debugger().step_over(); });
}
Instance::Halt Instance::step_out() {
  Impl::Running conditions;
  if (impl_->running) return here();
  return impl_->run_while(conditions, [&] { return impl_->debugger().step_out(); });
}

Instance::Halt Instance::here() const { return impl_->told(impl_->debugger().here()); }

void Instance::interrupt() {
  Impl::Asked runs = Impl::Asked::go_on;
  impl_->asked.compare_exchange_strong(runs, Impl::Asked::stop);
}
void Instance::on_slice(std::function<bool()> go_on) { impl_->go_on = std::move(go_on); }

bool Instance::restart(std::string& error) {
  if (!impl_->running) {
    impl_->forget_printed();
    return impl_->session.restart(error);
  }
  error = "the machine runs, and a callback cannot restart it";
  return false;
}

// -- VM exits.

std::optional<Instance::Exit> Instance::next_exit(const Until& limit, Halt& halt, std::string& error) {
  if (!limit.event.empty()) {
    error = fmt::format("{}: VM exits are waited for already; leave the event out", limit.event);
    return std::nullopt;
  }
  Until to_exit = limit;
  to_exit.event = "exit";
  const auto stopped = run(to_exit, error);
  if (!stopped) return std::nullopt;
  halt = *stopped;
  if (halt.why != Why::reached) return std::nullopt;
  auto exit = last_exit();
  if (exit) exit->text = halt.text;
  return exit;
}

std::optional<Instance::Exit> Instance::last_exit() const {
  const Cpu& cpu = impl_->debugger().cpu();
  const VmxEvent* last = impl_->debugger().last_vmx_event(cpu.index);
  if (!cpu.vmx || !last) return std::nullopt;
  Exit exit = exit_value(cpu, cpu.vmx->exit);
  exit.guest_rip = impl_->debugger().read_register("vmcs.GUEST_RIP").value_or(0);
  return exit;
}

}  // namespace ringside
