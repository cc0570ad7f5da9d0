// Owns the screen for viewers elsewhere: what a VNC server shows, and what people do in a viewer.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "frontend/machine/input.h"
#include "frontend/sdl/window.h"

namespace ringside {

// Where a server listens: an IPv4 address of the host, and a port.
struct VncPlace {
  u32 address = 0x7f000001;  // this machine alone
  u16 port = 5900;
  bool operator==(const VncPlace&) const = default;
};

// "[ADDRESS]:N": display N is port 5900 + N; without an address, or with localhost, viewers on this machine
// alone. Anybody who reaches the port sees the screen and types: there is no password. False: one line in
// `error`.
bool parse_vnc_place(std::string_view text, VncPlace& place, std::string& error);
std::string text_of(const VncPlace& place);  // "127.0.0.1:5901"

// Of an X11 keysym, which is what viewers send: the key that a US keyboard has it on, whatever Shift is. A
// key that a PC's keyboard has not has none. `down` is not set.
std::optional<KeyStroke> key_of_keysym(u32 keysym);

// The server, on a thread of its own. nullptr and one line in `error`: the port is taken, or this program was
// built without libvncserver. Several viewers may look at once; the run does not wait for any of them.
std::unique_ptr<Window> open_vnc(const VncPlace& place, const std::string& name, std::string& error);

}  // namespace ringside
