// Owns the tests of the wire to a peer's process: how long a peer may be silent.
#include <doctest/doctest.h>
#include <sys/resource.h>

#include "frontend/differ/patience.h"
#include "frontend/differ/peer.h"

namespace ringside {
namespace {

// Of the children that have ended.
double processor_seconds_of_children() {
  rusage used{};
  getrusage(RUSAGE_CHILDREN, &used);
  return static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
         static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

std::unique_ptr<Wire> shell(const char* text) {
  std::string error;
  auto wire = process_wire({"sh", "-c", text})(error);
  REQUIRE_MESSAGE(wire, error);
  return wire;
}

TEST_CASE("a peer that computes is waited for as long as it has not had the processor for so long") {
  constexpr double patience = 0.4, of_clocks = 0.05;
  const double before = processor_seconds_of_children();
  auto wire = shell("while :; do :; done");
  const auto heard = wire->receive(patience);
  REQUIRE(heard.has_value());
  CHECK(heard->empty());
  wire.reset();
  CHECK(processor_seconds_of_children() - before > patience - of_clocks);
}

TEST_CASE("a peer is waited for by the processor's time, and by the host's while it sleeps or dozes") {
  Patience busy_host(1, 0, 0), sleeper(1, 0, 0), dozer(1, 0, 0), both(1, 0, 0);
  for (int n = 1; n <= 9; ++n) {
    CAPTURE(n);
    CHECK(!busy_host.used_up(n, 0.1 * n, false));  // has a tenth of what it wants
    CHECK(!sleeper.used_up(0.1 * n, 0, true));
    CHECK(!dozer.used_up(0.1 * n, 0.012 * n, true));
  }
  CHECK(busy_host.used_up(11, 1.1, false));
  CHECK(sleeper.used_up(1.1, 0, true));
  CHECK(dozer.used_up(1.1, 0.13, true));
  CHECK(!both.used_up(0.6, 0, true));
  CHECK(both.used_up(1.2, 0.5, false));
}

TEST_CASE("a peer is waited for no longer than whoever waits likes") {
  const auto wire = shell("sleep 1000");
  int asked = 0;
  CHECK(wire->receive(1000, [&asked] { return ++asked < 3; }) == std::optional<std::string>(""));
  CHECK(asked == 3);
}

TEST_CASE("a peer that sleeps is given up, one that speaks is heard, and one that is gone is missed") {
  CHECK(shell("sleep 1000")->receive(0.2) == std::optional<std::string>(""));
  const auto wire = shell("printf hello");
  CHECK(wire->receive(100) == std::optional<std::string>("hello"));
  CHECK(wire->receive(100) == std::nullopt);
}

}  // namespace
}  // namespace ringside
