// Owns the tests of a session with two at it: the debugger's console and a client of its gdb stub.
#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <numeric>

#include "tests/cli/program.h"

namespace ringside::cli {
namespace {

// Speaks gdb's protocol as far as these tests need it.
class Client {
 public:
  explicit Client(const std::string& path) : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::copy(path.begin(), path.end(), address.sun_path);
    there_ = ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  ~Client() { ::close(socket_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  bool there() const { return there_; }
  void send(const std::string& body) {
    char packet[64];
    const int sum = std::accumulate(body.begin(), body.end(), 0) & 0xff;
    const int size = std::snprintf(packet, sizeof packet, "+$%s#%02x", body.c_str(), sum);
    REQUIRE(::write(socket_, packet, static_cast<std::size_t>(size)) == size);
  }
  // The body of the next packet that is not a line for gdb's user; empty if none comes in a minute.
  std::string answer() {
    for (;;) {
      const std::string body = next();
      if (!body.starts_with('O') || body == "OK") return body;
    }
  }

 private:
  std::string next() {
    for (;;) {
      const auto begin = read_.find('$'), end = read_.find('#', begin + 1);
      if (begin != read_.npos && end != read_.npos && read_.size() >= end + 3) {
        const std::string body = read_.substr(begin + 1, end - begin - 1);
        read_.erase(0, end + 3);
        return body;
      }
      pollfd wait{socket_, POLLIN, 0};
      char bytes[512];
      if (::poll(&wait, 1, 60'000) <= 0) return "";
      const ssize_t got = ::read(socket_, bytes, sizeof bytes);
      if (got <= 0) return "";
      read_.append(bytes, static_cast<std::size_t>(got));
    }
  }

  int socket_;
  bool there_ = false;
  std::string read_;
};

void converse(Running::With with) {
  const Folder folder;
  const std::string place = folder / "gdb";
  Running debugger({"debug", "-gdb", "unix:" + place}, with);
  REQUIRE(debugger.wait_for("ready for gdb"));
  debugger.type("break run_guest\n");
  REQUIRE(debugger.wait_for("breakpoint 1"));
  // The console's breakpoint stops what gdb lets run, and both are told.
  Client gdb(place);
  REQUIRE(gdb.there());
  gdb.send("c");
  CHECK(gdb.answer().starts_with("T05"));
  CHECK(debugger.wait_for("gdb lets the machine run"));
  CHECK(debugger.wait_for("ring 0, 64-bit mode, 0xf0fe"));
  // What the console does, gdb sees: register 16 is RIP.
  gdb.send("p10");
  const std::string before = gdb.answer();
  debugger.type("stepi\nprint 0x4321\n");
  REQUIRE(debugger.wait_for("0x4321 ="));
  gdb.send("p10");
  const std::string after = gdb.answer();
  CHECK(before.size() == 16);
  CHECK(after.size() == 16);
  CHECK(after != before);
  // gdb's breakpoint at guest_start stops what the console lets run.
  gdb.send("Z1,f2708,1");
  CHECK(gdb.answer() == "OK");
  debugger.type("continue\n");
  CHECK(debugger.wait_for("breakpoint 2"));
  gdb.send("p10");
  CHECK(gdb.answer() == "08270f0000000000");
  debugger.type("quit\n");
  CHECK(debugger.finish() == 0);
}

TEST_CASE("debug: its console and gdb have the same machine, breakpoints and stops") {
  converse(Running::With::pipes);
}

TEST_CASE("debug: the same with a console on a terminal") {
  if (has_terminals()) converse(Running::With::terminal);
}

TEST_CASE("debug: Ctrl-C at the console stops what gdb lets run, and gdb is told") {
  if (!has_terminals()) return;
  const Folder folder;
  const std::string place = folder / "gdb";
  const std::string rom = folder.write("rom", firmware({0xba, 0xf8, 0x03, 0xb0, '@', 0xee, 0xeb, 0xfe}));
  Running debugger({"debug", "-bios", rom, "-gdb", "unix:" + place}, Running::With::terminal);
  REQUIRE(debugger.wait_for("ready for gdb"));
  Client gdb(place);
  REQUIRE(gdb.there());
  gdb.send("c");
  REQUIRE(debugger.wait_for("@"));
  debugger.type("\x03");
  CHECK(gdb.answer().starts_with("T02"));
  debugger.type("print 0x4321\n");
  CHECK(debugger.wait_for("0x4321 ="));
  debugger.type("quit\n");
  CHECK(debugger.finish() == 0);
}

}  // namespace
}  // namespace ringside::cli
