// Owns the few of UEFI's tables that the program needs. Members that nobody here uses have no names; their
// places count. Source: UEFI Specification 2.10, "EFI System Table", "Services - Boot Services", "Services -
// Runtime Services", "Console Support", "EFI Loaded Image Protocol".
#pragma once

using u8 = unsigned char;
using u16 = unsigned short;
using u32 = unsigned;
using u64 = unsigned long long;

namespace efi {

// Firmware's functions take their arguments as Microsoft's compilers pass them: ms_abi.
using Status = u64;
using Handle = void*;
using Unused = void*;
constexpr Status success = 0;

struct Guid {
  u32 a;
  u16 b, c;
  u8 d[8];
};

struct TextOutput {
  Unused reset;
  Status(__attribute__((ms_abi)) * output_string)(TextOutput*, const char16_t*);
};

enum class MemoryType : u32 { loader_data = 2 };
enum class Allocate : u32 { any_pages, max_address };
enum class Reset : u32 { cold, warm, shutdown };

struct TableHeader {
  u64 signature;
  u32 revision, bytes, crc, reserved;
};

struct BootServices {
  TableHeader header;
  Unused raise_tpl, restore_tpl;
  Status(__attribute__((ms_abi)) * allocate_pages)(Allocate, MemoryType, u64 pages, u64* address);
  Unused free_pages, get_memory_map, allocate_pool, free_pool;
  Unused create_event, set_timer, wait_for_event, signal_event, close_event, check_event;
  Unused install_protocol, reinstall_protocol, uninstall_protocol;
  Status(__attribute__((ms_abi)) * handle_protocol)(Handle, const Guid*, void** interface);
};

struct RuntimeServices {
  TableHeader header;
  Unused get_time, set_time, get_wakeup_time, set_wakeup_time;
  Unused set_virtual_address_map, convert_pointer;
  Unused get_variable, get_next_variable, set_variable, get_next_count;
  void(__attribute__((ms_abi)) * reset_system)(Reset, Status, u64 bytes, const void* data);
};

struct SystemTable {
  TableHeader header;
  const char16_t* vendor;
  u32 revision;
  Handle input_handle;
  Unused input;
  Handle output_handle;
  TextOutput* output;
  Handle error_handle;
  TextOutput* error;
  RuntimeServices* runtime;
  BootServices* boot;
};

struct LoadedImage {
  u32 revision;
  Handle parent;
  SystemTable* system;
  Handle device;
  Unused file_path, reserved;
  u32 options_bytes;
  const char16_t* options;  // what stands behind the program's name in the shell, with the name
  u8* base;
  u64 bytes;
};
constexpr Guid loaded_image = {0x5b1b31a1, 0x9562, 0x11d2, {0x8e, 0x3f, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};

}  // namespace efi
