// Owns the host's stream sockets: listening at a place and connecting to one.
#include "frontend/gdb/sockets.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>

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

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::copy(path.begin(), path.end(), address.sun_path);
  return address;
}

void set_non_blocking(int socket) { ::fcntl(socket, F_SETFL, ::fcntl(socket, F_GETFL) | O_NONBLOCK); }

// What `host` and `port` stand for; nullptr: `error`.
using Addresses = std::unique_ptr<addrinfo, void (*)(addrinfo*)>;
Addresses resolve(const std::string& named, const std::string& host, const std::string& port, int flags,
                  std::string_view cure, std::string& error) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (const int code = ::getaddrinfo(host.c_str(), port.c_str(), &wanted, &found))
    error = fmt::format("{}: {}; {}", named, ::gai_strerror(code), cure);
  return {found, ::freeaddrinfo};
}

// "127.0.0.1:1234", as the socket is bound.
std::string bound_address(int socket) {
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> port{};
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&bound), &size) != 0 ||
      ::getnameinfo(reinterpret_cast<sockaddr*>(&bound), size, host.data(), host.size(), port.data(),
                    port.size(), NI_NUMERICHOST | NI_NUMERICSERV) != 0)
    return "";
  const bool six = bound.ss_family == AF_INET6;
  return fmt::format("{}{}{}:{}", six ? "[" : "", host.data(), six ? "]" : "", port.data());
}

}  // namespace

bool fits_socket_name(const std::string& path) { return path.size() < sizeof(sockaddr_un::sun_path); }

int listen_unix(const std::string& flag, const std::string& path, std::string& error) {
  const sockaddr_un address = address_of(path);
  const auto fail = [&](const std::string& why) {
    error = fmt::format("{} unix:{}: {}", flag, path, why);
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

int listen_tcp(const std::string& flag, const std::string& host, const std::string& port,
               std::string& address, std::string& error) {
  const std::string named = fmt::format("{} tcp:{}:{}", flag, host, port);
  const Addresses found =
      resolve(named, host, port, AI_PASSIVE, "name this host, or leave the name out", error);
  if (!found) return -1;
  int made = -1;
  std::string why = "no address";
  for (const addrinfo* at = found.get(); at && made < 0; at = at->ai_next) {
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
  if (made < 0)
    error = fmt::format("{}: {}; choose another port", named, why);
  else
    address = bound_address(made);
  return made;
}

int connect_unix(const std::string& flag, const std::string& path, std::string& error) {
  const sockaddr_un address = address_of(path);
  const int made = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (made >= 0 && ::connect(made, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    set_non_blocking(made);
    return made;
  }
  error = fmt::format("{} unix:{}: {}; start its server first, or add ,server to be one", flag, path,
                      last_error());
  if (made >= 0) ::close(made);
  return -1;
}

int connect_tcp(const std::string& flag, const std::string& host, const std::string& port,
                std::string& error) {
  const std::string named = fmt::format("{} tcp:{}:{}", flag, host, port);
  const Addresses found = resolve(named, host, port, 0, "name a host that there is", error);
  if (!found) return -1;
  std::string why = "no address";
  for (const addrinfo* at = found.get(); at; at = at->ai_next) {
    const int made = ::socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (made >= 0 && ::connect(made, at->ai_addr, at->ai_addrlen) == 0) {
      set_non_blocking(made);
      return made;
    }
    why = last_error();
    if (made >= 0) ::close(made);
  }
  error = fmt::format("{}: {}; start its server first, or add ,server to be one", named, why);
  return -1;
}

}  // namespace ringside
