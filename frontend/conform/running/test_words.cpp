// Owns the command line that a test's run is.
#include "frontend/conform/running/test_words.h"

#include <fmt/format.h>

#include <xxhash.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "frontend/conform/running/last_runs.h"
#include "frontend/conform/suites/boot_words.h"
#include "frontend/conform/suites/shell_words.h"

namespace ringside::conform {
namespace {

namespace fs = std::filesystem;

constexpr u64 usual_output = 64 << 20;

// The folder for what outlives a run.
fs::path kept_in(const Surroundings& around) {
  std::error_code none;
  return around.cache.empty() ? fs::temp_directory_path(none) : fs::path(around.cache);
}

// The flags that make the machine.
std::vector<std::string> machine_words(const Test& test, const Surroundings& around) {
  std::vector<std::string> words;
  // The command of an image that is not built yet is told as that of firmware.
  std::string none;
  if (test.image_by_look) words = words_to_boot(test.image, none);
  words.insert(words.end(), test.words.begin(), test.words.end());
  if (!test.environment.empty()) words.insert(words.end(), {"-initrd", environment_file(test, around)});
  if (test.fixture) words.insert(words.begin(), {"--load", fixture_file(*test.fixture, around)});
  return words;
}

std::string text_of(const Test& test, const std::vector<std::string>& words) {
  std::string text = quoted(words);
  if (!test.shell_words.empty()) text += " " + test.shell_words;
  return text;
}

}  // namespace

double host_limit(const Test& test, const Surroundings& around) {
  return around.host_seconds.value_or(test.limits.host_seconds);
}

std::string environment_file(const Test& test, const Surroundings& around) {
  return (kept_in(around) / fmt::format("environment-{}", name_of(test.environment))).string();
}

std::string fixture_file(const Test& fixture, const Surroundings& around) {
  std::error_code none;
  std::string what = fs::absolute(fixture.suite, none).string() + "\n" + fixture.name;
  for (const std::string& word : fixture.words) what += "\n" + word;
  for (const std::string& word : around.more_words) what += "\n" + word;
  return (kept_in(around) / "fixtures" / (name_of(what) + ".state")).string();
}

std::string fixture_made(const Test& fixture, const Surroundings& around) {
  return fixture_file(fixture, around) + ".made";
}

std::string fixture_sources(const Test& fixture, const Surroundings& around) {
  std::string all;
  const auto add_file = [&](const std::string& path) {
    std::error_code none;
    if (!fs::is_regular_file(path, none)) return;
    std::ifstream file(path, std::ios::binary);
    XXH3_state_t* const state = XXH3_createState();
    XXH3_64bits_reset(state);
    std::vector<char> bytes(1u << 20);
    while (file.read(bytes.data(), static_cast<std::streamsize>(bytes.size())) || file.gcount() > 0)
      XXH3_64bits_update(state, bytes.data(), static_cast<std::size_t>(file.gcount()));
    all += fmt::format("{:016x}\n", XXH3_64bits_digest(state));
    XXH3_freeState(state);
  };
  for (const std::string& word : command_of(fixture, around)) {
    all += word + "\n";
    constexpr std::string_view file = "file=";
    const auto at = word.find(file);
    add_file(word);
    if (at != word.npos) add_file(word.substr(at + file.size(), word.find(',', at) - at - file.size()));
  }
  return name_of(all);
}

std::vector<std::string> command_of(const Test& test, const Surroundings& around) {
  std::vector<std::string> words = machine_words(test, around);
  words.insert(words.begin(), around.program);
  const auto add = [&](const char* flag, const std::string& value) {
    words.insert(words.end(), {flag, value});
  };
  if (!test.to_the_end) {
    for (const std::string& pattern : test.expect) add("--expect", pattern);
    for (const std::string& pattern : test.absent) add("--fail-on", pattern);
  }
  for (const std::string& pattern : test.expect_screen) add("--expect-screen", pattern);
  if (test.limits.instructions) add("--max-instructions", fmt::format("{}", test.limits.instructions));
  constexpr double least = 0.001;
  if (test.limits.virtual_seconds > 0)
    add("--max-seconds", fmt::format("{:.3f}", std::max(test.limits.virtual_seconds, least)));
  add("--output-limit",
      fmt::format("{}", test.limits.output_bytes ? test.limits.output_bytes : usual_output));
  words.insert(words.end(), around.more_words.begin(), around.more_words.end());
  return words;
}

std::string command_text(const Test& test, const Surroundings& around) {
  return text_of(test, command_of(test, around));
}

PlaceInRun place_of(const TestResult& result) { return {result.line, result.instructions}; }

std::vector<std::string> debug_words(const Test& test, const Surroundings& around, const PlaceInRun& place) {
  std::vector<std::string> words = machine_words(test, around);
  words.insert(words.begin(), {around.program, "debug"});
  words.insert(words.end(), around.more_words.begin(), around.more_words.end());
  if (place.line > 0) {
    words.insert(words.end(), {"--at-line", fmt::format("{}", place.line)});
  } else {
    words.insert(words.end(), {"-ex", place.instructions > 0 ? fmt::format("continue {}", place.instructions)
                                                             : "continue"});
  }
  return words;
}

std::string debug_text(const Test& test, const Surroundings& around, const PlaceInRun& place) {
  return text_of(test, debug_words(test, around, place));
}

std::vector<std::string> process_words(const Test& test, std::vector<std::string> words) {
  if (!test.shell_words.empty())
    words.insert(words.begin(), {"bash", "-c", "exec \"$@\" " + test.shell_words, "ringside"});
  return words;
}

bool put_environment(const Test& test, const Surroundings& around, std::string& error) {
  if (test.environment.empty()) return true;
  const std::string file = environment_file(test, around);
  std::error_code none;
  std::string why;
  if (std::filesystem::exists(file, none) || keep_file(file, test.environment, why)) return true;
  error = fmt::format("{}: {}; name another folder in XDG_CACHE_HOME", file, why);
  return false;
}

}  // namespace ringside::conform
