// Owns multiboot 2. Source: "The Multiboot2 Specification version 2.0".
#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "frontend/machine/acpi_bytes.h"
#include "frontend/machine/load_elf.h"
#include "frontend/machine/load_entry.h"
#include "frontend/machine/load_modules.h"

namespace ringside {
namespace {

constexpr u32 header2_magic = 0xe85250d6, entry2_magic = 0x36d76289;
constexpr u64 search2_bytes = 32768, header2_bytes = 16;

namespace header_tag {
enum : u16 {
  end = 0,
  information_request = 1,
  address = 2,
  entry_address = 3,
  console = 4,
  framebuffer = 5,
  module_alignment = 6,
  efi_boot_services = 7,
  efi_entry_32 = 8,
  efi_entry_64 = 9,
  relocatable = 10
};
constexpr u16 optional = 1;
}  // namespace header_tag
namespace info_tag {
enum : u32 {
  end = 0,
  command_line = 1,
  loader_name = 2,
  module = 3,
  basic_memory = 4,
  memory_map = 6,
  old_rsdp = 14,
  new_rsdp = 15,
  load_base = 21,
  last_known = 21
};
}

// What the header's tags ask for.
struct Requests {
  struct Addresses {
    u64 header, load, load_end, bss_end;
  };
  struct Relocation {
    u64 low, high, alignment;
    u32 preference;  // 1 lowest, 2 highest, else none
  };
  std::optional<Addresses> addresses;
  std::optional<u64> entry;
  std::optional<Relocation> relocation;
};

std::optional<u64> find_header2(const Image& image) {
  for (u64 at = 0; at + header2_bytes <= std::min(image.size(), search2_bytes); at += 8) {
    if (image.at<u32>(at) != header2_magic) continue;
    const u32 sum = header2_magic + image.at<u32>(at + 4) + image.at<u32>(at + 8) + image.at<u32>(at + 12);
    if (sum == 0) return at;
  }
  return std::nullopt;
}

bool read_request(const LoadJob& job, u64 tag, u64 bytes) {
  for (u64 at = tag + 8; at + 4 <= tag + bytes; at += 4) {
    const u32 type = job.kernel.at<u32>(at);
    if (type > info_tag::last_known)
      return job.fail(fmt::format(
          "demands multiboot 2 information of type {}, which does not exist here; make the request optional",
          type));
  }
  return true;
}

// Tags that are wishes about consoles and EFI are passed over: there is no framebuffer and no EFI to speak
// of.
bool read_tag(const LoadJob& job, u64 tag, u16 type, u64 bytes, bool optional, Requests& requests) {
  const Image& k = job.kernel;
  const auto too_short = [&](u64 needed) { return bytes < needed; };
  const auto broken = [&] {
    return job.fail(fmt::format("has a wrong multiboot 2 header: tag {} is too short", type));
  };
  switch (type) {
    case header_tag::information_request: return optional || read_request(job, tag, bytes);
    case header_tag::address:
      if (too_short(24)) return broken();
      requests.addresses = {k.at<u32>(tag + 8), k.at<u32>(tag + 12), k.at<u32>(tag + 16),
                            k.at<u32>(tag + 20)};
      return true;
    case header_tag::entry_address:
      if (too_short(12)) return broken();
      requests.entry = k.at<u32>(tag + 8);
      return true;
    case header_tag::relocatable: {
      if (too_short(24)) return broken();
      const u64 alignment = k.at<u32>(tag + 16);
      if (alignment != 0 && (alignment & (alignment - 1)) != 0)
        return job.fail(
            fmt::format("has a wrong multiboot 2 header: its alignment {:#x} is no power of two", alignment));
      requests.relocation = {k.at<u32>(tag + 8), k.at<u32>(tag + 12), std::max<u64>(alignment, 1),
                             k.at<u32>(tag + 20)};
      return true;
    }
    case header_tag::console:
    case header_tag::framebuffer:
    case header_tag::module_alignment:
    case header_tag::efi_boot_services:
    case header_tag::efi_entry_32:
    case header_tag::efi_entry_64: return true;
    default:
      return optional ||
             job.fail(fmt::format(
                 "demands what multiboot 2 header tag {} means, which is not known here; make it optional",
                 type));
  }
}

bool read_header(const LoadJob& job, u64 header, Requests& requests) {
  const Image& k = job.kernel;
  const u32 architecture = k.at<u32>(header + 4);
  if (architecture != 0)
    return job.fail(fmt::format("is a multiboot 2 kernel for {}; give one for x86",
                                architecture == 4 ? "MIPS" : "an unknown architecture"));
  const u64 length = k.at<u32>(header + 8);
  if (length < header2_bytes || !k.covers(header, length))
    return job.fail("is cut short: it ends inside its multiboot 2 header; get the whole file");
  const u64 end = header + length;
  for (u64 tag = header + header2_bytes; end - tag >= 8;) {
    const u16 type = k.at<u16>(tag), flags = k.at<u16>(tag + 2);
    const u64 bytes = k.at<u32>(tag + 4);
    if (type == header_tag::end) break;
    if (bytes < 8 || bytes > end - tag)
      return job.fail(fmt::format("has a wrong multiboot 2 header: tag {} of {} bytes", type, bytes));
    if (!read_tag(job, tag, type, bytes, flags & header_tag::optional, requests)) return false;
    const u64 step = (bytes + 7) & ~u64{7};
    if (step > end - tag) break;
    tag += step;
  }
  return true;
}

struct Placed {
  u64 entry = 0, end = 0;
  u64 shift = 0;  // modulo 2^64
  u64 start = 0;
};

// The image as segments, whichever way the kernel describes itself.
bool describe(const LoadJob& job, u64 header, const Requests& requests, ElfKernel& elf) {
  const Image& k = job.kernel;
  if (!requests.addresses) {
    if (!is_elf(k))
      return job.fail("has a multiboot 2 header without addresses, but is no ELF; link it as one");
    return read_elf(job, elf);
  }
  const Requests::Addresses& a = *requests.addresses;
  if (!requests.entry)
    return job.fail("has a multiboot 2 header with addresses, but without an entry address");
  if (a.header < a.load || a.header - a.load > header)
    return job.fail("has a wrong multiboot 2 header: its load address lies before the start of the file");
  const u64 offset = header - (a.header - a.load);
  if (a.load_end != 0 && a.load_end < a.load)
    return job.fail("has a wrong multiboot 2 header: the end of its load area lies before the start");
  const u64 file_bytes = a.load_end != 0 ? a.load_end - a.load : k.size() - offset;
  if (!k.covers(offset, file_bytes))
    return job.fail(
        fmt::format("is cut short: its multiboot 2 header wants {} bytes from {:#x} on, the file has {}; get "
                    "the whole file",
                    file_bytes, offset, k.size()));
  if (a.bss_end != 0 && (a.bss_end < a.load || a.bss_end - a.load < file_bytes))
    return job.fail("has a wrong multiboot 2 header: its bss ends before its data");
  const u64 memory_bytes = a.bss_end != 0 ? a.bss_end - a.load : file_bytes;
  elf.segments.push_back({0, offset, file_bytes, a.load, memory_bytes});
  elf.start = a.load;
  elf.end = a.load + memory_bytes;
  return true;
}

bool place_kernel(const LoadJob& job, u64 header, const Requests& requests, Placed& placed) {
  ElfKernel elf;
  if (!describe(job, header, requests, elf)) return false;
  const u64 bytes = elf.end - elf.start;
  u64 base = elf.start;
  if (const auto& r = requests.relocation) {
    const u64 end = std::min(r->high, job.plan.platform().low_ram_end - 1) + 1;
    const bool as_linked = r->preference != 1 && r->preference != 2 && elf.start >= r->low &&
                           elf.end <= end && job.plan.is_ram(elf.start, bytes);
    const auto at = as_linked ? std::optional(elf.start)
                    : r->preference == 2
                        ? job.plan.highest(bytes, r->alignment, std::max<u64>(r->low, 0x1000), end)
                        : job.plan.lowest(bytes, r->alignment, std::max<u64>(r->low, 0x1000), end);
    if (!at)
      return job.fail(fmt::format(
          "needs {} of memory in one piece between {:#x} and {:#x}; give the machine more with -m",
          size_in_words(bytes), r->low, r->high));
    base = *at;
  }
  placed.shift = base - elf.start;
  if (!plan_elf(job, elf, placed.shift)) return false;
  placed.start = base;
  placed.end = base + bytes;
  placed.entry = requests.entry.value_or(elf.entry) + placed.shift;
  return true;
}

// The boot information: tags, each padded to 8 bytes.
class Info {
 public:
  Info() { bytes_.add<u32>(0).add<u32>(0); }
  void add(u32 type, const TableBytes& body) {
    bytes_.add(type).add(static_cast<u32>(8 + body.size()));
    bytes_.bytes().insert(bytes_.bytes().end(), body.bytes().begin(), body.bytes().end());
    bytes_.zeros((8 - bytes_.size() % 8) % 8);
  }
  std::vector<u8> finish() {
    add(info_tag::end, {});
    bytes_.set(0, static_cast<u32>(bytes_.size()));
    return bytes_.bytes();
  }

