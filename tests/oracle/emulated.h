// Owns running one instruction in Ringside as the oracle tests need it: user code in 64-bit mode, one record.
// Of the linear addresses only the data range is mapped.
#pragma once

#include "cpu/exec/block_cache.h"
#include "cpu/exec/table.h"
#include "tests/oracle/native.h"

namespace oracle {

class Emulated {
 public:
  Emulated();

  const CpuModel& model() const { return model_; }
  // The bytes of guest memory at data_base.
  u8* data() { return memory_.pointer(HostPhys(data_base), true); }
  // Runs the lowered instruction (a repeated one until it is done).
  Outcome run(std::span<const u8> instruction, const Registers& in);
  bool lowers(std::span<const u8> instruction) const;
  Cpu& cpu() { return cpu_; }

 private:
  static CpuModel everything();
  PhysicalMemory memory_;
  Mmu mmu_{memory_, 46};
  CpuModel model_ = everything();
  Decoder decoder_{model_.features};
  Engine engine_;
  Cpu cpu_{mmu_};
};

}  // namespace oracle
