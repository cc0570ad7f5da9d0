// Owns the tests of the conversation: what a client that speaks by hand is answered.
#include <fmt/format.h>

#include <algorithm>

#include "cpu/exec/engine/run.h"
#include "tests/gdb/client.h"

using namespace ringside;

namespace {

// The number of a register in the description that the client was given.
unsigned number_of(std::string_view name, Layout layout = Layout::bits64) {
  const auto all = gdb_registers(layout);
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const GdbRegister& r) { return r.name == name; });
  REQUIRE(found != all.end());
  return static_cast<unsigned>(found - all.begin());
}

std::string p(std::string_view name) { return fmt::format("p{:x}", number_of(name)); }
std::string P(std::string_view name, u64 value, unsigned bytes) {
  return fmt::format("P{:x}={}", number_of(name), little_endian_hex(value, bytes));
}
bool refused(const std::string& answer) { return answer.starts_with("E"); }

}  // namespace

TEST_CASE("acknowledgements, and packets that come damaged or twice") {
  Guest guest;
  Debugger debugger(*guest.machine);
  GdbStub stub(debugger);
  stub.connected();
  stub.receive("$qC#b4");
  CHECK(std::exchange(stub.output(), {}) == "+$QC1#c5");
  stub.receive("-");
  CHECK(std::exchange(stub.output(), {}) == "$QC1#c5");
  stub.receive("$qC#b5");
  CHECK(std::exchange(stub.output(), {}) == "-");
  stub.receive(frame("QStartNoAckMode"));
  CHECK(std::exchange(stub.output(), {}) == "+$OK#9a");
  stub.receive("$qC#b4");
  CHECK(std::exchange(stub.output(), {}) == "$QC1#c5");
  stub.receive("$qC#b5");
  CHECK(std::exchange(stub.output(), {}) == "");
}

TEST_CASE("what nobody knows is answered by nothing, as the protocol has it") {
  Client client;
  for (const char* packet : {"vMustReplyEmpty", "vRun;", "vFile:open", "qTStatus", "QNonStop:1", "A", "B",
                             "i", "qXfer:auxv:read::0,10", "_", ""})
    CHECK_MESSAGE(client.ask(packet) == "", std::string(packet));
  CHECK(client.ask("qAttached") == "1");
  CHECK(client.ask("!") == "OK");
  CHECK(client.ask("qSupported:swbreak+;xmlRegisters=i386").find("PacketSize=4000") == 0);
}

TEST_CASE("registers, one and all") {
  Client client;
  client.cpu().gpr[RAX] = 0x1122334455667788;
  CHECK(client.ask(p("rax")) == "8877665544332211");
  CHECK(client.ask(P("rbx", 0xfeedface, 8)) == "OK");
  CHECK(client.cpu().gpr[RBX] == 0xfeedface);
  const std::string all = client.ask("g");
  CHECK(
      all.starts_with("8877665544332211"
                      "cefaedfe00000000"));
  CHECK(client.ask("G" + all) == "OK");
  // All that were given, or none.
  CHECK(refused(client.ask("G" + all.substr(2))));
  CHECK(refused(client.ask("G" + all + "00")));
  CHECK(refused(client.ask("Gz" + all.substr(1))));
  CHECK(client.ask("G" + little_endian_hex(5, 8) + all.substr(16)) == "OK");
  CHECK(client.cpu().gpr[RAX] == 5);
  client.cpu().vector.xmm[3] = {{0x0102030405060708, 0x090a0b0c0d0e0f10}};
  CHECK(client.ask(p("xmm3")) == "0807060504030201100f0e0d0c0b0a09");
  CHECK(client.ask(fmt::format("P{:x}={}{}", number_of("xmm3"), little_endian_hex(7, 8),
                               little_endian_hex(9, 8))) == "OK");
  CHECK(client.cpu().vector.xmm[3] == V128{{7, 9}});
  // gdb makes YMM3 of this and of that. It is known where there is AVX.
  std::string error;
  const CpuModel everything = *parse_cpu_model("max", error), without = *parse_cpu_model("max,-avx", error);
  const CpuModel* const own = client.cpu().model;
  client.cpu().model = &without;
  CHECK(client.ask(p("ymm3h")) == std::string(32, 'x'));
  client.cpu().model = &everything;
  CHECK(client.ask(fmt::format("P{:x}={}{}", number_of("ymm3h"), little_endian_hex(7, 8),
                               little_endian_hex(9, 8))) == "OK");
  CHECK(client.cpu().vector.upper[3] == V128{{7, 9}});
  CHECK(client.ask(p("ymm3h")) == little_endian_hex(7, 8) + little_endian_hex(9, 8));
  client.cpu().model = own;
  client.cpu().x87.physical[0] = {0x8000000000000000, 0x3fff};
  client.cpu().x87.valid = 1;
  CHECK(client.ask(p("st0")) == "0000000000000080ff3f");
  CHECK(client.ask(p("ftag")) == "fcff0000");
  CHECK(client.ask(p("cr0")) == little_endian_hex(client.cpu().cr0, 8));
  CHECK(client.ask(p("vmx")) == "00000000");
  CHECK(client.ask(p("vmcs")) == "ffffffffffffffff");
  CHECK(client.ask(p("eptp")) == "xxxxxxxxxxxxxxxx");
  for (const char* packet :
       {"p", "pffff", "p0x", "P", "P0", "P0=", "P0=zz", "P0=00", "Pfffff=00", "P0=00000000000000000"})
    CHECK_MESSAGE(refused(client.ask(packet)), std::string(packet));
  // Reserved bits stay the processor's own.
  const std::string answer = client.ask(P("cr4", bit(63), 8));
  CHECK(refused(answer));
  CHECK(answer.find("cr4") != std::string::npos);
}

