// Owns the saving and restoring of a whole machine: fields, then the pages of RAM that are not all zero.
#include "frontend/machine/snapshot.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "frontend/machine/machine.h"
#include "vmx/ept.h"
#include "vmx/transitions.h"

namespace ringside {
namespace {

// A field's record: one byte that its name makes, one of its size, its bytes. Both catch a snapshot of
// another version before it does harm.
u8 name_byte(std::string_view name) { return static_cast<u8>(XXH3_64bits(name.data(), name.size())); }

constexpr std::string_view magic = "ringside state 1";

void append(std::vector<u8>& out, const void* data, std::size_t size) {
  const u8* bytes = static_cast<const u8*>(data);
  out.insert(out.end(), bytes, bytes + size);
}
void append_number(std::vector<u8>& out, u64 value) { append(out, &value, sizeof value); }

// Takes from the front of a span; false: too short.
bool take(std::span<const u8>& in, void* out, std::size_t size) {
  if (in.size() < size) return false;
  std::memcpy(out, in.data(), size);
  in = in.subspan(size);
  return true;
}

bool all_zero(const u8* page) {
  return std::all_of(page, page + page_bytes, [](u8 byte) { return byte == 0; });
}

}  // namespace

void FieldWriter::bytes(std::string_view name, void* data, std::size_t size) {
  out_.push_back(name_byte(name));
  out_.push_back(static_cast<u8>(size));
  append(out_, data, size);
}

void FieldReader::bytes(std::string_view name, void* data, std::size_t size) {
  u8 head[2];
  if (!ok_) return;
  ok_ = take(in_, head, 2) && head[0] == name_byte(name) && head[1] == static_cast<u8>(size) &&
        take(in_, data, size);
}

std::vector<u8> Machine::save() {
  for (unsigned n = 0; n < cpus(); ++n) {
    cpu(n).mmu.flush_all();
    if (Vmx* vmx = cpu(n).vmx; vmx && vmx->ept) vmx->ept->flush();
  }
  std::vector<u8> fields_bytes;
  FieldWriter writer(fields_bytes);
  fields(writer);

  std::vector<u8> out;
  append(out, magic.data(), magic.size());
  append_number(out, 0);  // the hash of what follows
  append_number(out, config_.ram_bytes);
  append_number(out, cpus());
  append_number(out, fields_bytes.size());
  append(out, fields_bytes.data(), fields_bytes.size());
  memory().for_each_written_page([&](HostPhys page, const u8* bytes) {
    if (all_zero(bytes)) return;
    append_number(out, page.value);
    append(out, bytes, page_bytes);
  });
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
    error = "this is no saved state of a machine";
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
  const std::span<const u8> fields_bytes = saved.first(size);
  // A dry run over a copy of nothing is not possible: the fields know themselves only by being visited. The
  // hash has said that they are whole, so that only another version or another set of devices can refuse
  // here.
  const auto read_fields = [&] {
    FieldReader reader(fields_bytes);
    fields(reader);
    return reader.ok() && reader.at_end();
  };
  memory().set_a20(true);
  if (!read_fields()) {
    error = "the saved state is of another version of Ringside or of a machine with other devices";
    return false;
  }
  restore_pages(saved.subspan(size));
  // Chips drive their lines when they are restored, which others may take for edges. The second time no line
  // moves; the third time the CPUs forget what they were told again.
  chips_restored();
  read_fields();
  chips_restored();
  read_fields();
  for (unsigned n = 0; n < cpus(); ++n) {
    restore_translation(cpu(n));
    cpu(n).restored();
  }
  ending_ = Ending{};
  return true;
}

void Machine::restore_pages(std::span<const u8> pages) {
  std::set<HostPhys> stale;
  memory().for_each_written_page([&](HostPhys page, const u8*) { stale.insert(page); });
  std::vector<std::pair<HostPhys, const u8*>> fresh;
  for (; pages.size() >= 8 + page_bytes; pages = pages.subspan(8 + page_bytes)) {
    HostPhys page;
    std::memcpy(&page.value, pages.data(), 8);
    fresh.emplace_back(page, pages.data() + 8);
    stale.erase(page);
  }
  const std::vector<HostPhys> forgotten(stale.begin(), stale.end());
  memory().forget_pages(forgotten);
  for (const auto& [page, bytes] : fresh) memory().write_block(page, bytes, page_bytes);
}

}  // namespace ringside
