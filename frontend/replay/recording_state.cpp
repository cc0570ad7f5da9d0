// Owns looking at a machine's state for its recording.
#include "frontend/replay/recording_state.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <map>

#include "frontend/machine/zero_page.h"

namespace ringside {
namespace {

// Of the outermost groups of fields; what stands in none is a part of its own.
class Parts final : public Fields {
 public:
  explicit Parts(RecordedState::Numbers& numbers) : numbers_(numbers) {}
  ~Parts() override = default;
  Parts(const Parts&) = delete;
  Parts& operator=(const Parts&) = delete;

  void group(std::string_view name) override {
    if (depth_++ > 0) return;
    finish("others");
    name_ = name;
  }
  void end() override {
    if (--depth_ == 0) finish(name_);
  }
  void bytes(std::string_view name, void* data, std::size_t size) override {
    const u8* const first = static_cast<const u8*>(data);
    if (depth_ == 1 && name_ == "registers" && size == sizeof(u64)) {
      u64 value = 0;
      for (unsigned n = 0; n < size; ++n) value |= u64{first[n]} << 8 * n;
      numbers_.registers.push_back(value);
      if (names_wanted) registers.push_back(fmt::format("{} of CPU {}", name, cpu_));
      return;
    }
    gathered_.insert(gathered_.end(), first, first + size);
  }
  void finish() { finish("others"); }

  bool names_wanted = false;
  std::vector<std::string> registers, parts;

 private:
  void finish(std::string_view name) {
    if (name == "registers") ++cpu_;
    if (gathered_.empty()) return;
    numbers_.parts.push_back(XXH3_64bits(gathered_.data(), gathered_.size()));
    gathered_.clear();
    if (!names_wanted) return;
    const unsigned number = seen_[std::string(name)]++;
    parts.push_back(number == 0 ? std::string(name) : fmt::format("{} {}", name, number));
  }

  RecordedState::Numbers& numbers_;
  std::vector<u8> gathered_;
  std::string name_;
  std::map<std::string, unsigned> seen_;
  unsigned depth_ = 0, cpu_ = 0;
};

}  // namespace

RecordedState::RecordedState(Machine& machine) : machine_(machine), mark_(machine.memory().add_mark()) {
  Numbers numbers;
  Parts visitor(numbers);
  visitor.names_wanted = true;
  machine_.fields(visitor);
  visitor.finish();
  registers_ = std::move(visitor.registers);
  parts_ = std::move(visitor.parts);
  parts_.emplace_back("memory");
  machine_.memory().for_each_written_page([&](HostPhys page, const u8* bytes) { hash_page(page, bytes); });
}

RecordedState::Numbers RecordedState::look() {
  Numbers numbers;
  Parts visitor(numbers);
  machine_.fields(visitor);
  visitor.finish();
  numbers.parts.push_back(hash_memory());
  return numbers;
}

void RecordedState::hash_page(HostPhys page, const u8* bytes) {
  const u64 hash =
      bytes == nullptr || all_zero(bytes) ? 0 : XXH3_64bits_withSeed(bytes, page_bytes, page.value);
  u64& known = pages_[page.value];
  memory_ += hash - known;
  known = hash;
}

u64 RecordedState::hash_memory() {
  PhysicalMemory& memory = machine_.memory();
  if (mark_) {
    for (const HostPhys page : memory.marked_pages(*mark_)) hash_page(page, memory.ram_page(page));
    memory.clear_mark(*mark_);
  } else {
    memory.for_each_written_page([&](HostPhys page, const u8* bytes) { hash_page(page, bytes); });
  }
  return memory_;
}

}  // namespace ringside