TEST_CASE("every register is read, and written back as it is") {
  for (const Layout layout : {Layout::bits64, Layout::bits32, Layout::bits16}) {
    Client client;
    std::string why;
    for (const GdbRegister& reg : gdb_registers(layout)) {
      const std::string digits = read_register(client.cpu(), reg);
      CHECK_MESSAGE(digits.size() == reg.bytes() * 2, reg.name);
      const auto raw = from_hex(digits);
      if (raw) CHECK_MESSAGE(write_register(client.debugger, reg, *raw, why), reg.name);
      // A name of the debugger's that does not exist would be found out only by a user.
      for (const std::string& name : {reg.written_as, reg.high_written_as})
        if (!name.empty()) CHECK_MESSAGE(client.debugger.read_register(name), name);
    }
  }
}

TEST_CASE("the program counter is linear: CS has a base in real mode") {
  Client client;
  Cpu& cpu = client.cpu();
  cpu.reset(false);
  CHECK(client.ask(p("rip")) == little_endian_hex(0xfffffff0, 8));
  CHECK(client.ask(p("ip")) == little_endian_hex(0xfff0, 8));
  CHECK(client.ask(P("rip", 0xffff1234, 8)) == "OK");
  CHECK(cpu.rip == 0x1234);
}

TEST_CASE("memory: what there is, and no more") {
  Client client;
  client.guest.put(0x20000, 0x1122334455667788);
  CHECK(client.ask("m20000,8") == "8877665544332211");
  CHECK(client.ask("M20000,2:aabb") == "OK");
  CHECK(client.ask("m20000,4") == "aabb6655");
  CHECK(client.ask(std::string("X20002,4:\0#}$", 13)) == "OK");
  CHECK(client.ask("m20002,4") == "00237d24");
  CHECK(client.ask("X20000,0:") == "OK");
  CHECK(client.ask("m20000,0") == "");
  // 16 MiB of memory.
  CHECK(client.ask("mfffff8,10").size() == 16);
  CHECK(client.ask("m1000000,1") == "E14");
  CHECK(client.ask("mffffffffffffffff,ffffffffffffffff").starts_with("E"));
  CHECK(client.ask("M1000000,1:00") == "E14");
  // An answer never is longer than what was promised.
  CHECK(client.ask("m0,ffffffffffffffff").size() <= longest_packet);
  for (const char* packet : {"m", "m0", "m0,", "mx,1", "m0,1,", "M0,1:", "M0,2:00", "M0,ffffffffffffffff:00",
                             "M0,1:0", "X0,5:abc", "X", "m11111111111111111,1"})
    CHECK_MESSAGE(refused(client.ask(packet)), std::string(packet));
}

