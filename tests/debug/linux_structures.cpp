// Owns the definitions that bring the structures into this program's DWARF; it is compiled with all of it.
#include "tests/debug/linux_structures.h"

extern "C" {
list_head modules;
struct module one_module;
module_sect_attrs its_sections;
}
