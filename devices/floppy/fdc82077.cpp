// Owns the registers and the commands of the floppy disk controller.
#include "devices/floppy/fdc82077.h"

#include <algorithm>

#include "devices/bus/timer_fields.h"

namespace ringside {

namespace {

namespace Output {
constexpr u8 select = 0x03, not_reset = 0x04, dma_gate = 0x08;
}
namespace St0 {
constexpr u8 abnormal = 0x40, invalid = 0x80, changed = 0xc0, seek_end = 0x20, equipment_check = 0x10,
             not_ready = 0x08;
}
namespace St1 {
constexpr u8 end_of_cylinder = 0x80, data_error = 0x20, overrun = 0x10, no_data = 0x04, not_writable = 0x02,
             missing_mark = 0x01;
}
constexpr u8 multi_track = 0x80;
constexpr u8 opcode_bits = 0x1f;
constexpr u8 sector_size_code = 2;  // 512 bytes

}  // namespace

struct Fdc82077::Command {
  u8 opcode, mask;
  u8 bytes;  // with the opcode
  void (Fdc82077::*run)();
};

const Fdc82077::Command Fdc82077::commands[] = {
    {0x02, 0x1f, 9, &Fdc82077::start_media},      // READ TRACK
    {0x03, 0xff, 3, &Fdc82077::specify},          // SPECIFY
    {0x04, 0xff, 2, &Fdc82077::sense_drive},      // SENSE DRIVE STATUS
    {0x05, 0x1f, 9, &Fdc82077::refuse_write},     // WRITE DATA
    {0x06, 0x1f, 9, &Fdc82077::start_media},      // READ DATA
    {0x07, 0xff, 2, &Fdc82077::seek},             // RECALIBRATE
    {0x08, 0xff, 1, &Fdc82077::sense_interrupt},  // SENSE INTERRUPT STATUS
    {0x09, 0x1f, 9, &Fdc82077::refuse_write},     // WRITE DELETED DATA
    {0x0a, 0x1f, 2, &Fdc82077::start_media},      // READ ID
    {0x0d, 0x1f, 6, &Fdc82077::refuse_write},     // FORMAT TRACK
    {0x0e, 0xff, 1, &Fdc82077::dump},             // DUMPREG
    {0x0f, 0xff, 3, &Fdc82077::seek},             // SEEK
    {0x10, 0xff, 1, &Fdc82077::version},          // VERSION
    {0x12, 0xff, 2, &Fdc82077::finish_quietly},   // PERPENDICULAR MODE
    {0x13, 0xff, 4, &Fdc82077::configure},        // CONFIGURE
    {0x14, 0x7f, 1, &Fdc82077::lock},             // LOCK
    {0x00, 0x00, 1, &Fdc82077::invalid},
};

const Fdc82077::Command& Fdc82077::command_of(u8 opcode) {
  for (const Command& command : commands)
    if ((opcode & command.mask) == command.opcode) return command;
  return commands[std::size(commands) - 1];
}

Fdc82077::Fdc82077(Clock& clock, IrqLine& line, IsaDma& dma, std::array<BlockDevice*, drives> disks)
    : disks_(disks),
      clock_(clock),
      line_(line),
      dma_(dma),
      timer_(clock, "floppy", [this] { expired(); }),
      port_window_(*this, &Fdc82077::read_port, &Fdc82077::write_port),
      input_window_(*this, &Fdc82077::read_input, &Fdc82077::write_rate) {}

void Fdc82077::places(Places& at) {
  at.ports(ports, port_window_, "floppy");
  at.ports(input_ports, input_window_, "floppy input");
  at.irq(irq);
}

u8 Fdc82077::cmos_kinds() const {
  return static_cast<u8>((disks_[0] ? kind(0).cmos << 4 : 0) | (disks_[1] ? kind(1).cmos : 0));
}

// --- Registers ---

u32 Fdc82077::read_port(u16 offset, unsigned) {
  switch (offset) {
    case 0: return static_cast<u32>(interrupt_ ? 0x80 : 0);  // status register A
    case 1: return 0xc0;                                     // status register B
    case 2: return output_;
    case 4: return main_status();
    case 5: return read_fifo();
    default: return 0;
  }
}

void Fdc82077::write_port(u16 offset, unsigned, u32 value) {
  constexpr u8 software_reset = 0x80;
  const u8 byte = static_cast<u8>(value);
  if (offset == 2) {
    write_output(byte);
  } else if (offset == 4 && (byte & software_reset)) {
    controller_reset();
  } else if (offset == 5) {
    write_fifo(byte);
  }
}

u32 Fdc82077::read_input(u16, unsigned) {
  const unsigned selected = output_ & Output::select;
  return !disk(selected) || changed_[selected] ? 0x80 : 0;
}

void Fdc82077::write_output(u8 value) {
  const u8 before = output_;
  output_ = value;
  if (!(value & Output::not_reset)) {
    timer_.disarm();
    interrupt(false);
  } else if (!(before & Output::not_reset)) {
    controller_reset();
  }
}

u8 Fdc82077::main_status() const {
  constexpr u8 request = 0x80, to_host = 0x40, in_command = 0x10;
  if (!(output_ & Output::not_reset)) return 0;
  switch (phase_) {
    case Phase::command: return static_cast<u8>(request | (in_count_ ? in_command : 0));
    case Phase::result: return request | to_host | in_command;
    default: return in_command;
  }
}

u8 Fdc82077::read_fifo() {
  if (phase_ != Phase::result) return 0;
  const u8 value = out_[out_at_++ & 15];
  interrupt(false);
  if (out_at_ >= out_count_) finish_quietly();
  return value;
}

void Fdc82077::write_fifo(u8 value) {
  if (phase_ != Phase::command || !(output_ & Output::not_reset)) return;
  in_[in_count_++ & 15] = value;
  const Command& command = command_of(in_[0]);
  if (in_count_ >= command.bytes) (this->*command.run)();
}

// --- Phases ---

void Fdc82077::controller_reset() {
  timer_.disarm();
  finish_quietly();
  sense_due_ = false;
  reset_senses_ = 4;
  interrupt(true);
}

void Fdc82077::finish_quietly() {
  phase_ = Phase::command;
  in_count_ = out_count_ = out_at_ = 0;
}

void Fdc82077::busy(u64 nanoseconds) {
  phase_ = Phase::execution;
  timer_.arm(clock_.now() + clock_.ticks_of(nanoseconds, 1'000'000'000));
}

void Fdc82077::result(std::initializer_list<u8> bytes) {
  std::copy(bytes.begin(), bytes.end(), out_.begin());
  out_count_ = static_cast<u8>(bytes.size());
  out_at_ = 0;
  phase_ = Phase::result;
}

void Fdc82077::interrupt(bool level) {
  interrupt_ = level && (output_ & Output::dma_gate);
  line_.set(interrupt_);
}

void Fdc82077::expired() {
  switch (in_[0] & opcode_bits) {
    case 0x0a: return read_id();
    case 0x07:
    case 0x0f:
      finish_quietly();
      sense_due_ = true;
      return interrupt(true);
    default: return read_data();
  }
}

// --- Commands that need no disk ---

void Fdc82077::invalid() { result({St0::invalid}); }
void Fdc82077::version() { result({0x90}); }

void Fdc82077::lock() {
  locked_ = (in_[0] & 0x80) != 0;
  result({static_cast<u8>(locked_ ? 0x10 : 0)});
}

void Fdc82077::dump() {
  result({cylinders_[0], cylinders_[1], cylinders_[2], cylinders_[3], 0, 0, 0,
          static_cast<u8>(locked_ ? 0x80 : 0), 0, 0});
}

void Fdc82077::sense_drive() {
  constexpr u8 write_protected = 0x40, ready = 0x20, track_0 = 0x10, two_sided = 0x08;
  const u8 st3 = static_cast<u8>(ready | two_sided | (disk(drive()) ? write_protected : 0) |
                                 (cylinders_[drive()] == 0 ? track_0 : 0) | (in_[1] & 7));
  result({st3});
}

void Fdc82077::sense_interrupt() {
  interrupt(false);
  if (reset_senses_ > 0) {
    const u8 which = static_cast<u8>((4 - reset_senses_--) & 3);
    return result({static_cast<u8>(St0::changed | which), cylinders_[which]});
  }
  if (!sense_due_) return invalid();
  sense_due_ = false;
  result({st0_, cylinders_[st0_ & 3]});
}

void Fdc82077::seek() {
  const bool recalibrate = in_[0] == 0x07;
  const unsigned at = drive();
  st0_ = static_cast<u8>(St0::seek_end | (in_[1] & (recalibrate ? 3 : 7)));
  if (disk(at)) {
    cylinders_[at] = recalibrate ? 0 : std::min<u8>(in_[2], kind(at).cylinders);
    changed_[at] = false;
  } else if (recalibrate) {
    st0_ |= St0::abnormal | St0::equipment_check;
  }
  busy(seek_time);
}

// --- Reading ---

void Fdc82077::start_media() {
  // Without a disk no index hole comes by, and the command waits until it is reset.
  if (!disk(drive())) {
    phase_ = Phase::execution;
    return;
  }
  const u64 sectors = (in_[0] & opcode_bits) == 0x0a ? 1 : std::max(1, in_[6] - in_[4] + 1);
  busy(seek_time + sector_time * sectors);
}

void Fdc82077::media_result(u8 st0, u8 st1, u8 st2, u8 sector) {
  result({static_cast<u8>(st0 | (in_[1] & 7)), st1, st2, in_[2], in_[3], sector, sector_size_code});
  interrupt(true);
}

void Fdc82077::refuse_write() {
  in_[4] = std::max<u8>(in_[4], 1);
  media_result(St0::abnormal, St1::not_writable, 0, in_[4]);
}

void Fdc82077::read_id() {
  in_[2] = cylinders_[drive()];
  in_[3] = head();
  media_result(0, 0, 0, 1);
}

// From a sector to the last one of the track, of both heads if it is said so, or as far as the DMA channel
// counts.
void Fdc82077::read_data() {
  BlockDevice* const from = disk(drive());
  if (!from) return media_result(St0::abnormal | St0::not_ready, St1::missing_mark, 0, in_[4]);
  const FloppyKind shape = kind(drive());
  u8 &cylinder = in_[2], &side = in_[3], &sector = in_[4];
  const u8 last = in_[6];
  if (in_[5] != sector_size_code || cylinder != cylinders_[drive()] || cylinder >= shape.cylinders ||
      side > 1)
    return media_result(St0::abnormal, St1::no_data, 0, sector);
  for (;;) {
    if (sector == 0 || sector > shape.track_sectors)
      return media_result(St0::abnormal, St1::no_data, 0, sector);
    std::array<u8, sector_bytes> bytes{};
    const u64 number = (u64{cylinder} * shape.heads + side) * shape.track_sectors + sector - 1;
    if (number < from->sectors() && !from->read(number, bytes))
      return media_result(St0::abnormal, St1::data_error, St1::data_error, sector);
    const IsaDma::Moved moved = dma_.to_memory(dma_channel, bytes);
    if (moved.bytes == 0) return media_result(St0::abnormal, St1::overrun, 0, sector);
    const bool track_ends = sector == last;
    const bool turns = track_ends && (in_[0] & multi_track) && side == 0;
    const bool ends = track_ends && !turns;
    sector = track_ends ? 1 : static_cast<u8>(sector + 1);
    if (turns) side = 1, in_[1] |= 4;
    if (ends) {
      ++cylinder;
      if (in_[0] & multi_track) side = 0;  // where a driver would go on
    }
    if (moved.terminal_count) return media_result(0, 0, 0, sector);
    if (ends) return media_result(St0::abnormal, St1::end_of_cylinder, 0, sector);
  }
}

// --- State ---

void Fdc82077::reset(ResetKind) {
  timer_.disarm();
  finish_quietly();
  output_ = st0_ = reset_senses_ = 0;
  sense_due_ = locked_ = false;
  in_ = out_ = {};
  cylinders_ = {};
  changed_.fill(true);
  interrupt(false);
}

void Fdc82077::fields(Fields& visit) {
  visit.group("floppy");
  visit("phase", phase_);
  visit("output", output_);
  visit("in", in_);
  visit("out", out_);
  visit("in_count", in_count_);
  visit("out_count", out_count_);
  visit("out_at", out_at_);
  visit("st0", st0_);
  visit("sense_due", sense_due_);
  visit("interrupt", interrupt_);
  visit("locked", locked_);
  visit("reset_senses", reset_senses_);
  visit("cylinders", cylinders_);
  visit("changed", changed_);
  timer_fields(visit, timer_);
  visit.end();
}

// A state that nobody saved may say anything.
void Fdc82077::restored() {
  if (phase_ > Phase::result) phase_ = Phase::command;
}

}  // namespace ringside