TEST_CASE("breakpoints and steps") {
  Client client;
  client.guest.bytes({0x90, 0x90, 0x90, 0x90}).forever();
  const u64 code = Guest::code;
  client.ask("qSupported:swbreak+;hwbreak+");
  CHECK(client.ask("vCont?") == "vCont;c;C;s;S;t;r");
  CHECK(client.go("vCont;s:1").starts_with("T05thread:1;"));
  CHECK(client.cpu().rip == code + 1);
  CHECK(client.ask(fmt::format("Z0,{:x},1", code + 3)) == "OK");
  CHECK(client.ask(fmt::format("Z0,{:x},1", code + 3)) == "OK");
  CHECK(client.go("vCont;c").starts_with("T05swbreak:;thread:1;"));
  CHECK(client.cpu().rip == code + 3);
  CHECK(client.ask(fmt::format("z0,{:x},1", code + 3)) == "OK");
  CHECK(client.ask(fmt::format("z0,{:x},1", code + 3)) == "OK");
  CHECK(client.debugger.breakpoints().empty());
  CHECK(client.ask(fmt::format("Z1,{:x},1", code + 4)) == "OK");
  CHECK(client.go("c").starts_with("T05hwbreak:;thread:1;"));
  // From another address, and a range of steps.
  CHECK(client.go(fmt::format("s{:x}", code)).starts_with("T05"));
  CHECK(client.cpu().rip == code + 1);
  CHECK(client.go(fmt::format("vCont;r{:x},{:x}:1;c", code + 1, code + 3)).starts_with("T05"));
  CHECK(client.cpu().rip == code + 3);
  for (const char* packet :
       {"Z0", "Z0,", "Z0,1", "Z0,1,", "Z2,1,0", "Z2,1,1001", "Z2,ffffffffffffffff,2", "Z0,1,1;x", "vCont;",
        "vCont", "vCont;x", "vCont;s:9", "vCont;r1", "vCont;c:1:2", "C", "Sx", "cx"})
    CHECK_MESSAGE(refused(client.ask(packet)), std::string(packet));
  CHECK(client.ask("Z5,0,1") == "");
  CHECK(client.stub.resume().kind == Resume::Kind::stay);
}

