// Owns the rows of a configuration's flags.
#include "frontend/machine/machine_flags.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <string_view>

#include "cpu/state/model_text.h"

namespace ringside {
namespace {

namespace fs = std::filesystem;

// What is in the folder of this run has a name for runs in others, too.
std::string everywhere(const std::string& path) {
  std::error_code none;
  if (path.empty() || !fs::exists(path, none)) return path;
  const fs::path whole = fs::absolute(path, none);
  return none ? path : whole.lexically_normal().string();
}

// In a list of properties a comma is written twice.
std::string in_list(const std::string& text) {
  std::string out;
  for (const char c : text) out.append(c == ',' ? 2 : 1, c);
  return out;
}

const char* on_or_off(bool value) { return value ? "on" : "off"; }

std::string memory_text(u64 bytes) {
  return bytes % (u64{1} << 20) == 0 ? fmt::format("{}M", bytes >> 20) : fmt::format("{}K", bytes >> 10);
}

std::string date_text(s64 seconds) {
  using namespace std::chrono;
  constexpr s64 day = 86'400;
  const s64 days_since = seconds / day - (seconds % day < 0 ? 1 : 0), rest = seconds - days_since * day;
  const year_month_day date{sys_days(days(days_since))};
  return fmt::format("base={:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), rest / 3600,
                     rest / 60 % 60, rest % 60);
}

std::string uuid_text(const std::array<u8, 16>& bytes) {
  std::string text;
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    if (n == 4 || n == 6 || n == 8 || n == 10) text += '-';
    text += fmt::format("{:02x}", bytes[n]);
  }
  return text;
}

MachineFlag drive_flag(const DriveRequest& drive) {
  const bool floppy = drive.bus == DriveRequest::Bus::floppy;
  MachineFlag row{"-drive",
                  fmt::format("if={},index={},media={},readonly={}", floppy ? "floppy" : "ide", drive.index,
                              drive.cdrom ? "cdrom" : "disk", on_or_off(drive.read_only))};
  row.own = fmt::format("snapshot={}", on_or_off(drive.snapshot));
  row.file = everywhere(drive.path);
  if (drive.source == DriveRequest::Source::folder)
    row.file = (drive.snapshot ? "fat:" : "fat:rw:") + row.file;
  return row;
}

void add_boot(const BootRequest& boot, std::vector<MachineFlag>& rows) {
  if (!boot.bios.empty()) {
    rows.push_back({"-bios", "", everywhere(boot.bios)});
    std::string order = fmt::format("order={},menu={}", boot.order, on_or_off(boot.menu));
    if (boot.menu_wait) order += fmt::format(",splash-time={}", *boot.menu_wait);
    rows.push_back({"-boot", std::move(order), ""});
  }
  // It is in memory, or firmware takes it from where it took it at the start.
  constexpr bool same = false;
  if (!boot.kernel.empty()) rows.push_back({"-kernel", "", everywhere(boot.kernel), same});
  if (!boot.initrd.empty()) rows.push_back({"-initrd", "", everywhere(boot.initrd), same});
  if (!boot.append.empty()) rows.push_back({"-append", boot.append, "", same});
}

// "-m 512M", or "2 serial ports"; several of a kind with "and" between.
std::string phrase(const std::vector<MachineFlag>& rows, std::string_view flag) {
  std::string text;
  for (const MachineFlag& row : rows) {
    if (row.flag != flag) continue;
    const std::string file = row.file.empty() ? "" : " " + row.file;
    text += text.empty() ? "" : " and ";
    if (!flag.starts_with('-'))
      text += fmt::format("{} {}", row.value, flag);
    else if (row.value.empty())
      text += fmt::format("{}{}", flag, file);
    else
      text += fmt::format("{} {}{}", flag, row.value, file.empty() ? "" : ",file=" + file.substr(1));
  }
  return text;
}

// What must be alike, in one text.
std::string compared(const std::vector<MachineFlag>& rows, std::string_view flag) {
  std::string text;
  for (const MachineFlag& row : rows)
    if (row.same && row.flag == flag) text += row.value + '\n';
  return text;
}

}  // namespace

std::string MachineFlag::written() const {
  std::string text = value;
  if (!own.empty()) text += "," + own;
  if (!file.empty()) text = value.empty() ? file : fmt::format("{},file={}", text, in_list(file));
  return text;
}

std::vector<MachineFlag> machine_flags(const MachineConfig& config) {
  std::vector<MachineFlag> rows = {
      {"-m", memory_text(config.ram_bytes), ""},
      {"-smp", fmt::format("{}", config.cpus), ""},
      {"-cpu", cpu_model_text(config.model), ""},
      {"--msrs", config.strict_msrs ? "strict" : "lenient", ""},
      {"--feature-control", config.lock_feature_control ? "locked" : "open", ""},
      {"-rtc", date_text(config.start_time), "", false},
      {"-vga", config.vga ? "std" : "none", ""},
      {"serial ports", fmt::format("{}", config.serial_ports), ""},
  };
  if (config.debug_exit)
    rows.push_back({"-device",
                    fmt::format("isa-debug-exit,iobase={:#x},iosize={}", config.debug_exit->port,
                                config.debug_exit->bytes),
                    ""});
  if (config.test_device) rows.push_back({"-device", "pc-testdev", ""});
  if (config.uuid) rows.push_back({"-uuid", uuid_text(*config.uuid), ""});
  for (const MachineConfig::FwCfgFile& item : config.fw_cfg) {
    MachineFlag row{"-fw_cfg", "name=" + in_list(item.name), everywhere(item.path)};
    if (item.path.empty()) row.value += ",string=" + in_list({item.bytes.begin(), item.bytes.end()});
    rows.push_back(std::move(row));
  }
  std::vector<DriveRequest> drives = config.drives;
  std::sort(drives.begin(), drives.end(), [](const DriveRequest& a, const DriveRequest& b) {
    return std::pair(a.bus, a.index) < std::pair(b.bus, b.index);
  });
  for (const DriveRequest& drive : drives) rows.push_back(drive_flag(drive));
  add_boot(config.boot, rows);
  return rows;
}

std::string why_other_machine(const std::vector<MachineFlag>& saved, const std::vector<MachineFlag>& here) {
  for (const auto* rows : {&saved, &here}) {
    for (const MachineFlag& row : *rows) {
      if (!row.same || compared(saved, row.flag) == compared(here, row.flag)) continue;
      const std::string then = phrase(saved, row.flag), now = phrase(here, row.flag);
      return fmt::format("it was saved with{} {}, this machine has {}", then.empty() ? "out" : "",
                         then.empty() ? row.flag : then, now.empty() ? "none" : now);
    }
  }
  return {};
}

}  // namespace ringside
