// Owns reading subjects, and filling in where their files are.
#include "frontend/compare/subject.h"

#include <fmt/format.h>
#include <glob.h>

#include <filesystem>

#include "frontend/conform/suites/toml_value.h"

namespace ringside::compare {
namespace {

namespace fs = std::filesystem;
using conform::TomlValue;
using Kind = TomlValue::Kind;

// The first slip ends it.
class SubjectReader {
 public:
  explicit SubjectReader(std::string& error) : error_(error) {}

  bool read(const TomlValue& table, Subject& subject) {
    if (table.kind != Kind::table) return fail(table, "a subject is a table, [[subject]]");
    for (const auto& [name, value] : table.members) {
      if (!key(name, value, subject)) return false;
    }
    for (const auto& [what, text] : {std::pair{"name", &subject.name}, std::pair{"end", &subject.end}}) {
      if (text->empty()) return fail(table, fmt::format("this subject has no {}", what));
    }
    if (subject.flags.empty()) return fail(table, "this subject has no flags");
    if (subject.begin.empty()) return fail(table, "this subject has no begin");
    return true;
  }
  bool fail(const TomlValue& at, std::string_view what) {
    error_ = fmt::format("{}:{}: {}", at.line, at.column, what);
    return false;
  }

 private:
  bool key(const std::string& name, const TomlValue& value, Subject& s) {
    const std::pair<std::string_view, std::string*> texts[] = {
        {"name", &s.name},           {"title", &s.title},
        {"piece", &s.piece},         {"end", &s.end},
        {"fail", &s.fail},           {"kernel_is", &s.kernel_is},
        {"user_is", &s.user_is},     {"control_is", &s.control_is},
        {"users_are", &s.users_are}, {"instead_of", &s.instead_of}};
    for (const auto& [own, to] : texts) {
      if (own == name) return text(value, *to);
    }
    const std::pair<std::string_view, std::vector<std::string>*> lists[] = {
        {"flags", &s.flags},     {"begin", &s.begin}, {"kernel", &s.kernel}, {"user", &s.user},
        {"control", &s.control}, {"guest", &s.guest}, {"debug", &s.debug}};
    for (const auto& [own, to] : lists) {
      if (own == name) return list(value, *to);
    }
    u64 number = 0;
    if (name == "control_cpus") {
      if (!whole(value, 64, number)) return false;
      s.control_cpus = static_cast<unsigned>(number);
      return true;
    }
    if (name == "most_instructions") return whole(value, u64{1} << 50, s.most_instructions);
    if (name != "repeats") return fail(value, name + ": a subject has no such key");
    if (value.kind != Kind::truth) return fail(value, "true or false is wanted here");
    s.repeats = value.truth;
    return true;
  }
  bool text(const TomlValue& value, std::string& to) {
    if (value.kind != Kind::text) return fail(value, "a text is wanted here");
    to = value.text;
    return true;
  }
  bool list(const TomlValue& value, std::vector<std::string>& to) {
    if (value.kind != Kind::list) return fail(value, "a list of texts is wanted here");
    to.clear();
    for (const TomlValue& one : value.items) {
      if (!text(one, to.emplace_back())) return false;
    }
    return true;
  }
  bool whole(const TomlValue& value, u64 most, u64& to) {
    if (value.kind != Kind::whole || value.whole < 0 || static_cast<u64>(value.whole) > most)
      return fail(value, fmt::format("a whole number up to {} is wanted here", most));
    to = static_cast<u64>(value.whole);
    return true;
  }

  std::string& error_;
};

// A subject that stands instead of an earlier one is as that one in all that it does not say.
Subject begun(const TomlValue& table, const std::vector<Subject>& earlier) {
  if (table.kind != Kind::table) return {};
  for (const auto& [name, value] : table.members) {
    if (name != "instead_of" || value.kind != Kind::text) continue;
    for (const Subject& subject : earlier)
      if (subject.name == value.text) return subject;
  }
  return {};
}

void replace_all(std::string& text, std::string_view what, std::string_view with) {
  for (std::size_t at = 0; (at = text.find(what, at)) != text.npos; at += with.size())
    text.replace(at, what.size(), with);
}

}  // namespace

bool read_subjects(std::string_view toml, std::vector<Subject>& subjects, std::string& error) {
  TomlValue document;
  if (!conform::parse_toml(toml, document, error)) return false;
  SubjectReader reader(error);
  for (const auto& [name, value] : document.members) {
    if (name != "subject" || value.kind != Kind::list)
      return reader.fail(value, name + ": this file holds [[subject]] tables and nothing else");
    for (const TomlValue& table : value.items) {
      Subject subject = begun(table, subjects);
      if (!reader.read(table, subject)) return false;
      subjects.push_back(std::move(subject));
    }
  }
  return true;
}

namespace {

// The one file that a pattern stands for.
bool find_debug(std::string& pattern, const Subject& subject, std::string& error) {
  glob_t found{};
  const bool matched = glob(pattern.c_str(), GLOB_NOSORT, nullptr, &found) == 0;
  const std::size_t count = matched ? found.gl_pathc : 0;
  const std::string one = count ? found.gl_pathv[0] : "";
  globfree(&found);
  if (count != 1) {
    error = fmt::format(
        "{}: {} files are {}; one is wanted: install its package, or unpack it to a folder of its own",
        subject.name, count, pattern);
    return false;
  }
  pattern = one;
  return true;
}

}  // namespace

bool fill_in(Subject& subject, const Places& places, u64 times, std::string& error) {
  bool wants_guests = false;
  const auto fill = [&](std::string& word) {
    wants_guests |= word.find("{guests}") != word.npos;
    replace_all(word, "{roms}", places.roms);
    replace_all(word, "{guests}", places.guests);
    replace_all(word, "{times}", fmt::format("{}", times));
  };
  for (std::string& flag : subject.flags) fill(flag);
  for (auto* files : {&subject.kernel, &subject.user, &subject.control, &subject.guest})
    for (std::string& file : *files) fill(file);
  if (wants_guests && places.guests.empty()) {
    error = fmt::format(
        "{}: its images are not built in; tests/guests/README.md says how they are made, --guests FOLDER "
        "where "
        "they are",
        subject.name);
    return false;
  }
  if (places.debug.empty()) subject.debug.clear();
  for (std::string& pattern : subject.debug) {
    replace_all(pattern, "{debug}", places.debug);
    if (!find_debug(pattern, subject, error)) return false;
  }
  std::error_code none;
  for (const auto* files : {&subject.kernel, &subject.user, &subject.control, &subject.guest}) {
    for (const std::string& file : *files) {
      if (fs::exists(file, none)) continue;
      error = fmt::format("{}: {} is not there; {}", subject.name, file,
                          wants_guests ? "tests/guests/README.md says how it is made"
                                       : "build the target rom-images, or name its folder with --roms");
      return false;
    }
  }
  return true;
}

}  // namespace ringside::compare
