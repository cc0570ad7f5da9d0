// Owns the fuzzing of saved states: bytes that are changed anywhere, with a hash that fits. Nothing may
// crash, what is refused is refused in one line and has changed nothing, and what is taken runs.
#include <xxhash.h>

#include "tests/fuzz/machines.h"

using namespace ringside;
using namespace ringside::fuzz;

namespace {

MachineConfig config() {
  MachineConfig config;
  std::string error;
  config.model = *parse_cpu_model(default_cpu_model, error);
  config.ram_bytes = 4 << 20;
  config.cpus = 2;
  config.boot.bios = RINGSIDE_BINARY_DIR "/roms/visor.bin";
  return config;
}

[[noreturn]] void wrong(const char* what) {
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

struct Saved {
  Fresh visor{config()};  // whose guest has just been entered
  std::vector<u8> state;

  Saved() {
    Machine& machine = visor.again();
    for (unsigned n = 0; n < 1'000'000 && !machine.cpu(0).non_root; ++n) machine.run(1);
    visor.keep();
    state = machine.save();
  }
};

// The header: 16 bytes of magic, the hash of all behind it.
constexpr std::size_t hash_at = 16, hashed_from = 24;

void spoil(std::vector<u8>& state, Input& in) {
  // Fields come first; pages of memory are less interesting, for they may hold anything.
  const std::size_t room = state.size();
  for (unsigned n = 1 + in.take<u8>() % 6; n > 0 && state.size() > hashed_from + 8; --n) {
    const u8 kind = in.take<u8>();
    const std::size_t most = kind & 0x80 ? room : std::min<std::size_t>(room, 0x8000);
    const std::size_t at = hashed_from + in.take<u32>() % (most - hashed_from - 8);
    if (at + 8 > state.size()) continue;
    switch (kind & 7) {
      case 0: state.resize(at); break;
      case 1: state.insert(state.begin() + static_cast<std::ptrdiff_t>(at), in.take<u8>()); break;
      case 2: state.erase(state.begin() + static_cast<std::ptrdiff_t>(at)); break;
      case 3: {
        const u64 value = in.take<u64>();
        std::memcpy(&state[at], &value, sizeof value);
        break;
      }
      case 4: state[at] = static_cast<u8>(state[at] ^ 1u << (kind >> 3 & 7)); break;
      default: state[at] = in.take<u8>(); break;
    }
  }
  const u64 hash = XXH3_64bits(state.data() + hashed_from, state.size() - hashed_from);
  std::memcpy(&state[hash_at], &hash, sizeof hash);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
  static Saved saved;
  Input in{data, size};
  std::vector<u8> state = saved.state;
  spoil(state, in);
  Machine& machine = saved.visor.again();
  machine.run(100);
  const std::vector<u8> before = machine.save_without_ram();
  std::string error;
  if (!machine.restore(state, error)) {
    if (error.empty() || error.find('\n') != error.npos) wrong("a refusal is not one line");
    if (machine.save_without_ram() != before) wrong("a state that was refused has changed the machine");
    return 0;
  }
  run_to(machine, machine.retired() + 1'000, small_slices());
  machine.state_hash();
  return 0;
}
