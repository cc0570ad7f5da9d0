// Owns one counter of the 8254: its six modes, in closed form over the number of its input clocks.
#pragma once

#include <limits>

#include "cpu/arch/fields.h"
#include "cpu/arch/types.h"

namespace ringside {

// Time is a count of CLK pulses, the same for all calls and never falling. The channel holds no timer:
// `next_event` says when OUT may change next, and every call first brings the channel up to its `now`. Data
// sheet: Intel 8254 Programmable Interval Timer, "Mode Definitions".
class PitChannel {
 public:
  static constexpr u64 never = std::numeric_limits<u64>::max();

  void run_to(u64 now);
  bool out() const;
  // The next CLK at which OUT may change, if nothing is written; `never` if it stays.
  u64 next_event() const;

  void write_control(u64 now, u8 access, u8 mode, bool bcd);  // access 1..3
  void write_count(u64 now, u8 value);
  u8 read(u64 now);
  void latch_count(u64 now);
  void latch_status(u64 now);
  void set_gate(u64 now, bool level);

  bool gate() const { return gate_; }
  u8 mode() const { return mode_; }
  // Clocks from one reload to the next; 1..65536.
  u32 period() const { return period_of(reload_); }
  bool programmed() const { return mode_ != unprogrammed; }

  void fields(Fields& fields);

 private:
  static constexpr u8 unprogrammed = 7;

  bool periodic() const { return mode_ == 2 || mode_ == 3; }
  bool triggered() const { return mode_ == 1 || mode_ == 5; }
  bool gated() const { return !triggered(); }  // GATE low stops the counting
  u32 period_of(u16 raw) const;
  u32 high_half() const { return (count_ + 1) / 2; }
  u64 elapsed() const { return frozen_ ? elapsed_ : now_ - start_; }
  u16 counting_element() const;
  void load(u64 at);
  void unload();
  void freeze(bool stop);
  void count_written(u64 now);

  u64 now_ = 0;
  u64 start_ = 0;    // CLK at which the counting element took its count (mode 3: at which this half began)
  u64 elapsed_ = 0;  // clocks since then, while frozen
  u64 load_at_ = never;  // CLK at which the count register goes into the counting element
  u32 count_ = 0x10000;  // what the counting element was loaded with
  u16 reload_ = 0;       // the count register, as written
  u16 latch_ = 0;
  u16 shown_ = 0;  // what the counting element shows while it waits for a count
  u8 mode_ = unprogrammed, access_ = 3, status_ = 0;
  u8 low_byte_ = 0;  // first half of a two-byte count
  bool bcd_ = false, gate_ = true;
  bool frozen_ = false, loaded_ = false, second_half_ = false, null_count_ = true;
  bool count_given_ = false;  // since the control word
  bool write_high_ = false, read_high_ = false, count_latched_ = false, latch_high_ = false,
       status_latched_ = false;
};

}  // namespace ringside
