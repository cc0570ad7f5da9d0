// Owns the tests of where the window's parts are, of the line below the picture and of the list of its keys.
#include <doctest/doctest.h>

#include <set>

#include "frontend/sdl/layout.h"
#include "frontend/sdl/status_line.h"
#include "frontend/sdl/window_keys.h"

namespace ringside {

TEST_CASE(
    "pictures are enlarged by whole numbers, keep their aspect, and are shrunk where there is no room") {
  LayoutRequest request{
      .across = 720, .down = 424, .picture_width = 720, .picture_height = 400, .bar_height = 24};
  CHECK(lay_out(request).picture == Box{0, 0, 720, 400});
  CHECK(lay_out(request).bar == Box{0, 400, 720, 24});
  request.across = 2000;
  request.down = 1000;
  CHECK(lay_out(request).picture == Box{280, 88, 1440, 800});
  request.smooth = true;
  CHECK(lay_out(request).picture == Box{122, 0, 1756, 976});
  request = {.across = 360, .down = 324, .picture_width = 720, .picture_height = 400, .bar_height = 24};
  CHECK(lay_out(request).picture == Box{0, 50, 360, 200});
}

TEST_CASE("panes take their part from the right; the line goes away only where the picture gains by it") {
  LayoutRequest request{.across = 1600,
                        .down = 900,
                        .picture_width = 720,
                        .picture_height = 400,
                        .panes_width = 800,
                        .bar_height = 24};
  Layout out = lay_out(request);
  CHECK(out.panes == Box{800, 0, 800, 900});
  CHECK(out.bar == Box{0, 876, 800, 24});
  CHECK(out.picture == Box{40, 238, 720, 400});
  request = {.across = 1024,
             .down = 768,
             .picture_width = 1024,
             .picture_height = 768,
             .bar_height = 24,
             .full_screen = true};
  CHECK(lay_out(request).picture == Box{0, 0, 1024, 768});
  CHECK(lay_out(request).bar.height == 0);
  request.across = 1280;
  request.down = 1024;
  CHECK(lay_out(request).bar.height == 24);
}

TEST_CASE("a window of any size has its parts inside") {
  for (int across = 0; across < 300; across += 7) {
    for (int down = 0; down < 100; down += 3) {
      for (const int panes : {0, 50, 1000}) {
        const Layout out = lay_out({.across = across,
                                    .down = down,
                                    .picture_width = 64,
                                    .picture_height = 48,
                                    .panes_width = panes,
                                    .bar_height = 24});
        for (const Box& box : {out.picture, out.area, out.bar, out.panes}) {
          REQUIRE(box.x >= 0);
          REQUIRE(box.y >= 0);
          REQUIRE(box.width >= 0);
          REQUIRE(box.height >= 0);
          REQUIRE(box.x + box.width <= across);
          REQUIRE(box.y + box.height <= down);
        }
      }
    }
  }
}

TEST_CASE("the line says world, time and speed, and the way out of a grab whatever the room") {
  using World = WindowStatus::World;
  using Look = StatusPart::Look;
  WindowStatus status;
  status.mips = 123.4;
  status.seconds = 5.67;
  status.cpus = {World::guest};
  StatusLine line = status_line(status, false, 80);
  REQUIRE(line.left.size() == 3);
  CHECK(line.left[0] == StatusPart{"CPU 0 guest", Look::guest});
  CHECK(line.left[1].text.find("5.7 s") != std::string::npos);
  CHECK(line.left[2].text.find("123 MIPS") != std::string::npos);
  status.paused = true;
  CHECK(status_line(status, false, 80).left[0] == StatusPart{"paused", Look::paused});
  status.cpus = {World::root, World::guest, World::halted, World::guest};
  line = status_line(status, false, 80);
  CHECK(line.left[1] == StatusPart{"1 root", Look::root});
  CHECK(line.left[2] == StatusPart{"2 guest", Look::guest});
  CHECK(line.left[3] == StatusPart{"1 halted", Look::halted});
  for (unsigned columns = 0; columns < 100; ++columns) {
    for (const bool grabbed : {false, true}) {
      line = status_line(status, grabbed, columns);
      unsigned used = columns_of(line.right);
      for (const StatusPart& part : line.left) used += columns_of(part) + 2;
      CHECK(line.right.text.starts_with(grabbed ? "Ctrl-Alt-G" : line.right.text.empty() ? "" : "F1"));
      if (!line.left.empty()) CHECK(used <= columns);
    }
  }
  CHECK(window_title(status, true) == "Ringside - paused - Ctrl-Alt-G frees mouse and keys");
  status.hears = WindowStatus::Hears::later;
  CHECK(window_title(status, false) == "Ringside - paused - in the past, input waits");
  CHECK(status_line(status, false, 80).left[1].text == "past");
  status.hears = WindowStatus::Hears::recording;
  CHECK(window_title(status, false) == "Ringside - paused - replay, takes no input");
  CHECK(status_line(status, false, 80).left[1].text == "replay");
  status.hears = WindowStatus::Hears::people;
  status.name = "vm";
  status.paused = false;
  CHECK(window_title(status, false) == "vm - Ringside");
}

TEST_CASE("each key of the window does one thing, and each thing has a key") {
  std::set<char> letters;
  std::set<unsigned> numbers;
  std::set<WindowAct> acts;
  for (const WindowKey& key : window_keys()) {
    CHECK(letters.insert(key.letter).second);
    if (key.function_key != 0) CHECK(numbers.insert(key.function_key).second);
    CHECK(acts.insert(key.act).second);
    CHECK(window_act(key.letter) == key.act);
    CHECK(window_keys_text().find(spelled(key)) != std::string::npos);
  }
  for (unsigned act = 0; act <= static_cast<unsigned>(WindowAct::quit); ++act)
    CHECK(acts.contains(static_cast<WindowAct>(act)));
  CHECK(window_act_of_function_key(1) == WindowAct::help);
  CHECK_FALSE(window_act_of_function_key(0));
  CHECK_FALSE(window_act('x'));
}

}  // namespace ringside
