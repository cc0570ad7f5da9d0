// Owns two guests and the hypervisor between them: one asks the other for sectors of a disk, by a ring in a page that both see.
#include "roms/course/common/ground.h"
#include "roms/kit/ept.h"
#include "roms/kit/hypercalls.h"
#include "roms/kit/pages.h"
#include "roms/kit/print.h"
#include "roms/kit/processor.h"
#include "roms/kit/ring.h"

using namespace course;

namespace {

constexpr u32 front_end = 0, back_end = 1, nobody = 7;  // numbers of guests
constexpr u64 guest_memory = 0x40000000, guest_pages = 8;  // each guest's own: guest-physical, where the machine has nothing
constexpr u64 window = 0x50000000, window_pages = 8;       // where a guest sees what others grant it
constexpr u32 slots = 4, sectors = 10;

constexpr u64 own(u64 page) { return guest_memory + page * page_bytes; }
constexpr u64 window_page(u64 page) { return window + page * page_bytes; }

// ---- The ring --------------------------------------------------------------------------------------------------------

struct Request {
  u32 grant, sector;
};
struct Ring {
  u32 asked;     // how many requests there were; the front end's
  u32 answered;  // how many of them are done; the back end's
  Request requests[slots];
};

// ---- The front end: a guest that wants to read a disk, and has none ----------------------------------------------------

u64 right_sectors;
u32 taken;  // answers that it has seen

// Asks for a sector. False: all slots are in use.
bool put_request(Ring& ring, const Request& request) {
  (void)ring, (void)request;
  //[ a slot is in use from `asked` on until its answer is `taken`. Is one free? Then the request goes into it, number `asked`
  //: modulo `slots`, and after that tell() (ring.h) the back end the new count
  if (ring.asked - taken == slots) return false;
  ring.requests[ring.asked % slots] = request;
  tell(ring.asked, ring.asked + 1);
  return true;
  //| return false;
  //]
}

void take_answers(const Ring& ring) {
  for (; taken != seen(ring.answered); ++taken)
    if (*at<volatile u64>(own(2 + taken % slots)) == 1000 + taken) ++right_sectors;
}

void run_front_end() {
  constexpr u16 read_only = grant_valid, all = grant_valid | grant_writable;
  const auto page_number = [](u64 page) { return static_cast<u32>(own(page) / page_bytes); };
  GrantEntry* table = at<GrantEntry>(own(0));
  Ring& ring = *at<Ring>(own(1));
  enable_interrupts();
  table[0] = {all, back_end, page_number(1)};
  for (u32 n = 0; n < slots; ++n) table[1 + n] = {all, back_end, page_number(2 + n)};
  table[10] = {all, nobody, page_number(6)};
  table[12] = {read_only, back_end, page_number(6)};
  *at<volatile u64>(own(6)) = 0x5ec7e7;
  hypercall(call_set_grant_table, own(0));
  hypercall(call_event_send, back_end);
  for (u32 sector = 0; taken < sectors;) {
    for (; sector < sectors && put_request(ring, {1 + sector % slots, sector}); ++sector) hypercall(call_event_send, back_end);
    if (taken == seen(ring.answered)) hypercall(call_block);
    take_answers(ring);
  }
  hypercall(call_shutdown);
}

// ---- The back end: a guest that has the disk, and does not have to be trusted by others -----------------------------------

constexpr i64 not_tried = 99;
struct Tried {
  i64 of_nobody, of_none, too_much, to_read;
  u64 read, after_unmap;
} tried = {not_tried, not_tried, not_tried, not_tried, 0, 0};

// What it may not do, and one thing that it may.
void try_grants() {
  tried.of_nobody = hypercall(call_grant_map, front_end, 10, window_page(2), true);
  tried.of_none = hypercall(call_grant_map, front_end, 11, window_page(2), true);
  tried.too_much = hypercall(call_grant_map, front_end, 12, window_page(2), true);
  tried.to_read = hypercall(call_grant_map, front_end, 12, window_page(3), false);
  if (tried.to_read < 0) return;
  tried.read = *at<volatile u64>(window_page(3));
  hypercall(call_grant_unmap, window_page(3));
  tried.after_unmap = *at<volatile u64>(window_page(3));
}

void run_back_end() {
  enable_interrupts();
  hypercall(call_block);
  try_grants();
  if (hypercall(call_grant_map, front_end, 0, window_page(0), true) < 0) hypercall(call_shutdown);
  Ring& ring = *at<Ring>(window_page(0));
  for (u32 done = 0; done < sectors;) {
    if (done == seen(ring.asked)) {
      hypercall(call_block);
      continue;
    }
    const Request request = ring.requests[done % slots];  // copied once: the front end can change it meanwhile
    if (hypercall(call_grant_map, front_end, request.grant, window_page(1), true) == 0) {
      *at<volatile u64>(window_page(1)) = 1000 + request.sector;  // "the disk"
      hypercall(call_grant_unmap, window_page(1));
    }
    tell(ring.answered, ++done);
    hypercall(call_event_send, front_end);
  }
  hypercall(call_shutdown);
}

// ---- The hypervisor --------------------------------------------------------------------------------------------------------

struct Guest {
  u64 vmcs;
  Registers registers;
  Ept ept;
  u64 backing[guest_pages];  // the host's pages behind guest_memory
  u64 grant_table;           // guest-physical; 0: none
  bool launched, pending, blocked, ended;
  u8 vector;                 // of its events
} guests[2] = {};

u64 interrupts[2], denied, too_wide;

void on_front_event(InterruptFrame&) { ++interrupts[front_end]; }
void on_back_event(InterruptFrame&) { ++interrupts[back_end]; }

// Where a page of the guest's own memory lies; 0: it is none. A guest can grant nothing else.
u64 host_page(const Guest& guest, u64 address) {
  return address < guest_memory || address >= own(guest_pages) ? 0 : guest.backing[(address - guest_memory) / page_bytes];
}

// The hypercall grant_map: the caller wants to see at `address` what the granter's entry offers.
i64 grant_map(u32 caller, u64 granter, u64 number, u64 address, bool write) {
  const bool in_window = address >= window && address < window_page(window_pages) && address % page_bytes == 0;
  if (granter > 1 || number >= page_bytes / sizeof(GrantEntry) || !in_window) return refused_bad_argument;
  const u64 table = host_page(guests[granter], guests[granter].grant_table);
  if (!table) return refused_not_there;
  const GrantEntry entry = at<GrantEntry>(table)[number];  // copied once: the granter can change it meanwhile
  //[ refused_not_there: flags have no grant_valid. refused_not_allowed: the entry is for another guest than the caller, or the
  //: caller wants to write, and flags have no grant_writable
  if (!(entry.flags & grant_valid)) return refused_not_there;
  if (entry.guest != caller || (write && !(entry.flags & grant_writable))) return refused_not_allowed;
  //]
  const u64 host = host_page(guests[granter], entry.page * page_bytes);
  if (!host) return refused_bad_argument;
  Ept& ept = guests[caller].ept;
  //[ the caller's EPT gets it: map_page(address, host, rights), to read, and to write if that was asked for
  ept.map_page(address, host, write ? EptRights::read | EptRights::write : EptRights::read);
  //]
  if (!write && ept.host_address(address, EptRights::write)) ++too_wide;
  return 0;
}

i64 grant_unmap(u32 caller, u64 address) {
  if (address < window || address >= window_page(window_pages) || address % page_bytes) return refused_bad_argument;
  Ept& ept = guests[caller].ept;
  //[ the page is not there any more, and the processor shall forget that it was
  ept.unmap_page(address);
  if (Failure failure = invept(Invalidation::single_context, ept.pointer())) stop("INVEPT failed: ", failure);
  //| (void)ept;
  //]
  return 0;
}

// The hypercall event_send.
i64 send_event(u64 to) {
  if (to > 1) return refused_bad_argument;
  //[ an event is pending for this guest, and it sleeps no longer
  guests[to].pending = true;
  guests[to].blocked = false;
  //]
  return 0;
}

// Before each entry.
void deliver_event(Guest& guest) {
  if (!guest.pending || !(vmread(GUEST_RFLAGS) & RFLAGS::IF)) return;
  //[ an external interrupt with the guest's vector, and then nothing is pending. (Lesson 8 had that)
  vmwrite(VM_ENTRY_INTERRUPTION_INFORMATION, bit(31) | guest.vector);
  guest.pending = false;
  //]
}

i64 handle_call(u32 caller, const Registers& r) {
  Guest& guest = guests[caller];
  switch (r.rax) {
    case call_set_grant_table: guest.grant_table = r.rdi; return 0;
    case call_grant_map: return grant_map(caller, r.rdi, r.rsi, r.rdx, r.rcx != 0);
    case call_grant_unmap: return grant_unmap(caller, r.rdi);
    case call_event_send: return send_event(r.rdi);
    case call_block: guest.blocked = !guest.pending; return 0;
    case call_shutdown: guest.ended = true; return 0;
    default: return refused_not_there;
  }
}

void run_once(u32 number) {
  Guest& guest = guests[number];
  static u64 entries;
  if (++entries > 2000) stop("2000 entries, and no end");
  if (Failure failure = vmptrld(guest.vmcs)) stop("VMPTRLD failed: ", failure);
  deliver_event(guest);
  if (Failure failure = enter_guest(guest.registers, guest.launched)) stop("the entry failed: ", failure);
  guest.launched = true;
  const u32 reason = static_cast<u32>(vmread(EXIT_REASON));
  const u64 address = vmread(GUEST_PHYSICAL_ADDRESS) & ~(page_bytes - 1);
  if (reason == exit_reason::vmcall) {
    skip_instruction();
    guest.registers.rax = static_cast<u64>(handle_call(number, guest.registers));
  } else if (reason == exit_reason::ept_violation && number == back_end && address == window_page(3)) {
    ++denied;  // it touches what it has given back, and finds zeros
    guest.ept.map_page(address, allocate_page(), EptRights::read);
  } else {
    stop("guest ", number, ": exit ", reason & 0xffff, " ", exit_reason_name(reason & 0xffff), ", guest-physical ",
         hex(address));
  }
}

void make_guest(u32 number, void (*entry)(), u8 vector) {
  Guest& guest = guests[number];
  guest.vmcs = make_current_vmcs();
  guest.vector = vector;
  guest.ept.create();
  // The program, which both share, so that the lesson is short. All that they agree on goes by their own memory.
  for (u64 at = 0; at < 64ul << 20; at += large_page_bytes) guest.ept.map_large_page(at, at, EptRights::all);
  for (u64 n = 0; n < guest_pages; ++n) guest.ept.map_page(own(n), guest.backing[n] = allocate_page(), EptRights::all);
  write_controls({.secondary = secondary_control::ept | secondary_control::vpid, .entry = entry_control::ia32e_mode_guest});
  vmwrite(EPT_POINTER, guest.ept.pointer());
  vmwrite(VIRTUAL_PROCESSOR_ID, number + 1);  // with it, translations outlive exits: only INVEPT ends them
  write_64_bit_guest(entry, make_stack());
}

}  // namespace

