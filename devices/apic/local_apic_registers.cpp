// Owns the local APIC's register file: the xAPIC page, the x2APIC MSRs, IA32_APIC_BASE, and the ICR.
#include "devices/apic/local_apic.h"

namespace ringside {

namespace {
constexpr u32 page_size = 0x1000;

// The local vector that lives at `offset`; lvt_count: none.
constexpr unsigned lvt_at(u32 offset) {
  for (unsigned i = 0; i < lvt_count; ++i) {
    if (lvt_layout[i].offset == offset) return i;
  }
  return lvt_count;
}

constexpr u64 all_ones(unsigned size) { return size >= 8 ? ~u64{0} : bit(8 * size) - 1; }

// The ICR's defined bits; delivery status is gone in x2APIC mode, where processors ignore it.
constexpr u32 icr_defined = 0x000ccfff;
constexpr u32 icr_delivery_status = 1u << 12;
}  // namespace

// --- The xAPIC page ---

// Registers are 32 bits wide at 16-byte boundaries. Narrower reads see their part of one; the bytes between
// the registers read as 0. Only aligned 32-bit writes have an effect, as the manual asks for no others.
u64 LocalApic::mmio_read(u64 offset, unsigned size) {
  if (mode() != Mode::XApic || offset >= page_size) return all_ones(size);
  const u32 slot = static_cast<u32>(offset) & ~0xfu;
  const unsigned byte = static_cast<unsigned>(offset & 0xf);
  const RegisterAccess access = xapic_access(slot);
  if (access == RegisterAccess::None) error(apic_esr::ILLEGAL_REGISTER);
  if (!readable(access) || byte >= 4) return 0;
  return (u64{read(slot)} >> (8 * byte)) & all_ones(size);
}

void LocalApic::mmio_write(u64 offset, unsigned size, u64 value) {
  if (mode() != Mode::XApic || offset >= page_size) return;
  const u32 slot = static_cast<u32>(offset) & ~0xfu;
  const RegisterAccess access = xapic_access(slot);
  if (access == RegisterAccess::None) error(apic_esr::ILLEGAL_REGISTER);
  if (!writable(access) || offset != slot || size != 4) return;
  write(slot, static_cast<u32>(value));
}

u32 LocalApic::peek(u32 offset) const {
  if (offset >= page_size || (offset & 0xf) != 0) return 0;
  return readable(xapic_access(offset)) ? read(offset) : 0;
}

// --- Registers ---

u32 LocalApic::logical_id() const {
  if (mode() != Mode::X2Apic) return ldr_;
  return (config_.id >> 4) << 16 | 1u << (config_.id & 0xf);
}

u32 LocalApic::read(u32 offset) const {
  using namespace apic_register;
  if (offset >= ISR && offset < ESR) {
    const VectorSet& set = offset < TMR ? isr_ : offset < IRR ? tmr_ : irr_;
    return set.words[(offset >> 4) & 7];
  }
  if (const unsigned entry = lvt_at(offset); entry < lvt_count) return lvt_[entry];
  switch (offset) {
    case ID: return mode() == Mode::X2Apic ? config_.id : u32{xapic_id_} << 24;
    case VERSION: return 0x14 | (lvt_count - 1) << 16 | (config_.suppress_eoi_broadcast ? 1u << 24 : 0);
    case TPR: return tpr_;
    case APR: return arbitration_priority();
    case PPR: return processor_priority();
    case LDR: return logical_id();
    case DFR: return dfr_;
    case SVR: return svr_;
    case ESR: return esr_;
    case ICR_LOW: return icr_low_;
    case ICR_HIGH: return icr_high_;
    case INITIAL_COUNT: return timer_.initial_count();
    case CURRENT_COUNT: return timer_.current_count();
    case DIVIDE_CONFIGURATION: return timer_.divide_configuration();
    default: return 0;
  }
}

void LocalApic::write(u32 offset, u32 value) {
  using namespace apic_register;
  if (const unsigned entry = lvt_at(offset); entry < lvt_count) {
    write_lvt(static_cast<Lvt>(entry), value);
    return;
  }
  switch (offset) {
    case ID: xapic_id_ = static_cast<u8>(value >> 24); break;
    case TPR:
      tpr_ = static_cast<u8>(value);
      update();
      break;
    case EOI: end_of_interrupt(); break;
    case LDR: ldr_ = value & 0xff000000; break;
    case DFR: dfr_ = value | 0x0fffffff; break;
    case SVR: write_svr(value); break;
    case ESR:
      esr_ = errors_;
      errors_ = 0;
      break;
    case ICR_LOW:
      icr_low_ = value & icr_defined;
      send_ipi(icr_low_, mode() == Mode::X2Apic ? icr_high_ : icr_high_ >> 24);
      break;
    case ICR_HIGH: icr_high_ = value & 0xff000000; break;
    case INITIAL_COUNT: timer_.set_initial_count(value); break;
    case DIVIDE_CONFIGURATION: timer_.set_divide_configuration(value); break;
    case SELF_IPI: self_ipi(static_cast<u8>(value)); break;
    default: break;
  }
}

void LocalApic::mask_local_vectors() {
  for (u32& entry : lvt_) entry |= apic_lvt::MASK;
  timer_.configure(timer_.mode(), true);
}

void LocalApic::write_svr(u32 value) {
  u32 defined = 0xff | apic_svr::ENABLE | apic_svr::FOCUS_CHECKING;
  if (config_.suppress_eoi_broadcast) defined |= apic_svr::SUPPRESS_EOI_BROADCAST;
  svr_ = value & defined;
  // "Local APIC State After It Has Been Software Disabled": what waits in the IRR stays deliverable.
  if (!software_enabled()) mask_local_vectors();
  update();
}

void LocalApic::write_lvt(Lvt source, u32 value) {
  const LvtLayout& layout = lvt_layout[static_cast<unsigned>(source)];
  u32& entry = lvt(source);
  u32 writable_bits = layout.writable;
  if (source == Lvt::Timer && !config_.tsc_deadline) writable_bits &= ~(1u << 18);
  u32 next = (value & writable_bits) | (entry & layout.read_only);
  if (!software_enabled()) next |= apic_lvt::MASK;
  // The remote IRR has a meaning only for a level-triggered fixed interrupt.
  if (!(next & apic_lvt::LEVEL) || delivery_of(next) != ApicDelivery::Fixed) next &= ~apic_lvt::REMOTE_IRR;
  entry = next;
  if (source == Lvt::Timer) {
    timer_.configure(static_cast<ApicTimer::Mode>((next >> 17) & 3), (next & apic_lvt::MASK) != 0);
  }
  if (source == Lvt::Lint0) sample_lint(0, false);
  update();
}

// --- Interprocessor interrupts ---

// "Interrupt Command Register (ICR)", "Valid Combinations for the ... Local xAPIC Interrupt Command
// Register": a shorthand that includes the sender takes fixed interrupts only, and all else sends nothing,
// without an error bit. A trigger mode of level is overridden to edge; INIT level de-assert asks for nothing.
void LocalApic::send_ipi(u32 command, u32 destination) {
  ApicMessage message;
  message.destination = destination;
  message.wide = mode() == Mode::X2Apic;
  message.logical = (command & (1u << 11)) != 0;
  message.delivery = static_cast<ApicDelivery>((command >> 8) & 7);
  message.vector = static_cast<u8>(command);
  const auto shorthand = static_cast<ApicShorthand>((command >> 18) & 3);
  const bool deassert = (command & (1u << 15)) && !(command & (1u << 14));

  if (message.delivery == ApicDelivery::Reserved || message.delivery == ApicDelivery::ExtINT) return;
  if (message.delivery == ApicDelivery::INIT && deassert) return;
  const bool includes_sender =
      shorthand == ApicShorthand::Self || shorthand == ApicShorthand::AllIncludingSelf;
  if (includes_sender && message.delivery != ApicDelivery::Fixed) return;
  if (message.has_vector() && message.vector < 16) {
    const bool to_self = shorthand == ApicShorthand::Self;
    error(apic_esr::SEND_ILLEGAL_VECTOR | (to_self ? apic_esr::RECEIVE_ILLEGAL_VECTOR : 0));
    return;
  }
  bus_.send_ipi(*this, shorthand, message);
}

void LocalApic::notify(u8 vector, u32 destination) {
  send_ipi(vector, mode() == Mode::X2Apic ? destination : destination >> 8 & 0xff);
}

void LocalApic::self_ipi(u8 vector) { send_ipi(static_cast<u32>(ApicShorthand::Self) << 18 | vector, 0); }

// --- MSRs ---

bool LocalApic::read_msr(u32 msr, u64& value) {
  if (msr == apic_msr::IA32_APIC_BASE) {
    value = base_;
    return true;
  }
  if (msr == apic_msr::IA32_TSC_DEADLINE) {
    if (!config_.tsc_deadline) return false;
    value = timer_.deadline();
    return true;
  }
  if (msr < apic_msr::X2APIC_FIRST || msr > apic_msr::X2APIC_LAST || mode() != Mode::X2Apic) return false;
  return read_x2apic((msr - apic_msr::X2APIC_FIRST) << 4, value);
}

bool LocalApic::write_msr(u32 msr, u64 value) {
  if (msr == apic_msr::IA32_APIC_BASE) return write_apic_base(value);
  if (msr == apic_msr::IA32_TSC_DEADLINE) {
    if (!config_.tsc_deadline) return false;
    timer_.set_deadline(value);
    return true;
  }
  if (msr < apic_msr::X2APIC_FIRST || msr > apic_msr::X2APIC_LAST || mode() != Mode::X2Apic) return false;
  return write_x2apic((msr - apic_msr::X2APIC_FIRST) << 4, value);
}

bool LocalApic::read_x2apic(u32 offset, u64& value) {
  if (!readable(x2apic_access(offset))) return false;
  value = read(offset);
  if (offset == apic_register::ICR_LOW) value |= u64{icr_high_} << 32;
  return true;
}

// "x2APIC Register Address Space", "Reserved Bit Checking".
u32 LocalApic::reserved_bits(u32 offset) const {
  using namespace apic_register;
  if (const unsigned entry = lvt_at(offset); entry < lvt_count) {
    u32 defined = lvt_layout[entry].writable | lvt_layout[entry].read_only;
    if (offset == LVT_TIMER && !config_.tsc_deadline) defined &= ~(1u << 18);
    return ~defined;
  }
  switch (offset) {
    case TPR:
    case SELF_IPI: return ~0xffu;
    case EOI:
    case ESR: return ~0u;
    case SVR: return config_.suppress_eoi_broadcast ? ~0x13ffu : ~0x3ffu;
    case ICR_LOW: return ~(icr_defined | icr_delivery_status);
    case DIVIDE_CONFIGURATION: return ~0xbu;
    default: return 0;
  }
}

bool LocalApic::write_x2apic(u32 offset, u64 value) {
  if (!writable(x2apic_access(offset))) return false;
  if (static_cast<u32>(value) & reserved_bits(offset)) return false;
  if (offset == apic_register::ICR_LOW) {
    icr_high_ = static_cast<u32>(value >> 32);
  } else if ((value >> 32) != 0) {
    return false;
  }
  write(offset, static_cast<u32>(value));
  return true;
}

// "x2APIC State Transitions".
bool LocalApic::write_apic_base(u64 value) {
  using namespace apic_base;
  u64 defined = bit_range(12, config_.physical_address_bits - 1) | BSP | EN;
  if (config_.x2apic) defined |= EXTD;
  if (value & ~defined) return false;

  const bool enable = (value & EN) != 0;
  const bool extended = (value & EXTD) != 0;
  if (extended && !enable) return false;
  const Mode before = mode();
  if (before == Mode::Disabled && extended) return false;
  if (before == Mode::X2Apic && enable && !extended) return false;

  const bool moved = ((value ^ base_) & ~BSP) != 0;
  base_ = value;
  if (before != Mode::Disabled && !enable) {
    // What the APIC held is lost, the ID comes back as after reset. CR8 belongs to the CPU and keeps its
    // value.
    xapic_id_ = static_cast<u8>(config_.id);
    reset_registers();
  }
  update();
  if (moved && base_changed_) base_changed_();
  return true;
}

}  // namespace ringside
