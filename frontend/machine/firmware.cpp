// Owns loading the firmware's ROM, and handing it a kernel. Sources: "QEMU Firmware Configuration (fw_cfg)
// Device"; the kernel's "The Linux/x86 Boot Protocol".
#include "frontend/machine/firmware.h"

#include <algorithm>

#include <fmt/format.h>

#include "devices/fwcfg/fw_cfg.h"
#include "frontend/machine/linux_video.h"
#include "frontend/machine/load_protocols.h"

namespace ringside {
namespace {

// Where the real-mode part and the command line go: below them lie the BIOS's data, above them its stack.
constexpr u32 setup_at = 0x10000, command_line_at = 0x20000, kernel_at = 0x100000;
// The ACPI tables' place, at the end of RAM.
constexpr u64 kept_for_tables = 0x20000;

void put(std::vector<u8>& bytes, std::size_t at, u64 value, unsigned size) {
  for (unsigned n = 0; n < size; ++n) bytes[at + n] = static_cast<u8>(value >> (8 * n));
}

bool fits_in_front(u64 bytes, u64 initrd_bytes, u64 low_ram_end) {
  return kernel_at + bytes + initrd_bytes + kept_for_tables + page_bytes <= low_ram_end;
}

// What a boot loader writes into the setup header.
void fill_header(FwCfg::Kernel& k) {
  constexpr std::size_t vid_mode = 0x1fa, type_of_loader = 0x210, loadflags = 0x211, ramdisk_image = 0x218,
                        ramdisk_size = 0x21c, heap_end_ptr = 0x224, cmd_line_ptr = 0x228;
  constexpr u8 qemu = 0xb0, can_use_heap = 0x80;
  put(k.setup, vid_mode, asked_vid_mode(k.command_line), 2);
  put(k.setup, type_of_loader, qemu, 1);
  put(k.setup, loadflags, k.setup[loadflags] | can_use_heap, 1);
  put(k.setup, heap_end_ptr, command_line_at - setup_at - 0x200, 2);
  put(k.setup, cmd_line_ptr, command_line_at, 4);
  put(k.setup, ramdisk_image, k.initrd.empty() ? 0 : k.initrd_at, 4);
  put(k.setup, ramdisk_size, k.initrd.size(), 4);
}

}  // namespace

bool load_bios(const std::string& name, PhysicalMemory& memory, std::string& error) {
  constexpr u64 most = 16u << 20;
  Image image;
  if (!read_image(name, "BIOS image", most, image, error)) return false;
  const std::vector<u8>& bytes = image.bytes;
  if (bytes.empty() || bytes.size() % 0x10000) {
    error =
        fmt::format("{}: {} bytes is no BIOS image's size; it must be a multiple of 64 KiB, at most 16 MiB",
                    name, bytes.size());
    return false;
  }
  const auto low = static_cast<std::ptrdiff_t>(std::min<u64>(bytes.size(), 0x20000));
  memory.add_rom(HostPhys((u64{1} << 32) - bytes.size()), bytes, "bios");
  // Its end is seen below 1 MiB as well, until the host bridge shows RAM there.
  memory.add_rom(HostPhys(0x100000 - static_cast<u64>(low)), {bytes.end() - low, bytes.end()}, "bios shadow");
  return true;
}

bool offer_kernel(const BootRequest& request, u64 low_ram_end, FwCfg& items, std::string& error) {
  constexpr std::size_t setup_sects = 0x1f1, version_at = 0x206, initrd_addr_max = 0x22c, header_end = 0x290;
  constexpr u16 knows_initrd_max = 0x0203;
  if (request.kernel.empty()) return true;
  Image image;
  if (!read_image(request.kernel, "kernel", low_ram_end, image, error)) return false;
  if (!is_linux(image) || !image.covers(0, header_end)) {
    error = fmt::format(
        "{}: firmware loads Linux bzImages only; leave out -bios to boot this kernel without it", image.name);
    return false;
  }
  const std::size_t sectors = image.at<u8>(setup_sects);
  const std::size_t setup_bytes = ((sectors != 0 ? sectors : 4) + 1) * 512;
  if (image.size() <= setup_bytes) {
    error = fmt::format("{}: is cut short: {} bytes, the setup code alone has {}; get the whole bzImage",
                        image.name, image.size(), setup_bytes);
    return false;
  }
  constexpr std::size_t most_text = 0x10000 - 1;
  if (request.append.size() > most_text) {
    error = fmt::format("-append: {} characters, firmware has room for {}; shorten it", request.append.size(),
                        most_text);
    return false;
  }
  FwCfg::Kernel k;
  if (!request.initrd.empty()) {
    Image initrd;
    if (!read_image(request.initrd, "initrd", low_ram_end, initrd, error)) return false;
    k.initrd = std::move(initrd.bytes);
  }
  if (!fits_in_front(image.size() - setup_bytes, k.initrd.size(), low_ram_end)) {
    error = fmt::format("{}: does not fit with its initrd into {} of memory; give more with -m", image.name,
                        size_in_words(low_ram_end));
    return false;
  }
  u64 most = image.at<u16>(version_at) >= knows_initrd_max ? image.at<u32>(initrd_addr_max) : 0x37ffffff;
  most = std::min(most, low_ram_end - kept_for_tables - 1);
  const auto split = image.bytes.begin() + static_cast<std::ptrdiff_t>(setup_bytes);
  k.setup.assign(image.bytes.begin(), split);
  k.kernel.assign(split, image.bytes.end());
  k.command_line = request.append;
  k.setup_at = setup_at;
  k.kernel_at = kernel_at;
  k.command_line_at = command_line_at;
  k.initrd_at = static_cast<u32>((most - k.initrd.size()) & ~(page_bytes - 1));
  fill_header(k);
  items.set_kernel(std::move(k));
  if (request.option_rom.empty()) return true;
  Image rom;
  if (!read_image(request.option_rom, "option ROM", 0x20000, rom, error)) return false;
  items.add_file("genroms/linuxboot_dma.bin", std::move(rom.bytes));
  return true;
}

}  // namespace ringside
