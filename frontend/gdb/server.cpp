// Owns a gdb stub in a running program: its client's comings and goings, and running the machine as the
// client wants it.
#include "frontend/gdb/server.h"

#include <algorithm>
#include <utility>

namespace ringside {
namespace {

// An answer that a client does not fetch: until it does, nothing more is read from it.
constexpr std::size_t most_unsent = 1 << 16;

}  // namespace

GdbServer::GdbServer(Debugger& debugger, Symbols& symbols)
    : machine_(debugger.machine()),
      debugger_(debugger),
      commands_(debugger, symbols, [this](std::string_view text) { say(text); }),
      stub_(debugger_) {
  stub_.on_monitor([this](std::string_view line) { return command(line); });
}

// An answer to a command, or what a trace says while the client lets the machine run.
void GdbServer::say(std::string_view text) {
  if (answering_)
    said_ += text;
  else
    stub_.tell(text);
}

// A command may run the machine; whatever comes from the client stops it.
std::string GdbServer::command(std::string_view line) {
  const u64 before = machine_.retired();
  said_.clear();
  answering_ = true;
  commands_.execute(line);
  answering_ = false;
  if (!said_.empty() && said_.back() != '\n') said_ += '\n';
  if (machine_.retired() != before)
    said_ +=
        "(the machine is elsewhere: gdb looks again after: maintenance flush register-cache; and at the "
        "stack "
        "and the code after: maintenance flush dcache)\n";
  return std::exchange(said_, {});
}

void GdbServer::poll() {
  transport_.turn_away();
  if (transport_.accept()) {
    there_ = true;
    stub_.connected();
  }
  if (!there_) return;
  transport_.send(stub_.output());
  while (stub_.output().size() < most_unsent) {
    const std::string bytes = transport_.receive();
    if (bytes.empty()) break;
    stub_.receive(bytes);
    transport_.send(stub_.output());
  }
  if (stub_.take_interrupt() && !machine_stopped())
    stub_.stopped({Stop::Kind::interrupted, debugger_.selected(), 0, false, ""});
  transport_.send(stub_.output());
  if (transport_.connected()) return;
  there_ = false;
  stub_.disconnected();
}

Ending GdbServer::run(u64 instructions) {
  switch (stub_.resume().kind) {
    case Resume::Kind::back: return report(debugger_.reverse());
    case Resume::Kind::step_back:
      debugger_.select(stub_.resume().cpu);
      return report(debugger_.reverse_step());
    case Resume::Kind::stay:
    case Resume::Kind::run:
    case Resume::Kind::step: return run_on(instructions);
  }
  return {};
}

Ending GdbServer::run_on(u64 instructions) {
  if (machine_.ending().why != Ending::Why::running) return gone();
  const Resume resume = stub_.resume();
  // What the client asks for comes before what `monitor hold` said.
  const Timeline* const past = debugger_.timeline();
  const bool was_past = past && past->in_past();
  const u32 held = machine_.held_still();
  if (resume.still) machine_.hold_still(resume.still);
  const Ending ending =
      resume.kind == Resume::Kind::step ? step(instructions) : report(debugger_.run(instructions));
  machine_.hold_still(held);
  if (was_past && !past->in_past()) stub_.tell("from here on it is the present\n");
  return ending;
}

// In a range, no more steps at a time than the caller gives instructions.
Ending GdbServer::step(u64 instructions) {
  const Resume resume = stub_.resume();
  debugger_.select(resume.cpu);
  constexpr u64 most_at_once = 10'000;
  const auto rounds = resume.end ? Debugger::Rounds::together : Debugger::Rounds::singly;
  for (u64 n = 0; n < std::min(instructions, most_at_once); ++n) {
    const Stop stop = debugger_.step(1, rounds);
    const u64 counter = program_counter(machine_.cpu(resume.cpu));
    const bool inside = counter >= resume.first && counter < resume.end;
    if (stop.kind != Stop::Kind::step || !inside) return report(stop);
  }
  return {};
}

Ending GdbServer::report(const Stop& stop) {
  const bool goes_back =
      stub_.resume().kind == Resume::Kind::back || stub_.resume().kind == Resume::Kind::step_back;
  switch (stop.kind) {
    case Stop::Kind::limit: break;
    // Whoever interrupted will say so: the client by Ctrl-C, which poll() reads. What goes back has been
    // broken off.
    case Stop::Kind::interrupted:
      if (goes_back) stub_.stopped(stop);
      break;
    case Stop::Kind::ended: {
      const Ending& ending = machine_.ending();
      if (ending.why == Ending::Why::running) return {Ending::Why::idle, 0, stop.text};
      // Who can go back has not seen the last of it.
      const bool orderly = ending.why == Ending::Why::power_off || ending.why == Ending::Why::debug_exit;
      const bool stays = ending.why == Ending::Why::shutdown || (orderly && stub_.goes_back());
      if (!there_ || !stays) return gone();
      stub_.stopped(stop);
      break;
    }
    case Stop::Kind::beginning:
    case Stop::Kind::step:
    case Stop::Kind::breakpoint:
    case Stop::Kind::watchpoint:
    case Stop::Kind::event: stub_.stopped(stop); break;
  }
  transport_.send(stub_.output());
  return {};
}

// A multi-process server outlives its programs: an extended client may start this one again, and would start
// the file that it knows on the host if nobody were there.
Ending GdbServer::gone() {
  const Ending& ending = machine_.ending();
  if (!there_ || !stub_.extended() ||
      (ending.why != Ending::Why::power_off && ending.why != Ending::Why::debug_exit))
    return ending;
  stub_.ended(ending.status);
  transport_.send(stub_.output());
  return {};
}

void GdbServer::finish(int status) {
  constexpr int patience = 1000;
  if (!there_) return;
  stub_.exited(status);
  transport_.flush(stub_.output(), patience);
}

}  // namespace ringside
