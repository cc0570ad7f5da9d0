// Owns the tests of the debugger's words for the past: moments by number, name and event, and what is refused
// there.
#include "tests/debug/past_prompt.h"

namespace ringside {
namespace {

std::string count_text(const PastPrompt& p) { return std::to_string(p.machine->retired()); }

TEST_CASE("moments have numbers, names and events") {
  PastPrompt p;
  std::vector<u64> exits;
  for (unsigned n = 0; n < 6; ++n) {
    p.run("run-to exit");
    exits.push_back(p.machine->retired());
  }
  p.run("bookmark sixth");
  p.run("goto exit 2");
  CHECK(p.machine->retired() == exits[1]);
  CHECK(has(p.run("goto exit 4"), "VM exit"));
  CHECK(p.machine->retired() == exits[3]);
  p.run("goto entry 1");
  CHECK(p.machine->retired() < exits[0]);
  CHECK(p.machine->cpu(0).non_root);
  p.run("goto sixth");
  CHECK(p.machine->retired() == exits[5]);
  p.run("goto -100");
  CHECK(p.machine->retired() == exits[5] - 100);
  p.run("goto +50");
  CHECK(p.machine->retired() == exits[5] - 50);
  const u64 here = p.machine->retired();
  CHECK(has(p.run("goto exit 77"), "this CPU had 6 of them"));
  CHECK(p.machine->retired() == here);
  CHECK(has(p.run("info bookmarks"), "sixth  instruction " + std::to_string(exits[5])));
  p.run("bookmark delete sixth");
  CHECK(has(p.run("bookmark"), "no moment has a name"));
  for (const char* line : {"bookmark 7", "bookmark end", "bookmark author", "bookmark first",
                           "bookmark two words", "bookmark delete sixth", "goto nowhere"})
    p.refused(line);
  CHECK(has(p.run("goto 99999999"), "not in the known past"));
  CHECK(p.machine->retired() == here);
}

TEST_CASE("the last exits before here are told with the moments that goto takes") {
  PastPrompt p;
  std::vector<u64> exits;
  for (unsigned n = 0; n < 8; ++n) {
    p.run("run-to exit");
    exits.push_back(p.machine->retired());
  }
  p.run("continue 500");
  const u64 here = p.machine->retired();
  const std::string told = p.run("last-exits 3");
  CHECK(std::count(told.begin(), told.end(), '\n') == 3);
  for (std::size_t n = 5; n < 8; ++n) CHECK(has(told, std::to_string(exits[n])));
  CHECK(p.machine->retired() == here);
  p.run("goto entry 1");
  CHECK(has(p.run("last-exits"), "no VM exit in the known past"));
}

TEST_CASE("when a page was touched first, and when an instruction ran first") {
  PastPrompt p;
  for (unsigned n = 0; n < 3; ++n) p.run("run-to exit");
  const u64 here = p.machine->retired();
  const std::string written = p.run("when written 0x8000");
  CHECK(has(written, "first written at instruction "));
  CHECK(has(written, "write of "));
  CHECK(p.machine->retired() == here);
  const std::string ran = p.run("when executed vm_exit");
  REQUIRE(has(ran, "first executed at instruction "));
  p.run(ran.substr(ran.find("goto "), ran.find(" goes") - ran.find("goto ")));
  p.run("goto exit 1");
  CHECK(has(ran, "instruction " + std::to_string(p.machine->retired())));
  CHECK(has(p.run("when touched phys 0x900000"), "not touched by an instruction"));
  p.refused("when eaten 0x8000");
  p.run("goto end");
  p.run("goto exit -2");
  CHECK(p.machine->retired() < here);
  p.refused("goto exit -50");
}

// Paging with pages of 4 MiB, whose entries the program writes.
TEST_CASE("when an address was mapped first, by the page tables of here") {
  // mov eax, cr4; or al, 10h; mov cr4, eax; mov eax, 30000h; mov cr3, eax; mov eax, cr0; bts eax, 31; mov
  // cr0, eax; 8: mov dword [30008h], 800083h; 9: the same, 0; 10: the same, 800083h; 11: nop; nop
  PastGuest guest({0x0f, 0x20, 0xe0, 0x0c, 0x10, 0x0f, 0x22, 0xe0, 0xb8, 0,    0,    3,    0,    0x0f, 0x22,
                   0xd8, 0x0f, 0x20, 0xc0, 0x0f, 0xba, 0xe8, 31,   0x0f, 0x22, 0xc0, 0xc7, 0x05, 8,    0,
                   3,    0,    0x83, 0,    0x80, 0,    0xc7, 0x05, 8,    0,    3,    0,    0,    0,    0,
                   0,    0xc7, 0x05, 8,    0,    3,    0,    0x83, 0,    0x80, 0,    0x90, 0x90});
  guest.put(0x30000, 0x83, 4);
  guest.timeline->begin_anew();
  CHECK(has(guest.refused("when mapped 0x800000"), "paging is off"));
  guest.run("stepi 10");
  const std::string unmapped = guest.run("when mapped 0x812345");
  CHECK(has(unmapped, "through CR3 0x30000 it is not mapped"));
  CHECK(has(unmapped, "first mapped at instruction 8: write of 4 bytes at 0x30008"));
  CHECK(guest.machine->retired() == 10);
  guest.run("stepi 2");
  const std::string again = guest.run("when mapped 0x812345");
  CHECK(has(again, "it is mapped\n"));
  CHECK(has(again, "first mapped at instruction 8:"));
  CHECK(has(again, "mapped again last before here at instruction 10:"));
  CHECK(has(guest.run("when mapped 0x10000"), "it was mapped where the known past begins"));
  CHECK(has(guest.run("when mapped 0x1000000"), "never mapped"));
  guest.run("goto first");
  CHECK(guest.machine->retired() == 8);
  CHECK(has(guest.refused("when mapped phys 0x1000"), "needs no mapping"));
  CHECK(has(guest.refused("when mapped gpa 0x1000"), "no current VMCS"));
}

TEST_CASE("when a guest-physical address was mapped first, by EPT; and who wrote the entry") {
  PastPrompt p;
  p.run("catch exit ept-violation");
  p.run("continue");
  const u64 here = p.machine->retired();
  const std::string text = p.run("when mapped gpa 0x205000");
  CHECK(has(text, "through EPT_POINTER 0x"));
  CHECK(has(text, "it is not mapped"));
  CHECK(p.machine->retired() == here);
  REQUIRE(has(text, "first mapped at instruction "));
  // A large page first, then small ones of which this one is left out.
  CHECK(has(p.run("goto first"), "stosq"));
  const u64 first = p.machine->retired();
  const std::size_t again = text.find("mapped again last before here at instruction ");
  REQUIRE(again != std::string::npos);
  p.run("goto end");
  CHECK(p.machine->retired() == here);
  CHECK(has(p.run("who ept 0x205000"), ", and became 0x0"));
  p.run("goto author");
  CHECK(p.machine->retired() > first);
  CHECK(p.machine->retired() < here);
  CHECK(std::stoull(text.substr(text.find_first_of("0123456789", again))) < p.machine->retired());
}

TEST_CASE("what is changed in the past is said, and asked where somebody can answer") {
  PastPrompt p;
  p.run("run-to exit");
  p.run("continue 5000");
  p.run("goto exit 1");
  CHECK(has(p.refused("send x"), "goto end"));
  CHECK(has(p.refused("type x"), "goto end"));
  CHECK(has(p.refused("mouse 1 1"), "goto end"));
  std::string asked;
  p.commands.on_question([&](const std::string& question) {
    asked = question;
    return false;
  });
  p.refused("set rax = 0x77");
  CHECK(has(asked, "5000 instructions"));
  CHECK(p.timeline->in_past());
  p.commands.on_question({});
  CHECK(has(p.run("set rax = 0x77"), "is given up, 5000 instructions"));
  CHECK_FALSE(p.timeline->in_past());
  CHECK(p.machine->cpu(0).gpr[RAX] == 0x77);
  CHECK(p.run("set rax = 0x78").empty());
}

TEST_CASE("a machine that comes back to the present says so once") {
  PastPrompt p;
  p.run("continue 60000");
  p.run("goto 50000");
  CHECK_FALSE(has(p.run("continue 100"), "the present"));
  CHECK(has(p.run("goto end"), "this is the present"));
  CHECK_FALSE(has(p.run("continue 100"), "this is the present"));
  CHECK(count_text(p) == "60100");
}

}  // namespace
}  // namespace ringside
