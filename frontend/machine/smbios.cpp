// Owns the contents of the SMBIOS structures.
#include "frontend/machine/smbios.h"

#include <algorithm>
#include <initializer_list>
#include <string>

#include "frontend/machine/acpi_bytes.h"
#include "frontend/machine/machine.h"

namespace ringside {
namespace {

constexpr u16 handle_bios = 0, handle_system = 0x100, handle_chassis = 0x300, handle_processor = 0x400,
              handle_array = 0x1000, handle_memory = 0x1100, handle_array_range = 0x1300,
              handle_boot = 0x2000, handle_end = 0x7f00;

class Structures {
 public:
  // The formatted area is written by `body`, whose strings are numbered from 1 in their order here.
  template <class Body>
  void add(u8 type, u16 handle, std::initializer_list<std::string_view> strings, Body body) {
    TableBytes t;
    t.add<u8>(type).add<u8>(0).add<u16>(handle);
    body(t);
    t.set<u8>(1, static_cast<u8>(t.size()));
    largest_ = std::max<std::size_t>(largest_, t.size());
    for (const std::string_view text : strings) {
      t.text(text).add<u8>(0);
      largest_ = std::max(largest_, t.size() + 1);
    }
    t.zeros(strings.size() == 0 ? 2 : 1);
    all_.insert(all_.end(), t.bytes().begin(), t.bytes().end());
    ++count_;
  }
  std::size_t largest() const { return largest_; }
  u16 count() const { return count_; }
  std::vector<u8> take() { return std::move(all_); }
  std::size_t size() const { return all_.size(); }

