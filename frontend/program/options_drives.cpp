// Owns what the flags that name drives do: -drive, -cdrom, -hda and the others like it, -fda, -snapshot.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "frontend/program/option_functions.h"
#include "frontend/program/option_values.h"

namespace ringside::flags {
namespace {

constexpr std::string_view drive_example = "-drive file=disk.raw,format=raw,if=ide,index=0";

bool on_or_off(std::string_view value, bool& to) {
  to = value == "on";
  return to || value == "off";
}

// What QEMU tunes by: how the host caches, counts or reports.
bool is_tuning(std::string_view name) {
  static constexpr std::array<std::string_view, 11> names{
      "cache", "aio",          "discard", "detect-zeroes",        "werror",        "rerror",
      "id",    "copy-on-read", "serial",  "throttling.bps-total", "auto-read-only"};
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool taken(const Parsed& p, const DriveRequest& wanted, unsigned index) {
  const std::vector<DriveRequest>& drives = p.run.machine.drives;
  return std::any_of(drives.begin(), drives.end(), [&](const DriveRequest& drive) {
    return drive.bus == wanted.bus && drive.index == index;
  });
}

// "fat:DIR" is a folder; what is written to it is forgotten, but for that of "fat:rw:DIR".
void set_file(DriveRequest& drive, std::string_view file) {
  drive.path = file;
  if (!file.starts_with("fat:")) return;
  file.remove_prefix(4);
  for (const std::string_view word : {"32:", "16:", "floppy:"})
    if (file.starts_with(word)) file.remove_prefix(word.size());
  drive.source = DriveRequest::Source::folder;
  drive.snapshot = !file.starts_with("rw:");
  if (file.starts_with("rw:")) file.remove_prefix(3);
  drive.path = file;
}

bool add(std::string_view flag, std::string_view v, DriveRequest drive, std::optional<unsigned> index,
         Parsed& p, std::string& e) {
  const bool floppy = drive.bus == DriveRequest::Bus::floppy;
  const unsigned places = floppy ? Drives::floppy_drives : Drives::ide_drives;
  if (drive.path.empty())
    return fail(e, fmt::format("{} {}: names no file; write {}", flag, v, drive_example));
  if (!index) {
    index = 0;
    while (*index < places && taken(p, drive, *index)) ++*index;
  }
  if (*index >= places)
    return fail(e, fmt::format("{} {}: there are {} places for such drives, index 0 to {}; leave one out",
                               flag, v, places, places - 1));
  if (taken(p, drive, *index))
    return fail(e,
                fmt::format("{} {}: index {} has a drive already; give it another by -drive file=...,index=N",
                            flag, v, *index));
  drive.index = *index;
  p.run.machine.drives.push_back(std::move(drive));
  return true;
}

bool disk(std::string_view flag, std::string_view v, unsigned index, Parsed& p, std::string& e) {
  DriveRequest drive;
  set_file(drive, v);
  return add(flag, v, std::move(drive), index, p, e);
}

bool set_interface(std::string_view v, std::string_view value, DriveRequest& drive, std::string& e) {
  if (value == "ide" || value == "floppy") {
    drive.bus = value == "ide" ? DriveRequest::Bus::ide : DriveRequest::Bus::floppy;
    return true;
  }
  if (value == "pflash")
    return fail(e, fmt::format("-drive {}: there is one flash chip; name its image by -bios FILE", v));
  return fail(e, fmt::format("-drive {}: if={} is not there yet; use if=ide or if=floppy", v, value));
}

// Where a drive is to be: index=, or bus= and unit=.
struct Where {
  std::optional<u64> index, bus, unit;
  std::optional<unsigned> of(const DriveRequest& drive) const {
    if (!bus && !unit && !index) return std::nullopt;
    const u64 units = drive.bus == DriveRequest::Bus::ide ? 2 : Drives::floppy_drives;
    const u64 place = index ? *index : bus.value_or(0) * units + unit.value_or(0);
    return static_cast<unsigned>(std::min<u64>(place, 99));
  }
};

bool set_property(const Property& property, std::string_view v, DriveRequest& drive, Where& where, Parsed& p,
                  std::string& e) {
  const auto& [name, value] = property;
  const auto number = parse_number(value);
  if (name == "file") {
    set_file(drive, value);
  } else if (name == "if") {
    return set_interface(v, value, drive, e);
  } else if (name == "media" && (value == "disk" || value == "cdrom")) {
    drive.cdrom = value == "cdrom";
  } else if (name == "format") {
    return value == "raw" || value == "vvfat" ||
           fail(e,
                fmt::format("-drive {0}: format={1} is not there; make a raw image: qemu-img convert -f {1} "
                            "-O raw FILE disk.raw",
                            v, value));
  } else if (name == "readonly" || name == "read-only") {
    return on_or_off(value, drive.read_only) ||
           fail(e, fmt::format("-drive {}: {}={} is neither on nor off", v, name, value));
  } else if (name == "snapshot") {
    bool wanted = false;
    if (!on_or_off(value, wanted))
      return fail(e, fmt::format("-drive {}: {}={} is neither on nor off", v, name, value));
    drive.snapshot |= wanted;
  } else if (name == "index" && number) {
    where.index = number;
  } else if (name == "bus" && number) {
    where.bus = number;
  } else if (name == "unit" && number) {
    where.unit = number;
  } else if (is_tuning(name)) {
    if (name != "id") p.run.warnings.push_back(fmt::format("-drive {}: {} does nothing", v, name));
  } else {
    return fail(
        e, fmt::format("-drive {}: {}={} is no setting of a drive; write {}", v, name, value, drive_example));
  }
  return true;
}

}  // namespace

bool drive(Parsed& p, std::string_view v, std::string& e) {
  DriveRequest drive;
  Where where;
  for (const Property& property : parse_properties(v))
    if (!set_property(property, v, drive, where, p, e)) return false;
  return add("-drive", v, drive, where.of(drive), p, e);
}

bool cdrom(Parsed& p, std::string_view v, std::string& e) {
  DriveRequest drive;
  drive.path = v;
  drive.cdrom = true;
  return add("-cdrom", v, std::move(drive), 2, p, e);
}

bool hda(Parsed& p, std::string_view v, std::string& e) { return disk("-hda", v, 0, p, e); }
bool hdb(Parsed& p, std::string_view v, std::string& e) { return disk("-hdb", v, 1, p, e); }
bool hdc(Parsed& p, std::string_view v, std::string& e) { return disk("-hdc", v, 2, p, e); }
bool hdd(Parsed& p, std::string_view v, std::string& e) { return disk("-hdd", v, 3, p, e); }

bool fda(Parsed& p, std::string_view v, std::string& e) {
  DriveRequest drive;
  drive.bus = DriveRequest::Bus::floppy;
  drive.path = v;
  return add("-fda", v, std::move(drive), 0, p, e);
}

bool snapshot(Parsed& p, std::string_view, std::string&) { return p.run.snapshot = true; }

}  // namespace ringside::flags
