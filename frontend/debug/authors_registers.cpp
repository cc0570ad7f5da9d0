// Owns the search for who wrote a register last: the past is run through in growing pieces, and each
// instruction and event in it is asked.
#include <fmt/format.h>

#include <algorithm>

#include "cpu/exec/engine/run.h"
#include "cpu/state/msrs.h"
#include "frontend/debug/authors_impl.h"
#include "frontend/debug/register_writes.h"

namespace ringside {
namespace {

// Registers have up to 128 bits.
using Value = std::array<u64, 2>;

bool is_transition(PastEvent::Kind kind) {
  return kind == PastEvent::Kind::vm_entry || kind == PastEvent::Kind::vm_exit;
}

// "Interrupt and Exception Handling": what entering a handler loads. "Loading Guest State", "Loading Host
// State": what a transition does; it keeps the general registers but RSP.
bool writes(const PastEvent& event, const RegisterPart& part) {
  constexpr u64 cleared_by_delivery = Eflags::TF | Eflags::IF | Eflags::NT | Eflags::RF | Eflags::VM;
  const RegisterInfo& r = *part.whole;
  if (event.kind == PastEvent::Kind::reset) return true;
  if (event.kind == PastEvent::Kind::port_access) return false;
  const bool transition = is_transition(event.kind);
  switch (r.group) {
    case RegisterGroup::general:
      if (r.name == "rflags") return transition || (part.mask() << part.low & cleared_by_delivery) != 0;
      return r.name == "rip" || r.name == "rsp";
    case RegisterGroup::segment: return transition || r.index == CS || r.index == SS;
    case RegisterGroup::table: return transition;
    case RegisterGroup::control:
      if (r.name == "cr2")
        return event.kind == PastEvent::Kind::exception && event.vector == static_cast<u8>(Vector::PF);
      return transition && r.name != "cr8" && r.name != "xcr0" && r.name != "pkru";
    case RegisterGroup::debug:
      return r.name == "dr7" ? transition
                             : r.name == "dr6" && event.kind == PastEvent::Kind::exception &&
                                   event.vector == static_cast<u8>(Vector::DB);
    case RegisterGroup::privilege: return true;
    case RegisterGroup::x87:
    case RegisterGroup::vector: return false;
  }
  return false;
}

}  // namespace

// What is asked for.
struct Authors::Subject {
  std::function<Value(const Cpu&)> read;
  std::size_t bytes = 8;
  std::function<bool(const PastEvent&)> by_event;
  std::function<bool(const RegisterWritten&)> by_person;
  RegisterWrites* by_instruction = nullptr;
  bool by_every_instruction = false;

  Bytes value(const Cpu& cpu) const {
    const Value words = read(cpu);
    Bytes all(bytes);
    for (std::size_t n = 0; n < bytes; ++n) all[n] = static_cast<u8>(words[n / 8] >> 8 * (n % 8));
    return all;
  }
};

// A piece of the past that is run through. From one instruction of the CPU to the next lies what that
// instruction did, what a person wrote then, and the events that followed it; the last that wrote is the
// author.
struct Authors::Scan {
  struct Found {
    u64 cpu_count = 0;               // retired by the CPU before it
    std::optional<PastEvent> event;  // nullopt: the instruction itself
    std::optional<u64> person;       // when: Machine::retired()
    Value before{}, after{};
  };
  Scan(Debugger& d, Subject& s) : debugger(d), subject(s), cpu(d.cpu()), ear(cpu) {
    for (const HistoryRecord& record : debugger.timeline()->history()) {
      const auto* const written = std::get_if<RegisterWritten>(&record.what);
      if (written && written->cpu == cpu.index && subject.by_person(*written))
        persons.push_back(record.at.retired);
    }
    ear.on_instruction([this](Cpu&, HostPhys physical) { before_instruction(physical); });
    open(false);
  }

