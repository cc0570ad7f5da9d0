// Owns sessions of the debugger with real hypervisors, kept as transcripts: what is typed, and what is
// answered. The images are found as by the tests of boots, and without them nothing is tested.
//
// A transcript is a file in transcripts/. A line that begins with the prompt is typed; the others are what it
// answers, where "..." is any text, a line of "..." any number of lines, and {word} a number that is the same
// wherever the word stands. What is between {{ and }} is there only with the names of the guest's kernel
// (kvm_symbols.h), where KERNEL, KVM and KVM_INTEL are its files.
#include <doctest/doctest.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <string>
#include <vector>

#include "tests/cli/program.h"
#include "tests/guests/kvm_symbols.h"

using namespace ringside::cli;

namespace {

constexpr std::string_view prompt = "(ringside) ";

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines(1);
  for (const char c : text) {
    if (c == '\n')
      lines.emplace_back();
    else
      lines.back() += c;
  }
  if (lines.back().empty()) lines.pop_back();
  return lines;
}

// Without what is for those who have names, or with it; a line that held nothing else goes with it.
std::vector<std::string> chosen(const std::vector<std::string>& lines, bool names) {
  std::vector<std::string> all;
  for (std::string line : lines) {
    const bool empty = line.empty();
    for (std::size_t open; (open = line.find("{{")) != line.npos;) {
      const std::size_t close = line.find("}}", open);
      REQUIRE_MESSAGE(close != line.npos, line);
      const std::string inside = names ? line.substr(open + 2, close - open - 2) : "";
      line.replace(open, close + 2 - open, inside);
    }
    if (empty || !line.empty()) all.push_back(line);
  }
  return all;
}

using Numbers = std::map<std::string, std::string, std::less<>>;

bool line_matches(std::string_view wanted, std::string_view line, Numbers& numbers) {
  if (wanted.starts_with("...")) {
    for (std::size_t skipped = 0; skipped <= line.size(); ++skipped) {
      Numbers known = numbers;
      if (!line_matches(wanted.substr(3), line.substr(skipped), known)) continue;
      numbers = known;
      return true;
    }
    return false;
  }
  if (wanted.starts_with('{')) {
    const std::size_t close = wanted.find('}');
    const auto end =
        std::find_if(line.begin(), line.end(), [](unsigned char c) { return !std::isxdigit(c) && c != 'x'; });
    const std::string number(line.begin(), end);
    const auto [known, is_new] = numbers.try_emplace(std::string(wanted.substr(1, close - 1)), number);
    return !number.empty() && known->second == number &&
           line_matches(wanted.substr(close + 1), line.substr(number.size()), numbers);
  }
  if (wanted.empty() || line.empty()) return wanted.empty() && line.empty();
  return wanted[0] == line[0] && line_matches(wanted.substr(1), line.substr(1), numbers);
}

using Lines = std::vector<std::string>;

// The first line that was wanted and did not come; the end: all did.
Lines::const_iterator unmet(Lines::const_iterator wanted, Lines::const_iterator end,
                            Lines::const_iterator line, Lines::const_iterator last, Numbers numbers) {
  auto furthest = wanted;
  for (; wanted != end && *wanted != "..."; ++wanted, ++line) {
    if (line == last || !line_matches(*wanted, *line, numbers)) return wanted;
    furthest = wanted + 1;
  }
  if (wanted == end) return line == last ? end : std::prev(end);
  for (;; ++line) {
    const auto found = unmet(wanted + 1, end, line, last, numbers);
    if (found == end) return end;
    furthest = std::max(furthest, found);
    if (line == last) return furthest;
  }
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  if (const std::size_t at = text.find(from); at != text.npos) text.replace(at, from.size(), to);
  return text;
}

void replay(const std::string& name, const std::vector<std::string>& machine) {
  const auto files = kvm_symbols();
  const Lines text =
      chosen(lines_of(read_file(RINGSIDE_SOURCE_DIR "/tests/guests/transcripts/" + name)), !files.empty());
  REQUIRE_FALSE(text.empty());
  std::string script;
  Lines wanted;
  for (const std::string& line : text) {
    if (!line.starts_with(prompt)) {
      wanted.push_back(line);
      continue;
    }
    std::string typed = line.substr(prompt.size());
    for (const auto& [word, file] : files) typed = replaced(typed, " " + word + " ", " " + file + " ");
    script += typed + "\n";
  }
  const Folder folder;
  std::vector<std::string> words = {"debug",   "-x",  folder.write("script", script), "--batch", "-nopager",
                                    "-serial", "null"};
  words.insert(words.end(), machine.begin(), machine.end());
  const Result result = run(words);
  CAPTURE(result.err);
  CHECK(result.status == 0);
  const Lines got = lines_of(result.out);
  CAPTURE(result.out);
  const auto missing = unmet(wanted.begin(), wanted.end(), got.begin(), got.end(), {});
  CHECK_MESSAGE(missing == wanted.end(), name, ": from here on it is another: ", *missing);
}

}  // namespace

TEST_CASE("a transcript: from KVM's EPT violations back to the guest, and to who wrote the entries") {
  const std::vector<std::string> guest = kvm_guest();
  if (!guest.empty()) replay("kvm_past.txt", guest);
}

TEST_CASE("a transcript that says something else is noticed") {
  const auto same = [](const Lines& wanted, const Lines& got) {
    return unmet(wanted.begin(), wanted.end(), got.begin(), got.end(), {}) == wanted.end();
  };
  CHECK(same({"at {a}: ...", "...", "{a} again"}, {"at 0x12: mov", "one", "two", "0x12 again"}));
  CHECK(same({"...", "end"}, {"end"}));
  CHECK_FALSE(same({"at {a}", "{a} again"}, {"at 0x12", "0x13 again"}));
  CHECK_FALSE(same({"one", "two"}, {"one"}));
  CHECK_FALSE(same({"one"}, {"one", "two"}));
  CHECK_FALSE(same({"one", "...", "three"}, {"one", "two"}));
  CHECK(chosen({"a{{ <b>}}", "{{c}}", ""}, false) == Lines{"a", ""});
  CHECK(chosen({"a{{ <b>}}", "{{c}}"}, true) == Lines{"a <b>", "c"});
}
