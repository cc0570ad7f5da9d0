// Owns which flags make a machine, and how a recording gives them back.
#include "frontend/program/recorded_flags.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "frontend/machine/load_image.h"
#include "frontend/program/bundle.h"
#include "frontend/program/listings.h"

namespace ringside {
namespace {

bool is_one_of(std::string_view name, std::span<const std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string date_of(s64 seconds) {
  using namespace std::chrono;
  const sys_seconds time{std::chrono::seconds(seconds)};
  const sys_days day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(time - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

}  // namespace

bool makes_machine(std::string_view group, std::string_view name) {
  constexpr std::array<std::string_view, 3> groups = {"What to boot", "Drives", "The machine"};
  // The dispatcher is no matter of the guest's.
  constexpr std::array<std::string_view, 1> others = {"accel"};
  return is_one_of(group, groups) && !is_one_of(name, others);
}

void spell_out(RunOptions& run) {
  std::vector<std::string>& words = run.machine_words;
  // A serial port is one of those that a recording counts, wherever it leads.
  std::erase_if(words, [](const std::string& word) {
    constexpr std::array<std::string_view, 6> said_below = {
        "--L=", "--bios=", "--vga=", "--rtc=", "--device=VGA", "--device=isa-serial"};
    return std::any_of(said_below.begin(), said_below.end(),
                       [&](std::string_view start) { return word.starts_with(start); });
  });
  if (!run.machine.boot.bios.empty()) words.push_back("--bios=" + run.machine.boot.bios);
  words.push_back(run.machine.vga ? "--vga=std" : "--vga=none");
  words.push_back("--rtc=base=" + date_of(run.machine.start_time));
}

bool fits_recording(const RunOptions& run, std::string& error) {
  if (run.load.empty() || (run.record.empty() && run.replay.empty())) return true;
  error =
      fmt::format("--load {}: a recording begins at the machine's start; leave out one of them", run.load);
  return false;
}

bool open_replay(RunOptions& run, std::string& error) {
  if (!run.machine_words.empty()) {
    error =
        fmt::format("{}: with --replay the machine is that of the recording; leave it out, or one of them",
                    run.machine_words.front().substr(0, run.machine_words.front().find('=')));
    return false;
  }
  const char* const input = !run.typed.empty() ? "--type" : !run.typed_at.empty() ? "--type-at" : nullptr;
  if (input != nullptr) {
    error = fmt::format("{}: with --replay all input is that of the recording; leave it out", input);
    return false;
  }
  std::string file = run.replay;
  if (OpenBundle::is_one(run.replay)) {
    run.bundle = OpenBundle::open(run.replay, error);
    if (!run.bundle) {
      error = "--replay " + error;
      return false;
    }
    file = run.bundle->recording();
  }
  Image image;
  if (!read_image(file, "recording", longest_recording, image, error)) return false;
  std::string why;
  auto recording = parse_recording(image.bytes, why);
  if (recording) run.recording = std::make_shared<const Recording>(std::move(*recording));
  error = fmt::format("--replay {}: {}", run.replay, why);
  return run.recording != nullptr;
}

bool prepare_replay(RunOptions& run, std::string& error) {
  const RecordingHead& head = run.recording->head;
  const std::size_t ports = head.places.empty() ? 0 : head.places.size() - 1;
  if (ports == 0 || run.serials.size() > ports) {
    error = fmt::format("-serial: the recorded machine has {} serial ports; give -serial as often at most",
                        ports);
    return false;
  }
  // A port leads where it did, or where this command line says.
  for (std::size_t n = run.serials.size(); n < ports; ++n) {
    const auto place = parse_chardev_place("-serial", head.places[n], error);
    if (!place) return false;
    const bool taken = std::any_of(run.serials.begin(), run.serials.end(), [](const Chardev& other) {
      return other.kind == Chardev::Kind::standard;
    });
    run.serials.push_back(taken ? Chardev{} : *place);
  }
  if (run.debugcon.kind == Chardev::Kind::none) {
    const auto place = parse_chardev_place("-debugcon", head.places.back(), error);
    if (!place) return false;
    run.debugcon = *place;
  }
  run.machine_words = head.flags;
  // Nothing that the guest writes comes to an image: it is wanted for the next time.
  for (DriveRequest& drive : run.machine.drives) drive.snapshot = true;
  if (head.version != version_number())
    run.warnings.push_back(fmt::format(
        "--replay {}: recorded by Ringside {}, and this is {}; where their machines differ is told",
        run.replay, head.version, version_number()));
  if (run.bundle) {
    const std::vector<SymbolFile>& symbols = run.bundle->symbols();
    run.symbols.insert(run.symbols.end(), symbols.begin(), symbols.end());
  }
  return true;
}

}  // namespace ringside
