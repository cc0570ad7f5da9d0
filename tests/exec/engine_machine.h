// Owns the machines of the engine's tests: the small machine with a run loop, a device, pages of 4 KiB, or
// with all features; images of their state that can be compared, and the comparison of two dispatchers in
// lock-step.
#pragma once

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <vector>

#include "tests/exec/running_machine.h"
#include "tests/random.h"

namespace ringside {

// Remembers what was done to it, in order.
struct LoggingDevice final : MmioDevice {
  u64 reads = 0, log = 0;
  void note(u64 value) { log = (log ^ value) * 0x9e3779b97f4a7c15 + (log >> 29); }
  u64 mmio_read(u64 offset, unsigned size) override {
    note(offset * 16 + size);
    const u64 value = (++reads * 0x0101010101010101) ^ offset;
    return size == 8 ? value : value & bit_range(0, 8 * size - 1);
  }
  void mmio_write(u64 offset, unsigned size, u64 value) override {
    note(offset * 16 + size + 8);
    note(value);
  }
};

// All of a machine's state, by name.
class StateImage final : public Fields {
 public:
  void group(std::string_view name) override { group_ = name; }
  void bytes(std::string_view name, void* data, std::size_t size) override {
    fields_.emplace_back(group_ + "." + std::string(name), std::string(static_cast<const char*>(data), size));
  }
  void add_memory(const PhysicalMemory& memory) {
    memory.for_each_written_page([&](HostPhys page, const u8* bytes) {
      std::string copy(reinterpret_cast<const char*>(bytes), page_bytes);
      if (copy.find_first_not_of('\0') != std::string::npos) pages_[page.value] = std::move(copy);
    });
  }
  // Empty if equal, else the first difference in words.
  std::string difference(const StateImage& other) const {
    for (std::size_t n = 0; n < fields_.size() && n < other.fields_.size(); ++n) {
      if (fields_[n] != other.fields_[n])
        return fields_[n].first + ": " + number(fields_[n].second) + " and " +
               number(other.fields_[n].second);
    }
    if (fields_.size() != other.fields_.size()) return "another number of fields";
    for (const auto& [page, bytes] : pages_) {
      const auto found = other.pages_.find(page);
      if (found == other.pages_.end()) return "page " + std::to_string(page) + " is in one only";
      for (unsigned n = 0; n < page_bytes; ++n) {
        if (bytes[n] != found->second[n]) return "memory at " + std::to_string(page + n);
      }
    }
    return pages_.size() == other.pages_.size() ? "" : "another number of pages";
  }

 private:
  static std::string number(const std::string& bytes) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (auto byte = bytes.rbegin(); byte != bytes.rend(); ++byte) {
      text += digits[static_cast<u8>(*byte) >> 4];
      text += digits[*byte & 15];
    }
    return text;
  }

  std::string group_;
  std::vector<std::pair<std::string, std::string>> fields_;
  std::map<u64, std::string> pages_;
};

// False, with a message, on a host without the emitted dispatcher: a comparison with it would say nothing.
inline bool has_two_dispatchers() {
  if (RunningMachine().cache.dispatcher() == Dispatcher::emitted) return true;
  MESSAGE("skipped: this host is no x86-64, or gives no executable memory");
  return false;
}

struct EngineMachine : RunningMachine {
  static constexpr u64 mmio = 0xa00000, table = 0xc000;  // the device; the page table of the first 2 MiB
  LoggingDevice device;

  EngineMachine() { memory.add_mmio(HostPhys(mmio), page_bytes, device, "device"); }

  // 64-bit mode where the first 2 MiB are mapped by pages of 4 KiB.
  void small_pages() {
    long_mode();
    for (unsigned n = 0; n < 512; ++n) map(n * page_bytes, n * page_bytes);
    put(0x3000, table | 7);
    cpu.mmu.flush_all();
  }
  // A page of the first 2 MiB; the TLB is left alone.
  void map(u64 linear, u64 physical, u64 rights = 7) {
    put(table + linear / page_bytes * 8, physical | rights);
  }
  void unmap(u64 linear) { map(linear, 0, 0); }

  StateImage image() {
    StateImage all;
    cpu.fields(all);
    all.group("device");
    all("reads", device.reads);
    all("log", device.log);
    all.add_memory(memory);
    return all;
  }
  // The vector of the exception whose handler begins at RIP; -1: none.
  int vector() const {
    const u64 n = (cpu.rip - at::handlers) / 16;
    return cpu.rip >= at::handlers && n < 256 && cpu.rip % 16 == 0 ? static_cast<int>(n) : -1;
  }
};

// A machine with all features.
struct FullMachine : SmallMachine {
  Engine engine;
  BlockCache cache{memory, everything()};
  explicit FullMachine(Dispatcher dispatcher) {
    cpu.engine = &engine;
    cache.attach(cpu);
    cache.set_dispatcher(dispatcher);
  }
  StateImage image() {
    StateImage all;
    cpu.fields(all);
    all.add_memory(memory);
    return all;
  }

 private:
  const CpuModel& everything() {
    std::string error;
    model = *parse_cpu_model("max", error);
    return model;
  }
};

// Runs both by slices of random length; false: they do not agree after one. `restart(random)` may change both
// alike after every other slice. Adds to `done` what was run.
template <class Machine, class Restart>
bool run_in_lock_step(Machine& reference, Machine& emitted, u64 seed, u64& done, const Restart& restart) {
  Random random{seed + 7};
  for (unsigned n = 0; n < 60; ++n) {
    const u64 slice = 1 + random.below(60);
    const u64 ran = run(reference.cpu, slice), also = run(emitted.cpu, slice);
    CAPTURE(seed);
    CAPTURE(n);
    CAPTURE(reference.cpu.rip);
    CHECK(ran == also);
    const std::string difference = reference.image().difference(emitted.image());
    CHECK(difference == "");
    done += ran;
    if (ran != also || difference != "") return false;
    if (n % 2) restart(random);
  }
  return true;
}

}  // namespace ringside
