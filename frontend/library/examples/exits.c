// Owns an example in C: it runs an image, says where each VM exit came from, and how the machine ended.
//   cc exits.c $(pkg-config --cflags --libs ringside) && ./a.out -bios visor.bin
#include <ringside.h>

#include <inttypes.h>
#include <stdio.h>

int main(int count, char **words) {
  char error[200];
  ringside_machine *machine =
      ringside_create(count - 1, (const char *const *)words + 1, error, sizeof error);
  if (!machine) {
    fprintf(stderr, "%s\n", error);
    return 1;
  }
  ringside_stop stop = {sizeof stop};
  ringside_until until = {sizeof until};
  until.event = "exit";
  unsigned exits = 0;
  int status;
  while ((status = ringside_run(machine, &until, &stop)) == ringside_ok && stop.why == ringside_why_reached) {
    uint64_t rip = 0;
    if (ringside_read_register(machine, "vmcs.GUEST_RIP", &rip)) break;
    printf("%4u  %#" PRIx64 "  %s\n", ++exits, rip, stop.text);
  }
  if (status)
    fprintf(stderr, "%s\n", ringside_error(machine));
  else
    printf("%u exits; %s\n", exits, *stop.ending ? stop.ending : stop.text);
  ringside_destroy(machine);
  return status ? 1 : 0;
}
