// Owns the tests of the window by a person's means: it is on a desktop, and keys and mouse reach it as
// anybody's do. They are skipped, in words, where Xvfb or xdotool is missing.
#include <doctest/doctest.h>

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/cli/desktop.h"
#include "tests/cli/program.h"

using namespace ringside::cli;
using namespace std::chrono_literals;

namespace {

// Sends each scan code to COM1.
const std::string echoes_keys = firmware({0xe4, 0x64, 0xa8, 0x01, 0x74, 0xfa,  // until one is there
                                          0xe4, 0x60, 0xba, 0xf8, 0x03, 0xee, 0xeb, 0xf2});
const std::string spins = firmware({0xeb, 0xfe});

}  // namespace

TEST_CASE(
    "keys go to the guest, but for the window's own; while it has grabbed them F1 is the guest's, too") {
  const Folder folder;
  Desktop desktop;
  if (!desktop.there() || !has_sdl()) return;
  Running program({"-bios", folder.write("bios", echoes_keys), "-display", "sdl"}, Running::With::pipes);
  REQUIRE(desktop.wait_for_window("Ringside"));
  desktop.press("a");
  CHECK(program.wait_for("\x1e\x9e"));
  program.forget();
  desktop.press("F1");  // help
  desktop.press("F1");
  desktop.press("b");
  CHECK(program.wait_for("\x30\xb0"));
  CHECK(program.output() == "\x30\xb0");
  desktop.press("ctrl+alt+g");
  CHECK(desktop.wait_for_window("Ctrl-Alt-G frees"));
  program.forget();
  desktop.press("F1");
  CHECK(program.wait_for("\x3b\xbb"));
  desktop.press("ctrl+alt+g");
  CHECK(desktop.wait_for_window("Ringside$"));
  desktop.click();
  CHECK(desktop.wait_for_window("Ctrl-Alt-G frees"));
  desktop.press("ctrl+alt+q");
  CHECK(program.finish() == 0);
}

TEST_CASE("pause, help, a picture, sizes and the end have keys") {
  const Folder folder;
  Desktop desktop;
  if (!desktop.there() || !has_sdl()) return;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder / "");
  Running program({"-bios", folder.write("bios", spins), "-name", "two words", "-display", "sdl"},
                  Running::With::pipes);
  std::filesystem::current_path(before);
  REQUIRE(desktop.wait_for_window("^two words - Ringside$"));
  desktop.press("ctrl+alt+p");
  REQUIRE(desktop.wait_for_window("paused"));
  // Nothing moves now but what the keys move.
  const auto changes = [&](const std::string& keys) {
    const std::string dots = desktop.dots();
    desktop.press(keys);
    return desktop.wait_for_other_dots(dots);
  };
  for (const std::string keys : {"F1", "Escape", "ctrl+alt+h", "ctrl+alt+h", "ctrl+alt+z"}) {
    CAPTURE(keys);
    CHECK(changes(keys));
  }
  desktop.press("ctrl+alt+s");
  CHECK(program.wait_for("screenshot-1.png: written"));
  CHECK(read_file(folder / "screenshot-1.png").starts_with("\x89PNG\r\n"));
  for (const char* keys :
       {"ctrl+alt+f", "ctrl+alt+f", "ctrl+alt+t", "ctrl+alt+u", "ctrl+alt+v", "ctrl+alt+i", "F2"})
    desktop.press(keys);
  for (const int size : {50, 1, 1200}) {
    desktop.resize(size, size / 2 + 1);
    std::this_thread::sleep_for(100ms);
  }
  desktop.press("ctrl+alt+p");
  CHECK(desktop.wait_for_window("^two words - Ringside$"));
  desktop.press("ctrl+alt+q");
  const int ended = program.finish();
  CHECK_MESSAGE(ended == 0, program.output());
}

TEST_CASE("closing the window presses the power button, and closing it again ends the run") {
  const Folder folder;
  Desktop desktop;
  if (!desktop.there() || !has_sdl()) return;
  Running program({"-bios", folder.write("bios", spins), "-display", "sdl"}, Running::With::pipes);
  REQUIRE(desktop.wait_for_window("Ringside"));
  const std::string dots = desktop.dots();
  desktop.close();
  CHECK(desktop.wait_for_other_dots(dots));  // what to do next is said there
  CHECK(desktop.has_window("Ringside"));
  desktop.close();
  CHECK(program.finish() == 0);
}

