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
)toml";
}

}  // namespace ringside::compare
