// Owns the saving and loading of a machine's file.
#include "frontend/machine/state_file.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "devices/block/contents_hash.h"
#include "devices/block/overlay_block.h"
#include "frontend/machine/state_frames.h"
#include "frontend/machine/zero_page.h"

namespace ringside {
namespace {

using Json = nlohmann::ordered_json;
using Kind = StateFrame::Kind;

constexpr std::string_view this_version = RINGSIDE_VERSION;
constexpr u64 most_fields = 256u << 20;  // bytes of all that is no memory
constexpr u64 listed_page = sizeof(u64) + page_bytes;
constexpr u64 pages_at_once = 256;
constexpr u64 sectors_at_once = 2048;

// --- The description ---

u64 hash_of(std::span<const u8> bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

// Firmware ends at 4 GiB; where else it is seen the guest may have put RAM before it.
std::optional<u64> firmware_hash(PhysicalMemory& memory) {
  std::optional<u64> hash;
  for (const PhysicalMemory::Region& region : memory.regions()) {
    if (region.kind != PhysicalMemory::Region::Kind::rom || region.base.value < low_ram_limit) continue;
    std::vector<u8> bytes(region.bytes);
    memory.read_block(region.base, bytes.data(), bytes.size());
    hash = XXH3_64bits_withSeed(bytes.data(), bytes.size(), hash.value_or(0));
  }
  return hash;
}

std::vector<StateDescription::Content> contents_of(Machine& machine) {
  const MachineConfig& config = machine.config();
  std::vector<StateDescription::Content> contents;
  if (const auto hash = firmware_hash(machine.memory())) contents.push_back({"firmware", *hash});
  if (!config.vga_rom.empty()) contents.push_back({"the graphics card's BIOS", hash_of(config.vga_rom)});
  for (const MachineConfig::FwCfgFile& item : config.fw_cfg)
    contents.push_back({"-fw_cfg " + item.name, hash_of(item.bytes)});
  return contents;
}

std::string hex(u64 value) { return fmt::format("{:016x}", value); }

Json json_of(const StateDescription& d) {
  Json json;
  json["ringside"] = d.version;
  json["instructions"] = d.instructions;
  json["seconds"] = d.seconds;
  for (const MachineFlag& f : d.flags) {
    Json row = {{"flag", f.flag}};
    if (!f.value.empty()) row["value"] = f.value;
    if (!f.own.empty()) row["own"] = f.own;
    if (!f.file.empty()) row["file"] = f.file;
    if (!f.same) row["same"] = false;
    json["flags"].push_back(std::move(row));
  }
  for (const StateDescription::Content& c : d.contents)
    json["contents"].push_back({{"what", c.what}, {"hash", hex(c.hash)}});
  for (const StateDescription::Disk& disk : d.disks)
    json["disks"].push_back({{"file", disk.path},
                             {"sectors", disk.sectors},
                             {"version", hex(disk.version)},
                             {"hash", hex(disk.hash)}});
  return json;
}

u64 number_of(const Json& text) { return std::stoull(text.get<std::string>(), nullptr, 16); }

// Throws what the JSON library throws where it is not of this form.
StateDescription description_of(const Json& json) {
  StateDescription d;
  d.version = json.at("ringside");
  d.instructions = json.at("instructions");
  d.seconds = json.at("seconds");
  for (const Json& row : json.at("flags"))
    d.flags.push_back({row.at("flag"), row.value("value", ""), row.value("file", ""), row.value("same", true),
                       row.value("own", "")});
  for (const Json& row : json.value("contents", Json::array()))
    d.contents.push_back({row.at("what"), number_of(row.at("hash"))});
  for (const Json& row : json.value("disks", Json::array()))
    d.disks.push_back(
        {row.at("file"), row.at("sectors"), number_of(row.at("version")), number_of(row.at("hash"))});
  return d;
}

std::optional<StateDescription> described(const StateFrameReader& file, std::string& error) {
  try {
    return description_of(Json::parse(file.description()));
  } catch (const std::exception&) {
    error = file.damaged("its description");
    return std::nullopt;
  }
}

// --- Saving ---

void save_fields(Machine& machine, StateFrameWriter& file) {
  const std::vector<u8> state = machine.save_to_hand_on();
  for (std::span<const u8> rest = state; !rest.empty();) {
    const auto part = rest.first(std::min<std::size_t>(rest.size(), StateFrame::most));
    file.add(Kind::fields, 0, 0, part);
    rest = rest.subspan(part.size());
  }
}

// A frame: how many pages, their addresses, their bytes.
void save_pages(Machine& machine, StateFrameWriter& file) {
  std::vector<u64> addresses;
  std::vector<u8> bytes, frame;
  const auto end_frame = [&] {
    if (addresses.empty()) return;
    const u64 count = addresses.size();
    frame.resize(sizeof count + count * listed_page);
    std::memcpy(frame.data(), &count, sizeof count);
    std::memcpy(frame.data() + sizeof count, addresses.data(), count * sizeof(u64));
    std::memcpy(frame.data() + sizeof count + count * sizeof(u64), bytes.data(), bytes.size());
    file.add(Kind::pages, 0, addresses.front(), frame);
    addresses.clear();
    bytes.clear();
  };
  machine.memory().for_each_written_page([&](HostPhys page, const u8* at) {
    if (all_zero(at)) return;
    addresses.push_back(page.value);
    bytes.insert(bytes.end(), at, at + page_bytes);
    if (addresses.size() == pages_at_once) end_frame();
  });
  end_frame();
}

// A frame: the sectors of one run, from StateFrame::first on.
bool save_disk(DiskHistory& disk, u8 index, StateFrameWriter& file) {
  std::vector<u8> bytes;
  for (const auto& [first, end] : disk.written()) {
    for (u64 at = first; at < end; at += sectors_at_once) {
      bytes.resize(std::min(sectors_at_once, end - at) * sector_bytes);
      if (!disk.read(at, bytes)) return false;
      file.add(Kind::disk, index, at, bytes);
    }
  }
  return true;
}

// In the order of Drives::all().
std::vector<std::string> drive_names(const MachineConfig& config) {
  std::vector<std::string> names;
  for (const MachineFlag& flag : machine_flags(config))
    if (flag.flag == "-drive") names.push_back(flag.file);
  return names;
}

}  // namespace

bool save_state_file(Machine& machine, const std::string& path, std::string& error) {
  StateDescription d{std::string(this_version), machine_flags(machine.config()),
                     machine.retired(),         machine.seconds(),
                     contents_of(machine),      {}};
  const auto file = StateFrameWriter::create(path, error);
  if (!file) return false;
  save_fields(machine, *file);
  const std::vector<std::string> names = drive_names(machine.config());
  const std::vector<DiskHistory*> disks = machine.drives().all();
  for (std::size_t n = 0; n < disks.size(); ++n) {
    DiskHistory& disk = *disks[n];
    const auto hash = contents_hash(disk);
    if (!hash || !save_disk(disk, static_cast<u8>(n), *file)) {
      error = fmt::format("{}: not written: the drive {} cannot be read; check the disk that it is on", path,
                          names.at(n));
      return false;
    }
    d.disks.push_back({names.at(n), disk.sectors(), disk.version(), *hash});
  }
  save_pages(machine, *file);
  return file->finish(this_version, json_of(d).dump(-1, ' ', false, Json::error_handler_t::replace), error);
}

std::optional<StateDescription> describe_state_file(const std::string& path, std::string& error) {
  const auto file = StateFrameReader::open(path, error);
  return file ? described(*file, error) : std::nullopt;
}

// --- Loading ---

namespace {

class Loader {
 public:
  Loader(Machine& machine, const StateFrameReader& file, const StateDescription& said)
      : machine_(machine), file_(file), said_(said), disks_(machine.drives().all()) {}

