// Owns the tests of the derived instruction list.
#include <doctest/doctest.h>

#include <Zydis/Zydis.h>

#include <set>
#include <string>

#include "cpu/decode/coverage.h"
#include "cpu/decode/rows.h"

using namespace ringside;

namespace {
const std::vector<InstructionCoverage>& list() {
  static const auto all = instruction_coverage();
  return all;
}
const InstructionCoverage* find(std::string_view name, std::string_view extension) {
  for (const auto& i : list())
    if (i.name == name && i.extension == extension) return &i;
  return nullptr;
}
}  // namespace

TEST_CASE("the list finds instructions of every age, under their extensions") {
  for (auto [name, extension] : {std::pair<std::string, std::string>{"add", "BASE"},
                                 {"fsin", "X87"},
                                 {"paddb", "MMX"},
                                 {"paddb", "SSE2"},
                                 {"pfadd", "AMD3DNOW"},
                                 {"vaddps", "AVX"},
                                 {"vpgatherdd", "AVX2GATHER"},
                                 {"vpscatterdd", "AVX512EVEX"},
                                 {"xsaves", "XSAVES"},
                                 {"vmlaunch", "VTX"},
                                 {"rdpkru", "PKU"},
                                 {"tileloadd", "AMX_TILE"},
                                 {"kmovq", "AVX512VEX"}}) {
    CAPTURE(name);
    CAPTURE(extension);
    CHECK(find(name, extension) != nullptr);
  }
}

TEST_CASE("nearly every mnemonic that Zydis knows is reached") {
  std::set<u16> seen;
  for (const auto& i : list()) seen.insert(i.mnemonic);
  CHECK(seen.size() > 1400);
  CHECK(seen.size() <= ZYDIS_MNEMONIC_MAX_VALUE);
}

TEST_CASE("every row's mnemonic is in the list, and a row takes some of its encodings") {
  std::set<u16> covered;
  for (const auto& i : list()) {
    CHECK(i.lowered <= i.encodings);
    if (i.covered()) covered.insert(i.mnemonic);
  }
  for (const RowInfo& row : rows()) {
    CAPTURE(row.mnemonic);
    CHECK(covered.count(row.zydis_mnemonic) == 1);
  }
}

TEST_CASE("an instruction without rows is not covered; one with rows is") {
  const InstructionCoverage* add = find("add", "BASE");
  const InstructionCoverage* pfadd = find("pfadd", "AMD3DNOW");
  REQUIRE(add);
  REQUIRE(pfadd);
  CHECK(add->complete());
  CHECK_FALSE(pfadd->covered());
}
