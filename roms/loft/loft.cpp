// Owns the start of the hypervisor: it takes the machine, builds the control domain of the first module,
// gives it the other modules, and runs.
#include "roms/kit/apic.h"
#include "roms/kit/boot.h"
#include "roms/kit/clock.h"
#include "roms/kit/guest_image.h"
#include "roms/kit/pages.h"
#include "roms/kit/print.h"
#include "roms/kit/processor.h"
#include "roms/kit/variants.h"
#include "roms/loft/schedule.h"
#include "roms/loft/serial.h"
#include "roms/loft/vcpu.h"

namespace loft {
namespace {

bool write_to(void* domain, u64 address, const void* bytes, u64 count) {
  return write_memory(*static_cast<Domain*>(domain), address, bytes, count);
}

// What another CPU does: the same as the first one.
void join() {
  enter_vmx_operation();
  lock.lock();
  run_guests();
}

u64 page_after(u64 address) { return (address + page_bytes - 1) & ~(page_bytes - 1); }

// The control domain: 8 MBytes, behind that the modules of the others, and some more.
void build_control_domain(const BootInformation& boot) {
  constexpr u64 own_bytes = 8ul << 20;
  u64 bytes = own_bytes + (4ul << 20);
  for (u64 n = 1; n < boot.module_count; ++n)
    bytes += page_after(boot.modules[n].last - boot.modules[n].first);
  Domain* d = create_domain(bytes, true);
  if (!d) stop("no memory for the control domain: give the machine more with -m");
  const Module& program = boot.modules[0];
  const char* why = nullptr;
  const u64 entry = load_elf(at<u8>(program.first), program.last - program.first, write_to, d, why);
  if (!entry) stop("the first module ", why);
  GuestModule modules[8];
  u64 place = own_bytes;
  for (u64 n = 1; n < boot.module_count; ++n) {
    const u64 size = boot.modules[n].last - boot.modules[n].first;
    modules[n - 1] = {place, size, boot.modules[n].command_line};
    write_memory(*d, place, at<void>(boot.modules[n].first), size);
    place += page_after(size);
  }
  if (!write_start_information(d->memory_bytes, program.command_line, modules, boot.module_count - 1,
                               write_to, d))
    stop("the modules' command lines are too long");
  d->state = domain_running;
  d->vcpus[0].domain = d;
  start_vcpu(d->vcpus[0], entry, start_information_address);
}

}  // namespace
}  // namespace loft

void kit_main(const kit::BootInformation& boot) {
  using namespace loft;
  print("loft: a hypervisor that owns the machine\n");
  // The first word is the program's own name, as a multiboot loader gives it.
  const char* words = boot.command_line;
  while (*words && *words != ' ') ++words;
  choose_variants(words, length_of(words), "no-vpid lazy-fpu inside");
  if (!boot.module_count)
    stop("no module: the first one is the control domain (-initrd \"loft-control.elf,tiny.elf\")");
  start_clock();
  enable_local_apic();
  enter_vmx_operation();
  build_control_domain(boot);
  start_serial_input();
  // The others wait for the lock, so that nothing runs before all is said.
  lock.lock();
  start_processors(join);
  print("loft: ", processor_count(), " CPU, ", free_memory() >> 20, " MBytes for domains\n");
  run_guests();
}
