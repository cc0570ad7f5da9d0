// Owns the table of flags: what each is called, what it takes, what it does and what help says of it.
#include "frontend/program/options.h"

#include <fmt/format.h>

#include "frontend/program/embedded.h"
#include "frontend/program/option_functions.h"

namespace ringside {
namespace {

using namespace flags;

bool accepted(Parsed&, std::string_view, std::string&) { return true; }

bool kernel(Parsed& p, std::string_view v, std::string& e) {
  return file_name("-kernel", v, p.run.machine.boot.kernel, e);
}
bool initrd(Parsed& p, std::string_view v, std::string& e) {
  return file_name("-initrd", v, p.run.machine.boot.initrd, e);
}
bool bios(Parsed& p, std::string_view v, std::string& e) {
  if (!file_name("-bios", v, p.run.machine.boot.bios, e)) return false;
  p.run.machine.boot.bios = firmware_path(p.run.machine.boot.bios);
  return true;
}
bool stats(Parsed& p, std::string_view v, std::string& e) { return file_name("--stats", v, p.run.stats, e); }

bool append(Parsed& p, std::string_view v, std::string&) {
  p.run.machine.boot.append = v;
  return true;
}

// Scripts set properties of QEMU's own devices with it, which are tuning and not behaviour.
bool global_property(Parsed& p, std::string_view v, std::string&) {
  p.run.warnings.push_back(fmt::format("-global {}: does nothing", v));
  return true;
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

bool pidfile(Parsed& p, std::string_view v, std::string& e) {
  return file_name("-pidfile", v, p.run.pidfile, e);
}

bool no_shutdown(Parsed& p, std::string_view, std::string&) { return p.run.no_shutdown = true; }

bool trace_exits(Parsed& p, std::string_view v, std::string& e) {
  return file_name("--trace-exits", v, p.run.trace_exits, e);
}
bool vmx_coverage(Parsed& p, std::string_view v, std::string& e) {
  return file_name("--vmx-coverage", v, p.run.vmx_coverage, e);
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
bool nographic(Parsed& p, std::string_view, std::string&) { return p.run.nographic = true; }
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
     "firmware: a raw image that ends at 4 GiB and starts at the reset vector; with -kernel, it loads that",
     bios},
    {"L", "FOLDER", "look for firmware here first, then where Debian's packages put it; may come again",
     firmware_folder},
    {"boot", "order=LETTERS",
     "where firmware looks for a system: a floppy, c disk, d CD, n network (cad); menu=on lets one choose",
     boot_order},

    {"", "", "Drives", nullptr},
    {"cdrom", "FILE", "an image in the CD drive, as -drive file=FILE,media=cdrom,index=2", cdrom},
    {"hda", "FILE", "a raw image as the first IDE disk; what the guest writes gets there", hda},
    {"hdb", "FILE", "the second one", hdb},
    {"hdc", "FILE", "the third one, in place of the CD drive", hdc},
    {"hdd", "FILE", "the fourth one", hdd},
    {"fda", "FILE", "a raw image in the floppy drive, read only", fda},
    {"drive", "file=FILE,...",
     "a drive: format=raw, if=ide|floppy, index=N, media=disk|cdrom, readonly=on|off, snapshot=on|off (on: "
     "what "
     "is written is forgotten in the end); file=fat:DIR is a folder as a FAT disk, fat:rw:DIR puts back what "
     "the guest changes",
     drive},
    {"snapshot", "", "snapshot=on for all drives", snapshot},

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
     "isa-debug-exit[,iobase=PORT][,iosize=BYTES], pc-testdev, VGA, isa-serial,chardev=ID, or "
     "loader,addr=ADDRESS,file=FILE, which puts a file into memory; \"ringside devices\" lists all",
     device},
    {"vga", "std|none",
     "the graphics card: VGA with Bochs' VBE on PCI, also as -device VGA (std with -bios and where the "
     "screen is "
     "asked for, but for -nographic and -nodefaults; else none)",
     vga},
    {"global", "PROPERTY", "accepted, does nothing", global_property},
    {"rtc", "base=DATE", "the clock at power-up: 2024-05-06T07:08:09, utc or localtime (2023-11-14T22:13:20)",
     real_time_clock},
    {"msrs", "strict|lenient", "an MSR that nobody knows: #GP, or reads as 0 and ignores writes (strict)",
     msrs, own},
    {"feature-control", "locked|open",
     "IA32_FEATURE_CONTROL as firmware leaves it: locked with VMXON enabled, or open for the guest (locked)",
     feature_control, own},
    {"fw_cfg", "NAME,file=FILE",
     "an item of QEMU's configuration interface, or NAME,string=TEXT; may come again", fw_cfg},
    {"uuid", "UUID", "the machine's UUID, by the same interface", uuid},
    {"no-reboot", "", "end when the guest resets the machine", no_reboot},
    {"no-shutdown", "", "when the guest powers off, stand still until somebody ends the run", no_shutdown},
    {"action", "EVENT=WHAT", "reboot=reset or shutdown, shutdown=poweroff or pause: as the two before",
     action},

