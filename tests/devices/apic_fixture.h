// Owns the stand-ins of the APIC tests: a clock moved by hand, a CPU that records its signals, and a small
// machine of local APICs on one bus.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "cpu/arch/fields.h"
#include "devices/apic/local_apic.h"

namespace ringside::apic_test {

struct TestClock final : Clock {
  Ticks ticks = 1000;
  u64 hertz = 2'000'000'000;
  std::vector<Timer*> timers;

  Ticks now() const override { return ticks; }
  u64 frequency() const override { return hertz; }
  void add(Timer& timer) override { timers.push_back(&timer); }
  void remove(Timer& timer) override { std::erase(timers, &timer); }
  void changed(Timer&) override {}

  // Moves on, stopping at every deadline on the way.
  void advance(Ticks by) {
    const Ticks end = ticks + by;
    for (;;) {
      Timer* next = nullptr;
      for (Timer* timer : timers) {
        if (timer->armed() && timer->deadline() <= end && (!next || timer->deadline() < next->deadline())) {
          next = timer;
        }
      }
      if (!next) break;
      ticks = std::max(ticks, next->deadline());
      fire(*next);
    }
    ticks = end;
  }
};

struct TestCpu final : CpuSignals {
  int changes = 0, nmis = 0, smis = 0, inits = 0;
  std::vector<u8> start_ups;
  void interrupts_changed() override { ++changes; }
  void nmi() override { ++nmis; }
  void smi() override { ++smis; }
  void init() override { ++inits; }
  void start_up(u8 vector) override { start_ups.push_back(vector); }
};

struct Machine {
  TestClock clock;
  ApicBus bus;
  std::vector<std::unique_ptr<TestCpu>> cpus;
  std::vector<std::unique_ptr<LocalApic>> apics;

  explicit Machine(unsigned count = 1, bool software_enable = true) {
    for (unsigned i = 0; i < count; ++i) {
      LocalApic::Config config;
      config.id = i;
      config.bootstrap = i == 0;
      config.physical_address_bits = 40;
      config.timer_hertz = 25'000'000;  // 80 ticks a count
      add(config, software_enable);
    }
  }
  LocalApic& add(const LocalApic::Config& config, bool software_enable = true) {
    cpus.push_back(std::make_unique<TestCpu>());
    apics.push_back(std::make_unique<LocalApic>(config, clock, bus, *cpus.back()));
    if (software_enable) write(*apics.back(), apic_register::SVR, 0x1ff);
    return *apics.back();
  }
  LocalApic& operator[](unsigned i) { return *apics[i]; }

  static u32 read(LocalApic& apic, u32 offset) { return static_cast<u32>(apic.mmio_read(offset, 4)); }
  static void write(LocalApic& apic, u32 offset, u32 value) { apic.mmio_write(offset, 4, value); }
  static u64 msr(LocalApic& apic, u32 number) {
    u64 value = 0xdeaddeaddeaddead;
    CHECK(apic.read_msr(number, value));
    return value;
  }
  static bool readable(LocalApic& apic, u32 number) {
    u64 value = 0;
    return apic.read_msr(number, value);
  }
  static void x2apic(LocalApic& apic) {
    CHECK(apic.write_msr(0x1b, msr(apic, 0x1b) | apic_base::EN | apic_base::EXTD));
  }
  // Takes the waiting interrupt and ends it.
  static u8 service(LocalApic& apic) {
    const u8 vector = apic.acknowledge();
    if (apic.mode() == LocalApic::Mode::X2Apic) {
      CHECK(apic.write_msr(0x80b, 0));
    } else {
      write(apic, apic_register::EOI, 0);
    }
    return vector;
  }
};

// Reads fields out, or puts them back.
struct Store final : Fields {
  std::vector<u8> data;
  std::size_t at = 0;
  bool load = false;
  bool restoring() const override { return load; }
  void bytes(std::string_view, void* p, std::size_t size) override {
    u8* bytes = static_cast<u8*>(p);
    if (!load) {
      data.insert(data.end(), bytes, bytes + size);
    } else {
      REQUIRE(at + size <= data.size());
      std::copy_n(data.begin() + static_cast<std::ptrdiff_t>(at), size, bytes);
      at += size;
    }
  }
};

}  // namespace ringside::apic_test