TEST_CASE("vCont that names one CPU holds the others still") {
  Client client(2);
  client.guest.bytes({0x90, 0x90, 0x90, 0x90}).forever();
  client.guest.start(1, Guest::code);
  const auto count = [&](unsigned n) { return retired(client.cpu(n)); };
  CHECK(client.go("vCont;s:2").starts_with("T05thread:2;"));
  CHECK(count(0) == 0);
  CHECK(count(1) == 1);
  CHECK(client.go("vCont;s:1").starts_with("T05thread:1;"));
  CHECK(count(0) == 1);
  CHECK(count(1) == 1);
  client.go("vCont;c:2", 1000);
  CHECK(count(0) == 1);
  CHECK(count(1) == 1001);
  client.go("vCont;t:2;c", 1000);
  CHECK(count(0) == 1001);
  CHECK(count(1) == 1001);
  // A breakpoint of the CPU that is held is not met.
  CHECK(client.ask(fmt::format("Z0,{:x},1", Guest::code + 2)) == "OK");
  client.cpu(0).rip = Guest::code + 1;
  client.go("vCont;c:2", 100'000);
  CHECK(count(0) == 1001);
  client.go("vCont;c:1", 1);  // the turn is the first one's
  client.cpu(0).rip = Guest::code + 1;
  // With the others on their way, as gdb steps without scheduler-locking.
  client.cpu(1).rip = Guest::code;
  CHECK(client.go("vCont;s:2;c").starts_with("T05thread:1;"));  // its breakpoint comes first
  CHECK(client.cpu(0).rip == Guest::code + 2);
  CHECK(client.ask(fmt::format("z0,{:x},1", Guest::code + 2)) == "OK");
  CHECK(client.go("vCont;s:2;c").starts_with("T05thread:2;"));
  CHECK(client.cpu(1).rip == Guest::code + 1);
  CHECK(count(0) > 1003);
  // Nobody is to run: it stands where it stood.
  CHECK(client.go("vCont;t").starts_with("T05"));
  CHECK(client.stub.resume().kind == Resume::Kind::stay);
}

TEST_CASE("a breakpoint where a slice of the run ends is met all the same") {
  Client client;
  client.guest.bytes({0x90, 0x90, 0x90, 0x90}).forever();
  CHECK(client.ask(fmt::format("Z0,{:x},1", Guest::code + 2)) == "OK");
  CHECK(client.debugger.run(2).kind == Stop::Kind::limit);
  CHECK(client.debugger.run(100).kind == Stop::Kind::breakpoint);
  CHECK(client.cpu().rip == Guest::code + 2);
}

TEST_CASE("a watchpoint says which") {
  Client client;
  client.guest.store(0x20000, 1).store(0x20004, 2).bytes({0xa1}).number(0x20004, 4).forever();
  CHECK(client.ask("Z2,20004,4") == "OK");
  CHECK(client.go("vCont;c").starts_with("T05watch:20004;thread:1;"));
  CHECK(client.ask("m20004,4") == "02000000");
  CHECK(client.ask("Z3,20004,4") == "OK");
  CHECK(client.go("vCont;c").starts_with("T05rwatch:20004;thread:1;"));
}

TEST_CASE("threads are CPUs") {
  Client client(3);
  CHECK(client.ask("qfThreadInfo") == "m1,2,3");
  CHECK(client.ask("qsThreadInfo") == "l");
  CHECK(client.ask("T3") == "OK");
  CHECK(from_hex(client.ask("qThreadExtraInfo,1")) == "CPU 0, 32-bit, ring 0");
  CHECK(from_hex(client.ask("qThreadExtraInfo,2")) == "CPU 1, 16-bit, ring 0, waits for SIPI");
  CHECK(client.ask("Hg2") == "OK");
  CHECK(client.ask("qC") == "QC2");
  CHECK(client.ask("Hc-1") == "OK");
  CHECK(client.ask("Hg0") == "OK");
  for (const char* packet : {"T0", "T4", "T", "Hg4", "Hg", "Hgp1.1", "Hcffffffffffffffff",
                             "qThreadExtraInfo,4", "qThreadExtraInfo,"})
    CHECK_MESSAGE(refused(client.ask(packet)), std::string(packet));
}

TEST_CASE("the description and the memory map come in pieces") {
  Client client;
  for (const std::string object : {"features:read:target.xml", "memory-map:read:"}) {
    std::string whole;
    for (;;) {
      const std::string piece = client.ask(fmt::format("qXfer:{}:{:x},64", object, whole.size()));
      REQUIRE(!piece.empty());
      whole += piece.substr(1);
      if (piece[0] == 'l') break;
      REQUIRE(piece[0] == 'm');
    }
    CHECK(whole.starts_with("<?xml"));
    CHECK(whole ==
          client.ask(fmt::format("qXfer:{}:0,ffffffffffffffff", object))
              .substr(1)
              .append(whole.size() > longest_packet / 2 - 16 ? whole.substr(longest_packet / 2 - 16) : ""));
    CHECK(client.ask(fmt::format("qXfer:{}:{:x},10", object, whole.size())) == "l");
    CHECK(refused(client.ask(fmt::format("qXfer:{}:{:x},10", object, whole.size() + 1))));
    CHECK(refused(client.ask(fmt::format("qXfer:{}:ffffffffffffffff,ffffffffffffffff", object))));
  }
  CHECK(refused(client.ask("qXfer:features:read:../../etc/passwd:0,10")));
  CHECK(refused(client.ask("qXfer:features:read:target.xml:0")));
}

TEST_CASE("Ctrl-C, detach, attach again, kill and restart") {
  Client client;
  client.guest.forever();
  client.stub.receive(frame("vCont;c") + "\x03");
  CHECK(client.stub.resume().kind == Resume::Kind::run);
  CHECK(client.stub.take_interrupt());
  CHECK(refused(client.ask("g")));
  client.stub.stopped({Stop::Kind::interrupted});
  CHECK(client.answer().starts_with("T02thread:1;"));
  CHECK(client.ask("Z0,10000,1") == "OK");
  CHECK(client.ask("D") == "OK");
  CHECK(client.debugger.breakpoints().empty());
  CHECK(client.stub.resume().kind == Resume::Kind::run);
  CHECK(client.ask("R00") == "");
  client.ask("!");
  CHECK(client.ask("vAttach;1").starts_with("T"));
  CHECK(client.stub.resume().kind == Resume::Kind::stay);
  client.ask("R00");
  CHECK(client.stub.take_request() == GdbStub::Request::restart);
  // vRun is answered once the machine stands at its start again.
  CHECK(client.ask("vRun;66;67") == "");
  CHECK(client.stub.take_request() == GdbStub::Request::restart);
  client.stub.restarted();
  CHECK(client.answer().starts_with("T05thread:1;"));
  client.stub.restarted();
  CHECK(client.answer() == "");
  client.ask("k");
  CHECK(client.stub.take_request() == GdbStub::Request::kill);
  // gdb's "run" kills first, and then wants it again.
  CHECK(client.ask("vKill;1") == "OK");
  CHECK(client.stub.take_request() == GdbStub::Request::none);
  client.ask("R00");
  CHECK(client.stub.take_request() == GdbStub::Request::restart);
  client.ask("vKill;1");
  client.stub.disconnected();
  CHECK(client.stub.take_request() == GdbStub::Request::kill);
  // A client that vanishes takes its breakpoints with it.
  CHECK(client.ask("Z0,10000,1") == "OK");
  client.stub.disconnected();
  CHECK(client.debugger.breakpoints().empty());
}

TEST_CASE("monitor is the debugger's command line") {
  Client client;
  client.stub.on_monitor([](std::string_view command) { return fmt::format("you said {}\n", command); });
  client.stub.receive(frame("qRcmd," + to_hex("explain it")));
  const auto bodies = client.packets();
  REQUIRE(bodies.size() == 2);
  CHECK(from_hex(bodies[0].substr(1)) == "you said explain it\n");
  CHECK(bodies[1] == "OK");
  client.stub.receive(frame("qRcmd," + to_hex("gdb where")));
  CHECK(from_hex(client.packets().at(0).substr(1)).value().find("CPU 0") == 0);
  CHECK(refused(client.ask("qRcmd,123")));
  client.stub.on_monitor([](std::string_view) { return std::string(100'000, 'x'); });
  client.stub.receive(frame("qRcmd,00"));
  for (const std::string& body : client.packets()) CHECK(body.size() <= longest_packet);
}

TEST_CASE("a client that looks and steps leaves the run as it would have been") {
  const auto run = [](bool watched) {
    Guest guest;
    guest.open_pic().start_pit(1193).sti();
    guest.bytes({0x40, 0xf7, 0xe0, 0x40, 0xa3}).number(0x20000, 4).bytes({0xeb, 0xf4});
    Debugger debugger(*guest.machine);
    GdbStub stub(debugger);
    const u64 whole = 100'000;
    if (watched) {
      stub.connected();
      for (unsigned n = 0; n < 500; ++n) {
        stub.receive(frame("g") + frame("m0,1000") + frame("m20000,4") + frame("qfThreadInfo") +
                     frame("Z0,deadbeef,1") + frame("Z2,30000,4"));
        stub.output().clear();
        stub.stopped(n % 2 ? debugger.step() : debugger.run(77));
      }
    }
    while (guest.machine->retired() < whole) debugger.run(whole - guest.machine->retired());
    return guest.machine->state_hash();
  };
  CHECK(run(false) == run(true));
}

TEST_CASE("monitor's CPU is its own: gdb's registers stay those of its thread") {
  Client client(2);
  client.stub.on_monitor([&](std::string_view) {
    client.debugger.select(1);
    return std::string("now 1\n");
  });
  client.cpu(0).gpr[RAX] = 0x11;
  client.cpu(1).gpr[RAX] = 0x22;
  CHECK(client.ask("Hg1") == "OK");
  client.stub.receive(frame("qRcmd," + to_hex("cpu 1")));
  std::string said;
  for (const std::string& body : client.packets())
    if (body.starts_with("O") && body != "OK") said += *from_hex(body.substr(1));
  CHECK(said == "now 1\n(CPU 1; gdb's own commands mean thread 1 until you say: thread 2)\n");
  CHECK(client.ask(p("rax")) == little_endian_hex(0x11, 8));
  CHECK(client.ask("qC") == "QC1");
  // The next `monitor` goes on there.
  client.stub.on_monitor([&](std::string_view) { return fmt::format("{}\n", client.debugger.selected()); });
  client.stub.receive(frame("qRcmd," + to_hex("where")));
  CHECK(client.packets().front() == "O" + to_hex("1\n"));
  CHECK(client.ask("Hg2") == "OK");
  CHECK(client.ask(p("rax")) == little_endian_hex(0x22, 8));
}

TEST_CASE("another layout is that of the packets once its description is fetched, not before") {
  Client client;
  const std::size_t wide = client.ask("g").size();
  client.stub.receive(frame("qRcmd," + to_hex("gdb layout 16")));
  client.packets();
  CHECK(client.ask("g").size() == wide);
  CHECK(client.ask("qXfer:features:read:target.xml:0,fff").find("<architecture>i8086") != std::string::npos);
  CHECK(client.ask("g").size() < wide);
}

TEST_CASE("the memory around each address, through the whole space") {
  Client client;
  // Paging is off: 4 GBytes, then nothing.
  CHECK(client.ask("qMemoryRegionInfo:1234") == "start:0;size:100000000;permissions:rwx;");
  CHECK(client.ask("qMemoryRegionInfo:123456789a") == "start:100000000;size:fffffffefffff000;");
  CHECK(refused(client.ask("qMemoryRegionInfo:")));
  CHECK(refused(client.ask("qMemoryRegionInfo:xyz")));
  // Two pages of 2 MBytes at 4 MBytes, the second read-only, by the tables at 1 MByte.
  const auto entry = [&](u64 at, u64 value) { client.guest.put(at, value); };
  entry(0x100000, 0x101003);
  entry(0x101000, 0x102003);
  entry(0x102010, 0x400083);
  entry(0x102018, 0x600081);
  Cpu& cpu = client.cpu();
  cpu.cr3 = 0x100000;
  cpu.cr4 |= Cr4::PAE;
  cpu.efer |= Efer::LME | Efer::LMA;
  cpu.cr0 |= Cr0::PG | Cr0::PE;
  cpu.update_mode();
  cpu.update_translation();
  u64 at = 0;
  std::string all;
  for (unsigned n = 0; n < 10; ++n) {
    const std::string answer = client.ask(fmt::format("qMemoryRegionInfo:{:x}", at));
    Words words(answer);
    REQUIRE(words.literal("start:"));
    CHECK(words.number() == at);
    REQUIRE(words.literal(";size:"));
    const u64 size = words.number().value();
    all += fmt::format("{:x}{} ", at, words.rest());
    at += size;
    if (at == 0) break;
  }
  CHECK(all == "0; 400000;permissions:rwx; 600000;permissions:rx; 800000; fffffffffffff000; ");
}

TEST_CASE("a machine that ends under an extended client stays to be run again, until that client goes") {
  Client client;
  client.ask("!");
  client.stub.receive(frame("vCont;c"));
  client.stub.ended(3);
  CHECK(client.answer() == "W03");
  CHECK(client.stub.resume().kind == Resume::Kind::stay);
  CHECK(client.stub.take_request() == GdbStub::Request::none);
  client.stub.receive(frame("vRun;"));
  CHECK(client.stub.take_request() == GdbStub::Request::restart);
  client.stub.restarted();
  CHECK(client.answer().starts_with("T05"));
  client.stub.receive(frame("vCont;c"));
  client.stub.ended(0);
  client.stub.disconnected();
  CHECK(client.stub.take_request() == GdbStub::Request::kill);
}
