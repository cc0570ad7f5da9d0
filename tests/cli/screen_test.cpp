// Owns the tests of the flags about screen and keyboard: what is expected there, pictures, what is typed.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include <cstdlib>
#include <filesystem>

#include "tests/cli/program.h"

using namespace ringside::cli;

namespace {

// Real-mode programs. "A" into the corner of the text screen, then spins.
const std::string shows_a = firmware({0xb8, 0x00, 0xb8, 0x8e, 0xc0,  // ES = B800H
                                      0x26, 0xc7, 0x06, 0x00, 0x00, 0x41, 0x07, 0xeb, 0xfe});
// Sends each scan code to COM1.
const std::string echoes_keys = firmware({0xe4, 0x64, 0xa8, 0x01, 0x74, 0xfa,  // until one is there
                                          0xe4, 0x60, 0xba, 0xf8, 0x03, 0xee, 0xeb, 0xf2});

bool is_png(const std::string& path) { return read_file(path).starts_with("\x89PNG\r\n"); }

}  // namespace

TEST_CASE("--expect-screen waits for a row of the screen") {
  const Folder folder;
  const std::string bios = folder.write("bios", shows_a);
  const Result seen = run({"-bios", bios, "--expect-screen", "^A$", "--timeout", "60"});
  CHECK(seen.status == 0);
  CHECK(seen.err == "");
  const Result never = run({"-bios", bios, "--expect-screen", "B", "--max-instructions", "1000000"});
  CHECK(never.status == 124);
  const Result both =
      run({"-bios", bios, "--expect-screen", "A", "--expect", "x", "--max-instructions", "1000000"});
  CHECK(both.status == 124);
  const Result wrong = run({"-bios", bios, "--expect-screen", "("});
  CHECK(wrong.status == 2);
  CHECK(wrong.err.starts_with("ringside: --expect-screen (: "));
}

TEST_CASE("the ROMs tell their story on the screen as on COM1, in every mode of the CPU, and it scrolls") {
  const std::string roms = RINGSIDE_BINARY_DIR "/roms/";
  // Its last lines, and what 64-bit code printed long before is gone.
  const Result visor = run({"-bios", roms + "visor.bin", "--expect-screen", "^42 exits of 32 kinds; VMXOFF",
                            "--fail-on", "nothing like it"});
  CHECK(visor.status == 0);
  CHECK(visor.err == "");
  CHECK(visor.out.find("42 exits of 32 kinds; VMXOFF") != std::string::npos);
  // What real mode, protected mode and 64-bit code say, each behind the other.
  const Result hello = run({"-bios", roms + "hello.bin", "--expect-screen", "^Ringside: an x86-64 machine",
                            "--expect-screen", "^real mode       first instruction at F000:FFF0",
                            "--expect-screen", "^protected mode  CR0 ", "--expect-screen", "^64-bit mode "});
  CHECK(hello.status == 0);
}

TEST_CASE("--screenshot and --screenshot-at write PNG files; a machine without a screen has none") {
  const Folder folder;
  const std::string bios = folder.write("bios", shows_a), before = folder / "before.png",
                    end = folder / "end.png";
  const Result done =
      run({"-bios", bios, "--screenshot-at", "3", before, "--screenshot", end, "--max-instructions", "1000"});
  CHECK(done.status == 124);
  CHECK(is_png(before));
  CHECK(is_png(end));
  CHECK(read_file(before) != read_file(end));
  const Result again = run({"-bios", bios, "--screenshot", before, "--max-instructions", "1000"});
  CHECK(read_file(before) == read_file(end));
  const Result none = run({"-bios", bios, "-vga", "none", "--screenshot", end});
  CHECK(none.status == 2);
  CHECK(none.err ==
        "ringside: --screenshot: -vga none leaves the machine without a screen; leave one of them out\n");
  const Result late =
      run({"-bios", bios, "--screenshot-at", "5000", folder / "late.png", "--max-instructions", "1000"});
  CHECK(late.err.find("--screenshot-at 5000") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(folder / "late.png"));
  CHECK(run({"-bios", bios, "--screenshot", folder / "no/such/folder.png"}).status == 1);
  CHECK(run({"-bios", bios, "--screenshot-at", "3"}).err ==
        "ringside: --screenshot-at 3: a word is missing; write --screenshot-at COUNT FILE\n");
  CHECK(run({"-bios", bios, "-vga", "cirrus"}).status == 2);
}

