// Owns what the loader tests share: a small machine without devices, files, and images made of bytes.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "cpu/exec/engine/block_cache.h"
#include "cpu/exec/engine/run.h"
#include "frontend/machine/boot.h"

namespace ringside {

// A file that goes away with its test.
class TestFile {
 public:
  TestFile(const std::string& name, const std::vector<u8>& bytes) {
    static unsigned number = 0;
    directory_ = std::filesystem::path(RINGSIDE_BINARY_DIR) /
                 ("test-load-" + std::to_string(::getpid()) + "-" + std::to_string(number++));
    std::filesystem::create_directories(directory_);
    path_ = (directory_ / name).string();
    write(bytes);
  }
  ~TestFile() { std::filesystem::remove_all(directory_); }
  void write(const std::vector<u8>& bytes) const {
    std::ofstream(path_, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }
  const std::string& path() const { return path_; }

 private:
  std::filesystem::path directory_;
  std::string path_;
};

struct TestMachine {
  PhysicalMemory memory;
  Mmu mmu{memory, 46};
  CpuModel model = default_model();
  Cpu cpu{mmu};
  Engine engine;
  BlockCache cache{memory, model};
  BootPlatform platform;
  std::string error;

  static CpuModel default_model() {
    std::string why;
    return *parse_cpu_model(default_cpu_model, why);
  }
  explicit TestMachine(u64 mib = 64) {
    cpu.model = &model;
    cpu.engine = &engine;
    cache.attach(cpu);
    const u64 ram = mib << 20, low = std::min(ram, low_ram_limit);
    REQUIRE(memory.add_ram(HostPhys(0), low, "low"));
    if (ram > low) REQUIRE(memory.add_ram(HostPhys(u64{1} << 32), ram - low, "high"));
    cpu.reset(false);
    platform = {&memory, &cpu, standard_memory_map(ram), low, write_acpi_tables(memory, 1)};
  }
  bool load(const std::string& kernel, const std::string& append = "", const std::string& initrd = "") {
    error.clear();
    BootRequest request;
    request.kernel = kernel;
    request.append = append;
    request.initrd = initrd;
    return load_kernel(request, platform, error);
  }
  template <class T = u32>
  T at(u64 address) {
    T value;
    memory.read_block(HostPhys(address), &value, sizeof value);
    return value;
  }
  std::string string_at(u64 address) {
    std::string s;
    for (char c; s.size() < 4096 && (c = at<char>(address++)) != 0;) s += c;
    return s;
  }
  bool says(const char* words) const { return error.find(words) != std::string::npos; }
};

// Sets `size` bytes at `offset`, growing the image.
void put_bytes(std::vector<u8>& bytes, u64 offset, u64 value, unsigned size);
template <class T>
void put(std::vector<u8>& bytes, u64 offset, T value) {
  put_bytes(bytes, offset, static_cast<u64>(value), sizeof value);
}
std::vector<u8> joined(std::vector<u8> a, const std::vector<u8>& b);

// A bzImage: protocol 2.15, setup of 4 sectors and the first, 64-bit and 32-bit entry.
std::vector<u8> make_linux(u64 kernel_bytes = 0x3000);

struct ElfPart {
  u64 address;
  std::vector<u8> bytes;
  u64 extra = 0;  // zeros after the bytes
  u32 type = 1;
};
std::vector<u8> make_elf(bool bits64, u64 entry, const std::vector<ElfPart>& parts, u16 machine = 0);

std::vector<u8> multiboot1_header(u32 flags);
std::vector<u8> multiboot2_header(const std::vector<u8>& tags);  // raw tags; the end tag is added
std::vector<u8> pvh_note(u32 entry);

// What the protocols say of 32-bit entries.
inline void check_flat_32(TestMachine& m) {
  const Cpu& cpu = m.cpu;
  CHECK(cpu.cr0 == (Cr0::PE | Cr0::ET));
  CHECK(cpu.efer == 0);
  CHECK(cpu.mode.code_bits == 32);
  CHECK(cpu.eflags() == Eflags::reserved_one);
  // Kernels push before they have a stack of their own: 4 KBytes of it, in low RAM and free.
  const u64 top = cpu.gpr[RSP];
  CHECK(top % 16 == 0);
  CHECK((top >= 0x2000 && top <= 0xa0000));
  for (u64 at = top - 4096; at < top; at += 8) CHECK(m.at<u64>(at) == 0);
  for (SegReg s : {CS, DS, ES, SS, FS, GS}) {
    CHECK(cpu.segment[s].base == 0);
    CHECK(cpu.segment[s].limit == 0xffffffff);
    // The table in memory says the same as the hidden part.
    const u64 d = m.at<u64>(cpu.gdtr.base + cpu.segment[s].selector);
    CHECK((d >> 40 & 0xff) == (cpu.segment[s].rights & 0xff));
    CHECK((d >> 52 & 0xf) == (cpu.segment[s].rights >> 12 & 0xf));
    CHECK((d & 0xffff) == 0xffff);
    CHECK((d >> 48 & 0xf) == 0xf);
  }
}

}  // namespace ringside
