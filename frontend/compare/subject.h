// Owns what is compared: a hypervisor with a guest and its work, as rows of a TOML document.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cpu/arch/types.h"

namespace ringside::compare {

// In words and flags {roms} stands for the folder of the teaching hypervisors, {guests} for that of images of
// real systems, {debug} for that of their debugging information (usr/lib/debug of Debian's -dbg packages),
// and {times} for how often the guest does its work.
struct Subject {
  std::string name;                // what the command line calls it
  std::string title;               // one line
  std::vector<std::string> flags;  // of `ringside run`
  // POSIX extended regular expressions over the lines of COM1. What is measured begins behind the lines that
  // `begin` matches, one after the other, each line that `piece` matches ends a piece of work (its groups are
  // the name, how many units of work it did, and what these are), and `end` ends it all. Without `piece`
  // there is one of one unit. `fail`: this line says that the guest's work went wrong; empty: none does.
  std::vector<std::string> begin;
  std::string piece, end, fail;
  // Files with the names of what runs in VMX root operation at CPL 0 and at CPL 3, in the trusted guest, and
  // in the guest that is measured.
  std::vector<std::string> kernel, user, control, guest;
  // Of a real system's kernel at CPL 0 and of its modules, which are looked for where they lie in the
  // machine: patterns of files. They are used if somebody says where {debug} is.
  std::vector<std::string> debug;
  std::string kernel_is, user_is, control_is;  // in a few words: "the lodge", "its VMM, a process"
  std::string instead_of;  // the subject from which this one differs by one feature; empty: none
  // All that runs at CPL 3 in root operation is one domain of the isolation map, of this name: a PV guest of
  // Xen's and its processes, say. Empty: each process stands for itself.
  std::string users_are;
  // So many of the virtual CPUs, the first that are entered, are a trusted guest's: a control domain's.
  unsigned control_cpus = 0;
  u64 most_instructions = 2'000'000'000;  // after which it is given up
  bool repeats = true;                    // {times} changes the amount of work
};

// Every subject of a document, with the places not filled in. False: "LINE:COLUMN: what is wrong" in `error`.
bool read_subjects(std::string_view toml, std::vector<Subject>& subjects, std::string& error);

// The document that is built in.
std::string_view own_subjects();

struct Places {
  std::string roms, guests, debug;  // empty: nobody said where
};
// The subject for a run. False: one line in `error` that names what is missing, and the cure.
bool fill_in(Subject& subject, const Places& places, u64 times, std::string& error);

}  // namespace ringside::compare
