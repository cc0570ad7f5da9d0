// Owns the tests of figures and reports, on results that are written by hand.
#include "frontend/compare/comparison.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

namespace ringside::compare {
namespace {

Result made(const std::string& name, u64 exits, u64 instructions) {
  Result result;
  result.subject.name = name;
  result.subject.title = name + "'s <title> & more";
  Piece piece;
  piece.name = "work";
  piece.units_are = "pieces, \"small\" ones";
  piece.units = 10;
  piece.exits = 10 * exits + 7;  // seven of them are preparations
  piece.part[0] = 10 * instructions + 100;
  piece.guest = 1000;
  result.once.measured.pieces = {piece};
  piece.units = 30;
  piece.exits = 30 * exits + 7;
  piece.part[0] = 30 * instructions + 100;
  result.often.emplace().measured.pieces = {piece};
  for (u32 n = 1; n <= 4; ++n) {
    ExitCost cost;
    cost.reason = n == 4 ? ExitReason::hlt : ExitReason::cpuid;
    cost.instructions = {n * 100, n == 4 ? 1u : 0u};
    result.once.measured.costs.push_back(cost);
  }
  result.once.measured.causes = {{{ExitReason::cpuid, "leaf 0x0", 5}, 3}, {{ExitReason::hlt, "", 6}, 1}};
  result.guest_functions[5] = "ask";
  result.once.isolation.domains = {{Domain::Kind::hypervisor, "hypervisor", {1}},
                                   {Domain::Kind::guest, "guest 1", {2}}};
  result.once.isolation.reach = {{{5, 5}, {2, 2}}, {{0, 0}, {2, 1}}};
  return result;
}

std::optional<double> figure(const Comparison& all, std::string_view group, std::string_view id,
                             std::size_t subject) {
  for (const Group& one : all.groups) {
    if (one.id != group) continue;
    for (const Row& row : one.rows)
      if (row.id == id) return row.figures[subject];
  }
  return {};
}

TEST_CASE("preparations fall out of a unit of work, and a feature's cost is told beside who has it") {
  Result without = made("without", 4, 60);
  without.subject.instead_of = "with";
  const Comparison all = compare({made("with", 2, 50), without});
  CHECK(figure(all, "work", "work.exits", 0) == 2);
  CHECK(figure(all, "work", "work.exits", 1) == 4);
  CHECK(figure(all, "work", "work.kernel", 0) == 50);
  CHECK(figure(all, "features", "work.exits", 1) == 200);
  CHECK(figure(all, "features", "work.outside", 1) == 120);
  CHECK_FALSE(figure(all, "features", "work.exits", 0));
  CHECK_FALSE(figure(compare({without}), "features", "work.exits", 0));
}

TEST_CASE("a subject that does its work once has its pieces by units, preparations and all") {
  Result result = made("once", 2, 50);
  result.often.reset();
  CHECK(figure(compare({result}), "work", "work.exits", 0) == 2.7);
}

TEST_CASE("of exits there are the median and the worst, by reason and by cause") {
  const Comparison all = compare({made("a", 1, 1)});
  CHECK(figure(all, "exit", "exits", 0) == 4);
  CHECK(figure(all, "exit", "instructions.median", 0) == 200);
  CHECK(figure(all, "exit", "instructions.worst", 0) == 401);
  CHECK(figure(all, "exit", "to_user", 0) == 25);
  CHECK(figure(all, "reasons", "10.exits", 0) == 3);
  CHECK(figure(all, "reasons", "10.worst", 0) == 300);
  CHECK(figure(all, "causes", "CPUID, leaf 0x0: ask", 0) == 3);
  CHECK(figure(all, "causes", "HLT", 0) == 1);
  CHECK(all.costs[0] == std::vector<u32>{100, 200, 300, 401});
}

TEST_CASE("reports take any number of subjects, and names with letters of their own") {
  std::vector<Result> results;
  for (int n = 0; n < 8; ++n)
    results.push_back(made("a rather long name, number " + std::to_string(n), 1, 1));
  const Comparison all = compare(results);
  const std::string text = comparison_text(all);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    CHECK_MESSAGE(end - at <= 80, text.substr(at, end - at));
    at = end + 1;
  }
  const std::string page = comparison_html(all);
  CHECK(page.find("&lt;title&gt; &amp; more") != page.npos);
  CHECK(page.find("'s <title>") == page.npos);
  const auto json = nlohmann::json::parse(comparison_json(all));
  CHECK(json["subjects"].size() == 8);
  CHECK(json["subjects"][0]["isolation"][3]["pages_written"] == 1);
  CHECK(comparison_csv(all).find("\"of pieces, \"\"small\"\" ones\"") != std::string::npos);
}

TEST_CASE("names of subjects stand whole over their columns") {
  const std::string text = comparison_text(compare({made("lodge", 1, 1), made("lodge-no-ept", 1, 1),
                                                    made("a-b", 1, 1), made("c", 1, 1), made("d", 1, 1)}));
  const std::string gap(32, ' ');
  CHECK_MESSAGE(text.find("\n" + gap + "            lodge-\n" + gap +
                          "    lodge   no-ept      a-b        c        d\n") != text.npos,
                text.substr(0, 1200));
}

TEST_CASE("figures that no column has room for are told in millions") {
  const std::string text = comparison_text(compare({made("long", 1, 1'327'928'920), made("short", 1, 1)}));
  CHECK(text.find("1327.9M") != text.npos);
  CHECK(comparison_csv(compare({made("long", 1, 1'327'928'920)})).find("1327928920") != std::string::npos);
}

TEST_CASE("a subject without exits has no figures of them, and no column is lost") {
  Result result = made("still", 0, 0);
  result.once.measured.costs.clear();
  result.once.measured.causes.clear();
  const Comparison all = compare({result, made("other", 1, 1)});
  CHECK_FALSE(figure(all, "exit", "instructions.median", 0));
  CHECK(figure(all, "exit", "instructions.median", 1));
  CHECK(figure(all, "time", "guest", 0));
  // One that was never entered has no share that could be told.
  for (Piece& piece : result.once.measured.pieces) piece.guest = 0;
  CHECK_FALSE(figure(compare({result}), "time", "guest", 0));
  CHECK_FALSE(comparison_html(all).empty());
}

}  // namespace
}  // namespace ringside::compare
