// Owns the loading of guests: ELF files with PVH's entry point ("x86/HVM direct boot ABI"), and Linux's
// bzImage ("The Linux/x86 Boot Protocol"). Both begin in 32-bit protected mode without paging, with flat
// segments.
#include "roms/kit/boot.h"
#include "roms/kit/instructions.h"
#include "roms/lodge/elf.h"
#include "roms/lodge/programs/vmm/guest.h"

namespace lodge {
namespace {

// Guest-physical addresses of what is handed over, all below 640 KBytes.
constexpr u64 information = 0x9000, memory_map = 0x9100, module_list = 0x9200, boot_parameters = 0x10000,
              command_line_at = 0x20000;
constexpr u64 low_memory_end = 0x9fc00, high_memory = 1 << 20;

[[noreturn]] void give_up(const char* file, const char* why) {
  print("vmm: ", file, ": ", why, "\n");
  exit(1);
}

u8* memory_at(Guest& guest, const char* file, u64 address, u64 bytes) {
  if (address > guest.bytes || bytes > guest.bytes - address)
    give_up(file, "does not fit into the guest's memory; say mem=MBYTES");
  return guest.memory + address;
}

template <class T>
T& object_at(Guest& guest, u64 address) {
  return *reinterpret_cast<T*>(guest.memory + address);
}

// Access rights as in the VMCS: present, S, and the type; G and D/B for flat 32 bits.
constexpr u32 flat_code = 0xc09b, flat_data = 0xc093, busy_tss = 0x8b, unusable = 0x10000;

CpuState protected_mode(u64 entry) {
  CpuState state = {};
  state.rip = entry;
  state.cr0 = CR0::PE | CR0::ET | CR0::NE;
  state.cs = {0, ~0u, flat_code, 0x10};
  state.ds = state.es = state.ss = state.fs = state.gs = {0, ~0u, flat_data, 0x18};
  state.ldtr = {0, 0, unusable, 0};
  state.tr = {0, 0x67, busy_tss, 0};
  return state;
}

void set_cpu(Guest& guest, const char* file, const CpuState& state) {
  if (call(Call::set_cpu, guest.cpu, address_of(&state)) < 0)
    give_up(file, "the kernel refused the virtual CPU's state");
}

// At the end of the memory, where nothing else lies. 0 bytes if there is none.
struct Placed {
  u64 address, bytes;
};
Placed place_initrd(Guest& guest, const char* name) {
  if (!*name) return {};
  const File file = read_file(name);
  if (!file.bytes) give_up(name, "there is no such file; give it with -initrd");
  if (file.bytes > guest.bytes) give_up(name, "is larger than the guest's memory; say mem=MBYTES");
  const u64 address = (guest.bytes - file.bytes) & ~(page_bytes - 1);
  memcpy(memory_at(guest, name, address, file.bytes), file.first, file.bytes);
  return {address, file.bytes};
}

void put_command_line(Guest& guest, const char* text) {
  memcpy(guest.memory + command_line_at, text, length_of(text) + 1);
}

void load_pvh(Guest& guest, const char* name, const ElfFile& file, const char* initrd,
              const char* command_line) {
  const u64 entry = file.pvh_entry();
  if (!entry) give_up(name, "has no entry point for PVH");
  for (u64 n = 0; n < file.part_count(); ++n) {
    const ElfPart part = file.part(n);
    if (part.bytes_in_memory)
      memcpy(memory_at(guest, name, part.physical, part.bytes_in_memory), part.bytes, part.bytes_in_file);
  }
  put_command_line(guest, command_line);
  StartInformation& start = object_at<StartInformation>(guest, information);
  start.magic = start_information_magic;
  start.version = 1;
  start.command_line = command_line_at;
  start.memory_map = memory_map;
  start.memory_map_entries = 2;
  object_at<StartMemory>(guest, memory_map) = {0, low_memory_end, 1, 0};
  object_at<StartMemory>(guest, memory_map + sizeof(StartMemory)) = {high_memory, guest.bytes - high_memory,
                                                                     1, 0};
  if (const Placed module = place_initrd(guest, initrd); module.bytes) {
    start.module_count = 1;
    start.modules = module_list;
    object_at<StartModule>(guest, module_list) = {module.address, module.bytes, 0, 0};
  }
  CpuState state = protected_mode(entry);
  state.rbx = information;
  set_cpu(guest, name, state);
}

// Offsets in the "zero page", of which the setup header of the file is a part.
namespace zero_page {
constexpr u64 e820_entries = 0x1e8, setup_header = 0x1f1, setup_sects = 0x1f1, jump = 0x200, magic = 0x202,
              type_of_loader = 0x210, ramdisk_image = 0x218, ramdisk_size = 0x21c, cmd_line_ptr = 0x228,
              e820_table = 0x2d0;
}
struct [[gnu::packed]] E820Entry {
  u64 address, bytes;
  u32 type;
};

bool is_linux(const File& file) {
  u32 magic = 0;
  if (file.bytes > 0x1000) memcpy(&magic, file.first + zero_page::magic, sizeof magic);
  return magic == 0x53726448;  // "HdrS"
}

void load_linux(Guest& guest, const char* name, const File& file, const char* initrd,
                const char* command_line) {
  using namespace zero_page;
  u8* page = memory_at(guest, name, boot_parameters, page_bytes);
  const u64 header_end = smaller<u64>(magic + file.first[jump + 1], page_bytes);
  memcpy(page + setup_header, file.first + setup_header, header_end - setup_header);
  page[type_of_loader] = 0xff;  // one without a number
  put_command_line(guest, command_line);
  object_at<u32>(guest, boot_parameters + cmd_line_ptr) = command_line_at;
  object_at<E820Entry>(guest, boot_parameters + e820_table) = {0, low_memory_end, 1};
  object_at<E820Entry>(guest, boot_parameters + e820_table + sizeof(E820Entry)) = {
      high_memory, guest.bytes - high_memory, 1};
  page[e820_entries] = 2;
  const Placed disk = place_initrd(guest, initrd);
  object_at<u32>(guest, boot_parameters + ramdisk_image) = static_cast<u32>(disk.address);
  object_at<u32>(guest, boot_parameters + ramdisk_size) = static_cast<u32>(disk.bytes);
  // Behind the part for real mode lies the one for protected mode, which goes to 1 MByte.
  const u64 sectors = file.first[setup_sects] ? file.first[setup_sects] : 4, begin = (sectors + 1) * 512;
  if (begin > file.bytes) give_up(name, "is cut off");
  memcpy(memory_at(guest, name, high_memory, file.bytes - begin), file.first + begin, file.bytes - begin);
  CpuState state = protected_mode(high_memory);
  state.rsi = boot_parameters;
  set_cpu(guest, name, state);
}

}  // namespace

void load_guest(Guest& guest, const char* name, const char* initrd, const char* command_line) {
  const File file = read_file(name);
  if (!file.bytes) give_up(name, "there is no such file; give it with -initrd");
  if (guest.bytes < 16 << 20) give_up(name, "the guest needs mem=16 at least");
  const ElfFile elf(file.first, file.bytes);
  if (elf.valid())
    load_pvh(guest, name, elf, initrd, command_line);
  else if (is_linux(file))
    load_linux(guest, name, file, initrd, command_line);
  else
    give_up(name, "is neither an ELF file of 64 bits nor a bzImage");
}

}  // namespace lodge
