// Owns the structures of a made-up Linux, whose layout the debugger has to learn from this program's own
// DWARF.
#pragma once

#include "cpu/arch/types.h"

extern "C" {
struct list_head {
  list_head *next, *prev;
};
struct attribute {
  ringside::u64 padding;
  const char* name;
};
struct bin_attribute {
  ringside::u32 padding;
  attribute attr;
};
struct module_sect_attr {
  bin_attribute battr;
  ringside::u64 address;
};
struct module_sect_attrs {
  ringside::u64 padding[3];
  unsigned nsections;
  module_sect_attr attrs[4];
};
struct module {
  unsigned state;
  list_head list;
  union {
    struct {
      ringside::u32 more_padding;
      char name[56];
    };
    ringside::u64 other;
  };
  module_sect_attrs* sect_attrs;
};
// Each calls the next, whose code is put into its own; where they do.
int outer_function(const volatile int* from);
constexpr unsigned outer_call = 9, middle_call = 8;
extern list_head modules;
extern module one_module;
extern module_sect_attrs its_sections;
}
