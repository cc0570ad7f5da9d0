// Owns reading results by the regular expressions of a suite. They are matched by PCRE2, which gives up where
// an expression and a line together would take for ever; a guest chooses the line.
#include <fmt/format.h>
#include <pcre2.h>

#include <algorithm>
#include <array>
#include <optional>

#include "frontend/conform/protocols/collector.h"

namespace ringside::conform {
namespace {

// For a line and an expression: steps of the matcher, a millisecond or two, and KiB.
constexpr u32 most_steps = 100'000, most_kib = 4096;

struct Free {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};

const unsigned char* units(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string message_of(int code) {
  std::array<unsigned char, 256> text{};
  pcre2_get_error_message(code, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

struct Compiled {
  std::string pattern;
  std::unique_ptr<pcre2_code, Free> code;
  std::unique_ptr<pcre2_match_data, Free> data;
  std::size_t name = 1, message = 2;  // the groups' numbers
  Verdict verdict = Verdict::passed;
  bool given_up = false;  // it is tried no more
};

// False and one line in `error`.
bool compile(const LineGrammar::Rule& rule, Compiled& into, std::string& error) {
  int failure = 0;
  std::size_t at = 0;
  into.pattern = rule.pattern;
  into.verdict = rule.verdict;
  into.code.reset(pcre2_compile(units(rule.pattern), rule.pattern.size(), 0, &failure, &at, nullptr));
  if (!into.code) {
    error = fmt::format("{}: no regular expression ({}, at character {}); write one as Perl has them",
                        rule.pattern, message_of(failure), at + 1);
    return false;
  }
  into.data.reset(pcre2_match_data_create_from_pattern(into.code.get(), nullptr));
  const auto number = [&](const char* group) {
    const int found = pcre2_substring_number_from_name(into.code.get(), units(group));
    return found > 0 ? std::optional(static_cast<std::size_t>(found)) : std::nullopt;
  };
  into.name = number("name").value_or(into.name);
  into.message = number("message").value_or(into.message);
  if (into.message == into.name) into.message = into.name == 2 ? 1 : 0;
  return true;
}

class Grammar final : public Collector {
 public:
  explicit Grammar(std::vector<Compiled> rules)
      : rules_(std::move(rules)), limits_(pcre2_match_context_create(nullptr)) {
    pcre2_set_match_limit(limits_.get(), most_steps);
    pcre2_set_depth_limit(limits_.get(), most_steps);
    pcre2_set_heap_limit(limits_.get(), most_kib);
  }

 private:
  void read(std::string_view text, u64 number) override {
    for (Compiled& rule : rules_) {
      if (rule.given_up) continue;
      const int found =
          pcre2_match(rule.code.get(), units(text), text.size(), 0, 0, rule.data.get(), limits_.get());
      rule.given_up = found < 0 && found != PCRE2_ERROR_NOMATCH;
      if (rule.given_up)
        complain(fmt::format("line {}: {} cannot be matched: {}; write it so that fewer ways are tried",
                             number, rule.pattern, message_of(found)));
      if (found < 0) continue;
      const auto group = [&](std::size_t wanted) {
        const std::size_t* const ends = pcre2_get_ovector_pointer(rule.data.get());
        const bool there = wanted < pcre2_get_ovector_count(rule.data.get()) &&
                           ends[2 * wanted] != PCRE2_UNSET && ends[2 * wanted] <= ends[2 * wanted + 1];
        return there ? text.substr(ends[2 * wanted], ends[2 * wanted + 1] - ends[2 * wanted])
                     : std::string_view();
      };
      const std::string_view name = group(rule.name);
      add(name.empty() ? group(0) : name, rule.verdict, rule.message > 0 ? group(rule.message) : "");
      return;
    }
    note(text);
  }

  std::vector<Compiled> rules_;
  std::unique_ptr<pcre2_match_context, Free> limits_;
};

}  // namespace

std::unique_ptr<ProtocolReader> grammar_reader(const LineGrammar& grammar, std::string& error) {
  std::vector<Compiled> rules;
  for (const LineGrammar::Rule& rule : grammar.rules) {
    if (!compile(rule, rules.emplace_back(), error)) return nullptr;
  }
  return std::make_unique<Grammar>(std::move(rules));
}

}  // namespace ringside::conform
