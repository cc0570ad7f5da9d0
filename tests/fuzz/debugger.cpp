// Owns the fuzzing of the debugger's command line: any lines, over the visor in its guest. Nothing may crash
// or run for ever, what fails says why in words, and no answer holds a control character.
#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "frontend/commands/commands.h"
#include "tests/fuzz/machines.h"

using namespace ringside;

namespace {

// What a line grows from: every command and alias, the words of their arguments, and what expressions and
// addresses are made of.
std::vector<std::string> make_words() {
  std::vector<std::string> words = {"guest",
                                    "gpa",
                                    "phys",
                                    "hpa",
                                    "if",
                                    "cpu",
                                    "main",
                                    "vm_exit",
                                    "guest_start",
                                    "rip",
                                    "rsp",
                                    "cr0",
                                    "efer",
                                    "cs",
                                    "[",
                                    "]",
                                    "(",
                                    ")",
                                    "+",
                                    "-",
                                    "*",
                                    "/",
                                    "<<",
                                    ">>",
                                    "=",
                                    "==",
                                    "!",
                                    "~",
                                    "&&",
                                    "||",
                                    "&",
                                    ".4",
                                    ".b",
                                    "$",
                                    "#",
                                    ":",
                                    ",",
                                    "/8gx",
                                    "/i",
                                    "/",
                                    "0",
                                    "1",
                                    "2",
                                    "7",
                                    "8",
                                    "64",
                                    "255",
                                    "4096",
                                    "-1",
                                    "0x",
                                    "0x205000",
                                    "0x1000",
                                    "0xfffff000",
                                    "0xffffffffffffffff",
                                    "0x8000000000000000",
                                    "0x7fffffffffff",
                                    "0xa000",
                                    "vmcs.GUEST_RIP",
                                    "vmcs.",
                                    "msr.3a",
                                    "msr.",
                                    "GUEST_",
                                    "count",
                                    "exits",
                                    "nonroot",
                                    "eflags.if",
                                    "xmm0.h",
                                    "st0.e",
                                    "cs.base",
                                    "visor.asm:1",
                                    "1.5",
                                    "ffh"};
  const auto take = [&](std::string_view text) {
    while (!text.empty()) {
      const std::size_t start = std::min(text.find_first_of("abcdefghijklmnopqrstuvwxyz"), text.size());
      text.remove_prefix(start);
      const std::size_t end = std::min(text.find_first_not_of("abcdefghijklmnopqrstuvwxyz-"), text.size());
      if (end > 0) words.emplace_back(text.substr(0, end));
      text.remove_prefix(end);
    }
  };
  for (const Command& command : command_table()) {
    if (!command.act) continue;
    words.emplace_back(command.name);
    words.emplace_back(command.example);
    take(command.arguments);
  }
  for (const Alias& alias : alias_table()) words.emplace_back(alias.name);
  return words;
}

std::string line_from(const std::vector<std::string>& words, const u8*& data, const u8* end) {
  std::string line;
  for (unsigned length = *data++ % 12; length > 0 && data != end; --length) {
    const u8 byte = *data++;
    if (byte < 24 && data != end) {
      line += static_cast<char>(*data++);
      continue;
    }
    const std::size_t index = data != end ? (byte * 256u + *data++) % words.size() : byte % words.size();
    if (!line.empty() && !(byte & 1)) line += ' ';
    line += words[index];
  }
  return line;
}

// A file of the host is nobody's business here, and a machine that ends is started again by the next input.
bool left_out(std::string_view line) {
  constexpr std::string_view blanks = " \t\r\n";
  const std::size_t first = line.find_first_not_of(blanks);
  if (first == line.npos) return false;
  line.remove_prefix(first);
  for (const std::string_view reads_files : {"sy", "file", "add-", "ld", "so"}) {
    if (line.starts_with(reads_files)) return true;
  }
  return false;
}

MachineConfig config() {
  MachineConfig config;
  std::string error;
  config.model = *parse_cpu_model(default_cpu_model, error);
  config.ram_bytes = 8 << 20;
  config.cpus = 2;
  config.boot.bios = RINGSIDE_BINARY_DIR "/roms/visor.bin";
  return config;
}

struct Fuzzed {
  fuzz::Fresh visor{config()};  // whose guest has just been entered
  Symbols symbols;
  std::vector<std::string> words = make_words();

  Fuzzed() {
    std::string error;
    if (!symbols.load(RINGSIDE_BINARY_DIR "/roms/visor.elf", error)) {
      std::fprintf(stderr, "%s\n", error.c_str());
      std::abort();
    }
    Machine& machine = visor.again();
    for (unsigned n = 0; n < 1'000'000 && !machine.cpu(0).non_root; ++n) machine.run(1);
    visor.keep();
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
  static Fuzzed world;
  Debugger debugger(world.visor.again());
  std::size_t said = 0;
  Commands commands(debugger, world.symbols, [&](std::string_view text) {
    said += text.size();
    for (const char c : text) {
      if (static_cast<u8>(c) < 0x20 && c != '\n' && c != '\t') {
        std::fprintf(stderr, "a control character is printed\n");
        std::abort();
      }
    }
  });
  // Whatever runs is stopped after a few slices, as by Ctrl-C.
  debugger.on_slice([&] { debugger.interrupt(); });
  // A restart would leave the state that inputs begin with.
  commands.on_restart([](std::string& why) {
    why = "not here";
    return false;
  });
  commands.on_output([](const std::string&, std::string& why) {
    why = "no file is written here";
    return false;
  });
  const u8* const end = data + size;
  for (unsigned lines = 0; data != end && lines < 16; ++lines) {
    const std::string line = line_from(world.words, data, end);
    if (left_out(line)) continue;
    commands.complete(line);
    said = 0;
    if (commands.execute(line) == Commands::Result::failed && said == 0) {
      std::fprintf(stderr, "a failure says nothing: %s\n", line.c_str());
      std::abort();
    }
  }
  return 0;
}
