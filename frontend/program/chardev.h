// Owns the places that bytes of a serial port go to and come from, as -serial and -chardev name them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cpu/arch/types.h"

namespace ringside {

struct Chardev {
  enum class Kind : u8 { none, standard, file, pty, unix_socket, tcp, named } kind = Kind::none;
  std::string path;        // of a file, of a unix socket; of `named` the id that -chardev gave
  bool append = false;     // to a file, which is emptied else
  std::string host, port;  // of tcp
  bool server = false;     // of a socket: it listens, else it connects
  bool wait = true;        // a server waits for its first client before the machine starts
};

// "stdio", "mon:stdio", "null", "none", "file:PATH", "pty", "tcp:HOST:PORT[,server][,nowait]",
// "unix:PATH[,server][,nowait]", "chardev:ID"; what QEMU has beyond these is refused in words. On error
// nullopt and one line.
std::optional<Chardev> parse_chardev_place(std::string_view flag, std::string_view text, std::string& error);

// -chardev's "KIND,id=ID[,path=PATH][,host=HOST][,port=PORT][,server=on][,wait=off]": kinds are stdio, null,
// file, pty and socket.
struct NamedChardev {
  std::string id;
  Chardev device;
};
std::optional<NamedChardev> parse_named_chardev(std::string_view text, std::string& error);

}  // namespace ringside
