// Owns the tests of ringside bundle and ringside replay: a run that was packed is made again where nothing
// else is.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "tests/cli/program.h"

namespace ringside::cli {
namespace {

namespace fs = std::filesystem;

// Waits for a byte, sends it back; 'q' ends the run by port F4H with status 1.
const std::string echo_until_q =
    firmware({0xba, 0xfd, 0x03, 0xec, 0xa8, 0x01, 0x74, 0xfb,  // until data is ready
              0xba, 0xf8, 0x03, 0xec, 0xee,                    // IN, OUT
              0x3c, 'q',  0x75, 0xef, 0xb0, 0x00, 0xe6, 0xf4});

bool one_line(const std::string& text) { return std::count(text.begin(), text.end(), '\n') == 1; }

// The folder for temporary files, in which nothing of a bundle's parts is to stay.
class Temporary {
 public:
  Temporary() {
    if (const char* const before = ::getenv("TMPDIR")) before_ = before;
    ::setenv("TMPDIR", (folder_ / "").c_str(), 1);
  }
  ~Temporary() {
    if (before_.empty())
      ::unsetenv("TMPDIR");
    else
      ::setenv("TMPDIR", before_.c_str(), 1);
  }
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  bool empty() const { return fs::is_empty(folder_ / ""); }

 private:
  Folder folder_;
  std::string before_;
};

}  // namespace

TEST_CASE("a run is recorded and packed by one command, and made again from the file alone") {
  const Folder here, elsewhere;
  const Temporary temporary;
  const std::string rom = here.write("my rom", echo_until_q), map = here.write("map", "fffffff0 T start\n"),
                    packed = here / "packed";
  const Result first = run({"bundle", packed, "--note", "look at the q", "-bios", rom, "--symbols", map,
                            "-device", "isa-debug-exit"},
                           "hello q");
  CHECK(first.status == 0);
  CHECK(first.out == "hello q");
  CHECK(has(first.err, "bundle: -bios " + rom + ": 65536 bytes, in it as images/0-my_rom"));
  CHECK(has(first.err, "ringside replay " + packed + " makes the run again"));
  CHECK(temporary.empty());

  const std::string moved = elsewhere / "moved";
  fs::rename(packed, moved);
  fs::remove(rom);
  fs::remove(map);
  const Result again = run({"replay", moved});
  CHECK(again.out == "hello q");
  CHECK(again.status == 1);
  CHECK(has(again.err, "always the same"));
  CHECK(temporary.empty());
  // The debugger opens it, too, with the names that were packed.
  const Result debugged = run({"debug", "--replay", moved, "--batch", "-ex", "where", "-ex", "continue"});
  CHECK(has(debugged.out, "<start>"));
  CHECK(has(debugged.out, "isa-debug-exit"));
  CHECK(temporary.empty());

  // A person without Ringside can look into it.
  const std::string command =
      "cd " + (elsewhere / "") + " && zstd -dcq moved | tar -xO README.txt console.txt end.txt";
  if (std::system("which zstd tar > /dev/null 2>&1") != 0) return;
  REQUIRE(std::system((command + " > looked").c_str()) == 0);
  const std::string looked = read_file(elsewhere / "looked");
  CHECK(has(looked, "look at the q\n"));
  CHECK(has(looked, "--device=isa-debug-exit\n"));
  CHECK(has(looked, "exit status 1"));
  CHECK(has(looked, "hello q"));
  CHECK(has(looked, "CPU 0, VMX off, ring 0, real mode, f000:"));
  CHECK(has(looked, "RAX 00000000"));
}

TEST_CASE("a recording is packed with what the debugger says of its end: the last VM exits and what waits") {
  const Folder folder;
  const std::string recording = folder / "recording", packed = folder / "packed";
  REQUIRE(run({"-smp", "2", "--record", recording}).status == 0);
  const Result result = run({"bundle", packed, "--replay", recording});
  CHECK(result.status == 0);
  CHECK(result.out == "");
  CHECK(has(result.err, "bundle: built-in guest: "));
  CHECK(has(result.err, "not in it: it is a part of Ringside"));
  fs::remove(recording);
  CHECK(run({"replay", packed}).status == 0);
  // What was packed is packed again, with other words.
  const std::string once_more = folder / "once_more";
  CHECK(run({"bundle", once_more, "--replay", packed, "--note", "second"}).status == 0);
  CHECK(run({"replay", once_more}).status == 0);
  if (std::system("which zstd tar > /dev/null 2>&1") != 0) return;
  REQUIRE(std::system(("cd " + (folder / "") + " && zstd -dcq once_more | tar -xO end.txt > end").c_str()) ==
          0);
  const std::string end = read_file(folder / "end");
  CHECK(has(end, "the last VM exit: reason 2, Triple fault"));
  CHECK(has(end, "VM exit, reason 37: Monitor trap flag"));
  CHECK(has(end, "nothing waits"));
}

TEST_CASE("with hashes alone the images are looked for as those of a recording are") {
  const Folder folder;
  const std::string rom = folder.write("rom", echo_until_q), packed = folder / "packed";
  CHECK(has(run({"bundle", packed, "--hashes", "-bios", rom, "-device", "isa-debug-exit"}, "q").err,
            "not in it: its hash alone was asked for"));
  CHECK(run({"replay", packed}).out == "q");
  fs::create_directory(folder / "old");
  fs::rename(rom, folder / "old/rom");
  CHECK(has(run({"replay", packed}).err, "-bios " + rom + ": is not there; name the folder where it is now"));
  CHECK(run({"replay", packed, "--images", folder / "old"}).out == "q");
}

TEST_CASE(
    "a bundle that is none, was cut, or is of another form is refused in one line, and leaves nothing") {
  const Folder folder;
  const Temporary temporary;
  const std::string packed = folder / "packed";
  REQUIRE(
      run({"bundle", packed, "-bios", folder.write("rom", echo_until_q), "-device", "isa-debug-exit"}, "q")
          .status == 0);
  const std::string good = read_file(packed);
  const auto refused = [&](const std::string& bytes, const char* why) {
    const std::string name = folder.write("bad", bytes);
    const Result result = run({"replay", name});
    CAPTURE(result.err);
    CHECK(result.status == 2);
    CHECK(one_line(result.err));
    CHECK(has(result.err, "--replay " + name + ": "));
    CHECK(has(result.err, why));
    CHECK(temporary.empty());
  };
  refused(good.substr(0, good.size() / 2), "is cut short; fetch it again");
  refused(good.substr(0, 8), "is cut short; fetch it again");
  std::string changed = good;
  changed[good.size() / 2] ^= 1;
  refused(changed, "fetch it again");
  refused(good + "x", "something follows its end");
  CHECK(has(run({"replay"}).err, "replay: which? Write ringside replay FILE"));
  CHECK(has(run({"bundle"}).err, "bundle: the file comes first"));
  CHECK(has(run({"bundle", "/nowhere/x", "-bios", folder / "rom"}).err, "bundle /nowhere/x: "));
  CHECK(has(run({"bundle", folder / "x", "--record", folder / "y"}).err,
            "--record: a bundle is recorded by itself"));
  CHECK(has(run({"bundle", folder / "x", "-bios", folder / "nothing"}).err, "nothing"));
  CHECK(!fs::exists(folder / "x"));
  if (std::system("which zstd tar > /dev/null 2>&1") != 0) return;
  REQUIRE(std::system(
              ("cd " + (folder / "") +
               " && mkdir t && cd t && zstd -dcq ../packed | tar -x && sed -i 's/\"ringside_bundle\": 1/"
               "\"ringside_bundle\": 9/' bundle.json && tar --format=ustar -c bundle.json recording | zstd "
               "-qc > ../other && tar --format=ustar -c recording | zstd -qc > ../none")
                  .c_str()) == 0);
  refused(read_file(folder / "other"), "is a bundle in the form of another version");
  refused(read_file(folder / "none"), "is an archive, but no bundle");
}

}  // namespace ringside::cli
