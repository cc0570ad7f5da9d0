// Owns the flags about firmware, and finding the files that firmware consists of on a Debian host.
#include "frontend/program/options_firmware.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "frontend/program/option_functions.h"
#include "frontend/program/option_values.h"

namespace ringside {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view seabios = "bios-256k.bin", linux_rom = "linuxboot_dma.bin";

// Where Debian's packages seabios, ovmf, u-boot-qemu and qemu-system-data put what they bring.
constexpr std::string_view folders[] = {"/usr/share/seabios", "/usr/share/ovmf", "/usr/share/OVMF",
                                        "/usr/lib/u-boot/qemu-x86", "/usr/share/qemu"};

// The file of that name in one of the folders of -L, or where packages put it; empty: nowhere.
std::string find_file(const RunOptions& run, std::string_view name) {
  std::error_code none;
  std::vector<fs::path> places(run.firmware_folders.begin(), run.firmware_folders.end());
  places.insert(places.end(), std::begin(folders), std::end(folders));
  for (const fs::path& place : places) {
    const fs::path file = place / name;
    if (fs::is_regular_file(file, none)) return file.string();
  }
  return {};
}

bool switch_value(std::string_view text, bool& to) {
  to = text == "on" || text == "yes";
  return to || text == "off" || text == "no";
}

}  // namespace

namespace flags {

bool firmware_folder(Parsed& p, std::string_view v, std::string& e) {
  std::error_code none;
  if (!fs::is_directory(fs::path(v), none))
    return fail(e, fmt::format("-L {}: no such folder; name one with firmware files in it", v));
  p.run.firmware_folders.emplace_back(v);
  return true;
}

// "cd", or "order=cd,menu=on,splash-time=3000". What else QEMU takes there makes no difference here.
bool boot_order(Parsed& p, std::string_view v, std::string& e) {
  p.run.boot_flag = true;
  BootRequest& boot = p.run.machine.boot;
  for (const auto& [name, value] : parse_properties(v)) {
    const bool bare = name.empty() || (value.empty() && name != "order");
    if (bare || name == "order" || name == "once") {
      const std::string& letters = bare ? (name.empty() ? value : name) : value;
      if (letters.empty() || letters.find_first_not_of("acdn") != letters.npos)
        return fail(
            e, fmt::format("-boot {}: order={} is none; give letters of a (floppy), c (disk), d (CD) and "
                           "n (network)",
                           v, letters));
      if (name == "once")
        return fail(e, fmt::format("-boot {}: once= is not there; every reset boots by order=", v));
      boot.order = letters;
    } else if (name == "menu" || name == "strict") {
      bool on = false;
      if (!switch_value(value, on)) return fail(e, fmt::format("-boot {}: {} is on or off", v, name));
      if (name == "menu") boot.menu = on;
    } else if (name == "splash-time") {
      const auto wait = parse_number(value);
      if (!wait || *wait > 0xffff)
        return fail(e, fmt::format("-boot {}: splash-time is milliseconds, at most 65535", v));
      boot.menu_wait = static_cast<u16>(*wait);
    } else {
      return fail(e,
                  fmt::format("-boot {}: {} is unknown; there are order=, menu= and splash-time=", v, name));
    }
  }
  return true;
}

}  // namespace flags

bool choose_firmware(RunOptions& run, std::string& error) {
  BootRequest& boot = run.machine.boot;
  std::error_code none;
  if (!boot.bios.empty()) {
    // A name alone may be one of a package's files.
    if (!fs::exists(fs::path(boot.bios), none) && boot.bios.find('/') == boot.bios.npos) {
      if (const std::string found = find_file(run, boot.bios); !found.empty()) boot.bios = found;
    }
    // Firmware that loads kernels by itself does not start it.
    if (!boot.kernel.empty()) boot.option_rom = find_file(run, linux_rom);
    return true;
  }
  if (!boot.kernel.empty() || !wants_firmware(run)) return true;
  boot.bios = find_file(run, seabios);
  if (!boot.bios.empty()) return true;
  error = fmt::format(
      "no firmware: {} is not there; install the package seabios, or name another by -bios FILE", seabios);
  return false;
}

bool wants_firmware(const RunOptions& run) {
  return !run.machine.drives.empty() || !run.firmware_folders.empty() || run.boot_flag;
}

}  // namespace ringside
