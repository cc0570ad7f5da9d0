// Owns the way between CPUs and their local APICs, and the mapping of the APIC pages.
#include "frontend/machine/local_apics.h"

#include <algorithm>
#include <set>

namespace ringside {

void CpuPins::nmi() {
  cpu_.nmi_pending = true;
  cpu_.attention |= Attention::nmi;
}

// A SIPI that came before the INIT and was not taken yet is lost; one that comes after it is not, even if the
// CPU had no turn between the two.
void CpuPins::init() { cpu_.attention = (cpu_.attention & ~Attention::start_up) | Attention::init; }

void CpuPins::start_up(u8 vector) {
  cpu_.sipi_vector = vector;
  cpu_.attention |= Attention::start_up;
}

u64 LocalApics::Page::mmio_read(u64 offset, unsigned size) {
  LocalApic& apic = *owner_.apics_[owner_.running_];
  return apic.mmio_base() == base ? apic.mmio_read(offset, size) : ~u64{0} >> (64 - 8 * size);
}
void LocalApics::Page::mmio_write(u64 offset, unsigned size, u64 value) {
  LocalApic& apic = *owner_.apics_[owner_.running_];
  if (apic.mmio_base() == base) apic.mmio_write(offset, size, value);
}

LocalApics::LocalApics(const CpuModel& model, PhysicalMemory& memory, Clock& clock,
                       const std::vector<std::unique_ptr<Cpu>>& cpus)
    : memory_(memory) {
  for (const auto& cpu : cpus) {
    LocalApic::Config apic;
    apic.id = cpu->index;
    apic.bootstrap = cpu->index == 0;
    apic.physical_address_bits = model.physical_bits;
    apic.timer_hertz = model.crystal_hertz;
    apic.x2apic = model.has_flag("x2apic");
    apic.tsc_deadline = model.has_flag("tsc-deadline");
    pins_.push_back(std::make_unique<CpuPins>(*cpu));
    apics_.push_back(std::make_unique<LocalApic>(apic, clock, bus_, *pins_.back()));
    apics_.back()->on_base_changed([this] { place_pages(); });
    cpu->interrupts = apics_.back().get();
  }
  place_pages();
}

void LocalApics::init() {
  for (auto& pins : pins_) pins->init();
}

void LocalApics::on_pic_acknowledge(const std::function<u8()>& acknowledge) {
  for (auto& apic : apics_) apic->on_pic_acknowledge(acknowledge);
}

bool LocalApics::unmaskable_source() const {
  constexpr u32 lint0 = 0x350;
  for (const auto& apic : apics_)
    if (is_unmaskable_source(apic->peek(lint0))) return true;
  return false;
}

void LocalApics::place_pages() {
  std::set<HostPhys> wanted;
  for (const auto& apic : apics_) wanted.insert(apic->mmio_base());
  for (auto page = pages_.begin(); page != pages_.end();) {
    if (wanted.erase((*page)->base)) {
      ++page;
    } else {
      memory_.remove_mmio(**page);
      page = pages_.erase(page);
    }
  }
  for (HostPhys base : wanted) {
    pages_.push_back(std::make_unique<Page>(*this, base));
    memory_.add_mmio(base, page_bytes, *pages_.back(), "local apic");
  }
  std::sort(pages_.begin(), pages_.end(), [](const auto& a, const auto& b) { return a->base < b->base; });
}

void LocalApics::places(Places& at) {
  for (const auto& page : pages_) at.movable(page->base, page_bytes, *page, "local apic");
}

void LocalApics::reset(ResetKind) {
  bus_.reset();
  for (auto& apic : apics_) apic->reset();
}

void LocalApics::fields(Fields& visit) {
  bus_.fields(visit);
  for (auto& apic : apics_) apic->fields(visit);
}

void LocalApics::restored() {
  for (auto& apic : apics_) apic->restored();
  place_pages();
}

}  // namespace ringside
