// Owns the test that the rows' tags agree with their columns and with each other.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "cpu/decode/groups.h"
#include "cpu/decode/inline_class.h"
#include "cpu/decode/proof.h"

using namespace ringside;

namespace {

// All that `emit` says.
using Class = std::tuple<Inline, InlineVector, Condition, u8>;
Class class_of(const RowInfo& row) {
  return {row.emit.what, row.emit.vector, row.emit.condition, row.emit.bytes};
}

bool names_vector(const RowInfo& row) {
  return std::ranges::any_of(row.operands, [](Operand o) {
    switch (o) {
      case Operand::x:
      case Operand::xm8:
      case Operand::xm16:
      case Operand::xm32:
      case Operand::xm64:
      case Operand::xm128:
      case Operand::xm128u:
      case Operand::v:
      case Operand::vm:
      case Operand::vma:
      case Operand::ma:
      case Operand::ymm: return true;
      default: return false;
    }
  });
}

// A body's name may mean one function for XMM registers, another one for MMX registers, and a third with a
// VEX prefix.
using Body = std::tuple<std::string_view, bool, bool>;
Body body_of(const RowInfo& row) { return {row.body, names_vector(row), (row.attrs & RowAttr::vex) != 0}; }
// What is the same with a VEX prefix and without.
std::pair<std::string_view, bool> name_of_body(const RowInfo& row) { return {row.body, names_vector(row)}; }

constexpr std::string_view conditions[] = {"O", "NO", "B", "NB", "Z", "NZ", "BE", "NBE",
                                           "S", "NS", "P", "NP", "L", "NL", "LE", "NLE"};

std::string name_of(const RowInfo& row) { return fmt::format("{} {}", row.mnemonic, row.body); }

}  // namespace

TEST_CASE("rows of one body are one operation to the emitter, and no two bodies are the same one") {
  std::map<Body, Class> operations;
  std::map<Class, std::pair<std::string_view, bool>> bodies;
  for (const RowInfo& row : rows()) {
    CAPTURE(name_of(row));
    const auto [operation, first] = operations.emplace(body_of(row), class_of(row));
    CHECK_MESSAGE((operation->second == class_of(row)), "a row of the same body has another tag `emit`");
    if (row.emit.what == Inline::call_handler) continue;
    const auto [body, only] = bodies.emplace(class_of(row), name_of_body(row));
    CHECK_MESSAGE((body->second == name_of_body(row)), "a row of another body has the same tag `emit`");
  }
}

TEST_CASE("the conditions of tags are those of the bodies") {
  for (const RowInfo& row : rows()) {
    const Inline what = row.emit.what;
    const bool conditional = what == Inline::set || what == Inline::cmov || what == Inline::jump_if;
    CAPTURE(name_of(row));
    const std::string_view member = what == Inline::set ? "set" : what == Inline::cmov ? "move" : "jump";
    const std::string body =
        fmt::format("If<Condition::{}>::{}", conditions[static_cast<unsigned>(row.emit.condition)], member);
    CHECK((row.body == body) == conditional);
    CHECK(row.body.starts_with("If<") == conditional);
  }
}

TEST_CASE("operations of the emitter have the operands that it expects") {
  for (const RowInfo& row : rows()) {
    CAPTURE(name_of(row));
    switch (row.emit.what) {
      case Inline::vector: CHECK((names_vector(row) || !row.match_operands)); break;
      case Inline::shl:
      case Inline::shr:
      case Inline::sar:
      case Inline::rol:
      case Inline::ror: CHECK((row.operands[1] == Operand::cl || row.operands[1] == Operand::i)); break;
      case Inline::movzx:
      case Inline::movsx:
        CHECK((row.operands[1] == Operand::rm8 || row.operands[1] == Operand::rm16 ||
               row.operands[1] == Operand::rm32));
        break;
      case Inline::widen:
      case Inline::spread: CHECK((row.emit.bytes == 4 || row.emit.bytes == 8)); break;
      case Inline::jump_if: CHECK(row.kind == Kind::conditional); break;
      case Inline::jump:
      case Inline::call: CHECK(row.kind == Kind::direct); break;
      case Inline::jump_to:
      case Inline::call_to:
      case Inline::ret:
      case Inline::ret_and_release: CHECK(row.kind == Kind::indirect); break;
      case Inline::call_handler: break;
      default: CHECK(row.kind == Kind::plain);
    }
  }
}

TEST_CASE("no tag is dead: each operation, privilege, format and reason is some row's") {
  std::set<Inline> operations;
  std::set<InlineVector> vectors;
  std::set<Privilege> privileges;
  std::set<InformationFormat> formats;
  std::set<Judge> judges;
  for (const RowInfo& row : rows()) {
    operations.insert(row.emit.what);
    vectors.insert(row.emit.vector);
    privileges.insert(row.privilege);
    formats.insert(row.information.format);
    judges.insert(row.judge);
  }
  CHECK(operations.size() == inline_count);
  CHECK(vectors.size() == inline_vector_count);
  CHECK(privileges.size() == static_cast<unsigned>(Privilege::smm) + 1);
  CHECK(formats.size() == static_cast<unsigned>(InformationFormat::field) + 1);
  CHECK(judges.size() == static_cast<unsigned>(Judge::plain_address) + 1);
}

TEST_CASE(
    "exit information is of rows that exit, and a judge is named only where the group's would be wrong") {
  for (unsigned number = 0; number < rows().size(); ++number) {
    const RowInfo& row = rows()[number];
    CAPTURE(name_of(row));
    if (row.information.format != InformationFormat::absent) CHECK(row.exit.when != RowExit::When::never);
    const Proof proof = proof_of(number);
    if (row.judge == Judge::programs) {
      CHECK(proof.oracle == Oracle::user);
      CHECK(oracle_of(row.group) != Oracle::user);
    }
    if (row.judge != Judge::programs && row.judge != Judge::of_group) CHECK(proof.oracle == Oracle::none);
  }
}

TEST_CASE("groups stand together, in the order of the list") {
  CHECK(std::ranges::is_sorted(rows(), {}, &RowInfo::group));
  std::set<RowGroup> groups;
  for (const RowInfo& row : rows()) groups.insert(row.group);
  CHECK(groups.size() == static_cast<unsigned>(RowGroup::count));
}
