// Owns a CPU's local APIC: xAPIC and x2APIC modes, priorities, the local vector table, IPIs and the timer, as
// the manual's chapter "Advanced Programmable Interrupt Controller (APIC)" has them.
#pragma once

#include <array>
#include <functional>

#include "cpu/arch/fields.h"
#include "cpu/arch/seams.h"
#include "devices/apic/apic_bus.h"
#include "devices/apic/apic_message.h"
#include "devices/apic/apic_registers.h"
#include "devices/apic/apic_timer.h"

namespace ringside {

// 256 bits, one a vector: IRR, ISR or TMR.
struct VectorSet {
  std::array<u32, 8> words{};

  bool test(u8 vector) const { return (words[vector / 32] >> (vector % 32)) & 1; }
  void set(u8 vector) { words[vector / 32] |= 1u << (vector % 32); }
  void clear(u8 vector) { words[vector / 32] &= ~(1u << (vector % 32)); }
  void assign(u8 vector, bool value) { value ? set(vector) : clear(vector); }
  // -1: empty.
  int highest() const;
};

class LocalApic final : public InterruptSource, public MmioDevice {
 public:
  enum class Mode : u8 { Disabled, XApic, X2Apic };

  struct Config {
    u32 id = 0;  // the initial APIC ID, which is the x2APIC ID; the xAPIC ID starts as its low 8 bits
    bool bootstrap = false;
    unsigned physical_address_bits = 46;  // 32..52: IA32_APIC_BASE bits from here on are reserved
    u64 timer_hertz = 25'000'000;         // the core crystal clock of CPUID leaf 0x15
    bool x2apic = true;                   // what CPUID promises
    bool tsc_deadline = true;
    bool suppress_eoi_broadcast = true;
  };

  LocalApic(const Config& config, Clock& clock, ApicBus& bus, CpuSignals& cpu);
  ~LocalApic() override;
  LocalApic(const LocalApic&) = delete;
  LocalApic& operator=(const LocalApic&) = delete;

  // Power-up or reset: xAPIC mode at the default address, initial ID.
  void reset();
  // What INIT does to the local APIC: mode, base and ID stay, all else is as after reset. The CPU calls it
  // when it takes the INIT (which may be later than CpuSignals::init(): VMX root operation holds INIT back).
  void init() override;

  // InterruptSource.
  bool pending() const override { return pending_; }
  u8 acknowledge() override;
  void end_of_interrupt() override;
  void notify(u8 vector, u32 destination) override;
  u8 task_priority() const override { return tpr_ >> 4; }
  void set_task_priority(u8 value) override;
  bool read_msr(u32 msr, u64& value) override;
  bool write_msr(u32 msr, u64 value) override;

  // The 4 KiB page. Where it does not answer (disabled, or x2APIC mode) it reads as all ones.
  u64 mmio_read(u64 offset, unsigned size) override;
  void mmio_write(u64 offset, unsigned size, u64 value) override;

  Mode mode() const;
  bool enabled() const { return mode() != Mode::Disabled; }  // CPUID.1:EDX.APIC follows it
  bool software_enabled() const { return (svr_ & apic_svr::ENABLE) != 0; }
  HostPhys mmio_base() const { return HostPhys(base_ & ~bit_range(0, 11)); }
  u32 id() const;  // as software sees it now
  const Config& config() const { return config_; }

  // Called after IA32_APIC_BASE changed the page's address or the mode.
  void on_base_changed(std::function<void()> changed) { base_changed_ = std::move(changed); }
  // The PIC's interrupt-acknowledge cycle: returns the vector.
  void on_pic_acknowledge(std::function<u8()> acknowledge) { pic_acknowledge_ = std::move(acknowledge); }

  // The pins. While the APIC is disabled LINT0 is INTR and LINT1 is NMI.
  IrqLine& lint0() { return lint_[0]; }
  IrqLine& lint1() { return lint_[1]; }
  // What firmware leaves behind, for a kernel that is loaded without firmware ("virtual wire mode"): software
  // enabled, spurious vector 0xff, LINT0 is ExtINT, LINT1 is NMI.
  void set_virtual_wire();

