// Owns the loading of Linux's bzImage by its 32-bit protocol ("The Linux/x86 Boot Protocol"): a page of
// parameters, of which the file brings a part, the kernel at 1 MByte, the initial RAM disk at the memory's
// end, and ESI pointing to the page.
#include "roms/kit/guest_image.h"
#include "roms/kit/ring.h"
#include "roms/loft/control/control.h"

namespace control {
namespace {

constexpr u64 parameters_address = 0x10000, command_line_address = 0x20000, kernel_address = 0x100000;

// Offsets in the page, and, for what the file brings, in the file as well.
constexpr u64 e820_count = 0x1e8, setup_header = 0x1f1, setup_sectors = 0x1f1, jump = 0x200,
              header_magic = 0x202, loader_type = 0x210, ramdisk_image = 0x218, ramdisk_size = 0x21c,
              command_line_pointer = 0x228, e820_table = 0x2d0;

struct [[gnu::packed]] MemoryRange {
  u64 address, bytes;
  u32 type;  // 1 is RAM
};

u8 page[page_bytes];

template <class T>
void put(u64 offset, T value) {
  memcpy(page + offset, &value, sizeof value);
}

void fill_page(const u8* file, u64 memory_bytes, u64 ramdisk, u64 ramdisk_bytes) {
  memset(page, 0, sizeof page);
  // The header's length follows from the jump over it.
  const u64 header_end = jump + 2 + file[jump + 1];
  memcpy(page + setup_header, file + setup_header, header_end - setup_header);
  put<u8>(loader_type, 0xff);  // one without a number
  put(command_line_pointer, static_cast<u32>(command_line_address));
  put(ramdisk_image, static_cast<u32>(ramdisk));
  put(ramdisk_size, static_cast<u32>(ramdisk_bytes));
  put<u8>(e820_count, 2);
  put(e820_table, MemoryRange{0, 0x9f000, 1});
  put(e820_table + sizeof(MemoryRange), MemoryRange{kernel_address, memory_bytes - kernel_address, 1});
}

}  // namespace

bool is_linux(const u8* file, u64 bytes) {
  return bytes > page_bytes && *reinterpret_cast<const u32*>(file + header_magic) == 0x53726448;
}

u64 load_linux(const u8* file, u64 bytes, const char* command_line, u64 memory_bytes, const Module* ramdisk,
               WriteGuest write, void* guest, u64& value, const char*& why) {
  const u64 sectors = file[setup_sectors] ? file[setup_sectors] : 4, begin = (sectors + 1) * sector_bytes;
  const u64 ramdisk_bytes = ramdisk ? ramdisk->last - ramdisk->first : 0;
  why = "is cut short";
  if (begin >= bytes) return 0;
  why = "does not fit into the guest's memory";
  if (kernel_address + bytes + ramdisk_bytes > memory_bytes) return 0;
  const u64 ramdisk_address = (memory_bytes - ramdisk_bytes) & ~(page_bytes - 1);
  fill_page(file, memory_bytes, ramdisk_address, ramdisk_bytes);
  value = parameters_address;
  bool good = write(guest, kernel_address, file + begin, bytes - begin) &&
              write(guest, parameters_address, page, sizeof page);
  good &= write(guest, command_line_address, command_line, length_of(command_line) + 1);
  if (ramdisk) good &= write(guest, ramdisk_address, at<u8>(ramdisk->first), ramdisk_bytes);
  return good ? kernel_address : 0;
}

}  // namespace control
