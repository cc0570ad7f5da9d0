// Owns the C face of libringside: one opaque machine, plain numbers and texts. It stays as it is: functions
// are added, never changed, and structures grow at their end, where their first member says how much of them
// the caller knows.
#ifndef RINGSIDE_H
#define RINGSIDE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

// Rises when functions or members are added.
enum { ringside_api_version = 2 };
// That of the library which is loaded, for who was built with another header.
uint32_t ringside_library_version(void);

// A machine with its debugger. Several know nothing of each other; one of them is for one thread at a time,
// but for ringside_interrupt(). Texts that a function hands out are the machine's, and good until the next
// call that is given it.
typedef struct ringside_machine ringside_machine;

// What functions return that can fail: ringside_ok, or another code with one line in ringside_error(). Codes
// may be added: whatever is not ringside_ok has failed.
enum {
  ringside_ok = 0,
  ringside_failed = -1,  // what was asked for cannot be
  ringside_busy =
      -2,  // the machine runs: a callback looks and changes, but does not run, restart or restore it
  ringside_invalid = -3  // an argument is none: NULL where a place is needed, a structure without its size
};

// `flags` are those of `ringside run`, a word each. NULL: one line is in `error`, cut to `error_bytes` with
// its 0.
ringside_machine* ringside_create(size_t count, const char* const* flags, char* error, size_t error_bytes);
void ringside_destroy(ringside_machine* machine);
const char* ringside_error(const ringside_machine* machine);

// -- Running.

enum {
  ringside_why_count,        // the instructions that were asked for have run
  ringside_why_step,         // the steps have
  ringside_why_reached,      // the place or the event
  ringside_why_serial,       // the expression over serial output has matched
  ringside_why_screen,       // that over the screen's lines
  ringside_why_predicate,    // it said so
  ringside_why_breakpoint,   // `breakpoint` says which
  ringside_why_watchpoint,   // after the instruction that made the access
  ringside_why_interrupted,  // by ringside_interrupt()
  ringside_why_time,         // the host seconds are over
  ringside_why_limit,        // one that a flag sets
  ringside_why_ended,        // the machine has: `ending` says how
  ringside_why_beginning     // what is known of the past begins here (version 2)
};
typedef struct ringside_stop {
  size_t size;  // sizeof(ringside_stop), by the caller
  uint32_t why, cpu;
  uint32_t breakpoint;  // its number; 0: none
  int32_t status;       // of the ending "debug-exit": what the guest gave
  const char* text;     // why, in one line; may be empty
  const char* where;    // in one line: CPU, root or guest of which VMCS, ring, mode, address, symbol
  const char* ending;   // "power-off", "reset", "debug-exit", "shutdown", "idle"; empty: it has not ended
} ringside_stop;

// The first that comes true ends the run; what is 0 or NULL is not asked for.
typedef struct ringside_until {
  size_t size;            // sizeof(ringside_until), by the caller
  uint64_t instructions;  // so many more, of all CPUs together
  const char* address;    // as the debugger's break takes it: "main", "guest 0x1000 if rax == 1"
  const char*
      event;  // "exit", "exit cpuid", "refused", "entry", "mode", ...: as the debugger's catch and run-to
  const char* serial;  // POSIX extended regular expression over the lines of serial port `port`
  const char* screen;  // the same over the screen's
  uint32_t port;       // 0: COM1
  uint32_t reserved;   // 0
  int (*predicate)(ringside_machine* machine, void* user);  // not 0: enough
  void* user;
  uint64_t every;  // instructions between two questions; 0: 10,000
  double seconds;  // of the host
} ringside_until;

// `until` may be NULL: to the machine's end. So may `stop`.
int ringside_run(ringside_machine* machine, const ringside_until* until, ringside_stop* stop);
int ringside_step(ringside_machine* machine, uint64_t instructions, ringside_stop* stop);
// For any thread and for signal handlers: what runs stops soon.
void ringside_interrupt(ringside_machine* machine);
int ringside_restart(ringside_machine* machine);

