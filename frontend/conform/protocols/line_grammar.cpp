// Owns reading results by the regular expressions of a suite.
#include <fmt/format.h>

#include <regex>

#include "frontend/conform/protocols/collector.h"

namespace ringside::conform {
namespace {

// The library's matcher goes as deep as the text is long, so that a longer line could end the host's stack.
constexpr std::size_t longest_matched = 1024;

struct Compiled {
  std::regex expression;
  std::size_t name = 1, message = 2;  // the groups' numbers
  Verdict verdict = Verdict::passed;
};

// ECMAScript's grammar in the library has no names for groups: "(?<name>" is made "(", and `name` and
// `message` its number.
std::string without_names(std::string_view pattern, Compiled& into) {
  std::string plain;
  std::size_t groups = 0;
  bool in_class = false;
  for (std::size_t at = 0; at < pattern.size(); ++at) {
    const char c = pattern[at];
    plain += c;
    if (c == '\\' && at + 1 < pattern.size()) {
      plain += pattern[++at];
    } else if (c == '[' || c == ']') {
      in_class = c == '[';
    } else if (c == '(' && !in_class) {
      std::string_view rest = pattern.substr(at + 1);
      const bool named = rest.starts_with("?<") && !rest.starts_with("?<=") && !rest.starts_with("?<!");
      if (named || !rest.starts_with("?")) ++groups;
      if (!named) continue;
      const std::size_t close = rest.find('>');
      if (close == rest.npos) continue;
      const std::string_view name = rest.substr(2, close - 2);
      if (name == "name") into.name = groups;
      if (name == "message") into.message = groups;
      at += close + 1;
    }
  }
  if (into.message == into.name) into.message = into.name == 2 ? 1 : 0;
  return plain;
}

class Grammar final : public Collector {
 public:
  explicit Grammar(std::vector<Compiled> rules) : rules_(std::move(rules)) {}

 private:
  void read(std::string_view text, u64) override {
    const std::string line(text.substr(0, longest_matched));
    for (const Compiled& rule : rules_) {
      std::smatch match;
      if (!std::regex_search(line, match, rule.expression)) continue;
      const auto group = [&](std::size_t number) {
        return number > 0 && number < match.size() ? match[number].str() : std::string();
      };
      const std::string name = group(rule.name);
      add(name.empty() ? match[0].str() : name, rule.verdict, group(rule.message));
      return;
    }
    note(text);
  }

  std::vector<Compiled> rules_;
};

}  // namespace

std::unique_ptr<ProtocolReader> grammar_reader(const LineGrammar& grammar, std::string& error) {
  std::vector<Compiled> rules;
  for (const LineGrammar::Rule& rule : grammar.rules) {
    Compiled compiled;
    compiled.verdict = rule.verdict;
    try {
      compiled.expression = std::regex(without_names(rule.pattern, compiled));
    } catch (const std::regex_error& failure) {
      error = fmt::format("{}: no regular expression ({}); write one in ECMAScript's grammar", rule.pattern,
                          failure.what());
      return nullptr;
    }
    rules.push_back(std::move(compiled));
  }
  return std::make_unique<Grammar>(std::move(rules));
}

}  // namespace ringside::conform