  void open(bool instruction, bool says_so = false) {
    is_instruction = instruction;
    instruction_writes = says_so;
    count = retired(cpu);
    rip = cpu.rip;
    value = subject.read(cpu);
    ear.heard().clear();
    stretch = debugger.machine().retired();
  }
  void before_instruction(HostPhys physical) {
    // The same instruction is met again where a run ends before it.
    if (is_instruction && count == retired(cpu) && rip == cpu.rip) return;
    close();
    open(true, subject.by_every_instruction || subject.by_instruction->by_next(cpu, physical));
  }
  void close() {
    const Value now = subject.read(cpu);
    const u64 end = retired(cpu), events = ear.heard().size();
    // A person writes where runs end.
    const u64 here = debugger.machine().retired();
    const bool person = here != stretch && std::find(persons.begin(), persons.end(), here) != persons.end();
    for (u64 n = events; n-- > 0;) {
      if (!subject.by_event(ear.heard()[n])) continue;
      // Each event counts as an instruction, but one that is a part of the instruction before it.
      found = Found{std::max(count, end - std::min(end, events - n)), ear.heard()[n], {}, value, now};
      return;
    }
    const bool completed = end - count > events;
    if (person)
      found = Found{end, {}, here, value, now};
    else if (is_instruction && (now != value || (instruction_writes && completed)))
      found = Found{count, {}, {}, value, now};
    else if (now != value && events > 0)
      found = Found{std::max(count, end - std::min<u64>(end, 1)), ear.heard().back(), {}, value, now};
  }

  Debugger& debugger;
  Subject& subject;
  Cpu& cpu;
  PastEvents ear;
  std::vector<u64> persons;
  bool is_instruction = false, instruction_writes = false;
  u64 count = 0, rip = 0, stretch = 0;
  Value value{};
  std::optional<Found> found;
};

Authorship Authors::search(Subject& subject) {
  // A piece is heard at a tenth of a run's speed or less, and the way to it goes at full speed: so pieces end
  // well before the distance between two checkpoints.
  constexpr u64 first_piece = 1000, longest_piece = 100'000'000, growth = 10;
  const Trip trip(debugger_);
  const unsigned mine = debugger_.selected();
  Timeline& past = *debugger_.timeline();
  Authorship answer;
  answer.now = subject.value(debugger_.cpu());
  std::optional<Scan::Found> found;
  u64 end = debugger_.machine().retired();
  for (u64 piece = first_piece; !found && end > past.begin();
       piece = std::min(piece * growth, longest_piece)) {
    if (!debugger_.travel(end - std::min(piece, end - past.begin()))) break;
    const u64 begin = debugger_.machine().retired();
    debugger_.select(mine);
    Scan scan(debugger_, subject);
    if (!debugger_.run_unseen(end - begin, true)) break;
    scan.close();
    found = std::move(scan.found);
    end = begin;
  }
  answer.why = broken_off();
  if (!found || !answer.why.empty()) return answer;
  debugger_.select(mine);
  const auto bytes = [&](const Value& words) {
    Subject fixed;
    fixed.bytes = subject.bytes;
    fixed.read = [&](const Cpu&) { return words; };
    return fixed.value(debugger_.cpu());
  };
  if (found->person) {
    answer.author =
        Author{.count = *found->person, .cpu = mine, .act = "a person wrote it, with the debugger"};
    answer.author->before = bytes(found->before);
    answer.author->after = bytes(found->after);
    return answer;
  }
  answer.author = instruction_author(found->cpu_count + 1, [&] { return subject.value(debugger_.cpu()); });
  if (found->event) answer.author->act = found->event->text();
  return answer;
}

std::optional<Authorship> Authors::of_register(std::string_view name) {
  if (name.starts_with('$')) name.remove_prefix(1);
  const auto part = find_register(name);
  if (!part || !part->whole->is_present(debugger_.cpu())) return std::nullopt;
  const RegisterInfo& whole = *part->whole;
  RegisterWrites writer(*part);
  Subject subject;
  const bool all = whole.bits > 64 && name.find('.') == name.npos;
  subject.bytes = ((all ? whole.bits : part->width) + 7) / 8;
  subject.read = [=, &whole](const Cpu& cpu) {
    return all ? Value{whole.read(cpu, 0), whole.read(cpu, 1)} : Value{part->read(cpu), 0};
  };
  subject.by_event = [=](const PastEvent& event) { return writes(event, *part); };
  subject.by_person = [&](const RegisterWritten& written) {
    const auto other = find_register(written.name);
    return other && other->whole == &whole;
  };
  subject.by_instruction = &writer;
  subject.by_every_instruction = whole.name == "rip";
  return search(subject);
}

// SWAPGS writes it as well as WRMSR does.
Authorship Authors::of_kernel_gs_base() {
  const MsrInfo& msr = *find_msr(msr_number::IA32_KERNEL_GS_BASE);
  RegisterWrites writer(msr.number);
  Subject subject;
  subject.read = [&](const Cpu& cpu) { return Value{peek_msr(cpu, msr).value_or(0), 0}; };
  subject.by_event = [](const PastEvent& event) { return event.kind == PastEvent::Kind::reset; };
  subject.by_person = [](const RegisterWritten&) { return false; };
  subject.by_instruction = &writer;
  return search(subject);
}

}  // namespace ringside
