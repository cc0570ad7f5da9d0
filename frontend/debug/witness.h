// Owns the face of somebody who writes down what the CPUs do, and never stops them.
#pragma once

#include <string_view>

#include "cpu/arch/fault.h"
#include "vmx/exit_info.h"

namespace ringside {

struct Cpu;

// Told by the debugger, in the order in which things happen. Nothing that it does may change the machine.
class Witness {
 public:
  virtual ~Witness() = default;

  // Whether instruction() is to be called: each instruction is then a block of its own, and slow. Asked when
  // something begins to run, and after each instruction that was told.
  virtual bool hears_instructions() const = 0;
  // Before the instruction at cpu.rip, once for each time that it runs.
  virtual void instruction(Cpu& cpu) = 0;
  // As the observer's of the same names: the handler was entered.
  virtual void exception(Cpu& cpu, const Fault& fault, u64 from) = 0;
  virtual void interrupt(Cpu& cpu, u8 vector, u64 from) = 0;
  virtual void entered(Cpu& cpu) = 0;
  virtual void exited(Cpu& cpu, const ExitInfo& exit) = 0;
  // A VM entry was refused, or a VMX instruction failed: why, in words.
  virtual void failed(Cpu& cpu, std::string_view why) = 0;
  virtual void was_reset(Cpu& cpu, bool init) = 0;
};

}  // namespace ringside
