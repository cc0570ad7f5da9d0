// Owns the reader of a suite's file in TOML: [defaults], and a [[test]] for each test.
#include "frontend/conform/suites/toml_suite.h"

#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <memory>
#include <set>

#include "frontend/conform/suites/suite_keys.h"
#include "frontend/inspect/nearest.h"

namespace ringside::conform {
namespace {

using Kind = TomlValue::Kind;
constexpr double usual_host_seconds = 600;
constexpr std::size_t most_combinations = 1000;

// One combination of a matrix: the axis and its value.
using Choice = std::vector<std::pair<std::string, std::string>>;

std::vector<Choice> combinations(const TestDraft& draft, std::string& error) {
  std::vector<Choice> all(1);
  for (const auto& [axis, values] : draft.matrix) {
    std::vector<Choice> more;
    for (const Choice& before : all) {
      for (const std::string& value : values) {
        more.push_back(before);
        more.back().emplace_back(axis, value);
      }
    }
    if (more.size() > most_combinations) {
      error = fmt::format("the matrix has more than {} combinations; make several tests of it",
                          most_combinations);
      return {};
    }
    all = std::move(more);
  }
  return all;
}

// The test with the machine that this choice makes.
Test with(const TestDraft& draft, const Choice& choice) {
  Test test = draft.test;
  std::string cpu = draft.cpu, memory = draft.memory, smp = draft.smp, features, label;
  for (const auto& [axis, value] : choice) {
    label += fmt::format("{}{}={}", label.empty() ? "" : " ", axis, value);
    (axis == "cpu" ? cpu : axis == "memory" ? memory : axis == "smp" ? smp : features) = value;
  }
  if (!label.empty()) test.name += fmt::format(" [{}]", label);
  // Features alone are those of a model that has all.
  if (!features.empty()) cpu = fmt::format("{},{}", cpu.empty() ? "max" : cpu, features);
  if (!cpu.empty()) test.words.insert(test.words.end(), {"-cpu", cpu});
  if (!memory.empty()) test.words.insert(test.words.end(), {"-m", memory});
  if (!smp.empty()) test.words.insert(test.words.end(), {"-smp", smp});
  return test;
}

// The same of a fixture's.
std::string fixture_contradiction(const TestDraft& draft) {
  if (!draft.matrix.empty()) return "matrix: a fixture is one machine; leave it out";
  if (draft.test.to_the_end) return "to_the_end: a fixture's machine goes on in its tests; leave it out";
  if (draft.test.expect.empty() && draft.test.expect_screen.empty())
    return "a fixture is saved where its lines have matched; add expect, or expect_screen";
  return {};
}

// What is wrong with the keys together; empty: nothing.
std::string contradiction(const Test& test) {
  if (test.to_the_end && !test.expect_screen.empty())
    return "to_the_end: a run ends when its screen matches; leave one of it and expect_screen out";
  if (!test.to_the_end && (test.status || !test.ending.empty()) && !test.expect.empty())
    return "a run ends when its lines match, so its exit_status and ending are not seen; add to_the_end = "
           "true";
  if (!test.fixture && test.image.empty() && test.words.empty() && test.build.empty() &&
      test.expect.empty() && !test.status)
    return "nothing to boot and nothing to expect; give it an image";
  return {};
}

class SuiteReader {
 public:
  SuiteReader(const std::string& path, std::vector<Test>& tests) : path_(path), tests_(tests) {}

  bool read(const TomlValue& document, std::string& error) {
    for (const auto& [name, value] : document.members) {
      if (name == "defaults" && value.kind == Kind::table) {
        defaults_ = &value;
      } else if (name == "test" && value.kind == Kind::list) {
        listed_ = &value;
      } else if (name == "fixture" && value.kind == Kind::list) {
        fixtures_listed_ = &value;
      } else {
        error = fmt::format(
            "{}: {}", at(value),
            name == "defaults" || name == "test" || name == "fixture"
                ? fmt::format("{}: write [defaults], and [[test]] for each test, [[fixture]] for each "
                              "machine that tests begin with",
                              name)
                : unknown_key(name, {"defaults", "fixture", "test"}));
        return false;
      }
    }
    TestDraft trial = fresh();
    std::string slip;
    if (defaults_ && !apply_keys(*defaults_, trial, slip)) {
      error = fmt::format("{}:{}", path_, slip);
      return false;
    }
    if (!listed_ || listed_->items.empty()) {
      error = fmt::format("{}: no test in it; one begins with [[test]]", path_);
      return false;
    }
    if (fixtures_listed_)
      for (const TomlValue& fixture : fixtures_listed_->items) take_fixture(fixture);
    for (const TomlValue& test : listed_->items) take(test);
    return true;
  }