 private:
  TableBytes bytes_;
};

TableBytes string_body(std::string_view text) { return TableBytes().text(text).add<u8>(0); }

}  // namespace

bool is_multiboot2(const Image& image) { return find_header2(image).has_value(); }

bool load_multiboot2(const LoadJob& job, Entry& entry) {
  const u64 header = *find_header2(job.kernel);
  LoadPlan& plan = job.plan;
  const BootPlatform& platform = plan.platform();
  Requests requests;
  Placed placed;
  if (!read_header(job, header, requests) || !place_kernel(job, header, requests, placed)) return false;

  const auto gdt_at = plan.place(flat_gdt(multiboot_selectors, false), 16, "the boot GDT");
  std::vector<LoadedModule> modules;
  if (!load_modules(job, placed.end, modules)) return false;

  Info info;
  info.add(info_tag::command_line, string_body(command_line_with_name(job)));
  info.add(info_tag::loader_name, string_body("Ringside"));
  for (const LoadedModule& m : modules)
    info.add(info_tag::module, TableBytes()
                                   .add(static_cast<u32>(m.address))
                                   .add(static_cast<u32>(m.address + m.bytes))
                                   .text(m.text)
                                   .add<u8>(0));
  info.add(info_tag::basic_memory,
           TableBytes().add(lower_memory_kib(platform)).add(upper_memory_kib(platform)));
  TableBytes map;
  map.add<u32>(24).add<u32>(0);
  for (const MemoryRange& r : platform.memory_map) map.add(r.base).add(r.bytes).add(r.type).add<u32>(0);
  info.add(info_tag::memory_map, map);
  if (platform.rsdp != 0) {
    constexpr std::size_t old_bytes = 20, new_bytes = 36;
    TableBytes rsdp;
    rsdp.zeros(new_bytes);
    platform.memory->read_block(HostPhys(platform.rsdp), rsdp.bytes().data(), new_bytes);
    info.add(info_tag::new_rsdp, rsdp);
    rsdp.bytes().resize(old_bytes);
    info.add(info_tag::old_rsdp, rsdp);
  }
  if (requests.relocation) info.add(info_tag::load_base, TableBytes().add(static_cast<u32>(placed.start)));
  const auto info_at = plan.place(info.finish(), 8, "the multiboot 2 information");
  if (!gdt_at || !info_at)
    return job.fail("leaves no room for the multiboot 2 information; give the machine more memory with -m");

  entry = {.code = multiboot_selectors.code,
           .data = multiboot_selectors.data,
           .gdt = *gdt_at,
           .rip = placed.entry,
           .rax = entry2_magic,
           .rbx = *info_at};
  return true;
}

}  // namespace ringside