    {"", "", "Input and output", nullptr},
    {"serial", "PLACE",
     "the next serial port, COM1 to COM4: stdio, file:PATH, null, pty, tcp:HOST:PORT or unix:PATH (with "
     ",server it listens, with ,nowait it does not wait for somebody), chardev:ID (stdio)",
     serial},
    {"debugcon", "PLACE", "the debug consoles, ports 0xe9 and 0x402: places as for -serial (null)", debugcon},
    {"chardev", "KIND,id=ID",
     "a place for -serial chardev:ID: stdio, null, file,path=FILE, pty, socket,path=FILE", chardev},
    {"nographic", "", "the serial port on the terminal, as it is without this", nographic},
    {"display", "sdl|none",
     "a window with the screen, or none (sdl where a desktop and a terminal are there, firmware boots, and "
     "no flag of the groups below says that nobody watches; else none)",
     display},
    {"inspector", "", "-display sdl, with the inspector beside the screen; the machine waits for it",
     inspector, own},
    {"vnc", "[ADDRESS]:N|none",
     "the screen for VNC viewers, at port 5900 + N: of this machine, without an ADDRESS; there is no "
     "password",
     vnc},
    {"nodefaults", "", "nothing that was not asked for: no serial port on the terminal", no_defaults},

    {"", "", batch_group, nullptr},
    {"timeout", "SECONDS", "end after so much time of the host; status 124", timeout, own},
    {"max-seconds", "SECONDS", "end after so much of the machine's own time; status 124", max_seconds, own},
    {"max-instructions", "N", "end after N instructions of all CPUs together; status 124", max_instructions,
     own},
    {"expect", "REGEX",
     "end with 0 when a line of the serial output matches; status 1 if the run ends without; several must "
     "match in their order",
     expect, own},
    {"expect-screen", "REGEX",
     "the same of a row of the screen in text modes; what --expect and this name must all be met",
     expect_screen, own},
    {"send", "TEXT",
     "to the guest's first serial port, as fast as it takes it: \\n, \\r, \\t and \\xHH are characters; may "
     "come again",
     send, own},
    {"type", "TEXT",
     "type this, on a US keyboard: \\n, \\t, \\e, <enter>, <up>, <f2>, <ctrl-alt-delete>, ...; <wait "
     "SECONDS> "
     "of virtual time, <screen REGEX> until a row of the screen matches, <mouse RIGHT UP BUTTONS>, <click>, "
     "<screenshot FILE>, <quit>; may come again",
     type, own},
    {"type-at", "COUNT TEXT", "the same, once so many instructions were retired", type_at, own, run_only},
    {"screenshot", "FILE", "write a picture of the screen at the end, a PNG file", screenshot, own},
    {"screenshot-at", "COUNT FILE", "the same, once so many instructions were retired; may come again",
     screenshot_at, own, run_only},
    {"fail-on", "REGEX", "end with 1 when a line of the serial output matches; may come again", fail_on, own},
    {"output-limit", "BYTES", "end when the guest has printed so much; status 124", output_limit, own},
    {"stats", "FILE", "write statistics as JSON at the end: instructions, times, state hash, ...", stats,
     own},

    {"", "", "Saved machines", nullptr},
    {"save", "FILE[,at=COUNT]",
     "the whole machine into a file: at the run's end, if it can go on from there, or once so many "
     "instructions were retired; may come again",
     save, own, run_only},
    {"load", "FILE",
     "begin where a machine was saved; its flags may be left out, but for places of serial ports, and files "
     "have other names if they hold the same. COUNTs go on from there, limits begin anew",
     load, own},

    {"", "", virtualization_group, nullptr},
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
    {"vmx-coverage", "FILE",
     "what of VMX the run met: exit reasons, errors, entry rules, controls, events; .json and .html by the "
     "name, - for standard error",
     vmx_coverage, own},
    {"code-coverage", "FILE[,root|,guest]",
     "which code ran: drcov, or lcov with source lines if the name ends in .info; of root or of the guest "
     "alone; may come again",
     code_coverage, own},

    {"", "", "Recordings", nullptr},
    {"record", "FILE[,writes][,every=COUNT[,from=COUNT][,to=COUNT]]",
     "write down what comes from outside, so that the run can be made again: the guest's writes to its "
     "drives are "
     "forgotten in the end, but with writes; its state is looked at after every 20 million instructions, or "
     "COUNT (from= and to= say where); with --replay, of that run",
     record, own},
    {"replay", "FILE",
     "make the run of a recording, or of a bundle, again and compare it on the way; the machine's flags come "
     "from there, and "
     "nothing "
     "else is input",
     replay, own},
    {"images", "FOLDER", "where --replay finds images that are not where they were; may come again", images,
     own},

    {"", "", "Debugging", nullptr},
    {"past", "SIZE|off",
     "memory for going back in ringside debug, in the inspector and by gdb (reverse-step, goto, ...); 1G",
     past, own},
    {"symbols", "FILE[,OFFSET][,guest]",
     "names and source lines: ELF with DWARF, System.map, Xen's map; of the guest, or with root of the "
     "hypervisor; may come again",
     symbols, own},
    {"d", "WORD,...", "log what runs: exec, in_asm, cpu, int, vmx, cpu_reset; \"-d help\" says what each is",
     log_words},
    {"D", "FILE", "-d's log into a file; without it standard error", log_file},
    {"dfilter", "RANGE,...",
     "of -d only the instructions there: FIRST..LAST, FIRST+BYTES or LAST-BYTES, linear", log_ranges},
    {"gdb", "PLACE", "let gdb in: tcp::PORT, tcp:HOST:PORT or unix:PATH; tcp without a host is this one only",
     gdb},
    {"s", "", "the same as -gdb tcp::1234", gdb_usual},
    {"S", "", "stand still at the start until gdb says otherwise", start_stopped},

    {"", "", "Taken for QEMU's sake", nullptr},
    {"name", "NAME", "the machine's name, for the statistics", name},
    {"pidfile", "FILE", "the process's number, while it runs", pidfile},
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
