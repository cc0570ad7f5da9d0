// Owns the deliberate variants of the hypervisors here: what each leaves out that a processor offers, so that
// one can measure what it is good for. They are words of the hypervisor's own command line, the same in each
// of them.
#pragma once

#include "roms/kit/types.h"

namespace kit {

struct Variants {
  bool no_vpid;                // VM entries and exits empty the TLB
  bool lazy_fpu;               // x87 and SSE registers are switched when a guest uses them
  bool no_unrestricted_guest;  // CR0.PE and CR0.PG are 1 whenever a guest runs
  bool no_ept;                 // shadow paging; the manual allows no unrestricted guest without EPT
  bool inside;                 // a device that has a process or a domain of its own is in the hypervisor
};

// All false until the command line was read; they do not change later.
extern Variants variants;

// Takes the words of a text of so many letters: "no-vpid lazy-fpu". `known` are the names that this
// hypervisor has, with a space between them. Says each on the console, and stops in words at one that is not
// among them.
void choose_variants(const char* text, u64 letters, const char* known);

// Does the text begin with the name of a variant, of whatever hypervisor?
bool names_variant(const char* text);

}  // namespace kit
