// Owns the ATA side of the CD drive: its own commands, packets, and the moving of their answers.
#include "devices/ide/atapi_drive.h"

#include <algorithm>
#include <string_view>

namespace ringside {

using namespace ide;

namespace {

namespace Opcode {
constexpr u8 device_reset = 0x08, packet = 0xa0, identify_packet_device = 0xa1, flush_cache = 0xe7,
             identify_device = 0xec, read_sectors = 0x20, set_features = 0xef, check_power = 0xe5,
             idle_immediate = 0xe1, standby_immediate = 0xe0, sleep = 0xe6;
}

}  // namespace

AtapiDrive::AtapiDrive(Clock& clock, unsigned place, BlockDevice& block)
    : IdeDrive(clock, "ide cd"), block_(block), place_(place) {}

// --- Commands ---

void AtapiDrive::begin(u8 command) {
  command_ = command;
  packet_runs_ = false;
  switch (command) {
    case Opcode::device_reset: {
      const u8 selected = device_ & DeviceRegister::second;
      reset(false);
      device_ = selected;
      return;
    }
    case Opcode::packet: return packet();
    case Opcode::identify_packet_device:
    case Opcode::set_features:
    case Opcode::check_power:
    case Opcode::idle_immediate:
    case Opcode::standby_immediate:
    case Opcode::sleep:
    case Opcode::flush_cache: return busy(plain_time);
    case Opcode::identify_device:
    case Opcode::read_sectors:
      // A disk's command: the refusal shows who this is.
      sign();
      return fail(Error::ABRT);
    default: return fail(Error::ABRT);
  }
}

void AtapiDrive::go_on() {
  switch (command_) {
    case Opcode::packet: return packet_runs_ ? read_on() : run_packet();
    case Opcode::identify_packet_device: return identify();
    case Opcode::set_features: return set_features();
    case Opcode::check_power: now_.count = 0xff; return finish();
    default: return finish();
  }
}

void AtapiDrive::data_moved() {
  if (command_ != Opcode::packet) return finish_silently();
  if (!packet_runs_ && data().size() == packet_bytes) {
    std::copy_n(data().begin(), packet_bytes, packet_.begin());
    data().clear();
    const bool reads = packet_[0] == 0x28 || packet_[0] == 0xa8 || packet_[0] == 0xbe;
    return busy(reads ? access_time : plain_time);
  }
  if (offered_ < data().size()) return offer_piece();
  if (left_ != 0) return busy(sector_time * std::min(left_, most_at_once));
  done();
}

void AtapiDrive::set_features() {
  constexpr u8 transfer_mode = 0x03, multiword = 0x20, ultra = 0x40;
  if (now_.feature != transfer_mode) {
    const bool known = now_.feature == 0x66 || now_.feature == 0xcc;
    return known ? finish() : fail(Error::ABRT);
  }
  const u8 mode = now_.count, number = mode & 7;
  if ((mode & 0xf8) == multiword && number <= 2) {
    multiword_mode_ = static_cast<u16>(0x100u << number);
    ultra_mode_ = 0;
  } else if ((mode & 0xf8) == ultra && number <= 5) {
    ultra_mode_ = static_cast<u16>(0x100u << number);
    multiword_mode_ = 0;
  } else if (mode > 1 && ((mode & 0xf8) != 0x08 || number > 4)) {
    return fail(Error::ABRT);
  }
  finish();
}

void AtapiDrive::identify() {
  std::vector<u8>& to = data();
  to.assign(512, 0);
  const auto put = [&](unsigned word, u64 value) {
    to[2 * word] = static_cast<u8>(value);
    to[2 * word + 1] = static_cast<u8>(value >> 8);
  };
  put(0, 0x85c0);  // a packet device, a CD drive, removable, 12-byte packets, DRQ at once
  put_text(to, 10, 10, "RS0000" + std::to_string(place_));
  put_text(to, 23, 4, "1.0");
  put_text(to, 27, 20, "Ringside CD-ROM");
  put(49, 0x0f00);  // LBA, DMA, IORDY
  put(53, 0x0006);
  put(63, 0x0007u | multiword_mode_);
  put(64, 0x0003);
  for (unsigned word = 65; word <= 68; ++word) put(word, 120);
  put(80, 0x0070);  // ATA-4 to ATA-6
  put(82, 0x0210), put(83, 0x4000), put(84, 0x4000);
  put(85, 0x0210), put(87, 0x4000);
  put(88, 0x003fu | ultra_mode_);
  offer(0, to.size(), true);
}

// --- Packets ---

void AtapiDrive::packet() {
  constexpr u8 dma = 0x01, overlapped = 0x02;
  if (now_.feature & overlapped) return fail(Error::ABRT);
  dma_ = (now_.feature & dma) != 0;
  limit_ = static_cast<u16>(now_.lba_high << 8 | now_.lba_mid);
  if (limit_ == 0 || limit_ == 0xffff) limit_ = 0xfffe;
  left_ = offered_ = 0;
  now_.count = Reason::CoD;
  expect(packet_bytes, false);
}

void AtapiDrive::check(Sense sense) {
  sense_ = sense;
  packet_runs_ = false;
  left_ = 0;
  now_.count = Reason::CoD | Reason::IO;
  fail(static_cast<u8>(sense.key << 4));
}

void AtapiDrive::done() {
  packet_runs_ = false;
  now_.count = Reason::CoD | Reason::IO;
  finish();
}

u64 AtapiDrive::number(unsigned at, unsigned bytes) const {
  u64 value = 0;
  for (unsigned n = 0; n < bytes; ++n) value = value << 8 | packet_[at + n];
  return value;
}

void AtapiDrive::answer(std::vector<u8> bytes, u64 room) {
  bytes.resize(std::min<u64>(bytes.size(), room));
  if (bytes.empty()) return done();
  data() = std::move(bytes);
  packet_runs_ = true;
  offered_ = 0;
  dma_ ? wait_for_bus_master() : offer_piece();
}

// A piece is as large as the host allowed for; an odd limit leaves room for the last byte only.
void AtapiDrive::offer_piece() {
  const u64 rest = data().size() - std::min<u64>(offered_, data().size());
  const u64 most = rest <= limit_ ? rest : std::max(limit_ & ~1u, 2u);
  const u64 bytes = std::min(rest, most);
  now_.count = Reason::IO;
  now_.lba_mid = static_cast<u8>(bytes);
  now_.lba_high = static_cast<u8>(bytes >> 8);
  offer(offered_, bytes, true);
  offered_ += bytes;
}

// --- Reading the disc ---

void AtapiDrive::start_read(u64 first, u64 count) {
  if (first > disc_sectors() || count > disc_sectors() - first) return check({5, 0x21, 0x00});
  if (count == 0) return done();
  sector_ = first;
  left_ = count;
  packet_runs_ = true;
  busy(sector_time * (dma_ ? left_ : std::min(left_, most_at_once)));
}

void AtapiDrive::read_on() {
  if (left_ == 0 || sector_ > disc_sectors() || left_ > disc_sectors() - sector_)
    return check({5, 0x21, 0x00});
  if (dma_) return wait_for_bus_master();
  const u64 count = std::min(left_, most_at_once);
  data().assign(count * disc_sector, 0);
  if (!block_.read(sector_ * (disc_sector / sector_bytes), data())) return check({3, 0x11, 0x00});
  sector_ += count;
  left_ -= count;
  offered_ = 0;
  offer_piece();
}

void AtapiDrive::move_data(BusMaster& by) {
  const auto failed = [&] {
    if (by.failed()) check({11, 0x47, 0x00});  // aborted; else another list follows
  };
  if (left_ == 0) {
    if (!by.to_memory(data())) return failed();
  } else if (sector_ > disc_sectors() || left_ > disc_sectors() - sector_) {
    return check({5, 0x21, 0x00});
  }
  std::vector<u8> piece;
  while (left_ != 0) {
    const u64 count = std::min(left_, most_at_once);
    piece.resize(count * disc_sector);
    if (!block_.read(sector_ * (disc_sector / sector_bytes), piece)) return check({3, 0x11, 0x00});
    if (!by.to_memory(piece)) return failed();
    sector_ += count;
    left_ -= count;
  }
  by.drive_done();
  done();
}

// --- State ---

void AtapiDrive::drive_reset(bool hard) {
  command_ = 0;
  packet_runs_ = dma_ = false;
  left_ = offered_ = 0;
  if (!hard) return;
  sense_ = {};
  packet_ = {};
  limit_ = 0;
  sector_ = 0;
  tray_open_ = locked_ = changed_ = false;
  multiword_mode_ = 0x0400;
  ultra_mode_ = 0;
}

void AtapiDrive::drive_fields(Fields& visit) {
  visit("command", command_);
  visit("dma", dma_);
  visit("limit", limit_);
  visit("packet", packet_);
  visit("packet_runs", packet_runs_);
  visit("offered", offered_);
  visit("sector", sector_);
  visit("left", left_);
  visit("sense_key", sense_.key);
  visit("sense_code", sense_.code);
  visit("sense_qualifier", sense_.qualifier);
  visit("tray_open", tray_open_);
  visit("locked", locked_);
  visit("changed", changed_);
  visit("multiword_mode", multiword_mode_);
  visit("ultra_mode", ultra_mode_);
}

}  // namespace ringside
