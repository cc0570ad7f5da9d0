// Owns the C face: each function by one of Instance's. No exception leaves it.
#include "frontend/library/ringside.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <exception>
#include <utility>

#include "frontend/library/instance.h"

struct ringside_machine {
  std::unique_ptr<ringside::Instance> instance;
  std::string error, text;  // what was handed out last
  std::vector<std::uint8_t> bytes;
  ringside::Instance::Halt halt;
  bool runs = false;
};

namespace {

using ringside::Instance;

static_assert(ringside_why_ended == static_cast<int>(Instance::Why::ended));
static_assert(ringside_why_beginning == static_cast<int>(Instance::Why::beginning));
static_assert(ringside_host_physical == static_cast<int>(Instance::Space::host_physical));

const char* nowhere = "";

std::string text_of(const char* text) { return text ? text : ""; }

// As much of the structure as the caller knows.
template <class Structure>
void copy_to(Structure* to, const Structure& from) {
  if (!to) return;
  std::memcpy(reinterpret_cast<char*>(to) + sizeof to->size,
              reinterpret_cast<const char*>(&from) + sizeof to->size,
              std::min(to->size, sizeof from) - sizeof to->size);
}

// `act` says whether it went well, and if not why in machine->error.
template <class Act>
int guarded(ringside_machine* machine, Act act) {
  try {
    machine->error.clear();
    return act() ? ringside_ok : ringside_failed;
  } catch (const std::exception& failure) {
    machine->error = failure.what();
  } catch (...) {
    machine->error = "it failed; please report this";
  }
  return ringside_failed;
}

int refuse(ringside_machine* machine, int code, const char* why) {
  machine->error = why;
  return code;
}
int no_place(ringside_machine* machine) {
  return refuse(machine, ringside_invalid,
                "NULL is given where the result is to go, or where bytes are to come from");
}

bool has_size(const auto* structure) { return !structure || structure->size >= sizeof structure->size; }

// As guarded(), for what a callback cannot do. The machine runs as long as `act` does.
template <class Act>
int guarded_run(ringside_machine* machine, const ringside_stop* stop, Act act) {
  if (machine->runs)
    return refuse(machine, ringside_busy, "the machine runs already; a callback cannot run it");
  if (!has_size(stop))
    return refuse(machine, ringside_invalid, "the structure's size is 0; set it to sizeof(ringside_stop)");
  machine->runs = true;
  const int code = guarded(machine, act);
  machine->runs = false;
  return code;
}

ringside_stop stop_of(const Instance::Halt& halt) {
  return {sizeof(ringside_stop),
          static_cast<std::uint32_t>(halt.why),
          halt.cpu,
          halt.breakpoint,
          halt.status,
          halt.text.c_str(),
          halt.where.c_str(),
          halt.ending.empty() ? nowhere : halt.ending.c_str()};
}

bool hand_out(ringside_machine* machine, const Instance::Halt& halt, ringside_stop* stop) {
  machine->halt = halt;
  copy_to(stop, stop_of(machine->halt));
  return true;
}

bool hand_out(ringside_machine* machine, std::optional<std::string> text, const char** to) {
  if (!text) return false;
  machine->text = std::move(*text);
  if (to) *to = machine->text.c_str();
  return true;
}

Instance::Until until_of(ringside_machine* machine, const ringside_until& from) {
  Instance::Until until;
  if (from.instructions != 0) until.instructions = from.instructions;
  until.address = text_of(from.address);
  until.event = text_of(from.event);
  until.serial = text_of(from.serial);
  until.screen = text_of(from.screen);
  until.port = from.port;
  if (from.predicate)
    until.predicate = [machine, ask = from.predicate, user = from.user] { return ask(machine, user) != 0; };
  if (from.every != 0) until.every = from.every;
  until.seconds = from.seconds;
  return until;
}

constexpr const char* no_size_of_until = "the structure's size is 0; set it to sizeof(ringside_until)";

// What the caller's header knows of the structure; NULL: nothing is asked for.
ringside_until known_part(const ringside_until* until) {
  ringside_until given = {};
  given.size = sizeof given;
  if (until) std::memcpy(&given, until, std::min(until->size, sizeof given));
  return given;
}

bool known_space(ringside_machine* machine, std::uint32_t space) {
  if (space <= ringside_host_physical) return true;
  machine->error = "there are four address spaces, ringside_linear to ringside_host_physical";
  return false;
}
Instance::Space space_of(std::uint32_t space) { return static_cast<Instance::Space>(space); }

}  // namespace

uint32_t ringside_library_version(void) { return ringside_api_version; }

