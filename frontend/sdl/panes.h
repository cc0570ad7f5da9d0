// Owns the seam for what stands beside the guest's picture in the window.
#pragma once

#include <string>

struct SDL_Window;
struct SDL_Renderer;
struct SDL_Rect;
union SDL_Event;

namespace ringside {

// Lives on the window's thread: every call but the constructor's is made there. It never sees the machine;
// what it shows comes from the machine's thread by values, and what people ask for goes there the same way.
// Lengths are dots of the renderer's output; SDL's events count in the window's units, which are fewer on
// screens with small dots.
class Panes {
 public:
  virtual ~Panes() = default;

  // The window is there, and goes away after detach(). The destructor may run on another thread.
  virtual void attach(SDL_Window* window, SDL_Renderer* renderer) = 0;
  virtual void detach() = 0;

  // F2 and Ctrl-Alt-I. Before the first call they are as the program was started.
  virtual void set_open(bool open) = 0;
  virtual bool open() const = 0;

  // While they are open and the guest has not grabbed the keyboard, they see every event first but for the
  // window's own keys. True: it was theirs.
  virtual bool take(const SDL_Event& event) = 0;
  // Something is to be shown that no event announced. Asked some sixty times a second while they are open,
  // and cheap.
  virtual bool wants_drawing() = 0;

  // What they would like to have of the window, once: it grows by that when they open, as far as the desktop
  // has room.
  virtual int usual_width() const = 0;
  virtual int usual_height() const = 0;
  // What they take, from the right, of a window that is so large; the guest's picture has the rest.
  virtual int width_in(int across, int down) const = 0;

  // Their place has been filled with the window's background. The renderer's clip, scale, blend mode and
  // colour may be left as they come.
  virtual void draw(SDL_Renderer* renderer, const SDL_Rect& place) = 0;
};

}  // namespace ringside
