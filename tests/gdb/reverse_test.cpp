// Owns the tests of a gdb that goes back: its packets, and Debian's gdb on the visor.
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cpu/exec/core/retired.h"
#include "frontend/gdb/server.h"
#include "frontend/gdb/sockets.h"
#include "tests/gdb/client.h"
#include "tests/gdb/real_gdb.h"

using namespace ringside;
using namespace ringside::cli;

TEST_CASE("who keeps no past has no packets that go back") {
  Client client;
  CHECK(client.ask("qSupported").find("Reverse") == std::string::npos);
  for (const char* packet : {"bs", "bc", "b", "bx"}) CHECK(client.ask(packet).empty());
  Timeline::Plan only_input;
  only_input.checkpoints = false;
  std::string error;
  client.past = Timeline::create(*client.guest.machine, only_input, error);
  client.debugger.use_timeline(client.past.get());
  CHECK(client.ask("qSupported").find("Reverse") == std::string::npos);
  CHECK(client.ask("bs").empty());
}

TEST_CASE("packets that step back, and run back to a breakpoint, a watchpoint and the beginning") {
  Client client;
  const u64 code = Guest::code;
  client.guest.bytes({0x90, 0x90}).store(Guest::data, 7).bytes({0x90}).store(Guest::data, 8).forever();
  client.keep_past();
  CHECK(client.ask("qSupported:swbreak+").find(";ReverseStep+;ReverseContinue+") != std::string::npos);
  CHECK(client.ask("bx").empty());
  CHECK(client.ask("bs1").empty());
  CHECK(client.go("bs").starts_with("T05replaylog:begin;thread:1;"));
  client.debugger.step(10);
  CHECK(client.go("bs").starts_with("T05thread:1;"));
  CHECK(client.guest.machine->retired() == 9);
  // Before the instruction that wrote: also where it is a single step that comes by it.
  CHECK(client.ask(fmt::format("Z2,{:x},4", Guest::data)) == "OK");
  CHECK(client.go("bc").starts_with(fmt::format("T05watch:{:x};thread:1;", Guest::data)));
  CHECK(client.cpu().rip == code + 13);
  CHECK(client.guest.get(Guest::data, 4) == 7);
  CHECK(client.go("bs").starts_with("T05thread:1;"));
  CHECK(client.go("bs").starts_with(fmt::format("T05watch:{:x};thread:1;", Guest::data)));
  CHECK(client.cpu().rip == code + 2);
  CHECK(client.guest.get(Guest::data, 4) == 0);
  CHECK(client.ask(fmt::format("Z0,{:x},1", code + 1)) == "OK");
  CHECK(client.go("bc").starts_with("T05swbreak:;thread:1;"));
  CHECK(client.cpu().rip == code + 1);
  CHECK(client.go("bc").starts_with("T05replaylog:begin;thread:1;"));
  CHECK(client.guest.machine->retired() == 0);
  // Forwards it is the same way.
  CHECK(client.go("vCont;c").starts_with("T05swbreak:;"));
  CHECK(client.go("vCont;c").starts_with("T05watch:"));
  CHECK(client.guest.get(Guest::data, 4) == 7);
  CHECK(client.past->in_past());
}

