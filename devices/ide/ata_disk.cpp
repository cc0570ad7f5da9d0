// Owns the commands of the ATA disk.
#include "devices/ide/ata_disk.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace ringside {

using namespace ide;

namespace {

enum class Act : u8 {
  nothing,  // accepted, and nothing comes of it
  read,
  write,
  read_dma,
  write_dma,
  verify,
  flush,
  identify,
  set_features,
  set_multiple,
  set_geometry,
  check_power,
  stand_by,
  wake,
};

struct Row {
  u8 first, last;  // opcodes
  Act act;
  bool ext = false;       // 48-bit addresses and 16-bit counts
  bool multiple = false;  // an interrupt for each block, not for each sector
  bool through = false;   // what was written has to last (FUA)
};

constexpr Row rows[] = {
    {0x10, 0x1f, Act::nothing},                       // RECALIBRATE
    {0x20, 0x21, Act::read},                          // READ SECTOR(S)
    {0x24, 0x24, Act::read, true},                    // READ SECTOR(S) EXT
    {0x25, 0x25, Act::read_dma, true},                // READ DMA EXT
    {0x29, 0x29, Act::read, true, true},              // READ MULTIPLE EXT
    {0x30, 0x31, Act::write},                         // WRITE SECTOR(S)
    {0x34, 0x34, Act::write, true},                   // WRITE SECTOR(S) EXT
    {0x35, 0x35, Act::write_dma, true},               // WRITE DMA EXT
    {0x39, 0x39, Act::write, true, true},             // WRITE MULTIPLE EXT
    {0x3d, 0x3d, Act::write_dma, true, false, true},  // WRITE DMA FUA EXT
    {0x40, 0x41, Act::verify},                        // READ VERIFY SECTOR(S)
    {0x42, 0x42, Act::verify, true},                  // READ VERIFY SECTOR(S) EXT
    {0x70, 0x7f, Act::nothing},                       // SEEK
    {0x91, 0x91, Act::set_geometry},                  // INITIALIZE DEVICE PARAMETERS
    {0x94, 0x94, Act::stand_by},                      // the power commands' old opcodes, and those since
    {0x95, 0x95, Act::wake},
    {0x96, 0x96, Act::stand_by},
    {0x97, 0x97, Act::wake},
    {0x98, 0x98, Act::check_power},
    {0x99, 0x99, Act::stand_by},
    {0xc4, 0xc4, Act::read, false, true},        // READ MULTIPLE
    {0xc5, 0xc5, Act::write, false, true},       // WRITE MULTIPLE
    {0xc6, 0xc6, Act::set_multiple},             // SET MULTIPLE MODE
    {0xc8, 0xc9, Act::read_dma},                 // READ DMA
    {0xca, 0xcb, Act::write_dma},                // WRITE DMA
    {0xce, 0xce, Act::write, true, true, true},  // WRITE MULTIPLE FUA EXT
    {0xe0, 0xe0, Act::stand_by},                 // STANDBY IMMEDIATE
    {0xe1, 0xe1, Act::wake},                     // IDLE IMMEDIATE
    {0xe2, 0xe2, Act::stand_by},                 // STANDBY
    {0xe3, 0xe3, Act::wake},                     // IDLE
    {0xe5, 0xe5, Act::check_power},              // CHECK POWER MODE
    {0xe6, 0xe6, Act::stand_by},                 // SLEEP
    {0xe7, 0xe7, Act::flush},                    // FLUSH CACHE
    {0xea, 0xea, Act::flush},                    // FLUSH CACHE EXT
    {0xec, 0xec, Act::identify},                 // IDENTIFY DEVICE
    {0xef, 0xef, Act::set_features},             // SET FEATURES
};

const Row* row_of(u8 command) {
  for (const Row& row : rows)
    if (command >= row.first && command <= row.last) return &row;
  return nullptr;
}

}  // namespace

AtaDisk::AtaDisk(Clock& clock, unsigned place, BlockDevice& block)
    : IdeDrive(clock, "ide disk"), block_(block), place_(place) {}

// --- Commands ---

void AtaDisk::begin(u8 command) {
  command_ = command;
  const Row* const row = row_of(command);
  if (!row) return fail(Error::ABRT);
  switch (row->act) {
    case Act::read:
    case Act::write:
    case Act::read_dma:
    case Act::write_dma:
    case Act::verify: return begin_media(row->ext);
    case Act::flush: return busy(flush_time);
    default: return busy(plain_time);
  }
}

// Where the command's sectors are is said to the host before it moves any of them.
void AtaDisk::begin_media(bool ext) {
  const Row& row = *row_of(command_);
  left_ = ext ? u64{before_.count} << 8 | now_.count : now_.count;
  if (left_ == 0) left_ = ext ? 0x10000 : 0x100;
  standby_ = false;
  if (row.multiple && multiple_ == 0) return fail(Error::ABRT);
  if (!position(ext, sector_) || !inside()) return fail(Error::IDNF);
  const bool writes = row.act == Act::write || row.act == Act::write_dma;
  if (writes && block_.read_only()) return fail(Error::ABRT);
  if (row.act == Act::write) return expect(block_sectors() * sector_bytes, false);
  busy(access_time + sector_time * (row.act == Act::read ? block_sectors() : left_));
}