TEST_CASE("a run with a window on a desktop ends in the same state as one without") {
  const Folder folder;
  Desktop desktop;
  if (!desktop.there() || !has_sdl()) return;
  const std::string bios = folder.write("bios", spins);
  const auto hash = [&](const char* display) {
    const std::string stats = folder / display;
    CHECK(run({"-bios", bios, "-display", display, "--max-instructions", "20000000", "--stats", stats})
              .status == 124);
    return nlohmann::json::parse(read_file(stats))["state_hash"];
  };
  const auto with = hash("sdl");
  CHECK_FALSE(with.is_null());
  CHECK(with == hash("none"));
}

TEST_CASE("a window opens by itself for a person who boots a PC, and for nobody else") {
  const Folder folder;
  Desktop desktop;
  if (!desktop.there() || !has_sdl() || !has_terminals()) return;
  const std::string bios = folder.write("bios", echoes_keys);
  {
    Running program({"-bios", bios}, Running::With::terminal);
    REQUIRE(desktop.wait_for_window("Ringside"));
    desktop.press("ctrl+alt+q");
    CHECK(program.finish() == 0);
  }
  for (const std::vector<std::string>& more : std::vector<std::vector<std::string>>{
           {"-display", "none"}, {"-nographic"}, {"--timeout", "600"}, {"--explain"}, {"-vga", "none"}}) {
    CAPTURE(more[0]);
    std::vector<std::string> words{"-bios", bios, "--type", "a"};
    if (more[0] != "--timeout") words.resize(2);
    words.insert(words.end(), more.begin(), more.end());
    Running program(words, Running::With::terminal);
    // It has got as far as to wait for keys.
    REQUIRE(program.wait_for("Ctrl-A x"));
    std::this_thread::sleep_for(300ms);
    CHECK_FALSE(desktop.has_window("Ringside"));
    program.type("\x01x");
    CHECK(program.finish() == 0);
  }
  // From a pipe, and where there is no desktop, which is said.
  {
    Running program({"-bios", bios}, Running::With::pipes);
    std::this_thread::sleep_for(300ms);
    CHECK_FALSE(desktop.has_window("Ringside"));
  }
  const std::string display = std::getenv("DISPLAY");
  setenv("DISPLAY", "", 1);
  Running without({"-bios", bios}, Running::With::terminal);
  setenv("DISPLAY", display.c_str(), 1);
  CHECK(without.wait_for("no desktop, so no window: "));
  without.type("\x01x");
  CHECK(without.finish() == 0);
}

TEST_CASE("the debugger has a window when it is asked for one, whose keys stop the machine") {
  const Folder folder;
  Desktop desktop;
  if (!desktop.there() || !has_sdl()) return;
  Running program({"debug", "-bios", folder.write("bios", echoes_keys), "-display", "sdl"},
                  Running::With::pipes);
  REQUIRE(desktop.wait_for_window("paused"));
  program.type("continue\n");
  REQUIRE(desktop.wait_for_window("Ringside$"));
  desktop.press("a");
  CHECK(program.wait_for("\x1e\x9e"));
  desktop.press("ctrl+alt+p");
  CHECK(desktop.wait_for_window("paused"));
  desktop.press("ctrl+alt+q");
  CHECK(program.finish() == 0);
}

TEST_CASE("GRUB's menu is moved by the arrow keys in the window") {
  const std::string cd = "/usr/lib/grub-rescue/grub-rescue-cdrom.iso";
  Desktop desktop;
  if (!desktop.there() || !has_sdl()) return;
  if (!std::filesystem::exists(cd)) {
    MESSAGE("skipped: ", cd, " is not there; it comes with grub-rescue-pc");
    return;
  }
  // Down, and up again: rows are waited for in this order.
  Running program({"-cdrom", cd, "-serial", "null", "-display", "sdl", "--expect-screen", "[*]GNU/Linux",
                   "--expect-screen", "[*]GNU .aka", "--expect-screen", "[*]GNU/Linux", "--timeout", "300"},
                  Running::With::pipes);
  REQUIRE(desktop.wait_for_window("Ringside"));
  for (int n = 0; n < 600 && desktop.has_window("Ringside"); ++n) {
    desktop.press(n % 2 == 0 ? "Down" : "Up");
    std::this_thread::sleep_for(500ms);
  }
  CHECK(program.finish() == 0);
}
