// Owns the definitions that bring structures and inlined functions into this program's DWARF; it is compiled
// with all of it. The header knows the numbers of some lines.
#include "tests/debug/linux_structures.h"

extern "C" {
#define INLINE static inline __attribute__((always_inline))
INLINE int innermost_function(const volatile int* from) { return *from * 3 + from[1]; }
INLINE int middle_function(const volatile int* from) { return innermost_function(from) + 1; }
int outer_function(const volatile int* from) { return middle_function(from) * 5; }
#undef INLINE
list_head modules;
struct module one_module;
module_sect_attrs its_sections;
}