  bool fits(std::string& error) const;
  bool load(Before before, std::string& error);

 private:
  bool fields(std::vector<u8>& state, std::string& error) const;
  bool pages(bool look_only, std::string& error);
  bool pages_of(std::span<const u8> frame, u64 first, bool look_only);
  bool all_disks(std::string& error);
  bool sectors(std::size_t n, const std::function<bool(u64, std::span<const u8>)>& take, std::string& error);
  bool disk(std::size_t n, std::string& error);
  void clear_other_pages();

  Machine& machine_;
  const StateFrameReader& file_;
  const StateDescription& said_;
  std::vector<DiskHistory*> disks_;
  std::vector<u64> known_;  // the addresses of the pages in the file, in their order
};

// Whether it is a machine of this kind.
bool Loader::fits(std::string& error) const {
  std::string why = why_other_machine(said_.flags, machine_flags(machine_.config()));
  const auto here = contents_of(machine_);
  for (std::size_t n = 0; why.empty() && n < std::max(here.size(), said_.contents.size()); ++n) {
    if (n < here.size() && n < said_.contents.size() && here[n] == said_.contents[n]) continue;
    const std::string what = (n < said_.contents.size() ? said_.contents : here)[n].what;
    why = fmt::format("{} is not what it was when it was saved; give the machine the same again",
                      what == "firmware" && !machine_.config().boot.bios.empty()
                          ? "-bios " + machine_.config().boot.bios
                          : what);
  }
  for (std::size_t n = 0; why.empty() && n < disks_.size(); ++n) {
    if (n < said_.disks.size() && said_.disks[n].sectors == disks_[n]->sectors()) continue;
    why = fmt::format("the drive {} is of another size than when it was saved; give the image of then",
                      drive_names(machine_.config()).at(n));
  }
  if (why.empty()) return true;
  error = fmt::format("{}: is of another machine: {}", file_.path(), why);
  return false;
}

bool Loader::fields(std::vector<u8>& state, std::string& error) const {
  return file_.each(
      Kind::fields, 0,
      [&](const StateFrame&, std::span<const u8> bytes) {
        if (state.size() + bytes.size() > most_fields) {
          error = file_.damaged("its fields have no end");
          return false;
        }
        state.insert(state.end(), bytes.begin(), bytes.end());
        return true;
      },
      error);
}

bool Loader::pages_of(std::span<const u8> frame, u64 first, bool look_only) {
  u64 count = 0;
  if (frame.size() < sizeof count) return false;
  std::memcpy(&count, frame.data(), sizeof count);
  if (count > pages_at_once || frame.size() != sizeof count + count * listed_page) return false;
  const u8* const addresses = frame.data() + sizeof count;
  const u8* const bytes = addresses + count * sizeof(u64);
  for (u64 n = 0; n < count; ++n) {
    u64 address = 0;
    std::memcpy(&address, addresses + n * sizeof address, sizeof address);
    if ((n == 0 && address != first) || (!known_.empty() && address <= known_.back())) return false;
    if (look_only ? machine_.memory().ram_page(HostPhys(address)) == nullptr
                  : !machine_.memory().restore_page(HostPhys(address), bytes + n * page_bytes))
      return false;
    known_.push_back(address);
  }
  return true;
}

bool Loader::pages(bool look_only, std::string& error) {
  known_.clear();
  return file_.each(
      Kind::pages, 0,
      [&](const StateFrame& frame, std::span<const u8> bytes) {
        if (pages_of(bytes, frame.first, look_only)) return true;
        error = file_.damaged("its pages of memory");
        return false;
      },
      error);
}

// What was written since, or before by who put the machine together.
void Loader::clear_other_pages() {
  std::vector<HostPhys> others;
  machine_.memory().for_each_written_page([&](HostPhys page, const u8*) {
    if (!std::binary_search(known_.begin(), known_.end(), page.value)) others.push_back(page);
  });
  for (const HostPhys page : others) machine_.memory().restore_page(page, nullptr);
}

// A drive as it would be with sectors over it.
class Borrowed final : public BlockDevice {
 public:
  explicit Borrowed(DiskHistory& disk) : disk_(disk) {}
  u64 sectors() const override { return disk_.sectors(); }
  bool read_only() const override { return true; }
  bool read(u64 sector, std::span<u8> to) override { return disk_.read(sector, to); }
  bool write(u64, std::span<const u8>) override { return false; }
  u64 next_data(u64 sector) const override { return disk_.next_data(sector); }
  bool flush() override { return true; }

