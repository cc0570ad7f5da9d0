// Owns the face of the readers of results: each knows one way in which a guest's output tells what its tests
// came to.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/conform/result.h"

namespace ringside::conform {

// Fed with the lines of one test's output as they come. What a guest prints is not to be trusted: every line
// is taken, and memory is bounded.
class ProtocolReader {
 public:
  virtual ~ProtocolReader() = default;
  // One line, without its end; `number` counts from 1.
  virtual void line(std::string_view text, u64 number) = 0;
  // The output has ended: what was announced and never came is among the checks from now on.
  virtual void end() = 0;
  virtual const std::vector<Check>& checks() const = 0;
  // What the protocol itself says of the whole, beyond its checks; empty: nothing. A plan that was not kept,
  // "Bail out!", a summary that counts otherwise.
  virtual std::string complaint() const = 0;
};

struct Protocol {
  std::string_view
      name;  // as a suite's file names it: "kvm-unit-tests", "tap", "ktap", "sotest", "xtf", "gtest"
  std::string_view help;  // one line
  // Whether this line is one that only output of this protocol has: by it a protocol is found by look.
  bool (*announces)(std::string_view line);
  std::unique_ptr<ProtocolReader> (*reader)();
};
// All that are known, the surest look first.
std::span<const Protocol> protocols();
const Protocol* protocol_named(std::string_view name);  // nullptr: none

// A reader of lines that a suite describes: regular expressions, each with a verdict; the group "name" or
// the first one is the check's name, a second its message. nullptr: one line in `error`.
struct LineGrammar {
  struct Rule {
    std::string pattern;
    Verdict verdict = Verdict::passed;
  };
  std::vector<Rule> rules;
};
std::unique_ptr<ProtocolReader> grammar_reader(const LineGrammar& grammar, std::string& error);

// Waits for the first line that announces a protocol, then is its reader; the lines before are handed on to
// it. `found` is told the protocol's name once.
std::unique_ptr<ProtocolReader> reader_by_look(std::string* found);

}  // namespace ringside::conform
