// Owns the form of a VMCS in memory: revision, abort indicator, launch state, then the fields in the table's
// order.
#include "vmx/vmcs.h"

namespace ringside {
namespace {

constexpr unsigned launch_state_at = 8, first_field_at = 16;
constexpr u64 launch_state_launched = 1;
static_assert(first_field_at + 8 * field_count <= vmcs_bytes);

HostPhys place(HostPhys region, unsigned field) { return region + first_field_at + u64{8} * field; }

}  // namespace

void Vmcs::read_region(PhysicalMemory& memory) {
  shadow = memory.read(region, 4) & shadow_indicator;
  launched = memory.read(region + launch_state_at, 4) == launch_state_launched;
  for (unsigned i = 0; i < field_count; ++i) {
    values_[i] = memory.read(place(region, i), 8) & info(static_cast<Field>(i)).value_mask();
    writers_[i] = {};
  }
  dirty = all_fields;
  last_exit_count = 0;
}

void Vmcs::write_region(PhysicalMemory& memory) const {
  memory.write(region + launch_state_at, 4, launched ? launch_state_launched : 0);
  for (unsigned i = 0; i < field_count; ++i) memory.write(place(region, i), 8, values_[i]);
}

void Vmcs::clear_launch_state(PhysicalMemory& memory, HostPhys region) {
  memory.write(region + launch_state_at, 4, 0);
}

void Vmcs::remember(const Vmcs& before) {
  for (unsigned i = 0; i < field_count; ++i) {
    if (!writers_[i].known && values_[i] == before.values_[i]) writers_[i] = before.writers_[i];
  }
  if (last_exit_count == 0) {
    last_exit_count = before.last_exit_count;
    last_exit_rip = before.last_exit_rip;
  }
  entries += before.entries;
  exits += before.exits;
}

void Vmcs::fields(Fields& visit) {
  visit("region", region);
  visit("launched", launched);
  visit("shadow", shadow);
  visit("dirty", dirty.word);
  visit("last_exit_count", last_exit_count);
  visit("last_exit_rip", last_exit_rip);
  visit("entries", entries);
  visit("exits", exits);
  visit("values", values_);
  for (Writer& w : writers_) {
    visit("rip", w.rip);
    visit("count", w.count);
    visit("known", w.known);
  }
}

}  // namespace ringside
