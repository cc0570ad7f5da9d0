// Owns the local APIC's timer: one-shot, periodic and TSC-deadline counting, exact from the clock ("APIC
// Timer").
#pragma once

#include <functional>
#include <string>

#include "cpu/arch/fields.h"
#include "cpu/arch/seams.h"

namespace ringside {

class ApicTimer {
 public:
  enum class Mode : u8 { OneShot = 0, Periodic = 1, TscDeadline = 2, Reserved = 3 };

  // Counts at `hertz` (the core crystal clock) over the divider. `expired` is called when a count reaches 0
  // or the deadline is met while the timer is not masked; when masked, a deadline still ends silently.
  ApicTimer(Clock& clock, std::string name, u64 hertz, std::function<void()> expired);

  void reset();
  // A change to or from TSC-deadline mode disarms the timer. Between one-shot and periodic the count runs on.
  // The manual disarms there too; processors do not, and kvm-unit-tests expects what processors do.
  void configure(Mode mode, bool masked);
  Mode mode() const { return mode_; }

  void set_initial_count(u32 count);  // 0 stops; ignored in TSC-deadline mode
  u32 initial_count() const { return initial_; }
  u32 current_count() const;

  void set_divide_configuration(u32 value);  // bits 3, 1 and 0
  u32 divide_configuration() const { return divide_; }

  // IA32_TSC_DEADLINE, in units of the guest's TSC; 0 is disarmed. Writes are ignored outside TSC-deadline
  // mode.
  void set_deadline(u64 tsc);
  u64 deadline() const { return deadline_; }
  // The CPU's time-stamp counter is the clock plus this, modulo 2^64.
  void set_tsc_offset(s64 offset);
  u64 tsc() const { return clock_.now() + static_cast<u64>(offset_); }

  void fields(Fields& fields);
  void restored();

 private:
  unsigned divisor() const;
  // Whole counts since start_.
  u64 elapsed() const;
  // Counts from start_ to the next moment at which the count reaches 0, later than now; 0: there is none.
  u64 next_zero() const;
  void rearm();
  void alarm();

  Clock& clock_;
  u64 hertz_;
  std::function<void()> expired_;
  Timer timer_;

  Mode mode_ = Mode::OneShot;
  bool masked_ = true;
  bool running_ = false;
  u32 initial_ = 0;
  u32 divide_ = 0;
  Ticks start_ = 0;  // when counting began
  u64 first_ = 0;    // counts from start_ to the end of the countdown from which later reloads follow
  u64 deadline_ = 0;
  s64 offset_ = 0;
};

}  // namespace ringside
