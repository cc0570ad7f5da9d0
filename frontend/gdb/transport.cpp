// Owns the host's side of the gdb stub: one listening socket, at most one client, and their bytes.
#include "frontend/gdb/transport.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "frontend/gdb/packet.h"
#include "frontend/gdb/sockets.h"

namespace ringside {

std::optional<GdbPlace> parse_gdb_place(std::string_view text, std::string& error) {
  const std::string_view whole = text;
  GdbPlace place;
  const auto wrong = [&](std::string_view why) -> std::optional<GdbPlace> {
    error = fmt::format("-gdb {}: {}; write tcp::1234, tcp:HOST:PORT or unix:PATH", whole, why);
    return std::nullopt;
  };
  if (text.starts_with("unix:")) {
    place.kind = GdbPlace::Kind::unix_socket;
    text.remove_prefix(5);
    place.path = text.substr(0, text.find(','));
    if (place.path.empty()) return wrong("no path");
    if (!fits_socket_name(place.path)) return wrong("the path is too long");
    if (place.path.find('\0') != std::string::npos) return wrong("not a path");
    return place;
  }
  if (!text.starts_with("tcp:")) return wrong("neither tcp nor unix");
  text.remove_prefix(4);
  text = text.substr(0, text.find(','));
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return wrong("no port");
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (!host.empty()) place.host = host;
  place.port = text.substr(colon + 1);
  const bool digits = !place.port.empty() && place.port.size() <= 5 &&
                      place.port.find_first_not_of("0123456789") == std::string::npos;
  if (!digits || std::stoul(place.port) > 65535) return wrong("not a port");
  return place;
}

GdbTransport::~GdbTransport() {
  drop();
  if (turned_away_ >= 0) ::close(turned_away_);
  if (listener_ >= 0) ::close(listener_);
  if (!path_.empty()) ::unlink(path_.c_str());
}

bool GdbTransport::listen(const GdbPlace& place, std::string& error) {
  if (place.kind == GdbPlace::Kind::tcp) {
    listener_ = listen_tcp("-gdb", place.host, place.port, address_, error);
  } else {
    listener_ = listen_unix("-gdb", place.path, error);
    if (listener_ >= 0) address_ = path_ = place.path;
  }
  return listener_ >= 0;
}

bool GdbTransport::accept() {
  if (client_ >= 0 || listener_ < 0) return false;
  client_ = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (client_ < 0) return false;
  const int yes = 1;
  ::setsockopt(client_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);  // fails on a unix socket: so be it
  return true;
}

void GdbTransport::turn_away() {
  std::array<char, 4096> chunk;
  // What they send is read for as long as they stay: their words to a closed socket would be the error that
  // they tell of, instead of ours.
  while (turned_away_ >= 0) {
    const ssize_t got = ::recv(turned_away_, chunk.data(), chunk.size(), 0);
    if (got > 0) continue;
    if (got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
      ::close(std::exchange(turned_away_, -1));
    break;
  }
  if (client_ < 0 || listener_ < 0) return;
  pollfd wait{listener_, POLLIN, 0};
  if (::poll(&wait, 1, 0) <= 0) return;
  const int other = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (other < 0) return;
  if (turned_away_ >= 0) ::close(turned_away_);
  turned_away_ = other;
  const std::string words = "+" + frame("E.another client debugs this machine; it has to leave first");
  static_cast<void>(::send(other, words.data(), words.size(), MSG_NOSIGNAL));
  ::shutdown(other, SHUT_WR);
}

std::string GdbTransport::receive() {
  if (client_ < 0) return "";
  std::array<char, 4096> chunk;
  const ssize_t got = ::recv(client_, chunk.data(), chunk.size(), 0);
  if (got > 0) return {chunk.data(), static_cast<std::size_t>(got)};
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return "";
  drop();
  return "";
}

void GdbTransport::send(std::string& bytes) {
  while (client_ >= 0 && !bytes.empty()) {
    const ssize_t put = ::send(client_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (put > 0) {
      bytes.erase(0, static_cast<std::size_t>(put));
      continue;
    }
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    drop();
  }
}

void GdbTransport::flush(std::string& bytes, int milliseconds) {
  send(bytes);
  if (client_ < 0 || bytes.empty()) return;
  pollfd wait{client_, POLLOUT, 0};
  if (::poll(&wait, 1, milliseconds) > 0) send(bytes);
}

bool GdbTransport::readable() const {
  pollfd wait{descriptor(), POLLIN, 0};
  return descriptor() >= 0 && ::poll(&wait, 1, 0) > 0;
}

void GdbTransport::drop() {
  if (client_ >= 0) ::close(client_);
  client_ = -1;
}

}  // namespace ringside
