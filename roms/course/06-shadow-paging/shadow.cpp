// Owns a hypervisor without EPT: the guest's page tables are translated into others, which the processor walks in their place.
#include "roms/course/common/ground.h"
#include "roms/kit/instructions.h"
#include "roms/kit/pages.h"
#include "roms/kit/print.h"
#include "roms/kit/processor.h"

using namespace course;

namespace {

constexpr u64 present = 1, may_write = 2, accessed = 1 << 5, dirty = 1 << 6, large = 1 << 7;
constexpr u64 address_mask = 0x000ffffffffff000;
constexpr u8 page_fault = 14;
constexpr u64 program_bytes = 64ul << 20;  // guest-physical 0 to 64 MBytes: the program, which the guest shares
constexpr u64 guest_memory = 0x40000000;   // and its own memory, where the machine has nothing
constexpr u64 guest_pages = 32;

u64 backing[guest_pages];  // the host's pages behind guest_memory
bool in_guest;

constexpr u64 guest_page(u64 n) { return guest_memory + n * page_bytes; }

// ---- The guest, which manages page tables of its own -------------------------------------------------------------------

constexpr u64 area = 0x80000000;             // linear addresses with which it plays
constexpr u64 first_space = 0, area_table = 6, second_space = 7, second_area_table = 10;  // numbers of its pages

struct Seen {
  u64 faults, address[3], code[3];
  u64 written, clean, written_flags, remapped, other_space, own_cr3, back;
} seen;

volatile u64& entry_in(u64 table, u64 n) { return at<volatile u64>(guest_page(table))[n]; }
volatile u64& word(u64 linear) { return *at<volatile u64>(linear); }

// Maps page 16 + n of the guest's memory at page n of the area.
void on_page_fault(InterruptFrame& frame) {
  const u64 linear = read_cr2(), n = (linear - area) / page_bytes;
  if (!in_guest) stop("a page fault in the hypervisor itself, CR2 ", hex(linear), ", RIP ", hex(frame.rip));
  if (seen.faults > 2 || n > 5) stop("the guest got a page fault that is not its own, CR2 ", hex(linear));
  seen.address[seen.faults] = linear;
  seen.code[seen.faults++] = frame.error_code;
  entry_in(area_table, n) = guest_page(16 + n) | present | may_write;
}

void guest() {
  entry_in(area_table, 0) = guest_page(16) | present | may_write;
  word(area) = 0x1111;
  seen.written = word(area);
  word(area + 0x1018) = 0x2222;  // not present
  entry_in(area_table, 2) = guest_page(18) | present;
  seen.written += word(area + 0x2000);
  word(area + 0x2000) = 0x3333;  // may not be written
  entry_in(area_table, 3) = guest_page(19) | present;
  word(area + 0x3ff8) = 0x4444;  // nor may this, which was never read
  entry_in(area_table, 4) = guest_page(20) | present | may_write;
  seen.written += word(area + 0x4000);
  seen.clean = entry_in(area_table, 4) & (accessed | dirty);
  word(area + 0x4000) = 1;
  seen.written_flags = entry_in(area_table, 4) & (accessed | dirty);

  word(guest_page(24)) = 0x5555;
  entry_in(area_table, 0) = guest_page(24) | present | may_write;
  invlpg(area);
  seen.remapped = word(area);

  word(guest_page(25)) = 0x6666;
  entry_in(second_area_table, 0) = guest_page(25) | present | may_write;
  write_cr3(guest_page(second_space));
  seen.other_space = word(area);
  seen.own_cr3 = read_cr3();
  write_cr3(guest_page(first_space));
  seen.back = word(area);
  asm volatile("hlt");
}

// ---- The guest's memory, and its tables --------------------------------------------------------------------------------

// Host-physical for guest-physical.
u64 host_of(u64 guest) {
  if (guest < program_bytes) return guest;
  if (guest < guest_memory || guest >= guest_page(guest_pages))
    stop("guest-physical ", hex(guest), " is no memory of the guest's");
  return backing[(guest - guest_memory) / page_bytes] | (guest & (page_bytes - 1));
}

// As the guest's loader left them. Each address is mapped to itself, and the area is empty.
void make_guest_tables() {
  for (u64& page : backing) page = allocate_page();
  const auto set = [](u64 table, u64 n, u64 value) { at<u64>(backing[table])[n] = value | present | may_write; };
  for (u64 n = 0; n < program_bytes / large_page_bytes; ++n) set(2, n, n * large_page_bytes | large);
  for (u64 n = 0; n < guest_pages; ++n) set(4, n, guest_page(n));
  set(3, 0, guest_page(4));
  set(5, 0, guest_page(area_table));
  set(9, 0, guest_page(second_area_table));
  for (u64 top = first_space; top <= second_space; top += second_space) {
    set(top, 0, guest_page(top + 1));
    set(top + 1, 0, guest_page(2));
    set(top + 1, 1, guest_page(3));
    set(top + 1, 2, guest_page(top == first_space ? 5 : 9));
  }
}

// ---- The walk through the guest's tables -------------------------------------------------------------------------------

u64 guest_cr3 = guest_page(first_space);

struct Found {
  u64* entry;  // the last one, in the host's memory; nullptr: the page is not present
  u64 page;    // guest-physical, of 4 KBytes
  bool writable;
};

Found walk(u64 linear) {
  u64 table = guest_cr3;
  bool writable = true;
  for (unsigned shift = 39;; shift -= 9) {
    u64* entries = nullptr;
    //[ where the hypervisor sees this table, whose address is the guest's
    entries = at<u64>(host_of(table));
    //| entries = at<u64>(table);
    //]
    u64& entry = entries[linear >> shift & 511];
    if (!(entry & present)) return {};
    writable &= (entry & may_write) != 0;
    entry |= accessed;
    const u64 inside = bit(shift) - 1;  // of what the entry maps
    if (shift == 12 || entry & large)
      return {&entry, ((entry & ~inside) | (linear & inside)) & address_mask, writable};
    table = entry & address_mask;
  }
}

// ---- The shadow: what the processor walks ------------------------------------------------------------------------------

u64 shadow_root;

// The entry of the last level for a linear address, with the tables above it.
u64& shadow_entry(u64 linear) {
  u64 table = shadow_root;
  for (unsigned shift = 39; shift > 12; shift -= 9) {
    u64& entry = at<u64>(table)[linear >> shift & 511];
    if (!(entry & present)) entry = allocate_page() | present | may_write;
    table = entry & address_mask;
  }
  return at<u64>(table)[linear >> 12 & 511];
}

// Nothing is left of it but the root.
void empty(u64 table, unsigned level = 4) {
  for (u64 n = 0; n < 512; ++n) {
    u64& entry = at<u64>(table)[n];
    if (entry & present && level > 1) {
      empty(entry & address_mask, level - 1);
      free_page(entry & address_mask);
    }
    entry = 0;
  }
}

// ---- The exits -----------------------------------------------------------------------------------------------------------

u64 fills, injected;

void choose_exits() {
  u32 exits = primary_control::hlt_exiting, exceptions = 0;
  //[ three more controls: for INVLPG, and for MOV to and from CR3. And page faults: a bit for each vector, in EXCEPTION_BITMAP
  exits |= primary_control::invlpg_exiting | primary_control::cr3_load_exiting | primary_control::cr3_store_exiting;
  exceptions = 1 << page_fault;
  //]
  write_controls({.primary = exits, .entry = entry_control::ia32e_mode_guest});
  vmwrite(EXCEPTION_BITMAP, exceptions);
}

// The fault is the guest's own: it shall see it as if there were no hypervisor.
void inject_page_fault(u64 linear, u64 code, const Found& found) {
  ++injected;
  //[ the exit left CR2 alone: write_cr2. And bit 0 of the error code says what the *guest's* tables have, not what the shadow
  //: has: 1 if there is a page (found.entry), which the guest may not write, else 0
  write_cr2(linear);
  code = (code & ~1ul) | (found.entry ? 1 : 0);
  //| (void)linear, (void)found;
  //]
  vmwrite(VM_ENTRY_EXCEPTION_ERROR_CODE, code);
  vmwrite(VM_ENTRY_INTERRUPTION_INFORMATION, bit(31) | 1 << 11 | 3 << 8 | page_fault);
}

// The fault is not the guest's: the shadow only did not have the page yet.
void fill(u64 linear, bool write, const Found& found) {
  ++fills;
  if (write) *found.entry |= dirty;
  u64 entry = present;
  //[ the host's address of the page. The guest may write to it only if its own tables allow that, and only once its dirty flag
  //: is 1: else the first write has to come here
  entry |= host_of(found.page);
  if (found.writable && *found.entry & dirty) entry |= may_write;
  //]
  shadow_entry(linear) = entry;
}

void handle_page_fault() {
  static u64 last, same;
  const u64 linear = vmread(EXIT_QUALIFICATION), code = vmread(VM_EXIT_INTERRUPTION_ERROR_CODE);
  const bool write = code & 2;
  if (vmread(GUEST_CR3) != shadow_root) stop("the guest's CR3 became the processor's: ", hex(vmread(GUEST_CR3)));
  same = linear == last ? same + 1 : 0;
  last = linear;
  if (same > 20) stop("the guest touches ", hex(linear), " again and again");
  const Found found = walk(linear);
  bool is_the_guests = false;
  //[ would the guest's own tables have refused this? CR0.WP is 1, so that ring 0 has to keep to the right to write
  is_the_guests = !found.entry || (write && !found.writable);
  //]
  if (is_the_guests) return inject_page_fault(linear, code, found);
  if (!found.entry) stop("there is no page to fill in: the guest's tables have none at ", hex(linear));
  fill(linear, write, found);
  // The fault came while an event was delivered, whose stack or gate was not in the shadow: it is delivered once more.
  const u64 event = vmread(IDT_VECTORING_INFORMATION);
  if (!(event & bit(31))) return;
  vmwrite(VM_ENTRY_EXCEPTION_ERROR_CODE, vmread(IDT_VECTORING_ERROR_CODE));
  vmwrite(VM_ENTRY_INTERRUPTION_INFORMATION, event & ~bit(12));
}

void handle_invlpg(u64 linear) {
  //[ the guest has changed its entry for this address: the shadow's is out of date
  shadow_entry(linear) = 0;
  //| (void)linear;
  //]
}

// The manual's "Exit Qualification for Control-Register Accesses"; CR3 is the only one that exits.
void handle_cr3(Registers& registers) {
  const u64 qualification = vmread(EXIT_QUALIFICATION), number = qualification >> 8 & 15;
  u64& value = (&registers.rax)[number < 4 ? number : number - 1];  // the compiler takes no RSP for this
  if (qualification >> 4 & 3) {
    value = guest_cr3;
  } else {
    guest_cr3 = value & address_mask;
    empty(shadow_root);
  }
}

// False: the guest has ended.
bool handle_exit(Registers& registers) {
  const u32 reason = static_cast<u32>(vmread(EXIT_REASON));
  switch (reason) {
    case exit_reason::exception_or_nmi: handle_page_fault(); return true;
    case exit_reason::invlpg: handle_invlpg(vmread(EXIT_QUALIFICATION)); skip_instruction(); return true;
    case exit_reason::control_register_access: handle_cr3(registers); skip_instruction(); return true;
    case exit_reason::hlt: return false;
    default: break;
  }
  stop("exit ", reason & 0xffff, " ", exit_reason_name(reason & 0xffff), ", RIP ", hex(vmread(GUEST_RIP)));
}

}  // namespace

