// Owns the test of the stub by the client that it is for: Debian's gdb, in batch mode, on the visor.
#include <doctest/doctest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <memory>
#include <regex>

#include "tests/cli/program.h"

using namespace ringside::cli;

namespace {

bool gdb_is_there() {
  if (std::system("gdb --version >/dev/null 2>&1") == 0) return true;
  MESSAGE("skipped: there is no gdb on this host; apt-get install gdb");
  return false;
}

// What gdb says when it runs these commands on a machine that stands still at its start.
std::string gdb_on(const std::vector<std::string>& image, const std::string& commands) {
  const Folder folder;
  const std::string place = folder / "gdb.socket";
  std::vector<std::string> words = {"-gdb", "unix:" + place, "-S", "-serial", "null", "-timeout", "100"};
  words.insert(words.end(), image.begin(), image.end());
  Running machine(words, Running::With::pipes);
  REQUIRE(machine.wait_for("waiting for gdb"));
  const std::string script = folder.write("script",
                                          "set confirm off\nset pagination off\nset width 0\n"
                                          "set remotetimeout 60\ntarget remote " +
                                              place + "\n" + commands);
  const std::string line = "timeout 90 gdb -nx -batch -x '" + script + "' 2>&1 </dev/null";
  const std::unique_ptr<FILE, int (*)(FILE*)> gdb(popen(line.c_str(), "r"), pclose);
  REQUIRE(gdb);
  std::string text;
  std::array<char, 4096> chunk;
  while (const std::size_t got = fread(chunk.data(), 1, chunk.size(), gdb.get()))
    text.append(chunk.data(), got);
  return text;
}

// The same on the visor, with its symbols.
std::string gdb_says(const std::string& commands, const std::vector<std::string>& flags = {}) {
  std::vector<std::string> image = {"-bios", RINGSIDE_BINARY_DIR "/roms/visor.bin"};
  image.insert(image.end(), flags.begin(), flags.end());
  return gdb_on(image, "symbol-file " RINGSIDE_BINARY_DIR "/roms/visor.elf\n" + commands);
}

// Checks that the text has each of the patterns somewhere.
void check_says(const std::string& text, std::initializer_list<const char*> patterns) {
  CAPTURE(text);
  for (const char* const pattern : patterns) {
    CAPTURE(pattern);
    CHECK(std::regex_search(text, std::regex(pattern)));
  }
}

}  // namespace

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
                    "=> 0xf0199 <start>:\tcli",
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
  check_says(text, {"=> 0xfffffff0:\tljmp +\\$0xf000,\\$0x199", "eip +0xfffffff0",
                    "cr0 +0x60000010 +\\[ ET NW CD \\]", "killed"});
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
