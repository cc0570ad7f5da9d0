// Owns the interfaces at the seams between the rooms: time, interrupt lines, port and memory-mapped I/O, the
// interrupt source of a CPU, and the second stage of address translation. Vocabulary only, no behaviour.
#pragma once

#include <functional>
#include <string>

#include "cpu/arch/fault.h"
#include "cpu/arch/types.h"

namespace ringside {

// Virtual time is counted in ticks of the time-stamp counter. It is a function of retired instructions (and
// of jumps over idle time), never of the host.
using Ticks = u64;

class Clock;

// A one-shot alarm. The owner keeps it alive; `name` is for dumps. After it fires it is unarmed; the callback
// may arm it again. Timers with the same deadline fire in the order of their names' registration (see Clock).
class Timer {
 public:
  Timer(Clock& clock, std::string name, std::function<void()> expired);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  void arm(Ticks deadline);  // absolute; a deadline in the past fires at the next instruction boundary
  void disarm();
  bool armed() const { return armed_; }
  Ticks deadline() const { return deadline_; }
  const std::string& name() const { return name_; }

 private:
  friend class Clock;
  Clock& clock_;
  std::string name_;
  std::function<void()> expired_;
  Ticks deadline_ = 0;
  bool armed_ = false;
};

// The machine's virtual time and its alarms. `now()` is exact to the instruction that asks.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Ticks now() const = 0;
  // Ticks per second; constant for a machine's life.
  virtual u64 frequency() const = 0;
  // From inside an instruction: it takes so much longer than others. A clock that nobody moves takes no
  // notice.
  virtual void spend(Ticks) {}

  // Ticks that `count` periods of a `hertz` clock take, rounded up; and how many whole periods fit into
  // `ticks`.
  Ticks ticks_of(u64 count, u64 hertz) const {
    return static_cast<Ticks>((static_cast<u128>(count) * frequency() + hertz - 1) / hertz);
  }
  u64 periods_in(Ticks ticks, u64 hertz) const {
    return static_cast<u64>(static_cast<u128>(ticks) * hertz / frequency());
  }

 protected:
  friend class Timer;
  virtual void add(Timer&) = 0;
  virtual void remove(Timer&) = 0;
  virtual void changed(Timer&) = 0;  // armed or disarmed: the next deadline may have moved
  static void fire(Timer& timer) {
    timer.armed_ = false;
    timer.expired_();
  }
};

inline Timer::Timer(Clock& clock, std::string name, std::function<void()> expired)
    : clock_(clock), name_(std::move(name)), expired_(std::move(expired)) {
  clock_.add(*this);
}
inline Timer::~Timer() { clock_.remove(*this); }
inline void Timer::arm(Ticks deadline) {
  deadline_ = deadline;
  armed_ = true;
  clock_.changed(*this);
}
inline void Timer::disarm() {
  if (!armed_) return;
  armed_ = false;
  clock_.changed(*this);
}

// An interrupt line: a wire with a level. Setting the level that it has is harmless.
class IrqLine {
 public:
  virtual ~IrqLine() = default;
  virtual void set(bool level) = 0;
};

// Registers in the memory space. `offset` is from the region's start; size is 1, 2, 4 or 8 bytes and the
// access lies inside the region; it need not be aligned. A value narrower than 64 bits is zero-extended.
class MmioDevice {
 public:
  virtual ~MmioDevice() = default;
  virtual u64 mmio_read(u64 offset, unsigned size) = 0;
  virtual void mmio_write(u64 offset, unsigned size, u64 value) = 0;
};

// The I/O space as the CPU sees it: size is 1, 2 or 4. Nobody at home reads as all ones.
class PortSpace {
 public:
  virtual ~PortSpace() = default;
  virtual u32 port_read(u16 port, unsigned size) = 0;
  virtual void port_write(u16 port, unsigned size, u32 value) = 0;
};

