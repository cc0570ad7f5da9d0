// Owns the log of what runs: instructions, exceptions, interrupts, VM entries and exits, and resets as lines
// of text, chosen by QEMU's words.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "frontend/debug/witness.h"
#include "frontend/symbols/symbols.h"

namespace ringside {

// Lines are of these forms, where COUNT is the CPU's count of instructions, WORLD root or guest, and PLACE an
// address with the symbol there:
//   exec COUNT CPU WORLD PLACE [INSTRUCTION]         before it runs
//   int COUNT CPU WORLD PLACE -> PLACE EVENT         from where, and the handler
//   vmx COUNT CPU WORLD PLACE EVENT                  a VM entry, a VM exit, or why a VMX instruction failed
//   reset COUNT CPU RESET#|INIT                      the registers follow, indented
// The same machine with the same input writes the same log.
class ExecutionLog final : public Witness {
 public:
  struct Range {
    u64 first = 0, last = ~u64{0};  // linear addresses of instructions; of int and vmx: where they come from
  };
  struct Options {
    bool exec = false;       // every instruction
    bool in_asm = false;     // instructions in words: with exec all of them, else each when it first runs
    bool cpu = false;        // the registers before every instruction
    bool events = false;     // int: exceptions and interrupts whose handler was entered
    bool vmx = false;        // VM entries, exits and failures
    bool cpu_reset = false;  // resets
    std::vector<Range> ranges;
    std::optional<unsigned> only_cpu;
    std::optional<World> only_world;
    u64 most = ~u64{0};  // entries; then it is silent

    bool any() const { return exec || in_asm || cpu || events || vmx || cpu_reset; }
  };
  // One of QEMU's words ("int,exec"), or several with commas between. False: one line in `error`.
  static bool add_words(std::string_view words, Options& options, std::string& error);
  // "FIRST..LAST", "FIRST+BYTES", "FIRST-BYTES", several with commas between.
  static bool add_ranges(std::string_view text, Options& options, std::string& error);
  // The words with what they mean, a line each.
  static std::string help();

  // `write` gets whole lines; it and `symbols` outlive this.
  ExecutionLog(Options options, const Symbols& symbols, std::function<void(std::string_view)> write);

  const Options& options() const { return options_; }
  u64 written() const { return written_; }  // entries

  bool hears_instructions() const override {
    return (options_.exec || options_.in_asm || options_.cpu) && written_ < options_.most;
  }
  void instruction(Cpu& cpu) override;
  void exception(Cpu& cpu, const Fault& fault, u64 from) override;
  void interrupt(Cpu& cpu, u8 vector, u64 from) override;
  void entered(Cpu& cpu) override;
  void exited(Cpu& cpu, const ExitInfo& exit) override;
  void failed(Cpu& cpu, std::string_view why) override;
  void was_reset(Cpu& cpu, bool init) override;

 private:
  bool wanted(const Cpu& cpu, u64 linear) const;
  void put(std::string_view kind, const Cpu& cpu, std::string_view rest);
  void put_registers(const Cpu& cpu);
  std::string place(u64 linear, const Cpu& cpu) const;
  void delivered(Cpu& cpu, u64 from, const std::string& event);

  Options options_;
  const Symbols& symbols_;
  std::function<void(std::string_view)> write_;
  u64 written_ = 0;
  std::unordered_set<std::string> seen_;  // by in_asm: address, world and bytes
};

}  // namespace ringside
