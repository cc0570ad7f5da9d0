// Owns the keys of a suite's file: from one table come its reader, what it says of a slip, and its schema.
#include "frontend/conform/suites/suite_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "frontend/conform/running/expectations.h"
#include "frontend/conform/suites/coverage_names.h"
#include "frontend/inspect/nearest.h"

namespace ringside::conform {
namespace {

using Kind = TomlValue::Kind;
using Error = std::string&;

bool fail(Error error, std::string text) {
  error = std::move(text);
  return false;
}

std::vector<std::string> texts_of(const TomlValue& value) {
  if (value.kind != Kind::list) return {value.text};
  std::vector<std::string> texts;
  for (const TomlValue& item : value.items) texts.push_back(item.text);
  return texts;
}

std::string path_in(const TestDraft& draft, const std::string& name) {
  return (std::filesystem::path(draft.folder) / name).string();
}

bool add_flag(TestDraft& draft, const char* flag, const std::string& value) {
  draft.test.words.insert(draft.test.words.end(), {flag, value});
  return true;
}

bool image(TestDraft& d, const TomlValue& v, Error) {
  d.test.image = path_in(d, v.text);
  d.test.image_by_look = true;
  return true;
}
bool kernel(TestDraft& d, const TomlValue& v, Error) {
  d.test.image = path_in(d, v.text);
  return add_flag(d, "-kernel", d.test.image);
}
bool firmware(TestDraft& d, const TomlValue& v, Error) {
  if (d.test.image.empty()) d.test.image = path_in(d, v.text);
  return add_flag(d, "-bios", path_in(d, v.text));
}
bool cdrom(TestDraft& d, const TomlValue& v, Error) { return add_flag(d, "-cdrom", path_in(d, v.text)); }
// Each module of "FILE WORDS,FILE WORDS" begins with a file of the folder; ",," is a comma within one.
std::string modules_in(const TestDraft& draft, const std::string& list) {
  const std::string whole = path_in(draft, list);
  std::error_code none;
  if (std::filesystem::exists(whole, none)) return whole;
  std::string text, module;
  const auto add = [&] {
    module.erase(0, std::min(module.find_first_not_of(' '), module.size()));
    if (!module.empty()) text += (text.empty() ? "" : ",") + path_in(draft, module);
    module.clear();
  };
  for (std::size_t n = 0; n < list.size(); ++n) {
    const bool doubled = list.compare(n, 2, ",,") == 0;
    if (list[n] == ',' && !doubled) {
      add();
      continue;
    }
    module += doubled ? ",," : list.substr(n, 1);
    n += doubled;
  }
  add();
  return text;
}
bool initrd(TestDraft& d, const TomlValue& v, Error) { return add_flag(d, "-initrd", modules_in(d, v.text)); }
bool append(TestDraft& d, const TomlValue& v, Error) { return add_flag(d, "-append", v.text); }
// An image as it is, or QEMU's properties.
bool drives(TestDraft& d, const TomlValue& v, Error) {
  constexpr std::string_view file = "file=";
  for (const std::string& drive : texts_of(v)) {
    const bool properties = drive.starts_with(file);
    const std::string place = path_in(d, properties ? drive.substr(file.size()) : drive);
    add_flag(d, "-drive",
             fmt::format("file={}{}", place, properties ? "" : ",format=raw,if=ide,snapshot=on"));
  }
  return true;
}
bool send(TestDraft& d, const TomlValue& v, Error) {
  std::string escaped;
  for (const char c : v.text) {
    if (c == '\n')
      escaped += "\\n";
    else if (c == '\\')
      escaped += "\\\\";
    else
      escaped += c;
  }
  return add_flag(d, "--send", escaped);
}
bool fixture(TestDraft& d, const TomlValue& v, Error) {
  d.fixture = v.text;
  return true;
}
bool build(TestDraft& d, const TomlValue& v, Error) {
  d.test.build = v.text;
  d.test.build_folder = d.folder;
  return true;
}
bool cpu(TestDraft& d, const TomlValue& v, Error) {
  d.cpu = v.text;
  return true;
}
bool memory(TestDraft& d, const TomlValue& v, Error) {
  d.memory = v.text;
  return true;
}
bool smp(TestDraft& d, const TomlValue& v, Error) {
  d.smp = v.text;
  return true;
}
bool flags(TestDraft& d, const TomlValue& v, Error) {
  for (std::string& word : texts_of(v)) d.test.words.push_back(std::move(word));
  return true;
}
bool count(const TomlValue& value, u64& to, Error error) {
  if (value.whole <= 0) return fail(error, "a whole number above 0");
  to = static_cast<u64>(value.whole);
  return true;
}
bool time(const TomlValue& value, double& to, Error error) {
  if (!(value.number > 0)) return fail(error, "seconds above 0");
  to = value.number;
  return true;
}
bool instructions(TestDraft& d, const TomlValue& v, Error e) {
  return count(v, d.test.limits.instructions, e);
}
bool output_bytes(TestDraft& d, const TomlValue& v, Error e) {
  return count(v, d.test.limits.output_bytes, e);
}
bool seconds(TestDraft& d, const TomlValue& v, Error e) { return time(v, d.test.limits.virtual_seconds, e); }
bool host_seconds(TestDraft& d, const TomlValue& v, Error e) {
  return time(v, d.test.limits.host_seconds, e);
}

bool patterns(const TomlValue& value, std::vector<std::string>& to, Error error) {
  to = texts_of(value);
  LineRegex trial;
  return std::all_of(to.begin(), to.end(),
                     [&](const std::string& pattern) { return trial.compile(pattern, error); });
}
bool expect(TestDraft& d, const TomlValue& v, Error e) { return patterns(v, d.test.expect, e); }
bool absent(TestDraft& d, const TomlValue& v, Error e) { return patterns(v, d.test.absent, e); }
bool expect_screen(TestDraft& d, const TomlValue& v, Error e) { return patterns(v, d.test.expect_screen, e); }
bool coverage(TestDraft& d, const TomlValue& v, Error e) {
  d.test.coverage = texts_of(v);
  for (const std::string& name : d.test.coverage) {
    if (const std::string slip = coverage_name_slip(name); !slip.empty()) return fail(e, slip);
  }
  return true;
}
bool to_the_end(TestDraft& d, const TomlValue& v, Error) {
  d.test.to_the_end = v.truth;
  return true;
}
bool exit_status(TestDraft& d, const TomlValue& v, Error e) {
  if (v.whole < 0 || v.whole > 255) return fail(e, "a whole number from 0 to 255");
  d.test.status = static_cast<int>(v.whole);
  return true;
}
bool ending(TestDraft& d, const TomlValue& v, Error) {
  d.test.ending = v.text;
  return true;
}
bool protocol(TestDraft& d, const TomlValue& v, Error) {
  d.test.protocol = v.text;
  return true;
}
bool lines(TestDraft& d, const TomlValue& v, Error e) {
  d.test.protocol = "lines";
  d.test.grammar.rules.clear();
  for (const TomlValue& rule : v.items) {
    const TomlValue* pattern = rule.find("pattern");
    const TomlValue* verdict = rule.find("verdict");
    if (!pattern || pattern->kind != Kind::text || rule.members.size() > 2)
      return fail(e, "rules like {pattern = \"^PASS (.*)\", verdict = \"passed\"}");
    const auto named = verdict_named(verdict ? verdict->text : "passed");
    if (!named) return fail(e, fmt::format("a verdict: passed, failed, skipped; {} is none", verdict->text));
    d.test.grammar.rules.push_back({pattern->text, *named});
  }
  return true;
}
bool tags(TestDraft& d, const TomlValue& v, Error) {
  for (std::string& tag : texts_of(v)) d.test.tags.push_back(std::move(tag));
  return true;
}
bool known_failure(TestDraft& d, const TomlValue& v, Error) {
  d.test.known_failure = v.text;
  return true;
}
bool skip(TestDraft& d, const TomlValue& v, Error) {
  d.test.skip = v.text;
  return true;
}
bool manual(TestDraft& d, const TomlValue& v, Error) {
  d.test.manual = v.truth;
  return true;
}
bool environment(TestDraft& d, const TomlValue& v, Error) {
  d.test.environment.clear();
  for (const auto& [name, value] : v.members) d.test.environment += fmt::format("{}={}\n", name, value.text);
  return true;
}
bool matrix(TestDraft& d, const TomlValue& v, Error e) {
  d.matrix.clear();
  for (const auto& [axis, values] : v.members) {
    const auto known = matrix_axes();
    if (std::find(known.begin(), known.end(), axis) == known.end())
      return fail(e, unknown_key(axis, {known.begin(), known.end()}));
    d.matrix.emplace_back(axis, texts_of(values));
    if (d.matrix.back().second.empty()) return fail(e, fmt::format("values for {}; there is none", axis));
  }
  return true;
}

constexpr SuiteKey keys[] = {
    {"image", KeyShape::text,
     "what to boot; whether it is a kernel, a CD, a disk or firmware is seen by its bytes", image},
    {"kernel", KeyShape::text, "an ELF or a bzImage, as -kernel", kernel},
    {"firmware", KeyShape::text, "a flash chip's image, as -bios", firmware},
    {"cdrom", KeyShape::text, "an ISO image in the CD drive, as -cdrom", cdrom},
    {"drives", KeyShape::texts,
     "disks: raw images, whose changes are forgotten, or -drive's \"file=...,...\"", drives},
    {"initrd", KeyShape::text, "Linux's initial RAM disk or multiboot modules, as -initrd", initrd},
    {"append", KeyShape::text, "the kernel's command line", append},
    {"send", KeyShape::text, "to the first serial port, as fast as the guest takes it", send},
    {"fixture", KeyShape::text,
     "the [[fixture]] with whose machine the test begins: it is run once, up to what it expects", fixture},
    {"build", KeyShape::text,
     "a shell's command that makes the image, run in the suite's folder before the tests", build},
    {"cpu", KeyShape::text, "model and features, as -cpu", cpu},
    {"memory", KeyShape::text, "as -m: \"256M\"", memory},
    {"smp", KeyShape::whole, "virtual CPUs", smp},
    {"flags", KeyShape::texts, "more words of the command line", flags},
    {"seconds", KeyShape::seconds, "limit: of the guest's own time", seconds},
    {"instructions", KeyShape::whole, "limit: of all CPUs together", instructions},
    {"output_bytes", KeyShape::whole, "limit: what the guest may print (64 MiB)", output_bytes},
    {"host_seconds", KeyShape::seconds, "limit: of the processor's time (600), for what no other limit stops",
     host_seconds},
    {"expect", KeyShape::texts, "expressions that lines of the serial output match, in this order", expect},
    {"absent", KeyShape::texts, "expressions that no line of it matches", absent},
    {"expect_screen", KeyShape::texts, "expressions that rows of the screen match", expect_screen},
    {"coverage", KeyShape::texts,
     "what of VMX the run must meet: \"exit EPT violation\", \"error 7\", \"rule guest.rflags.reserved\", "
     "\"control Enable EPT\", ...; ringside test --coverage FILE lists the names",
     coverage},
    {"to_the_end", KeyShape::truth, "the run goes on when all has matched (false)", to_the_end},
    {"exit_status", KeyShape::whole, "the emulator's exit status (0)", exit_status},
    {"ending", KeyShape::text,
     "how the machine ends: \"power-off\", \"debug-exit\", \"reset\", \"shutdown\", ...", ending},
    {"protocol", KeyShape::text,
     "how the guest tells its results: a protocol's name, \"none\"; by look without", protocol},
    {"lines", KeyShape::rules, "a protocol of one's own: rules {pattern = REGEX, verdict = NAME}", lines},
    {"tags", KeyShape::texts, "words for --tag", tags},
    {"known_failure", KeyShape::text, "why it fails: its failure is expected then", known_failure},
    {"skip", KeyShape::text, "why it is not run", skip},
    {"manual", KeyShape::truth, "run only when asked for by --tag or --all (false)", manual},
    {"env", KeyShape::assignments, "NAME = VALUE for kvm-unit-tests' guests, as their environment module",
     environment},
    {"matrix", KeyShape::axes, "a test for each combination: cpu, features, smp, memory, each with a list",
     matrix},
};

bool is_text(const TomlValue& value) { return value.kind == Kind::text; }
bool is_scalar(const TomlValue& value) { return value.kind == Kind::text || value.kind == Kind::whole; }

struct Shape {
  KeyShape shape;
  std::string_view wanted;
  bool (*fits)(const TomlValue& value);
  std::string_view schema;
};
constexpr std::array<Shape, 8> shapes = {{
    {KeyShape::text, "text in quotes", is_text, R"("type": "string")"},
    {KeyShape::texts, "text or a list of texts",
     [](const TomlValue& v) {
       return is_text(v) || (v.kind == Kind::list && std::all_of(v.items.begin(), v.items.end(), is_text));
     },
     R"("anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}])"},
    {KeyShape::whole, "a whole number", [](const TomlValue& v) { return v.kind == Kind::whole; },
     R"("type": "integer")"},
    {KeyShape::seconds, "a number of seconds",
     [](const TomlValue& v) { return v.kind == Kind::whole || v.kind == Kind::number; },
     R"("type": "number")"},
    {KeyShape::truth, "true or false", [](const TomlValue& v) { return v.kind == Kind::truth; },
     R"("type": "boolean")"},
    {KeyShape::assignments, "a table NAME = \"VALUE\"",
     [](const TomlValue& v) {
       return v.kind == Kind::table && std::all_of(v.members.begin(), v.members.end(),
                                                   [](const auto& m) { return is_scalar(m.value); });
     },
     R"("type": "object", "additionalProperties": {"type": ["string", "integer"]})"},
    {KeyShape::axes, "a table of lists, such as {cpu = [\"max\"], smp = [1, 2]}",
     [](const TomlValue& v) {
       return v.kind == Kind::table && std::all_of(v.members.begin(), v.members.end(), [](const auto& m) {
                return m.value.kind == Kind::list &&
                       std::all_of(m.value.items.begin(), m.value.items.end(), is_scalar);
              });
     },
     R"("type": "object", "additionalProperties": {"type": "array", "items": {"type": ["string", "integer"]}})"},
    {KeyShape::rules, "a list of rules {pattern = REGEX, verdict = NAME}",
     [](const TomlValue& v) {
       return v.kind == Kind::list && std::all_of(v.items.begin(), v.items.end(), [](const TomlValue& item) {
                return item.kind == Kind::table;
              });
     },
     R"("type": "array", "items": {"type": "object", "properties": {"pattern": {"type": "string"}, "verdict": {"enum": ["passed", "failed", "skipped", "expected failure"]}}, "required": ["pattern"], "additionalProperties": false})"},
}};