  // Interrupt sources inside the CPU, through their local vectors.
  void performance_counter_overflow();  // masks its own entry on delivery
  void thermal_event() { deliver(Lvt::Thermal); }
  void corrected_machine_check() { deliver(Lvt::Cmci); }

  // IA32_TSC minus the clock, as the CPU's IA32_TSC and IA32_TSC_ADJUST make it.
  void set_tsc_offset(s64 offset) override { timer_.set_tsc_offset(offset); }

  // For the bus.
  bool is_destination(const ApicMessage& message) const;
  bool accept(const ApicMessage& message);  // true: taken
  u8 arbitration_priority() const;

  // For APIC virtualization, dumps and tests. `peek` reads a register (an offset in the page; in x2APIC mode
  // SELF_IPI and holes are 0) without side effects, in every mode.
  u32 peek(u32 offset) const;
  // As if a fixed interrupt message had arrived; false: not accepted.
  bool post(u8 vector, bool level_triggered = false);
  u8 processor_priority() const;
  int highest_requested() const { return irr_.highest(); }  // -1: none
  int highest_in_service() const { return isr_.highest(); }
  u32 pending_errors() const { return errors_; }  // what the next ESR write will show

  void fields(Fields& fields);
  void restored();

 private:
  class Lint final : public IrqLine {
   public:
    Lint(LocalApic& apic, unsigned pin) : apic_(apic), pin_(pin) {}
    void set(bool level) override { apic_.set_lint(pin_, level); }

   private:
    LocalApic& apic_;
    unsigned pin_;
  };

  u32& lvt(Lvt entry) { return lvt_[static_cast<unsigned>(entry)]; }
  u32 lvt(Lvt entry) const { return lvt_[static_cast<unsigned>(entry)]; }
  static ApicDelivery delivery_of(u32 lvt_value) { return static_cast<ApicDelivery>((lvt_value >> 8) & 7); }

  void reset_registers();
  void update();          // after any change that may raise or drop the request to the CPU
  bool asks_cpu() const;  // what pending_ must be
  bool external_request() const;
  bool request_pending() const;
  u8 pic_vector();

  bool request(u8 vector, bool level_triggered);  // into the IRR
  void error(u32 bits);
  void deliver(Lvt entry);
  void set_lint(unsigned pin, bool level);
  void sample_lint(unsigned pin, bool rising);

  // Registers, by offset; the caller has checked access.
  u32 read(u32 offset) const;
  void write(u32 offset, u32 value);
  u32 reserved_bits(u32 offset) const;  // whose setting by WRMSR is a #GP(0)
  u32 logical_id() const;
  void write_svr(u32 value);
  void write_lvt(Lvt entry, u32 value);
  void mask_local_vectors();
  void send_ipi(u32 command, u32 destination);
  void self_ipi(u8 vector);
  bool write_apic_base(u64 value);
  bool read_x2apic(u32 offset, u64& value);
  bool write_x2apic(u32 offset, u64 value);

  Config config_;
  ApicBus& bus_;
  CpuSignals& cpu_;
  ApicTimer timer_;
  std::array<Lint, 2> lint_;
  std::function<void()> base_changed_;
  std::function<u8()> pic_acknowledge_;

  u64 base_ = 0;
  u8 xapic_id_ = 0;
  u8 tpr_ = 0;
  u32 ldr_ = 0;
  u32 dfr_ = 0;
  u32 svr_ = 0;
  u32 esr_ = 0;
  u32 errors_ = 0;  // detected since the last write to the ESR
  u32 icr_low_ = 0;
  u32 icr_high_ = 0;
  std::array<u32, lvt_count> lvt_{};
  VectorSet irr_;
  VectorSet isr_;
  VectorSet tmr_;
  std::array<bool, 2> lint_level_{};
  bool external_message_ = false;  // an ExtINT message waits for its acknowledge cycle

  bool pending_ = false;  // derived
};

}  // namespace ringside
