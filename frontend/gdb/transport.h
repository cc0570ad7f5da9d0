// Owns the host's side of the gdb stub: one listening socket, at most one client, and their bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cpu/arch/types.h"

namespace ringside {

// Where to listen, as -gdb says it: "tcp:[HOST]:PORT" or "unix:PATH".
struct GdbPlace {
  enum class Kind : u8 { tcp, unix_socket } kind = Kind::tcp;
  std::string host = "127.0.0.1";  // empty in the option: this one
  std::string port;                // decimal; 0: any that is free
  std::string path;
};
// QEMU's further words after a comma (server, nowait, wait=off) are passed over. On error nullopt and one
// line.
std::optional<GdbPlace> parse_gdb_place(std::string_view text, std::string& error);

// Nothing here waits, but for `flush`.
class GdbTransport {
 public:
  GdbTransport() = default;
  ~GdbTransport();
  GdbTransport(const GdbTransport&) = delete;
  GdbTransport& operator=(const GdbTransport&) = delete;

  bool listen(const GdbPlace& place, std::string& error);
  std::string address() const { return address_; }  // what to give to gdb's `target remote`
  // True: a client came.
  bool accept();
  bool connected() const { return client_ >= 0; }
  // Whoever comes while a client is there is told so, in words that gdb shows. Called at each poll.
  void turn_away();
  // What it sent; empty if nothing. A client that is gone, or does not take its answers, is cut off.
  std::string receive();
  // Takes as much off `bytes` as the client has room for.
  void send(std::string& bytes);
  void flush(std::string& bytes, int milliseconds);
  // To wait for: readable when there is something to do.
  bool readable() const;
  int descriptor() const { return client_ >= 0 ? client_ : listener_; }

 private:
  void drop();
  int listener_ = -1, client_ = -1, turned_away_ = -1;
  std::string address_, path_;
};

}  // namespace ringside
