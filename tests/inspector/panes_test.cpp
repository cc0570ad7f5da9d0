// Owns the tests of the inspector's panes without a desktop: SDL's events in, dots and orders out.
#include <SDL.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "devices/vga/picture.h"
#include "frontend/inspector/imgui/inspector_panes.h"
#include "frontend/screen/screen.h"
#include "tests/inspector/visor_inspection.h"

namespace ringside {
namespace {

// A window that nobody sees, with the visor's inspector in it.
struct Panel : VisorInspection {
  int across, down;
  SDL_Window* window = nullptr;
  SDL_Renderer* renderer = nullptr;
  std::string why;
  std::unique_ptr<Panes> panes = make_inspector(exchange, true, why);

  Panel(int across, int down) : across(across), down(down) {
    SDL_SetHint(SDL_HINT_VIDEODRIVER, "dummy");
    REQUIRE(SDL_InitSubSystem(SDL_INIT_VIDEO) == 0);
    window = SDL_CreateWindow("test", 0, 0, across, down, 0);
    renderer = SDL_CreateRenderer(window, -1, SDL_RENDERER_SOFTWARE);
    REQUIRE(renderer != nullptr);
    panes->attach(window, renderer);
  }
  ~Panel() {
    panes->detach();
    SDL_DestroyRenderer(renderer);
    SDL_DestroyWindow(window);
    SDL_QuitSubSystem(SDL_INIT_VIDEO);
  }