void AtaDisk::go_on() {
  const Row* const row = row_of(command_);
  switch (row ? row->act : Act::nothing) {
    case Act::read: return read_on();
    case Act::write: return write_on();
    case Act::read_dma:
    case Act::write_dma: return wait_for_bus_master();
    case Act::flush: return block_.flush() ? finish() : fail(Error::ABRT, Status::DF);
    case Act::identify: return identify();
    case Act::set_features: return set_features();
    case Act::set_multiple: return set_multiple();
    case Act::set_geometry:
      if (now_.count == 0) return fail(Error::ABRT);
      heads_ = static_cast<u8>((device_ & DeviceRegister::head) + 1);
      track_sectors_ = now_.count;
      return finish();
    case Act::check_power: now_.count = standby_ ? 0x00 : 0xff; return finish();
    case Act::stand_by: standby_ = true; return finish();
    case Act::wake: standby_ = false; return finish();
    case Act::verify:
    case Act::nothing: return finish();
  }
}

// --- Positions ---

bool AtaDisk::position(bool ext, u64& sector) const {
  if (ext) {
    sector = u64{before_.lba_high} << 40 | u64{before_.lba_mid} << 32 | u64{before_.lba_low} << 24 |
             u64{now_.lba_high} << 16 | u64{now_.lba_mid} << 8 | now_.lba_low;
    return true;
  }
  const u64 head = device_ & DeviceRegister::head;
  if (device_ & DeviceRegister::LBA) {
    sector = head << 24 | u64{now_.lba_high} << 16 | u64{now_.lba_mid} << 8 | now_.lba_low;
    return true;
  }
  const u64 cylinder = u64{now_.lba_high} << 8 | now_.lba_mid;
  sector = (cylinder * heads_ + head) * track_sectors_ + now_.lba_low - 1u;
  return now_.lba_low != 0 && now_.lba_low <= track_sectors_ && head < heads_;
}

void AtaDisk::say_position(u64 sector) {
  const Row* const row = row_of(command_);
  if (row && !row->ext && !(device_ & DeviceRegister::LBA)) {
    const u64 track = sector / track_sectors_, cylinder = track / heads_;
    now_.lba_low = static_cast<u8>(sector % track_sectors_ + 1);
    device_ = static_cast<u8>((device_ & 0xf0) | track % heads_);
    now_.lba_mid = static_cast<u8>(cylinder);
    now_.lba_high = static_cast<u8>(cylinder >> 8);
    return;
  }
  now_.lba_low = static_cast<u8>(sector);
  now_.lba_mid = static_cast<u8>(sector >> 8);
  now_.lba_high = static_cast<u8>(sector >> 16);
  if (row && row->ext) {
    before_.lba_low = static_cast<u8>(sector >> 24);
    before_.lba_mid = static_cast<u8>(sector >> 32);
    before_.lba_high = static_cast<u8>(sector >> 40);
  } else {
    device_ = static_cast<u8>((device_ & 0xf0) | (sector >> 24 & 0x0f));
  }
}

u64 AtaDisk::block_sectors() const {
  const Row* const row = row_of(command_);
  return std::min<u64>(left_, row && row->multiple ? std::max<u8>(multiple_, 1) : 1);
}

// --- Moving data ---

void AtaDisk::fail_media(bool reading, u64 sector) {
  say_position(sector);
  reading ? fail(Error::UNC) : fail(Error::ABRT, Status::DF);
}

void AtaDisk::read_on() {
  const u64 count = block_sectors();
  if (!inside()) return fail(Error::IDNF);
  data().assign(count * sector_bytes, 0);
  if (!block_.read(sector_, data())) return fail_media(true, sector_);
  sector_ += count;
  left_ -= count;
  offer(0, data().size(), true);
}

void AtaDisk::write_on() {
  const u64 count = block_sectors();
  if (!inside() || data().size() != count * sector_bytes) return fail(Error::IDNF);
  if (!block_.write(sector_, data())) return fail_media(false, sector_);
  sector_ += count;
  left_ -= count;
  if (left_ != 0) return expect(block_sectors() * sector_bytes, true);
  if (row_of(command_)->through && !block_.flush()) return fail_media(false, sector_);
  finish();
}

void AtaDisk::data_moved() {
  const Row* const row = row_of(command_);
  const Act act = row ? row->act : Act::nothing;
  if (act == Act::write) return busy(plain_time + sector_time * block_sectors());
  if (act == Act::read && left_ != 0) return busy(sector_time * block_sectors());
  finish_silently();
}

