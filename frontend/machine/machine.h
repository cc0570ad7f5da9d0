// Owns the machine: memory, CPUs, chips and their wiring, virtual time, and running them all.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cpu/exec/engine/run.h"
#include "devices/bus/reset_control.h"
#include "frontend/machine/boot.h"
#include "frontend/machine/drives.h"
#include "frontend/machine/input.h"

namespace ringside {

class BlockListener;
class Board;
class Device;
class LocalApic;
class IoApic;
class PicPair;
class Vga;

constexpr u64 most_ram = u64{64} << 30;

struct MachineConfig {
  u64 ram_bytes = 128u << 20;
  unsigned cpus = 1;  // 1 to 8
  CpuModel model;
  bool strict_msrs = true;
  // IA32_FEATURE_CONTROL comes locked with VMXON enabled, as firmware leaves it; else the guest finds it 0.
  bool lock_feature_control = true;
  s64 start_time = 1'700'000'000;  // the real-time clock at power-up, seconds since 1970
  struct DebugExit {
    u16 port = 0xf4, bytes = 4;
  };
  std::optional<DebugExit> debug_exit;  // -device isa-debug-exit
  bool test_device = false;             // -device pc-testdev
  unsigned serial_ports = 1;            // COM1.., up to 4
  bool vga = false;                     // -vga std, -device VGA
  std::vector<u8> vga_rom;              // its video BIOS; empty: none
  // An item that firmware and suites find by its name: a file's bytes, or these if there is no path.
  struct FwCfgFile {
    std::string name, path;
    std::vector<u8> bytes;
  };
  static constexpr std::size_t longest_fw_cfg_name = 55;
  std::vector<FwCfgFile> fw_cfg;                // -fw_cfg
  std::optional<std::array<u8, 16>> uuid;       // -uuid
  std::vector<DriveRequest> drives;             // -drive, -hda, -cdrom, -fda, ...
  Dispatcher dispatcher = Dispatcher::emitted;  // what the host cannot is not an error: see Machine
  BootRequest boot;                             // -kernel, -initrd, -append, -bios
};

// How a machine came to its end.
struct Ending {
  enum class Why : u8 { running, power_off, reset, debug_exit, shutdown, idle } why = Why::running;
  int status = 0;      // of debug_exit: the process's exit status
  std::string reason;  // one line in words: the reset's cause, the chain of a triple fault, ...
};

class Machine final : public ResetControl {
 public:
  // nullptr and one line in `error` that names the thing and the cure.
  static std::unique_ptr<Machine> create(MachineConfig config, std::string& error);
  // The same for a state that is about to be loaded into it: no kernel is. A reset or reboot() loads it.
  static std::unique_ptr<Machine> create_empty(MachineConfig config, std::string& error);
  ~Machine() override;

  // Runs until `instructions` more were retired by all CPUs together, or the machine ended, or
  // `interrupt_requested` was set by interrupt(). An idle machine (all CPUs wait, no timer armed) ends with
  // Why::idle; input may revive it.
  const Ending& run(u64 instructions);
  // What runs blocks: less than asked for where the host gives no executable memory.
  Dispatcher dispatcher() const;
  void interrupt() { interrupted_ = true; }  // async-signal-safe; run() returns soon
  // From a CPU's observer, beside end_run_at(cpu, 0): run() returns with that CPU's turn as it was.
  void end_run() { run_ended_ = true; }
  // Whose turn it is, and for how many more instructions.
  unsigned turn() const;
  u64 turn_left() const;
  // For who steps one CPU: bit n is a CPU without turns. The guest runs as if that CPU's host were busy
  // elsewhere; if nobody has turns left, everybody has them.
  void hold_still(u32 cpus) { still_ = cpus; }
  u32 held_still() const { return still_; }
  // run() returns after the first instruction of a turn of this CPU, too; nullopt: it does not.
  void stop_after_first(std::optional<unsigned> cpu) { stop_after_first_ = cpu; }
  // Offsets into pages at which the CPUs' observers may stop: BlockCache::set_stop_offsets. Not from inside a
  // run.
  void set_stop_offsets(std::span<const u16> offsets);
  // Who hears which code runs: BlockCache::listen. To be said again after reboot(). Not from inside a run.
  void listen_to_blocks(BlockListener* listener);
  const Ending& ending() const { return ending_; }
  // After Why::reset: does what the guest asked for, and the run can go on. The pins that it pulled are those
  // of the CPUs alone, or of the chips, too; RAM, the CMOS RAM and the clocks are kept either way. Where a
  // kernel is booted there is no firmware that could start again: chips and CPUs are reset, whatever was
  // asked for, and the kernel is loaded once more into RAM as it is. False: the files to load have changed;
  // see `error`.
  bool perform_reset(std::string& error);
  // Off and on again: to the state after create(). False: the files to load have changed under us; see
  // `error`.
  bool reboot(std::string& error);

