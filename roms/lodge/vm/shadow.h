// Owns shadow paging, the variant no-ept: what hypervisors did before there was EPT.
//
// The guest's page tables hold guest-physical addresses, which mean nothing to the processor. So it walks
// others, the shadow, in which each page of the guest's stands with its host-physical address. The shadow
// begins empty. Each page fault is a VM exit, whose handler walks the guest's own tables: either they have
// the page, and it is put into the shadow, or the fault is the guest's own. What the guest changes in its
// tables it has to tell the processor, by INVLPG or MOV to CR3, and both are VM exits here: the shadow is a
// TLB in memory.
#pragma once

#include "roms/kit/types.h"

namespace lodge {

using namespace kit;

struct VirtualCpu;

class Shadow {
 public:
  void create();
  void destroy();

  // What CR3 has to be.
  u64 root() const { return root_; }
  // The entry of the last level for an address, with the tables above it.
  u64& entry(u64 linear);
  // So many tables are there, or so little memory is left, that all should be given back: else a guest that
  // touches a page here and a page there would have the kernel's memory.
  bool is_full() const;
  // Nothing is in it. 4 levels are those of 64-bit mode, 3 are PAE's.
  void empty(unsigned levels);
  void empty() { empty(levels_); }

 private:
  void free_tables(u64 table, unsigned level);

  u64 root_ = 0, tables_ = 0;
  unsigned levels_ = 4;
};

// VM exits by #PF and INVLPG. Both answer as handle_exit.
bool handle_page_fault(VirtualCpu& cpu);
bool handle_invlpg(VirtualCpu& cpu);

}  // namespace lodge
