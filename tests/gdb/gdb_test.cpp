// Owns the test of the stub by the client that it is for: Debian's gdb, in batch mode, on the visor.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/gdb/real_gdb.h"

using namespace ringside::cli;

TEST_CASE("gdb from the first instruction into the hypervisor and its guest") {
  if (!gdb_is_there()) return;
  const std::string text = gdb_says(R"(
info threads
p/x $pc
stepi
x/1i $pc
break run_guest
continue
info registers cr0 efer cr4 vmx vmcs
info threads
watch *(int*)&exits
delete 1
hbreak guest_start
continue
info registers vmx cs
info threads
x/2i $pc
stepi
stepi
p/x $rdi
p (long)&guest_idt == $rdi
set var $rdi = 0x1234
p/x $rdi
delete 3
continue
bt 1
p *(int*)&exits
info registers exit_reason vmx
monitor where
monitor explain
detach
)");
  check_says(text, {"CPU 0, 16-bit, ring 0",
                    "\\$1 = 0xfffffff0",
                    "=> 0xf0[0-9a-f]+ <start>:\tcli",
                    "Breakpoint 1, .*run_guest",
                    "efer +0x[0-9a-f]+ +\\[ .*LMA",
                    "cr4 .*VMXE",
                    "vmx +0x1 +\\[ VMXON \\]",
                    "vmcs +0xa000 ",
                    "CPU 0 root, 64-bit, ring 0",
                    "Breakpoint 3, .*guest_start",
                    "vmx +0x7 +\\[ VMXON NON_ROOT LAUNCHED \\]",
                    "CPU 0 guest, 64-bit, ring 0",
                    "<guest_start>:\tmov +\\$0x[0-9a-f]+,%edi",
                    "\\$3 = 1",
                    "\\$4 = 0x1234",
                    "Hardware watchpoint 2: ",
                    "New value = 1",
                    "exit_reason +0x",
                    "CPU 0, root",
                    "detached"});
}

TEST_CASE("gdb sees what monitor ran once it looks again; stepi takes a round of REP") {
  if (!gdb_is_there()) return;
  const std::string text = gdb_says(R"(
monitor run-to entry
p/x $pc == (long)guest_start
maintenance flush register-cache
p $pc == (long)guest_start
set var *(long*)0x5000 = 0xf490a4f3
set var $pc = 0x5000
set var $rcx = 5
set var $rsi = 0x6000
set var $rdi = 0x7000
stepi
p $rcx
p $pc
advance *0x5002
p $rcx
monitor trace exec,in_asm
stepi
monitor trace off
kill
)");
  check_says(text, {"maintenance flush register-cache;", "\\$1 = 0x0", "\\$2 = 1\n", "\\$3 = 4\n",
                    "\\$5 = 0\n", "exec +[0-9]+ 0 guest 0x0000000000005002  nop\n"});
}

TEST_CASE("gdb shows 16-bit and 32-bit code once it has fetched that machine's registers") {
  if (!gdb_is_there()) return;
  const std::string text = gdb_says(R"(
monitor gdb layout 16
unset tdesc filename
x/1i $pc
monitor gdb layout 32
unset tdesc filename
info registers eip cr0
kill
)");
  check_says(text, {"=> 0xfffffff0:\tljmp +\\$0xf000,\\$0x[0-9a-f]+", "eip +0xfffffff0",
                    "cr0 +0x60000010 +\\[ ET NW CD \\]", "killed"});
}

TEST_CASE("gdb shows 16-bit code with a program loaded, once that is a file of symbols only") {
  if (!gdb_is_there()) return;
  const std::string text =
      gdb_on({"-bios", RINGSIDE_BINARY_DIR "/roms/visor.bin"}, "file " RINGSIDE_BINARY_DIR
                                                               "/roms/visor.elf\n"
                                                               R"(
monitor gdb layout 16
info registers rip
exec-file
unset tdesc filename
x/1i $pc
stepi
x/2i $pc
break main
monitor gdb layout 64
unset tdesc filename
continue
x/1i $pc
kill
)");
  check_says(text, {"exec-file before it", "rip +0xfffffff0",
                    "=> 0xfffffff0:\tljmp +\\$0xf000,\\$0x[0-9a-f]+", "<start>:\tcli", "mov +%cs,%ax",
                    "Breakpoint 1, main", "=> 0xf[0-9a-f]+ <main>:\tjmp", "killed"});
}

TEST_CASE("a guest that has ended is run again from target extended-remote") {
  if (!gdb_is_there()) return;
  const std::string text = gdb_on({"-bios", RINGSIDE_BINARY_DIR "/roms/visor.bin"},
                                  "file " RINGSIDE_BINARY_DIR
                                  "/roms/visor.elf\n"
                                  R"(
continue
continue
break run_guest
run
p/x $vmx
kill
)",
                                  "extended-remote");
  check_says(text,
             {"powered the machine off", "exited", "Breakpoint 1, .*run_guest", "\\$1 = 0x1\n", "killed"});
}

