// Owns a program in C that knows nothing of Ringside but the header that is installed: built and run by tests/library.
#include <ringside.h>

#include <stdio.h>
#include <string.h>

static int stops_asked = 0;

static int goes_on(ringside_machine *machine, const ringside_stop *stop, void *user) {
  uint64_t rip = 0;
  ringside_stop other = {sizeof other};
  stops_asked += stop->breakpoint != 0 && ringside_read_register(machine, "vmcs.GUEST_RIP", &rip) == ringside_ok;
  // It cannot run what runs.
  *(int *)user += ringside_run(machine, NULL, &other) == ringside_failed;
  return 1;
}

static int fail(const char *what, const ringside_machine *machine) {
  printf("%s: %s\n", what, machine ? ringside_error(machine) : "");
  return 1;
}

int main(void) {
  char error[200];
  const char *wrong[] = {"-kernle", "x"};
  if (ringside_library_version() != ringside_api_version) return fail("version", NULL);
  if (ringside_create(2, wrong, error, sizeof error) || !strstr(error, "did you mean -kernel")) return fail("wrong", NULL);
  if (ringside_create(2, wrong, error, 8) || strlen(error) != 7) return fail("cut", NULL);

  const char *flags[] = {"-m", "32M"};
  ringside_machine *machine = ringside_create(2, flags, error, sizeof error);
  if (!machine) return fail(error, NULL);
  ringside_stop stop = {sizeof stop};
  ringside_until until = {sizeof until};
  until.event = "exit";
  if (ringside_run(machine, &until, &stop) || stop.why != ringside_why_reached) return fail("exit", machine);
  uint64_t rip = 0, place = 0, physical = 0;
  if (ringside_read_register(machine, "vmcs.GUEST_RIP", &rip) || ringside_evaluate(machine, "guest_start", &place) ||
      rip < place)
    return fail("registers", machine);
  if (ringside_read_register(machine, "ryx", &rip) == ringside_ok || !strstr(ringside_error(machine), "ryx"))
    return fail("no register", machine);
  unsigned char byte = 0;
  if (ringside_read(machine, ringside_guest_linear, place, &byte, 1) ||
      ringside_translate(machine, ringside_guest_linear, place, &physical))
    return fail("memory", machine);
  if (ringside_read(machine, 4, place, &byte, 1) == ringside_ok) return fail("space", machine);
  const char *json = NULL, *text = NULL;
  if (ringside_look(machine, "explain", &json) || json[0] != '{') return fail("explain", machine);

  const void *bytes = NULL;
  size_t size = 0;
  if (ringside_save(machine, &bytes, &size) || size == 0) return fail("save", machine);
  static char saved[1 << 22];
  if (size > sizeof saved) return fail("size", machine);
  memcpy(saved, bytes, size);
  char hash[100];
  if (ringside_state_hash(machine, &text)) return fail("hash", machine);
  snprintf(hash, sizeof hash, "%s", text);
  if (ringside_step(machine, 3, &stop) || stop.why != ringside_why_step) return fail("step", machine);
  if (ringside_restore(machine, saved, size) || ringside_state_hash(machine, &text) || strcmp(text, hash))
    return fail("restore", machine);
  if (ringside_restore(machine, saved, size / 2) == ringside_ok) return fail("half", machine);

  uint32_t number = 0;
  int refused = 0;
  if (ringside_add_breakpoint(machine, "catch exit cpuid", goes_on, &refused, &number)) return fail("catch", machine);
  if (ringside_run(machine, NULL, &stop) || stop.why != ringside_why_ended || strcmp(stop.ending, "power-off"))
    return fail(stop.text, machine);
  if (stops_asked == 0 || refused != stops_asked) return fail("callback", machine);
  if (ringside_serial(machine, 0, &text, &size) || !strstr(text, "VMXOFF, power off")) return fail("serial", machine);
  // A caller of an older header knows less of the structure.
  ringside_stop old = {offsetof(ringside_stop, breakpoint)};
  old.breakpoint = 77;
  if (ringside_step(machine, 1, &old) || old.why != ringside_why_ended || old.breakpoint != 77) return fail("old", machine);
  ringside_destroy(machine);
  puts("good");
  return 0;
}
