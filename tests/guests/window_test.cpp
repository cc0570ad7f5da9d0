// Owns the tests of real systems in a real window, by a person's means: what they show is looked at with the
// window's own key for pictures, and keys and mouse reach them as anybody's do. What is not installed is
// skipped with a line.
#include <doctest/doctest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <optional>
#include <thread>
#include <utility>

#include "tests/cli/desktop.h"
#include "tests/cli/program.h"
#include "tests/guests/media.h"

namespace ringside::cli {
namespace {

using namespace std::chrono_literals;
using Words = std::vector<std::string>;

// Width and height stand in a PNG file's header.
bool has_size(const std::string& picture, std::string_view size) {
  return picture.size() > 24 && picture.compare(16, 8, size) == 0;
}

// How many bytes more or less the second has. A page of another text differs by thousands, a button of
// another colour or a blinking cursor by some.
std::size_t apart(const std::string& one, const std::string& other) {
  return static_cast<std::size_t>(std::abs(static_cast<long>(one.size()) - static_cast<long>(other.size())));
}

// A machine in a window, and the person in front of it.
class Sitting {
 public:
  Sitting(Desktop& desktop, Words machine) : desktop_(desktop) {
    machine.insert(machine.end(), {"-serial", "null", "-display", "sdl", "--timeout", "1200"});
    // Pictures are written where the program was started.
    const auto before = std::filesystem::current_path();
    std::filesystem::current_path(folder_ / "");
    program_.emplace(std::move(machine), Running::With::pipes);
    std::filesystem::current_path(before);
    REQUIRE(desktop_.wait_for_window("Ringside"));
  }

  Running& program() { return *program_; }
  // Asked for more than once where the host is too busy to hear of the key within a minute.
  std::string picture() {
    const std::string name = "screenshot-" + std::to_string(++pictures_) + ".png";
    for (int tries = 0; tries < 5; ++tries) {
      desktop_.press("ctrl+alt+s");
      if (program_->wait_for(name + ": written")) return read_file(folder_ / name);
    }
    FAIL(name, " never came: ", program_->output());
    return {};
  }
  // The first one of which `good` holds, within ten minutes of a host that may be busy.
  std::string picture_where(const std::function<bool(const std::string&)>& good) {
    for (int tries = 0; tries < 600; ++tries) {
      std::string now = picture();
      if (good(now)) return now;
      std::this_thread::sleep_for(1s);
    }
    FAIL("it never came");
    return {};
  }

 private:
  Folder folder_;
  Desktop& desktop_;
  std::optional<Running> program_;
  int pictures_ = 0;
};

}  // namespace

TEST_CASE("a shell on Linux's framebuffer console in the window does what is typed there") {
  Desktop desktop;
  if (!desktop.there() || !has_sdl()) return;
  if (!is_there(installer + "initrd.gz", "debian-installer-12-netboot-amd64")) return;
  Sitting sitting(desktop, {"-m", "512", "-kernel", installer + "linux", "-initrd", installer + "initrd.gz",
                            "-append", "vga=788 rdinit=/bin/sh quiet", "-vga", "std"});
  constexpr std::string_view of_800_by_600("\0\0\x03\x20\0\0\x02\x58", 8);
  // The shell's greeting and its prompt; an empty picture of this size has 1,500 bytes.
  const std::string prompt = sitting.picture_where(
      [&](const std::string& now) { return has_size(now, of_800_by_600) && now.size() > 3500; });
  desktop.type("ls /");
  desktop.press("Return");
  sitting.picture_where([&](const std::string& now) { return now.size() > prompt.size() + 500; });
  desktop.type("poweroff -f");
  desktop.press("Return");
  CHECK(sitting.program().finish() == 0);
}

TEST_CASE("the graphical Debian installer in the window is clicked through with the mouse") {
  Desktop desktop;
  if (!desktop.there() || !has_sdl()) return;
  if (!is_there(installer + "initrd.gz", "debian-installer-12-netboot-amd64")) return;
  Sitting sitting(desktop, {"-m", "1024", "-kernel", installer + "linux", "-initrd", installer + "initrd.gz",
                            "-append", "vga=788 --- quiet", "-vga", "std"});
  // The list of languages, when nothing moves any more.
  std::string before;
  const std::string language = sitting.picture_where(
      [&](const std::string& now) { return std::exchange(before, now) == now && now.size() > 80'000; });
  // The first click makes the mouse the guest's, and is not a click there.
  desktop.click();
  REQUIRE(desktop.wait_for_window("Ctrl-Alt-G frees"));
  CHECK(apart(sitting.picture(), language) < 1'000);
  // To the corner, and back to the button that goes on.
  desktop.move(1500, 1500);
  std::this_thread::sleep_for(500ms);
  desktop.move(-30, -12);
  // It comes under the pointer, and changes its colour.
  sitting.picture_where([&](const std::string& now) { return now != language; });
  std::this_thread::sleep_for(500ms);
  desktop.click_here();
  const std::string location =
      sitting.picture_where([&](const std::string& now) { return apart(now, language) > 5'000; });
  desktop.press("Return");
  sitting.picture_where([&](const std::string& now) { return apart(now, location) > 5'000; });
  desktop.press("ctrl+alt+q");
  CHECK(sitting.program().finish() == 0);
}

TEST_CASE(
    "memtest86+ in the window is started by a key, and opens its settings by the window's key for help") {
  const std::string cd = "/usr/lib/memtest86+/memtest86+x64.iso";
  Desktop desktop;
  if (!desktop.there() || !has_sdl()) return;
  if (!is_there(cd, "memtest86+") || !has_seabios()) return;
  Sitting sitting(desktop, {"-m", "32", "-cdrom", cd, "--expect-screen", "start testing", "--expect-screen",
                            "Errors: 0", "--expect-screen", "Settings:"});
  // Grabbed, the window leaves F1 to the guest.
  desktop.press("ctrl+alt+g");
  REQUIRE(desktop.wait_for_window("Ctrl-Alt-G frees"));
  // Rows of the test that is on have come to those of the start.
  sitting.picture_where([&](const std::string& now) {
    desktop.press("Return");
    return now.size() > 7'800;
  });
  for (int n = 0; n < 600 && desktop.has_window("Ringside"); ++n) {
    desktop.press("F1");
    std::this_thread::sleep_for(1s);
  }
  CHECK(sitting.program().finish() == 0);
}

}  // namespace ringside::cli
