// Owns the stand-ins that the device tests put at the seams: a clock moved by hand, wires that remember, a
// machine that counts requests, a snapshot kept in memory.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "cpu/arch/fields.h"
#include "cpu/arch/seams.h"
#include "devices/bus/device.h"
#include "devices/bus/reset_control.h"
#include "devices/dma_memory.h"
#include "devices/serial/serial_sink.h"

namespace ringside {

struct FakeClock final : Clock {
  explicit FakeClock(u64 hz = 1'000'000'000) : hz_(hz) {}
  Ticks now() const override { return now_; }
  u64 frequency() const override { return hz_; }

  // Fires what is due on the way, earliest first.
  void advance_to(Ticks target) {
    for (;;) {
      Timer* next = nullptr;
      for (Timer* timer : timers_) {
        if (timer->armed() && timer->deadline() <= target &&
            (!next || timer->deadline() < next->deadline())) {
          next = timer;
        }
      }
      if (!next) break;
      now_ = std::max(now_, next->deadline());
      ++fired_;
      fire(*next);
    }
    now_ = std::max(now_, target);
  }
  void advance(Ticks ticks) { advance_to(now_ + ticks); }
  // As after a long block: time has passed, and the timers fire only afterwards.
  void leap(Ticks ticks) {
    now_ += ticks;
    advance_to(now_);
  }
  bool any_armed() const {
    return std::any_of(timers_.begin(), timers_.end(), [](const Timer* timer) { return timer->armed(); });
  }

  u64 hz_;
  Ticks now_ = 0;
  u64 fired_ = 0;
  std::vector<Timer*> timers_;

 protected:
  void add(Timer& timer) override { timers_.push_back(&timer); }
  void remove(Timer& timer) override { std::erase(timers_, &timer); }
  void changed(Timer&) override {}
};

struct FakeLine final : IrqLine {
  bool level = false;
  unsigned rises = 0;
  void set(bool now) override {
    if (now && !level) ++rises;
    level = now;
  }
};

struct FakeControl final : ResetControl {
  unsigned power_offs = 0, resets = 0, cpu_resets = 0, exits = 0;
  int status = 0;
  void power_off() override { ++power_offs; }
  void reset(const char*) override { ++resets; }
  void init_cpus(const char*) override { ++cpu_resets; }
  void debug_exit(int code) override {
    ++exits;
    status = code;
  }
};

struct FakeSink : SerialSink {
  FakeSink() {
    listener = [this](u8 byte) { text.push_back(static_cast<char>(byte)); };
  }
  FakeSink(const FakeSink&) = delete;
  FakeSink& operator=(const FakeSink&) = delete;
  std::string text;
};

// Maps a chip's ports.
struct PortsOf final : Places {
  PortsOf(PortBus& to, Device& device) : bus(to) { device.places(*this); }
  void ports(PortSpan span, PortDevice& device, std::string_view name) override {
    bus.map(span, device, std::string(name));
  }
  void movable_ports(PortSpan span, PortDevice& device, std::string_view name) override {
    bus.map_movable(span, device, std::string(name));
  }
  PortBus& bus;
};

// 64 KiB of memory at 0.
struct FakeMemory final : DmaMemory {
  std::vector<u8> ram = std::vector<u8>(0x10000);
  bool inside(HostPhys at, std::size_t size) const {
    return at.value <= ram.size() && size <= ram.size() - at.value;
  }
  bool dma_read(HostPhys from, std::span<u8> to) override {
    if (!inside(from, to.size())) return false;
    std::copy_n(ram.begin() + static_cast<std::ptrdiff_t>(from.value), to.size(), to.begin());
    return true;
  }
  bool dma_write(HostPhys to, std::span<const u8> from) override {
    if (!inside(to, from.size())) return false;
    std::copy(from.begin(), from.end(), ram.begin() + static_cast<std::ptrdiff_t>(to.value));
    return true;
  }
};

// Saves a chip's fields to bytes and loads them into another; `names` are those seen.
struct Snapshot final : Fields {
  std::vector<u8> data;
  std::vector<std::string> names;
  std::vector<std::size_t> ends;  // of the fields in `data`
  std::vector<std::string> groups;
  std::size_t at = 0;
  bool loading = false;

  void bytes(std::string_view name, void* field, std::size_t size) override {
    u8* p = static_cast<u8*>(field);
    if (!loading) {
      std::string path;
      for (const std::string& group : groups) path += group + ".";
      names.push_back(path.append(name));
      data.insert(data.end(), p, p + size);
      ends.push_back(data.size());
      return;
    }
    if (at + size <= data.size()) std::copy_n(data.begin() + static_cast<std::ptrdiff_t>(at), size, p);
    at += size;
  }
  bool restoring() const override { return loading; }
  void group(std::string_view name) override { groups.emplace_back(name); }
  void end() override { groups.pop_back(); }

  template <class Chip>
  static Snapshot of(Chip& chip) {
    Snapshot snapshot;
    chip.fields(snapshot);
    return snapshot;
  }
  // Groups and names of the first field that differs from that of another; empty: none does.
  std::string first_difference(const Snapshot& other) const {
    if (data.size() != other.data.size()) return "the number of fields";
    const auto place = std::mismatch(data.begin(), data.end(), other.data.begin()).first;
    const std::size_t offset = static_cast<std::size_t>(place - data.begin());
    const auto end = std::upper_bound(ends.begin(), ends.end(), offset);
    return end == ends.end() ? "" : names[static_cast<std::size_t>(end - ends.begin())];
  }
  template <class Chip>
  bool into(Chip& chip) {
    loading = true;
    at = 0;
    chip.fields(*this);
    chip.restored();
    return at == data.size();
  }
};

}  // namespace ringside
