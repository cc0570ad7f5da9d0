// Owns the conversation with Bochs' debugger: its commands, its prompt, and what it prints.
#include "frontend/differ/bochs_peer.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace ringside {
namespace {

// Takes a number off the front, in hexadecimal: "0x12ab", "12ab", "00000000_0000fff0".
std::optional<u64> take_number(std::string_view& text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  if (text.starts_with("0x")) text.remove_prefix(2);
  std::string digits;
  std::size_t n = 0;
  for (; n < text.size() && (std::isxdigit(static_cast<unsigned char>(text[n])) || text[n] == '_'); ++n)
    if (text[n] != '_') digits += text[n];
  text.remove_prefix(n);
  u64 value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}
std::optional<u64> number_after(std::string_view line, std::string_view mark) {
  const std::size_t at = line.find(mark);
  if (at == line.npos) return std::nullopt;
  line.remove_prefix(at + mark.size());
  return take_number(line);
}

// What stands behind these words at a line's start is this register.
struct Mark {
  std::string_view start, name;
};
constexpr std::array<Mark, 10> marks = {{{"eflags ", "eflags"},
                                         {"CR0=", "cr0"},
                                         {"CR2=page fault laddr=", "cr2"},
                                         {"CR3=", "cr3"},
                                         {"CR4=", "cr4"},
                                         {"EFER=", "efer"},
                                         {"XCR0=", "xcr0"},
                                         {"status  word: ", "fsw"},
                                         {"control word: ", "fcw"},
                                         {"MXCSR: ", "mxcsr"}}};
constexpr std::array<std::string_view, 8> segments = {"es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr"};

class Reading {
 public:
  void line(std::string_view line) {
    for (const Mark& mark : marks) {
      if (line.starts_with(mark.start)) add(mark.name, number_after(line, mark.start));
    }
    if (const auto base = number_after(line, "base="); base && !segment_.empty() && line.starts_with('\t')) {
      add(segment_ + ".base", base);
      add(segment_ + ".limit", number_after(line, "limit="));
    }
    segment_.clear();
    for (const std::string_view name : segments) {
      if (!line.starts_with(name) || !line.substr(name.size()).starts_with(":0x")) continue;
      segment_ = name;
      add(name, number_after(line, ":"));
    }
    for (const std::string_view name : {"gdtr", "idtr"}) {
      if (!line.starts_with(name)) continue;
      add(fmt::format("{}.base", name), number_after(line, "base="));
      add(fmt::format("{}.limit", name), number_after(line, "limit="));
    }
    general(line);
    floating(line);
    vector(line);
  }
  std::vector<PeerRegister> found;

 private:
  void add(std::string_view name, std::optional<u64> value) {
    if (value) found.push_back({std::string(name), *value});
  }
  // "rax: 00000000_00000000", "r8 : ..."
  void general(std::string_view line) {
    const std::size_t colon = line.find(':');
    if (!line.starts_with('r') || colon == line.npos || colon > 3) return;
    std::string_view name = line.substr(0, colon);
    while (name.ends_with(' ')) name.remove_suffix(1);
    add(name, number_after(line, ":"));
  }
  // "=>FP0 ST0(0):        raw 0x0000:0000000000000000 (0.0) (ZERO)"
  void floating(std::string_view line) {
    const std::size_t at = line.find("raw ");
    const std::size_t name = line.find(" ST");
    if (at == line.npos || name == line.npos || name + 3 >= line.size()) return;
    const std::string reg = fmt::format("st{}", line[name + 3]);
    add(reg + ".e", number_after(line, "raw "));
    add(reg, number_after(line.substr(at + 6), ":"));
  }
  // "XMM[00]: 00000000_00000000_00000000_00000000"
  void vector(std::string_view line) {
    if (!line.starts_with("XMM[") || line.size() < 44) return;
    const std::size_t number =
        static_cast<std::size_t>(line[4] - '0') * 10 + static_cast<std::size_t>(line[5] - '0');
    std::string_view high = line.substr(9, 17), low = line.substr(27, 17);
    add(fmt::format("xmm{}.h", number), take_number(high));
    add(fmt::format("xmm{}", number), take_number(low));
  }

  std::string segment_;  // whose base the next line has
};

class BochsPeer final : public Peer {
 public:
  explicit BochsPeer(OpenWire open) : open_(std::move(open)) {}

  bool start() override {
    wire_.reset();
    arrived_.clear();
    breakpoints_ = 0;
    wire_ = open_(error_);
    return wire_ && hear(1);
  }
  Went step() override { return went(ask("s\n", 1)); }

  Went run_to(u64 linear, u64 hits, bool asleep) override {
    for (u64 hit = 0; hit < hits; ++hit) {
      const Went off = asleep && hit == 0 ? Went::there : step();
      if (off != Went::there) return off;
      if (hit == 0) {
        if (!ask(fmt::format("lb {:#x}\n", linear), 1)) return Went::lost;
        ++breakpoints_;
      }
      if (const Went there = went(ask("c\n", 1)); there != Went::there) return there;
    }
    return ask(fmt::format("d {}\n", breakpoints_), 1) ? Went::there : Went::lost;
  }

  bool registers(std::vector<PeerRegister>& out) override {
    const auto printed = ask("r\nsreg\ncreg\nfp\nsse\n", 5);
    if (!printed) return false;
    out = bochs_registers(*printed);
    constexpr std::size_t fewest = 24;  // the general ones, and more
    if (out.size() >= fewest) return true;
    wire_.reset();
    error_ = "Bochs shows no registers: this is no debugger that a comparison can use";
    return false;
  }

