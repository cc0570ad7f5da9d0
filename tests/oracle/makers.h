// Owns where processors differ by their maker, or where the manual leaves a result open: a table with
// reasons.
#pragma once

#include "tests/oracle/samples.h"

namespace oracle {

// What of a comparison means nothing.
struct Open {
  static constexpr u32 everything = 1,  // it is not run
      x87_values = 2,                   // ST(0) to ST(7), and the status word
      x87_pointers = 4,                 // FIP, FDP, FOP and their selectors in an image that it stores
      c1 = 8,                           // of the x87 status word
      flags = 16,                       // the arithmetic ones
      reserved_bytes = 32,              // of an FXSAVE image: MXCSR_MASK, and what is software's
      registers_of_a_fault = 64,        // what it had read before it faulted
      pushed_selector = 128,            // more of it on the stack than its 16 bits
      frame_order = 256,         // of a #PF at a frame of several words: its address, and what was written
      limit_bits = 512,          // bits 16 to 19 of the destination
      whether_it_faults = 1024,  // at an operand that it does not touch, or may have misaligned
      which_fault = 2048;        // of two that are due
};

struct MakersDiffer {
  std::string_view body;  // of rows; one that ends in a star: those that begin so
  bool (*applies)(const Sample&);
  u32 open;
  std::string_view reason;
};
std::span<const MakersDiffer> makers_differ();
// Open bits, or-ed.
u32 open_for(const Sample& sample);

}  // namespace oracle
