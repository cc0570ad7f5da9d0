// Owns the small machine with the engine, for the events' tests that run code.
#pragma once

#include "cpu/exec/block_cache.h"
#include "cpu/exec/run.h"
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

}  // namespace ringside
