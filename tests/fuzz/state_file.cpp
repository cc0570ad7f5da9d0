// Owns the fuzzing of machines' files: bytes that are changed anywhere, and files whose checksums fit what is
// wrong in them. Nothing may crash, what is refused is refused in one line and has changed nothing, and what
// is taken runs.
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <vector>

#include "frontend/machine/state_file.h"
#include "frontend/machine/state_frames.h"
#include "tests/fuzz/machines.h"

using namespace ringside;
using namespace ringside::fuzz;

namespace {

[[noreturn]] void wrong(const char* what) {
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

MachineConfig config() {
  MachineConfig config;
  std::string error;
  config.model = *parse_cpu_model(default_cpu_model, error);
  config.ram_bytes = 2 << 20;
  config.boot.bios = RINGSIDE_BINARY_DIR "/roms/visor.bin";
  DriveRequest disk;
  disk.source = DriveRequest::Source::blank;
  config.drives.push_back(disk);
  return config;
}

struct Part {
  StateFrame frame;
  std::vector<u8> bytes;
};

struct Saved {
  Fresh visor{config()};  // whose guest has just been entered
  // In memory, where the host has such a folder: a file is put on the disk each time.
  std::string folder = std::filesystem::exists("/dev/shm") ? "/dev/shm" : "/tmp";
  std::string path = folder + "/ringside-fuzz-state-" + std::to_string(::getpid());
  std::string whole, description;
  std::vector<Part> parts;

  Saved() {
    Machine& machine = visor.again();
    for (unsigned n = 0; n < 1'000'000 && !machine.cpu(0).non_root; ++n) machine.run(1);
    const std::vector<u8> sector(sector_bytes, 'd');
    machine.drives().ide(0)->write(7, sector);
    visor.keep();
    std::string error;
    if (!save_state_file(machine, path, error)) wrong(error.c_str());
    std::ifstream stream(path, std::ios::binary);
    whole.assign(std::istreambuf_iterator<char>(stream), {});
    const auto file = StateFrameReader::open(path, error);
    if (!file) wrong(error.c_str());
    description = file->description();
    for (const StateFrame& frame : file->frames()) {
      if (!parts.empty() && parts.back().frame.kind == frame.kind &&
          parts.back().frame.index == frame.index && frame.kind == StateFrame::Kind::fields)
        continue;
      file->each(
          frame.kind, frame.index,
          [&](const StateFrame& of, std::span<const u8> bytes) {
            if (of.offset == frame.offset) parts.push_back({of, {bytes.begin(), bytes.end()}});
            return true;
          },
          error);
    }
  }
  ~Saved() { std::filesystem::remove(path); }
  Saved(const Saved&) = delete;
  Saved& operator=(const Saved&) = delete;
};

// One change of some bytes.
template <class Bytes>
void spoil(Bytes& bytes, Input& in) {
  if (bytes.size() < 16) return;
  const u8 kind = in.take<u8>();
  const std::size_t most = kind & 0x80 ? bytes.size() : std::min<std::size_t>(bytes.size(), 0x1000);
  const std::size_t at = in.take<u32>() % (most - 8);
  const auto place = bytes.begin() + static_cast<std::ptrdiff_t>(at);
  switch (kind & 7) {
    case 0: bytes.resize(at); break;
    case 1: bytes.insert(place, static_cast<typename Bytes::value_type>(in.take<u8>())); break;
    case 2: bytes.erase(place); break;
    case 3: {
      const u64 value = in.take<u64>();
      std::memcpy(&bytes[at], &value, sizeof value);
      break;
    }
    case 4: bytes[at] = static_cast<typename Bytes::value_type>(bytes[at] ^ 1 << (kind >> 3 & 7)); break;
    default: bytes[at] = static_cast<typename Bytes::value_type>(in.take<u8>()); break;
  }
}

// With sums that fit.
void write_spoiled(const Saved& saved, Input& in) {
  std::string description = saved.description, error;
  std::vector<Part> parts = saved.parts;
  for (unsigned n = 1 + in.take<u8>() % 4; n > 0; --n) {
    Part& part = parts[in.pick(parts.size())];
    const u8 what = in.take<u8>();
    if (what < 0x20)
      spoil(description, in);
    else if (what < 0x30)
      part.frame.first ^= in.take<u64>() & 0xfff000;
    else if (what < 0x38)
      part.frame.kind = static_cast<StateFrame::Kind>(in.take<u8>() % 5);
    else if (what < 0x40)
      part.frame.index = in.take<u8>() % 7;
    else if (what < 0x48)
      std::swap(part, parts.back());
    else
      spoil(part.bytes, in);
  }
  const auto file = StateFrameWriter::create(saved.path, error);
  if (!file) wrong(error.c_str());
  for (const Part& part : parts) file->add(part.frame.kind, part.frame.index, part.frame.first, part.bytes);
  if (!file->finish("0", description, error)) wrong(error.c_str());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
  static Saved saved;
  Input in{data, size};
  if (in.take<u8>() & 1) {
    std::string bytes = saved.whole;
    spoil(bytes, in);
    std::ofstream(saved.path, std::ios::binary | std::ios::trunc) << bytes;
  } else {
    write_spoiled(saved, in);
  }
  Machine& machine = saved.visor.again();
  machine.run(100);
  const std::vector<u8> before = machine.save();
  std::string error;
  if (!load_state_file(machine, saved.path, Before::kept, error)) {
    if (error.empty() || error.find('\n') != error.npos) wrong("a refusal is not one line");
    if (machine.save() != before) wrong("a state that was refused has changed the machine");
    return 0;
  }
  run_to(machine, machine.retired() + 1'000, small_slices());
  machine.state_hash();
  return 0;
}