  void draw() {
    SDL_SetRenderDrawColor(renderer, 0, 0, 0, 255);
    SDL_RenderClear(renderer);
    panes->draw(renderer, SDL_Rect{0, 0, across, down});
    SDL_RenderPresent(renderer);
  }
  // What is asked for comes with the next frame but one.
  void settle() {
    for (unsigned n = 0; n < 4; ++n) draw(), serve();
    draw();
  }
  bool key(SDL_Keycode code, Uint16 mods = 0) {
    SDL_Event event{};
    event.type = SDL_KEYDOWN;
    event.key.keysym.sym = code;
    event.key.keysym.scancode = SDL_GetScancodeFromKey(code);
    event.key.keysym.mod = mods;
    const bool theirs = panes->take(event);
    event.type = SDL_KEYUP;
    panes->take(event);
    settle();
    return theirs;
  }
  void move(int x, int y) {
    SDL_Event event{};
    event.type = SDL_MOUSEMOTION;
    event.motion.x = x, event.motion.y = y;
    CHECK(panes->take(event));
  }
  void button(int x, int y, Uint32 which) {
    SDL_Event event{};
    event.type = which;
    event.button.button = SDL_BUTTON_LEFT;
    event.button.x = x, event.button.y = y;
    const bool taken = panes->take(event);
    CHECK((taken || which == SDL_MOUSEBUTTONUP));
  }
  void click(int x, int y) {
    move(x, y);
    button(x, y, SDL_MOUSEBUTTONDOWN);
    button(x, y, SDL_MOUSEBUTTONUP);
    settle();
  }
  Picture picture() {
    Picture all{static_cast<unsigned>(across), static_cast<unsigned>(down), {}};
    all.dots.resize(static_cast<std::size_t>(across) * static_cast<std::size_t>(down));
    SDL_RenderReadPixels(renderer, nullptr, SDL_PIXELFORMAT_XRGB8888, all.dots.data(), across * 4);
    return all;
  }
  // For the page of the inspector, where RINGSIDE_PICTURES names a folder.
  void keep(const std::string& name) {
    const char* const folder = std::getenv("RINGSIDE_PICTURES");
    if (!folder) return;
    const std::string png = png_of(picture());
    std::ofstream(folder + ("/" + name)).write(png.data(), static_cast<std::streamsize>(png.size()));
  }
  u64 rip() { return cpu().segment[CS].base + cpu().rip; }
};

TEST_CASE("keys of the inspector are orders, and what they come to is drawn") {
  Panel p(1200, 800);
  p.settle();
  const auto first = p.exchange->answer();
  REQUIRE(first);
  CHECK(first->sheet(View::code));
  CHECK(first->sheet(View::registers));
  CHECK_FALSE(first->sheet(View::entry_check));  // behind another tab
  const u64 before = p.rip();
  CHECK(p.key(SDLK_F11));
  CHECK(p.rip() != before);
  CHECK(p.cpu().non_root == false);
  CHECK(p.key(SDLK_F7));  // to the first VM exit
  CHECK(has(p.exchange->answer()->why, "VM exit"));
  CHECK(has(p.shown(View::exits), "VMCALL"));
  CHECK(p.key(SDLK_F8));
  CHECK(p.cpu().non_root);
  CHECK_FALSE(p.key(SDLK_F12));  // nobody's
  CHECK_FALSE(p.key(SDLK_a));    // the guest's
}

TEST_CASE("clicks choose tabs, press buttons, and set breakpoints in the margin") {
  Panel p(800, 800);
  p.command("run-to exit");
  p.settle();
  CHECK_FALSE(p.exchange->answer()->sheet(View::vmcs));
  p.click(92, 484);  // the tab of the VMCS
  p.keep("clicked.png");
  REQUIRE(p.exchange->answer()->sheet(View::vmcs));
  CHECK_FALSE(p.exchange->answer()->sheet(View::exits));
  CHECK(has(p.shown(View::vmcs), "GUEST_RIP"));
  const u64 before = p.rip();
  p.click(90, 14);  // Step
  CHECK(p.rip() != before);
  CHECK(p.debugger.breakpoints().empty());
  p.click(12, 203);
  CHECK(p.debugger.breakpoints().size() == 1);
  p.click(12, 203);
  CHECK(p.debugger.breakpoints().empty());
}

TEST_CASE("the time line is clicked and dragged, and its buttons and keys go back") {
  Panel p(1200, 800);
  p.into_the_past();
  p.command("goto exit 10");
  p.command("bookmark tenth");
  p.command("goto end");
  p.settle();
  const u64 end = p.machine->retired(), tenth = p.debugger.bookmarks()["tenth"];
  constexpr int left = 8, right = 1192, line = 90, buttons = 62;
  const auto place = [&](u64 count) { return left + static_cast<int>((right - left) * count / end); };
  const auto near = [&](u64 count) {
    const u64 here = p.machine->retired();
    return here + end / 200 > count && here < count + end / 200;
  };
  p.click(place(end / 2), line);
  CHECK(near(end / 2));
  CHECK(p.exchange->answer()->past.in_it);
  // Marks are hit though a dot stands for many instructions.
  p.click(place(tenth) + 3, line);
  CHECK(p.machine->retired() == tenth);
  p.keep("time-line.png");
  p.click(left - 2, line);
  CHECK(p.machine->retired() == 0);
  // Dragged there and back, also beyond the end.
  p.move(place(end / 4), line);
  p.button(place(end / 4), line, SDL_MOUSEBUTTONDOWN);
  p.settle();
  CHECK(near(end / 4));
  p.move(place(end / 3), line + 300);
  p.settle();
  CHECK(near(end / 3));
  CHECK(p.inspection.dragged());
  p.move(1199, line);
  p.button(1199, line, SDL_MOUSEBUTTONUP);
  p.settle();
  CHECK(p.machine->retired() == end);
  CHECK_FALSE(p.exchange->answer()->past.in_it);
  p.click(90, buttons);  // < Step
  CHECK(p.machine->retired() == end - 1);
  CHECK(p.key(SDLK_F7, KMOD_LCTRL | KMOD_LSHIFT));  // < Exit
  CHECK(has(p.exchange->answer()->why, "reason 0: #PF"));
  CHECK(p.key(SDLK_F6, KMOD_LCTRL | KMOD_LSHIFT));  // Present >>
  CHECK(p.machine->retired() == end);
}

TEST_CASE("the wheel shows less of the time line, around the pointer; where the machine goes is shown") {
  Panel p(1200, 800);
  p.into_the_past();
  p.settle();
  const u64 end = p.machine->retired();
  constexpr int left = 8, right = 1192, line = 90, middle = 600;
  const auto wheel = [&](int turns) {
    p.move(middle, line);
    p.settle();
    SDL_Event event{};
    event.type = SDL_MOUSEWHEEL;
    event.wheel.y = turns > 0 ? 1 : -1;
    for (int n = 0; n < std::abs(turns); ++n) CHECK(p.panes->take(event));
    p.settle();
  };
  const auto past = [&] { return p.exchange->answer()->past; };
  CHECK(past().exits_from == 0);
  CHECK(past().exits_to == end);
  wheel(8);
  const u64 wide = past().exits_to - past().exits_from;
  CHECK(wide < end / 20);
  CHECK(past().exits_from < end / 2);
  CHECK(past().exits_to > end / 2);
  // A dot stands for fewer instructions now.
  p.click(left + (right - left) / 4, line);
  const u64 wanted = past().exits_from + wide / 4, here = p.machine->retired();
  CHECK(here + wide / 500 > wanted);
  CHECK(here < wanted + wide / 500);
  p.keep("time-line-near.png");
  p.command("goto start");
  p.settle();
  CHECK(past().exits_from == 0);
  CHECK(past().exits_to == wide);
  wheel(-9);
  CHECK(past().exits_to == end);
  wheel(60);
  CHECK(past().exits_to - past().exits_from >= 64);
}

TEST_CASE("what is typed into the line of commands is one of the debugger's") {
  Panel p(800, 800);
  p.settle();
  p.click(700, 786);
  for (const char letter : std::string("stepi 3")) {
    SDL_Event event{};
    event.type = SDL_TEXTINPUT;
    event.text.text[0] = letter;
    CHECK(p.panes->take(event));
  }
  p.settle();
  const u64 before = p.machine->retired();
  CHECK(p.key(SDLK_RETURN));
  CHECK(p.machine->retired() == before + 3);
  CHECK(has(p.printed(), "(ringside) stepi 3"));
}

TEST_CASE("the desk fits into windows of every size") {
  for (const auto& [across, down] : {std::pair{1200, 860}, {800, 800}, {640, 300}, {60, 40}, {1, 1}}) {
    Panel p(across, down);
    if (across > 1) p.into_the_past();
    p.command("run-to exit");
    p.settle();
    p.key(SDLK_F7);
    for (const int x : {0, across / 2, across - 1}) p.click(x, std::min(90, down - 1));
    p.keep("inspector-" + std::to_string(across) + ".png");
    const Picture picture = p.picture();
    if (across < 640) continue;
    // Something of the text's colour is there.
    CHECK(std::count(picture.dots.begin(), picture.dots.end(), 0xffdededeu) +
              std::count(picture.dots.begin(), picture.dots.end(), 0x00dededeu) >
          10);
  }
}

}  // namespace
}  // namespace ringside
