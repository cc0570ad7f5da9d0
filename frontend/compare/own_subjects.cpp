// Owns the subjects that are built in, as a document that shows how one's own are written.
#include "frontend/compare/subject.h"

namespace ringside::compare {

std::string_view own_subjects() {
  return R"toml(# The subjects of `ringside compare`. A file of one's own has the same form; its subjects can be compared with these.

[[subject]]
name = "lodge"
title = "type 2: a hypervisor in an operating system, its VMM a process"
flags = ["-m", "64", "-kernel", "{roms}/lodge.elf", "-initrd", "{roms}/lodge-vmm.elf,{roms}/tiny.elf",
         "-append", "lodge-vmm tiny.elf mem=16 -- times={times}"]
begin = ["^tiny: started by"]
piece = "^tiny: ([a-z]+): ([0-9]+) ([^,]*)"
end = "^tiny: all is well"
fail = "^tiny: FAILED"
kernel = ["{roms}/lodge.elf"]
user = ["{roms}/lodge-vmm.elf"]
guest = ["{roms}/tiny.elf"]
kernel_is = "the lodge, an operating system"
user_is = "its VMM, a process"

[[subject]]
name = "loft"
title = "type 1: a hypervisor that owns the machine, with a control domain"
flags = ["-m", "64", "-kernel", "{roms}/loft.elf", "-initrd", "{roms}/loft-control.elf,{roms}/tiny.elf times={times}"]
begin = ["^d1: tiny: started by"]
piece = "^d1: tiny: ([a-z]+): ([0-9]+) ([^,]*)"
end = "^d1: tiny: all is well"
fail = "^d1: tiny: FAILED"
control_cpus = 1
kernel = ["{roms}/loft.elf"]
control = ["{roms}/loft-control.elf"]
guest = ["{roms}/tiny.elf"]
kernel_is = "the loft, a hypervisor"
control_is = "the control domain"

[[subject]]
name = "lodge-no-ept"
instead_of = "lodge"
title = "as lodge, with shadow page tables"
flags = ["-m", "64", "-kernel", "{roms}/lodge.elf", "-initrd", "{roms}/lodge-vmm.elf,{roms}/tiny.elf",
         "-append", "no-ept; lodge-vmm tiny.elf mem=16 -- times={times}"]

[[subject]]
name = "lodge-no-vpid"
instead_of = "lodge"
title = "as lodge, without VPID"
flags = ["-m", "64", "-kernel", "{roms}/lodge.elf", "-initrd", "{roms}/lodge-vmm.elf,{roms}/tiny.elf",
         "-append", "no-vpid; lodge-vmm tiny.elf mem=16 -- times={times}"]

[[subject]]
name = "lodge-lazy-fpu"
instead_of = "lodge"
title = "as lodge, with SSE registers that are switched when they are used"
flags = ["-m", "64", "-kernel", "{roms}/lodge.elf", "-initrd", "{roms}/lodge-vmm.elf,{roms}/tiny.elf",
         "-append", "lazy-fpu; lodge-vmm tiny.elf mem=16 -- times={times}"]

[[subject]]
name = "lodge-no-unrestricted-guest"
instead_of = "lodge"
title = "as lodge, for a guest whose paging is always on"
flags = ["-m", "64", "-kernel", "{roms}/lodge.elf", "-initrd", "{roms}/lodge-vmm.elf,{roms}/tiny.elf",
         "-append", "no-unrestricted-guest; lodge-vmm tiny.elf mem=16 -- times={times}"]

[[subject]]
name = "lodge-inside"
instead_of = "lodge"
title = "as lodge, with the device of ports and memory in its kernel"
flags = ["-m", "64", "-kernel", "{roms}/lodge.elf", "-initrd", "{roms}/lodge-vmm.elf,{roms}/tiny.elf",
         "-append", "inside; lodge-vmm tiny.elf mem=16 -- times={times}"]

[[subject]]
name = "loft-no-vpid"
instead_of = "loft"
title = "as loft, without VPID"
flags = ["-m", "64", "-kernel", "{roms}/loft.elf", "-append", "no-vpid",
         "-initrd", "{roms}/loft-control.elf,{roms}/tiny.elf times={times}"]

[[subject]]
name = "loft-lazy-fpu"
instead_of = "loft"
title = "as loft, with SSE registers that are switched when they are used"
flags = ["-m", "64", "-kernel", "{roms}/loft.elf", "-append", "lazy-fpu",
         "-initrd", "{roms}/loft-control.elf,{roms}/tiny.elf times={times}"]

[[subject]]
name = "loft-inside"
instead_of = "loft"
title = "as loft, with the disk's back end in the hypervisor"
flags = ["-m", "64", "-kernel", "{roms}/loft.elf", "-append", "inside",
         "-initrd", "{roms}/loft-control.elf,{roms}/tiny.elf times={times}"]

[[subject]]
name = "kvm"
title = "type 2: Debian's KVM in Linux, QEMU its VMM (TINY=roms/tiny.elf tests/guests/kvm.sh)"
flags = ["-m", "512", "-no-reboot", "-kernel", "{guests}/kvm/vmlinuz", "-initrd", "{guests}/kvm/kvm.cpio",
         "-append", "console=ttyS0 tag=L1 tiny={times}"]
begin = ["^TINY-START", "^tiny: started by"]
piece = "^tiny: ([a-z]+): ([0-9]+) ([^,]*)"
end = "^tiny: all is well"
fail = "^tiny: FAILED|^L1-OFF"
most_instructions = 20_000_000_000
guest = ["{roms}/tiny.elf"]
debug = ["{debug}/boot/vmlinux-*", "{debug}/lib/modules/*/kernel/arch/x86/kvm/kvm.ko",
         "{debug}/lib/modules/*/kernel/arch/x86/kvm/kvm-intel.ko"]
kernel_is = "Debian's Linux with KVM"
user_is = "QEMU and busybox, processes"

[[subject]]
name = "xen-pvh"
title = "type 1: Debian's Xen, a PVH guest, dom0 a PV guest at CPL 3 (TINY=roms/tiny.elf tests/guests/xen.sh)"
flags = ["-m", "1024", "-no-reboot", "-kernel", "{guests}/xen/xen",
         "-append", "console=com1 com1=115200,8n1 dom0_mem=512M,max:512M guest_loglvl=all",
         "-initrd", "{guests}/xen/vmlinuz-dom0 console=hvc0 tag=DOM0 tiny={times},{guests}/xen/xen.cpio"]
begin = ["^TINY-START", "tiny: started by"]
piece = "tiny: ([a-z]+): ([0-9]+) ([^,]*)"
end = "tiny: all is well"
fail = "tiny: FAILED|^DOM0-OFF"
most_instructions = 20_000_000_000
guest = ["{roms}/tiny.elf"]
debug = ["{debug}/boot/xen-syms-*-amd64"]
kernel_is = "Debian's Xen"
user_is = "dom0, its kernel and its processes"
users_are = "dom0"

[[subject]]
name = "kvm-no-ept"
instead_of = "kvm"
title = "as kvm, with shadow page tables"
flags = ["-m", "512", "-no-reboot", "-kernel", "{guests}/kvm/vmlinuz", "-initrd", "{guests}/kvm/kvm.cpio",
         "-append", "console=ttyS0 tag=L1 tiny={times} kvm_intel.ept=0"]

[[subject]]
name = "kvm-no-vpid"
instead_of = "kvm"
title = "as kvm, without VPID"
flags = ["-m", "512", "-no-reboot", "-kernel", "{guests}/kvm/vmlinuz", "-initrd", "{guests}/kvm/kvm.cpio",
         "-append", "console=ttyS0 tag=L1 tiny={times} kvm_intel.vpid=0"]

[[subject]]
name = "kvm-no-apicv"
instead_of = "kvm"
title = "as kvm, without APIC virtualization"
flags = ["-m", "512", "-no-reboot", "-kernel", "{guests}/kvm/vmlinuz", "-initrd", "{guests}/kvm/kvm.cpio",
         "-append", "console=ttyS0 tag=L1 tiny={times} kvm_intel.enable_apicv=0"]

[[subject]]
name = "lodge-linux"
title = "as lodge, but Debian's Linux is the guest, from its start to its first process's first line"
flags = ["-m", "768", "-no-reboot", "-kernel", "{roms}/lodge.elf",
         "-initrd", "{roms}/lodge-vmm.elf,{guests}/linux/vmlinuz,{guests}/linux/linux.cpio",
         "-append", "lodge-vmm vmlinuz mem=256 initrd=linux.cpio -- console=ttyS0 work=0 off=reboot reboot=t"]
begin = ["^lodge: 1 CPU"]
end = "^GUEST-READY"
most_instructions = 20_000_000_000
repeats = false
kernel = ["{roms}/lodge.elf"]
user = ["{roms}/lodge-vmm.elf"]
kernel_is = "the lodge, an operating system"
user_is = "its VMM, a process"

[[subject]]
name = "loft-linux"
title = "as loft, but Debian's Linux is the guest, from its start to its first process's first line"
flags = ["-m", "512", "-no-reboot", "-kernel", "{roms}/loft.elf", "-initrd",
         "{roms}/loft-control.elf,{guests}/linux/vmlinuz memory=256 serial console=ttyS0 work=0,{guests}/linux/linux.cpio ramdisk"]
begin = ["^d0: domain 1 is"]
end = "GUEST-READY"
most_instructions = 20_000_000_000
repeats = false
control_cpus = 1
kernel = ["{roms}/loft.elf"]
control = ["{roms}/loft-control.elf"]
kernel_is = "the loft, a hypervisor"
control_is = "the control domain"

[[subject]]
name = "kvm-linux"
title = "as kvm, but Debian's Linux is the guest, from its start to its first process's first line"
flags = ["-m", "1024", "-no-reboot", "-kernel", "{guests}/kvm/vmlinuz", "-initrd", "{guests}/kvm/kvm.cpio", "-append", "console=ttyS0 tag=L1"]
begin = ["^L2-START"]
end = "^L2-READY"
most_instructions = 20_000_000_000
repeats = false
debug = ["{debug}/boot/vmlinux-*", "{debug}/lib/modules/*/kernel/arch/x86/kvm/kvm.ko",
         "{debug}/lib/modules/*/kernel/arch/x86/kvm/kvm-intel.ko"]
kernel_is = "Debian's Linux with KVM"
user_is = "QEMU and busybox, processes"

[[subject]]
name = "xen-pvh-linux"
title = "as xen-pvh, but Debian's Linux is the guest, from its start to its first process's first line"
flags = ["-m", "1024", "-no-reboot", "-kernel", "{guests}/xen/xen", "-append", "console=com1 com1=115200,8n1 dom0_mem=512M,max:512M",
         "-initrd", "{guests}/xen/vmlinuz-dom0 console=hvc0 tag=DOM0 domus=pvh,{guests}/xen/xen.cpio"]
begin = ["^pvh: created"]
end = "^PVH-READY"
most_instructions = 20_000_000_000
repeats = false
debug = ["{debug}/boot/xen-syms-*-amd64"]
kernel_is = "Debian's Xen"
user_is = "dom0, its kernel and its processes"
users_are = "dom0"

[[subject]]
name = "xen-pv-linux"
title = "Debian's Xen, a PV guest: no VM exits, it runs at CPL 3 as dom0 does; from its start to its first process's first line"
flags = ["-m", "1024", "-no-reboot", "-kernel", "{guests}/xen/xen", "-append", "console=com1 com1=115200,8n1 dom0_mem=512M,max:512M",
         "-initrd", "{guests}/xen/vmlinuz-dom0 console=hvc0 tag=DOM0 domus=pv,{guests}/xen/xen.cpio"]
begin = ["^pv: created"]
end = "^PV-READY"
most_instructions = 20_000_000_000
repeats = false
debug = ["{debug}/boot/xen-syms-*-amd64"]
kernel_is = "Debian's Xen"
user_is = "dom0 and the guest, their kernels and processes"
users_are = "dom0 and guest"

[[subject]]
name = "xen-hvm"
title = "type 1: Debian's Xen, an HVM guest, QEMU in dom0 its device model (HVM=1 TINY=roms/tiny.elf tests/guests/xen.sh)"
flags = ["-m", "2048", "-no-reboot", "-kernel", "{guests}/xenhvm/xen",
         "-append", "console=com1 com1=115200,8n1 dom0_mem=1024M,max:1024M guest_loglvl=all",
         "-initrd", "{guests}/xenhvm/vmlinuz-dom0 console=hvc0 tag=DOM0 tiny={times} tiny_type=hvm,{guests}/xenhvm/xen.cpio"]
begin = ["^TINY-START", "tiny: started by"]
piece = "tiny: ([a-z]+): ([0-9]+) ([^,]*)"
end = "tiny: all is well"
fail = "tiny: FAILED|^TINY-FAIL|^DOM0-OFF"
most_instructions = 50_000_000_000
guest = ["{roms}/tiny.elf"]
debug = ["{debug}/boot/xen-syms-*-amd64"]
kernel_is = "Debian's Xen"
user_is = "dom0, its kernel and its processes, QEMU among them"
users_are = "dom0"

[[subject]]
name = "xen-hvm-linux"
title = "as xen-hvm, but Debian's Linux is the guest, from its kernel's first line, behind firmware and GRUB, to its first process's first line"
flags = ["-m", "2048", "-no-reboot", "-kernel", "{guests}/xenhvm/xen", "-append", "console=com1 com1=115200,8n1 dom0_mem=1024M,max:1024M",
         "-initrd", "{guests}/xenhvm/vmlinuz-dom0 console=hvc0 tag=DOM0 domus=hvm,{guests}/xenhvm/xen.cpio"]
begin = ["^hvm: created", "Linux version "]
end = "^HVM-READY"
fail = "^HVM-FAIL"
most_instructions = 100_000_000_000
repeats = false
debug = ["{debug}/boot/xen-syms-*-amd64"]
kernel_is = "Debian's Xen"
user_is = "dom0, its kernel and its processes, QEMU among them"
users_are = "dom0"
)toml";
}

}  // namespace ringside::compare
