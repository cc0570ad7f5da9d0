// Owns the tests of subjects as a document, and of the marks that divide a run.
#include "frontend/compare/subject.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "frontend/compare/measured_run.h"
#include "frontend/compare/names.h"
#include "tests/machine/guest.h"

namespace ringside::compare {
namespace {

std::string refusal(std::string_view toml) {
  std::vector<Subject> subjects;
  std::string error;
  return read_subjects(toml, subjects, error) ? "" : error;
}

TEST_CASE("the subjects that are built in can be read, and their names differ") {
  std::vector<Subject> subjects;
  std::string error;
  REQUIRE_MESSAGE(read_subjects(own_subjects(), subjects, error), error);
  REQUIRE(subjects.size() >= 2);
  for (std::size_t n = 0; n < subjects.size(); ++n) {
    CHECK_FALSE(subjects[n].title.empty());
    for (std::size_t other = 0; other < n; ++other) CHECK(subjects[n].name != subjects[other].name);
  }
}

TEST_CASE("what is wrong with a subject is said with its place") {
  CHECK(refusal("[[subject]]\nname = 'a'\nflags = ['-m', '1']\nbegin = ['x']\nend = 'y'\n") == "");
  CHECK(refusal("[[subject]]\nname = 'a'\n").find("this subject has no ") != std::string::npos);
  CHECK(refusal("[[subject]]\ncolour = 'red'\n") == "2:10: colour: a subject has no such key");
  CHECK(refusal("[[subject]]\nname = 3\n") == "2:8: a text is wanted here");
  CHECK(refusal("[[subject]]\nflags = 'x'\n") == "2:9: a list of texts is wanted here");
  CHECK(refusal("[[subject]]\ncontrol_cpus = -1\n").find("a whole number") != std::string::npos);
  CHECK(refusal("other = 1\n").find("nothing else") != std::string::npos);
  CHECK(refusal("[[subject\n").find("1:") == 0);
}

TEST_CASE("a subject that stands instead of another one says only what differs") {
  std::vector<Subject> subjects;
  std::string error;
  const std::string first = "[[subject]]\nname = 'a'\nflags = ['-m', '1']\nbegin = ['x']\nend = 'y'\n";
  REQUIRE(read_subjects(first + "[[subject]]\ninstead_of = 'a'\nname = 'b'\nflags = ['-m', '2']\n", subjects,
                        error));
  REQUIRE(subjects.size() == 2);
  CHECK(subjects[1].name == "b");
  CHECK(subjects[1].flags == std::vector<std::string>{"-m", "2"});
  CHECK(subjects[1].begin == subjects[0].begin);
  CHECK(subjects[1].end == "y");
  // Of somebody who is not there it has nothing.
  CHECK(refusal(first + "[[subject]]\ninstead_of = 'c'\nname = 'b'\nend = 'y'\n") != "");
}

TEST_CASE("images of real systems that nobody has are asked for in one line") {
  Subject subject;
  subject.name = "kvm";
  subject.flags = {"-kernel", "{guests}/kvm/vmlinuz", "-append", "times={times}"};
  std::string error;
  Subject one = subject;
  CHECK_FALSE(fill_in(one, {"", ""}, 1, error));
  CHECK(error.find("--guests FOLDER") != std::string::npos);
  CHECK(fill_in(subject, {"", "/images"}, 7, error));
  CHECK(subject.flags == std::vector<std::string>{"-kernel", "/images/kvm/vmlinuz", "-append", "times=7"});
  subject.kernel = {"{guests}/nothing.elf"};
  CHECK_FALSE(fill_in(subject, {"", "/images"}, 1, error));
  CHECK(error.find("/images/nothing.elf is not there") != std::string::npos);
}

TEST_CASE("debugging information is used where somebody says where it is, and is one file a pattern") {
  namespace fs = std::filesystem;
  const fs::path folder = fs::temp_directory_path() / fmt::format("ringside-names-{}", getpid());
  fs::create_directories(folder / "boot");
  Subject subject;
  subject.name = "kvm";
  subject.debug = {"{debug}/boot/vmlinux-*"};
  std::string error;
  Subject without = subject;
  CHECK(fill_in(without, {"", "", ""}, 1, error));
  CHECK(without.debug.empty());
  const Places places{"", "", folder.string()};
  Subject one = subject;
  CHECK_FALSE(fill_in(one, places, 1, error));
  CHECK(error.starts_with("kvm: 0 files are " + folder.string() + "/boot/vmlinux-*; one is wanted"));
  std::ofstream(folder / "boot/vmlinux-1") << "";
  one = subject;
  CHECK(fill_in(one, places, 1, error));
  CHECK(one.debug == std::vector<std::string>{(folder / "boot/vmlinux-1").string()});
  std::ofstream(folder / "boot/vmlinux-2") << "";
  one = subject;
  CHECK_FALSE(fill_in(one, places, 1, error));
  CHECK(error.starts_with("kvm: 2 files are "));
  fs::remove_all(folder);
}

// Files that are no kernel's are refused in a line, before anything is counted with them.
TEST_CASE("names are looked for in the machine, and what does not run there is refused") {
  Guest guest;
  guest.put(Guest::code, 0xfeeb, 2);  // jmp $
  Symbols symbols;
  std::string error;
  CHECK(find_names(*guest.machine, {}, symbols, error));
  CHECK_FALSE(find_names(*guest.machine, {RINGSIDE_BINARY_DIR "/roms/tiny.elf"}, symbols, error));
  CHECK(error.find("tiny.elf: it is not what runs here: ") != std::string::npos);
  CHECK_FALSE(find_names(*guest.machine, {"/nowhere/kvm.ko"}, symbols, error));
  CHECK(error.find("/nowhere/kvm.ko: ") == 0);
}

// Prints a text on COM1 and sleeps for ever.
struct Printing {
  explicit Printing(std::string_view text) {
    u64 at = Guest::data;
    for (const char letter : text) guest.put(at++, static_cast<u8>(letter), 1);
    guest.put(at, 0, 1);
    at = Guest::code;
    // mov esi, data; mov edx, 3f8h; again: lodsb; test al, al; jz over; out dx, al; jmp again; over: cli; hlt
    for (const u8 byte : {0xbe, 0x00, 0x00, 0x02, 0x00, 0xba, 0xf8, 0x03, 0x00, 0x00,
                          0xac, 0x84, 0xc0, 0x74, 0x03, 0xee, 0xeb, 0xf8, 0xfa, 0xf4})
      guest.put(at++, byte, 1);
  }
  Guest guest;
};

Subject marked() {
  Subject subject;
  subject.name = "s";
  subject.begin = {"^up", "^go"};
  subject.piece = "^did ([a-z]+): ([0-9]+) ([a-z]+)";
  subject.end = "^over";
  subject.fail = "^bad";
  subject.most_instructions = 1'000'000;
  return subject;
}

TEST_CASE("lines divide a run into pieces of work, to the instruction") {
  Printing printing("go\nup\nnoise\ngo\ndid this: 12 things\r\nnoise\ndid that: 3 others\nover\n");
  MeasuredRun run;
  std::string error;
  REQUIRE_MESSAGE(measure_run(*printing.guest.machine, marked(), run, error), error);
  const auto& pieces = run.measured.pieces;
  REQUIRE(pieces.size() == 2);
  CHECK(pieces[0].name == "this");
  CHECK(pieces[0].units == 12);
  CHECK(pieces[0].units_are == "things");
  CHECK(pieces[1].name == "that");
  // Five instructions a letter, from behind the OUT of one newline to the next one.
  constexpr u64 a_letter = 5;
  CHECK(pieces[0].part[0] == a_letter * std::string_view("did this: 12 things\r\n").size());
  CHECK(pieces[1].part[0] == a_letter * std::string_view("noise\ndid that: 3 others\n").size());
  CHECK(pieces[1].end - pieces[0].begin == pieces[0].part[0] + pieces[1].part[0]);
}

TEST_CASE("a mark that does not come is named, with the last line") {
  const auto words = [](std::string_view text, const Subject& subject) {
    Printing printing(text);
    MeasuredRun run;
    std::string error;
    CHECK_FALSE(measure_run(*printing.guest.machine, subject, run, error));
    return error;
  };
  const auto has = [](const std::string& text, std::string_view part) {
    return text.find(part) != text.npos;
  };
  std::string why = words("up\nnothing\n", marked());
  CHECK(has(why, "s: the line that begin = \"^go\" waits for did not come before the machine ended"));
  CHECK(has(why, "the last line was \"nothing\""));
  CHECK(has(words("up\ngo\ndid x: 1 y\n", marked()), "the line that end = \"^over\" waits for did not come"));
  CHECK(has(words("up\ngo\nover\n", marked()), "no line before it ended a piece"));
  CHECK(has(words("up\ngo\nbad luck\nover\n", marked()), "the guest's work went wrong: \"bad luck\""));
  Subject subject = marked();
  subject.most_instructions = 50;
  CHECK(has(words("up\ngo\nover\n", subject), "did not come within 50 instructions"));
  subject = marked();
  subject.end = "(";
  CHECK(has(words("up\n", subject), "give a POSIX extended regular expression"));
}

}  // namespace
}  // namespace ringside::compare