 private:
  DiskHistory& disk_;
};

// The sectors of the file, as long as `take` wants them.
bool Loader::sectors(std::size_t n, const std::function<bool(u64, std::span<const u8>)>& take,
                     std::string& error) {
  const DiskHistory& disk = *disks_[n];
  return file_.each(
      Kind::disk, static_cast<u8>(n),
      [&](const StateFrame& frame, std::span<const u8> bytes) {
        const u64 count = bytes.size() / sector_bytes;
        const bool inside = bytes.size() % sector_bytes == 0 && count <= disk.sectors() &&
                            frame.first <= disk.sectors() - count;
        if (!inside) error = file_.damaged("the sectors of a drive");
        return inside && take(frame.first, bytes);
      },
      error);
}

// The machine may have been there itself. Else what was written is written again, over an image that is as it
// was: one that is not stays as it is.
bool Loader::disk(std::size_t n, std::string& error) {
  DiskHistory& disk = *disks_[n];
  const StateDescription::Disk& said = said_.disks[n];
  if (disk.go_to(said.version) && contents_hash(disk) == said.hash) return true;
  disk.go_to(0);
  OverlayBlock with(std::make_unique<Borrowed>(disk));
  if (!sectors(
          n, [&](u64 at, std::span<const u8> bytes) { return with.write(at, bytes); }, error))
    return false;
  const std::string name = drive_names(machine_.config()).at(n);
  if (contents_hash(with) != said.hash || (disk.read_only() && said.version != 0)) {
    error = fmt::format(
        "{}: the image {} is not as it was when the state was saved: it was written to since, or it is "
        "another; give a copy of it from then, and add snapshot=on next time",
        file_.path(), name);
    return false;
  }
  if (!sectors(
          n, [&](u64 at, std::span<const u8> bytes) { return disk.write(at, bytes); }, error)) {
    if (error.empty())
      error = fmt::format("{}: the drive {} cannot be written; add snapshot=on to its -drive", file_.path(),
                          name);
    return false;
  }
  disk.name_contents(said.version);
  return true;
}

bool Loader::all_disks(std::string& error) {
  for (std::size_t n = 0; n < disks_.size(); ++n)
    if (!disk(n, error)) return false;
  return true;
}

bool Loader::load(Before before, std::string& error) {
  std::vector<u8> state;
  if (!fields(state, error)) return false;
  if (before == Before::kept && !pages(true, error)) return false;
  machine_.drives().keep();
  std::vector<u64> versions;
  for (const DiskHistory* disk : disks_) versions.push_back(disk->version());
  const bool disks = all_disks(error);
  if (!disks || !machine_.restore_without_ram(state)) {
    for (std::size_t n = 0; n < disks_.size(); ++n) disks_[n]->go_to(versions[n]);
    if (disks)
      error = fmt::format(
          "{}: was saved by another build of Ringside ({}; this is {}), whose machine has other fields; "
          "load it with that one, or save it again",
          file_.path(), said_.version, this_version);
    return false;
  }
  if (!pages(false, error)) return false;
  clear_other_pages();
  if (before == Before::lost) machine_.drives().forget();
  return true;
}

}  // namespace

bool load_state_file(Machine& machine, const std::string& path, Before before, std::string& error) {
  const auto file = StateFrameReader::open(path, error);
  if (!file) return false;
  const auto said = described(*file, error);
  if (!said) return false;
  Loader loader(machine, *file, *said);
  return loader.fits(error) && loader.load(before, error);
}

}  // namespace ringside
