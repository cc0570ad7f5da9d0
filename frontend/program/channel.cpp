// Owns a serial port's place on the host: files, pseudo-terminals and sockets.
#include "frontend/program/channel.h"

// First: <termios.h> defines macros by names that the manual uses too.
#include "frontend/gdb/sockets.h"
#include "frontend/program/terminal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

namespace ringside {

Channel::~Channel() {
  flush();
  for (const int file : {terminal_, server_, client_}) {
    if (file >= 0) ::close(file);
  }
  if (!path_.empty()) ::unlink(path_.c_str());
}

bool Channel::open(const std::string& flag, const Chardev& device, std::string& error) {
  switch (device.kind) {
    case Chardev::Kind::none:
    case Chardev::Kind::named: return true;
    case Chardev::Kind::standard: out_.open_standard_output(); return true;
    case Chardev::Kind::file: return out_.open_file(flag, device.path, device.append, error);
    case Chardev::Kind::pty: return open_terminal(flag, error);
    case Chardev::Kind::unix_socket:
    case Chardev::Kind::tcp: return open_socket(flag, device, error);
  }
  return true;
}

bool Channel::open_terminal(const std::string& flag, std::string& error) {
  terminal_ = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
  const char* name = nullptr;
  if (terminal_ >= 0 && ::grantpt(terminal_) == 0 && ::unlockpt(terminal_) == 0) name = ::ptsname(terminal_);
  // Raw, so that nothing that the guest prints comes back. Whoever opens it may say otherwise. That nobody
  // has it open is known only when it was opened once.
  const int theirs = name ? ::open(name, O_RDWR | O_NOCTTY | O_CLOEXEC) : -1;
  termios modes{};
  if (theirs < 0 || ::tcgetattr(theirs, &modes) != 0) {
    error = fmt::format("{} pty: no pseudo-terminal ({}); mount devpts at /dev/pts, or use a socket", flag,
                        std::strerror(errno));
    if (theirs >= 0) ::close(theirs);
    return false;
  }
  ::cfmakeraw(&modes);
  ::tcsetattr(theirs, TCSANOW, &modes);
  ::close(theirs);
  say(fmt::format("{} pty: connect to {}", flag, name));
  return true;
}

bool Channel::open_socket(const std::string& flag, const Chardev& device, std::string& error) {
  std::signal(SIGPIPE, SIG_IGN);  // a client that went away is no reason to die
  const bool tcp = device.kind == Chardev::Kind::tcp;
  if (!device.server) {
    const int made =
        tcp ? connect_tcp(flag, device.host, device.port, error) : connect_unix(flag, device.path, error);
    if (made >= 0) welcome(made);
    return made >= 0;
  }
  std::string address = device.path;
  server_ = tcp ? listen_tcp(flag, device.host, device.port, address, error)
                : listen_unix(flag, device.path, error);
  if (server_ < 0) return false;
  if (!tcp) path_ = device.path;
  say(fmt::format("{} {}:{}: {}", flag, tcp ? "tcp" : "unix", address,
                  device.wait ? "waiting for a client" : "a client may come"));
  while (device.wait && client_ < 0 && !asked_to_stop()) {
    constexpr int look_again = 20;  // milliseconds: a signal just before the wait does not end it
    pollfd wait{server_, POLLIN, 0};
    if (::poll(&wait, 1, look_again) > 0) receive();
  }
  if (!device.wait || client_ >= 0) return true;
  error = fmt::format("{} {}:{}: no client came; add ,nowait to start without", flag, tcp ? "tcp" : "unix",
                      address);
  return false;
}

void Channel::welcome(int client) {
  client_ = client;
  out_.lend(client);
}

void Channel::lose_client() {
  ::close(client_);
  client_ = -1;
  out_.lend(-1);
}

void Channel::add_descriptors(std::vector<int>& to) const {
  if (bytes_.size() >= most_waiting) return;
  if (client_ >= 0)
    to.push_back(client_);
  else if (server_ >= 0)
    to.push_back(server_);
  else if (terminal_ >= 0 && terminal_used())
    to.push_back(terminal_);
}

// Somebody has it open.
bool Channel::terminal_used() const {
  pollfd look{terminal_, POLLOUT, 0};
  return ::poll(&look, 1, 0) >= 0 && !(look.revents & POLLHUP);
}

void Channel::receive() {
  if (terminal_ >= 0) out_.lend(terminal_used() ? terminal_ : -1);
  if (client_ < 0 && server_ >= 0) {
    const int client = ::accept4(server_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (client >= 0) welcome(client);
  }
  const int from = terminal_ >= 0 ? terminal_ : client_;
  if (from < 0 || bytes_.size() >= most_waiting) return;
  std::array<u8, 512> chunk;
  const ssize_t got = ::read(from, chunk.data(), chunk.size());
  if (got > 0) bytes_.insert(bytes_.end(), chunk.begin(), chunk.begin() + got);
  const bool gone = got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
  if (gone && client_ >= 0) lose_client();
}

}  // namespace ringside
