// Owns the packet commands of the CD drive.
// Source: MMC-3, "Command descriptions"; SPC-2 for those that all SCSI devices have.
#include <algorithm>
#include <string_view>

#include "devices/ide/atapi_drive.h"

namespace ringside {

namespace {

constexpr u8 not_ready = 2, illegal_request = 5, unit_attention = 6;
constexpr u16 profile_cd_rom = 0x0008, profile_dvd_rom = 0x0010;
constexpr u64 most_cd_sectors = u64{80} * 60 * 75;

void put(std::vector<u8>& to, std::size_t at, u64 value, unsigned bytes) {
  for (unsigned n = 0; n < bytes; ++n) to[at + n] = static_cast<u8>(value >> (8 * (bytes - 1 - n)));
}

// An address as READ TOC gives it: a number, or minutes, seconds and frames from 2 seconds before sector 0.
void put_address(std::vector<u8>& to, std::size_t at, u64 sector, bool msf) {
  if (!msf) return put(to, at, sector, 4);
  const u64 frames = sector + 150;
  to[at + 1] = static_cast<u8>(frames / 75 / 60);
  to[at + 2] = static_cast<u8>(frames / 75 % 60);
  to[at + 3] = static_cast<u8>(frames % 75);
}

}  // namespace

struct AtapiDrive::Row {
  u8 opcode;
  Command run;
  bool wants_disc;
};

const AtapiDrive::Row AtapiDrive::rows[] = {
    {0x00, &AtapiDrive::test_unit_ready, true},
    {0x03, &AtapiDrive::request_sense, false},
    {0x12, &AtapiDrive::inquiry, false},
    {0x1a, &AtapiDrive::mode_sense_6, false},
    {0x1b, &AtapiDrive::start_stop, false},
    {0x1e, &AtapiDrive::prevent_removal, false},
    {0x25, &AtapiDrive::read_capacity, true},
    {0x28, &AtapiDrive::read_10, true},
    {0x2b, &AtapiDrive::seek, true},
    {0x43, &AtapiDrive::read_toc, true},
    {0x46, &AtapiDrive::get_configuration, false},
    {0x4a, &AtapiDrive::get_event_status, false},
    {0x51, &AtapiDrive::read_disc_information, true},
    {0x5a, &AtapiDrive::mode_sense_10, false},
    {0xa8, &AtapiDrive::read_12, true},
    {0xbb, &AtapiDrive::accept, false},  // SET CD SPEED
    {0xbd, &AtapiDrive::mechanism_status, false},
    {0xbe, &AtapiDrive::read_cd, true},
};

const AtapiDrive::Row* AtapiDrive::row_of(u8 opcode) {
  for (const Row& row : rows)
    if (row.opcode == opcode) return &row;
  return nullptr;
}

void AtapiDrive::run_packet() {
  const Row* const row = row_of(packet_[0]);
  if (!row) return check({illegal_request, 0x20, 0x00});
  if (row->wants_disc && tray_open_) return check({not_ready, 0x3a, 0x02});
  if (row->wants_disc && changed_) {
    changed_ = false;
    return check({unit_attention, 0x28, 0x00});
  }
  if (packet_[0] != 0x03) sense_ = {};
  (this->*row->run)();
}

// --- What the drive is, and how it is ---

void AtapiDrive::request_sense() {
  std::vector<u8> to(18);
  to[0] = 0x70;
  to[2] = sense_.key;
  to[7] = 10;
  to[12] = sense_.code;
  to[13] = sense_.qualifier;
  sense_ = {};
  answer(std::move(to), packet_[4]);
}

void AtapiDrive::inquiry() {
  constexpr std::string_view names = "RINGSIDECD-ROM          1.0 ";
  std::vector<u8> to(36, u8{' '});
  constexpr u8 head[] = {0x05, 0x80, 0x00, 0x21, 31, 0, 0, 0};
  std::copy(std::begin(head), std::end(head), to.begin());
  std::copy(names.begin(), names.end(), to.begin() + 8);
  if (packet_[1] & 1) return check({illegal_request, 0x24, 0x00});  // no vital product data
  answer(std::move(to), number(3, 2));
}

void AtapiDrive::start_stop() {
  constexpr u8 start = 1, load_eject = 2;
  if (!(packet_[4] & load_eject)) return done();
  const bool open = !(packet_[4] & start);
  if (open && locked_) return check({illegal_request, 0x53, 0x02});
  if (tray_open_ && !open) changed_ = true;
  tray_open_ = open;
  done();
}

void AtapiDrive::prevent_removal() {
  locked_ = (packet_[4] & 1) != 0;
  done();
}

void AtapiDrive::mechanism_status() {
  std::vector<u8> to(8);
  to[1] = tray_open_ ? 0x10 : 0;
  answer(std::move(to), number(8, 2));
}

// Only the polled way, and of the classes only that of the media.
void AtapiDrive::get_event_status() {
  constexpr u8 polled = 1, media_class = 4, media_bit = 1 << media_class, no_class = 0x80;
  if (!(packet_[1] & polled)) return check({illegal_request, 0x24, 0x00});
  std::vector<u8> to(packet_[4] & media_bit ? 8 : 4);
  put(to, 0, to.size() - 2, 2);
  to[2] = packet_[4] & media_bit ? media_class : no_class;
  to[3] = media_bit;
  if (packet_[4] & media_bit) {
    to[4] = changed_ ? 2 : 0;  // new media
    to[5] = tray_open_ ? 1 : 2;
  }
  answer(std::move(to), number(7, 2));
}

void AtapiDrive::get_configuration() {
  const bool dvd = disc_sectors() > most_cd_sectors;
  std::vector<u8> to(8 + 12 + 8 + 8);
  put(to, 0, to.size() - 4, 4);
  put(to, 6, tray_open_ ? 0 : dvd ? profile_dvd_rom : profile_cd_rom, 2);
  to[10] = 0x03, to[11] = 8;  // the profiles
  put(to, 12, profile_dvd_rom, 2), to[14] = dvd && !tray_open_;
  put(to, 16, profile_cd_rom, 2), to[18] = !dvd && !tray_open_;
  put(to, 20, 1, 2), to[22] = 0x0b, to[23] = 4, to[27] = 2;     // core: ATAPI
  put(to, 28, 3, 2), to[30] = 0x03, to[31] = 4, to[32] = 0x29;  // removable: a tray, locks, ejects
  answer(std::move(to), number(7, 2));
}

std::vector<u8> AtapiDrive::mode_pages(u8 page) const {
  constexpr u8 all = 0x3f;
  std::vector<u8> to;
  if (page == 0x01 || page == all) to.insert(to.end(), {0x01, 6, 0, 5, 0, 0, 0, 0});
  if (page == 0x2a || page == all) {
    const std::size_t at = to.size();
    to.resize(at + 20);
    to[at] = 0x2a, to[at + 1] = 18;
    to[at + 2] = 0x3b, to[at + 4] = 0x70, to[at + 5] = 0x00;  // reads CD-R, CD-RW, DVD-ROM, DVD-R; mode 2
    to[at + 6] = static_cast<u8>(0x29 | (locked_ ? 2 : 0));
    put(to, at + 8, 4234, 2), put(to, at + 12, 512, 2),
        put(to, at + 14, 4234, 2);  // KB a second, KB of buffer
  }
  return to;
}

void AtapiDrive::mode_sense_6() {
  std::vector<u8> to = mode_pages(packet_[2] & 0x3f);
  if (to.empty()) return check({illegal_request, 0x24, 0x00});
  to.insert(to.begin(), 4, 0);
  to[0] = static_cast<u8>(to.size() - 1);
  answer(std::move(to), packet_[4]);
}

void AtapiDrive::mode_sense_10() {
  std::vector<u8> to = mode_pages(packet_[2] & 0x3f);
  if (to.empty()) return check({illegal_request, 0x24, 0x00});
  to.insert(to.begin(), 8, 0);
  put(to, 0, to.size() - 2, 2);
  to[2] = tray_open_ ? 0x71 : 0x01;
  answer(std::move(to), number(7, 2));
}

// --- The disc ---

void AtapiDrive::read_capacity() {
  std::vector<u8> to(8);
  put(to, 0, disc_sectors() - 1, 4);
  put(to, 4, disc_sector, 4);
  answer(std::move(to), 8);
}

void AtapiDrive::read_10() { start_read(number(2, 4), number(7, 2)); }
void AtapiDrive::read_12() { start_read(number(2, 4), number(6, 4)); }

// A sector's data alone: there are no headers and no subchannels to be had.
void AtapiDrive::read_cd() {
  constexpr u8 user_data = 0x10;
  if (number(6, 3) == 0) return done();
  if (packet_[9] == 0) return done();
  if (packet_[9] != user_data || packet_[10] != 0) return check({illegal_request, 0x24, 0x00});
  start_read(number(2, 4), number(6, 3));
}

void AtapiDrive::seek() {
  if (number(2, 4) >= disc_sectors()) return check({illegal_request, 0x21, 0x00});
  done();
}

void AtapiDrive::read_toc() {
  constexpr u8 data_track = 0x14, lead_out = 0xaa;
  const bool msf = (packet_[1] & 2) != 0;
  // Some hosts give the format in the last byte, as the first drives had it.
  const u8 format = packet_[2] & 0x0f ? packet_[2] & 0x0f : packet_[9] >> 6;
  std::vector<u8> to(4);
  to[2] = to[3] = 1;
  const auto track = [&](u8 number, u64 sector) {
    const std::size_t at = to.size();
    to.resize(at + 8);
    to[at + 1] = data_track, to[at + 2] = number;
    put_address(to, at + 4, sector, msf);
  };
  const auto point = [&](u8 number, u64 sector, u8 first) {
    const std::size_t at = to.size();
    to.resize(at + 11);
    to[at] = 1, to[at + 1] = data_track, to[at + 3] = number, to[at + 8] = first;
    if (number < 0xa0 || number > 0xa1) put_address(to, at + 7, sector, true), to[at + 7] = 0;
  };
  if (format == 0) {
    if (packet_[6] > 1 && packet_[6] != lead_out) return check({illegal_request, 0x24, 0x00});
    if (packet_[6] <= 1) track(1, 0);
    track(lead_out, disc_sectors());
  } else if (format == 1) {
    track(1, 0);
  } else if (format == 2) {
    point(0xa0, 0, 1), point(0xa1, 0, 1), point(0xa2, disc_sectors(), 0), point(1, 0, 0);
  } else {
    return check({illegal_request, 0x24, 0x00});
  }
  put(to, 0, to.size() - 2, 2);
  answer(std::move(to), number(7, 2));
}

void AtapiDrive::read_disc_information() {
  std::vector<u8> to(34);
  put(to, 0, to.size() - 2, 2);
  to[2] = 0x0e;  // finished, the last session complete
  to[3] = to[4] = to[5] = to[6] = 1;
  to[7] = 0x20;  // of unrestricted use
  std::fill(to.begin() + 16, to.begin() + 24, u8{0xff});
  answer(std::move(to), number(7, 2));
}

}  // namespace ringside
