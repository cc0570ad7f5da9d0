// Owns the saving and restoring of a whole machine: fields, then the pages of RAM that are not all zero.
#include "frontend/machine/snapshot.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "frontend/machine/machine.h"
#include "frontend/machine/zero_page.h"
#include "vmx/ept.h"
#include "vmx/transitions.h"

namespace ringside {
namespace {

// A field's record: one byte that its name makes, one of its size, its bytes. Both catch a snapshot of
// another version before it does harm.
u8 name_byte(std::string_view name) { return static_cast<u8>(XXH3_64bits(name.data(), name.size())); }

constexpr std::size_t usual_state = 64 << 10;  // without RAM; larger ones grow

constexpr std::string_view magic = "ringside state 2";

// Nearly all fields have one of these sizes; a copy of a known size needs no call.
void copy(void* to, const void* from, std::size_t size) {
  switch (size) {
    case 1: std::memcpy(to, from, 1); break;
    case 2: std::memcpy(to, from, 2); break;
    case 4: std::memcpy(to, from, 4); break;
    case 8: std::memcpy(to, from, 8); break;
    default: std::memcpy(to, from, size); break;
  }
}

void append(std::vector<u8>& out, const void* data, std::size_t size) {
  const u8* bytes = static_cast<const u8*>(data);
  out.insert(out.end(), bytes, bytes + size);
}
void append_number(std::vector<u8>& out, u64 value) { append(out, &value, sizeof value); }

// Takes from the front of a span; false: too short.
bool take(std::span<const u8>& in, void* out, std::size_t size) {
  if (in.size() < size) return false;
  copy(out, in.data(), size);
  in = in.subspan(size);
  return true;
}

// Pages as a state has them: their address, then their bytes, in the order of addresses.
constexpr std::size_t page_record = 8 + page_bytes;

HostPhys page_at(std::span<const u8> pages) {
  HostPhys page;
  std::memcpy(&page.value, pages.data(), sizeof page.value);
  return page;
}

bool pages_sound(const PhysicalMemory& memory, std::span<const u8> pages) {
  if (pages.size() % page_record != 0) return false;
  for (bool first = true; !pages.empty(); first = false) {
    const HostPhys page = page_at(pages);
    if (memory.ram_page(page) == nullptr) return false;
    pages = pages.subspan(page_record);
    if (!first && !pages.empty() && !(page < page_at(pages))) return false;
  }
  return true;
}

void restore_pages(PhysicalMemory& memory, std::span<const u8> pages) {
  std::vector<HostPhys> written;
  memory.for_each_written_page([&](HostPhys page, const u8*) { written.push_back(page); });
  std::span<const u8> known = pages;
  for (const HostPhys page : written) {
    while (!known.empty() && page_at(known) < page) known = known.subspan(page_record);
    if (known.empty() || page_at(known) != page) memory.restore_page(page, nullptr);
  }
  for (; !pages.empty(); pages = pages.subspan(page_record))
    memory.restore_page(page_at(pages), pages.data() + 8);
}

}  // namespace

void FieldWriter::bytes(std::string_view name, void* data, std::size_t size) {
  const std::size_t at = out_.size();
  out_.resize(at + 2 + size);
  u8* const record = out_.data() + at;
  record[0] = name_byte(name);
  record[1] = static_cast<u8>(size);
  copy(record + 2, data, size);
}

void FieldReader::bytes(std::string_view name, void* data, std::size_t size) {
  u8 head[2];
  if (!ok_) return;
  ok_ = take(in_, head, 2) && head[0] == name_byte(name) && head[1] == static_cast<u8>(size) &&
        take(in_, data, size);
}

std::vector<u8> Machine::save_without_ram() {
  drives_->keep();
  return save_to_hand_on();
}

std::vector<u8> Machine::save_to_hand_on() {
  std::vector<u8> out;
  out.reserve(usual_state);
  append_number(out, 0);  // the size of the fields that follow
  FieldWriter writer(out);
  fields(writer);
  const u64 size = out.size() - sizeof size;
  std::memcpy(out.data(), &size, sizeof size);
  translations(writer);
  return out;
}

bool Machine::read_state(std::span<const u8> saved) {
  u64 size = 0;
  if (!take(saved, &size, sizeof size) || size > saved.size()) return false;
  FieldReader state(saved.first(size));
  fields(state);
  if (!state.ok() || !state.at_end() || !drives_->known()) return false;
  chips_restored();
  for (unsigned n = 0; n < cpus(); ++n) {
    restore_translation(cpu(n));
    cpu(n).restored();
  }
  // Last of all: what chips and CPUs do to be restored changes the map, and empties the TLBs.
  FieldReader reader(saved.subspan(size));
  translations(reader);
  for (unsigned n = 0; n < cpus(); ++n) cpu(n).data = cpu(n).mmu.data_view();
  return reader.ok() && reader.at_end();
}

bool Machine::restore_without_ram(std::span<const u8> saved) {
  // The fields know themselves only by being visited.
  const std::vector<u8> before = save_without_ram();
  if (!read_state(saved)) {
    read_state(before);
    return false;
  }
  ending_ = Ending{};
  return true;
}

std::vector<u8> Machine::save() {
  const std::vector<u8> state = save_without_ram();
  // The pages are found first: a vector of gigabytes that grows copies itself again and again.
  std::vector<std::pair<HostPhys, const u8*>> pages;
  memory().for_each_written_page([&](HostPhys page, const u8* bytes) {
    if (!all_zero(bytes)) pages.emplace_back(page, bytes);
  });
  std::vector<u8> out;
  out.reserve(magic.size() + 4 * sizeof(u64) + state.size() + pages.size() * page_record);
  append(out, magic.data(), magic.size());
  append_number(out, 0);  // the hash of what follows
  append_number(out, config_.ram_bytes);
  append_number(out, cpus());
  append_number(out, state.size());
  append(out, state.data(), state.size());
  for (const auto& [page, bytes] : pages) {
    append_number(out, page.value);
    append(out, bytes, page_bytes);
  }
  const std::size_t start = magic.size() + 8;
  const u64 hash = XXH3_64bits(out.data() + start, out.size() - start);
  std::memcpy(out.data() + magic.size(), &hash, sizeof hash);
  return out;
}

bool Machine::restore(std::span<const u8> saved, std::string& error) {
  char head[magic.size()];
  u64 hash = 0, ram = 0, processors = 0, size = 0;
  if (!take(saved, head, sizeof head) || std::string_view(head, sizeof head) != magic ||
      !take(saved, &hash, 8)) {
    error = "this is no saved state of a machine, or one of another version of Ringside";
    return false;
  }
  if (XXH3_64bits(saved.data(), saved.size()) != hash || !take(saved, &ram, 8) ||
      !take(saved, &processors, 8) || !take(saved, &size, 8) || size > saved.size()) {
    error = "the saved state is damaged";
    return false;
  }
  if (ram != config_.ram_bytes || processors != cpus()) {
    error = "the saved state is of a machine with other memory or another number of CPUs";
    return false;
  }
  if (!pages_sound(memory(), saved.subspan(size))) {
    error = "the saved state has pages of memory that a machine with this much memory has not";
    return false;
  }
  if (!restore_without_ram(saved.first(size))) {
    error =
        "the saved state is of another version of Ringside, or of a machine with other devices or other "
        "contents of its disks";
    return false;
  }
  restore_pages(memory(), saved.subspan(size));
  return true;
}

}  // namespace ringside