void kit_main(const BootInformation&) {
  begin(6);
  set_handler(page_fault, on_page_fault);
  make_guest_tables();
  shadow_root = allocate_page();
  enter_vmx_operation();
  make_current_vmcs();
  choose_exits();
  write_64_bit_guest(guest, make_stack());
  vmwrite(GUEST_CR3, shadow_root);
  Registers registers = {};
  bool launched = false;
  do {
    in_guest = true;
    if (Failure failure = enter_guest(registers, launched)) stop("the entry failed: ", failure);
    in_guest = false;
    launched = true;
  } while (handle_exit(registers));

  print("page faults: ", fills, " filled the shadow, ", injected, " were the guest's own\n");
  check("the guest read what it wrote", seen.written, 0x1111);
  check("it is in the page behind", *at<u64>(backing[16]), 0x1111);
  check("the guest got three page faults", seen.faults, 3);
  check("the first at 80001018H", seen.address[0], area + 0x1018);
  check("a write to a page that is not present: 2", seen.code[0], 2);
  check("the second at 80002000H", seen.address[1], area + 0x2000);
  check("a write to a page that may be read: 3", seen.code[1], 3);
  check("and so the third, where nothing was read before", seen.code[2], 3);
  check("a page that was read is accessed, and not dirty", seen.clean, accessed);
  check("a page that was written is dirty", seen.written_flags, accessed | dirty);
  check("after INVLPG the other page is seen", seen.remapped, 0x5555);
  check("in the other address space another page is seen", seen.other_space, 0x6666);
  check("the guest reads the CR3 that it wrote", seen.own_cr3, guest_page(second_space));
  check("back in the first the page is as before", seen.back, 0x5555);
  end();
}
