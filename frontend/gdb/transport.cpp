// Owns the host's side of the gdb stub: one listening socket, at most one client, and their bytes.
#include "frontend/gdb/transport.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace ringside {
namespace {

std::string last_error() { return std::strerror(errno); }

// A socket that nobody listens to: a run that was killed leaves its own behind.
bool stale(const sockaddr_un& address) {
  struct stat info;
  if (::lstat(address.sun_path, &info) != 0 || !S_ISSOCK(info.st_mode)) return false;
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (probe < 0) return false;
  const bool refused = ::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
                       errno == ECONNREFUSED;
  ::close(probe);
  return refused;
}

int listen_unix(const std::string& path, std::string& error) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::copy(path.begin(), path.end(), address.sun_path);
  const auto fail = [&](const std::string& why) {
    error = fmt::format("-gdb unix:{}: {}", path, why);
    return -1;
  };
  const int made = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (made < 0) return fail(last_error());
  const auto bind = [&] {
    return ::bind(made, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  };
  bool bound = bind();
  if (!bound && errno == EADDRINUSE) {
    if (!stale(address)) {
      ::close(made);
      return fail("there is something of this name; choose another");
    }
    bound = ::unlink(path.c_str()) == 0 && bind();
  }
  if (!bound || ::listen(made, 1) != 0) {
    const std::string why = last_error();
    ::close(made);
    return fail(why + "; name a path in a folder that you may write to");
  }
  return made;
}

int listen_tcp(const GdbPlace& place, std::string& address, std::string& error) {
  const std::string named = fmt::format("-gdb tcp:{}:{}", place.host, place.port);
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (const int code = ::getaddrinfo(place.host.c_str(), place.port.c_str(), &wanted, &found)) {
    error = fmt::format("{}: {}; name this host, or leave the name out", named, ::gai_strerror(code));
    return -1;
  }
  int made = -1;
  std::string why = "no address";
  for (const addrinfo* at = found; at && made < 0; at = at->ai_next) {
    made = ::socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (made < 0) {
      why = last_error();
      continue;
    }
    const int yes = 1;
    ::setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (::bind(made, at->ai_addr, at->ai_addrlen) == 0 && ::listen(made, 1) == 0) continue;
    why = last_error();
    ::close(made);
    made = -1;
  }
  ::freeaddrinfo(found);
  if (made < 0) {
    error = fmt::format("{}: {}; choose another port", named, why);
    return -1;
  }
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> port{};
  if (::getsockname(made, reinterpret_cast<sockaddr*>(&bound), &size) == 0 &&
      ::getnameinfo(reinterpret_cast<sockaddr*>(&bound), size, host.data(), host.size(), port.data(),
                    port.size(), NI_NUMERICHOST | NI_NUMERICSERV) == 0) {
    const bool six = bound.ss_family == AF_INET6;
    address = fmt::format("{}{}{}:{}", six ? "[" : "", host.data(), six ? "]" : "", port.data());
  }
  return made;
}

}  // namespace

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
    if (place.path.size() >= sizeof(sockaddr_un::sun_path)) return wrong("the path is too long");
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
  if (listener_ >= 0) ::close(listener_);
  if (!path_.empty()) ::unlink(path_.c_str());
}

bool GdbTransport::listen(const GdbPlace& place, std::string& error) {
  if (place.kind == GdbPlace::Kind::tcp) {
    listener_ = listen_tcp(place, address_, error);
  } else {
    listener_ = listen_unix(place.path, error);
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
