// Owns the table of flags: what each is called, what it takes, what it does and what help says of it.
#include "frontend/program/options.h"

#include <fmt/format.h>

#include <chrono>

#include "frontend/program/expect.h"
#include "frontend/program/listings.h"
#include "frontend/program/option_values.h"

namespace ringside {
namespace {

bool accepted(Parsed&, std::string_view, std::string&) { return true; }

bool fail(std::string& error, std::string text) {
  error = std::move(text);
  return false;
}

bool file_name(std::string_view flag, std::string_view value, std::string& to, std::string& error) {
  if (value.empty()) return fail(error, fmt::format("{}: the file's name is empty; name a file", flag));
  to = value;
  return true;
}

bool kernel(Parsed& p, std::string_view v, std::string& e) {
  return file_name("-kernel", v, p.run.machine.boot.kernel, e);
}
bool initrd(Parsed& p, std::string_view v, std::string& e) {
  return file_name("-initrd", v, p.run.machine.boot.initrd, e);
}
bool bios(Parsed& p, std::string_view v, std::string& e) {
  return file_name("-bios", v, p.run.machine.boot.bios, e);
}
bool stats(Parsed& p, std::string_view v, std::string& e) { return file_name("--stats", v, p.run.stats, e); }

bool append(Parsed& p, std::string_view v, std::string&) {
  p.run.machine.boot.append = v;
  return true;
}

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

bool machine_type(Parsed& p, std::string_view v, std::string& e) {
  if (v == "help" || v == "?") {
    p.answer = Answer::machines;
    return true;
  }
  for (const Property& property : parse_properties(v)) {
    if (property.name == "accel") {
      if (!known_accelerator(property.value, p.run.machine.dispatcher, e)) return false;
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
  return known_accelerator(first.name == "accel" ? first.value : first.name, p.run.machine.dispatcher, e);
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

bool serial(Parsed& p, std::string_view v, std::string& e) {
  if (p.run.serial) return fail(e, fmt::format("-serial {}: there is one serial port; give -serial once", v));
  p.run.serial = parse_sink("-serial", v, e);
  return p.run.serial.has_value();
}

bool debugcon(Parsed& p, std::string_view v, std::string& e) {
  p.run.debugcon = parse_sink("-debugcon", v, e);
  return p.run.debugcon.has_value();
}

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

bool device(Parsed& p, std::string_view v, std::string& e) {
  const auto properties = parse_properties(v);
  const std::string& kind = properties.front().name;
  if (kind == "help" || kind == "?") {
    p.answer = Answer::devices;
    return true;
  }
  if (kind == "isa-debug-exit") return debug_exit(properties, p, v, e);
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

// Scripts set properties of QEMU's own devices with it, which are tuning and not behaviour.
bool global_property(Parsed& p, std::string_view v, std::string&) {
  p.run.warnings.push_back(fmt::format("-global {}: does nothing", v));
  return true;
}

bool display(Parsed&, std::string_view v, std::string& e) {
  if (v == "none") return true;
  return fail(e, fmt::format("-display {}: not there yet; use -display none and the serial port", v));
}

bool vnc(Parsed&, std::string_view v, std::string& e) {
  if (v == "none") return true;
  return fail(e, fmt::format("-vnc {}: not there yet; use -vnc none and the serial port", v));
}

bool network(std::string_view flag, std::string_view v, std::string& e) {
  return v == "none" || fail(e, fmt::format("{0} {1}: there is no network yet; use {0} none", flag, v));
}
bool net(Parsed&, std::string_view v, std::string& e) { return network("-net", v, e); }
bool nic(Parsed&, std::string_view v, std::string& e) { return network("-nic", v, e); }

bool monitor(Parsed&, std::string_view v, std::string& e) {
  if (v == "none" || v == "null" || v == "/dev/null") return true;
  return fail(e, fmt::format("-monitor {}: there is no monitor yet; use -monitor none", v));
}

bool timeout(Parsed& p, std::string_view v, std::string& e) {
  // Thousandths, read as a number with a fraction by the reader of sizes.
  const auto thousandths = parse_bytes(v, 1000);
  const bool digits = !v.empty() && v.back() >= '0' && v.back() <= '9';
  if (!thousandths || !digits || *thousandths == 0) {
    return fail(e, fmt::format("--timeout {}: not a time; give seconds above 0, such as 60 or 0.5", v));
  }
  p.run.timeout = static_cast<double>(*thousandths) / 1000;
  return true;
}

bool max_instructions(Parsed& p, std::string_view v, std::string& e) {
  const auto count = parse_number(v);
  if (!count || *count == 0) {
    return fail(e, fmt::format("--max-instructions {}: not a count; give a whole number above 0", v));
  }
  p.run.max_instructions = *count;
  return true;
}

bool expect(Parsed& p, std::string_view v, std::string& e) {
  Expect trial;
  if (!trial.compile(std::string(v), e)) return false;
  p.run.expect = v;
  return true;
}

bool trace_exits(Parsed& p, std::string_view v, std::string& e) {
  return file_name("--trace-exits", v, p.run.trace_exits, e);
}
bool vmx_coverage(Parsed& p, std::string_view v, std::string& e) {
  return file_name("--vmx-coverage", v, p.run.vmx_coverage, e);
}
// "FILE", "FILE,0x1000", "FILE,0x1000,guest".
bool symbols(Parsed& p, std::string_view v, std::string& e) {
  SymbolFile file;
  for (std::size_t comma = v.rfind(','); comma != v.npos; comma = v.rfind(',')) {
    const std::string_view word = v.substr(comma + 1);
    const auto offset = parse_number(word);
    if (!offset && word != "root" && word != "guest") break;
    if (offset) file.offset = *offset;
    if (word == "root") file.world = World::root;
    if (word == "guest") file.world = World::non_root;
    v = v.substr(0, comma);
  }
  if (!file_name("--symbols", v, file.path, e)) return false;
  p.run.symbols.push_back(std::move(file));
  return true;
}
bool explain(Parsed& p, std::string_view, std::string&) { return p.run.explain = true; }
bool explain_as_json(Parsed& p, std::string_view, std::string&) {
  return p.run.explain = p.run.explain_as_json = true;
}
bool explain_json(Parsed& p, std::string_view v, std::string& e) {
  return file_name("--explain-json", v, p.run.explain_json, e);
}
bool explain_only(Parsed& p, std::string_view v, std::string& e) {
  const auto filter = parse_story_filter(v, e);
  if (filter) p.run.explain_only = *filter;
  return filter.has_value();
}
bool feature_control(Parsed& p, std::string_view v, std::string& e) {
  if (v != "locked" && v != "open")
    return fail(e, fmt::format("--feature-control {}: unknown; choose locked (VMX enabled) or open (0)", v));
  p.run.machine.lock_feature_control = v == "locked";
  return true;
}

bool gdb(Parsed& p, std::string_view v, std::string& e) {
  if (v == "none") {
    p.run.gdb.reset();
    return true;
  }
  p.run.gdb = parse_gdb_place(v, e);
  return p.run.gdb.has_value();
}
bool gdb_usual(Parsed& p, std::string_view, std::string& e) { return gdb(p, "tcp::1234", e); }
bool start_stopped(Parsed& p, std::string_view, std::string&) { return p.run.start_stopped = true; }

bool no_reboot(Parsed& p, std::string_view, std::string&) { return p.run.no_reboot = true; }
bool no_defaults(Parsed& p, std::string_view, std::string&) { return p.run.no_defaults = true; }
bool nographic(Parsed& p, std::string_view, std::string&) {
  if (!p.run.serial) p.run.serial = Sink{Sink::Kind::standard, ""};
  return true;
}
bool name(Parsed& p, std::string_view v, std::string&) {
  p.run.name = v;
  return true;
}
bool help(Parsed& p, std::string_view, std::string&) {
  p.answer = Answer::help;
  return true;
}
bool version(Parsed& p, std::string_view, std::string&) {
  p.answer = Answer::version;
  return true;
}

constexpr bool own = true, run_only = true;
constexpr Option options[] = {
    {"", "", "What to boot", nullptr},
    {"kernel", "FILE", "boot this: a Linux bzImage, or an ELF with a multiboot 1, multiboot 2 or PVH header",
     kernel},
    {"initrd", "FILE", "Linux's initial RAM disk; modules \"FILE ARGS,FILE ARGS\" for multiboot and PVH",
     initrd},
    {"append", "TEXT", "the kernel's command line", append},
    {"bios", "FILE",
     "without -kernel: firmware, a raw image that ends at 4 GiB and starts at the reset vector", bios},

    {"", "", "The machine", nullptr},
    {"m", "SIZE", "memory: 1M to 64G; a plain number counts MiB (128)", memory},
    {"smp", "N", "virtual CPUs: 1 to 8, also as cpus=N (1)", processors},
    {"cpu", "MODEL", "CPU model and features, MODEL[,+FEATURE][,-FEATURE]; \"ringside cpus\" lists them",
     cpu_model},
    {"machine", "TYPE", "pc is the only one; accel=NAME as -accel", machine_type},
    {"M", "TYPE", "the same as -machine", machine_type},
    {"accel", "NAME", "how instructions are run: emitted or reference; tcg means the best there is",
     accelerator},
    {"device", "DEVICE",
     "isa-debug-exit[,iobase=PORT][,iosize=BYTES] or pc-testdev; \"ringside devices\" lists all", device},
    {"global", "PROPERTY", "accepted, does nothing", global_property},
    {"rtc", "base=DATE", "the clock at power-up: 2024-05-06T07:08:09, utc or localtime (2023-11-14T22:13:20)",
     real_time_clock},
    {"msrs", "strict|lenient", "an MSR that nobody knows: #GP, or reads as 0 and ignores writes (strict)",
     msrs, own},
    {"feature-control", "locked|open",
     "IA32_FEATURE_CONTROL as firmware leaves it: locked with VMXON enabled, or open for the guest (locked)",
     feature_control, own},
    {"no-reboot", "", "end when the guest resets the machine", no_reboot},

    {"", "", "Input and output", nullptr},
    {"serial", "PLACE", "the serial port: stdio, file:PATH or null (stdio)", serial},
    {"debugcon", "PLACE", "the debug consoles, ports 0xe9 and 0x402: stdio, file:PATH or null (null)",
     debugcon},
    {"nographic", "", "the serial port on the terminal, as it is without this", nographic},
    {"display", "none", "no window, as it is without this", display},
    {"vnc", "none", "the same", vnc},
    {"nodefaults", "", "nothing that was not asked for: no serial port on the terminal", no_defaults},

    {"", "", "Batch runs", nullptr},
    {"timeout", "SECONDS", "end after so much time of the host; status 124", timeout, own},
    {"max-instructions", "N", "end after N instructions of all CPUs together; status 124", max_instructions,
     own, run_only},
    {"expect", "REGEX",
     "end with 0 when a line of the serial output matches; status 1 if the run ends without", expect, own},
    {"stats", "FILE", "write statistics as JSON at the end: instructions, times, state hash, ...", stats,
     own},

    {"", "", "Virtualization", nullptr},
    {"explain", "",
     "tell each VM entry, exit and refusal in words, on standard error; as ringside explain ...", explain,
     own},
    {"json", "", "--explain, as JSON: a line for each event", explain_as_json, own},
    {"explain-json", "FILE", "the same into a file, with or without --explain", explain_json, own},
    {"explain-only", "WHAT",
     "of --explain and --explain-json: exit reasons, refused, from=COUNT, to=COUNT, every=N, with commas "
     "between",
     explain_only, own},
    {"trace-exits", "FILE", "one row for each VM exit: CSV if the name ends in .csv, else JSON lines",
     trace_exits, own},
    {"vmx-coverage", "FILE", "which exit reasons, errors and entry rules the run met; - for standard error",
     vmx_coverage, own},

    {"", "", "Debugging", nullptr},
    {"symbols", "FILE[,OFFSET][,guest]",
     "names and source lines: ELF with DWARF, System.map, Xen's map; of the guest, or with root of the "
     "hypervisor; may come again",
     symbols, own},
    {"gdb", "PLACE", "let gdb in: tcp::PORT, tcp:HOST:PORT or unix:PATH; tcp without a host is this one only",
     gdb},
    {"s", "", "the same as -gdb tcp::1234", gdb_usual},
    {"S", "", "stand still at the start until gdb says otherwise", start_stopped},

    {"", "", "Taken for QEMU's sake", nullptr},
    {"name", "NAME", "the machine's name, for the statistics", name},
    {"no-user-config", "", "there is no configuration file anyway", accepted},
    {"net", "none", "no network, as it is without this", net},
    {"nic", "none", "the same", nic},
    {"monitor", "none", "no monitor, as it is without this", monitor},

    {"", "", "About Ringside", nullptr},
    {"help", "", "this text", help, own},
    {"h", "", "the same", help},
    {"version", "", "the version", version, own},
};

}  // namespace

std::span<const Option> option_table() { return options; }

}  // namespace ringside
