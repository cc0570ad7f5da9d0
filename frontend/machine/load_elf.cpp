// Owns the ELF file format as far as kernels need it. Source: System V ABI, "Object Files".
#include "frontend/machine/load_elf.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

namespace ringside {
namespace {

constexpr u16 machine_386 = 3, machine_x86_64 = 62;
constexpr u16 type_executable = 2, type_shared = 3;
constexpr u32 segment_load = 1, segment_note = 4, section_note = 7;
constexpr u32 executable = 1;
constexpr u32 note_phys32_entry = 18;

std::string machine_name(u16 machine) {
  switch (machine) {
    case 2: return "SPARC";
    case 4: return "68000";
    case 8: return "MIPS";
    case 20: return "PowerPC";
    case 21: return "64-bit PowerPC";
    case 22: return "S/390";
    case 40: return "32-bit Arm";
    case 43: return "64-bit SPARC";
    case 50: return "Itanium";
    case 183: return "AArch64";
    case 243: return "RISC-V";
    case 247: return "BPF";
    case 258: return "LoongArch";
    default: return fmt::format("machine number {}", machine);
  }
}

// Fields whose place and width differ between the two classes.
struct Reader {
  const Image& image;
  bool bits64;

  u64 word(u64 base, u64 offset32, u64 offset64) const {
    return bits64 ? image.at<u64>(base + offset64) : image.at<u32>(base + offset32);
  }
};

// A table of `count` records of `stride` bytes that lies inside the file.
struct Table {
  u64 offset, stride, count;
  u64 at(u64 n) const { return offset + n * stride; }
};

std::optional<u64> find_pvh_note(const Image& image, u64 offset, u64 bytes) {
  if (!image.covers(offset, bytes)) return std::nullopt;
  const u64 end = offset + bytes;
  while (end - offset >= 12) {
    const u64 name_bytes = image.at<u32>(offset), value_bytes = image.at<u32>(offset + 4);
    const u32 type = image.at<u32>(offset + 8);
    const u64 name = offset + 12;
    const u64 value = name + ((name_bytes + 3) & ~u64{3});
    const u64 next = value + ((value_bytes + 3) & ~u64{3});
    if (value > end || next > end) break;
    if (type == note_phys32_entry && name_bytes == 4 &&
        std::memcmp(image.bytes.data() + name, "Xen", 4) == 0) {
      if (value_bytes == 4) return image.at<u32>(value);
      if (value_bytes == 8) return image.at<u64>(value);
    }
    offset = next;
  }
  return std::nullopt;
}

bool read_segments(const LoadJob& job, const Reader& r, const Table& headers, u64 virtual_entry,
                   ElfKernel& elf) {
  const Image& k = job.kernel;
  for (u64 n = 0; n < headers.count; ++n) {
    const u64 h = headers.at(n);
    const u32 type = k.at<u32>(h);
    const u64 offset = r.word(h, 4, 8), file_bytes = r.word(h, 16, 32);
    if (type == segment_note && !elf.pvh_entry) elf.pvh_entry = find_pvh_note(k, offset, file_bytes);
    if (type != segment_load) continue;
    const u64 virtual_address = r.word(h, 8, 16), address = r.word(h, 12, 24),
              memory_bytes = r.word(h, 20, 40);
    const u32 flags = k.at<u32>(h + (r.bits64 ? 4 : 24));
    if (memory_bytes == 0 && file_bytes == 0) continue;
    if (file_bytes > memory_bytes)
      return job.fail(
          fmt::format("is a broken ELF: segment {} has more bytes in the file than in memory", n));
    if (!k.covers(offset, file_bytes))
      return job.fail(fmt::format("is cut short: segment {} reaches beyond its {} bytes; get the whole file",
                                  n, k.size()));
    if (memory_bytes > ~u64{0} - address)
      return job.fail(fmt::format("is a broken ELF: segment {} runs over the end of the address space", n));
    // Entries are virtual where virtual and physical addresses differ.
    if ((flags & executable) && virtual_entry >= virtual_address &&
        virtual_entry - virtual_address < file_bytes)
      elf.entry = virtual_entry - virtual_address + address;
    elf.start = elf.segments.empty() ? address : std::min(elf.start, address);
    elf.end = std::max(elf.end, address + memory_bytes);
    elf.segments.push_back({n, offset, file_bytes, address, memory_bytes});
  }
  return true;
}

}  // namespace

bool is_elf(const Image& image) { return image.starts_with("\177ELF"); }

bool read_elf(const LoadJob& job, ElfKernel& elf) {
  const Image& k = job.kernel;
  const u8 elf_class = k.at<u8>(4);
  if (!k.covers(0, 52) || (elf_class == 2 && !k.covers(0, 64)))
    return job.fail("is cut short: it ends inside its ELF header; get the whole file");
  if (k.at<u8>(5) == 2)
    return job.fail(fmt::format("is a big-endian ELF for {}; give a kernel for x86",
                                machine_name(static_cast<u16>(k.at<u8>(18) << 8 | k.at<u8>(19)))));
  const u16 machine = k.at<u16>(18), type = k.at<u16>(16);
  if (machine != machine_386 && machine != machine_x86_64)
    return job.fail(fmt::format("is an ELF for {}; give a kernel for x86", machine_name(machine)));
  if ((elf_class != 1 && elf_class != 2) || k.at<u8>(5) != 1)
    return job.fail("is a broken ELF: its class or byte order does not exist");
  if (type != type_executable && type != type_shared)
    return job.fail(type == 1 ? "is an object file; link it first"
                              : "is an ELF, but no executable; give a kernel");

  elf.bits64 = elf_class == 2;
  const Reader r{k, elf.bits64};
  const u64 virtual_entry = r.word(0, 24, 24);
  elf.entry = virtual_entry;
  const Table headers{r.word(0, 28, 32), k.at<u16>(elf.bits64 ? 54 : 42), k.at<u16>(elf.bits64 ? 56 : 44)};
  const u64 header_bytes = elf.bits64 ? 56 : 32;
  if (headers.count == 0) return job.fail("is an ELF without segments; give a linked kernel");
  if (headers.stride < header_bytes || !k.covers(headers.offset, headers.stride * headers.count))
    return job.fail("is cut short or broken: its program headers lie outside the file; get the whole file");
  if (!read_segments(job, r, headers, virtual_entry, elf)) return false;
  if (elf.segments.empty()) return job.fail("is an ELF with nothing to load; give a linked kernel");

  const Table sections{r.word(0, 32, 40), k.at<u16>(elf.bits64 ? 58 : 46), k.at<u16>(elf.bits64 ? 60 : 48)};
  const u64 section_bytes = elf.bits64 ? 64 : 40;
  if (sections.stride >= section_bytes && k.covers(sections.offset, sections.stride * sections.count)) {
    for (u64 n = 0; n < sections.count && !elf.pvh_entry; ++n) {
      const u64 h = sections.at(n);
      if (k.at<u32>(h + 4) == section_note)
        elf.pvh_entry = find_pvh_note(k, r.word(h, 16, 24), r.word(h, 20, 32));
    }
  }
  return true;
}

bool plan_elf(const LoadJob& job, const ElfKernel& elf, u64 shift) {
  for (const ElfKernel::Segment& s : elf.segments) {
    const u64 at = s.address + shift;
    std::string problem;
    if (!job.plan.claim(at, s.memory_bytes, fmt::format("segment {}", s.number), problem)) {
      // No PC has memory there: kernels of the higher half that forgot where they are loaded.
      constexpr u64 most_memory = u64{1} << 40;
      return job.fail(problem +
                      (at >= most_memory
                           ? "; that is a virtual address, give the segment a physical one (AT in the "
                             "linker script)"
                           : "; give the machine more memory with -m or link the kernel elsewhere"));
    }
    job.plan.put_view(at, job.kernel.bytes.data() + s.offset, s.file_bytes);
    job.plan.zero(at + s.file_bytes, s.memory_bytes - s.file_bytes);
  }
  return true;
}

}  // namespace ringside
