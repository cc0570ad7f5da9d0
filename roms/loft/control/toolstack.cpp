// Owns the making of guests: memory, program, start information, start. Words of the module's command line:
// memory=MBYTES (8), weight=N (256), serial for who has the machine's serial port, and hyperv for who is to
// find a Hyper-V.
#include "roms/kit/guest_image.h"
#include "roms/kit/print.h"
#include "roms/loft/control/control.h"

namespace control {
namespace {

bool write_to(void* guest, u64 address, const void* bytes, u64 count) {
  const u64 number = static_cast<Guest*>(guest)->number;
  return hypercall(call_domain_write, number, address, address_of(bytes), count) == 0;
}

// What was made of it so far is given back.
bool fail(const Guest& guest, const char* why) {
  if (guest.number) hypercall(call_domain_destroy, guest.number);
  print("cannot start \"", guest.words, "\": it ", why, "\n");
  return false;
}

}  // namespace

bool make_guest(Guest& guest, const Module& module, const Module* ramdisk) {
  guest = {};
  guest.words = module.command_line;
  const u8* file = at<u8>(module.first);
  const u64 bytes = module.last - module.first, memory_bytes = number_on(guest.words, "memory", 8) << 20;
  const u64 wishes = (word_on(guest.words, "serial") ? domain_has_serial : 0) |
                     (word_on(guest.words, "hyperv") ? domain_sees_hyperv : 0);
  const i64 number = hypercall(call_domain_create, memory_bytes, wishes);
  if (number < 0) return fail(guest, "wants more memory than there is");
  guest.number = static_cast<u64>(number);
  const char* why = nullptr;
  u64 value = start_information_address, entry = 0;
  if (is_linux(file, bytes))
    entry = load_linux(file, bytes, guest.words, memory_bytes, ramdisk, write_to, &guest, value, why);
  else
    entry = load_elf(file, bytes, write_to, &guest, why);
  if (!entry) return fail(guest, why);
  const bool told = write_start_information(memory_bytes, guest.words, nullptr, 0, write_to, &guest);
  if (!told) return fail(guest, "has too long a command line");
  hypercall(call_domain_weight, guest.number, number_on(guest.words, "weight", 256));
  print("domain ", guest.number, " is \"", guest.words, "\", ", memory_bytes >> 20, " MBytes\n");
  return hypercall(call_domain_start, guest.number, entry, value) == 0 || fail(guest, "could not be started");
}

}  // namespace control
