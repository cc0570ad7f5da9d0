// Owns the move of a running guest's memory: copied while the guest writes to it, by the log that the processor keeps.
#include "roms/course/common/ground.h"
#include "roms/kit/ept.h"
#include "roms/kit/pages.h"
#include "roms/kit/print.h"

using namespace course;

namespace {

constexpr u64 guest_memory = 0x40000000, pages = 32, rounds = 6, move_after = 4;

// ---- The guest -----------------------------------------------------------------------------------------------------

// Round n writes to every page whose number is a multiple of n + 1.
void guest() {
  for (u64 round = 0; round < rounds; ++round) {
    for (u64 n = 0; n < pages; n += round + 1) {
      volatile u64& word = *at<volatile u64>(guest_memory + n * page_bytes);
      word = word + 1;
    }
    asm volatile("vmcall" : : : "memory");
  }
  asm volatile("hlt");
}

// ---- Two machines, as far as memory goes -----------------------------------------------------------------------------

Ept source_ept, target_ept;
u64 source[pages], target[pages];  // the host's pages
bool dirty[pages];
u64 log_page, copied;

void make_memory(Ept& ept, u64 (&host)[pages]) {
  ept.create();
  for (u64 n = 0; n < pages; ++n) ept.map_page(guest_memory + n * page_bytes, host[n] = allocate_page(), EptRights::all);
  // The program, and its page tables, which both share.
  for (u64 at = 0; at < 64ul << 20; at += large_page_bytes) ept.map_large_page(at, at, EptRights::all);
}

// ---- The log ---------------------------------------------------------------------------------------------------------

u32 secondary_controls() {
  u32 controls = secondary_control::ept | secondary_control::vpid;
  //[ the control that makes the processor log each page whose dirty flag in EPT it sets
  controls |= secondary_control::pml;
  //]
  return controls;
}

// EPT_POINTER, of tables whose accessed and dirty flags the processor keeps.
u64 pointer_with_flags(const Ept& ept) {
  u64 pointer = ept.pointer();
  //[ bit 6 of EPT_POINTER
  pointer |= 1 << 6;
  //]
  return pointer;
}

void start_log() {
  log_page = allocate_page();
  //[ PML_ADDRESS is the page; PML_INDEX the entry that is written next, of 512 entries downwards from the last
  vmwrite(PML_ADDRESS, log_page);
  vmwrite(PML_INDEX, 511);
  //]
}

// Each entry is a guest-physical address of a page.
void note(u64 address) {
  if (address >= guest_memory && address < guest_memory + pages * page_bytes)
    dirty[(address - guest_memory) / page_bytes] = true;
}

void read_log() {
  //[ note() the entries behind PML_INDEX, up to the last, 511; a full log has the index FFFFH. Then the log is empty again
  for (u64 n = (vmread(PML_INDEX) + 1) & 0xffff; n < 512; ++n) note(at<u64>(log_page)[n]);
  vmwrite(PML_INDEX, 511);
  //]
}

// A page whose dirty flag is 1 is not logged again: copying it begins with making it clean.
void make_clean(u64 n) {
  //[ map it anew in source_ept, with all rights, which clears the flag in the entry
  source_ept.map_page(guest_memory + n * page_bytes, source[n], EptRights::all);
  //| (void)n;
  //]
}

// One pass: what is dirty goes over. The guest stands still, here; a real one would run on.
void copy_pass() {
  for (u64 n = 0; n < pages; ++n) {
    if (!dirty[n]) continue;
    dirty[n] = false;
    make_clean(n);
    memcpy(at<void>(target[n]), at<void>(source[n]), page_bytes);
    ++copied;
  }
  //[ processors remember entries with their flags: INVEPT, of the single context of source_ept
  if (Failure failure = invept(Invalidation::single_context, pointer_with_flags(source_ept))) stop("INVEPT failed: ", failure);
  //]
}

// From here on the guest lives elsewhere, and its old memory belongs to others.
void move() {
  vmwrite(EPT_POINTER, pointer_with_flags(target_ept));
  for (u64 page : source) memset(at<void>(page), 0xee, page_bytes);
}

}  // namespace

void kit_main(const BootInformation&) {
  begin(13);
  enter_vmx_operation();
  make_current_vmcs();
  write_controls({.primary = primary_control::hlt_exiting,
                  .secondary = secondary_controls(),
                  .entry = entry_control::ia32e_mode_guest});
  make_memory(source_ept, source);
  make_memory(target_ept, target);
  vmwrite(EPT_POINTER, pointer_with_flags(source_ept));
  vmwrite(VIRTUAL_PROCESSOR_ID, 1);  // with it, what the processor remembers outlives exits
  start_log();
  write_64_bit_guest(guest, make_stack());
  Registers registers = {};
  for (u64 calls = 0;; ++calls) {
    if (Failure failure = enter_guest(registers, calls > 0)) stop("the entry failed: ", failure);
    const u32 reason = static_cast<u32>(vmread(EXIT_REASON));
    if (reason == exit_reason::hlt) break;
    if (reason != exit_reason::vmcall)
      stop("exit ", reason & 0xffff, " ", exit_reason_name(reason & 0xffff), ", guest-physical ", hex(vmread(GUEST_PHYSICAL_ADDRESS)));
    skip_instruction();
    if (calls >= move_after) continue;
    read_log();
    copy_pass();
    if (calls == move_after - 1) move();
  }

  bool whole = true;
  for (u64 n = 0; n < pages; ++n) {
    u64 wanted = 0;
    for (u64 round = 0; round < rounds; ++round) wanted += n % (round + 1) == 0;
    whole &= *at<u64>(target[n]) == wanted;
  }
  check("pages were copied 67 times: 32, 16, 11 and 8", copied, 32 + 16 + 11 + 8);
  check("the guest's memory is whole where it lives now", whole, true);
  end();
}
