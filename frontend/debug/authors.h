// Owns the question who wrote something last, asked of a machine's known past.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "frontend/debug/debugger.h"
#include "vmx/field.h"

namespace ringside {

struct PastEvent;

// Who wrote it, and how it was on both sides of that.
struct Author {
  u64 count = 0;            // Machine::retired() before it: Debugger::go_to(count) is before the write
  unsigned cpu = 0;         // whose instruction ran, or whose event it was
  std::string act;          // "VM exit, reason 12: HLT", "a person wrote it"; empty: the instruction did it
  std::string instruction;  // that ran, or was the next: "0x1000: mov rax, rbx"
  std::string where;        // one line, of the instruction: as Stop::where
  std::vector<u8> before, after;  // the bytes that were asked for, the lowest first
};

struct Authorship {
  std::optional<Author> author;  // nullopt: nobody since the past begins, or see `why`
  std::string why;               // one line: it was broken off, or cannot be known. Empty: all was looked at
  std::vector<u8> now;
};

// Each search leaves the machine where it is; registers, fields and MSRs are those of the debugger's selected
// CPU. A write that left the value as it was is one, too, as far as an instruction made it; what page walks,
// devices and VMX write is known by what it changed. Debugger::interrupt() breaks a search off.
class Authors final {
 public:
  // The debugger has a timeline, and all outlive this.
  Authors(Debugger& debugger, const Symbols* symbols) : debugger_(debugger), symbols_(symbols) {}

  // By a name of Debugger::read_register that is a register of the CPU, or a part of one. nullopt: it is
  // none.
  std::optional<Authorship> of_register(std::string_view name);
  // nullopt: there is no memory; `why` says in words.
  std::optional<Authorship> of_memory(const Place& place, u64 bytes, std::string* why = nullptr);
  std::optional<Authorship> of_field(Field field);  // of the current VMCS; nullopt: there is none
  std::optional<Authorship> of_msr(u32 number);     // nullopt: the CPU has none of this number

 private:
  using Bytes = std::vector<u8>;
  using Read = std::function<Bytes()>;
  struct Subject;
  struct Scan;
  struct Trip;

  Authorship search(Subject& subject);
  Authorship of_kernel_gs_base();
  // The selected CPU's instruction that made its count `cpu_count`, and what happened there.
  Author instruction_author(u64 cpu_count, const Read& read, std::vector<PastEvent>* heard = nullptr);
  // By what the VM entry or VM exit did that ended when the selected CPU had retired `cpu_count`.
  std::optional<Author> transition_author(u64 cpu_count, const Read& read);
  Authorship memory_at(HostPhys at, std::size_t bytes);
  std::optional<u64> last_change(const Read& read, const Bytes& now, u64 first, u64 end);
  Author silent_author(u64 count, const Read& read, bool paging_entry);
  std::optional<u64> person_wrote(HostPhys at, std::size_t bytes, u64 end) const;
  std::optional<Author> field_write(Field field, u64 region, const Read& read);
  std::string instruction_here() const;
  std::string broken_off();

  Debugger& debugger_;
  const Symbols* symbols_;
};

}  // namespace ringside
