// Owns the tests of the table of registers: names, parts, what is set, and that saved state holds each.
#include <doctest/doctest.h>

#include <cstring>
#include <set>

#include "cpu/state/msrs.h"
#include "cpu/state/register_table.h"

using namespace ringside;

namespace {

struct Box {
  PhysicalMemory memory;
  Mmu mmu{memory, 46};
  CpuModel model;
  Cpu cpu{mmu};
  Box() {
    std::string error;
    model = *parse_cpu_model(default_cpu_model, error);
    cpu.model = &model;
    cpu.reset(false);
  }
};

struct Saved final : Fields {
  std::vector<u8> all;
  void bytes(std::string_view, void* data, std::size_t size) override {
    const u8* from = static_cast<const u8*>(data);
    all.insert(all.end(), from, from + size);
  }
};
std::vector<u8> saved(Cpu& cpu) {
  Saved visit;
  cpu.fields(visit);
  return visit.all;
}

void set(Cpu& cpu, std::string_view name, u64 value) {
  const auto part = find_register(name);
  REQUIRE_MESSAGE(part, std::string(name));
  const bool can = part->whole->set;
  REQUIRE(can);
  REQUIRE(part->whole->set(cpu, *part->whole, part->low / 64, part->merged(cpu, value)));
}
u64 get(const Cpu& cpu, std::string_view name) {
  const auto part = find_register(name);
  REQUIRE_MESSAGE(part, std::string(name));
  return part->read(cpu);
}

}  // namespace

TEST_CASE("each register has one name, is found by it, and is read and saved in one way") {
  Box box;
  std::set<std::string_view> names;
  for (const RegisterInfo& row : register_table()) {
    CHECK_MESSAGE(names.insert(row.name).second, row.name);
    const auto part = find_register(row.name);
    REQUIRE_MESSAGE(part, row.name);
    CHECK(part->whole == &row);
    CHECK_MESSAGE((row.cell || row.get), row.name);
    CHECK_MESSAGE(!(row.set && row.rule != RegisterRule::none), row.name);
    // What has a cell is state; what has none is saved only if it can be taken back.
    CHECK_MESSAGE(row.saved_as.empty() == !(row.cell || row.restore), row.name);
  }
  for (const std::string& name : register_names()) CHECK_MESSAGE(find_register(name), name);
}

TEST_CASE("a CPU without AVX has no upper halves, in its saved state either") {
  Box box;
  const auto find = [](std::string_view name) { return find_register(name)->whole; };
  std::string error;
  box.model = *parse_cpu_model("max,-avx", error);
  const std::size_t without = saved(box.cpu).size();
  CHECK_FALSE(find("ymm3h")->is_present(box.cpu));
  box.model = *parse_cpu_model("max", error);
  CHECK(find("ymm3h")->is_present(box.cpu));
  CHECK(saved(box.cpu).size() == without + 16 * 16);
  set(box.cpu, "ymm3h", 5);
  set(box.cpu, "ymm3h.h", 6);
  CHECK(box.cpu.vector.upper[3] == V128{{5, 6}});
}

TEST_CASE("saved state holds every register and every MSR that is kept") {
  Box box;
  std::string error;
  box.model = *parse_cpu_model("max", error);
  for (const RegisterInfo& row : register_table()) {
    if (!row.cell) continue;
    const auto before = saved(box.cpu);
    const RegisterInfo::Cell cell = row.cell(box.cpu, row.index);
    for (unsigned n = 0; n < cell.bytes; ++n) static_cast<u8*>(cell.data)[n] ^= 1;
    const auto after = saved(box.cpu);
    REQUIRE(after.size() == before.size());
    unsigned changed = 0;
    for (std::size_t n = 0; n < after.size(); ++n) changed += after[n] != before[n];
    CHECK_MESSAGE(changed == cell.bytes, row.name);
    for (unsigned n = 0; n < cell.bytes; ++n) static_cast<u8*>(cell.data)[n] ^= 1;
  }
  for (const MsrInfo& row : msr_table()) {
    u64* const place = row.place(box.cpu.msr);
    if (!place) continue;
    const auto before = saved(box.cpu);
    *place ^= 1;
    CHECK_MESSAGE(saved(box.cpu) != before, row.name);
    *place ^= 1;
  }
}

TEST_CASE("parts of registers by the names that assemblers and gdb give them") {
  Box box;
  Cpu& cpu = box.cpu;
  cpu.gpr[RAX] = 0x1122334455667788;
  CHECK(get(cpu, "EAX") == 0x55667788);
  CHECK(get(cpu, "ax") == 0x7788);
  CHECK(get(cpu, "ah") == 0x77);
  set(cpu, "ah", 0xff);
  CHECK(cpu.gpr[RAX] == 0x112233445566ff88);
  set(cpu, "eax", 1);
  CHECK(cpu.gpr[RAX] == 1);
  cpu.gpr[RSI] = 0x1234;
  CHECK(get(cpu, "sil") == 0x34);
  cpu.gpr[R9] = 0xaabbccdd00112233;
  CHECK(get(cpu, "r9d") == 0x00112233);
  CHECK(get(cpu, "r9w") == 0x2233);
  CHECK(get(cpu, "r9b") == 0x33);
  cpu.vector.xmm[3] = {{1, 2}};
  CHECK(get(cpu, "xmm3") == 1);
  CHECK(get(cpu, "xmm3.h") == 2);
  set(cpu, "xmm3.h", 7);
  CHECK(cpu.vector.xmm[3] == V128{{1, 7}});
  cpu.x87.top = 7;
  cpu.x87.physical[0] = {0x8000000000000000, 0x3fff};
  CHECK(get(cpu, "st1.e") == 0x3fff);
  CHECK(get(cpu, "mm0") == 0x8000000000000000);
  cpu.set_eflags(Eflags::IOPL | Eflags::ZF, ~u64{0});
  CHECK(get(cpu, "eflags.zf") == 1);
  CHECK(get(cpu, "rflags.iopl") == 3);
  CHECK_FALSE(find_register("nonsense"));
  CHECK_FALSE(find_register("st9"));
  CHECK_FALSE(find_register(""));
}

TEST_CASE("names of bits belong to a register or an MSR, and all their readers find them") {
  for (const BitField& row : register_bits) {
    bool known = false;
    for (const RegisterInfo& info : register_table()) known |= info.bits_of == row.of;
    for (const MsrInfo& info : msr_table()) {
      known |= info.name == row.of;
      if (info.name == row.of) CHECK_MESSAGE(!info.bits.empty(), info.name);
    }
    CHECK_MESSAGE(known, row.of);
  }
}

TEST_CASE("a register that the processor does not use now is not present") {
  Box box;
  Cpu& cpu = box.cpu;
  CHECK_FALSE(find_register("pdpte0")->whole->is_present(cpu));
  CHECK_FALSE(find_register("pkru")->whole->is_present(cpu));
  cpu.cr0 |= Cr0::PG | Cr0::PE;
  cpu.cr4 |= Cr4::PAE | Cr4::PKE;
  CHECK(find_register("pdpte0")->whole->is_present(cpu));
  CHECK(find_register("pkru")->whole->is_present(cpu));
}