 private:
  std::vector<u8> all_;
  std::size_t largest_ = 0;
  u16 count_ = 0;
};

constexpr std::string_view maker = "Ringside";

void add_system(Structures& s, const MachineConfig& config) {
  s.add(0, handle_bios, {maker, "1", "04/01/2014"}, [](TableBytes& t) {
    constexpr u64 characteristics_not_supported = bit(3);
    t.add<u8>(1).add<u8>(2).add<u16>(0xe800).add<u8>(3).add<u8>(0);
    t.add<u64>(characteristics_not_supported)
        .add<u8>(0)
        .add<u8>(0x14);  // targeted content; a virtual machine
    t.add<u8>(0).add<u8>(0).add<u8>(0xff).add<u8>(0xff);
  });
  s.add(1, handle_system, {maker, "Standard PC (i440FX + PIIX)", "pc"}, [&](TableBytes& t) {
    t.add<u8>(1).add<u8>(2).add<u8>(3).add<u8>(0);
    // The first three fields of a UUID are little endian here.
    static constexpr std::array<u8, 16> order{3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
    for (const u8 n : order) t.add<u8>(config.uuid ? (*config.uuid)[n] : u8{0});
    t.add<u8>(6).add<u8>(0).add<u8>(0);  // woken by the power switch
  });
  s.add(3, handle_chassis, {maker, "pc"}, [](TableBytes& t) {
    constexpr u8 other = 1, safe = 3, unknown = 2;
    t.add<u8>(1).add<u8>(other).add<u8>(2).add<u8>(0).add<u8>(0);
    t.add<u8>(safe).add<u8>(safe).add<u8>(safe).add<u8>(unknown);
    t.add<u32>(0).add<u8>(0).add<u8>(0).add<u8>(0).add<u8>(0).add<u8>(0);
  });
}

void add_processors(Structures& s, const MachineConfig& config) {
  for (unsigned n = 0; n < config.cpus; ++n) {
    const std::string socket = "CPU " + std::to_string(n);
    s.add(4, static_cast<u16>(handle_processor + n), {socket, "GenuineIntel"}, [](TableBytes& t) {
      constexpr u8 central = 3, other = 1, unknown = 2, enabled = 0x41;
      constexpr u16 no_cache = 0xffff;
      t.add<u8>(1).add<u8>(central).add<u8>(other).add<u8>(2).add<u64>(0).add<u8>(0);
      t.add<u8>(0).add<u16>(0).add<u16>(0).add<u16>(0).add<u8>(enabled).add<u8>(other);
      t.add<u16>(no_cache).add<u16>(no_cache).add<u16>(no_cache);
      t.add<u8>(0).add<u8>(0).add<u8>(0).add<u8>(1).add<u8>(1).add<u8>(1);
      t.add<u16>(unknown).add<u16>(other);
    });
  }
}

void add_memory(Structures& s, u64 ram_bytes) {
  const u64 kib = ram_bytes >> 10, mib = ram_bytes >> 20;
  s.add(16, handle_array, {}, [&](TableBytes& t) {
    constexpr u8 system_board = 3, system_memory = 3, no_correction = 3;
    constexpr u32 see_extended = 0x80000000;
    const bool wide = kib >= see_extended;
    t.add<u8>(system_board).add<u8>(system_memory).add<u8>(no_correction);
    t.add<u32>(wide ? see_extended : static_cast<u32>(kib)).add<u16>(0xfffe).add<u16>(1);
    t.add<u64>(wide ? ram_bytes : 0);
  });
  s.add(17, handle_memory, {"DIMM 0", maker}, [&](TableBytes& t) {
    constexpr u8 dimm = 9, ram = 7;
    constexpr u16 unknown = 0xffff, see_extended = 0x7fff, other = 2;
    const bool wide = mib >= see_extended;
    t.add<u16>(handle_array).add<u16>(0xfffe).add<u16>(unknown).add<u16>(unknown);
    t.add<u16>(wide ? see_extended : static_cast<u16>(mib)).add<u8>(dimm).add<u8>(0).add<u8>(1).add<u8>(0);
    t.add<u8>(ram).add<u16>(other).add<u16>(0).add<u8>(2).add<u8>(0).add<u8>(0).add<u8>(0).add<u8>(0);
    t.add<u32>(wide ? static_cast<u32>(mib) : 0).add<u16>(0).add<u16>(0).add<u16>(0).add<u16>(0);
  });
  s.add(19, handle_array_range, {}, [&](TableBytes& t) {
    const u64 low = std::min(ram_bytes, low_ram_limit);
    t.add<u32>(0).add<u32>(static_cast<u32>((low >> 10) - 1)).add<u16>(handle_array).add<u8>(1);
    t.add<u64>(0).add<u64>(0);
  });
  if (ram_bytes <= low_ram_limit) return;
  s.add(19, handle_array_range + 1, {}, [&](TableBytes& t) {
    constexpr u64 four_gib = u64{1} << 32;
    constexpr u32 see_extended = 0xffffffff;
    t.add<u32>(see_extended).add<u32>(see_extended).add<u16>(handle_array).add<u8>(1);
    t.add<u64>(four_gib).add<u64>(four_gib + ram_bytes - low_ram_limit - 1);
  });
}

}  // namespace

SmbiosTables smbios_tables(const MachineConfig& config) {
  Structures s;
  add_system(s, config);
  add_processors(s, config);
  add_memory(s, config.ram_bytes);
  s.add(32, handle_boot, {}, [](TableBytes& t) { t.zeros(6).add<u8>(0); });
  s.add(127, handle_end, {}, [](TableBytes&) {});

  constexpr u32 entry_bytes = 0x1f, intermediate_at = 0x10;
  TableBytes anchor;
  anchor.text("_SM_").add<u8>(0).add<u8>(entry_bytes).add<u8>(2).add<u8>(8);
  anchor.add<u16>(static_cast<u16>(s.largest())).add<u8>(0).zeros(5);
  anchor.text("_DMI_").add<u8>(0).add<u16>(static_cast<u16>(s.size())).add<u32>(0);
  anchor.add<u16>(s.count()).add<u8>(0x28);
  u8 sum = 0;
  for (u32 n = intermediate_at; n < entry_bytes; ++n) sum = static_cast<u8>(sum + anchor.bytes()[n]);
  anchor.set<u8>(0x15, static_cast<u8>(0 - sum));
  anchor.checksum(4, entry_bytes);
  return {std::move(anchor.bytes()), s.take()};
}

}  // namespace ringside
