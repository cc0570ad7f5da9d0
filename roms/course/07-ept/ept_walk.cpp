// Owns a guest's physical memory: EPT tables made by hand, filled when the guest touches a page.
#include "roms/course/common/ground.h"
#include "roms/kit/pages.h"
#include "roms/kit/print.h"

using namespace course;

namespace {

constexpr u64 may_read = 1, may_write = 2, may_execute = 4, all_rights = 7;
constexpr u64 address_mask = 0x000ffffffffff000;
constexpr u64 guest_memory = 0x40000000;  // a guest-physical address where the machine has nothing: the guest's own
constexpr u64 guest_pages = 8;

u64 root;                // of the EPT: a page of 512 entries
u64 backing[guest_pages];  // the host's pages behind guest_memory
u64 violations, writes_logged;

// ---- The guest -----------------------------------------------------------------------------------------------------

u64 sum;

void guest() {
  for (u64 n = 0; n < guest_pages; ++n) *at<volatile u64>(guest_memory + n * page_bytes + 8) = 100 + n;
  for (u64 n = 0; n < guest_pages; ++n) sum += *at<volatile u64>(guest_memory + n * page_bytes + 8);
  asm volatile("vmcall" : : : "memory");  // from here on the hypervisor wants to know which pages are written
  *at<volatile u64>(guest_memory + 2 * page_bytes) = 1;
  *at<volatile u64>(guest_memory + 5 * page_bytes) = 1;
  *at<volatile u64>(guest_memory + 5 * page_bytes + 16) = 1;
  asm volatile("hlt");
}

// ---- The tables ----------------------------------------------------------------------------------------------------

// The field EPT_POINTER.
u64 ept_pointer() {
  u64 pointer = root;
  //[ bits 2:0 are the memory type of the tables, 6 for write-back; bits 5:3 the length of the walk less 1, for 4 levels
  pointer |= 6 | 3 << 3;
  //]
  return pointer;
}

// The entry of the last level for a guest-physical address, with the tables above it, which are made where there are none.
u64* entry_for(u64 guest) {
  u64 table = root;
  for (unsigned shift = 39; shift > 12; shift -= 9) {
    u64& entry = at<u64>(table)[guest >> shift & 511];
    //[ if the entry is not present (all rights are 0), make a table for it, with all rights: those of the last level count
    if (!(entry & all_rights)) entry = allocate_page() | all_rights;
    //| if (!entry) stop("there is no table for ", hex(guest));
    //]
    table = entry & address_mask;
  }
  return &at<u64>(table)[guest >> 12 & 511];
}

// Lets the guest see the host's page at `guest`, with these rights.
void map_page(u64 guest, u64 host, u64 rights) {
  constexpr u64 write_back = 6;
  u64 entry = host | rights;
  //[ bits 5:3 of an entry of the last level are the memory type of the page
  entry |= write_back << 3;
  //| (void)write_back;
  //]
  *entry_for(guest) = entry;
}

// ---- The exits -----------------------------------------------------------------------------------------------------

// The manual's "Exit Qualification for EPT Violations": bits 2:0 are what the guest wanted (read, write, fetch), bits 5:3 what
// the entries allow.
void handle_violation() {
  const u64 guest = vmread(GUEST_PHYSICAL_ADDRESS) & ~(page_bytes - 1), qualification = vmread(EXIT_QUALIFICATION);
  ++violations;
  if (violations > 1000) stop("the guest touches ", hex(guest), " again and again");
  const bool own = guest >= guest_memory && guest < guest_memory + guest_pages * page_bytes;
  const u64 number = (guest - guest_memory) / page_bytes;
  bool write_to_protected = false;
  //[ did the guest want to write to a page that it may read?
  write_to_protected = qualification & may_write && qualification & may_read << 3;
  //| (void)qualification;
  //]
  if (write_to_protected) {
    ++writes_logged;
    map_page(guest, backing[number], all_rights);
    return;
  }
  if (!own) {
    map_page(guest, guest, all_rights);  // the program and its page tables, which the guest shares
    return;
  }
  //[ give the guest a page of its own memory, backing[number], a fresh one
  backing[number] = allocate_page();
  map_page(guest, backing[number], all_rights);
  //| (void)number;
  //]
}

// All of the guest's own pages can be read, and not written, from now on.
void protect_guest_memory() {
  for (u64 n = 0; n < guest_pages; ++n) map_page(guest_memory + n * page_bytes, backing[n], may_read);
  //[ processors remember what they translated: INVEPT, of the single context of this EPT pointer
  if (Failure failure = invept(Invalidation::single_context, ept_pointer())) stop("INVEPT failed: ", failure);
  //]
}

// False: the guest has ended.
bool handle_exit() {
  const u32 reason = static_cast<u32>(vmread(EXIT_REASON));
  switch (reason) {
    case exit_reason::ept_violation: handle_violation(); return true;  // repaired: the guest tries again
    case exit_reason::vmcall:
      protect_guest_memory();
      skip_instruction();
      return true;
    case exit_reason::hlt: return false;
    default: break;
  }
  if (reason & bit(31)) stop("the entry failed: exit reason ", reason & 0xffff, ", because of the guest's state");
  stop("exit ", reason, " ", exit_reason_name(reason), ", guest-physical ", hex(vmread(GUEST_PHYSICAL_ADDRESS)));
}

}  // namespace

void kit_main(const BootInformation&) {
  begin(7);
  enter_vmx_operation();
  make_current_vmcs();
  root = allocate_page();
  write_controls({.primary = primary_control::hlt_exiting,
                  .secondary = secondary_control::ept | secondary_control::vpid,
                  .entry = entry_control::ia32e_mode_guest});
  vmwrite(EPT_POINTER, ept_pointer());
  vmwrite(VIRTUAL_PROCESSOR_ID, 1);  // with it, what the processor remembers outlives exits
  write_64_bit_guest(guest, make_stack());
  Registers registers = {};
  bool launched = false;
  do {
    if (Failure failure = enter_guest(registers, launched)) stop("the entry failed: ", failure);
    launched = true;
  } while (handle_exit());

  check("the guest read what it wrote", sum, 8 * 100 + 28);
  bool behind = true;
  for (u64 n = 0; n < guest_pages; ++n) behind &= backing[n] && *at<u64>(backing[n] + 8) == 100 + n;
  check("it is in the pages behind", behind, true);
  check("it is write-back memory", *entry_for(guest_memory) >> 3 & 7, 6);
  check("two pages were written after the protection", writes_logged, 2);
  check("the second write to a page came through", *at<u64>(backing[5] + 16), 1);
  end();
}
