// Owns what ringside-window.so shows.
#include "frontend/modules/modules.h"

extern "C" [[gnu::visibility("default")]] const ringside::WindowModule ringside_window;
const ringside::WindowModule ringside_window{&ringside::Window::open, &ringside::make_inspector};
