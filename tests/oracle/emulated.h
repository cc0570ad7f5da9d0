// Owns running one instruction in Ringside as the oracle tests need it: user code, one record, in a machine
// with the descriptor tables of a Linux program. Of the linear addresses a program sees the data range only.
#pragma once

#include "cpu/exec/engine/handler_table.h"
#include "cpu/exec/engine/block_cache.h"
#include "tests/oracle/native.h"

namespace oracle {

class Emulated {
 public:
  explicit Emulated(Descriptors host = {});

  Descriptors descriptors() const { return host_; }
  const CpuModel& model() const { return model_; }
  // The bytes of guest memory at data_base.
  u8* data() { return memory_.pointer(HostPhys(data_base), true); }
  // Runs the lowered instruction (a repeated one until it is done). `vectors` goes in and out, if it is
  // there.
  Outcome run(const Program& program, const Registers& in, VectorImage* vectors = nullptr);
  // The row that the instruction lowers to, or Decoder::no_row.
  u16 row_of(std::span<const u8> instruction, unsigned bits) const;
  bool lowers(std::span<const u8> instruction) const { return row_of(instruction, 64) != Decoder::no_row; }
  // As a segment register holds it after the load of a selector that may be loaded.
  const Segment& segment(u16 selector) const;
  Cpu& cpu() { return cpu_; }

 private:
  static CpuModel everything();
  void build_tables();
  void load(const Program& program, const Registers& in);
  bool lower(const Program& program, Op& op, Handler& handler, bool& branches) const;
  Outcome outcome();
  void take_delivered(Outcome& out);

  Descriptors host_;
  PhysicalMemory memory_;
  Mmu mmu_{memory_, 46};
  CpuModel model_ = everything();
  Decoder decoder_{model_.features};
  Engine engine_;
  Cpu cpu_{mmu_};
  std::array<Segment, gdt_count + ldt::count> segments_;
  Segment null_;
};

}  // namespace oracle
