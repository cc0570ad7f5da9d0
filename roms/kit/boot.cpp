// Owns the reading of what the boot loader tells, and the first C++ that runs.
#include "roms/kit/boot.h"

#include "roms/kit/pages.h"
#include "roms/kit/print.h"
#include "roms/kit/processor.h"

extern "C" char kit_image_end[];

namespace kit {
namespace {

// Multiboot 1's information, as far as it is of use here.
struct Multiboot {
  u32 flags, memory_lower, memory_upper, boot_device, command_line, module_count,
      modules;  // memory in KBytes
};
struct MultibootModule {
  u32 first, last, command_line, reserved;
};

const char* text_at(u64 address) { return address ? at<const char>(address) : ""; }

// The command line may lie in memory that is given away soon: right behind the image, say.
const char* kept(const char* line) {
  static char copy[1024];
  for (u64 n = 0; n + 1 < sizeof copy && line[n]; ++n) copy[n] = line[n];
  return copy;
}

void read_multiboot(const Multiboot& from, BootInformation& to) {
  to.loader = "multiboot";
  to.command_line = text_at(from.flags & bit(2) ? from.command_line : 0);
  to.memory_top = (1ul << 20) + from.memory_upper * 1024ul;
  if (!(from.flags & bit(3))) return;
  to.module_count = smaller<u64>(from.module_count, 8);
  for (u64 n = 0; n < to.module_count; ++n) {
    const MultibootModule& module = at<MultibootModule>(from.modules)[n];
    to.modules[n] = {module.first, module.last, text_at(module.command_line)};
  }
}

void read_start_information(const StartInformation& from, BootInformation& to) {
  to.loader = "PVH";
  to.command_line = text_at(from.command_line);
  for (u64 n = 0; n < from.memory_map_entries; ++n) {
    const StartMemory& part = at<StartMemory>(from.memory_map)[n];
    const bool at_1_mbyte = part.address <= 1ul << 20 && part.address + part.bytes > 1ul << 20;
    if (part.type == 1 && at_1_mbyte) to.memory_top = part.address + part.bytes;
  }
  to.module_count = smaller<u64>(from.module_count, 8);
  for (u64 n = 0; n < to.module_count; ++n) {
    const StartModule& module = at<StartModule>(from.modules)[n];
    to.modules[n] = {module.address, module.address + module.bytes, text_at(module.command_line)};
  }
}

// What stands behind "name=" or behind the word itself; nullptr if it is not there.
const char* behind(const char* line, const char* word) {
  for (bool at_begin = true; *line; at_begin = *line == ' ', ++line)
    if (at_begin && starts_with(line, word)) return line + length_of(word);
  return nullptr;
}

}  // namespace

BootInformation read_boot_information(u64 address) {
  BootInformation boot = {};
  if (*at<u32>(address) == start_information_magic)
    read_start_information(*at<StartInformation>(address), boot);
  else
    read_multiboot(*at<Multiboot>(address), boot);
  boot.command_line = kept(boot.command_line);
  return boot;
}

u64 first_free_memory(const BootInformation& boot) {
  u64 end = address_of(kit_image_end);
  for (u64 n = 0; n < boot.module_count; ++n)
    if (boot.modules[n].last > end) end = boot.modules[n].last;
  return end;
}

u64 number_on(const char* command_line, const char* name, u64 otherwise) {
  const char* digit = behind(command_line, name);
  if (!digit || *digit++ != '=') return otherwise;
  u64 number = 0;
  for (; *digit >= '0' && *digit <= '9'; ++digit) number = number * 10 + static_cast<u64>(*digit - '0');
  return number;
}

bool word_on(const char* command_line, const char* word) {
  const char* end = behind(command_line, word);
  return end && (*end == ' ' || !*end);
}

}  // namespace kit

extern "C" void kit_begin(kit::u64 boot_address) {
  const kit::BootInformation boot = kit::read_boot_information(boot_address);
  kit::prepare_boot_processor();
  // Only what is mapped is of use: the first 4 GBytes.
  kit::add_memory(kit::first_free_memory(boot), kit::smaller<kit::u64>(boot.memory_top, 0xc0000000));
  kit_main(boot);
  kit::power_off();
}
