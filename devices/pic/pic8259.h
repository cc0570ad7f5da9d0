// Owns the two interrupt controllers of a PC: 8259A master and slave, with the edge/level control registers.
#pragma once

#include <array>

#include "cpu/arch/fields.h"
#include "cpu/arch/seams.h"
#include "devices/port_window.h"

namespace ringside {

// One 8259A. A pure state machine: it is told the level of its inputs and asked for its INT output.
// Data sheet: Intel 8259A Programmable Interrupt Controller. As in the PIIX, ICW1's LTIM is ignored: whether
// an input is edge- or level-sensitive is up to ELCR.
class Pic8259 {
 public:
  explicit Pic8259(bool master) : master_(master) {}

  void set_input(unsigned input, bool level);
  bool intr() const { return highest_request() >= 0; }
  // The INTA cycle: the input that goes into service, or -1 (the chip answers as if it were 7, spurious).
  int acknowledge();
  u8 vector(unsigned input) const { return static_cast<u8>(vector_base_ | input); }
  bool cascaded(unsigned input) const { return !single_ && ((cascade_ >> input) & 1); }

  u8 read(bool a0);
  void write(bool a0, u8 value);
  u8 level_triggered() const { return elcr_; }
  void set_level_triggered(u8 mask);

  u8 irr() const { return static_cast<u8>(latched_ | (lines_ & elcr_)); }
  u8 isr() const { return isr_; }
  u8 imr() const { return imr_; }

  void fields(Fields& fields);

 private:
  unsigned rank(unsigned input) const { return (input - lowest_ - 1) & 7; }  // 0 is served first
  int first_of(u8 mask) const;
  int highest_request() const;
  void initialise(u8 icw1);
  void end_of_interrupt(u8 ocw2);

  bool master_;
  u8 lines_ = 0;    // levels of the inputs
  u8 latched_ = 0;  // edges that wait
  u8 isr_ = 0, imr_ = 0, elcr_ = 0;
  u8 vector_base_ = 0;
  u8 cascade_ = 0;
  u8 lowest_ = 7;    // the input of lowest priority
  u8 next_icw_ = 0;  // 0: not in the initialisation sequence; else 2, 3 or 4
  bool single_ = false, wants_icw4_ = false;
  bool auto_eoi_ = false, rotate_on_auto_eoi_ = false, special_fully_nested_ = false;
  bool special_mask_ = false, poll_ = false, read_isr_ = false;
};

// The pair, cascaded through the master's input 2.
class PicPair final : public Device {
 public:
  static constexpr PortSpan master_ports{0x20, 2};
  static constexpr PortSpan slave_ports{0xa0, 2};
  static constexpr PortSpan elcr_ports{0x4d0, 2};
  static constexpr unsigned cascade_irq = 2;

  // `intr` is the master's INT pin: the CPU's INTR, or the local APIC's LINT0.
  explicit PicPair(IrqLine& intr);
  PicPair(const PicPair&) = delete;
  PicPair& operator=(const PicPair&) = delete;

  // 0..15. Input 2 belongs to the slave: its line exists and does nothing.
  IrqLine& line(unsigned irq) { return lines_.at(irq); }

  bool pending() const { return master_.intr(); }
  // The INTA cycle: a vector, always; with nothing pending, that of input 7 (spurious).
  u8 acknowledge();

  const Pic8259& master() const { return master_; }
  const Pic8259& slave() const { return slave_; }

  Description describe() const override { return {"8259", "the pair of interrupt controllers"}; }
  void places(Places& at) override;
  void reset(ResetKind kind) override;  // the levels of the inputs stay
  void fields(Fields& fields) override;

 private:
  struct Line final : IrqLine {
    PicPair* pair = nullptr;
    unsigned irq = 0;
    void set(bool level) override { pair->set_line(irq, level); }
  };

  void set_line(unsigned irq, bool level);
  void update();
  u32 read_master(u16 offset, unsigned) { return read(master_, offset); }
  u32 read_slave(u16 offset, unsigned) { return read(slave_, offset); }
  u32 read(Pic8259& chip, u16 offset);
  void write_master(u16 offset, unsigned, u32 value) { write(master_, offset, value); }
  void write_slave(u16 offset, unsigned, u32 value) { write(slave_, offset, value); }
  void write(Pic8259& chip, u16 offset, u32 value);
  u32 read_elcr(u16 offset, unsigned);
  void write_elcr(u16 offset, unsigned, u32 value);

  IrqLine& intr_;
  Pic8259 master_{true};
  Pic8259 slave_{false};
  u16 levels_ = 0;
  std::array<Line, 16> lines_;
  PortWindow<PicPair> master_window_, slave_window_, elcr_window_;
};

}  // namespace ringside
