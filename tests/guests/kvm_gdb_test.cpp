// Owns the tests that gdb goes back in real guests: in KVM from an EPT violation over the VM exit into the
// guest, to who wrote the entry, and out of the kernel's functions; in a Linux on both of its CPUs. The
// images are found as by the tests of boots.
#include "tests/gdb/real_gdb.h"
#include "tests/guests/kvm_symbols.h"

using namespace ringside::cli;

TEST_CASE("gdb goes from KVM's EPT violation back to the guest, and to who wrote the entry") {
  const std::vector<std::string> guest = kvm_guest();
  if (guest.empty() || !gdb_is_there()) return;
  const std::string text = gdb_on(guest, R"(
monitor run-to entry
monitor catch exit ept-violation
continue
continue
monitor explain
p $vmx
reverse-stepi
p $vmx
x/i $pc
reverse-continue
monitor where
continue
monitor who ept vmcs.GUEST_PHYSICAL_ADDRESS
monitor goto author
maintenance flush register-cache
maintenance flush dcache
x/i $pc
p $al
continue
p $vmx
kill
)");
  check_says(text, {"write of guest-physical 0x80, guest RIP 0x1003", "\\$1 = \\[ VMXON LAUNCHED \\]",
                    "\\$2 = \\[ VMXON NON_ROOT LAUNCHED \\]", "=> 0x1003:\tmov",
                    "fetch of guest-physical 0x1000, guest RIP 0x1000\n(.*\n)*CPU 0, root \\(VMCS 0x",
                    "by 0xffffffff.*: rep stosb", ", and (became|was made) 0x0",
                    "=> 0xffffffff[0-9a-f]+:\trep stos", "\\$3 = 0\n", "\\$4 = \\[ VMXON LAUNCHED \\]"});
}

TEST_CASE("gdb goes back in KVM by the kernel's functions") {
  const std::vector<std::string> guest = kvm_guest();
  const auto files = kvm_symbols();
  if (guest.empty() || files.empty() || !gdb_is_there()) return;
  std::string script =
      "monitor run-to entry\nmonitor run-to exit\nmaintenance flush register-cache\npython\n";
  for (const char* const name : {"KERNEL", "KVM", "KVM_INTEL"})
    script +=
        "gdb.execute(gdb.execute('monitor symbols " + files.at(name) + " find root gdb', to_string=True))\n";
  const std::string text = gdb_on(guest, script + R"(end
tbreak handle_ept_violation
continue
bt 3
reverse-finish
x/i $pc
tbreak *vmx_vmexit
reverse-continue
p $vmx
python
# Where no symbol is, gdb guesses at a frame, and complains of the guest's memory that is not mapped yet.
try:
    gdb.execute("reverse-stepi")
except gdb.error:
    pass
end
p $vmx
p/x $pc
delete
monitor run-to exit
monitor who ept vmcs.GUEST_PHYSICAL_ADDRESS
monitor goto author
maintenance flush register-cache
maintenance flush dcache
bt 40
reverse-finish
x/i $pc
kill
)");
  check_says(text, {"breakpoint 1, handle_ept_violation \\(vcpu=0x", "#1  .* in __vmx_handle_exit",
                    "<vmx_handle_exit\\+[0-9]+>:\tcall ", "breakpoint 2, .*vmx_(vmexit|vcpu_run)",
                    "\\$1 = \\[ VMXON LAUNCHED \\]", "\\$2 = \\[ VMXON NON_ROOT LAUNCHED \\]",
                    "\\$3 = 0x1000\n", "<clear_page_erms\\+0x", "#0 .*clear_page_erms",
                    "in mmu_topup_memory_caches", "in kvm_vcpu_ioctl", ":\tcall .*clear_page"});
}

TEST_CASE("gdb goes back on each CPU of a Linux that has two") {
  const std::string at = guest_images("linux");
  if (at.empty() || !gdb_is_there()) return;
  const std::string text = gdb_on({"-smp", "2", "-m", "512", "-kernel", at + "/vmlinuz", "-initrd",
                                   at + "/linux.cpio", "-append", "console=ttyS0,115200"},
                                  R"(
monitor continue 1200000000
maintenance flush register-cache
thread 1
set $one = $pc
stepi
stepi
reverse-stepi
reverse-stepi
p $pc == $one
thread 2
stepi
set $two = $pc
stepi
reverse-stepi
p $pc == $two
thread 1
watch *(long*)$rsp
reverse-continue
delete
monitor who rsp
kill
)");
  check_says(text,
             {"\\$1 = 1\n", "\\$2 = 1\n", "hit Watchpoint 1", "rsp is 0xffff", "goes there, before it"});
}
