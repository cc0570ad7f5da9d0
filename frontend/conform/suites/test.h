// Owns the model of a test: how its machine is started, and by what it is judged.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "frontend/conform/protocols/protocol.h"
#include "frontend/conform/result.h"

namespace ringside::conform {

// 0: no limit of that kind.
struct Limits {
  double virtual_seconds = 0;  // of the guest's own time
  u64 instructions = 0;
  u64 output_bytes = 0;
  double host_seconds = 0;  // of the processor's time; the only one that depends on the host
};

// Whose meaning of the exit status holds.
enum class Judge : u8 {
  // The status is what was expected, every pattern matched, no check failed.
  expectations,
  // kvm-unit-tests': 1, which is 0 written to isa-debug-exit, is a pass; 77 a skip; flags that the emulator
  // does not take are a skip, too.
  kvm_unit_tests,
};

struct Test {
  std::string suite, name;
  std::vector<std::string> tags;
  std::string place;  // "FILE:LINE", where it is described
  // The emulator's flags, without those that the limits and the runner bring.
  std::vector<std::string> words;
  // More of them as a shell's words, with its quotes and `commands`, for a shell to expand at the run's
  // start.
  std::string shell_words;
  // Text that is handed to the guest as a file, by -initrd; empty: none.
  std::string environment;
  std::string image;           // must be there before it starts; empty: the built-in guest
  bool image_by_look = false;  // its bytes say by which flag it is booted, when the run starts
  std::string build;           // a shell's command that makes the image; empty: none
  std::string build_folder;    // where it is run
  // What is run once to its expectation, by whoever needs it first; this test begins with that machine.
  // nullptr: the machine is switched on.
  std::shared_ptr<const Test> fixture;
  Limits limits;

  Judge judge = Judge::expectations;
  std::vector<std::string> expect;  // POSIX extended expressions: lines match them in this order
  std::vector<std::string> absent;  // no line may match one
  std::vector<std::string> expect_screen;
  std::vector<std::string> coverage;  // of VMX, that the run must meet: names of coverage_names.h
  bool to_the_end = false;            // the run goes on though all has matched
  std::optional<int> status;          // the emulator's exit status
  std::string ending;                 // a word of the statistics, "power-off"; empty: any
  std::string protocol;               // a name, "" by look, "none", or "lines": `grammar`
  LineGrammar grammar;

  std::string skip;           // why it is not run; empty: it is
  bool manual = false;        // it is skipped unless asked for by a tag or with all
  std::string broken;         // why it cannot be run
  std::string known_failure;  // why it fails; empty: it should not
};

// "SUITE: NAME", as the table and messages call it.
std::string full_name(const Test& test);

// Which of these, or of their fixtures, came to this result; nullptr: none.
const Test* test_of(std::span<const Test> tests, const TestResult& result);

}  // namespace ringside::conform