TEST_CASE("a second client is told why it is not let in") {
  if (!gdb_is_there()) return;
  const Folder folder;
  const std::string place = folder / "gdb.socket";
  Running machine({"-gdb", "unix:" + place, "-S", "-serial", "null", "-timeout", "60", "-bios",
                   RINGSIDE_BINARY_DIR "/roms/visor.bin"},
                  Running::With::pipes);
  REQUIRE(machine.wait_for("waiting for gdb"));
  const std::string first = "timeout 60 gdb -nx -batch -ex 'target remote " + place + "' -ex 'shell " +
                            "timeout 30 gdb -nx -batch -ex \"target remote " + place +
                            "\" 2>&1 </dev/null' -ex 'p/x $pc' -ex kill 2>&1 </dev/null";
  check_says(output_of(first),
             {"another client debugs this machine; it has to leave first", "\\$1 = 0xfffffff0"});
}

TEST_CASE("the launch.json of the README, as VS Code's adapter gives it to gdb") {
  if (!gdb_is_there()) return;
  const std::string readme = read_file(RINGSIDE_SOURCE_DIR "/README.md");
  const std::size_t begin = readme.find("```json\n") + 8, end = readme.find("```", begin);
  REQUIRE(end != std::string::npos);
  const nlohmann::json whole = nlohmann::json::parse(readme.substr(begin, end - begin));
  const nlohmann::json& launch = whole["configurations"][0];
  CHECK(launch["type"] == "cppdbg");
  CHECK(launch["miDebuggerServerAddress"] == "localhost:1234");
  const Folder folder;
  const std::string place = folder / "gdb.socket";
  Running machine({"-gdb", "unix:" + place, "-S", "-serial", "null", "-timeout", "60", "-bios",
                   RINGSIDE_BINARY_DIR "/roms/visor.bin"},
                  Running::With::pipes);
  REQUIRE(machine.wait_for("waiting for gdb"));
  // What the adapter sends, in its order.
  std::string commands = "-gdb-set target-async on\n-gdb-set solib-search-path .\n";
  for (const nlohmann::json& one : launch["setupCommands"])
    commands += "-interpreter-exec console \"" + one["text"].get<std::string>() + "\"\n";
  commands += "-file-exec-and-symbols \"" RINGSIDE_BINARY_DIR "/roms/visor.elf\"\n";
  commands += "-target-select remote " + place + "\n";
  for (const nlohmann::json& one : launch["postRemoteConnectCommands"])
    commands += "-interpreter-exec console \"" + one["text"].get<std::string>() + "\"\n";
  commands += "-exec-continue\n-thread-info\n-stack-list-frames --thread 1 0 1\n-exec-next\n-gdb-exit\n";
  const std::string script = folder.write("commands", commands);
  // The adapter waits for each stop: a second is long enough for this one, and the last words need none.
  const std::string text =
      output_of("(sed '/^-thread-info/,$d' '" + script + "'; sleep 5; sed -n '/^-thread-info/,$p' '" +
                script + "') | timeout 60 gdb -nx --interpreter=mi2 2>&1");
  check_says(text, {"\\^connected", "\\*stopped,reason=\"breakpoint-hit\",.*func=\"main\"",
                    "frame=\\{level=\"0\",.*main"});
}

TEST_CASE("LLDB, as a second real client") {
  std::string lldb;
  for (const char* name : {"lldb-14", "lldb"})
    if (lldb.empty() && std::system((std::string(name) + " --version >/dev/null 2>&1").c_str()) == 0)
      lldb = name;
  if (lldb.empty()) {
    MESSAGE("skipped: there is no lldb on this host; apt-get install lldb");
    return;
  }
  const Folder folder;
  const std::string place = folder / "gdb.socket";
  Running machine({"-gdb", "unix:" + place, "-S", "-serial", "null", "-timeout", "100", "-bios",
                   RINGSIDE_BINARY_DIR "/roms/visor.bin"},
                  Running::With::pipes);
  REQUIRE(machine.wait_for("waiting for gdb"));
  const std::string script =
      folder.write("script", "process connect --plugin gdb-remote unix-connect://" + place + R"(
register read rip cr0
breakpoint set -f run.inc -l 33
continue
memory region 0x1000
expression 40+2
expression $rax+0
thread step-inst
register read rip
watchpoint set expression -s 4 -w write -- 0x8ff0
breakpoint set -f guest.inc -l 31
thread backtrace
process kill
)");
  const std::string text = output_of("timeout 90 " + lldb + " --no-lldbinit -b -s '" + script +
                                     "' " RINGSIDE_BINARY_DIR "/roms/visor.elf 2>&1 </dev/null");
  check_says(text, {"rip = 0x00000000fffffff0", "stop reason = breakpoint 1.1", "run.inc:33",
                    "\\[0x0000000000000000-0x[0-9a-f]+\\) rwx", "\\$0 = 42",
                    "stop reason = instruction step into", "Watchpoint created: "});
  CHECK(text.find("Assertion failed") == std::string::npos);
}

