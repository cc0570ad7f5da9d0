// Owns the doing of a recording again.
#include "frontend/replay/replayer.h"

#include <fmt/format.h>

#include <algorithm>

namespace ringside {
namespace {

std::string in_words(const Moment& moment) {
  return fmt::format("{} instructions{}", moment.retired, moment.asleep ? ", all CPUs asleep" : "");
}

std::string in_words(const Happening& what) {
  struct Words {
    std::string operator()(const InputEvent& event) const { return std::visit(*this, event); }
    std::string operator()(const SerialByte& e) const {
      return fmt::format("byte {:#x} for COM{}", e.byte, e.port + 1);
    }
    std::string operator()(const KeyStroke&) const { return "a key"; }
    std::string operator()(const PauseKey&) const { return "the Pause key"; }
    std::string operator()(const MouseMove&) const { return "the mouse"; }
    std::string operator()(const PowerButton&) const { return "the power button"; }
    std::string operator()(const ResetPerformed&) const { return "a reset"; }
    std::string operator()(const HeldStill&) const { return "a hold of CPUs"; }
    std::string operator()(const RegisterWritten& e) const { return "a write of " + e.name; }
    std::string operator()(const MemoryWritten& e) const {
      return fmt::format("a write of memory at {:#x}", e.at.value);
    }
  };
  return std::visit(Words{}, what);
}

}  // namespace

std::unique_ptr<Replayer> Replayer::create(std::shared_ptr<const Recording> recording, Machine& machine,
                                           std::string& error) {
  auto state = std::make_unique<RecordedState>(machine);
  const RecordingHead& head = recording->head;
  if (state->registers() == head.registers && state->parts() == head.parts)
    return std::unique_ptr<Replayer>(new Replayer(std::move(recording), machine, std::move(state)));
  error = fmt::format(
      "the recording is of Ringside {}, whose machine has other state than this one's; replay it with that "
      "one",
      head.version);
  return nullptr;
}

// In the order of the file: a mark stands behind the records that came before it.
bool Replayer::next_is_mark() const {
  return next_mark_ < recording_->marks.size() && recording_->marks[next_mark_].records <= next_record_;
}

const Moment* Replayer::next_moment() const {
  if (next_is_mark()) return &recording_->marks[next_mark_].at;
  if (next_record_ < recording_->history.size()) return &recording_->history[next_record_].at;
  return nullptr;
}

bool Replayer::at_end() const { return next_moment() == nullptr && machine_.moment() == recording_->last; }

bool Replayer::differ(std::string what, std::vector<std::string> values) {
  if (difference()) return false;
  difference_ = {alike_, std::max(machine_.retired(), alike_), std::move(what), std::move(values)};
  return false;
}

bool Replayer::compare(const StateMark& mark) {
  const RecordedState::Numbers now = state_->look();
  std::vector<std::string> values;
  for (std::size_t n = 0; n < now.registers.size(); ++n) {
    if (now.registers[n] != mark.registers[n])
      values.push_back(fmt::format("{}: {:#x} when it was recorded, {:#x} now", state_->registers()[n],
                                   mark.registers[n], now.registers[n]));
  }
  for (std::size_t n = 0; n < now.parts.size(); ++n) {
    if (now.parts[n] != mark.parts[n]) values.push_back(fmt::format("{}: not the same", state_->parts()[n]));
  }
  if (!values.empty()) return differ("the state is not what it was", std::move(values));
  alike_ = mark.at.retired;
  return true;
}

// What is next is of this moment.
bool Replayer::do_next() {
  if (next_is_mark()) return compare(recording_->marks[next_mark_++]);
  struct Do {
    Machine& machine;
    const std::function<bool(const Happening&)>& write;
    bool operator()(const InputEvent& event) const { return machine.input(event); }
    bool operator()(const ResetPerformed&) const { return false; }
    bool operator()(const HeldStill& e) const {
      machine.hold_still(e.cpus);
      return true;
    }
    bool operator()(const RegisterWritten& e) const { return write && write(e); }
    bool operator()(const MemoryWritten& e) const { return write && write(e); }
  };
  const Happening& what = recording_->history[next_record_++].what;
  writing_ = true;
  const bool done = std::visit(Do{machine_, write_}, what);
  writing_ = false;
  return done || differ(fmt::format("the machine does not take {} here", in_words(what)));
}

u64 Replayer::limit(u64 slice) {
  while (!difference()) {
    const Moment* const next = next_moment();
    const Moment& there = next ? *next : recording_->last;
    if (machine_.moment() == there) {
      if (!next) return 0;
      if (!do_next()) return 0;
      continue;
    }
    const u64 retired = machine_.retired();
    if (retired < there.retired) return std::min(slice, there.retired - retired);
    // No instruction is between here and there, but a part of a sleep.
    if (retired == there.retired && there.asleep && machine_.run_to(there)) continue;
    differ(fmt::format("the machine is not asleep, or awake, as it was after {}", in_words(there)));
  }
  return 0;
}

bool Replayer::revive() {
  const std::size_t before = next_record_;
  const u64 retired = machine_.retired();
  limit(1);
  return next_record_ != before || machine_.retired() != retired;
}

bool Replayer::take_reset() {
  if (next_is_mark() || next_record_ == recording_->history.size()) return false;
  const HistoryRecord& next = recording_->history[next_record_];
  if (!std::holds_alternative<ResetPerformed>(next.what) || next.at != machine_.moment()) return false;
  ++next_record_;
  return true;
}

bool Replayer::ended() {
  while (!difference() && next_moment() && *next_moment() == machine_.moment()) do_next();
  if (difference()) return false;
  return at_end() || differ(fmt::format("the machine has come to its end, but the recording goes on to {}",
                                        in_words(recording_->last)));
}

std::string Replayer::summary() const {
  return fmt::format(
      "replayed {} instructions, with {} records of what came from outside; compared {} times with the "
      "recording, "
      "always the same",
      machine_.retired(), next_record_, next_mark_);
}

}  // namespace ringside
