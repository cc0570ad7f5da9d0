// Owns the Linux/x86 boot protocol: the bzImage's setup header, the zero page, where kernel and initrd go.
// Source: the kernel's "The Linux/x86 Boot Protocol" and "Zero Page".
#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "devices/vga/vga_state.h"
#include "frontend/machine/linux_video.h"
#include "frontend/machine/load_entry.h"
#include "frontend/machine/load_protocols.h"

namespace ringside {
namespace {

// Offsets in the file and in the zero page alike.
namespace header {
constexpr u64 setup_sects = 0x1f1, vid_mode = 0x1fa, boot_flag = 0x1fe, jump_length = 0x201, magic = 0x202,
              version = 0x206, type_of_loader = 0x210, loadflags = 0x211, code32_start = 0x214,
              ramdisk_image = 0x218, ramdisk_size = 0x21c, cmd_line_ptr = 0x228, initrd_addr_max = 0x22c,
              kernel_alignment = 0x230, relocatable_kernel = 0x234, xloadflags = 0x236, cmdline_size = 0x238,
              setup_data = 0x250, pref_address = 0x258, init_size = 0x260, end = 0x290;
}
// Only in the zero page.
namespace zero_page {
constexpr u64 bytes = 4096, ext_mem_k = 0x02, video_mode = 0x06, video_columns = 0x07, video_lines = 0x0e,
              video_is_vga = 0x0f, video_points = 0x10, lfb_width = 0x12, lfb_height = 0x14, lfb_depth = 0x16,
              lfb_base = 0x18, lfb_size = 0x1c, lfb_linelength = 0x24, color_places = 0x26,
              acpi_rsdp_addr = 0x70, ext_ramdisk_image = 0xc0, ext_ramdisk_size = 0xc4,
              ext_cmd_line_ptr = 0xc8, alt_mem_k = 0x1e0, e820_entries = 0x1e8, e820_table = 0x2d0,
              e820_entry_bytes = 20, e820_max = 128;
}
constexpr u8 loaded_high = 1, keep_segments = 0x40;
constexpr u16 kernel_64 = 1, can_be_loaded_above_4g = 2;
constexpr u16 oldest_version = 0x0206;
constexpr u64 one_mib = 0x100000, four_gib = u64{1} << 32, entry_64_offset = 0x200;

// The setup header's answers, with the defaults of protocol versions that lack a field.
struct Setup {
  u16 version, xloadflags;
  u8 loadflags;
  u64 kernel_offset, kernel_bytes;  // of the protected-mode part in the file
  u64 alignment, preferred, init_size, initrd_max, cmdline_size;
  bool relocatable;

