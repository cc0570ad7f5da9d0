// Owns the begin of the kernel: what is prepared in which order, and the programs of the command line, "NAME
// ARGUMENTS; NAME ARGUMENTS", before which variants may stand (roms/kit/variants.h).
#include "roms/kit/apic.h"
#include "roms/kit/boot.h"
#include "roms/kit/clock.h"
#include "roms/kit/pages.h"
#include "roms/kit/print.h"
#include "roms/kit/processor.h"
#include "roms/kit/variants.h"
#include "roms/kit/vmx.h"
#include "roms/lodge/calls.h"
#include "roms/lodge/process.h"
#include "roms/lodge/scheduler.h"

namespace lodge {
namespace {

void prepare_cpu() {
  allow_system_calls();
  enter_vmx_operation();
  write_cr0(read_cr0() | CR0::TS);  // x87 and SSE are for guests alone: see kit/fpu.h
}

void run_other_cpu() {
  prepare_cpu();
  run_threads();
}

// One program of the command line: the name is its first word.
void start_one(const char* begin, u64 letters) {
  char name[32] = {}, arguments[256] = {};
  while (letters && *begin == ' ') ++begin, --letters;
  u64 n = 0;
  for (; n < letters && begin[n] != ' ' && n < sizeof name - 1; ++n) name[n] = begin[n];
  while (n < letters && begin[n] == ' ') ++n;
  memcpy(arguments, begin + n, smaller<u64>(letters - n, sizeof arguments - 1));
  if (names_variant(name))
    choose_variants(begin, letters, "no-vpid lazy-fpu no-unrestricted-guest no-ept inside");
  else if (name[0])
    start_program(name, arguments);
}

// The first word is the kernel's own name, as a multiboot loader gives it.
void start_programs(const char* line) {
  while (*line && *line != ' ') ++line;
  for (const char* end = line;; ++end) {
    if (*end && *end != ';') continue;
    start_one(line, static_cast<u64>(end - line));
    if (!*end) return;
    line = end + 1;
  }
}

}  // namespace
}  // namespace lodge

void kit_main(const kit::BootInformation& boot) {
  using namespace lodge;
  start_clock();
  enable_local_apic();
  name_files(boot);
  start_processes();
  start_scheduler();
  prepare_cpu();
  print("lodge: ", free_memory() >> 20, " MBytes free, ", boot.module_count, " files\n");
  start_programs(boot.command_line);
  if (no_process_left()) stop("there is nothing to do; say -append \"PROGRAM ARGUMENTS; PROGRAM ARGUMENTS\"");
  start_processors(run_other_cpu);
  print("lodge: ", processor_count(), " CPU, ", process_count(), " processes\n");
  run_threads();
}
