// Owns the machine's life: assembly, running its CPUs in their turns, its end, and the state hash.
#include "frontend/machine/machine.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <limits>

#include "cpu/exec/engine/block_cache.h"
#include "cpu/exec/events/events.h"
#include "cpu/exec/guest/instruction_boundary.h"
#include "cpu/state/msrs.h"
#include "frontend/machine/acpi.h"
#include "frontend/machine/board.h"
#include "frontend/machine/firmware.h"
#include "frontend/machine/clock.h"
#include "frontend/machine/load_image.h"
#include "frontend/machine/turns.h"
#include "frontend/machine/zero_page.h"
#include "vmx/ept.h"
#include "vmx/vmx.h"

namespace ringside {

struct Machine::Parts {
  explicit Parts(const MachineConfig& config) : clock(config.model.tsc_hertz), turns(config.cpus) {}

  PhysicalMemory memory;
  MachineClock clock;
  std::vector<std::unique_ptr<Mmu>> mmus;
  std::vector<std::unique_ptr<Engine>> engines;
  std::vector<std::unique_ptr<Cpu>> cpus;
  std::vector<std::unique_ptr<Vmx>> vmx;  // one for each CPU, if the model has VMX
  std::unique_ptr<BlockCache> cache;
  std::unique_ptr<Board> board;
  Turns turns;
  u64 retired = 0;
};

namespace {

class Hash final : public Fields {
 public:
  Hash() : state_(XXH3_createState()) { XXH3_128bits_reset(state_); }
  ~Hash() override { XXH3_freeState(state_); }
  Hash(const Hash&) = delete;
  Hash& operator=(const Hash&) = delete;
  void group(std::string_view name) override { add(name.data(), name.size()); }
  void bytes(std::string_view name, void* data, std::size_t size) override {
    add(name.data(), name.size());
    add(data, size);
  }
  void add(const void* data, std::size_t size) { XXH3_128bits_update(state_, data, size); }
  std::string text() const {
    const XXH128_hash_t h = XXH3_128bits_digest(state_);
    return fmt::format("{:016x}{:016x}", h.high64, h.low64);
  }