ringside_machine* ringside_create(size_t count, const char* const* flags, char* error, size_t error_bytes) {
  std::string why;
  try {
    auto machine = std::make_unique<ringside_machine>();
    if (count == 0 || flags) machine->instance = Instance::create({flags, flags + count}, why);
    if (machine->instance) return machine.release();
    if (why.empty()) why = "NULL is given where flags are to come from";
  } catch (const std::exception& failure) {
    why = failure.what();
  }
  if (!error || error_bytes == 0) return nullptr;
  error[why.copy(error, error_bytes - 1)] = 0;
  return nullptr;
}

void ringside_destroy(ringside_machine* machine) { delete machine; }
const char* ringside_error(const ringside_machine* machine) { return machine->error.c_str(); }

int ringside_run(ringside_machine* machine, const ringside_until* until, ringside_stop* stop) {
  if (!has_size(until)) return refuse(machine, ringside_invalid, no_size_of_until);
  return guarded_run(machine, stop, [=] {
    const auto halt = machine->instance->run(until_of(machine, known_part(until)), machine->error);
    return halt && hand_out(machine, *halt, stop);
  });
}

int ringside_step(ringside_machine* machine, uint64_t instructions, ringside_stop* stop) {
  return guarded_run(machine, stop,
                     [=] { return hand_out(machine, machine->instance->step(instructions), stop); });
}

int ringside_keep_past(ringside_machine* machine, uint64_t bytes) {
  return guarded_run(machine, nullptr, [=] { return machine->instance->keep_past(bytes, machine->error); });
}

int ringside_past(ringside_machine* machine, uint64_t* first, uint64_t* last) {
  return guarded(machine, [=] {
    const auto past = machine->instance->past();
    if (!past) machine->error = "nobody keeps this machine's past; call ringside_keep_past() first";
    if (!past) return false;
    if (first) *first = past->first;
    if (last) *last = past->last;
    return true;
  });
}

int ringside_go_to(ringside_machine* machine, uint64_t instructions, ringside_stop* stop) {
  return guarded_run(machine, stop, [=] {
    const auto halt = machine->instance->go_to(instructions, machine->error);
    return halt && hand_out(machine, *halt, stop);
  });
}

int ringside_step_back(ringside_machine* machine, uint64_t instructions, ringside_stop* stop) {
  return guarded_run(machine, stop, [=] {
    const auto halt = machine->instance->step_back(instructions, machine->error);
    return halt && hand_out(machine, *halt, stop);
  });
}

int ringside_run_back(ringside_machine* machine, const ringside_until* until, ringside_stop* stop) {
  if (!has_size(until)) return refuse(machine, ringside_invalid, no_size_of_until);
  return guarded_run(machine, stop, [=] {
    const auto halt = machine->instance->run_back(until_of(machine, known_part(until)), machine->error);
    return halt && hand_out(machine, *halt, stop);
  });
}

void ringside_interrupt(ringside_machine* machine) { machine->instance->interrupt(); }

int ringside_restart(ringside_machine* machine) {
  return guarded_run(machine, nullptr, [=] { return machine->instance->restart(machine->error); });
}

int ringside_add_breakpoint(ringside_machine* machine, const char* line,
                            int (*goes_on)(ringside_machine*, const ringside_stop*, void*), void* user,
                            uint32_t* number) {
  return guarded(machine, [=] {
    const unsigned made = machine->instance->add_breakpoint(text_of(line), machine->error);
    if (made == 0) return false;
    if (number) *number = made;
    if (!goes_on) return true;
    return machine->instance->on_breakpoint(made, [=](const Instance::Halt& halt) {
      const ringside_stop stop = stop_of(halt);
      return goes_on(machine, &stop, user) != 0;
    });
  });
}

int ringside_remove_breakpoint(ringside_machine* machine, uint32_t number) {
  return guarded(machine, [=] {
    if (machine->instance->remove_breakpoint(number)) return true;
    machine->error = std::to_string(number) + ": there is no breakpoint of this number";
    return false;
  });
}

uint32_t ringside_cpus(const ringside_machine* machine) { return machine->instance->cpus(); }
uint64_t ringside_instructions(const ringside_machine* machine) { return machine->instance->instructions(); }
double ringside_seconds(const ringside_machine* machine) { return machine->instance->seconds(); }

int ringside_select_cpu(ringside_machine* machine, uint32_t cpu) {
  return guarded(machine, [=] {
    if (machine->instance->select_cpu(cpu)) return true;
    machine->error = "CPU " + std::to_string(cpu) + ": there is none of this number";
    return false;
  });
}

int ringside_read_register(ringside_machine* machine, const char* name, uint64_t* value) {
  if (!value) return no_place(machine);
  return guarded(machine, [=] {
    const auto read = machine->instance->read_register(text_of(name), machine->error);
    if (read) *value = *read;
    return read.has_value();
  });
}

