// Owns the tests of the debugger's core: stops, breakpoints, registers and memory, and that nobody inside the
// machine notices.
#include "frontend/debug/debugger.h"

#include "cpu/exec/engine/run.h"
#include "tests/debug/visor_machine.h"

namespace ringside {
namespace {

struct Debugged : VisorMachine {
  Debugger debugger{*machine};

  u64 at(const char* symbol) {
    const auto address = symbols.address(symbol);
    REQUIRE(address.has_value());
    return *address;
  }
  Breakpoint execute(u64 address, AddressSpace space = AddressSpace::linear) {
    Breakpoint b;
    b.at = {space, address};
    return b;
  }
  Breakpoint event(Breakpoint::Kind kind, u64 number, u64 last = 0) {
    Breakpoint b;
    b.kind = kind;
    b.number = number;
    b.last = last ? last : number;
    b.on_read = b.on_write = true;
    return b;
  }
};

std::string state_after(Dispatcher dispatcher, bool with_breakpoints, u64& instructions) {
  MachineConfig config = Guest::config();
  config.boot.bios = RINGSIDE_BINARY_DIR "/roms/visor.bin";
  config.dispatcher = dispatcher;
  std::string error;
  const auto machine = Machine::create(config, error);
  REQUIRE_MESSAGE(machine, error);
  {
    Debugger debugger(*machine);
    if (with_breakpoints) {
      // Offsets into pages that hold code that runs, at any place in a line; addresses that do not run. Each
      // is asked about at each stop.
      for (u64 offset = 0; offset < 4096; offset += 13) {
        Breakpoint b;
        b.at.value = 0x7f0000000000 + offset;
        debugger.add(b);
      }
      Breakpoint watch;
      watch.kind = Breakpoint::Kind::watch;
      watch.on_read = watch.on_write = true;
      watch.at.value = 0x8ff0;  // in the page of the visor's variables
      debugger.add(watch);
    }
    Stop stop;
    do {
      // Odd slices, so that runs end everywhere.
      stop = debugger.run(with_breakpoints ? 7919 : 200'000);
    } while (stop.kind == Stop::Kind::limit);
    CHECK(stop.kind == Stop::Kind::ended);
  }
  instructions = machine->retired();
  return machine->state_hash();
}

TEST_CASE("breakpoints that do not hit change neither the state nor the count of instructions") {
  for (const Dispatcher dispatcher : {Dispatcher::reference, Dispatcher::emitted}) {
    u64 with = 0, without = 0;
    const std::string plain = state_after(dispatcher, false, without);
    const std::string watched = state_after(dispatcher, true, with);
    CHECK(plain == watched);
    CHECK(with == without);
  }
}

TEST_CASE("a breakpoint stops before its instruction, in both dispatchers, each time") {
  for (const Dispatcher dispatcher : {Dispatcher::reference, Dispatcher::emitted}) {
    MachineConfig config = Guest::config();
    config.dispatcher = dispatcher;
    Guest guest(config);
    //        mov ecx, 5; again: inc eax; dec ecx; jnz again; hlt
    for (const u8 byte : {0xb9, 5, 0, 0, 0, 0x40, 0x49, 0x75, 0xfc, 0xf4}) guest.put(guest.next++, byte, 1);
    Debugger debugger(*guest.machine);
    Breakpoint b;
    b.at.value = Guest::code + 6;  // dec ecx: in the middle of what was a block
    const unsigned id = debugger.add(b);
    for (u64 n = 1; n <= 5; ++n) {
      const Stop stop = debugger.run();
      CHECK(stop.kind == Stop::Kind::breakpoint);
      CHECK(stop.breakpoint == id);
      CHECK(guest.cpu().rip == Guest::code + 6);
      CHECK(guest.cpu().gpr[RAX] == n);
      CHECK(guest.machine->retired() == 1 + 3 * (n - 1) + 1);
    }
    CHECK(debugger.find(id)->hits == 5);
    CHECK(debugger.run().kind == Stop::Kind::ended);
  }
}

TEST_CASE("conditions, ignored hits, disabled and temporary breakpoints") {
  Guest guest;
  for (const u8 byte : {0xb9, 9, 0, 0, 0, 0x40, 0x49, 0x75, 0xfc, 0xf4}) guest.put(guest.next++, byte, 1);
  Debugger debugger(*guest.machine);
  Breakpoint b;
  b.at.value = Guest::code + 6;
  b.condition = "3";
  b.ignore = 1;
  const unsigned id = debugger.add(b);
  debugger.on_condition([](const Breakpoint& point, Cpu& cpu, std::string&) {
    return cpu.gpr[RAX] >= static_cast<u64>(std::stoi(point.condition));
  });
  CHECK(debugger.run().breakpoint == id);
  CHECK(guest.cpu().gpr[RAX] == 4);  // the third did not count, the first that holds was passed over
  debugger.find(id)->condition.clear();
  debugger.find(id)->temporary = true;
  const Stop stop = debugger.run();
  CHECK(stop.temporary);
  CHECK(guest.cpu().gpr[RAX] == 5);
  CHECK(debugger.find(id) == nullptr);
  b.condition.clear();
  b.enabled = false;
  debugger.add(b);
  CHECK(debugger.run().kind == Stop::Kind::ended);
}

TEST_CASE("stepping: one, over a call, out of a function") {
  Debugged d;
  Breakpoint b = d.execute(d.at("enable_vmx"));
  b.temporary = true;
  d.debugger.add(b);
  CHECK(d.debugger.run().kind == Stop::Kind::breakpoint);
  const u64 rsp = d.cpu().gpr[RSP];
  const u64 count = d.machine->retired();
  CHECK(d.debugger.step(3).kind == Stop::Kind::step);
  CHECK(d.machine->retired() == count + 3);
  for (unsigned n = 0; n < 20; ++n) {
    CHECK(d.debugger.step_over().kind == Stop::Kind::step);
    CHECK(d.cpu().gpr[RSP] <= rsp);
  }
  CHECK(d.debugger.step_out().kind == Stop::Kind::step);
  CHECK(d.cpu().gpr[RSP] == rsp + 8);
}

TEST_CASE("running to events of VMX") {
  Debugged d;
  Stop stop = d.debugger.run_to(RunTo::vm_entry);
  CHECK(stop.kind == Stop::Kind::event);
  CHECK(d.cpu().non_root);
  CHECK(d.cpu().rip == d.at("guest_start"));
  stop = d.debugger.run_to(RunTo::vm_exit);
  CHECK(!d.cpu().non_root);
  CHECK(d.cpu().rip == d.at("vm_exit"));
  CHECK(has(stop.text, "VMCALL"));
  CHECK(d.debugger.last_vmx_event(0)->kind == VmxEvent::Kind::exited);
  CHECK(d.debugger.read_register("exits") == 1);
}

TEST_CASE("the ring and the mode that were waited for") {
  Debugged d;
  const Stop stop = d.debugger.run_to(RunTo::mode_change);
  CHECK(stop.kind == Stop::Kind::event);
  CHECK(has(stop.text, "real mode"));
  CHECK(d.cpu().mode.protected_mode);
}

TEST_CASE("each kind of event stops after it") {
  Debugged d;
  using Kind = Breakpoint::Kind;
  const auto stops = [&](Breakpoint b, const char* text) {
    b.temporary = true;
    const unsigned id = d.debugger.add(b);
    const Stop stop = d.debugger.run();
    CHECK_MESSAGE(stop.breakpoint == id, text);
    CHECK_MESSAGE(has(stop.text, text), stop.text);
  };
  stops(d.event(Kind::msr, 0x3a), "IA32_FEATURE_CONTROL");
  stops(d.event(Kind::vmwrite, info(Field::GUEST_RIP).encoding), "VMWRITE of GUEST_RIP");
  CHECK((*d.cpu().vmx->current)[Field::GUEST_RIP] == d.at("guest_start"));
  stops(d.event(Kind::exit_reason, static_cast<u64>(ExitReason::cpuid)), "CPUID");
  stops(d.event(Kind::port, 0x3f8), "OUT to port 0x3f8");
  stops(d.event(Kind::exception, 6), "#UD");
  CHECK(d.cpu().non_root);
  stops(d.event(Kind::ept_violation, 0x205000, 0x205fff), "0x205000");
  CHECK(d.cpu().vmx->exit.reason == ExitReason::ept_violation);
  Breakpoint interrupt = d.event(Kind::interrupt, 0);
  interrupt.any = true;
  stops(interrupt, "interrupt");
}

TEST_CASE("addresses of the guest: linear only inside it, guest-physical through EPT, host-physical") {
  Debugged d;
  const u64 start = d.at("guest_start");
  for (const AddressSpace space :
       {AddressSpace::guest_linear, AddressSpace::guest_physical, AddressSpace::host_physical}) {
    Debugged fresh;
    fresh.debugger.add(fresh.execute(start, space));
    const Stop stop = fresh.debugger.run();
    CHECK(stop.kind == Stop::Kind::breakpoint);
    CHECK(fresh.cpu().non_root);
    CHECK(fresh.cpu().rip == start);
  }
  // The same address outside the guest is not meant.
  d.debugger.add(d.execute(d.at("vm_exit"), AddressSpace::guest_linear));
  CHECK(d.debugger.run().kind == Stop::Kind::ended);
}

TEST_CASE("watchpoints stop after the access, reads and writes apart") {
  for (const Dispatcher dispatcher : {Dispatcher::reference, Dispatcher::emitted}) {
    MachineConfig config = Guest::config();
    config.dispatcher = dispatcher;
    Guest guest(config);
    // mov eax, [20000h]; mov [20004h], eax; mov [20000h], eax; hlt
    for (const u8 byte : {0xa1, 0, 0, 2, 0, 0xa3, 4, 0, 2, 0, 0xa3, 0, 0, 2, 0, 0xf4})
      guest.put(guest.next++, byte, 1);
    Debugger debugger(*guest.machine);
    Breakpoint b;
    b.kind = Breakpoint::Kind::watch;
    b.at.value = 0x20000;
    b.bytes = 4;
    b.on_write = true;
    const unsigned writes = debugger.add(b);
    b.on_write = false;
    b.on_read = true;
    const unsigned reads = debugger.add(b);
    Stop stop = debugger.run();
    CHECK(stop.kind == Stop::Kind::watchpoint);
    CHECK(stop.breakpoint == reads);
    CHECK(guest.cpu().rip == Guest::code + 5);
    stop = debugger.run();
    CHECK(stop.breakpoint == writes);
    CHECK(guest.cpu().rip == Guest::code + 15);
    CHECK(debugger.run().kind == Stop::Kind::ended);
  }
}

TEST_CASE("a read watch sees what reads before it writes") {
  for (const Dispatcher dispatcher : {Dispatcher::reference, Dispatcher::emitted}) {
    MachineConfig config = Guest::config();
    config.dispatcher = dispatcher;
    Guest guest(config);
    // mov [20000h], eax; inc dword [20000h]; xchg [20000h], eax; bts dword [20000h], 3; hlt
    guest.bytes(
        {0xa3, 0, 0, 2, 0, 0xff, 5, 0, 0, 2, 0, 0x87, 5, 0, 0, 2, 0, 0x0f, 0xba, 0x2d, 0, 0, 2, 0, 3, 0xf4});
    Debugger debugger(*guest.machine);
    Breakpoint b;
    b.kind = Breakpoint::Kind::watch;
    b.at.value = 0x20000;
    b.bytes = 4;
    b.on_read = true;
    debugger.add(b);
    for (const u64 after : {11, 17, 25}) {
      const Stop stop = debugger.run();
      CHECK(stop.kind == Stop::Kind::watchpoint);
      CHECK(stop.text.find("read of 4 bytes") != std::string::npos);
      CHECK(guest.cpu().rip == Guest::code + after);
    }
    CHECK(debugger.run().kind == Stop::Kind::ended);
  }
}

TEST_CASE("watchpoints by host-physical address meet every linear address that leads there") {
  for (const Dispatcher dispatcher : {Dispatcher::reference, Dispatcher::emitted}) {
    MachineConfig config = Guest::config();
    config.dispatcher = dispatcher;
    Guest guest(config);
    // 4-MByte pages: at 0 and again at 400000h.
    guest.put(0x30000, 0x83, 4);
    guest.put(0x30004, 0x83, 4);
    guest.cpu().cr3 = 0x30000;
    guest.cpu().cr4 |= Cr4::PSE;
    guest.cpu().cr0 |= Cr0::PG;
    guest.cpu().update_mode();
    guest.cpu().update_translation();
    // mov eax, [420000h]; mov [420004h], eax; mov eax, [41fffeh]; mov [20000h], al; hlt
    guest.bytes(
        {0xa1, 0, 0, 0x42, 0, 0xa3, 4, 0, 0x42, 0, 0xa1, 0xfe, 0xff, 0x41, 0, 0xa2, 0, 0, 2, 0, 0xf4});
    Debugger debugger(*guest.machine);
    debugger.step();  // its page has a tag now, which must go
    Breakpoint b;
    b.kind = Breakpoint::Kind::watch;
    b.at = {AddressSpace::host_physical, 0x20000};
    b.bytes = 2;
    b.on_read = b.on_write = true;
    const unsigned id = debugger.add(b);
    b.at = {AddressSpace::host_physical, 0x420000};  // what the linear address looks like
    debugger.add(b);
    Stop stop = debugger.run();
    CHECK(stop.kind == Stop::Kind::watchpoint);
    CHECK(stop.breakpoint == id);
    CHECK(guest.cpu().rip == Guest::code + 15);  // its second half lies in the watched page
    CHECK(has(stop.text, "read of 4 bytes at 0x41fffe (host-physical 0x1fffe)"));
    stop = debugger.run();
    CHECK(stop.breakpoint == id);
    CHECK(guest.cpu().rip == Guest::code + 20);
    CHECK(has(stop.text, "write of 1 byte at 0x20000"));
    CHECK(debugger.run().kind == Stop::Kind::ended);
  }
}

TEST_CASE("watchpoints by guest-physical address, set before EPT maps it, and by where EPT puts it") {
  for (const bool by_guest : {true, false}) {
    Debugged d;
    constexpr u64 hole = 0x205000, elsewhere = 0x300000;
    Breakpoint b;
    b.kind = Breakpoint::Kind::watch;
    b.on_read = b.on_write = true;
    b.bytes = 4;
    b.at =
        by_guest ? Place{AddressSpace::guest_physical, hole} : Place{AddressSpace::host_physical, elsewhere};
    const unsigned id = d.debugger.add(b);
    b.at = {AddressSpace::host_physical, hole};
    d.debugger.add(b);
    b.at = {AddressSpace::guest_physical, elsewhere};
    d.debugger.add(b);
    // The visor is about to fill the hole one to one.
    Breakpoint fills = d.execute(d.at("map_page"));
    fills.temporary = true;
    d.debugger.add(fills);
    REQUIRE(d.debugger.run().kind == Stop::Kind::breakpoint);
    std::string why;
    REQUIRE(d.debugger.write_register("rax", elsewhere, why));
    const Stop stop = d.debugger.run();
    CHECK(stop.kind == Stop::Kind::watchpoint);
    CHECK(stop.breakpoint == id);
    CHECK(has(stop.text, "write of 4 bytes at 0x205000 (host-physical 0x300000)"));
    CHECK(d.cpu().non_root);
    CHECK(d.machine->memory().read(HostPhys(elsewhere), 4) == 1);
    CHECK(d.debugger.run().kind == Stop::Kind::ended);
  }
}

TEST_CASE("a guest-physical watch that comes late finds accesses that had their translations") {
  // The visor's guest polls its count of interrupts in a loop.
  Debugged d;
  d.debugger.use_symbols(&d.symbols);
  const u64 count = d.at("guest_interrupts");
  Breakpoint b;
  b.kind = Breakpoint::Kind::interrupt;
  b.any = true;
  d.debugger.add(b);
  REQUIRE(d.debugger.run().kind == Stop::Kind::breakpoint);
  b = {};
  b.kind = Breakpoint::Kind::watch;
  b.on_write = true;
  b.bytes = 4;
  b.at = {AddressSpace::guest_physical, count};
  const unsigned id = d.debugger.add(b);
  const Stop stop = d.debugger.run();
  CHECK(stop.breakpoint == id);
  CHECK(has(d.debugger.where(), "guest_interrupt"));
}

TEST_CASE("a watch by host-physical address sees the accesses to a device") {
  Guest guest;
  guest.store(Guest::apic + 0xf0, 0x1ff).hlt();
  Debugger debugger(*guest.machine);
  Breakpoint b;
  b.kind = Breakpoint::Kind::watch;
  b.on_write = true;
  b.bytes = 4;
  b.at = {AddressSpace::host_physical, Guest::apic + 0xf0};
  debugger.add(b);
  CHECK(debugger.run().kind == Stop::Kind::watchpoint);
  CHECK(debugger.run().kind == Stop::Kind::ended);
}

TEST_CASE("two CPUs: a breakpoint of one, and steps of the one that is selected") {
  Guest guest(Guest::config(2));
  for (const u8 byte : {0x40, 0xeb, 0xfd}) guest.put(guest.next++, byte, 1);  // again: inc eax; jmp again
  Debugger debugger(*guest.machine);
  Breakpoint b;
  b.at.value = Guest::code;
  b.cpu = 1;
  debugger.add(b);
  CHECK(debugger.run(1000).kind == Stop::Kind::limit);
  CHECK(debugger.select(1));
  CHECK(!debugger.select(2));
  CHECK(has(debugger.where(), "CPU 1"));
}

// CPU 0 counts in eax; CPU 1 calls a function that counts in ebx, for ever.
struct TwoCpus : Guest {
  static constexpr u64 second = 0x11000, function = 0x12000;
  TwoCpus() : Guest(config(2)) {
    bytes({0x40, 0xeb, 0xfd});  // again: inc eax; jmp again
    next = second;
    bytes({0xe8}).number(function - (second + 5), 4).bytes({0x90, 0xeb, 0xf8});  // call; nop; jmp second
    next = function;
    bytes({0x43, 0x90, 0xc3});  // inc ebx; nop; ret
    start(1, second);
  }
};

TEST_CASE("a second CPU: step, next, out, until, and breakpoints; the first has its turns meanwhile") {
  TwoCpus guest;
  Debugger debugger(*guest.machine);
  Cpu &first = guest.cpu(0), &second = guest.cpu(1);
  debugger.step(7);
  REQUIRE(guest.machine->turn() == 0);
  REQUIRE(debugger.select(1));
  // Its first turn comes after all of the first CPU's.
  Stop stop = debugger.step();
  CHECK(stop.kind == Stop::Kind::step);
  CHECK(stop.cpu == 1);
  CHECK(second.rip == TwoCpus::function);
  CHECK(first.gpr[RAX] > 8000);
  CHECK(has(stop.where, "CPU 1"));
  CHECK(debugger.step(2).kind == Stop::Kind::step);
  CHECK(second.rip == TwoCpus::function + 2);
  CHECK(debugger.step_out().kind == Stop::Kind::step);
  CHECK(second.rip == TwoCpus::second + 5);
  CHECK(debugger.step(2).kind == Stop::Kind::step);
  CHECK(second.rip == TwoCpus::second);
  CHECK(debugger.step_over().kind == Stop::Kind::step);
  CHECK(second.rip == TwoCpus::second + 5);
  CHECK(second.gpr[RBX] == 2);
  CHECK(debugger.run_until({AddressSpace::linear, TwoCpus::function}).kind == Stop::Kind::step);
  CHECK(debugger.selected() == 1);
  // Many more than a turn has.
  const u64 before = second.gpr[RBX], others = first.gpr[RAX];
  CHECK(debugger.step(60'000).kind == Stop::Kind::step);
  CHECK(second.gpr[RBX] == before + 10'000);
  CHECK(first.gpr[RAX] >= others + 20'000);
  // Breakpoints: of one CPU, and of whoever comes.
  Breakpoint b;
  b.at.value = TwoCpus::function;
  b.cpu = 0;
  const unsigned id = debugger.add(b);
  CHECK(debugger.run(200'000).kind == Stop::Kind::limit);
  debugger.find(id)->cpu.reset();
  REQUIRE(debugger.select(0));
  stop = debugger.step(100'000);
  CHECK(stop.kind == Stop::Kind::breakpoint);
  CHECK(stop.cpu == 1);
  CHECK(debugger.selected() == 1);
}

TEST_CASE("steps of a second CPU leave the run as it would have been") {
  const auto hash = [](bool stepped) {
    TwoCpus guest;
    Debugger debugger(*guest.machine);
    const u64 whole = 1'500'000;
    if (stepped) {
      debugger.run(1000);
      for (unsigned n = 0; n < 50; ++n) {
        debugger.select(n & 1);
        debugger.step(n);
      }
    }
    REQUIRE(guest.machine->retired() < whole);
    debugger.run(whole - guest.machine->retired());
    return guest.machine->state_hash();
  };
  CHECK(hash(true) == hash(false));
}

TEST_CASE("CPUs that are held still have no turns") {
  TwoCpus guest;
  Debugger debugger(*guest.machine);
  guest.machine->hold_still(1);
  CHECK(debugger.run(100'000).kind == Stop::Kind::limit);
  CHECK(retired(guest.cpu(0)) == 0);
  CHECK(retired(guest.cpu(1)) == 100'000);
  debugger.select(0);
  for (const Stop& stop : {debugger.step(), debugger.step_over(), debugger.step_out(),
                           debugger.run_until({AddressSpace::linear, Guest::code + 1})}) {
    CHECK(has(stop.text, "CPU 0 is held still"));
    CHECK(has(stop.where, "CPU 0"));
  }
  CHECK(retired(guest.cpu(1)) == 100'000);
  guest.machine->hold_still(2);
  CHECK(debugger.step(50'000).kind == Stop::Kind::step);
  CHECK(retired(guest.cpu(0)) == 50'000);
  CHECK(retired(guest.cpu(1)) == 100'000);
  // If all were held nobody would come to an end.
  guest.machine->hold_still(3);
  CHECK(debugger.step(50'000).kind == Stop::Kind::step);
  CHECK(retired(guest.cpu(1)) > 100'000);
  // Who is left sleeps for ever: the others cannot wake it.
  guest.machine->hold_still(1);
  guest.put(TwoCpus::second, 0xf4, 1);  // hlt
  const Stop stop = debugger.run();
  CHECK(stop.kind == Stop::Kind::ended);
  guest.machine->hold_still(0);
  CHECK(debugger.run(1000).kind == Stop::Kind::limit);
}

TEST_CASE("registers by name") {
  Debugged d;
  Debugger& g = d.debugger;
  std::string why;
  CHECK(g.write_register("rax", 0x1122334455667788, why));
  CHECK(g.read_register("eax") == 0x55667788);
  CHECK(g.read_register("AH") == 0x77);
  CHECK(g.write_register("al", 1, why));
  CHECK(g.read_register("$rax") == 0x1122334455667701);
  CHECK(!g.write_register("al", 256, why));
  CHECK(!why.empty());
  CHECK(g.write_register("eflags.df", 1, why));
  CHECK((g.read_register("rflags").value() & Eflags::DF) != 0);
  CHECK(g.read_register("cr0.pe") == 0);
  CHECK(!g.write_register("cr0", Cr0::PG, why));  // without PE the processor refuses it
  CHECK(g.read_register("cs.base") == 0xffff0000);
  CHECK(g.read_register("msr.ia32_feature_control") == g.read_register("msr.3a"));
  CHECK(!g.read_register("nonsense").has_value());
  CHECK(!g.read_register("").has_value());
  CHECK(!g.read_register("st9").has_value());
  for (const std::string& name : Debugger::register_names())
    CHECK_MESSAGE(g.read_register(name).has_value(), name);
}

TEST_CASE("memory through each space") {
  Debugged d;
  d.debugger.run_to(RunTo::vm_exit);
  const u64 start = d.at("guest_start");
  u8 linear[4] = {}, guest[4] = {}, physical[4] = {};
  CHECK(d.debugger.read({AddressSpace::linear, start}, linear) == 4);
  CHECK(d.debugger.read({AddressSpace::guest_linear, start}, guest) == 4);
  CHECK(d.debugger.read({AddressSpace::host_physical, start}, physical) == 4);
  CHECK(std::equal(linear, linear + 4, guest));
  CHECK(std::equal(linear, linear + 4, physical));
  std::string why;
  CHECK(!d.debugger.translate({AddressSpace::guest_physical, 0x205000}, &why).has_value());
  CHECK(has(why, "EPT"));
  CHECK(!d.debugger.translate({AddressSpace::guest_linear, start, 0x123000}, &why).has_value());
  CHECK(has(why, "no VMCS"));
  const u8 bytes[] = {0xf4};
  CHECK(d.debugger.write({AddressSpace::linear, 0x50000}, bytes) == 1);
  CHECK(d.debugger.write({AddressSpace::host_physical, 0xfffffff0}, bytes) == 0);  // ROM
}

TEST_CASE("interrupt() ends whatever runs") {
  Guest guest;
  for (const u8 byte : {0xeb, 0xfe}) guest.put(guest.next++, byte, 1);
  Debugger debugger(*guest.machine);
  debugger.on_slice([&] { debugger.interrupt(); });
  CHECK(debugger.run().kind == Stop::Kind::interrupted);
  CHECK(debugger.run_to(RunTo::vm_exit).kind == Stop::Kind::interrupted);
  CHECK(debugger.step(~u64{0}).kind == Stop::Kind::interrupted);
  CHECK(!debugger.take_interrupt());
}

}  // namespace
}  // namespace ringside