 private:
  std::string at(const TomlValue& value) const {
    return fmt::format("{}:{}:{}", path_, value.line, value.column);
  }
  TestDraft fresh() const {
    TestDraft draft;
    draft.folder = std::filesystem::path(path_).parent_path().string();
    draft.test.suite = path_;
    draft.test.limits.host_seconds = usual_host_seconds;
    return draft;
  }
  // The keys of one, and its name. False: `slip`.
  bool read_keys(const TomlValue& values, std::string_view what, TestDraft& draft, std::string& slip) {
    const TomlValue* name = values.find("name");
    const bool named = name && name->kind == Kind::text && !name->text.empty();
    draft.test.name = named ? name->text : fmt::format("{} at line {}", what, values.line);
    draft.test.place = fmt::format("{}:{}", path_, values.line);
    if ((defaults_ && !apply_keys(*defaults_, draft, slip)) || !apply_keys(values, draft, slip)) return false;
    if (!named)
      slip = fmt::format("{}:{}: name: text in quotes was expected, each {} its own", values.line,
                         values.column, what);
    return named;
  }
  void take_fixture(const TomlValue& values) {
    TestDraft draft = fresh();
    std::string slip;
    if (read_keys(values, "fixture", draft, slip)) {
      std::string together = values.find("fixture") ? "fixture: a fixture begins with no other; leave it out"
                                                    : fixture_contradiction(draft);
      if (together.empty()) together = contradiction(draft.test);
      if (together.empty() && fixtures_.count(draft.test.name) > 0)
        together = fmt::format("{}: a fixture of this name stands above; give it its own", draft.test.name);
      if (!together.empty()) slip = fmt::format("{}:{}: {}", values.line, values.column, together);
    }
    if (!slip.empty()) draft.test.broken = fmt::format("{}:{}", path_, slip);
    const std::string name = draft.test.name;
    draft.test.name = "fixture " + name;
    draft.test.manual = false;
    fixtures_.emplace(name, std::make_shared<const Test>(with(draft, {})));
  }
  // False: `slip` says that there is none of this name.
  bool find_fixture(const TomlValue& values, TestDraft& draft, std::string& slip) {
    if (draft.fixture.empty()) return true;
    const auto found = fixtures_.find(draft.fixture);
    if (found != fixtures_.end()) {
      draft.test.fixture = found->second;
      return true;
    }
    std::vector<std::string_view> names;
    for (const auto& [name, fixture] : fixtures_) names.push_back(name);
    const auto near = nearest(draft.fixture, names);
    slip = fmt::format("{}:{}: fixture: {}: there is no such fixture; {}", values.line, values.column,
                       draft.fixture,
                       near ? fmt::format("did you mean {}?", *near) : "describe it by [[fixture]]");
    return false;
  }
  void take(const TomlValue& values) {
    TestDraft draft = fresh();
    std::string slip;
    bool good = read_keys(values, "test", draft, slip) && find_fixture(values, draft, slip);
    if (good) {
      const std::string together = contradiction(draft.test);
      if (!together.empty()) slip = fmt::format("{}:{}: {}", values.line, values.column, together);
      good = together.empty();
    }
    std::vector<Choice> choices;
    std::string many;
    if (good) choices = combinations(draft, many);
    if (!many.empty()) slip = fmt::format("{}:{}: {}", values.line, values.column, many);
    if (!slip.empty()) {
      draft.test.broken = fmt::format("{}:{}", path_, slip);
      choices.assign(1, {});
    }
    if (draft.test.manual && draft.test.skip.empty()) {
      draft.test.skip = "marked for manual runs";
    } else {
      draft.test.manual = false;
    }
    for (const Choice& choice : choices) {
      Test test = with(draft, choice);
      if (!names_.insert(test.name).second && test.broken.empty())
        test.broken =
            fmt::format("{}:{}: a test of this name stands above; give it its own", at(values), test.name);
      tests_.push_back(std::move(test));
    }
  }

  const std::string& path_;
  std::vector<Test>& tests_;
  const TomlValue* defaults_ = nullptr;
  const TomlValue* listed_ = nullptr;
  const TomlValue* fixtures_listed_ = nullptr;
  std::map<std::string, std::shared_ptr<const Test>> fixtures_;  // by their names
  std::set<std::string> names_;
};

}  // namespace

bool read_toml_suite(const std::string& path, std::string_view text, std::vector<Test>& tests,
                     std::string& error) {
  TomlValue document;
  std::string slip;
  if (!parse_toml(text, document, slip)) {
    error = fmt::format("{}:{}", path, slip);
    return false;
  }
  return SuiteReader(path, tests).read(document, error);
}

}  // namespace ringside::conform
