// Owns the tests of the protocols' readers: output as the suites print it, and output that nobody would.
#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <sstream>

#include "frontend/conform/protocols/protocol.h"

using namespace ringside;
using namespace ringside::conform;

namespace {

struct Read {
  std::string found, checks, complaint;
  std::vector<Check> all;
};

void feed(ProtocolReader& reader, const std::string& output) {
  std::istringstream in(output);
  u64 number = 0;
  for (std::string line; std::getline(in, line);) reader.line(line, ++number);
  reader.end();
}

// "name=passed" and so on, by look or by name.
Read read(const std::string& output, std::string_view protocol = {}) {
  Read result;
  const std::unique_ptr<ProtocolReader> reader =
      protocol.empty() ? reader_by_look(&result.found) : protocol_named(protocol)->reader();
  feed(*reader, output);
  result.all = reader->checks();
  result.complaint = reader->complaint();
  for (const Check& check : result.all)
    result.checks +=
        (result.checks.empty() ? "" : "; ") + check.name + "=" + std::string(verdict_name(check.verdict));
  return result;
}

}  // namespace

TEST_CASE("kvm-unit-tests: checks, and a summary that counts as they do") {
  const Read ok = read(
      "enabling apic\nPASS: apic existence\nSKIP: x2apic (not there)\nXFAIL: known bug\n"
      "SUMMARY: 3 tests, 1 expected failures, 1 skipped\n");
  CHECK(ok.found == "kvm-unit-tests");
  CHECK(ok.checks == "apic existence=passed; x2apic (not there)=skipped; known bug=expected failure");
  CHECK(ok.complaint.empty());
  CHECK(ok.all[0].line == 2);
  const Read bad =
      read("PASS: a: b\nVal = 0x0, expected 0x1\nFAIL: c\nSUMMARY: 2 tests, 1 unexpected failures\n");
  CHECK(bad.checks == "a: b=passed; c=failed");
  CHECK(bad.all[1].message == "Val = 0x0, expected 0x1");
}

TEST_CASE("TAP: plans, directives, subtests, what does not come, and Bail out!") {
  const Read all = read(
      "TAP version 14\n1..4\nok 1 - first\nnot ok 2 - second\n  ---\n  message: no\n  ...\n"
      "ok 3 - third # SKIP no device\nnot ok 4 - fourth # TODO later\n");
  CHECK(all.found == "tap");
  CHECK(all.checks == "first=passed; second=failed; third=skipped; fourth=expected failure");
  CHECK(all.all[2].message == "no device");
  CHECK(all.complaint.empty());
  const Read nested = read(
      "TAP version 14\n1..1\n# Subtest: group\n    1..2\n    ok 1 - a\n    not ok 2 - b\nnot ok 1 - group\n");
  CHECK(nested.checks.find("group / a=passed; group / b=failed") != std::string::npos);
  const Read short_of = read("TAP version 13\n1..3\nok 1 one\n");
  CHECK(short_of.checks.find("one=passed") == 0);
  CHECK(short_of.checks.find("=broken") != std::string::npos);
  CHECK(read("TAP version 13\n1..2\nok 1 a\nBail out! no memory\n").complaint.find("no memory") !=
        std::string::npos);
}

TEST_CASE("KTAP in a kernel's log") {
  const Read all = read(
      "[    1.000000] KTAP version 1\n[    1.000001] 1..1\n[    1.000002]     KTAP version 1\n"
      "[    1.000003]     # Subtest: list-test\n[    1.000004]     1..2\n[    1.000005]     ok 1 "
      "list_test_init\n"
      "[    1.000006]     # list_test_add: EXPECTATION FAILED at lib/list-test.c:40\n"
      "[    1.000007]     not ok 2 list_test_add\n[    1.000008] # list-test: pass:1 fail:1 skip:0 total:2\n"
      "[    1.000009] not ok 1 list-test\n");
  CHECK(all.found == "ktap");
  CHECK(all.checks.find("list-test / list_test_init=passed; list-test / list_test_add=failed") == 0);
  CHECK(all.all[1].message.find("EXPECTATION FAILED") != std::string::npos);
}

TEST_CASE("kselftest: a program's stream behind #, and once more what its forked child had not printed yet") {
  const Read done = read(
      "TAP version 13\n1..2\n# selftests: ptrace: first\n# TAP version 13\n# 1..2\n# ok 1 reads\n# ok 2 "
      "writes\n"
      "# # Totals: pass:2 fail:0\n# TAP version 13\nok 1 selftests: ptrace: first\n# selftests: ptrace: "
      "second\n"
      "not ok 2 selftests: ptrace: second # exit=1\nTAP version 13\n1..1\nok 1 selftests: signals: third # "
      "SKIP\n",
      "ktap");
  CHECK(done.checks ==
        "selftests: ptrace: first / reads=passed; selftests: ptrace: first / writes=passed; "
        "selftests: ptrace: second=failed; selftests: signals: third=skipped");
  CHECK(done.complaint.empty());
  CHECK(done.all[2].message.find("exit=1") != std::string::npos);
}