void AtaDisk::move_data(BusMaster& by) {
  constexpr u64 most = 128;  // sectors in one go
  const Row* const row = row_of(command_);
  if (!row || !inside()) return fail(Error::IDNF);
  const bool reading = row->act == Act::read_dma;
  std::vector<u8> piece;
  while (left_ != 0) {
    const u64 count = std::min(left_, most);
    piece.resize(count * sector_bytes);
    if (reading && !block_.read(sector_, piece)) return fail_media(true, sector_);
    if (!(reading ? by.to_memory(piece) : by.from_memory(piece))) {
      if (by.failed()) fail(Error::ABRT);
      return;  // the list has ended: another one follows, which begins with these sectors once more
    }
    if (!reading && !block_.write(sector_, piece)) return fail_media(false, sector_);
    sector_ += count;
    left_ -= count;
  }
  by.drive_done();
  if (row->through && !block_.flush()) return fail_media(false, sector_);
  finish();
}

// --- Settings ---

void AtaDisk::set_multiple() {
  const u8 wanted = now_.count;
  if (wanted > most_multiple || (wanted & (wanted - 1)) != 0) return fail(Error::ABRT);
  multiple_ = wanted;
  finish();
}

void AtaDisk::set_transfer_mode(u8 mode) {
  constexpr u8 multiword = 0x20, ultra = 0x40;
  const u8 number = mode & 7;
  if (mode <= 1 || ((mode & 0xf8) == 0x08 && number <= 4)) return finish();  // PIO
  if ((mode & 0xf8) == multiword && number <= 2) {
    multiword_mode_ = static_cast<u16>(0x100u << number);
    ultra_mode_ = 0;
  } else if ((mode & 0xf8) == ultra && number <= 5) {
    ultra_mode_ = static_cast<u16>(0x100u << number);
    multiword_mode_ = 0;
  } else {
    return fail(Error::ABRT);
  }
  finish();
}

void AtaDisk::set_features() {
  switch (now_.feature) {
    case 0x03: return set_transfer_mode(now_.count);
    case 0x02: write_cache_ = true; break;
    case 0x82: write_cache_ = false; break;
    case 0xaa: look_ahead_ = true; break;
    case 0x55: look_ahead_ = false; break;
    case 0x66:
    case 0xcc: break;  // what a soft reset does to settings
    default: return fail(Error::ABRT);
  }
  finish();
}

void AtaDisk::identify() {
  std::vector<u8>& to = data();
  to.assign(512, 0);
  const auto put = [&](unsigned word, u64 value, unsigned words = 1) {
    for (unsigned n = 0; n < 2 * words; ++n) to[2 * word + n] = static_cast<u8>(value >> (8 * n));
  };
  const u64 sectors = block_.sectors(), track = u64{16} * 63;
  const u64 cylinders = std::clamp<u64>(sectors / track, 1, 16383);
  const u64 current_cylinders = std::clamp<u64>(sectors / (u64{heads_} * track_sectors_), 1, 65535);
  put(0, 0x0040);  // a fixed ATA device
  put(1, cylinders), put(3, 16), put(6, 63);
  put_text(to, 10, 10, "RS0000" + std::to_string(place_));
  put_text(to, 23, 4, "1.0");
  put_text(to, 27, 20, "Ringside disk");
  put(47, 0x8000 | most_multiple);
  put(49, 0x0f00);  // LBA, DMA, IORDY
  put(50, 0x4000);
  put(53, 0x0007);  // the words 54 to 58, 64 to 70 and 88 mean something
  put(54, current_cylinders), put(55, heads_), put(56, track_sectors_);
  put(57, current_cylinders * heads_ * track_sectors_, 2);
  put(59, multiple_ ? 0x100u | multiple_ : 0);
  put(60, std::min<u64>(sectors, 0x0fffffff), 2);
  put(63, 0x0007u | multiword_mode_);
  put(64, 0x0003);                                              // PIO modes 3 and 4
  for (unsigned word = 65; word <= 68; ++word) put(word, 120);  // ns a cycle
  put(80, 0x0070);                                              // ATA-4 to ATA-6
  put(82, 0x0060), put(83, 0x7400), put(84, 0x4040);
  put(85, (write_cache_ ? 0x20u : 0) | (look_ahead_ ? 0x40u : 0)), put(86, 0x3400), put(87, 0x4040);
  put(88, 0x003fu | ultra_mode_);
  put(93, place_ % 2 ? 0x6b00u : 0x6003u);  // passed its tests, a cable of 80 wires
  put(100, sectors, 4);
  offer(0, to.size(), true);
}

// --- State ---

void AtaDisk::drive_reset(bool hard) {
  command_ = 0;
  sector_ = left_ = 0;
  standby_ = false;
  if (!hard) return;
  heads_ = 16;
  track_sectors_ = 63;
  multiple_ = 0;
  write_cache_ = look_ahead_ = true;
  multiword_mode_ = 0x0400;
  ultra_mode_ = 0;
}

void AtaDisk::drive_fields(Fields& visit) {
  visit("command", command_);
  visit("sector", sector_);
  visit("left", left_);
  visit("heads", heads_);
  visit("track_sectors", track_sectors_);
  if (heads_ == 0 || track_sectors_ == 0) heads_ = 16, track_sectors_ = 63;  // of a state that nobody saved
  visit("multiple", multiple_);
  visit("write_cache", write_cache_);
  visit("look_ahead", look_ahead_);
  visit("standby", standby_);
  visit("multiword_mode", multiword_mode_);
  visit("ultra_mode", ultra_mode_);
}

}  // namespace ringside
