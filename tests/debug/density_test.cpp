// Owns the tests of counting events over time.
#include "frontend/debug/density.h"

#include <doctest/doctest.h>

#include <numeric>

namespace ringside {
namespace {

u32 sum(const std::vector<u32>& parts) { return std::accumulate(parts.begin(), parts.end(), 0u); }

TEST_CASE("events are counted where they were, however long the time") {
  Density all;
  for (u64 at = 0; at < 1'000'000; at += 1'000) all.add(at);
  std::vector<u32> parts = all.over(0, 1'000'000, 10);
  REQUIRE(parts.size() == 10);
  CHECK(sum(parts) == 1'000);
  for (const u32 part : parts) CHECK((part >= 99 && part <= 101));
  // As time grows a thousandfold it is known less finely, and nothing is lost.
  all.add(1'000'000'000);
  parts = all.over(0, 1'000'000'000, 1'000);
  CHECK(sum(parts) == 1'001);
  CHECK(parts[0] + parts[1] == 1'000);
  CHECK(parts[999] == 1);
  CHECK(sum(all.over(500'000'000, 900'000'000, 10)) == 0);
}

TEST_CASE("what is known coarsely is seen wherever it may have been") {
  Density all;
  all.add(100);
  CHECK(all.over(96, 112, 4) == std::vector<u32>{1, 1, 1, 1});
  CHECK(all.over(2'000, 3'000, 4) == std::vector<u32>(4));
  CHECK(all.over(7, 7, 4) == std::vector<u32>(4));
  CHECK(all.over(0, 100, 0).empty());
}

TEST_CASE("another run from a moment on makes what came later unknown") {
  Density all;
  for (u64 at = 0; at < 100'000; at += 1'000) all.add(at);
  all.add(50'000);
  CHECK(sum(all.over(60'000, 100'000, 10)) == 0);
  CHECK(sum(all.over(0, 100'000, 1)) == 52);
  all.forget_after(0);
  CHECK(sum(all.over(2'000, 100'000, 10)) == 0);
}

}  // namespace
}  // namespace ringside
