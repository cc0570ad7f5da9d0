// Owns the window of a program that was built without SDL: there is none.
#include "frontend/sdl/window.h"

namespace ringside {

std::unique_ptr<Window> Window::open(std::string& error, std::unique_ptr<Panes>, std::string) {
  error = "this program was built without SDL; install libsdl2-dev and build it again";
  return nullptr;
}

}  // namespace ringside