TEST_CASE("SOTEST, XTF and gtest") {
  const Read sotest = read(
      "SOTEST VERSION 1 BEGIN 3\nSOTEST SUCCESS \"boots\"\nassertion failed\nSOTEST FAIL \"maps\"\nSOTEST "
      "SKIP\nSOTEST END\n");
  CHECK(sotest.found == "sotest");
  CHECK(sotest.checks == "boots=passed; maps=failed; test 3=skipped");
  CHECK(sotest.all[1].message == "assertion failed");
  CHECK(read("SOTEST VERSION 1 BEGIN 2\nSOTEST SUCCESS \"a\"\n").complaint == "there is no SOTEST END");

  const Read xtf = read(
      "--- Xen Test Framework ---\nEnvironment: HVM 64bit (Long mode 4 levels)\nXSA-000\nTest result: "
      "SUCCESS\n");
  CHECK(xtf.found == "xtf");
  CHECK(xtf.checks == "XSA-000 [HVM 64bit (Long mode 4 levels)]=passed");
  CHECK(read("--- Xen Test Framework ---\nEnvironment: PV\nA\nPANIC: no\n").checks == "A [PV]=broken");
  CHECK(read("--- Xen Test Framework ---\nEnvironment: PV\nA\nTest result: SKIP\nTest result: CRASH\n")
            .checks == "A [PV]=skipped; test=broken");

  const Read gtest = read(
      "[==========] Running 2 tests from 1 test suite.\n[ RUN      ] Cpu.Adds\n[       OK ] Cpu.Adds (0 ms)\n"
      "[ RUN      ] Cpu.Halts\nexpected: 1\n[  FAILED  ] Cpu.Halts (2 ms)\n[  PASSED  ] 1 test.\n");
  CHECK(gtest.found == "gtest");
  CHECK(gtest.checks.find("Cpu.Adds=passed; Cpu.Halts=failed") != std::string::npos);
}

TEST_CASE("lines that a suite describes, and expressions that are wrong") {
  std::string error;
  const auto reader =
      grammar_reader({{{"^good (.*)$", Verdict::passed}, {"^bad ([a-z]*): (.*)$", Verdict::failed}}}, error);
  REQUIRE(reader);
  feed(*reader, "good one\nbad two: why\nother\n");
  REQUIRE(reader->checks().size() == 2);
  CHECK(reader->checks()[0].name == "one");
  CHECK(reader->checks()[1].name == "two");
  CHECK(reader->checks()[1].message == "why");
  CHECK(reader->checks()[1].verdict == Verdict::failed);
  const auto named = grammar_reader({{{"^(?<message>[a-z]+) in (?<name>.*)$", Verdict::failed}}}, error);
  REQUIRE(named);
  feed(*named, "fault in main\n");
  REQUIRE(named->checks().size() == 1);
  CHECK(named->checks()[0].name == "main");
  CHECK(named->checks()[0].message == "fault");
  CHECK_FALSE(grammar_reader({{{"(", Verdict::passed}}}, error));
  CHECK(error.find('(') != std::string::npos);
}

TEST_CASE("an expression that a line would keep for ever is given up and told of, and others go on") {
  std::string error;
  const auto reader =
      grammar_reader({{{"^(a+)+[bc]$", Verdict::passed}, {"^bad (.*)$", Verdict::failed}}}, error);
  REQUIRE(reader);
  std::string text;
  for (int n = 0; n < 1000; ++n) text += std::string(4000, 'a') + "\n";
  feed(*reader, text + "bad end\n");
  CHECK(reader->complaint().find("line 1: ^(a+)+[bc]$ cannot be matched: ") == 0);
  CHECK(reader->complaint().find("line 2") == std::string::npos);  // once is enough
  REQUIRE(reader->checks().size() == 1);
  CHECK(reader->checks()[0].name == "end");
}

TEST_CASE("escapes of a terminal and carriage returns are no part of a result") {
  CHECK(read("\x1b[32mPASS\x1b[0m: colour\r\nSUMMARY: 1 tests\r\n", "kvm-unit-tests").checks ==
        "colour=passed");
}

TEST_CASE("whatever a guest prints is taken, within bounds") {
  std::mt19937_64 random(7);
  const std::vector<std::string> pieces = {"PASS: ",
                                           "FAIL: ",
                                           "ok ",
                                           "not ok ",
                                           "1..",
                                           "99999999999999999999",
                                           "# SKIP",
                                           "KTAP version 1\n",
                                           "SOTEST ",
                                           "BEGIN 9999999999",
                                           "    ",
                                           "Bail out!",
                                           "---\n",
                                           "[  FAILED  ] ",
                                           "Test result: ",
                                           "SUMMARY: ",
                                           "\n",
                                           "\x1b[",
                                           "\0x",
                                           "\xff\xfe",
                                           "\"",
                                           "[    1.0] "};
  for (const Protocol& protocol : protocols()) {
    CAPTURE(protocol.name);
    for (unsigned round = 0; round < 40; ++round) {
      std::string output;
      for (unsigned n = 0; n < 400; ++n) output += pieces[random() % pieces.size()];
      const Read result = read(output, protocol.name);
      CHECK(result.all.size() <= 110'000);
    }
    // A line of a megabyte, and an announcement of everything.
    const Read wide =
        read("PASS: " + std::string(1 << 20, 'x') + "\n1..4294967295\nSOTEST VERSION 1 BEGIN 4294967295\n",
             protocol.name);
    CHECK(wide.all.size() <= 110'000);
    for (const Check& check : wide.all) CHECK(check.name.size() <= 600);
  }
}
