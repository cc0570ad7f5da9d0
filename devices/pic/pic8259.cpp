// Owns the behaviour of the 8259A and of the cascaded pair.
#include "devices/pic/pic8259.h"

namespace ringside {

// --- One chip ---

void Pic8259::set_input(unsigned input, bool level) {
  const u8 mask = static_cast<u8>(1u << input);
  if (level) {
    if (!(lines_ & mask) && !(elcr_ & mask)) latched_ |= mask;
    lines_ |= mask;
  } else {
    // A request that goes away before it is acknowledged is lost; the acknowledge then finds the spurious
    // input 7.
    latched_ &= static_cast<u8>(~mask);
    lines_ &= static_cast<u8>(~mask);
  }
}

void Pic8259::set_level_triggered(u8 mask) {
  elcr_ = mask;
  latched_ &= static_cast<u8>(~mask);
}

int Pic8259::first_of(u8 mask) const {
  if (mask == 0) return -1;
  for (unsigned i = 0; i < 8; ++i) {
    const unsigned input = (lowest_ + 1 + i) & 7;
    if (mask & (1u << input)) return static_cast<int>(input);
  }
  return -1;
}

int Pic8259::highest_request() const {
  const int request = first_of(irr() & static_cast<u8>(~imr_));
  if (request < 0) return -1;
  u8 blocking = isr_;
  // Special mask mode: a masked input in service holds nobody back.
  if (special_mask_) blocking &= static_cast<u8>(~imr_);
  // Special fully nested mode: the slave in service may still interrupt with a higher one of its own.
  if (special_fully_nested_ && master_) blocking &= static_cast<u8>(~cascade_);
  const int in_service = first_of(blocking);
  if (in_service >= 0 && rank(static_cast<unsigned>(request)) >= rank(static_cast<unsigned>(in_service)))
    return -1;
  return request;
}

int Pic8259::acknowledge() {
  const int input = highest_request();
  if (input < 0) return -1;
  const u8 mask = static_cast<u8>(1u << input);
  latched_ &= static_cast<u8>(~mask);
  if (auto_eoi_) {
    if (rotate_on_auto_eoi_) lowest_ = static_cast<u8>(input);
  } else {
    isr_ |= mask;
  }
  return input;
}

void Pic8259::initialise(u8 icw1) {
  latched_ = isr_ = imr_ = 0;
  lowest_ = 7;
  special_mask_ = poll_ = read_isr_ = false;
  single_ = (icw1 & 0x02) != 0;
  wants_icw4_ = (icw1 & 0x01) != 0;
  auto_eoi_ = special_fully_nested_ = rotate_on_auto_eoi_ = false;
  next_icw_ = 2;
}

void Pic8259::end_of_interrupt(u8 ocw2) {
  const unsigned level = ocw2 & 7;
  const bool rotate = (ocw2 & 0x80) != 0;
  const bool specific = (ocw2 & 0x40) != 0;
  const bool end = (ocw2 & 0x20) != 0;
  if (!end) {
    if (rotate && specific) {
      lowest_ = static_cast<u8>(level);  // set priority
    } else if (!specific) {
      rotate_on_auto_eoi_ = rotate;
    }
    return;
  }
  // In special mask mode a non-specific EOI does not clear a masked input's bit.
  const u8 candidates = special_mask_ ? isr_ & static_cast<u8>(~imr_) : isr_;
  const int ended = specific ? static_cast<int>(level) : first_of(candidates);
  if (ended < 0) return;
  isr_ &= static_cast<u8>(~(1u << ended));
  if (rotate) lowest_ = static_cast<u8>(ended);
}

u8 Pic8259::read(bool a0) {
  if (poll_) {
    poll_ = false;
    const int input = acknowledge();
    return input < 0 ? 0 : static_cast<u8>(0x80 | input);
  }
  if (a0) return imr_;
  return read_isr_ ? isr_ : irr();
}

void Pic8259::write(bool a0, u8 value) {
  if (!a0) {
    if (value & 0x10) return initialise(value);
    if (!(value & 0x08)) return end_of_interrupt(value);
    if (value & 0x40) special_mask_ = (value & 0x20) != 0;
    poll_ = (value & 0x04) != 0;
    if (value & 0x02) read_isr_ = (value & 0x01) != 0;
    return;
  }
  switch (next_icw_) {
    case 2:
      vector_base_ = value & 0xf8;
      next_icw_ = !single_ ? 3 : wants_icw4_ ? 4 : 0;
      break;
    case 3:
      cascade_ = value;
      next_icw_ = wants_icw4_ ? 4 : 0;
      break;
    case 4:
      auto_eoi_ = (value & 0x02) != 0;
      special_fully_nested_ = (value & 0x10) != 0;
      next_icw_ = 0;
      break;
    default: imr_ = value; break;
  }
}

void Pic8259::fields(Fields& fields) {
  fields("lines", lines_);
  fields("latched", latched_);
  fields("isr", isr_);
  fields("imr", imr_);
  fields("elcr", elcr_);
  fields("vector_base", vector_base_);
  fields("cascade", cascade_);
  fields("lowest", lowest_);
  fields("next_icw", next_icw_);
  fields("single", single_);
  fields("wants_icw4", wants_icw4_);
  fields("auto_eoi", auto_eoi_);
  fields("rotate_on_auto_eoi", rotate_on_auto_eoi_);
  fields("special_fully_nested", special_fully_nested_);
  fields("special_mask", special_mask_);
  fields("poll", poll_);
  fields("read_isr", read_isr_);
}

// --- The pair ---

PicPair::PicPair(IrqLine& intr)
    : intr_(intr),
      master_window_(*this, &PicPair::read_master, &PicPair::write_master),
      slave_window_(*this, &PicPair::read_slave, &PicPair::write_slave),
      elcr_window_(*this, &PicPair::read_elcr, &PicPair::write_elcr) {
  for (unsigned i = 0; i < lines_.size(); ++i) {
    lines_[i].pair = this;
    lines_[i].irq = i;
  }
}

void PicPair::places(Places& at) {
  at.ports(master_ports, master_window_, "pic master");
  at.ports(slave_ports, slave_window_, "pic slave");
  at.ports(elcr_ports, elcr_window_, "pic elcr");
}

void PicPair::reset(ResetKind) {
  master_ = Pic8259(true);
  slave_ = Pic8259(false);
  for (unsigned irq = 0; irq < 16; ++irq) {
    if (irq != cascade_irq && ((levels_ >> irq) & 1)) (irq < 8 ? master_ : slave_).set_input(irq & 7, true);
  }
  update();
}

void PicPair::set_line(unsigned irq, bool level) {
  if (irq == cascade_irq) return;
  const u16 mask = static_cast<u16>(1u << irq);
  levels_ = level ? levels_ | mask : levels_ & static_cast<u16>(~mask);
  (irq < 8 ? master_ : slave_).set_input(irq & 7, level);
  update();
}

void PicPair::update() {
  master_.set_input(cascade_irq, slave_.intr());
  intr_.set(master_.intr());
}

u8 PicPair::acknowledge() {
  const int input = master_.acknowledge();
  u8 vector = master_.vector(7);
  if (input == static_cast<int>(cascade_irq) && master_.cascaded(cascade_irq)) {
    const int slave_input = slave_.acknowledge();
    vector = slave_.vector(slave_input < 0 ? 7u : static_cast<unsigned>(slave_input));
    // INT drops with the acknowledge, so that a second request of the slave is a new edge for the master.
    master_.set_input(cascade_irq, false);
  } else if (input >= 0) {
    vector = master_.vector(static_cast<unsigned>(input));
  }
  intr_.set(false);
  update();
  return vector;
}

u32 PicPair::read(Pic8259& chip, u16 offset) {
  const u8 value = chip.read((offset & 1) != 0);
  update();
  return value;
}

void PicPair::write(Pic8259& chip, u16 offset, u32 value) {
  chip.write((offset & 1) != 0, static_cast<u8>(value));
  update();
}

u32 PicPair::read_elcr(u16 offset, unsigned) {
  return (offset & 1) ? slave_.level_triggered() : master_.level_triggered();
}

void PicPair::write_elcr(u16 offset, unsigned, u32 value) {
  // The timer, the keyboard, the cascade, the clock and the coprocessor are always edge-triggered.
  if (offset & 1) {
    slave_.set_level_triggered(value & 0xde);
  } else {
    master_.set_level_triggered(value & 0xf8);
  }
  update();
}

void PicPair::fields(Fields& fields) {
  fields.group("pic");
  fields("levels", levels_);
  fields.group("master");
  master_.fields(fields);
  fields.end();
  fields.group("slave");
  slave_.fields(fields);
  fields.end();
  fields.end();
}

}  // namespace ringside
