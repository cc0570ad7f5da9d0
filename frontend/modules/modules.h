// Owns the parts of the program that are loaded when they are wanted: the window with the inspector, the VNC
// server, and what rooms above this one make a module. Each is a shared object of its own, because the
// libraries that it needs take longer to load than a short guest runs. They are built with the program and
// belong to it: what passes between them is C++.
#pragma once

#include <memory>
#include <string>

#include "frontend/inspector/imgui/inspector_panes.h"
#include "frontend/sdl/window.h"
#include "frontend/vnc/vnc.h"

namespace ringside {

// What a module shows: its file, and the functions that are declared in the rooms that it is made of.
struct WindowModule {
  static constexpr const char *file = "ringside-window.so", *symbol = "ringside_window";
  decltype(&Window::open) open_window;
  decltype(&ringside::make_inspector) make_inspector;
};
struct VncModule {
  static constexpr const char *file = "ringside-vnc.so", *symbol = "ringside_vnc";
  decltype(&ringside::open_vnc) open;
};

// It lies beside the program, or in ../lib/ringside as seen from there, and stays loaded. nullptr and one
// line in `error`: it is not there, or lacks a library.
const WindowModule* window_module(std::string& error);
const VncModule* vnc_module(std::string& error);
// What the module in that file shows under that symbol.
const void* load_module(const char* file, const char* symbol, std::string& error);

}  // namespace ringside