const Shape& shape_of(KeyShape shape) { return shapes[static_cast<std::size_t>(shape)]; }

}  // namespace

std::span<const SuiteKey> suite_keys() { return keys; }

std::span<const std::string_view> matrix_axes() {
  static constexpr std::array<std::string_view, 4> axes = {"cpu", "features", "smp", "memory"};
  return axes;
}

std::string unknown_key(std::string_view name, const std::vector<std::string_view>& known) {
  if (const auto near = nearest(name, known))
    return fmt::format("{}: there is no such key; did you mean {}?", name, *near);
  return fmt::format("{}: there is no such key; there are {}", name, fmt::join(known, ", "));
}

bool apply_keys(const TomlValue& values, TestDraft& draft, std::string& error) {
  for (const auto& [name, value] : values.members) {
    if (name == "name") continue;
    const auto place = fmt::format("{}:{}", value.line, value.column);
    const auto key =
        std::find_if(std::begin(keys), std::end(keys), [&](const SuiteKey& k) { return k.name == name; });
    if (key == std::end(keys)) {
      std::vector<std::string_view> known = {"name"};
      for (const SuiteKey& k : keys) known.push_back(k.name);
      return fail(error, fmt::format("{}: {}", place, unknown_key(name, known)));
    }
    const Shape& shape = shape_of(key->shape);
    if (!shape.fits(value))
      return fail(error, fmt::format("{}: {}: {} was expected, not {}", place, name, shape.wanted,
                                     toml_kind_name(value.kind)));
    std::string why;
    if (!key->apply(draft, value, why))
      return fail(error, fmt::format("{}: {}: wanted is {}", place, name, why));
  }
  return true;
}

