// Owns the words of other debuggers that this one does not have, and what to write instead.
#include "frontend/commands/commands.h"

namespace ringside {
namespace {

struct ForeignWords {
  std::string_view words, instead;  // `words`: several with blanks between; "info x" begins with "info "
};

constexpr std::string_view
    no_screen = "gdb has these windows: let it in by -gdb; display shows values here",
    no_hotplug = "devices are given on the command line, before the machine starts",
    a_shell = "commands of the host are typed in another terminal",
    no_saving = "save FILE and load FILE are what there is; a file that is not wanted is deleted by hand";

// Of Bochs, of QEMU's monitor, of gdb.
constexpr ForeignWords foreign_words[] = {
    {"modebp", "run-to mode runs to the next change of mode"},
    {"vb vbreak", "addresses are linear: break SEGMENT*16 + OFFSET, or break cs.base + OFFSET"},
    {"sb sba", "continue COUNT runs COUNT instructions; break ADDRESS if count >= N waits for a count"},
    {"setpmem", "set phys[ADDRESS].SIZE = VALUE, such as set phys[0x1000].4 = 5"},
    {"writemem memsave pmemsave", "x shows memory; gdb writes it to a file: dump memory FILE FIRST END"},
    {"loadmem", "-device loader,addr=ADDRESS,file=FILE on the command line puts a file into memory"},
    {"crc sum", "print and x show memory; --stats has a hash of all of the state"},
    {"trace-reg", "trace cpu logs the registers before each instruction"},
    {"trace-mem", "watch ADDRESS [BYTES] stops at accesses; trace exec,in_asm logs instructions"},
    {"instrument playback", "trace logs what runs; runs are repeatable as they are"},
    {"record", "the past is kept by itself: info past, goto COUNT, reverse-step"},
    {"addlyt remlyt lsyt slist", "symbols FILE loads names; info symbols lists what is loaded"},
    {"stop", "the machine stands still while you type; Ctrl-C stops it while it runs"},
    {"nmi", "an NMI cannot be sent by hand; the guest's own sources are looked at by pending"},
    {"sendkey", "send TEXT goes to the guest's serial port"},
    {"gpa2hva", "walk gpa ADDRESS shows where a guest-physical address leads"},
    {"logfile", "trace WORDS to FILE logs into a file"},
    {"gdbserver", "gdb is let in from the start: -gdb tcp::1234 on the command line"},
    {"singlestep one-insn-per-tb", "-accel reference runs without translation; step and stepi step"},
    {"device_add device_del netdev_add netdev_del object_add object_del drive_add drive_del chardev-add "
     "chardev-remove change eject commit block_resize hostfwd_add hostfwd_remove set_link boot_set",
     no_hotplug},
    {"screendump mouse_move mouse_button mouse_set", "there is no screen; send TEXT goes to the serial port"},
    {"delvm migrate snapshot_blkdev", no_saving},
    {"watchdog_action", "there is no watchdog; --timeout SECONDS ends a session that hangs"},
    {"trace-event", "trace logs what runs; help trace shows its words"},
    {"o", "ports are not written by hand; set changes registers and memory"},
    {"jump j", "set rip = ADDRESS, then continue"},
    {"return", "finish runs until the function has returned"},
    {"start", "restart, then until main or wherever it is to begin"},
    {"tui layout focus refresh winheight wh", no_screen},
    {"shell make", a_shell},
    {"python py define document dont-repeat",
     "scripts are lists of commands: -x FILE, source FILE, commands ID"},
    {"kill k", "quit leaves; restart begins again"},
    {"detach disconnect attach target", "the machine is this program's own; -kernel and -bios say what runs"},
    {"checkpoint rec", "the past is kept by itself: info past, goto COUNT, reverse-step"},
    {"clear", "delete ID removes a breakpoint; info breakpoints lists them"},
    {"rbreak", "break NAME for each; the tabulator key completes names"},
    {"handle signal", "a machine has no signals; catch exception and catch interrupt stop at its events"},
    {"skip", "next and finish pass over functions"},
    {"call", "functions of the guest are not called from here; print shows values"},
    {"printf dprintf", "print/FORMAT shows a value, echo TEXT a text; commands ID runs both at a breakpoint"},
    {"show", "info shows the machine; help lists what can be asked"},
    {"info signals info proc info files info target info auxv info sharedlibrary info inferiors info record "
     "info checkpoints info macro info os info win",
     "the machine is no process; info cpus, info memory and info symbols tell of it"},
    {"info functions info types info variables info scope info line info source info sources",
     "list shows source lines, locals variables, ptype TYPE a structure; the tabulator key completes names"},
    {"info block info blockstats info network info usb info usbhost info vnc info spice info snapshots "
     "info migrate info balloon info tpm info chardev info mice info rdma info replay",
     "there is none of these here; info devices lists the devices"},
    {"info kvm info jit info opcount info tb info profile info accel",
     "every instruction is emulated; --stats FILE writes what a run took"},
    {"info history", "the arrow keys go through the lines before; ^R searches them"},
    {"info numa info hotpluggable-cpus info memory-devices info memdev",
     "there is one node of memory; info memory shows what lies where"},
    {"info gdt32 info selectors", "info gdt, info ldt and info tss show descriptors"},
};

}  // namespace

std::string_view foreign_word(std::string_view word) {
  if (word.starts_with('!')) return a_shell;
  for (const ForeignWords& row : foreign_words) {
    std::string_view rest = row.words;
    while (!rest.empty()) {
      std::string_view one = next_word(rest);
      std::string_view after = rest;
      // "info x" is one of these.
      if (one == "info") {
        const std::string_view topic = next_word(after);
        if (word.starts_with("info ") && word.substr(5) == topic) return row.instead;
        rest = after;
        continue;
      }
      if (one == word) return row.instead;
    }
  }
  return {};
}

}  // namespace ringside
