// Owns the window on a desktop, as the machine's thread sees it: what it shows, and what people do in it.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "frontend/machine/input.h"
#include "frontend/screen/screen_copy.h"
#include "frontend/sdl/panes.h"

namespace ringside {

// What the line below the picture says of the machine.
struct WindowStatus {
  enum class World : u8 { root, guest, halted };
  std::string name;              // of the machine, for the title
  double mips = 0, seconds = 0;  // millions of instructions a second of the host; virtual time
  std::vector<World> cpus;
  bool paused = false, full_speed = false;
  // What is pressed goes to the guest; waits until the machine has left its past; goes nowhere, as all input
  // is that of a recording.
  enum class Hears : u8 { people, later, recording };
  Hears hears = Hears::people;
  bool operator==(const WindowStatus&) const = default;
};

// It lives on a thread of its own, which makes all calls of SDL. Its functions are for the machine's thread;
// none of them waits for the window.
class Window {
 public:
  // What is wanted of the program, not of the guest.
  enum class Request : u8 { close, quit, pause, screenshot, full_speed };

  // `panes`: what stands beside the picture, and where there is none, `no_panes` says why in a line. nullptr
  // and one line in `error`: there is no desktop, or this program was built without SDL.
  static std::unique_ptr<Window> open(std::string& error, std::unique_ptr<Panes> panes = nullptr,
                                      std::string no_panes = "there are no panes to show");
  virtual ~Window() = default;

  // Between two instructions. busy: the picture could not be taken over just now; try again soon.
  virtual ScreenCopy::Update show(const Vga& card) = 0;
  virtual void status(const WindowStatus& status) = 0;
  // A line that is shown for a few seconds.
  virtual void note(const std::string& text) = 0;

  // What people have done since, in its order, at the ends of the queues. True: there was something, of these
  // or of the panes' own.
  virtual bool take(std::deque<InputEvent>& input, std::deque<Request>& requests) = 0;
  // Readable while take() has something to give.
  virtual int descriptor() const = 0;
};

}  // namespace ringside