std::string suite_schema() {
  std::string properties =
      "        \"name\": {\"type\": \"string\", \"description\": \"what it is called; each its own\"}";
  for (const SuiteKey& key : keys) {
    std::string help;
    for (const char c : key.help) help += c == '"' ? "\\\"" : std::string(1, c);
    properties += fmt::format(",\n        \"{}\": {{\"description\": \"{}\", {}}}", key.name, help,
                              shape_of(key.shape).schema);
  }
  return fmt::format(
      "{{\n"
      "  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
      "  \"title\": \"A suite of tests for ringside test\",\n"
      "  \"type\": \"object\",\n"
      "  \"additionalProperties\": false,\n"
      "  \"properties\": {{\n"
      "    \"defaults\": {{\"$ref\": \"#/$defs/test\", \"description\": \"keys of all tests\"}},\n"
      "    \"fixture\": {{\"type\": \"array\", \"items\": {{\"$ref\": \"#/$defs/test\", \"required\": "
      "[\"name\"]}}, \"description\": \"machines that tests begin with\"}},\n"
      "    \"test\": {{\"type\": \"array\", \"items\": {{\"$ref\": \"#/$defs/test\", \"required\": "
      "[\"name\"]}}}}\n"
      "  }},\n"
      "  \"$defs\": {{\n"
      "    \"test\": {{\n"
      "      \"type\": \"object\",\n"
      "      \"additionalProperties\": false,\n"
      "      \"properties\": {{\n{}\n      }}\n"
      "    }}\n"
      "  }}\n"
      "}}\n",
      properties);
}

}  // namespace ringside::conform