TEST_CASE("gdb steps a second CPU, and holds the first one still with scheduler-locking") {
  if (!gdb_is_there()) return;
  // start: cli; lgdt; into flat protected mode; [8000h] = inc bx; jmp 8000h; INIT and SIPI to the other CPU;
  // again: inc esi; jmp again. What lies at f0000h; the processor begins at fff0h of it.
  constexpr std::string_view code(
      "\xfa\x2e\x0f\x01\x16\x70\x00\x0f\x20\xc0\x0c\x01\x0f\x22\xc0\x66\xea\x17"
      "\x00\x0f\x00\x08\x00\x66\xb8\x10\x00\x8e\xd8\xc6\x05\x00\x80\x00\x00\x43"
      "\x66\xc7\x05\x01\x80\x00\x00\xeb\xfd\xc7\x05\xf0\x00\xe0\xfe\xff\x01\x00"
      "\x00\xc7\x05\x00\x03\xe0\xfe\x00\x45\x0c\x00\xb9\xe8\x03\x00\x00\xe2\xfe"
      "\xc7\x05\x00\x03\xe0\xfe\x08\x46\x0c\x00\x46\xeb\xfd\x90\x90\x90\x00\x00"
      "\x00\x00\x00\x00\x00\x00\xff\xff\x00\x00\x00\x9b\xcf\x00\xff\xff\x00\x00"
      "\x00\x93\xcf\x00\x17\x00\x58\x00\x0f\x00",
      118);
  std::string rom(0x10000, '\xf4');
  rom.replace(0, code.size(), code);
  rom.replace(0xfff0, 3, "\xe9\x0d\x00", 3);
  const Folder folder;
  const std::string text = gdb_on({"-bios", folder.write("two", rom), "-smp", "2"}, R"(
hbreak *0x8000
continue
delete
set scheduler-locking on
thread 1
set $first = $rsi
thread 2
stepi
stepi
p $rbx & 0xffff
stepi
p $rbx & 0xffff
p/x $pc
thread 1
p $rsi == $first
stepi
stepi
p $rsi == $first + 1
thread 2
p/x $pc
set scheduler-locking off
detach
)");
  CAPTURE(text);
  check_says(text, {"Thread 2 .*Breakpoint 1", "\\$1 = 1\n", "\\$2 = 2\n", "\\$3 = 0x8001\n", "\\$4 = 1\n",
                    "\\$5 = 1\n", "\\$6 = 0x8001\n"});
}

TEST_CASE("monitor writes pictures and types; what cannot be is refused in words") {
  if (!gdb_is_there()) return;
  const Folder folder;
  // Spins until a scan code is there, then reads it, and stops behind that.
  const std::string keys = folder.write("bios", firmware({0xe4, 0x64, 0xa8, 0x01, 0x74, 0xfa,  // until one
                                                          0xe4, 0x60, 0xeb, 0xf6}));
  const std::string picture = folder / "now.png";
  const std::string text = gdb_on({"-bios", keys, "-vga", "std"}, "monitor screenshot " + picture + R"(
monitor screenshot /nowhere/now.png
monitor screenshot
monitor type <nosuchkey>
monitor type a
hbreak *0xfffff008
continue
p/x $al
monitor screen
kill
)");
  CHECK(read_file(picture).starts_with("\x89PNG\r\n"));
  check_says(text, {"screenshot /nowhere/now.png: cannot be written", "screenshot FILE writes a PNG file",
                    "nosuchkey", "\\$1 = 0x1e"});
}

TEST_CASE("gdb at KVM's first VM entry, in its guest, and at the first EPT violation") {
  const std::vector<std::string> guest = kvm_guest();
  if (guest.empty() || !gdb_is_there()) return;
  const std::string text = gdb_on(guest, R"(
monitor run-to entry
maintenance flush register-cache
monitor where
monitor vmcs guest
info threads
p/x $pc
monitor catch ept
continue
monitor explain
info threads
p/x $vmx
detach
)");
  check_says(text, {"VM entry 1 of VMCS", "real mode, 0x1000", "6800 GUEST_CR0",
                    "CPU 0 guest, 16-bit, ring 0", "\\$1 = 0x1000", "reason 48: EPT violation",
                    "<- not present", "CPU 0 root, 64-bit, ring 0", "\\$2 = 0x5"});
}

TEST_CASE("without a client a run with the stub is the run without it") {
  const Folder folder;
  const auto stats = [&](std::vector<std::string> words, const std::string& name) {
    words.insert(words.end(), {"-serial", "null", "-stats", folder / name, "-bios",
                               RINGSIDE_BINARY_DIR "/roms/visor.bin"});
    CHECK(run(words).status == 0);
    const std::string text = read_file(folder / name);
    std::smatch hash;
    REQUIRE(std::regex_search(text, hash, std::regex("\"state_hash\": *\"([0-9a-f]+)\"")));
    return hash.str(1);
  };
  CHECK(stats({}, "a") == stats({"-gdb", "unix:" + folder / "socket"}, "b"));
}