void kit_main(const BootInformation&) {
  begin(11);
  set_handler(0x61, on_front_event);
  set_handler(0x62, on_back_event);
  enter_vmx_operation();
  make_guest(front_end, run_front_end, 0x61);
  make_guest(back_end, run_back_end, 0x62);
  while (!guests[front_end].ended) {
    bool ran = false;
    for (u32 n = front_end; n <= back_end; ++n)
      while (!guests[n].blocked && !guests[n].ended) run_once(n), ran = true;
    if (!ran) break;
  }
  const Ring& ring = *at<Ring>(guests[front_end].backing[1]);
  print("requests ", ring.asked, ", answers ", ring.answered, ", taken ", taken, "; interrupts: front end ",
        interrupts[front_end], ", back end ", interrupts[back_end], "\n");
  check("what is granted to nobody here is refused", static_cast<u64>(tried.of_nobody), static_cast<u64>(refused_not_allowed));
  check("so is what is not granted", static_cast<u64>(tried.of_none), static_cast<u64>(refused_not_there));
  check("and writing what may be read", static_cast<u64>(tried.too_much), static_cast<u64>(refused_not_allowed));
  check("what may be read was read", tried.read, 0x5ec7e7);
  check("and cannot be written", too_wide, 0);
  check("after the unmap it is gone", tried.after_unmap + denied, 1);
  check("both guests came to their end", guests[front_end].ended && guests[back_end].ended, true);
  check("ten sectors came, each into its page", right_sectors, sectors);
  check("events came as interrupts", interrupts[front_end] > 0 && interrupts[back_end] > 0, true);
  end();
}
