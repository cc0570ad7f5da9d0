// Owns what the flags that describe the machine do: memory, CPUs, devices, clock.
#include <fmt/format.h>

#include <array>
#include <cctype>
#include <chrono>
#include <ctime>

#include "frontend/program/listings.h"
#include "frontend/program/option_functions.h"
#include "frontend/program/option_values.h"

namespace ringside::flags {
namespace {

bool debug_exit(const std::vector<Property>& properties, Parsed& p, std::string_view v, std::string& e) {
  MachineConfig::DebugExit exit;
  for (const Property& property : properties) {
    if (property.name == "isa-debug-exit") continue;
    const auto number = parse_number(property.value);
    if (property.name == "iobase" && number && *number <= 0xffff) {
      exit.port = static_cast<u16>(*number);
    } else if (property.name == "iosize" && number && (*number == 1 || *number == 2 || *number == 4)) {
      exit.bytes = static_cast<u16>(*number);
    } else {
      return fail(
          e, fmt::format("-device {}: {}={} is no setting of it; write isa-debug-exit,iobase=0xf4,iosize=4",
                         v, property.name, property.value));
    }
  }
  p.run.machine.debug_exit = exit;
  return true;
}

// "loader,addr=0x1000,file=PATH" or "loader,addr=0x1000,data=5,data-len=4".
bool device_loader(const std::vector<Property>& properties, Parsed& p, std::string_view v, std::string& e) {
  LoadedBytes load;
  std::optional<u64> address, data, length;
  for (const auto& [name, value] : properties) {
    if (name == "loader" || (name == "force-raw" && value != "off")) continue;
    if (name == "file") {
      load.path = value;
    } else if (name == "addr") {
      address = parse_number(value);
    } else if (name == "data") {
      data = parse_number(value);
    } else if (name == "data-len") {
      length = parse_number(value);
    } else {
      return fail(
          e, fmt::format("-device {}: {} is no setting of it; write loader,addr=0x1000,file=PATH", v, name));
    }
  }
  const bool number = data && length && *length >= 1 && *length <= 8;
  if (!address || load.path.empty() != number)
    return fail(e, fmt::format("-device {}: it puts a file or a number at an address; write "
                               "loader,addr=0x1000,file=PATH or loader,addr=0x1000,data=5,data-len=4",
                               v));
  load.address = *address;
  for (u64 n = 0; number && n < *length; ++n) load.bytes.push_back(static_cast<u8>(*data >> (8 * n)));
  p.run.loads.push_back(std::move(load));
  return true;
}

// "isa-serial,chardev=ID": QEMU's longer way to write -serial chardev:ID.
bool device_serial(const std::vector<Property>& properties, Parsed& p, std::string_view v, std::string& e) {
  std::string id;
  for (const auto& [name, value] : properties) {
    if (name == "chardev") id = value;
  }
  if (id.empty()) return fail(e, fmt::format("-device {}: add ,chardev=ID, or use -serial PLACE", v));
  return serial(p, "chardev:" + id, e);
}

}  // namespace

bool memory(Parsed& p, std::string_view v, std::string& e) {
  for (const Property& property : parse_properties(v)) {
    if (property.name == "slots" || property.name == "maxmem") {
      return fail(e, fmt::format("-m {}: memory cannot be plugged in; give the size alone", v));
    }
    const bool named = property.name == "size";
    const auto bytes = parse_bytes(named ? property.value : property.name, u64{1} << 20);
    if (!bytes || (!named && !property.value.empty())) {
      return fail(e, fmt::format("-m {}: not an amount of memory; write 512 (MiB), 512M or 2G", v));
    }
    constexpr u64 least = u64{1} << 20, most = u64{64} << 30;
    if (*bytes < least || *bytes > most || *bytes % 4096 != 0) {
      return fail(e, fmt::format("-m {}: out of range; give 1M to 64G, in whole pages of 4K", v));
    }
    p.run.machine.ram_bytes = *bytes;
  }
  return true;
}

bool processors(Parsed& p, std::string_view v, std::string& e) {
  for (const Property& property : parse_properties(v)) {
    const bool bare =
        property.value.empty() && property.name.find_first_not_of("0123456789") == std::string::npos;
    if (!bare && property.name != "cpus") {
      if (property.name != "sockets" && property.name != "dies" && property.name != "cores" &&
          property.name != "threads" && property.name != "maxcpus") {
        return fail(e, fmt::format("-smp {}: {} is unknown; write -smp N or -smp cpus=N", v, property.name));
      }
      p.run.warnings.push_back(
          fmt::format("-smp {}: {} does nothing; the CPUs are cores of one package", v, property.name));
      continue;
    }
    const auto count = parse_number(bare ? property.name : property.value);
    if (!count || *count < 1 || *count > 8) {
      return fail(e, fmt::format("-smp {}: not a number of CPUs that works; give 1 to 8", v));
    }
    p.run.machine.cpus = static_cast<unsigned>(*count);
  }
  return true;
}

bool cpu_model(Parsed& p, std::string_view v, std::string& e) {
  if (v == "help" || v == "?") {
    p.answer = Answer::cpus;
    return true;
  }
  const auto model = parse_cpu_model(v, e);
  if (!model) return false;
  p.run.machine.model = *model;
  return true;
}

bool choose_accelerator(Parsed& p, std::string_view name, std::string& e) {
  p.run.emitted_by_name = name == "emitted";
  return known_accelerator(name, p.run.machine.dispatcher, e);
}

bool machine_type(Parsed& p, std::string_view v, std::string& e) {
  if (v == "help" || v == "?") {
    p.answer = Answer::machines;
    return true;
  }
  for (const Property& property : parse_properties(v)) {
    if (property.name == "accel") {
      if (!choose_accelerator(p, property.value, e)) return false;
    } else if (property.value.empty() || property.name == "type") {
      const std::string& type = property.value.empty() ? property.name : property.value;
      if (type != "pc" && !type.starts_with("pc-i440fx")) {
        return fail(e, fmt::format("-machine {}: no such machine; there is one, pc", type));
      }
    } else {
      p.run.warnings.push_back(fmt::format("-machine {}: {} does nothing here", v, property.name));
    }
  }
  return true;
}

bool accelerator(Parsed& p, std::string_view v, std::string& e) {
  if (v == "help" || v == "?") {
    p.answer = Answer::accelerators;
    return true;
  }
  const auto properties = parse_properties(v);
  const Property& first = properties.front();
  return choose_accelerator(p, first.name == "accel" ? first.value : first.name, e);
}

bool msrs(Parsed& p, std::string_view v, std::string& e) {
  if (v != "strict" && v != "lenient") {
    return fail(e, fmt::format("--msrs {}: unknown; choose strict (#GP) or lenient (reads as 0)", v));
  }
  p.run.machine.strict_msrs = v == "strict";
  return true;
}

bool real_time_clock(Parsed& p, std::string_view v, std::string& e) {
  for (const Property& property : parse_properties(v)) {
    if (property.name == "clock" || property.name == "driftfix") {
      p.run.warnings.push_back(
          fmt::format("-rtc {}: {} does nothing; time follows the instructions", v, property.name));
    } else if (property.name != "base") {
      return fail(
          e, fmt::format("-rtc {}: {} is unknown; write -rtc base=2024-05-06T07:08:09", v, property.name));
    } else if (property.value == "utc" || property.value == "localtime") {
      // The one place where the host's clock gets into a machine, and only when asked for.
      const auto now = std::chrono::system_clock::now().time_since_epoch();
      const std::time_t seconds = std::chrono::duration_cast<std::chrono::seconds>(now).count();
      std::tm local{};
      const bool shift = property.value == "localtime" && localtime_r(&seconds, &local);
      p.run.machine.start_time = seconds + (shift ? local.tm_gmtoff : 0);
    } else if (const auto date = parse_date(property.value)) {
      p.run.machine.start_time = *date;
    } else {
      return fail(e, fmt::format("-rtc {}: not a date; write base=2024-05-06T07:08:09, utc or localtime", v));
    }
  }
  return true;
}

bool feature_control(Parsed& p, std::string_view v, std::string& e) {
  if (v != "locked" && v != "open")
    return fail(e, fmt::format("--feature-control {}: unknown; choose locked (VMX enabled) or open (0)", v));
  p.run.machine.lock_feature_control = v == "locked";
  return true;
}

bool device(Parsed& p, std::string_view v, std::string& e) {
  const auto properties = parse_properties(v);
  const std::string& kind = properties.front().name;
  if (kind == "help" || kind == "?") {
    p.answer = Answer::devices;
    return true;
  }
  if (kind == "isa-debug-exit") return debug_exit(properties, p, v, e);
  if (kind == "loader") return device_loader(properties, p, v, e);
  if (kind == "isa-serial") return device_serial(properties, p, v, e);
  if (kind == "VGA") {
    p.run.vga = true;
    for (const Property& property : properties)
      if (property.name != kind)
        p.run.warnings.push_back(fmt::format("-device {}: {} does nothing here", v, property.name));
    return true;
  }
  if (kind == "pc-testdev") {
    p.run.machine.test_device = true;
    return true;
  }
  if (kind == "pci-testdev") {
    p.run.warnings.push_back("-device pci-testdev: not modelled; the guest will not find it");
    return true;
  }
  return fail(e, fmt::format("-device {}: no such device; \"ringside devices\" lists those there are", kind));
}

// "name=opt/org.test/x,file=PATH" or "...,string=TEXT"; the name's own "name=" may be left out.
bool fw_cfg(Parsed& p, std::string_view v, std::string& e) {
  MachineConfig::FwCfgFile file;
  bool given = false;
  for (const auto& [name, value] : parse_properties(v)) {
    if (name == "name" || (value.empty() && file.name.empty())) {
      file.name = name == "name" ? value : name;
    } else if (name == "file") {
      given = !value.empty();
      file.path = value;
    } else if (name == "string") {
      given = true;
      file.bytes.assign(value.begin(), value.end());
    } else {
      return fail(
          e, fmt::format("-fw_cfg {}: {} is unknown; write name=NAME,file=PATH or name=NAME,string=TEXT", v,
                         name));
    }
  }
  if (file.name.empty() || file.name.size() > MachineConfig::longest_fw_cfg_name || !given)
    return fail(e,
                fmt::format("-fw_cfg {}: write name=NAME,file=PATH or name=NAME,string=TEXT, the name of at "
                            "most {} letters",
                            v, MachineConfig::longest_fw_cfg_name));
  p.run.machine.fw_cfg.push_back(std::move(file));
  return true;
}

// "8ee0d8c2-...": 32 hexadecimal digits in groups of 8, 4, 4, 4 and 12.
bool uuid(Parsed& p, std::string_view v, std::string& e) {
  constexpr std::string_view shape = "dddddddd-dddd-dddd-dddd-dddddddddddd";
  std::string digits;
  bool good = v.size() == shape.size();
  for (std::size_t n = 0; good && n < shape.size(); ++n) {
    good = shape[n] == 'd' ? std::isxdigit(static_cast<unsigned char>(v[n])) : v[n] == '-';
    if (shape[n] == 'd') digits += v[n];
  }
  if (!good)
    return fail(
        e, fmt::format("-uuid {}: not a UUID; write 550e8400-e29b-41d4-a716-446655440000 or the like", v));
  std::array<u8, 16> bytes{};
  for (std::size_t n = 0; n < bytes.size(); ++n)
    bytes[n] = static_cast<u8>(parse_number("0x" + digits.substr(2 * n, 2)).value_or(0));
  p.run.machine.uuid = bytes;
  return true;
}

// "reboot=shutdown,shutdown=pause"
bool action(Parsed& p, std::string_view v, std::string& e) {
  for (const auto& [name, value] : parse_properties(v)) {
    if (name == "reboot" && (value == "shutdown" || value == "reset")) {
      p.run.no_reboot = value == "shutdown";
    } else if (name == "shutdown" && (value == "pause" || value == "poweroff")) {
      p.run.no_shutdown = value == "pause";
    } else if (name == "panic" || name == "watchdog") {
      p.run.warnings.push_back(fmt::format("-action {}: {} does nothing; there is no such device", v, name));
    } else {
      return fail(
          e,
          fmt::format("-action {}: unknown; write reboot=reset or shutdown, shutdown=poweroff or pause", v));
    }
  }
  return true;
}

}  // namespace ringside::flags