// What a CPU asks of its local APIC. (The APIC tells the CPU through CpuSignals.)
class InterruptSource {
 public:
  virtual ~InterruptSource() = default;
  // The CPU takes an INIT: the local APIC is initialised with it.
  virtual void init() = 0;
  // True while an interrupt of sufficient priority (or an ExtINT from the PIC) waits.
  virtual bool pending() const = 0;
  // The interrupt-acknowledge cycle: moves the vector into service and returns it; spurious if none waits.
  virtual u8 acknowledge() = 0;
  // As a write to the EOI register, whatever mode the APIC is in.
  virtual void end_of_interrupt() {}
  // A fixed, edge-triggered interrupt to the CPU that a posted-interrupt descriptor names: `destination` is
  // the physical APIC ID in 32 bits in x2APIC mode, in bits 15:8 in xAPIC mode.
  virtual void notify(u8 vector, u32 destination) {
    static_cast<void>(vector), static_cast<void>(destination);
  }
  // CR8, the task-priority class 0..15.
  virtual u8 task_priority() const = 0;
  virtual void set_task_priority(u8 value) = 0;
  // IA32_APIC_BASE, IA32_TSC_DEADLINE and the x2APIC registers 0x800..0x8ff. False: the access is a #GP(0).
  virtual bool read_msr(u32 msr, u64& value) = 0;
  virtual bool write_msr(u32 msr, u64 value) = 0;
  // IA32_TSC minus the clock, after the CPU changed it: IA32_TSC_DEADLINE is compared with the former.
  virtual void set_tsc_offset(s64 offset) { static_cast<void>(offset); }
};

// What a local APIC (or the platform) tells a CPU.
class CpuSignals {
 public:
  virtual ~CpuSignals() = default;
  virtual void interrupts_changed() = 0;  // InterruptSource::pending() may have changed
  virtual void nmi() = 0;
  virtual void smi() = 0;
  virtual void init() = 0;
  virtual void start_up(u8 vector) = 0;  // SIPI
};

// What happened to the machine as a whole; the first request of a run wins.
class MachineControl {
 public:
  virtual ~MachineControl() = default;
  virtual void power_off() = 0;             // S5 and friends
  virtual void reset(const char* why) = 0;  // 0xcf9, 0x64, ...
  virtual void debug_exit(int status) = 0;  // isa-debug-exit: the process's exit status
};

// An access to a guest-physical address, as the second stage sees it.
struct StageAccess {
  AccessKind kind = AccessKind::read;
  enum class Purpose : u8 {
    translation,  // the address is the translation of a linear address
    page_walk,    // a paging-structure entry: its read, or the update of its accessed and dirty flags
    pdpte_load,   // the load of the PDPTE registers; no linear address belongs to it
  } purpose = Purpose::translation;
  // What the first stage says of the linear address, for Purpose::translation. Without paging it is a
  // user-mode address of a read/write page.
  bool user_address = true, writable_page = true, execute_disable_page = false;
};

// The second stage of translation (EPT), seen from the page walk: guest-physical to host-physical addresses.
class SecondStage {
 public:
  struct Result {
    HostPhys address;
    u64 page_size = page_bytes;  // the translation holds for the naturally aligned block of this size
    bool writable = false;  // a later write to the same page needs no new walk (its dirty bit is set too)
    bool readable = false;
    bool executable = false;
  };
  virtual ~SecondStage() = default;
  // Identifies the translation for TLB contexts: the EPT pointer, and what else it depends on. Never 0. Its
  // bits in root_bits are what an invalidation names: the manual's EP4TA.
  virtual u64 key() const = 0;
  static constexpr u64 root_bits = bit_range(12, 51);
  // False: refused, `fault` says why (in `bits` and `misconfiguration`; the caller adds the rest).
  virtual bool translate(GuestPhys address, const StageAccess& access, Result& result,
                         SecondStageFault& fault) = 0;
};

}  // namespace ringside
