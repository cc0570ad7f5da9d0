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
  *(int *)user += ringside_run(machine, NULL, &other) == ringside_busy && ringside_step(machine, 1, NULL) == ringside_busy &&
                  ringside_restart(machine) == ringside_busy && strstr(ringside_error(machine), "cannot run it");
  return 1;
}

static int fail(const char *what, const ringside_machine *machine) {
  printf("%s: %s\n", what, machine ? ringside_error(machine) : "");
  return 1;
}

// Two machines, a piece of each in turn, do what one does alone.
static int two_machines(void) {
  char hashes[3][100] = {"", "", ""};
  ringside_machine *all[3];
  for (int n = 0; n < 3; ++n) all[n] = ringside_create(0, NULL, hashes[n], sizeof hashes[n]);
  if (!all[0] || !all[1] || !all[2]) return 0;
  ringside_stop stop = {sizeof stop};
  ringside_until piece = {sizeof piece};
  piece.instructions = 10000;
  for (int n = 0; n < 30; ++n) {
    if (ringside_run(all[n & 1], &piece, NULL) != ringside_ok) return 0;
  }
  for (int n = 0; n < 3; ++n) {
    const char *hash = NULL;
    if (ringside_run(all[n], NULL, &stop) || ringside_state_hash(all[n], &hash)) return 0;
    snprintf(hashes[n], sizeof hashes[n], "%s", hash);
    ringside_destroy(all[n]);
  }
  return !strcmp(hashes[0], hashes[2]) && !strcmp(hashes[1], hashes[2]);
}

// What is no argument is refused, and changes nothing.
static int refuses_nothing(ringside_machine *machine) {
  ringside_stop no_size = {0};
  size_t size = 0;
  return ringside_read_register(machine, "rax", NULL) == ringside_invalid &&
         ringside_read(machine, ringside_linear, 0, NULL, 4) == ringside_invalid &&
         ringside_save(machine, NULL, &size) == ringside_invalid && ringside_step(machine, 1, &no_size) == ringside_invalid &&
         strstr(ringside_error(machine), "sizeof(ringside_stop)") && ringside_step(machine, 1, NULL) == ringside_ok;
}

int main(int count, char **words) {
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

  char file[4096];
  snprintf(file, sizeof file, "%s.state", count > 0 ? words[0] : "client");
  if (ringside_save_file(machine, file)) return fail("save_file", machine);
  if (ringside_step(machine, 3, &stop)) return fail("step", machine);
  if (ringside_load_file(machine, file) || ringside_state_hash(machine, &text) || strcmp(text, hash))
    return fail("load_file", machine);
  remove(file);
  if (ringside_load_file(machine, file) == ringside_ok || !strstr(ringside_error(machine), "no such file"))
    return fail("no file", machine);

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
  if (ringside_restart(machine) || !refuses_nothing(machine)) return fail("nothing", machine);
  ringside_destroy(machine);
  if (!two_machines()) return fail("two", NULL);
  puts("good");
  return 0;
}
