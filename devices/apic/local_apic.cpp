// Owns the local APIC's interrupt handling: acceptance, priorities, acknowledge, end of interrupt, local
// sources.
#include "devices/apic/local_apic.h"

#include <algorithm>
#include <bit>
#include <string>

namespace ringside {

int VectorSet::highest() const {
  for (int word = 7; word >= 0; --word) {
    const u32 bits = words[static_cast<unsigned>(word)];
    if (bits != 0) return word * 32 + 31 - std::countl_zero(bits);
  }
  return -1;
}

LocalApic::LocalApic(const Config& config, Clock& clock, ApicBus& bus, CpuSignals& cpu)
    : config_(config),
      bus_(bus),
      cpu_(cpu),
      timer_(clock, "local APIC timer " + std::to_string(config.id), config.timer_hertz,
             [this] { deliver(Lvt::Timer); }),
      lint_{Lint(*this, 0), Lint(*this, 1)} {
  bus_.attach(*this);
  reset();
}

LocalApic::~LocalApic() { bus_.detach(*this); }

void LocalApic::reset() {
  base_ = apic_base::default_address | apic_base::EN | (config_.bootstrap ? apic_base::BSP : 0);
  xapic_id_ = static_cast<u8>(config_.id);
  tpr_ = 0;
  reset_registers();
  if (base_changed_) base_changed_();
}

void LocalApic::init() {
  tpr_ = 0;
  reset_registers();
}

// "Local APIC State After Power-Up or Reset", without the ID, the base and the TPR.
void LocalApic::reset_registers() {
  ldr_ = 0;
  dfr_ = ~0u;
  svr_ = 0xff;
  esr_ = 0;
  errors_ = 0;
  icr_low_ = 0;
  icr_high_ = 0;
  lvt_.fill(apic_lvt::MASK);
  irr_ = {};
  isr_ = {};
  tmr_ = {};
  external_message_ = false;
  timer_.reset();
  update();
}

void LocalApic::set_virtual_wire() {
  write_svr(apic_svr::ENABLE | 0xff);
  write_lvt(Lvt::Lint0, static_cast<u32>(ApicDelivery::ExtINT) << 8);
  write_lvt(Lvt::Lint1, static_cast<u32>(ApicDelivery::NMI) << 8);
}

LocalApic::Mode LocalApic::mode() const {
  if (!(base_ & apic_base::EN)) return Mode::Disabled;
  return base_ & apic_base::EXTD ? Mode::X2Apic : Mode::XApic;
}

u32 LocalApic::id() const { return mode() == Mode::X2Apic ? config_.id : xapic_id_; }

// --- Priorities ---

u8 LocalApic::processor_priority() const {
  const int in_service = std::max(isr_.highest(), 0);
  if ((tpr_ >> 4) >= (in_service >> 4)) return tpr_;
  return static_cast<u8>(in_service & 0xf0);
}

u8 LocalApic::arbitration_priority() const {
  const int task = tpr_ >> 4;
  const int in_service = std::max(isr_.highest(), 0) >> 4;
  const int requested = std::max(irr_.highest(), 0) >> 4;
  if (task >= requested && task > in_service) return tpr_;
  return static_cast<u8>(std::max({task, in_service, requested}) << 4);
}

void LocalApic::set_task_priority(u8 value) {
  tpr_ = static_cast<u8>((value & 0xf) << 4);
  update();
}

bool LocalApic::external_request() const {
  if (external_message_) return true;
  for (unsigned pin = 0; pin < 2; ++pin) {
    const u32 entry = lvt_[static_cast<unsigned>(Lvt::Lint0) + pin];
    if (lint_level_[pin] && !(entry & apic_lvt::MASK) && delivery_of(entry) == ApicDelivery::ExtINT) {
      return true;
    }
  }
  return false;
}

bool LocalApic::request_pending() const {
  const int requested = irr_.highest();
  return requested >= 0 && (requested >> 4) > (processor_priority() >> 4);
}

void LocalApic::update() {
  const bool pending = asks_cpu();
  if (pending == pending_) return;
  pending_ = pending;
  cpu_.interrupts_changed();
}

bool LocalApic::asks_cpu() const {
  return enabled() ? external_request() || request_pending() : lint_level_[0];
}

// --- Acknowledge and end ---

u8 LocalApic::pic_vector() { return pic_acknowledge_ ? pic_acknowledge_() : static_cast<u8>(svr_); }

u8 LocalApic::acknowledge() {
  if (!enabled()) {
    const u8 vector = pic_vector();
    update();
    return vector;
  }
  if (external_request()) {
    external_message_ = false;
    const u8 vector = pic_vector();
    update();
    return vector;
  }
  if (!request_pending()) return static_cast<u8>(svr_);  // "Spurious Interrupt": no ISR bit is set
  const u8 vector = static_cast<u8>(irr_.highest());
  irr_.clear(vector);
  isr_.set(vector);
  update();
  return vector;
}

void LocalApic::end_of_interrupt() {
  const int highest = isr_.highest();
  if (highest < 0) return;
  const u8 vector = static_cast<u8>(highest);
  isr_.clear(vector);
  if (tmr_.test(vector)) {
    u32& entry = lvt(Lvt::Lint0);
    if ((entry & apic_lvt::REMOTE_IRR) && static_cast<u8>(entry) == vector) {
      entry &= ~apic_lvt::REMOTE_IRR;
      sample_lint(0, false);
    }
    if (!(svr_ & apic_svr::SUPPRESS_EOI_BROADCAST)) bus_.eoi(vector);
  }
  update();
}

// --- Acceptance ---

bool LocalApic::request(u8 vector, bool level_triggered) {
  if (vector < 16) {
    error(apic_esr::RECEIVE_ILLEGAL_VECTOR);
    return false;
  }
  irr_.set(vector);
  tmr_.assign(vector, level_triggered);
  update();
  return true;
}

bool LocalApic::post(u8 vector, bool level_triggered) {
  if (!enabled() || !software_enabled()) return false;
  return request(vector, level_triggered);
}

bool LocalApic::accept(const ApicMessage& message) {
  if (!enabled()) return false;
  switch (message.delivery) {
    case ApicDelivery::Fixed:
    case ApicDelivery::LowestPriority: return post(message.vector, message.level_triggered);
    case ApicDelivery::SMI: cpu_.smi(); return true;
    case ApicDelivery::NMI: cpu_.nmi(); return true;
    case ApicDelivery::INIT: cpu_.init(); return true;
    case ApicDelivery::StartUp: cpu_.start_up(message.vector); return true;
    case ApicDelivery::ExtINT:
      if (!software_enabled()) return false;
      external_message_ = true;
      update();
      return true;
    case ApicDelivery::Reserved: break;
  }
  return false;
}

// "Determining IPI Destination". All eight ones address everyone, in logical modes too.
bool LocalApic::is_destination(const ApicMessage& message) const {
  const Mode now = mode();
  if (now == Mode::Disabled) return false;
  if (message.broadcast()) return true;
  const u32 destination = message.destination;
  if (!message.logical) return destination == id();
  if (now == Mode::X2Apic) {
    const u32 logical = logical_id();
    return (destination >> 16) == (logical >> 16) && (destination & logical & 0xffff) != 0;
  }
  if (destination > 0xff) return false;
  const u32 logical = ldr_ >> 24;
  switch (dfr_ >> 28) {
    case 0xf: return (destination & logical) != 0;
    case 0x0: return (destination >> 4) == (logical >> 4) && (destination & logical & 0xf) != 0;
    default: return false;
  }
}

// --- Local sources ---

// "Error Handling": every error is collected; one not yet collected also asks for the error interrupt.
void LocalApic::error(u32 bits) {
  const u32 fresh = bits & ~errors_;
  errors_ |= bits;
  if (fresh != 0) deliver(Lvt::Error);
}

void LocalApic::deliver(Lvt source) {
  const u32 entry = lvt(source);
  if (!enabled() || (entry & apic_lvt::MASK)) return;
  const u8 vector = static_cast<u8>(entry);
  // The timer and the error entry have no delivery mode: their bits read as 0, which is Fixed.
  switch (delivery_of(entry)) {
    case ApicDelivery::Fixed: request(vector, false); break;
    case ApicDelivery::SMI: cpu_.smi(); break;
    case ApicDelivery::NMI: cpu_.nmi(); break;
    default: break;  // INIT and ExtINT exist only for the pins
  }
}

void LocalApic::performance_counter_overflow() {
  if (lvt(Lvt::Performance) & apic_lvt::MASK) return;
  deliver(Lvt::Performance);
  lvt(Lvt::Performance) |= apic_lvt::MASK;
}

void LocalApic::set_lint(unsigned pin, bool level) {
  const bool rising = level && !lint_level_[pin];
  lint_level_[pin] = level;
  if (enabled()) {
    sample_lint(pin, rising);
  } else if (pin == 1 && rising) {
    cpu_.nmi();
  }
  update();
}

// Only a fixed interrupt on LINT0 may be level-triggered; an ExtINT is a level by nature (see
// external_request).
void LocalApic::sample_lint(unsigned pin, bool rising) {
  u32& entry = lvt_[static_cast<unsigned>(Lvt::Lint0) + pin];
  if (entry & apic_lvt::MASK) return;
  const u8 vector = static_cast<u8>(entry);
  switch (delivery_of(entry)) {
    case ApicDelivery::Fixed:
      if (pin == 0 && (entry & apic_lvt::LEVEL)) {
        if (!lint_level_[0] || (entry & apic_lvt::REMOTE_IRR)) return;
        if (request(vector, true)) entry |= apic_lvt::REMOTE_IRR;
      } else if (rising) {
        request(vector, false);
      }
      break;
    case ApicDelivery::SMI:
      if (rising) cpu_.smi();
      break;
    case ApicDelivery::NMI:
      if (rising) cpu_.nmi();
      break;
    case ApicDelivery::INIT:
      if (rising) cpu_.init();
      break;
    default: break;
  }
}

// --- State ---

void LocalApic::fields(Fields& fields) {
  fields.group("local_apic");
  fields("base", base_);
  fields("xapic_id", xapic_id_);
  fields("tpr", tpr_);
  fields("ldr", ldr_);
  fields("dfr", dfr_);
  fields("svr", svr_);
  fields("esr", esr_);
  fields("errors", errors_);
  fields("icr_low", icr_low_);
  fields("icr_high", icr_high_);
  fields("lvt", lvt_);
  fields("irr", irr_.words);
  fields("isr", isr_.words);
  fields("tmr", tmr_.words);
  fields("lint_level", lint_level_);
  fields("external_message", external_message_);
  timer_.fields(fields);
  fields.end();
}

void LocalApic::restored() {
  timer_.restored();
  pending_ = asks_cpu();
  if (base_changed_) base_changed_();
}

}  // namespace ringside