  u64 retired() const;              // by all CPUs
  bool no_interrupt_wakes() const;  // every CPU that has turns sleeps where no interrupt reaches it
  Ticks now() const;                // virtual time
  double seconds() const;           // the same in seconds
  Cpu& cpu(unsigned n);
  unsigned cpus() const;
  PhysicalMemory& memory();
  const MachineConfig& config() const { return config_; }
  Drives& drives() { return *drives_; }
  const LocalApic& local_apic(unsigned n);  // for looking
  const IoApic& io_apic();
  const PicPair& pic();
  const Vga* screen();  // nullptr: the machine has none

  // The outside world. Serial and debug-console output is handed over byte by byte.
  void on_serial(std::function<void(u8)> sink, unsigned port = 0);
  void on_debug_console(std::function<void(u8)> sink);
  // The devices, in the order of their state.
  const std::vector<std::unique_ptr<Device>>& devices() const;
  // The one door for what comes from outside. The machine stands still meanwhile (between two calls of run(),
  // not inside one). False: who receives it is full, or there is no such port; nothing has changed and
  // nothing is recorded. It may be offered again later.
  bool input(const InputEvent& event);
  // Told of each event that was taken; run_to() and input() make the same of another machine later.
  void on_input(std::function<void(const InputRecord&)> recorder) { recorder_ = std::move(recorder); }
  // What runs has run before: nobody outside hears again what the guest prints, and input() takes nothing.
  // Whoever looks at the guest may ask, to tell each event once.
  void set_repeating(bool again) { repeating_ = again; }
  bool repeating() const { return repeating_; }
  // As input(), of an event that was recorded, at its moment: also while the machine repeats, and not told.
  bool input_again(const InputEvent& event);
  Moment moment() const;
  // As run(), until `moment`. False: the machine ended before, or does not come by it: it is none of this
  // run's.
  bool run_to(const Moment& moment);

  // State as fields, for dumps and the hash. The hash covers all of it and every RAM page that is not all
  // zero.
  void fields(Fields& visit);
  std::string state_hash();

  // All of the state as bytes. That changes nothing: this machine, and one that is restored, go on as if it
  // had not been saved. What the TLBs hold is a part of it.
  std::vector<u8> save();
  // To a state that a machine of the same configuration saved, whatever this one did since. False and one
  // line in `error`: the bytes are not such a state, and nothing has changed.
  bool restore(std::span<const u8> saved, std::string& error);
  // The same without the pages of RAM, for those who keep these themselves: Checkpoints.
  std::vector<u8> save_without_ram();
  // Again the same, where nobody comes back to here in this machine: what its drives overwrite from now on
  // need not be kept.
  std::vector<u8> save_to_hand_on();
  bool restore_without_ram(std::span<const u8> saved);

  // ResetControl.
  void power_off() override;
  void reset(const char* why) override;
  void init_cpus(const char* why) override;
  void debug_exit(int status) override;

 private:
  struct Parts;
  explicit Machine(MachineConfig config);
  bool assemble(bool empty, std::string& error);
  void reset_cpus(Parts& parts) const;
  bool boot(Parts& parts, bool empty, std::string& error) const;
  u64 run_stretch(u64 most);
  Ticks jump_to_next_alarm();
  const char* why_nobody_wakes() const;
  u32 without_turns() const;
  bool everyone_sleeps_for_ever() const;  // and nothing is wired that would get past EFLAGS.IF
  void end_with(Ending ending);
  void translations(Fields& visit);
  bool read_state(std::span<const u8> saved);
  void chips_restored();
  void connect_outputs(Board& board);

  MachineConfig config_;
  std::unique_ptr<Drives> drives_;  // outlive the parts, as disks outlive the power
  std::unique_ptr<Parts> parts_;
  std::array<std::function<void(u8)>, 4> serial_;
  std::function<void(u8)> console_;
  std::function<void(const InputRecord&)> recorder_;
  bool repeating_ = false;
  bool asleep_ = false;     // nobody has run since nobody could
  Ticks wake_ = ~Ticks{0};  // run() returns from a sleep at this time, too
  Ending ending_, idle_;
  bool init_asked_ = false;  // of Why::reset: INIT# of the CPUs alone
  volatile bool interrupted_ = false;
  bool run_ended_ = false;
  u32 still_ = 0;
  std::optional<unsigned> stop_after_first_;
};

}  // namespace ringside
