// Owns the flags of QEMU's that Ringside does not have, and what to do instead.
#include "frontend/program/absent_flags.h"

namespace ringside {
namespace {

struct AbsentFlag {
  std::string_view name, words;
};

constexpr std::string_view no_shares = "not there yet: no folder is shared with the guest; leave it out",
                           no_network = "not there yet: there is no network; leave it out",
                           no_window =
                               "not there yet; -display sdl opens a window, Ctrl-Alt-F in it is full screen",
                           emulated = "every instruction is emulated here; leave it out, or use -accel",
                           no_smbios = "the SMBIOS tables are the machine's own, but for -uuid; leave it out",
                           no_migration = "a machine cannot be saved to a file yet; run it from its start",
                           tuning = "it tunes QEMU's use of the host; leave it out",
                           the_shell = "leave it to the shell: add & to the command, and -pidfile FILE";

constexpr AbsentFlag absent_rows[] = {
    {"fdb", "write -drive file=FILE,if=floppy,index=1"},
    {"blockdev", "not there yet; write -drive file=FILE,format=raw,if=ide"},
    {"pflash", "there is one flash chip; name its image by -bios FILE"},
    {"virtfs", no_shares},
    {"fsdev", no_shares},
    {"netdev", no_network},
    {"full-screen", no_window},
    {"curses", no_window},
    {"k", no_window},
    {"spice", no_window},
    {"audiodev", "not there yet: there is no sound; leave it out"},
    {"audio", "not there yet: there is no sound; leave it out"},
    {"soundhw", "not there yet: there is no sound; leave it out"},
    {"usb", "not there yet: there is no USB; leave it out"},
    {"usbdevice", "not there yet: there is no USB; leave it out"},
    {"enable-kvm", emulated},
    {"enable-hax", emulated},
    {"smbios", no_smbios},
    {"no-acpi", "kernels find ACPI tables; tell Linux acpi=off by -append"},
    {"no-hpet", "the HPET is on the board; tell Linux nohpet by -append"},
    {"acpitable", "the ACPI tables are the machine's own; leave it out"},
    {"numa", "there is one node of memory; leave it out"},
    {"qmp", "there is no monitor; ringside debug and -gdb look at the machine"},
    {"qmp-pretty", "there is no monitor; ringside debug and -gdb look at the machine"},
    {"mon", "there is no monitor; ringside debug and -gdb look at the machine"},
    {"trace", "no trace points; -d WORDS logs what runs, --trace-exits FILE writes VM exits"},
    {"singlestep", "ringside debug steps; -accel reference runs without translation"},
    {"one-insn-per-tb", "ringside debug steps; -accel reference runs without translation"},
    {"plugin", "there are no plugins; ringside debug takes scripts with -x FILE"},
    {"icount", "instructions are counted, always, and time follows them; leave it out"},
    {"daemonize", the_shell},
    {"runas", the_shell},
    {"chroot", the_shell},
    {"loadvm", no_migration},
    {"incoming", no_migration},
    {"tpmdev", "not there yet: there is no TPM; leave it out"},
    {"watchdog", "there is no watchdog; --timeout SECONDS ends a run that hangs"},
    {"watchdog-action", "there is no watchdog; --timeout SECONDS ends a run that hangs"},
    {"parallel", "there is no parallel port; leave it out"},
    {"object", tuning},
    {"mem-path", tuning},
    {"mem-prealloc", tuning},
    {"overcommit", tuning},
    {"realtime", tuning},
    {"sandbox", tuning},
    {"tb-size", tuning},
    {"readconfig", "there is no configuration file; write the flags"},
    {"writeconfig", "there is no configuration file; write the flags"},
    {"set", "devices have no settings beyond -device's; leave it out"},
    {"seed", "runs are repeatable as they are; leave it out"},
    {"dtb", "a PC has no device tree; leave it out"},
};

}  // namespace

std::optional<std::string> absent_flag(std::string_view name) {
  for (const AbsentFlag& row : absent_rows) {
    if (row.name == name) return std::string(row.words);
  }
  return std::nullopt;
}

}  // namespace ringside