  bool entry_64() const { return xloadflags & kernel_64; }
};

bool read_setup(const LoadJob& job, Setup& setup) {
  const Image& k = job.kernel;
  if (!k.covers(0, header::end))
    return job.fail("is cut short: it ends inside the Linux setup header; get the whole bzImage");
  setup.version = k.at<u16>(header::version);
  if (setup.version < oldest_version)
    return job.fail(fmt::format(
        "is a Linux kernel with boot protocol {}.{:02}, older than 2.06; use Linux 2.6.22 or newer",
        setup.version >> 8, setup.version & 0xff));
  setup.loadflags = k.at<u8>(header::loadflags);
  if (!(setup.loadflags & loaded_high))
    return job.fail("is a Linux zImage, which loads below 640 KiB; build a bzImage");
  const u64 sectors = k.at<u8>(header::setup_sects);
  setup.kernel_offset = ((sectors != 0 ? sectors : 4) + 1) * 512;
  if (k.size() <= setup.kernel_offset)
    return job.fail(fmt::format("is cut short: {} bytes, the setup code alone has {}; get the whole bzImage",
                                k.size(), setup.kernel_offset));
  setup.kernel_bytes = k.size() - setup.kernel_offset;
  const u64 declared = u64{k.at<u32>(0x1f4)} * 16;
  if (declared > setup.kernel_bytes + 15)
    return job.fail(
        fmt::format("is cut short: its header announces {} bytes, there are {}; get the whole bzImage",
                    setup.kernel_offset + declared, k.size()));

  setup.alignment = k.at<u32>(header::kernel_alignment);
  setup.relocatable = k.at<u8>(header::relocatable_kernel) != 0;
  if (setup.alignment == 0 || (setup.alignment & (setup.alignment - 1)) != 0) setup.alignment = u64{1} << 21;
  setup.alignment = std::max(setup.alignment, page_bytes);
  setup.initrd_max = u64{k.at<u32>(header::initrd_addr_max)};
  if (setup.initrd_max == 0) setup.initrd_max = 0x37ffffff;
  setup.cmdline_size = k.at<u32>(header::cmdline_size);
  const bool knows_size = setup.version >= 0x020a;
  setup.preferred = knows_size ? k.at<u64>(header::pref_address) : one_mib;
  setup.init_size = knows_size ? k.at<u32>(header::init_size) : 0;
  setup.init_size = std::max(setup.init_size, setup.kernel_bytes);
  setup.xloadflags = setup.version >= 0x020c ? k.at<u16>(header::xloadflags) : 0;
  return true;
}

// A relocatable kernel below its preferred address would move itself up there: it must fit there in any case.
bool place_kernel(const LoadJob& job, const Setup& setup, u64& base) {
  const u64 limit = std::min(job.plan.platform().low_ram_end, four_gib);
  const u64 lowest = std::max(setup.preferred, one_mib);
  std::optional<u64> at;
  if (lowest < limit && job.plan.is_ram(lowest, setup.init_size))
    at = lowest;
  else if (setup.relocatable)
    at = job.plan.lowest(setup.init_size, setup.alignment, lowest, limit);
  std::string problem;
  if (!at || !job.plan.claim(*at, setup.init_size, "the kernel", problem))
    return job.fail(
        fmt::format("needs {} of memory from {:#x} on, the machine has {} in all; give it more with -m",
                    size_in_words(setup.init_size), lowest, size_in_words(job.plan.ram_bytes())));
  base = *at;
  job.plan.put_view(base, job.kernel.bytes.data() + setup.kernel_offset, setup.kernel_bytes);
  return true;
}

// As high as the kernel allows, so that it is out of the way of the kernel's own growth.
bool place_initrd(const LoadJob& job, const Setup& setup, u64& base, u64& bytes) {
  Image initrd;
  if (job.request.initrd.empty()) return true;
  if (!read_image(job.request.initrd, "initrd", job.plan.ram_bytes(), initrd, job.error)) return false;
  const u64 low_end = std::min(setup.initrd_max + 1, job.plan.platform().low_ram_end);
  std::optional<u64> at = job.plan.highest(initrd.size(), page_bytes, one_mib, low_end);
  if (!at && setup.entry_64() && (setup.xloadflags & can_be_loaded_above_4g))
    at = job.plan.highest(initrd.size(), page_bytes, one_mib, job.plan.ram_end());
  std::string problem;
  if (!at || !job.plan.claim(*at, initrd.size(), "the initrd", problem)) {
    job.error = fmt::format(
        "{}: the initrd of {} does not fit beside the kernel into {} of memory; give more with -m",
        initrd.name, size_in_words(initrd.size()), size_in_words(job.plan.ram_bytes()));
    return false;
  }
  base = *at;
  bytes = initrd.size();
  job.plan.put(base, std::move(initrd.bytes));
  return true;
}

// Fields of the zero page.
struct ZeroPage {
  std::vector<u8> bytes = std::vector<u8>(zero_page::bytes);
  template <class T>
  void set(u64 offset, T value) {
    std::memcpy(bytes.data() + offset, &value, sizeof value);
  }
};

std::optional<LinearMode> asked_framebuffer(const LoadJob& job) {
  const BootPlatform& platform = job.plan.platform();
  if (!platform.text_screen || platform.bsp->ports == nullptr) return std::nullopt;
  return linear_mode_of(asked_vid_mode(job.request.append));
}

// A framebuffer as the kernel's own setup code would describe it, had it asked the video BIOS for the mode.
void describe_framebuffer(ZeroPage& page, const LinearMode& mode) {
  constexpr u8 vesa_framebuffer = 0x23;
  page.set(zero_page::video_is_vga, vesa_framebuffer);
  page.set(zero_page::lfb_width, mode.width);
  page.set(zero_page::lfb_height, mode.height);
  page.set(zero_page::lfb_depth, mode.depth);
  page.set(zero_page::lfb_base, direct_boot_framebuffer);
  page.set(zero_page::lfb_size, static_cast<u32>(VgaState::memory_bytes >> 16));
  page.set(zero_page::lfb_linelength, static_cast<u16>(mode.width * ((mode.depth + 7) / 8)));
  // Bits and lowest bit of red, green, blue and what is left over.
  using Places = std::array<u8, 8>;
  page.set(zero_page::color_places, mode.depth == 15   ? Places{5, 10, 5, 5, 5, 0, 1, 15}
                                    : mode.depth == 16 ? Places{5, 11, 6, 5, 5, 0, 0, 0}
                                    : mode.depth == 24 ? Places{8, 16, 8, 8, 8, 0, 0, 0}
                                                       : Places{});
}

// Everything below 0x1f1 stays zero but the memory sizes, the RSDP and the mode of a screen. Without one
// the kernel takes its dummy console and never looks for a VGA.
ZeroPage make_zero_page(const LoadJob& job) {
  ZeroPage page;
  const Image& k = job.kernel;
  const u64 end = std::min<u64>(header::magic + k.at<u8>(header::jump_length), 0x290);
  for (u64 i = header::setup_sects; i < end; ++i) page.set(i, k.at<u8>(i));
  page.set(header::vid_mode, asked_vid_mode(job.request.append));
  page.set<u8>(header::type_of_loader, 0xff);
  page.set<u64>(header::setup_data, 0);

  const BootPlatform& platform = job.plan.platform();
  page.set(zero_page::acpi_rsdp_addr, platform.rsdp);
  if (platform.text_screen) {
    page.set<u8>(zero_page::video_mode, 3);
    page.set<u8>(zero_page::video_columns, 80);
    page.set<u8>(zero_page::video_lines, 25);
    page.set<u8>(zero_page::video_is_vga, 1);
    page.set<u16>(zero_page::video_points, 16);
    if (const auto mode = asked_framebuffer(job)) describe_framebuffer(page, *mode);
  }
  const u64 extended = platform.low_ram_end > one_mib ? (platform.low_ram_end - one_mib) >> 10 : 0;
  page.set(zero_page::alt_mem_k, static_cast<u32>(extended));
  page.set(zero_page::ext_mem_k, static_cast<u16>(std::min<u64>(extended, 0xfc00)));
  const std::size_t count = std::min<std::size_t>(platform.memory_map.size(), zero_page::e820_max);
  page.set(zero_page::e820_entries, static_cast<u8>(count));
  for (std::size_t i = 0; i < count; ++i) {
    const u64 at = zero_page::e820_table + i * zero_page::e820_entry_bytes;
    page.set(at, platform.memory_map[i].base);
    page.set(at + 8, platform.memory_map[i].bytes);
    page.set(at + 16, platform.memory_map[i].type);
  }
  return page;
}

}  // namespace

bool is_linux(const Image& image) {
  return image.at<u16>(header::boot_flag) == 0xaa55 && image.at<u32>(header::magic) == 0x53726448;  // "HdrS"
}

bool load_linux(const LoadJob& job, Entry& entry) {
  Setup setup{};
  u64 kernel = 0, initrd_base = 0;
  if (!read_setup(job, setup)) return false;
  const std::string& line = job.request.append;
  if (setup.cmdline_size != 0 && line.size() > setup.cmdline_size)
    return job.fail(fmt::format("takes a command line of at most {} characters, -append has {}; shorten it",
                                setup.cmdline_size, line.size()));
  if (!place_kernel(job, setup, kernel)) return false;

  LoadPlan& plan = job.plan;
  const bool bits64 = setup.entry_64() && plan.platform().bsp->model != nullptr &&
                      plan.platform().bsp->model->has(Feature::long_mode);
  // The small things go first: an initrd may fill all that is left.
  std::string problem;
  const auto page_at = plan.lowest(zero_page::bytes, page_bytes, 0x10000, four_gib);
  const bool page_claimed = page_at && plan.claim(*page_at, zero_page::bytes, "the zero page", problem);
  const auto cmdline = plan.place_string(line, "the command line");
  const auto gdt = plan.place(flat_gdt(linux_selectors, bits64), 16, "the boot GDT");
  if (!page_claimed || !cmdline || !gdt || *cmdline >= four_gib)
    return job.fail("leaves no room for the boot parameters; give the machine more memory with -m");

  u64 initrd_bytes = 0;
  if (!place_initrd(job, setup, initrd_base, initrd_bytes)) return false;
  ZeroPage page = make_zero_page(job);
  const auto halves = [&](u64 low_field, u64 high_field, u64 value) {
    page.set(low_field, static_cast<u32>(value));
    page.set(high_field, static_cast<u32>(value >> 32));
  };
  halves(header::cmd_line_ptr, zero_page::ext_cmd_line_ptr, *cmdline);
  halves(header::ramdisk_image, zero_page::ext_ramdisk_image, initrd_base);
  halves(header::ramdisk_size, zero_page::ext_ramdisk_size, initrd_bytes);
  page.set(header::code32_start, static_cast<u32>(kernel));
  page.set<u8>(header::loadflags, setup.loadflags & static_cast<u8>(~keep_segments));
  plan.put(*page_at, std::move(page.bytes));

  entry = {.bits64 = bits64,
           .code = linux_selectors.code,
           .data = linux_selectors.data,
           .gdt = *gdt,
           .rip = kernel,
           .rsi = *page_at};
  if (bits64) {
    const auto cr3 = place_identity_map(plan, initrd_base, initrd_bytes);
    if (!cr3) return job.fail("leaves no room for page tables; give the machine more memory with -m");
    entry.rip = kernel + entry_64_offset;
    entry.cr3 = *cr3;
  }
  if (const auto mode = asked_framebuffer(job)) enter_linear_mode(*plan.platform().bsp->ports, *mode);
  return true;
}

}  // namespace ringside