// -- Going back (version 2). From ringside_keep_past() on, in so many bytes of memory at most, about: 16 MiB
// at least. Nobody hears again what runs on the way, and input waits for the present.

int ringside_keep_past(ringside_machine* machine, uint64_t bytes);
// Instructions of all CPUs: where the past begins, and the present. Each may be NULL.
int ringside_past(ringside_machine* machine, uint64_t* first, uint64_t* last);
// To the first moment when all CPUs together had retired so many.
int ringside_go_to(ringside_machine* machine, uint64_t instructions, ringside_stop* stop);
int ringside_step_back(ringside_machine* machine, uint64_t instructions, ringside_stop* stop);
// To the last time before here that a breakpoint stopped, or the address or event of `until`, which may be
// NULL. A watchpoint stops before the instruction that made the access.
int ringside_run_back(ringside_machine* machine, const ringside_until* until, ringside_stop* stop);

// "break main", "watch gpa 0x7000 8", "catch exit cpuid". `goes_on` may be NULL; else it is asked at each
// stop, and the run goes on if it says other than 0. It looks and changes, but cannot run the machine.
// `number` may be NULL.
int ringside_add_breakpoint(ringside_machine* machine, const char* line,
                            int (*goes_on)(ringside_machine* machine, const ringside_stop* stop, void* user),
                            void* user, uint32_t* number);
int ringside_remove_breakpoint(ringside_machine* machine, uint32_t number);

// -- CPUs, registers, memory.

uint32_t ringside_cpus(const ringside_machine* machine);
int ringside_select_cpu(ringside_machine* machine, uint32_t cpu);
uint64_t ringside_instructions(const ringside_machine* machine);
double ringside_seconds(const ringside_machine* machine);  // virtual time
// Of the selected CPU, which is that of the last stop: "rax", "cr0.pg", "msr.c0000080", "vmcs.GUEST_RIP".
int ringside_read_register(ringside_machine* machine, const char* name, uint64_t* value);
int ringside_write_register(ringside_machine* machine, const char* name, uint64_t value);
int ringside_evaluate(ringside_machine* machine, const char* expression, uint64_t* value);

enum {
  ringside_linear,          // of what the CPU runs now
  ringside_guest_linear,    // of the guest of the current VMCS, also while the hypervisor runs
  ringside_guest_physical,  // of the guest of the current VMCS
  ringside_host_physical    // of the machine
};
int ringside_read(ringside_machine* machine, uint32_t space, uint64_t address, void* bytes, size_t size);
int ringside_write(ringside_machine* machine, uint32_t space, uint64_t address, const void* bytes,
                   size_t size);
int ringside_translate(ringside_machine* machine, uint32_t space, uint64_t address, uint64_t* host_physical);

// -- The debugger's lines: what one prints; and one that looks ("explain", "vmcs check", "walk 0x1000") as
// JSON, a line for each sheet.

int ringside_command(ringside_machine* machine, const char* line, const char** text);
int ringside_look(ringside_machine* machine, const char* line, const char** json);

// -- The outside world.

int ringside_serial(ringside_machine* machine, uint32_t port, const char** bytes,
                    size_t* size);  // what it has sent
int ringside_send(ringside_machine* machine, uint32_t port, const void* bytes, size_t size);
int ringside_type(ringside_machine* machine, const char* text);  // "ls\n", "<ctrl-alt-delete>", "<wait 2>"
int ringside_screen_text(ringside_machine* machine, const char** text);
int ringside_screen_png(ringside_machine* machine, const void** bytes,
                        size_t* size);  // 0 bytes: there is no picture

// -- State.

int ringside_save(ringside_machine* machine, const void** bytes, size_t* size);
int ringside_restore(ringside_machine* machine, const void* bytes, size_t size);
// The same in a file, with what drives were given. It is written whole or not at all.
int ringside_save_file(ringside_machine* machine, const char* path);
int ringside_load_file(ringside_machine* machine, const char* path);
int ringside_state_hash(ringside_machine* machine, const char** text);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