TEST_CASE("the thread that steps back is the one of Hc, or without one that of Hg") {
  Client client(2);
  const u64 other = Guest::ap_code;
  client.guest.bytes({0xff, 0xc0, 0xeb, 0xfc});  // inc eax; jmp
  client.guest.put(other, 0xfceb'c3ff, 4);       // inc ebx; jmp
  client.guest.start(1, other);
  client.keep_past();
  client.debugger.run(100'000);
  const auto rips = [&](unsigned cpu) { return client.cpu(cpu).rip; };
  client.ask("Hg2");
  CHECK(client.ask("Hc0") == "OK");
  const u64 before = retired(client.cpu(1));
  CHECK(client.go("bs").starts_with("T05thread:2;"));
  CHECK(retired(client.cpu(1)) == before - 1);
  CHECK((rips(1) == other || rips(1) == other + 2));
  CHECK(client.ask("Hc1") == "OK");
  const u64 first = retired(client.cpu(0));
  CHECK(client.go("bs").starts_with("T05thread:1;"));
  CHECK(retired(client.cpu(0)) == first - 1);
  // As the client knows it, Hc stands.
  CHECK(client.ask("Hg2") == "OK");
  CHECK(client.go("bs").starts_with("T05thread:1;"));
}

TEST_CASE("a step back in the middle of a repeated string instruction goes to its beginning") {
  Client client;
  // mov ecx, 5; mov edi, data; rep stosb
  client.guest.bytes({0xb9}).number(5, 4).bytes({0xbf}).number(Guest::data, 4).bytes({0xf3, 0xaa}).forever();
  client.keep_past();
  for (unsigned n = 0; n < 4; ++n) client.go("vCont;s:1");
  REQUIRE(client.cpu().gpr[RCX] == 3);
  client.go("bs");
  CHECK(client.cpu().rip == Guest::code + 10);
  CHECK(client.cpu().gpr[RCX] == 5);
  client.go("bs");
  CHECK(client.cpu().rip == Guest::code + 5);
}

TEST_CASE("the client's user is told what a write in the past gives up, and when the present begins") {
  Client client;
  client.guest.bytes({0x90, 0x90, 0x90, 0x90}).forever();
  client.keep_past();
  client.debugger.step(10);
  client.debugger.go_to(2);
  CHECK(client.ask(fmt::format("M{:x},1:05", Guest::data)) == "OK");
  CHECK_FALSE(client.past->in_past());
  client.stub.receive(frame("vCont;s:1"));
  const auto words = client.packets();
  REQUIRE(words.size() == 1);
  CHECK(*from_hex(std::string_view(words[0]).substr(1)) ==
        "what was written at instruction 2 makes this the present: the 8 after it are given up\n");
}

TEST_CASE("Ctrl-C ends a long way back, and the machine is where it was") {
  Guest guest;
  guest.forever();
  Debugger debugger(*guest.machine);
  std::string error;
  const auto past = Timeline::create(*guest.machine, {}, error);
  debugger.use_timeline(past.get());
  debugger.run(3'000'000);
  Symbols symbols;
  GdbServer server(debugger, symbols);
  debugger.on_slice([&] {
    if (server.client_waits()) debugger.interrupt();
  });
  const Folder folder;
  GdbPlace place;
  place.kind = GdbPlace::Kind::unix_socket;
  place.path = folder / "socket";
  REQUIRE(server.listen(place, error));
  const int client = connect_unix("test", place.path, error);
  REQUIRE(client >= 0);
  const auto say = [&](std::string_view bytes) {
    REQUIRE(::send(client, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  };
  say(frame("bc"));
  for (int n = 0; n < 2; ++n) server.poll();
  REQUIRE_FALSE(server.machine_stopped());
  say("\x03");
  server.run(200'000);
  CHECK(server.machine_stopped());
  server.poll();
  CHECK(server.machine_stopped());
  CHECK(guest.machine->retired() == 3'000'000);
  std::string got(10'000, '\0');
  got.resize(static_cast<std::size_t>(::recv(client, got.data(), got.size(), 0)));
  CHECK(got.find("$T02thread:1;") != std::string::npos);
  // The same again runs to the beginning.
  say("+" + frame("bc"));
  server.poll();
  while (!server.machine_stopped()) server.run(200'000);
  CHECK(guest.machine->retired() == 0);
  ::close(client);
}

TEST_CASE("gdb goes back over a VM exit into the guest, to who wrote, out of a function, to the beginning") {
  if (!gdb_is_there()) return;
  const std::string text = gdb_says(R"(
reverse-stepi
break vm_exit
continue
p $vmx
delete
reverse-stepi
p $vmx
x/i $pc
stepi
p $pc == (long)vm_exit
watch *(int*)&exits
continue
continue
reverse-continue
x/i $pc
reverse-continue
p *(int*)&exits
delete
tbreak decimal
reverse-continue
bt 2
stepi
reverse-finish
x/i $pc
delete
reverse-next
reverse-step
reverse-continue
p/x $pc
monitor goto 1000
maintenance flush register-cache
maintenance flush dcache
x/i $pc
stepi
set var $rax = 5
stepi
reverse-stepi
p $rax
kill
)");
  check_says(text, {"No more reverse-execution history", "\\$1 = \\[ VMXON LAUNCHED \\]",
                    "guest_start \\(\\) at .*guest.inc:34", "\\$2 = \\[ VMXON NON_ROOT LAUNCHED \\]",
                    "<guest_start\\+68>:\tvmcall", "\\$3 = 1", "Old value = 1\nNew value = 2\n",
                    "Old value = 2\nNew value = 1\n[^\n]*\n54\t", "<vm_exit\\+120>:\tincl ",
                    "Old value = 1\nNew value = 0\n", "\\$4 = 0\n", "Temporary breakpoint 3, .*decimal",
                    "call decimal", "=> 0x[0-9a-f]+ <.*>:\tcall +0x[0-9a-f]+ <decimal>", "\\$5 = 0xfffffff0",
                    "the machine is elsewhere", "<start.page\\+10>:\tloop",
                    "what was written at instruction 1001 makes this the present", "\\$6 = 5\n"});
}

TEST_CASE("a guest that powered the machine off stays in gdb's hands, and can be gone back in") {
  if (!gdb_is_there()) return;
  const std::string text = gdb_says(R"(
continue
reverse-stepi
x/i $pc
stepi
break vm_exit
reverse-continue
p $vmx
delete
continue
continue
)");
  check_says(text, {"powered the machine off", "No more reverse-execution history", "=> 0x[0-9a-f]+.*:\tout",
                    "Breakpoint 1, .*vm_exit", "\\$1 = \\[ VMXON LAUNCHED \\]", "exited normally"});
  check_says(gdb_says("continue\nkill\n", {"--past", "off"}), {"exited normally"});
}

TEST_CASE("without the past gdb itself says that it cannot go back") {
  if (!gdb_is_there()) return;
  check_says(gdb_says("reverse-stepi\nkill\n", {"--past", "off"}), {"does not support this command"});
}
