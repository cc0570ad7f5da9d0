// Owns the recording of callers and the making of chains.
#include "frontend/inspect/writers.h"

#include <fmt/format.h>

#include "frontend/inspect/look_memory.h"

namespace ringside {
namespace {

// What a walk is sure of: a word on the stack that merely looks like a return address is none.
bool sure(const StackFrame& frame, World world, const Symbols& symbols) {
  switch (frame.found) {
    case StackFrame::Found::on_stack: return false;
    case StackFrame::Found::frame_pointer: return symbols.find(frame.rip - 1, world).has_value();
    default: return true;
  }
}

}  // namespace

FieldWriters::Callers FieldWriters::walk(const Cpu& cpu, u64 rip, const Symbols& symbols) {
  UnwindStart start = unwind_start(cpu);
  start.rip = rip;
  start.only_rsp = false;
  Known& known = known_[rip];
  const u64 rsp = start.gpr[RSP], rbp = start.gpr[RBP];
  // Unwinding costs microseconds, and hypervisors write from the same places again and again: the same
  // return addresses at the same places of the same stack are the same chain.
  bool same = known.callers[0] != 0 && known.rsp == rsp && known.rbp == rbp;
  for (unsigned n = 0; same && n < depth && known.callers[n]; ++n)
    same = peek_word(cpu, start.space, known.at[n], 8) == known.callers[n];
  if (same) return known.callers;
  known = {rsp, rbp, {}, {}};
  unsigned n = 0;
  for (const StackFrame& frame : backtrace(cpu, start, symbols, depth + 1)) {
    if (frame.found == StackFrame::Found::innermost) continue;
    if (!sure(frame, start.world, symbols)) break;
    known.callers[n] = frame.rip;
    known.at[n++] = frame.rsp - 8;
  }
  return known.callers;
}

void FieldWriters::note(const Cpu& cpu, const Vmcs& vmcs, Field field, const Symbols& symbols) {
  if (symbols.empty()) return;
  const Vmcs::Writer& writer = vmcs.writer(field);
  auto& [last, before] = records_[vmcs.region.value + static_cast<u64>(field)];
  if (last.count != writer.count || last.rip != writer.rip) before = last;
  last = {writer.rip, writer.count, walk(cpu, writer.rip, symbols)};
}

const FieldWriters::Callers* FieldWriters::callers(u64 region, Field field, u64 rip, u64 count) const {
  const auto found = records_.find(region + static_cast<u64>(field));
  if (found == records_.end()) return nullptr;
  for (const Record& record : found->second) {
    if (record.count == count && record.rip == rip) return &record.callers;
  }
  return nullptr;
}

std::string call_chain(u64 rip, std::span<const u64> callers, World world, const Symbols& symbols,
                       unsigned most) {
  std::string all;
  const auto add = [&](std::string_view function, const std::optional<Symbols::Line>& line) {
    if (most == 0) return;
    --most;
    if (!all.empty()) all += " <- ";
    all += function;
    if (line && line->line) all += fmt::format(" ({})", line->text());
  };
  const auto frame = [&](u64 address, u64 look) {
    auto named = symbols.find(look, world);
    if (!named) return false;
    named->distance = address - named->start;
    auto line = symbols.line(look, world);
    for (const Symbols::Inlined& inner : symbols.inlined(look, world)) {
      add(inner.function, line);
      line = inner.call;
    }
    add(named->text(), line);
    return true;
  };
  if (!frame(rip, rip)) return {};
  for (const u64 address : callers) {
    // What called, not what follows the call.
    if (address == 0 || !frame(address, address - 1)) break;
  }
  return all;
}

std::string call_chain(const Cpu& cpu, const Symbols& symbols, unsigned most) {
  const UnwindStart start = unwind_start(cpu);
  std::vector<u64> callers;
  for (const StackFrame& frame : backtrace(cpu, start, symbols, most)) {
    if (frame.found == StackFrame::Found::innermost) continue;
    if (!sure(frame, start.world, symbols)) break;
    callers.push_back(frame.rip);
  }
  return call_chain(start.rip, callers, start.world, symbols, most);
}

}  // namespace ringside
