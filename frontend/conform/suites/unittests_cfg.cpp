// Owns the reader of kvm-unit-tests' unittests.cfg.
#include "frontend/conform/suites/unittests_cfg.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

#include "frontend/conform/suites/shell_words.h"

namespace ringside::conform {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view blanks = " \t\r";
constexpr double usual_seconds = 90;  // of the suite's runner

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::vector<std::string> blank_separated(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), std::istream_iterator<std::string>()};
}

// A section's lines, as text.
struct Section {
  std::string name, file, smp, args, params, groups, arch, machine, check, accel, timeout, disabled_if;
  std::size_t line = 0;
};
struct Key {
  std::string_view name;
  std::string Section::*value;
};
constexpr std::array<Key, 12> section_keys = {{{"file", &Section::file},
                                               {"smp", &Section::smp},
                                               {"test_args", &Section::args},
                                               {"extra_params", &Section::params},
                                               {"qemu_params", &Section::params},
                                               {"groups", &Section::groups},
                                               {"arch", &Section::arch},
                                               {"machine", &Section::machine},
                                               {"check", &Section::check},
                                               {"accel", &Section::accel},
                                               {"timeout", &Section::timeout},
                                               {"disabled_if", &Section::disabled_if}}};

class Sections {
 public:
  explicit Sections(std::string_view text) : stream_{std::string(text)} {}

  std::vector<Section> read() {
    for (std::string line; next(line);) take(trimmed(line));
    return std::move(sections_);
  }

 private:
  bool next(std::string& line) {
    if (!std::getline(stream_, line)) return false;
    ++number_;
    return true;
  }
  void take(std::string_view line) {
    if (line.starts_with('[') && line.ends_with(']') && line.size() >= 2) {
      sections_.emplace_back().name = line.substr(1, line.size() - 2);
      sections_.back().line = number_;
      return;
    }
    if (sections_.empty()) return;
    const auto equals = line.find('=');
    if (equals == std::string_view::npos) return;
    const std::string_view name = trimmed(line.substr(0, equals));
    const auto key =
        std::find_if(section_keys.begin(), section_keys.end(), [&](const Key& k) { return k.name == name; });
    if (key == section_keys.end()) return;
    const std::string_view value = trimmed(line.substr(equals + 1));
    sections_.back().*key->value =
        value.starts_with(R"(""")") ? rest_of(value.substr(3)) : std::string(value);
  }
  // Of a value in three quotes, over as many lines as it has; a backslash at a line's end joins two.
  std::string rest_of(std::string_view first) {
    std::string text(first), line;
    for (auto end = text.find(R"(""")"); end == std::string::npos; end = text.find(R"(""")")) {
      if (!next(line)) return text;
      const auto last = text.find_last_not_of('\\');
      const bool joined = (text.size() - (last == std::string::npos ? 0 : last + 1)) % 2 == 1;
      if (joined) {
        text.pop_back();
      } else {
        text += ' ';
      }
      text += trimmed(line);
    }
    return text.substr(0, text.find(R"(""")"));
  }

  std::istringstream stream_;
  std::size_t number_ = 0;
  std::vector<Section> sections_;
};

// "30", "30s", "2m": as timeout(1) reads it. 0: no limit.
double seconds(const std::string& text) {
  if (text.empty()) return usual_seconds;
  double value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc()) return usual_seconds;
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  return value * (unit == "m" ? 60 : unit == "h" ? 3600 : unit == "d" ? 86400 : 1);
}

// A condition of the shell's, as the suite's runner evaluates it.
bool holds(const std::string& condition) {
  const std::string evaluate = "ACCEL=tcg; (eval \"$1\") </dev/null >/dev/null 2>&1";
  const std::vector<std::string> words = {"timeout", "60", "bash", "-c", evaluate, "ringside", condition};
  return std::system(quoted(words).c_str()) == 0;
}

