// Owns the tests of serial ports on pipes, sockets and pseudo-terminals, and of partners who do not come.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <thread>

#include "tests/cli/program.h"

namespace ringside::cli {
namespace {

// Prints "A\n", then sends back what it receives, for ever.
const std::string echo = firmware({0xba, 0xf8, 0x03, 0xb0, 'A',  0xee, 0xb0, '\n', 0xee,  // OUT
                                   0xba, 0xfd, 0x03, 0xec, 0xa8, 0x01, 0x74, 0xfb,  // until data is ready
                                   0xba, 0xf8, 0x03, 0xec, 0xee, 0xeb, 0xf1});      // IN, OUT
const std::string spin = firmware({0xeb, 0xfe});

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::copy(path.begin(), path.end(), address.sun_path);
  return address;
}

// Reads until the text has come; false after a minute.
bool reads(int file, std::string_view text) {
  std::string got;
  while (got.find(text) == std::string::npos) {
    pollfd wait{file, POLLIN, 0};
    char bytes[256];
    if (::poll(&wait, 1, 60'000) <= 0) return false;
    const ssize_t size = ::read(file, bytes, sizeof bytes);
    if (size <= 0) return false;
    got.append(bytes, static_cast<std::size_t>(size));
  }
  return true;
}

bool talks(int file) { return ::write(file, "xyz", 3) == 3 && reads(file, "xyz"); }

TEST_CASE("a serial port on a socket: it listens, clients come and go") {
  const Folder folder;
  const std::string place = folder / "socket", rom = folder.write("rom", echo);
  for (const char* wait : {"", ",nowait"}) {
    CAPTURE(wait);
    Running program({"-bios", rom, "-serial", "unix:" + place + ",server" + wait}, Running::With::pipes);
    REQUIRE(program.wait_for(*wait ? "a client may come" : "waiting for a client"));
    const sockaddr_un address = address_of(place);
    for (int n = 0; n < 2; ++n) {
      const int client = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
      REQUIRE(::connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
      if (n == 0 && !*wait) CHECK(reads(client, "A\n"));
      CHECK(talks(client));
      ::close(client);
    }
    program.signal(SIGTERM);
    CHECK(program.finish() == 128 + SIGTERM);
    CHECK(::access(place.c_str(), F_OK) != 0);
  }
}

TEST_CASE("a serial port on a socket: it connects") {
  const Folder folder;
  const std::string place = folder / "socket", rom = folder.write("rom", echo);
  const Result nobody = run({"-bios", rom, "-serial", "unix:" + place});
  CHECK(nobody.status == 1);
  CHECK(nobody.err.find("start its server first, or add ,server") != std::string::npos);
  const int server = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_un address = address_of(place);
  REQUIRE(::bind(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(server, 1) == 0);
  Running program({"-bios", rom, "-chardev", "socket,id=s,path=" + place, "-serial", "chardev:s"},
                  Running::With::pipes);
  const int client = ::accept(server, nullptr, nullptr);
  CHECK(reads(client, "A\n"));
  CHECK(talks(client));
  ::close(client);
  ::close(server);
  program.signal(SIGTERM);
  CHECK(program.finish() == 128 + SIGTERM);
}

TEST_CASE("four serial ports, each with its place") {
  const Folder folder;
  // OUT '1' to COM1, '2' to COM2 and so on; a byte of COM3 comes back on COM4 and ends the run.
  const std::string rom = folder.write(
      "rom",
      firmware({0xba, 0xf8, 0x03, 0xb0, '1',  0xee, 0xba, 0xf8, 0x02, 0xb0, '2',  0xee, 0xba, 0xe8, 0x03,
                0xb0, '3',  0xee, 0xba, 0xe8, 0x02, 0xb0, '4',  0xee, 0xba, 0xed, 0x03, 0xec, 0xa8, 0x01,
                0x74, 0xfb, 0xba, 0xe8, 0x03, 0xec, 0xba, 0xe8, 0x02, 0xee, 0xb0, 0x00, 0xe6, 0xf4}));
  const std::string one = folder / "1", two = folder / "2", four = folder / "4";
  const Result result = run({"-bios", rom, "-serial", "file:" + one, "-serial", "file:" + two, "-serial",
                             "stdio", "-serial", "file:" + four, "-device", "isa-debug-exit"},
                            "x");
  CHECK(result.status == 1);
  CHECK(result.out == "3");
  CHECK(read_file(one) == "1");
  CHECK(read_file(two) == "2");
  CHECK(read_file(four) == "4x");
}

TEST_CASE("items of the configuration interface") {
  const Folder folder;
  // Prints the UUID (item 2) and the file that came first after the machine's own.
  const auto prints = [&](int key, int count) {
    return firmware(
        {0xba, 0x10, 0x05, 0xb8, key & 0xff, key >> 8, 0xef, 0xb9, count, 0x00,  // OUT 510h; MOV CX
         0xba, 0x11, 0x05, 0xec, 0xba,       0xf8,     0x03, 0xee, 0xe2,  0xf6, 0xb0, 0x00, 0xe6, 0xf4});
  };
  const Result uuid = run({"-bios", folder.write("rom", prints(2, 16)), "-device", "isa-debug-exit", "-uuid",
                           "41424344-4546-4748-494a-4b4c4d4e4f50"});
  CHECK(uuid.out == "ABCDEFGHIJKLMNOP");
  const Result file = run({"-bios", folder.write("rom2", prints(0x20, 3)), "-device", "isa-debug-exit",
                           "-fw_cfg", "name=opt/org.test/x,file=" + folder.write("item", "xyz")});
  CHECK(file.out == "xyz");
  const Result text =
      run({"-bios", folder / "rom2", "-device", "isa-debug-exit", "-fw_cfg", "opt/x,string=abc"});
  CHECK(text.out == "abc");
}

TEST_CASE("a serial port on TCP") {
  const Folder folder;
  Running program({"-bios", folder.write("rom", echo), "-serial", "tcp:127.0.0.1:0,server=on,wait=off"},
                  Running::With::pipes);
  REQUIRE(program.wait_for("-serial tcp:127.0.0.1:"));
  REQUIRE(program.wait_for("a client may come"));
  program.signal(SIGTERM);
  CHECK(program.finish() == 128 + SIGTERM);
}

TEST_CASE("a serial port on a pseudo-terminal") {
  if (!has_terminals()) return;
  const Folder folder;
  Running program({"-bios", folder.write("rom", echo), "-serial", "pty"}, Running::With::pipes);
  REQUIRE(program.wait_for("connect to /dev/"));
  REQUIRE(program.wait_for("\n"));
  const std::string& said = program.output();
  const std::size_t begin = said.find("/dev/");
  const std::string name = said.substr(begin, said.find('\n', begin) - begin);
  for (int n = 0; n < 2; ++n) {
    const int terminal = ::open(name.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC);
    REQUIRE(terminal >= 0);
    CHECK(talks(terminal));
    ::close(terminal);
  }
  program.signal(SIGTERM);
  CHECK(program.finish() == 128 + SIGTERM);
}

TEST_CASE("a pipe without a partner does not hang a run that has a limit") {
  const Folder folder;
  const std::string rom = folder.write("rom", spin), fifo = folder / "fifo";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  const std::vector<std::vector<std::string>> runs = {
      {"-bios", rom, "-serial", "file:" + fifo},
      {"-bios", rom, "--trace-exits", fifo},
      {"-bios", fifo},
      {"-kernel", fifo},
      {"-bios", rom, "-serial", "unix:" + (folder / "nobody") + ",server"},
      {"-bios", rom, "-device", "loader,addr=0,file=" + fifo}};
  for (std::vector<std::string> words : runs) {
    CAPTURE(words.back());
    words.insert(words.end(), {"--timeout", "0.3"});
    const Result result = run(words);
    CHECK(result.status == 124);
    CHECK(result.err.find("--timeout 0.3: reached, before the machine started") != std::string::npos);
    words.insert(words.begin(), "debug");
    CHECK(run(words).status == 124);
  }
  // At the end nobody is waited for.
  const Result stats = run({"-bios", rom, "--max-instructions", "100", "--stats", fifo});
  CHECK(stats.status == 1);
  CHECK(stats.err.find("nobody reads this pipe") != std::string::npos);
}

TEST_CASE("a signal ends the wait for a pipe's partner") {
  const Folder folder;
  const std::string fifo = folder / "fifo";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  Running program({"-bios", folder.write("rom", spin), "-serial", "file:" + fifo}, Running::With::pipes);
  REQUIRE(program.wait_for("waiting for a reader of the pipe"));
  program.signal(SIGINT);
  CHECK(program.finish() == 130);
}

TEST_CASE("a reader that does not read ends at the limit, too") {
  const Folder folder;
  const std::string rom = folder.write("rom", firmware({0xba, 0xf8, 0x03, 0xb0, '.', 0xee, 0xeb, 0xfd}));
  const std::string fifo = folder / "fifo";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  const int reader = ::open(fifo.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  const Result result = run({"-bios", rom, "-serial", "file:" + fifo, "--timeout", "0.5"});
  CHECK(result.status == 124);
  CHECK(result.err.find("--timeout 0.5: reached (after ") != std::string::npos);
  ::close(reader);
}

TEST_CASE("debug: --timeout ends the wait for a command") {
  const Folder folder;
  Running debugger({"debug", "-bios", folder.write("rom", spin), "--timeout", "0.3"}, Running::With::pipes);
  CHECK(debugger.finish() == 124);
}

}  // namespace
}  // namespace ringside::cli