TEST_CASE("--type and --type-at press keys, at the same instructions every time") {
  const Folder folder;
  const std::string bios = folder.write("bios", echoes_keys);
  const std::vector<std::string> words = {"-bios", bios,        "-vga",    "none",    "--type",
                                          "a",     "--type-at", "1000000", "b",       "--expect",
                                          "\xb0",  "--timeout", "60",      "--stats", folder / "stats"};
  const Result typed = run(words);
  CHECK(typed.status == 0);
  CHECK(typed.out == "\x1e\x9e\x30\xb0");
  const Result wrong = run({"-bios", bios, "--type", "<nothing>"});
  CHECK(wrong.status == 2);
  CHECK(wrong.err.starts_with("ringside: --type <nothing>: <nothing>: no such key"));
}

TEST_CASE("typing that waits for the screen gives the machine one, and is refused where there may be none") {
  const Folder folder;
  const std::string bios = folder.write("bios", shows_a), picture = folder / "typed.png";
  const Result met = run({"-bios", bios, "-nographic", "--type",
                          "<screen ^A$><screenshot " + picture + "><quit>", "--timeout", "60"});
  CHECK(met.status == 0);
  CHECK(is_png(picture));
  for (const std::string text : {"a<screen login:>", "<screenshot x.png>"}) {
    const Result none = run({"-bios", bios, "-vga", "none", "--type", text});
    CHECK(none.status == 2);
    CHECK(none.err == "ringside: --type " + text +
                          ": -vga none leaves the machine without a screen; leave one of them out\n");
  }
  CHECK(run({"-bios", bios, "-vga", "none", "--type-at", "5", "<screen x>"}).status == 2);
  const Result command = run({"debug", "-bios", bios, "-vga", "none", "--batch", "-ex", "type <screen A>"});
  CHECK(command.err.find("no screen to wait for; start it with -vga std") != std::string::npos);
}

TEST_CASE("the debugger shows the screen, writes a picture of it, types and moves the mouse") {
  const Folder folder;
  const std::string bios = folder.write("bios", shows_a), picture = folder / "now.png";
  const Result shown = run({"debug", "-bios", bios, "--batch", "-ex", "continue 10", "-ex", "screen", "-ex",
                            "screenshot " + picture, "-ex", "mouse 5 -3 1", "-ex", "screen -json"});
  CHECK(shown.status == 0);
  CHECK(shown.out.find("text, 80x25\n|A\n") != std::string::npos);
  CHECK(shown.out.find("\"mode\"") != std::string::npos);
  CHECK(is_png(picture));
  const std::string keys = folder.write("keys", echoes_keys);
  const Result typed = run({"debug", "-bios", keys, "--batch", "-ex", "type a", "-ex", "continue 100000000"});
  CHECK(typed.out.find("\x1e\x9e") != std::string::npos);
  CHECK(run({"debug", "-bios", bios, "-vga", "none", "--batch", "-ex", "screen"}).err.find("-vga std") !=
        std::string::npos);
}

TEST_CASE("a window changes nothing of the run") {
  const Folder folder;
  const std::string bios = folder.write("bios", shows_a), with = folder / "with",
                    without = folder / "without";
  // A desktop that nobody sees.
  setenv("SDL_VIDEODRIVER", "dummy", 1);
  const Result shown =
      run({"-bios", bios, "-display", "sdl", "--max-instructions", "3000000", "--stats", with});
  unsetenv("SDL_VIDEODRIVER");
  if (shown.err.find("built without SDL") != std::string::npos) {
    MESSAGE("skipped: the program was built without SDL");
    return;
  }
  CHECK(shown.status == 124);
  CHECK(
      run({"-bios", bios, "-display", "none", "--max-instructions", "3000000", "--stats", without}).status ==
      124);
  const auto hash = [](const std::string& path) {
    return nlohmann::json::parse(read_file(path))["state_hash"];
  };
  CHECK(hash(with) == hash(without));
  CHECK_FALSE(hash(with).is_null());
  // And a host without any.
  setenv("SDL_VIDEODRIVER", "x11", 1);
  const char* const display = std::getenv("DISPLAY");
  const std::string before = display != nullptr ? display : "";
  setenv("DISPLAY", ":no-such-display", 1);
  const Result none = run({"-bios", bios, "-display", "sdl"});
  before.empty() ? unsetenv("DISPLAY") : setenv("DISPLAY", before.c_str(), 1);
  unsetenv("SDL_VIDEODRIVER");
  CHECK(none.status == 1);
  CHECK(none.err.starts_with("ringside: -display sdl: no window can be opened ("));
}
