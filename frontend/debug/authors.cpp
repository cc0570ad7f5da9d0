// Owns the search for who wrote memory, a field of the VMCS or an MSR last.
#include "frontend/debug/authors.h"

#include <fmt/format.h>

#include <algorithm>

#include "cpu/exec/engine/run.h"
#include "cpu/state/msrs.h"
#include "frontend/debug/authors_impl.h"
#include "frontend/inspect/disassembly.h"
#include "frontend/inspect/look_memory.h"

namespace ringside {
namespace {

std::vector<u8> bytes_of(u64 value, std::size_t bytes = 8) {
  std::vector<u8> all(bytes);
  for (std::size_t n = 0; n < bytes; ++n) all[n] = static_cast<u8>(value >> 8 * n);
  return all;
}

// What a VM exit saves into the VMCS, where it comes by it at all: "Saving Guest State", "Recording VM-Exit
// Information and Updating VM-entry Control Fields".
bool saved_by_exit(const Vmcs& vmcs, Field field) {
  const auto has = [&](VmxControl control) { return (vmcs[Field::VM_EXIT_CONTROLS] & mask(control)) != 0; };
  switch (field) {
    case Field::VM_INSTRUCTION_ERROR:
    case Field::VMCS_LINK_POINTER:
    case Field::GUEST_INTERRUPT_STATUS: return false;
    case Field::VM_ENTRY_INTERRUPTION_INFORMATION: return true;
    case Field::GUEST_DR7:
    case Field::GUEST_IA32_DEBUGCTL: return has(VmxControl::save_debug_controls);
    case Field::GUEST_IA32_PAT: return has(VmxControl::save_pat);
    case Field::GUEST_IA32_EFER: return has(VmxControl::save_efer);
    case Field::VMX_PREEMPTION_TIMER_VALUE: return has(VmxControl::save_preemption_timer);
    default: break;
  }
  const FieldKind kind = info(field).kind();
  const std::string_view id = info(field).id;
  if (kind == FieldKind::exit_information) return !id.starts_with("IO_R");
  return kind == FieldKind::guest && !id.starts_with("GUEST_PDPTE");
}

constexpr u64 paging_flags = 0x60, ept_flags = 0x300;  // accessed and dirty, where the two kinds have them

// Of an entry of a paging structure: which flags a page walk has set; empty: it was no walk.
std::string walk_text(const std::vector<u8>& before, const std::vector<u8>& after) {
  u64 was = 0, is = 0;
  for (std::size_t n = before.size(); n-- > 0;) was = was << 8 | before[n];
  for (std::size_t n = after.size(); n-- > 0;) is = is << 8 | after[n];
  if ((was & ~is) != 0 || was == is) return {};
  for (const u64 flags : {paging_flags, ept_flags}) {
    if ((was ^ is) & ~flags) continue;
    const u64 accessed = flags & -flags, dirty = flags ^ accessed;
    return fmt::format("a page walk set {}{}{}", (was ^ is) & accessed ? "the accessed flag" : "",
                       ((was ^ is) & flags) == flags ? " and " : "",
                       (was ^ is) & dirty ? "the dirty flag" : "");
  }
  return {};
}

}  // namespace

std::string Authors::instruction_here() const {
  const DisassembledInstruction next = next_instruction(debugger_.cpu(), symbols_);
  return fmt::format("{:#x}: {}{}{}{}", next.address, next.mnemonic, next.operands.empty() ? "" : " ",
                     next.operands, next.target.empty() ? "" : fmt::format("  <{}>", next.target));
}

std::string Authors::broken_off() {
  const std::string& trouble = debugger_.timeline()->trouble();
  if (!trouble.empty()) return trouble;
  return debugger_.take_interrupt() ? "broken off: it was not looked through to the beginning" : "";
}

Author Authors::instruction_author(u64 cpu_count, const Read& read, std::vector<PastEvent>* heard) {
  Author author;
  author.cpu = debugger_.selected();
  if (!debugger_.travel_before(cpu_count)) return author;
  PastEvents ear(debugger_.cpu());
  author.count = debugger_.machine().retired();
  author.instruction = instruction_here();
  author.where = debugger_.where();
  author.before = read();
  debugger_.run_unseen(1);
  author.after = read();
  if (heard) *heard = std::move(ear.heard());
  return author;
}

// -- Memory.

std::optional<Authorship> Authors::of_memory(const Place& place, u64 bytes, std::string* why) {
  std::optional<Authorship> newest;
  for (u64 done = 0; done < bytes;) {
    Place at = place;
    at.value += done;
    const auto found = debugger_.translate(at, why);
    if (!found) return std::nullopt;
    const u64 part = std::min(bytes - done, page_bytes - found->page_offset());
    Authorship one = memory_at(*found, part);
    const bool newer =
        !newest || (one.author && (!newest->author || one.author->count > newest->author->count));
    if (newer) newest = std::move(one);
    done += part;
  }
  return newest;
}

// A person's own write, the last one up to `end`: when it was made.
std::optional<u64> Authors::person_wrote(HostPhys at, std::size_t bytes, u64 end) const {
  std::optional<u64> last;
  for (const HistoryRecord& record : debugger_.timeline()->history()) {
    const auto* const written = std::get_if<MemoryWritten>(&record.what);
    if (!written || record.at.retired > end) continue;
    if (written->at.value < at.value + bytes && at.value < written->at.value + written->bytes.size())
      last = record.at.retired;
  }
  return last;
}

// The last moment up to `end` at which what `read` reads was not yet `now`, from `first` on. nullopt: it was
// that all the time, or it was broken off. Changes that were taken back are not seen.
std::optional<u64> Authors::last_change(const Read& read, const Bytes& now, u64 first, u64 end) {
  std::vector<u64> stations;
  for (const u64 count : debugger_.timeline()->checkpoint_counts())
    if (count > first && count < end) stations.push_back(count);
  stations.insert(stations.begin(), first);
  std::optional<u64> other;
  u64 same = end;
  for (auto at = stations.rbegin(); !other && at != stations.rend(); ++at) {
    if (!debugger_.travel(*at)) return std::nullopt;
    if (read() == now)
      same = *at;
    else
      other = *at;
  }
  while (other && same - *other > 1) {
    const u64 middle = *other + (same - *other) / 2;
    if (!debugger_.travel(middle)) return std::nullopt;
    if (read() == now)
      same = middle;
    else
      other = middle;
  }
  return other;
}

// Between `count` and the next instruction something that is no instruction's write has changed it.
Author Authors::silent_author(u64 count, const Read& read, bool paging_entry) {
  Machine& machine = debugger_.machine();
  Author author;
  author.count = count;
  if (!debugger_.travel(count)) return author;
  debugger_.select(machine.turn());
  author.cpu = machine.turn();
  author.instruction = instruction_here();
  author.where = debugger_.where();
  author.before = read();
  PastEvents ear(machine.cpu(author.cpu));
  debugger_.run_unseen(1);
  author.after = read();
  const std::string walk = paging_entry ? walk_text(author.before, author.after) : "";
  author.act = walk.empty() ? "a device wrote it" : walk;
  for (const PastEvent& event : ear.heard()) {
    using Kind = PastEvent::Kind;
    if (!walk.empty()) break;
    if (event.kind == Kind::vm_exit || event.kind == Kind::vm_entry)
      author.act = "the processor wrote it: " + event.text();
    if (event.kind == Kind::port_access) author.act = "a device wrote it: " + event.text();
  }
  return author;
}

Authorship Authors::memory_at(HostPhys at, std::size_t bytes) {
  Timeline& past = *debugger_.timeline();
  const Trip trip(debugger_);
  const u64 here = debugger_.machine().retired();
  const Read read = [&] {
    Bytes all(bytes);
    all.resize(debugger_.read({AddressSpace::host_physical, at.value}, all));
    return all;
  };
  Authorship answer;
  answer.now = read();
  Breakpoint watch;
  watch.kind = Breakpoint::Kind::watch;
  watch.at = {AddressSpace::host_physical, at.value};
  watch.bytes = bytes;
  watch.on_write = true;
  const auto met = debugger_.last_met(watch, here);
  answer.why = broken_off();
  if (!answer.why.empty()) return answer;
  if (met) {
    if (!debugger_.travel(met->count)) return answer;
    debugger_.select(met->stop.cpu);
    std::vector<PastEvent> heard;
    answer.author = instruction_author(retired(debugger_.cpu()) + 1, read, &heard);
    for (const PastEvent& event : heard) {
      if (event.kind != PastEvent::Kind::port_access) answer.author->act = event.text();
    }
  }
  const auto person = person_wrote(at, bytes, here);
  if (person && (!met || *person > met->count)) {
    answer.author = Author{.count = *person, .act = "a person wrote it, with the debugger"};
    if (*person == here) return answer;
  }
  // What nobody saw being written is known by the value.
  const u64 first = answer.author
                        ? std::min(answer.author->count + (answer.author->act.empty() ? 1 : 0), here)
                        : past.begin();
  if (!debugger_.travel(std::min(first, here)) || read() == answer.now) return answer;
  const auto change = last_change(read, answer.now, first, here);
  answer.why = broken_off();
  if (change && (!answer.author || *change > answer.author->count))
    answer.author = silent_author(*change, read, (bytes == 8 || bytes == 4) && at.value % bytes == 0);
  return answer;
}

// -- What VMX keeps and loads.

std::optional<Author> Authors::transition_author(u64 cpu_count, const Read& read) {
  using Kind = PastEvent::Kind;
  // An exit at the boundary of an instruction counts itself behind its event, one of an instruction before.
  for (const u64 count : {cpu_count, cpu_count + 1}) {
    std::vector<PastEvent> heard;
    Author author = instruction_author(count, read, &heard);
    for (const PastEvent& event : heard) {
      if (event.kind != Kind::vm_exit && event.kind != Kind::vm_entry) continue;
      author.act = event.text();
      return author;
    }
  }
  return std::nullopt;
}

std::optional<Authorship> Authors::of_field(Field field) {
  const Cpu& cpu = debugger_.cpu();
  if (!cpu.vmx || !cpu.vmx->current) return std::nullopt;
  const Trip trip(debugger_);
  const u64 region = cpu.vmx->current->region.value;
  const std::size_t bytes = info(field).width() == FieldWidth::bits16   ? 2
                            : info(field).width() == FieldWidth::bits32 ? 4
                                                                        : 8;
  const Read read = [&, region] {
    const Vmcs* const vmcs = debugger_.cpu().vmx->find_active(HostPhys(region));
    return vmcs ? bytes_of((*vmcs)[field], bytes) : Bytes();
  };
  const Vmcs& vmcs = *cpu.vmx->current;
  const Vmcs::Writer writer = vmcs.writer(field);
  const u64 last_exit = saved_by_exit(vmcs, field) ? vmcs.last_exit_count : 0;
  Authorship answer;
  answer.now = read();
  if (last_exit != 0 && (!writer.known || last_exit > writer.count))
    answer.author = transition_author(last_exit, read);
  else if (writer.known)
    answer.author = field_write(field, region, read);
  answer.why = broken_off();
  return answer;
}

std::optional<Author> Authors::field_write(Field field, u64 region, const Read& read) {
  const Vmcs::Writer writer = debugger_.cpu().vmx->current->writer(field);
  Author author = instruction_author(writer.count, read);
  if (author.instruction.starts_with(fmt::format("{:#x}: vm", writer.rip))) return author;
  // It was another CPU's, whose count that is.
  Breakpoint point;
  point.kind = Breakpoint::Kind::vmwrite;
  point.number = info(field).encoding;
  const std::string wanted = fmt::format(" in VMCS {:#x},", region);
  for (u64 before = debugger_.machine().retired();;) {
    const auto met = debugger_.last_met(point, before);
    if (!met) return std::nullopt;
    before = met->count;
    if (met->stop.text.find(wanted) == std::string::npos || !debugger_.travel(before)) continue;
    debugger_.select(met->stop.cpu);
    return instruction_author(retired(debugger_.cpu()), read);
  }
}

std::optional<Authorship> Authors::of_msr(u32 number) {
  const MsrInfo* const msr = find_msr(number);
  if (!msr || !msr->is_present(debugger_.cpu())) return std::nullopt;
  if (number == msr_number::IA32_EFER) return of_register("efer");
  if (number == msr_number::IA32_FS_BASE) return of_register("fs.base");
  if (number == msr_number::IA32_GS_BASE) return of_register("gs.base");
  if (number == msr_number::IA32_KERNEL_GS_BASE) return of_kernel_gs_base();
  const Trip trip(debugger_);
  const u64 here = debugger_.machine().retired();
  const Read read = [&] { return bytes_of(peek_msr(debugger_.cpu(), *msr).value_or(0)); };
  Authorship answer;
  answer.now = read();
  Breakpoint point;
  point.kind = Breakpoint::Kind::msr;
  point.number = number;
  point.on_write = true;
  point.cpu = debugger_.selected();
  const auto met = debugger_.last_met(point, here);
  answer.why = broken_off();
  if (!answer.why.empty()) return answer;
  u64 first = debugger_.timeline()->begin();
  if (met && debugger_.travel(met->count)) {
    answer.author = instruction_author(retired(debugger_.cpu()), read);
    first = std::min(answer.author->count + 1, here);
  }
  // VM entries, VM exits and SWAPGS write without a WRMSR: known by the value.
  if (!debugger_.travel(first) || read() == answer.now) return answer;
  const unsigned mine = debugger_.selected();
  const auto change = last_change(read, answer.now, first, here);
  answer.why = broken_off();
  if (!change || !debugger_.travel(*change)) return answer;
  debugger_.select(mine);
  if (auto made = transition_author(retired(debugger_.cpu()) + 1, read))
    answer.author = std::move(made);
  else if (debugger_.travel(*change))
    answer.author = instruction_author(retired(debugger_.cpu()) + 1, read);
  return answer;
}

}  // namespace ringside