  bool memory(u64 physical, std::span<u8> out) override {
    const auto printed = ask(fmt::format("xp /{}bx {:#x}\n", out.size(), physical), 1);
    if (!printed) return false;
    // "0x0000000000001000 <bogus+       0>:" and a tab before each byte.
    std::string_view rest = *printed;
    std::size_t count = 0;
    for (std::size_t at; count < out.size() && (at = rest.find("\t0x")) != rest.npos;) {
      rest.remove_prefix(at + 1);
      out[count++] = static_cast<u8>(take_number(rest).value_or(0));
    }
    if (count == out.size()) return true;
    wire_.reset();
    error_ = fmt::format("Bochs shows no memory at {:#x}", physical);
    return false;
  }

 private:
  static constexpr std::string_view prompt = "<bochs:";

  Went went(const std::optional<std::string>& answer) const {
    return answer ? Went::there : hung_up_ ? Went::ended : Went::lost;
  }
  std::optional<std::string> ask(const std::string& commands, unsigned prompts) {
    if (!wire_) return std::nullopt;
    if (wire_->send(commands)) return hear(prompts);
    hang_up();
    return std::nullopt;
  }
  void hang_up() {
    const std::string complaint = wire_->complaint();
    error_ = fmt::format("Bochs is gone{}{}", complaint.empty() ? "" : ": ", complaint);
    hung_up_ = true;
    wire_.reset();
  }
  // What it prints up to so many prompts.
  std::optional<std::string> hear(unsigned prompts) {
    constexpr std::size_t most = 1 << 20;
    hung_up_ = false;
    std::string heard;
    std::size_t seen = 0;
    while (wire_) {
      for (std::size_t at; prompts != 0 && (at = heard.find(prompt, seen)) != heard.npos;) {
        const std::size_t end = heard.find("> ", at);
        if (end == heard.npos) break;
        seen = end + 2;
        --prompts;
      }
      if (prompts == 0) return heard;
      auto more = wire_->receive(patience_, goes_on_);
      if (!more) {
        hang_up();
      } else if (more->empty() || heard.size() > most) {
        error_ = fmt::format("Bochs has not answered for {} seconds", patience_);
        wire_.reset();
      } else {
        heard += *more;
      }
    }
    return std::nullopt;
  }

  OpenWire open_;
  std::unique_ptr<Wire> wire_;
  std::string arrived_;
  unsigned breakpoints_ = 0;  // that were ever set: the number of the latest
  bool hung_up_ = false;
};

// Debian's package bochs is content with either of vgabios and seabios, and refers to the first.
constexpr std::array<const char*, 2> video_roms = {"/usr/share/bochs/VGABIOS-lgpl-latest",
                                                   "/usr/share/seabios/vgabios-isavga.bin"};

// The configuration as a file in memory, which Bochs reads by its name in /proc.
std::string configuration(const MachineConfig& machine, std::string_view cpu, std::string_view video) {
  const u64 mebibytes = machine.ram_bytes >> 20;
  return fmt::format(
      "config_interface: textconfig\n"
      "display_library: rfb, options=\"timeout=0\"\n"
      "romimage: file={}\n"
      "vgaromimage: file={}\n"
      "cpu: model={}, count=1, ips=100000000, reset_on_triple_fault=0, ignore_bad_msrs=0\n"
      "memory: guest={}, host={}\n"
      "clock: sync=none, time0=1700000000\n"
      // A port that is not there is always ready: one that is would be waited for at its line's speed.
      "com1: enabled=0\n"
      "sound: waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy\n"
      "speaker: enabled=0\n"
      "log: /dev/null\n"
      "panic: action=fatal\nerror: action=ignore\ninfo: action=ignore\ndebug: action=ignore\n",
      machine.boot.bios, video, cpu.empty() ? "corei7_icelake_u" : cpu, mebibytes, mebibytes);
}

}  // namespace

std::vector<PeerRegister> bochs_registers(std::string_view printed) {
  Reading reading;
  while (!printed.empty()) {
    const std::size_t end = std::min(printed.find('\n'), printed.size());
    std::string_view line = printed.substr(0, end);
    // A prompt stands before the first line of an answer.
    if (line.starts_with("<bochs:")) line.remove_prefix(std::min(line.find("> ") + 2, line.size()));
    reading.line(line);
    printed.remove_prefix(std::min(end + 1, printed.size()));
  }
  return std::move(reading.found);
}

std::unique_ptr<Peer> bochs_peer(OpenWire open) { return std::make_unique<BochsPeer>(std::move(open)); }

std::unique_ptr<Peer> bochs_peer(const MachineConfig& machine, std::string_view cpu, std::string& error) {
  const auto video = std::find_if(video_roms.begin(), video_roms.end(),
                                  [](const char* path) { return access(path, R_OK) == 0; });
  if (video == video_roms.end()) {
    error = fmt::format("--with bochs: Bochs does not run without {}; apt install vgabios", video_roms[0]);
    return nullptr;
  }
  const std::string text = configuration(machine, cpu, *video);
  // It stays open for as long as the program runs: each start of the peer reads it.
  const int file = memfd_create("bochsrc", MFD_CLOEXEC);
  if (file < 0 || write(file, text.data(), text.size()) < 0) {
    error = "--with bochs: its configuration cannot be written into a file in memory";
    return nullptr;
  }
  return bochs_peer(process_wire({"bochs", "-q", "-f", fmt::format("/proc/{}/fd/{}", getpid(), file)}));
}

}  // namespace ringside
