// Owns the gathering of costs while a machine runs.
#include "frontend/compare/measure.h"

#include <algorithm>
#include <array>
#include <numeric>

namespace ringside::compare {
namespace {

constexpr u64 line_bytes = 64;

unsigned index(Part part) { return static_cast<unsigned>(part); }
Part root_part(const Cpu& cpu) { return cpu.cpl == 3 ? Part::user : Part::kernel; }

}  // namespace

Measure::Measure(Machine& machine, unsigned control_cpus) : machine_(machine), control_cpus_(control_cpus) {
  for (unsigned n = 0; n < machine.cpus(); ++n) {
    Seat& seat = *seats_.emplace_back(std::make_unique<Seat>());
    if (machine.cpu(n).vmx) seat.hears = machine.cpu(n).vmx->observers.attach(*this);
  }
}

Measure::~Measure() { stop(); }

void Measure::start() {
  measuring_ = true;
  std::vector<u16> offsets(page_bytes);
  std::iota(offsets.begin(), offsets.end(), u16{0});
  machine_.set_stop_offsets(offsets);
  std::vector<HostPhys> frames;
  for (const auto& region : machine_.memory().regions()) {
    if (region.kind == PhysicalMemory::Region::Kind::ram)
      for (u64 at = region.base.value; at < region.base.value + region.bytes; at += page_bytes)
        frames.push_back(HostPhys(at));
  }
  for (unsigned n = 0; n < machine_.cpus(); ++n) {
    Cpu& cpu = machine_.cpu(n);
    seats_[n]->looks = cpu.observers.attach(*this);
    cpu.mmu.set_watched_frames(frames, {});
  }
}

void Measure::stop() {
  if (!measuring_) return;
  measuring_ = false;
  machine_.set_stop_offsets({});
  for (unsigned n = 0; n < machine_.cpus(); ++n) {
    seats_[n]->looks.detach();
    machine_.cpu(n).mmu.set_watched_frames({}, {});
  }
}

void Measure::piece(std::string name, u64 units, std::string units_are) {
  now_.name = std::move(name);
  now_.units_are = std::move(units_are);
  now_.units = std::max<u64>(units, 1);
  now_.end = counted_;
  measured_.pieces.push_back(now_);
  now_ = {};
  now_.begin = counted_;
}

void Measure::touch(Seat& seat, unsigned part, HostPhys at, unsigned bytes) {
  if (!seat.open || bytes == 0) return;
  seat.pages[part].meet(at.value / page_bytes);
  for (u64 line = at.value / line_bytes; line <= (at.value + bytes - 1) / line_bytes; ++line)
    seat.lines[part].meet(line);
}

void Measure::asserted(Seat& seat) {
  seat.asserted = counted_;
  seat.to_come = true;
}

void Measure::look_at_interrupts(const Cpu& cpu, Seat& seat) {
  const bool pending = cpu.interrupts && cpu.interrupts->pending();
  if (pending && !seat.pending) asserted(seat);
  seat.pending = pending;
}

void Measure::note_switch(const Cpu& cpu, Seat& seat) {
  const bool user = cpu.cpl == 3;
  if (seat.known) {
    now_.switches.rings += !seat.was_guest && user != seat.user;
    now_.switches.spaces += cpu.cr3 != seat.space;
  }
  if (user && (!seat.known || !seat.user || cpu.cr3 != seat.space) &&
      std::find(processes_.begin(), processes_.end(), cpu.cr3) == processes_.end())
    processes_.push_back(cpu.cr3);
  seat.user = user;
  seat.space = cpu.cr3;
  seat.known = true;
  seat.was_guest = false;
}

bool Measure::stops_before(Cpu& cpu, LinAddr linear, HostPhys physical) {
  if (!measuring_) return false;
  Seat& seat = *seats_[cpu.index];
  look_at_interrupts(cpu, seat);
  ++counted_;
  if (cpu.non_root) {
    seat.was_guest = true;
    ++(seat.control ? now_.part[index(Part::control)] : now_.guest);
    if (seat.control) measured_.code[index(Part::control)].insert(linear.value);
    return false;
  }
  note_switch(cpu, seat);
  const unsigned part = index(root_part(cpu));
  ++now_.part[part];
  measured_.code[part].insert(linear.value);
  if (seat.open) ++seat.cost.instructions[part];
  touch(seat, part, physical, 1);
  return false;
}

bool Measure::watches(const Cpu& cpu, const ObservedAccess&) const {
  return measuring_ && !cpu.non_root && seats_[cpu.index]->open;
}

void Measure::accessed(Cpu& cpu, const ObservedAccess& access) {
  Seat& seat = *seats_[cpu.index];
  const unsigned part = index(root_part(cpu));
  touch(seat, part, access.physical, access.part);
  touch(seat, part, access.rest, access.size - access.part);
}

void Measure::interrupt(Cpu& cpu, u8, u64) {
  if (!measuring_) return;
  Seat& seat = *seats_[cpu.index];
  if (!cpu.non_root) {
    // One that woke the CPU was never seen waiting.
    if (!seat.pending) asserted(seat);
    seat.pending = false;
    return;
  }
  if (seat.control || !seat.to_come) return;
  measured_.latencies.push_back(counted_ - seat.asserted);
  seat.to_come = false;
}

void Measure::close(Seat& seat) {
  if (!seat.open) return;
  seat.open = false;
  for (const unsigned part : {0u, 1u}) {
    seat.cost.pages[part] = seat.pages[part].count();
    seat.cost.lines[part] = seat.lines[part].count();
  }
  measured_.costs.push_back(seat.cost);
}

void Measure::entered(Cpu& cpu) {
  const Vmcs& vmcs = *cpu.vmx->current;
  const u64 region = vmcs.region.value;
  auto known = std::find_if(guests_.begin(), guests_.end(),
                            [&](const Guest& guest) { return guest.region == region; });
  if (known == guests_.end()) {
    const bool control = guests_.size() < control_cpus_;
    known = guests_.insert(known, {.region = region, .control = control});
  }
  known->shadow = !cpu.vmx->controls.has(VmxControl::ept);
  known->root = vmcs[known->shadow ? Field::GUEST_CR3 : Field::EPT_POINTER];
  Seat& seat = *seats_[cpu.index];
  seat.control = known->control;
  if (!measuring_) return;
  known->met = true;
  close(seat);
  ++now_.switches.entries;
  // What was asserted meant the hypervisor alone, if the guest goes on without an interrupt.
  const bool injects = vmcs[Field::VM_ENTRY_INTERRUPTION_INFORMATION] & Interruption::valid;
  if (!seat.control && !injects && !cpu.vmx->controls.has(VmxControl::interrupt_window_exiting) &&
      cpu.vmx->requested_vector == 0)
    seat.to_come = false;
  const u64 space = vmcs[Field::HOST_CR3];
  if (std::find(entry_spaces_.begin(), entry_spaces_.end(), space) == entry_spaces_.end())
    entry_spaces_.push_back(space);
}

void Measure::exited(Cpu& cpu, const ExitInfo& exit) {
  if (!measuring_) return;
  Seat& seat = *seats_[cpu.index];
  close(seat);  // a VM entry that failed behind its checks
  ++now_.switches.exits;
  if (exit.reason == ExitReason::external_interrupt) {
    if (!seat.pending) asserted(seat);
    seat.pending = false;
  }
  if (seat.control) {
    ++now_.control_exits;
    return;
  }
  ++now_.exits;
  seat.open = true;
  seat.cost = {};
  seat.cost.reason = exit.reason;
  for (const unsigned part : {0u, 1u}) {
    seat.pages[part].begin();
    seat.lines[part].begin();
  }
  const Vmcs& vmcs = *cpu.vmx->current;
  const u64 rip = vmcs[Field::GUEST_CS_BASE] + vmcs[Field::GUEST_RIP];
  ++measured_.causes[{exit.reason, exit_detail(cpu, exit), rip}];
}

// The top table of a process that has ended is memory like any other. Those of living ones have the kernel's
// part in common.
bool Measure::lives(u64 cr3) const {
  constexpr u64 frame = bit_range(12, 51), compared = frame | PageEntry::P | PageEntry::RW;
  std::array<u64, 512> kernel{}, own{};
  std::vector<u64> spaces = entry_spaces_;
  if (spaces.empty()) spaces.push_back(machine_.cpu(0).cr3);
  for (const u64 space : spaces) {
    machine_.memory().read_block(HostPhys(space & frame), kernel.data(), page_bytes);
    machine_.memory().read_block(HostPhys(cr3 & frame), own.data(), page_bytes);
    for (std::size_t n = 0; n < own.size(); ++n)
      if ((own[n] & PageEntry::P) && (own[n] & compared) == (kernel[n] & compared)) return true;
  }
  return false;
}

std::vector<Domain> Measure::domains(const std::string& users) const {
  std::vector<Domain> all = {{Domain::Kind::hypervisor, "hypervisor", {machine_.cpu(0).cr3}}};
  if (!entry_spaces_.empty()) all[0].roots = {entry_spaces_.front()};
  unsigned guests = 0;
  for (const Guest& guest : guests_) {
    const bool met =
        std::any_of(all.begin() + 1, all.end(), [&](const Domain& d) { return d.roots[0] == guest.root; });
    if (!guest.met || guest.root == 0 || met) continue;  // one of its other virtual CPUs
    if (guest.control)
      all.push_back({Domain::Kind::control, "control", {guest.root}, guest.shadow});
    else
      all.push_back({Domain::Kind::guest, "guest " + std::to_string(++guests), {guest.root}, guest.shadow});
  }
  Domain others{Domain::Kind::process, users.empty() ? "other processes" : users, {}};
  for (const u64 process : processes_) {
    // With page-table isolation a process has two CR3s, which bit 12 tells apart.
    const bool runs = std::any_of(entry_spaces_.begin(), entry_spaces_.end(), [&](u64 space) {
      return space == process || (space | page_bytes) == process;
    });
    if (!lives(process)) continue;
    if (runs && users.empty())
      all.push_back({Domain::Kind::process, "VMM process", {process}});
    else
      others.roots.push_back(process);
  }
  if (!others.roots.empty()) all.push_back(std::move(others));
  return all;
}

}  // namespace ringside::compare