// Why the suite's runner would pass it over; empty: it would not. In the runner's order and words.
std::string reason_to_skip(const Section& section, const std::string& image, const CfgSurroundings& around) {
  if (!section.arch.empty() && section.arch != around.arch) return section.arch + " only";
  if (!section.accel.empty() && section.accel != "tcg") return section.accel + " only, but ACCEL=tcg";
  if (!section.disabled_if.empty() && holds(section.disabled_if))
    return fmt::format("disabled because: {}", section.disabled_if);
  for (const std::string& check : blank_separated(section.check)) {
    const auto equals = check.find('=');
    const std::string path = check.substr(0, equals);
    const std::string value = equals == std::string::npos ? path : check.substr(equals + 1);
    std::string there = contents(path);
    there.erase(there.find_last_not_of('\n') + 1);
    std::error_code none;
    if (!fs::is_regular_file(path, none) || there != value)
      return fmt::format("{} not equal to {}", path, value);
  }
  std::error_code none;
  if (!fs::is_regular_file(image, none)) return fmt::format("Test file '{}' not found", image);
  return {};
}

// What runs of the suite's guests have in common: its own words of the command line.
std::vector<std::string> common_words() {
  return {"--no-reboot", "-nodefaults", "-device",
          "pc-testdev",  "-device",     "isa-debug-exit,iobase=0xf4,iosize=0x4",
          "-display",    "none",        "-serial",
          "stdio",       "-machine",    "accel=tcg",
          "-kernel"};
}

Test test_of(const Section& section, const std::string& path, const CfgSurroundings& around) {
  Test test;
  test.suite = path;
  test.name = section.name;
  test.tags = blank_separated(section.groups);
  test.place = fmt::format("{}:{}", path, section.line);
  test.judge = Judge::kvm_unit_tests;
  test.protocol = "kvm-unit-tests";
  test.limits.host_seconds = seconds(section.timeout);
  const std::string image = (fs::path(around.folder) / section.file).string();
  test.skip = reason_to_skip(section, image, around);
  const bool manual = std::find(test.tags.begin(), test.tags.end(), "nodefault") != test.tags.end();
  if (manual && test.skip.empty()) {
    test.manual = true;
    test.skip = "test marked as manual run only";
  }
  test.words = common_words();
  test.words.push_back(image);
  std::string more = fmt::format("-smp {}", section.smp.empty() ? "1" : section.smp);
  if (!section.args.empty()) more += " -append " + section.args;
  if (!section.params.empty()) more += " " + section.params;
  if (const auto plain = plain_words(more)) {
    test.words.insert(test.words.end(), plain->begin(), plain->end());
  } else {
    test.shell_words = more;
  }
  // The host's kernel is none of a deterministic guest's business: its version is not told, and no erratum
  // that depends on it is in force.
  if (around.environment)
    test.environment = "TARGET=\nQEMU_ACCEL=tcg\n" + around.more_environment + "ERRATA_FORCE=y\n";
  return test;
}

// NAME=VALUE lines of the file.
std::string assignments(const std::string& path) {
  std::istringstream stream(contents(path));
  std::string text;
  for (std::string line; std::getline(stream, line);) {
    const std::string_view name = trimmed(std::string_view(line).substr(0, line.find('=')));
    constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
    if (line.find('=') != std::string::npos && !name.empty() &&
        name.find_first_not_of(letters) == std::string_view::npos)
      text += std::string(trimmed(line)) + "\n";
  }
  return text;
}

}  // namespace

CfgSurroundings cfg_surroundings(const std::string& path) {
  CfgSurroundings around;
  around.folder = fs::path(path).parent_path().string();
  std::istringstream made(contents((fs::path(around.folder) / ".." / "config.mak").string()));
  for (std::string line; std::getline(made, line);) {
    if (line.starts_with("ARCH=")) around.arch = line.substr(5);
    if (line.starts_with("ENVIRON_DEFAULT=")) around.environment = line.substr(16) == "yes";
  }
  if (const char* own = std::getenv("KVM_UNIT_TESTS_ENV")) around.more_environment = assignments(own);
  return around;
}

std::vector<Test> read_unittests_cfg(const std::string& path, std::string_view text,
                                     const CfgSurroundings& surroundings) {
  std::vector<Test> tests;
  std::set<std::string> names;
  for (const Section& section : Sections(text).read()) {
    tests.push_back(test_of(section, path, surroundings));
    if (!names.insert(section.name).second)
      tests.back().broken =
          fmt::format("{}: a test of this name stands above; give it its own", tests.back().place);
  }
  return tests;
}

}  // namespace ringside::conform