 private:
  XXH3_state_t* state_;
};

}  // namespace

Machine::Machine(MachineConfig config) : config_(std::move(config)) {}
Machine::~Machine() = default;

std::unique_ptr<Machine> Machine::create(MachineConfig config, std::string& error) {
  std::unique_ptr<Machine> machine(new Machine(std::move(config)));
  machine->drives_ = Drives::open(machine->config_.drives, error);
  if (!machine->drives_ || !machine->assemble(false, error)) return nullptr;
  return machine;
}

std::unique_ptr<Machine> Machine::create_empty(MachineConfig config, std::string& error) {
  std::unique_ptr<Machine> machine(new Machine(std::move(config)));
  machine->drives_ = Drives::open(machine->config_.drives, error);
  if (!machine->drives_ || !machine->assemble(true, error)) return nullptr;
  return machine;
}

bool Machine::assemble(bool empty, std::string& error) {
  auto made = std::make_unique<Parts>(config_);
  Parts& p = *made;
  const u64 low = std::min(config_.ram_bytes, low_ram_limit);
  if (config_.cpus < 1 || config_.cpus > most_cpus) {
    error = fmt::format("{} CPUs: give between 1 and {} with -smp", config_.cpus, most_cpus);
    return false;
  }
  if (config_.model.tsc_hertz == 0 || config_.model.crystal_hertz == 0) {
    error = "no CPU model is chosen: name one with -cpu";
    return false;
  }
  if (config_.serial_ports > Uart16550::com.size()) {
    error = fmt::format("{} serial ports: a PC has at most {}", config_.serial_ports, Uart16550::com.size());
    return false;
  }
  if (config_.debug_exit && (config_.debug_exit->bytes < 1 || config_.debug_exit->bytes > 4 ||
                             config_.debug_exit->port + config_.debug_exit->bytes > 0x10000)) {
    error = fmt::format("isa-debug-exit with {} ports from {:#x}: give 1 to 4 ports below 10000h",
                        config_.debug_exit->bytes, config_.debug_exit->port);
    return false;
  }
  if (config_.ram_bytes < (1u << 20) || config_.ram_bytes % page_bytes || config_.ram_bytes > most_ram) {
    error = fmt::format("{} bytes of memory: give between 1M and 64G, a multiple of 4K, with -m",
                        config_.ram_bytes);
    return false;
  }
  const u64 ram_end = config_.ram_bytes > low ? (u64{1} << 32) + config_.ram_bytes - low : low;
  if ((ram_end - 1) >> config_.model.physical_bits) {
    error =
        fmt::format("{} MiB of memory do not fit in {} address bits: give less with -m, or more phys-bits",
                    config_.ram_bytes >> 20, config_.model.physical_bits);
    return false;
  }
  const bool added = p.memory.add_ram(HostPhys(0), low, "ram") &&
                     (config_.ram_bytes == low ||
                      p.memory.add_ram(HostPhys(u64{1} << 32), config_.ram_bytes - low, "ram above 4 GiB"));
  if (!added) {
    error = fmt::format("the host refuses {} MiB of address space: give the guest less with -m",
                        config_.ram_bytes >> 20);
    return false;
  }
  p.cache = std::make_unique<BlockCache>(p.memory, config_.model);
  p.cache->set_dispatcher(config_.dispatcher);
  for (unsigned n = 0; n < config_.cpus; ++n) {
    p.mmus.push_back(std::make_unique<Mmu>(p.memory, config_.model.physical_bits));
    p.engines.push_back(std::make_unique<Engine>());
    p.cpus.push_back(std::make_unique<Cpu>(*p.mmus[n]));
    Cpu& cpu = *p.cpus[n];
    cpu.model = &config_.model;
    cpu.engine = p.engines[n].get();
    cpu.clock = &p.clock;
    cpu.control = this;
    cpu.index = n;
    cpu.cpus = config_.cpus;
    cpu.strict_msrs = config_.strict_msrs;
    p.cache->attach(cpu);
    if (config_.model.has(Feature::vmx)) {
      p.vmx.push_back(std::make_unique<Vmx>(cpu, config_.model, p.clock));
      cpu.vmx = p.vmx.back().get();
    }
  }
  p.board = std::make_unique<Board>(config_, p.memory, p.clock, *this, p.cpus, *drives_);
  if (!config_.boot.bios.empty() && !(load_bios(config_.boot.bios, p.memory, error) &&
                                      offer_kernel(config_.boot, low, p.board->fw_cfg(), error)))
    return false;
  reset_cpus(p);
  if (!boot(p, empty, error)) return false;
  connect_outputs(*p.board);
  parts_ = std::move(made);
  ending_ = Ending{};
  asleep_ = false;
  return true;
}

// RESET# of all CPUs, and what is found in them afterwards.
void Machine::reset_cpus(Parts& p) const {
  for (auto& vmx : p.vmx) vmx->reset();
  for (auto& cpu : p.cpus) cpu->reset(false);
  // The firmware enables VMX outside SMX and locks the MSR, unless the guest is to do it.
  if (config_.model.has(Feature::vmx) && config_.lock_feature_control)
    for (auto& cpu : p.cpus)
      cpu->msr.feature_control = FeatureControl::lock | FeatureControl::vmx_outside_smx;
}

// After a reset: what takes the place of firmware, where there is none.
bool Machine::boot(Parts& p, bool empty, std::string& error) const {
  if (!config_.boot.direct()) {
    if (config_.boot.bios.empty()) p.board->open_shadow();
    return true;
  }
  p.board->prepare_direct_boot();
  BootPlatform platform;
  platform.memory = &p.memory;
  platform.bsp = p.cpus[0].get();
  platform.memory_map = standard_memory_map(config_.ram_bytes);
  platform.low_ram_end = std::min(config_.ram_bytes, low_ram_limit);
  platform.text_screen = p.board->screen() != nullptr;
  platform.rsdp = write_acpi_tables(p.memory, AcpiMachine{.cpus = config_.cpus, .vga = config_.vga});
  for (auto& cpu : p.cpus) set_memory_types(*cpu);
  return empty || load_kernel(config_.boot, platform, error);
}

bool Machine::reboot(std::string& error) { return assemble(false, error); }

bool Machine::perform_reset(std::string& error) {
  Parts& p = *parts_;
  if (init_asked_ && !config_.boot.direct()) {
    p.board->init_cpus();
  } else {
    p.board->reset(ResetKind::warm);
    reset_cpus(p);
    if (!boot(p, false, error)) return false;
  }
  for (auto& cpu : p.cpus) cpu->attention &= ~Attention::stop;
  ending_ = Ending{};
  return true;
}

const Ending& Machine::run(u64 instructions) {
  Parts& p = *parts_;
  const u64 end = instructions > std::numeric_limits<u64>::max() - p.retired ? std::numeric_limits<u64>::max()
                                                                             : p.retired + instructions;
  Ticks skipped = 0;  // time in which nobody ran
  interrupted_ = run_ended_ = false;
  p.turns.begin_run(without_turns());
  // A request to return waits until somebody ran, so that it leaves the order of the turns as it was.
  while (ending_.why == Ending::Why::running && !(interrupted_ && !p.turns.anybody_waits()) &&
         p.retired < end) {
    p.clock.fire_due();
    const bool first_alone = p.turns.fresh() && stop_after_first_ == p.turns.cpu();
    const u64 ran = run_stretch(first_alone ? 1 : end - p.retired);
    if (ran != 0) asleep_ = false;
    if (run_ended_ || (first_alone && ran > 0)) break;
    if (ending_.why != Ending::Why::running || !p.turns.nobody_runs()) continue;
    p.turns.forget_waits();
    asleep_ = true;
    if (const char* const why = why_nobody_wakes()) {
      idle_ = {Ending::Why::idle, 0, why};
      return idle_;
    }
    // A guest that sleeps through its timers retires nothing: the caller must have its turn all the same.
    skipped += jump_to_next_alarm();
    if (skipped >= p.clock.frequency() / 20 || p.clock.now() >= wake_) break;
  }
  return ending_;
}

// The CPU whose turn it is runs until its turn ends, or the next timer is due, or `most` instructions were
// retired. Returns how many were.
u64 Machine::run_stretch(u64 most) {
  Parts& p = *parts_;
  const Ticks next = p.clock.next_deadline();
  u64 limit = p.turns.left();
  if (next != MachineClock::never) limit = std::min(limit, next - p.clock.now());
  most = std::min(most, limit);
  Cpu& cpu = *p.cpus[p.turns.cpu()];
  p.board->set_running(p.turns.cpu());
  p.clock.begin(cpu);
  const u64 ran = ringside::run(cpu, most);
  p.clock.end();
  p.retired += ran;
  // In VMX non-root operation shutdown is an activity state that a VM exit may end.
  if (cpu.activity == Activity::shutdown && !cpu.non_root && ending_.why == Ending::Why::running)
    end_with({Ending::Why::shutdown, 0, shutdown_reason(cpu)});
  if (ending_.why == Ending::Why::running)
    p.turns.spend({ran, ran < limit && (ran == most || run_ended_), cpu.activity != Activity::active});
  else
    p.turns.end(ran);
  return ran;
}

// Nobody can run: time goes on to the next alarm, which may wake somebody. Returns how far.
Ticks Machine::jump_to_next_alarm() {
  MachineClock& clock = parts_->clock;
  const Ticks before = clock.now();
  clock.jump_to(clock.next_deadline());
  return clock.now() - before;
}

// nullptr: the next alarm may wake somebody.
const char* Machine::why_nobody_wakes() const {
  if (everyone_sleeps_for_ever()) return "every CPU waits with interrupts disabled";
  if (parts_->clock.next_deadline() == MachineClock::never)
    return "every CPU waits for an interrupt and no timer is armed";
  return nullptr;
}

u32 Machine::without_turns() const {
  const u32 everybody = (u32{1} << cpus()) - 1;
  return (still_ & everybody) == everybody ? 0 : still_ & everybody;
}

bool Machine::no_interrupt_wakes() const {
  const u32 still = without_turns();
  for (const auto& c : parts_->cpus) {
    if (still >> c->index & 1) continue;
    if (!sleeps_for_ever(*c)) return false;
  }
  return true;
}

bool Machine::everyone_sleeps_for_ever() const {
  return no_interrupt_wakes() && !parts_->board->unmaskable_sources();
}

void Machine::end_with(Ending ending) {
  if (ending_.why != Ending::Why::running) return;
  ending_ = std::move(ending);
  for (auto& cpu : parts_->cpus) {
    cpu->attention |= Attention::stop;
    end_run_at(*cpu, 0);
  }
}

void Machine::power_off() { end_with({Ending::Why::power_off, 0, "the guest powered the machine off"}); }
void Machine::reset(const char* why) {
  if (ending_.why == Ending::Why::running) init_asked_ = false;
  end_with({Ending::Why::reset, 0, fmt::format("the guest asked for a reset: {}", why)});
}
void Machine::init_cpus(const char* why) {
  if (ending_.why == Ending::Why::running) init_asked_ = true;
  end_with({Ending::Why::reset, 0, fmt::format("the guest asked for a reset of the CPU: {}", why)});
}
void Machine::debug_exit(int status) {
  end_with({Ending::Why::debug_exit, status,
            fmt::format("the guest ended the run by isa-debug-exit, status {}", status & 0xff)});
}

unsigned Machine::turn() const { return parts_->turns.cpu(); }
u64 Machine::turn_left() const { return parts_->turns.left(); }
void Machine::listen_to_blocks(BlockListener* listener) { parts_->cache->listen(listener); }
void Machine::set_stop_offsets(std::span<const u16> offsets) { parts_->cache->set_stop_offsets(offsets); }
u64 Machine::retired() const { return parts_->retired; }
Ticks Machine::now() const { return parts_->clock.now(); }
double Machine::seconds() const {
  return static_cast<double>(parts_->clock.now()) / static_cast<double>(parts_->clock.frequency());
}
Dispatcher Machine::dispatcher() const { return parts_->cache->dispatcher(); }
Cpu& Machine::cpu(unsigned n) { return *parts_->cpus.at(n); }
unsigned Machine::cpus() const { return static_cast<unsigned>(parts_->cpus.size()); }
PhysicalMemory& Machine::memory() { return parts_->memory; }
const LocalApic& Machine::local_apic(unsigned n) { return parts_->board->local_apic(n); }
const IoApic& Machine::io_apic() { return parts_->board->io_apic(); }
const std::vector<std::unique_ptr<Device>>& Machine::devices() const { return parts_->board->devices(); }

// Nobody listens to a port: nothing is called for its bytes.
void Machine::connect_outputs(Board& board) {
  const auto once = [this](const std::function<void(u8)>& sink) -> std::function<void(u8)> {
    if (!sink) return {};
    return [this, &sink](u8 byte) {
      if (!repeating_) sink(byte);
    };
  };
  for (unsigned port = 0; port < serial_.size(); ++port)
    board.serial_out[port].listener = once(serial_[port]);
  board.console_out.listener = once(console_);
}

void Machine::on_serial(std::function<void(u8)> sink, unsigned port) {
  serial_.at(port) = std::move(sink);
  connect_outputs(*parts_->board);
}
void Machine::on_debug_console(std::function<void(u8)> sink) {
  console_ = std::move(sink);
  connect_outputs(*parts_->board);
}

const PicPair& Machine::pic() { return parts_->board->pic(); }
const Vga* Machine::screen() { return parts_->board->screen(); }

bool Machine::input(const InputEvent& event) {
  if (repeating_ || !input_again(event)) return false;
  if (recorder_) recorder_({moment(), event});
  return true;
}

bool Machine::input_again(const InputEvent& event) {
  struct Receivers {
    Board& board;
    bool operator()(const SerialByte& e) const {
      return e.port < board.serial_ports() && board.serial(e.port).input(e.byte);
    }
    bool operator()(const KeyStroke& e) const {
      return board.keyboard_controller().key(e.code, e.extended, e.down);
    }
    bool operator()(const PauseKey&) const { return board.keyboard_controller().pause_key(); }
    bool operator()(const MouseMove& e) const {
      board.keyboard_controller().move_mouse(e.right, e.up, e.wheel, e.buttons);
      return true;
    }
    bool operator()(const PowerButton&) const {
      board.power_management().press_power_button();
      return true;
    }
  };
  return ending_.why == Ending::Why::running && std::visit(Receivers{*parts_->board}, event);
}

Moment Machine::moment() const { return {parts_->retired, parts_->clock.now(), asleep_}; }

bool Machine::run_to(const Moment& there) {
  while (ending_.why == Ending::Why::running && retired() < there.retired) {
    if (run(there.retired - retired()).why == Ending::Why::idle) return false;
  }
  wake_ = there.now;
  Moment before;
  while (there.asleep && moment() != there && moment() != before && retired() == there.retired) {
    before = moment();
    run(1);
  }
  wake_ = MachineClock::never;
  return ending_.why == Ending::Why::running && moment() == there;
}

void Machine::fields(Fields& visit) {
  Parts& p = *parts_;
  p.clock.fields(visit);
  visit.group("schedule");
  visit("retired", p.retired);
  visit("asleep", asleep_);
  for (auto& engine : p.engines) visit("cpu_retired", engine->horizon);
  visit.end();
  p.turns.fields(visit);
  for (auto& cpu : p.cpus) cpu->fields(visit);
  for (auto& vmx : p.vmx) vmx->fields(visit);
  p.board->fields(visit);
}

// What the guest may come to notice of caches: apart, because it is restored behind all else, and because it
// is no part of the state hash.
void Machine::translations(Fields& visit) {
  for (auto& cpu : parts_->cpus) {
    cpu->mmu.translations(visit);
    if (cpu->vmx != nullptr) visit_ept(*cpu, visit);
  }
}

void Machine::chips_restored() { parts_->board->restored(); }

std::string Machine::state_hash() {
  Hash hash;
  fields(hash);
  parts_->memory.for_each_written_page([&](HostPhys page, const u8* bytes) {
    if (all_zero(bytes)) return;
    hash.add(&page.value, sizeof page.value);
    hash.add(bytes, page_bytes);
  });
  return hash.text();
}

}  // namespace ringside
