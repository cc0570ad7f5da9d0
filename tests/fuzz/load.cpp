// Owns the fuzzing of the kernel loaders: any file is loaded or refused with one line.
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "frontend/machine/machine.h"

using namespace ringside;

namespace {

// The first byte says which format the rest is to be taken for, so that the loaders' first looks are passed.
std::vector<u8> image_of(const u8* data, std::size_t size) {
  std::vector<u8> image(data + (size ? 1 : 0), data + size);
  const auto put = [&](std::size_t at, std::initializer_list<u8> bytes) {
    if (image.size() < at + bytes.size()) image.resize(at + bytes.size());
    std::copy(bytes.begin(), bytes.end(), image.begin() + static_cast<std::ptrdiff_t>(at));
  };
  const u8 kind = size ? data[0] : 0;
  if (kind & 1) put(0, {0x7f, 'E', 'L', 'F', static_cast<u8>(kind & 2 ? 2 : 1), 1, 1});
  if (kind & 4) put(0x1fe, {0x55, 0xaa}), put(0x202, {'H', 'd', 'r', 'S'});
  if (kind & 8) {  // multiboot 1, its sum made right
    put(0x40, {0x02, 0xb0, 0xad, 0x1b});
    if (image.size() < 0x60) image.resize(0x60);
    u32 flags = 0;
    std::memcpy(&flags, image.data() + 0x44, 4);
    const u32 sum = 0u - 0x1badb002u - flags;
    std::memcpy(image.data() + 0x48, &sum, 4);
  }
  if (kind & 16) {  // multiboot 2 for i386
    put(0x80, {0xd6, 0x50, 0x52, 0xe8, 0, 0, 0, 0});
    if (image.size() < 0x100) image.resize(0x100);
    u32 length = 0;
    std::memcpy(&length, image.data() + 0x88, 4);
    const u32 sum = 0u - 0xe85250d6u - length;
    std::memcpy(image.data() + 0x8c, &sum, 4);
  }
  return image;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
  const std::vector<u8> image = image_of(data, size);
  char name[] = "/tmp/ringside-fuzz-XXXXXX";
  const int file = ::mkstemp(name);
  if (file < 0) std::abort();
  if (::write(file, image.data(), image.size()) != static_cast<ssize_t>(image.size())) std::abort();
  ::close(file);
  MachineConfig config;
  std::string error;
  config.model = *parse_cpu_model(default_cpu_model, error);
  config.ram_bytes = 32 << 20;
  config.boot.kernel = name;
  config.boot.append = "console=ttyS0";
  const std::unique_ptr<Machine> machine = Machine::create(config, error);
  if (machine)
    machine->run(1000);
  else if (error.empty() || error.find('\n') != std::string::npos)
    std::abort();
  ::unlink(name);
  return 0;
}
