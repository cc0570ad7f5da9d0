// Owns the small machine with the engine, for the events' tests that run code.
#pragma once

#include "cpu/exec/engine/block_cache.h"
#include "cpu/exec/engine/run.h"
#include "tests/exec/small_machine.h"

namespace ringside {

struct RunningMachine : SmallMachine {
  Engine engine;
  BlockCache cache{memory, model};
  RunningMachine() {
    cpu.engine = &engine;
    cache.attach(cpu);
    // The fast dispatcher where there is one: single steps go through the handlers in any case.
    cache.set_dispatcher(Dispatcher::emitted);
  }
};

// In 64-bit mode.
struct LongRun : RunningMachine {
  LongRun() { long_mode(); }
  void to_user() { start_at(sel::user64, sel::data3, at::user_code, at::stack3); }
  // The code at CPL 0, from its start.
  void start(std::initializer_list<u8> bytes) {
    code(at::code, bytes);
    cpu.rip = cpu.next_rip = at::code;
  }
};

}  // namespace ringside
