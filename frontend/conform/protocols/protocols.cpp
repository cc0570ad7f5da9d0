// Owns the table of the protocols, and finding one by the look of its output.
#include <array>
#include <deque>
#include <utility>

#include "frontend/conform/protocols/collector.h"
#include "frontend/conform/protocols/readers.h"

namespace ringside::conform {
namespace {

// The surest look first: a plain plan or "FAIL: " may stand in anybody's output.
constexpr std::array<Protocol, 6> known = {{
    {"sotest", "Cyberus' guest-tests: SOTEST SUCCESS \"name\"", looks_like_sotest, sotest_reader},
    {"ktap", "the Linux kernel's KUnit and kselftest: KTAP, in its log or not", looks_like_ktap, ktap_reader},
    {"gtest", "GoogleTest: [       OK ] Suite.Case (0 ms)", looks_like_gtest, gtest_reader},
    {"xtf", "the Xen Test Framework: Test result: SUCCESS", looks_like_xtf, xtf_reader},
    {"tap", "the Test Anything Protocol, versions 12 to 14", looks_like_tap, tap_reader},
    {"kvm-unit-tests", "kvm-unit-tests: PASS: name, and a SUMMARY", looks_like_kvm_unit_tests,
     kvm_unit_tests_reader},
}};

class ByLook final : public ProtocolReader {
 public:
  explicit ByLook(std::string* found) : found_(found) {}

  void line(std::string_view text, u64 number) override {
    if (reader_) return reader_->line(text, number);
    const std::string plain = plain_line(text);
    for (const Protocol& protocol : known) {
      if (protocol.announces(plain)) return begin(protocol, text, number);
    }
    before_.emplace_back(plain, number);
    if (before_.size() > most_before) before_.pop_front();
  }
  void end() override {
    if (reader_) reader_->end();
  }
  const std::vector<Check>& checks() const override { return reader_ ? reader_->checks() : none_; }
  std::string complaint() const override { return reader_ ? reader_->complaint() : ""; }

 private:
  static constexpr std::size_t most_before = 200;

  void begin(const Protocol& protocol, std::string_view text, u64 number) {
    reader_ = protocol.reader();
    if (found_) *found_ = protocol.name;
    for (const auto& [earlier, its_number] : before_) reader_->line(earlier, its_number);
    before_.clear();
    reader_->line(text, number);
  }

  std::string* found_;
  std::deque<std::pair<std::string, u64>> before_;
  std::unique_ptr<ProtocolReader> reader_;
  std::vector<Check> none_;
};

}  // namespace

std::span<const Protocol> protocols() { return known; }

const Protocol* protocol_named(std::string_view name) {
  for (const Protocol& protocol : known) {
    if (protocol.name == name) return &protocol;
  }
  return nullptr;
}

std::unique_ptr<ProtocolReader> reader_by_look(std::string* found) { return std::make_unique<ByLook>(found); }

}  // namespace ringside::conform