int ringside_write_register(ringside_machine* machine, const char* name, uint64_t value) {
  return guarded(machine,
                 [=] { return machine->instance->write_register(text_of(name), value, machine->error); });
}

int ringside_evaluate(ringside_machine* machine, const char* expression, uint64_t* value) {
  if (!value) return no_place(machine);
  return guarded(machine, [=] {
    const auto found = machine->instance->evaluate(text_of(expression), machine->error);
    if (found) *value = *found;
    return found.has_value();
  });
}

int ringside_read(ringside_machine* machine, uint32_t space, uint64_t address, void* bytes, size_t size) {
  if (!bytes && size != 0) return no_place(machine);
  return guarded(machine, [=] {
    if (!known_space(machine, space)) return false;
    const auto read = machine->instance->read(space_of(space), address, size, machine->error);
    if (read && size != 0) std::memcpy(bytes, read->data(), size);
    return read.has_value();
  });
}

int ringside_write(ringside_machine* machine, uint32_t space, uint64_t address, const void* bytes,
                   size_t size) {
  if (!bytes && size != 0) return no_place(machine);
  return guarded(machine, [=] {
    return known_space(machine, space) &&
           machine->instance->write(space_of(space), address, {static_cast<const std::uint8_t*>(bytes), size},
                                    machine->error);
  });
}

int ringside_translate(ringside_machine* machine, uint32_t space, uint64_t address, uint64_t* host_physical) {
  return guarded(machine, [=] {
    if (!known_space(machine, space)) return false;
    const auto found = machine->instance->translate(space_of(space), address, machine->error);
    if (found) *host_physical = *found;
    return found.has_value();
  });
}

// The line may be one that runs the machine; if it does already, the line is of a callback, and may look.
int ringside_command(ringside_machine* machine, const char* line, const char** text) {
  const bool outer = std::exchange(machine->runs, true);
  const int code = guarded(machine, [=] {
    return hand_out(machine, machine->instance->command(text_of(line), machine->error), text);
  });
  machine->runs = outer;
  return code;
}

int ringside_look(ringside_machine* machine, const char* line, const char** json) {
  return guarded(machine, [=] {
    return hand_out(machine, machine->instance->look(text_of(line), machine->error), json);
  });
}

int ringside_serial(ringside_machine* machine, uint32_t port, const char** bytes, size_t* size) {
  if (!bytes || !size) return no_place(machine);
  return guarded(machine, [=] {
    machine->text = machine->instance->serial(port);
    *bytes = machine->text.c_str();
    *size = machine->text.size();
    return true;
  });
}

int ringside_send(ringside_machine* machine, uint32_t port, const void* bytes, size_t size) {
  if (!bytes && size != 0) return no_place(machine);
  return guarded(machine, [=] {
    return machine->instance->send({static_cast<const char*>(bytes), size}, port, machine->error);
  });
}

int ringside_type(ringside_machine* machine, const char* text) {
  return guarded(machine, [=] { return machine->instance->type(text_of(text), machine->error); });
}

int ringside_screen_text(ringside_machine* machine, const char** text) {
  return guarded(machine, [=] {
    std::string all;
    for (const std::string& line : machine->instance->screen_text()) all += line + "\n";
    return hand_out(machine, std::move(all), text);
  });
}

int ringside_screen_png(ringside_machine* machine, const void** bytes, size_t* size) {
  if (!bytes || !size) return no_place(machine);
  return guarded(machine, [=] {
    machine->bytes = machine->instance->screen_png();
    *bytes = machine->bytes.data();
    *size = machine->bytes.size();
    return true;
  });
}

int ringside_save(ringside_machine* machine, const void** bytes, size_t* size) {
  if (!bytes || !size) return no_place(machine);
  return guarded(machine, [=] {
    machine->bytes = machine->instance->save();
    *bytes = machine->bytes.data();
    *size = machine->bytes.size();
    return true;
  });
}

int ringside_restore(ringside_machine* machine, const void* bytes, size_t size) {
  if (!bytes && size != 0) return no_place(machine);
  return guarded_run(machine, nullptr, [=] {
    return machine->instance->restore({static_cast<const std::uint8_t*>(bytes), size}, machine->error);
  });
}

int ringside_save_file(ringside_machine* machine, const char* path) {
  if (!path) return no_place(machine);
  return guarded(machine, [=] { return machine->instance->save_file(path, machine->error); });
}

int ringside_load_file(ringside_machine* machine, const char* path) {
  if (!path) return no_place(machine);
  return guarded_run(machine, nullptr, [=] { return machine->instance->load_file(path, machine->error); });
}

int ringside_state_hash(ringside_machine* machine, const char** text) {
  return guarded(machine, [=] { return hand_out(machine, machine->instance->state_hash(), text); });
}
