// Owns starting the X server of the tests, and speaking to it.
#include "tests/cli/desktop.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <thread>
#include <utility>
#include <vector>

namespace ringside::cli {
namespace {

using namespace std::chrono_literals;

std::string output_of(const std::string& command) {
  std::string out;
  FILE* const pipe = popen((command + " 2>/dev/null").c_str(), "r");
  if (pipe == nullptr) return out;
  std::array<char, 65536> chunk;
  for (std::size_t got; (got = fread(chunk.data(), 1, chunk.size(), pipe)) > 0;)
    out.append(chunk.data(), got);
  pclose(pipe);
  return out;
}

bool has_program(const std::string& name) { return !output_of("command -v " + name).empty(); }

bool within_a_minute(const std::function<bool()>& done) {
  for (int tries = 0; tries < 600; ++tries) {
    if (done()) return true;
    std::this_thread::sleep_for(100ms);
  }
  return false;
}

// The few words of X's protocol that it takes to send a window a message: xdotool cannot.
class Connection {
 public:
  explicit Connection(int display) : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un place{};
    place.sun_family = AF_UNIX;
    const std::string path = "/tmp/.X11-unix/X" + std::to_string(display);
    path.copy(place.sun_path, sizeof place.sun_path - 1);
    good_ = ::connect(socket_, reinterpret_cast<const sockaddr*>(&place), sizeof place) == 0;
    send({'l', 0, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0});
    const std::vector<unsigned char> head = receive(8), server = receive(4u * word16(head, 6));
    // Behind the vendor's name and the formats, eight bytes each, comes the first screen.
    const unsigned vendor = (word16(server, 16) + 3) / 4 * 4, screen = 32 + vendor + 8u * server[21];
    root_ = word32(server, screen);
    width_ = word16(server, screen + 20);
    height_ = word16(server, screen + 22);
  }
  ~Connection() { ::close(socket_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  std::uint32_t atom(const std::string& name) {
    constexpr unsigned char intern_atom = 16;
    std::vector<unsigned char> request{intern_atom, 0, 0, 0};
    put16(request, static_cast<unsigned>(name.size()));
    put16(request, 0);
    request.insert(request.end(), name.begin(), name.end());
    send(std::move(request));
    return word32(receive(32), 8);
  }
  std::string dots() {
    constexpr unsigned char get_image = 73, whole_dots = 2;
    std::vector<unsigned char> request{get_image, whole_dots, 0, 0};
    put32(request, root_);
    put32(request, 0);
    put16(request, width_);
    put16(request, height_);
    put32(request, ~std::uint32_t{0});
    send(std::move(request));
    const std::vector<unsigned char> image = receive(4 * std::size_t{word32(receive(32), 4)});
    return {image.begin(), image.end()};
  }
  void message(std::uint32_t window, std::uint32_t kind, std::uint32_t word) {
    constexpr unsigned char send_event = 25, client_message = 33;
    std::vector<unsigned char> request{send_event, 0, 0, 0};
    put32(request, window);
    put32(request, 0);
    request.insert(request.end(), {client_message, 32, 0, 0});
    put32(request, window);
    put32(request, kind);
    put32(request, word);
    request.resize(44);
    send(std::move(request));
    atom("WM_PROTOCOLS");  // answered when the message has been sent on
  }

 private:
  static unsigned word16(const std::vector<unsigned char>& from, std::size_t at) {
    return static_cast<unsigned>(from.at(at) | from.at(at + 1) << 8);
  }
  static std::uint32_t word32(const std::vector<unsigned char>& from, std::size_t at) {
    return word16(from, at) | word16(from, at + 2) << 16;
  }
  static void put16(std::vector<unsigned char>& to, unsigned value) {
    to.push_back(static_cast<unsigned char>(value));
    to.push_back(static_cast<unsigned char>(value >> 8));
  }
  static void put32(std::vector<unsigned char>& to, std::uint32_t value) {
    put16(to, value & 0xffff);
    put16(to, value >> 16);
  }
  // Filled up to whole words, with the length where requests have it.
  void send(std::vector<unsigned char> request) {
    request.resize((request.size() + 3) / 4 * 4);
    if (request[0] != 'l') {
      request[2] = static_cast<unsigned char>(request.size() / 4);
      request[3] = static_cast<unsigned char>(request.size() / 4 >> 8);
    }
    good_ = good_ && ::write(socket_, request.data(), request.size()) == static_cast<ssize_t>(request.size());
    REQUIRE(good_);
  }
  std::vector<unsigned char> receive(std::size_t bytes) {
    std::vector<unsigned char> out(bytes);
    for (std::size_t at = 0; at < bytes;) {
      const ssize_t got = ::read(socket_, out.data() + at, bytes - at);
      REQUIRE(got > 0);
      at += static_cast<std::size_t>(got);
    }
    return out;
  }

  int socket_;
  bool good_ = false;
  std::uint32_t root_ = 0;
  unsigned width_ = 0, height_ = 0;
};

}  // namespace

Desktop::Desktop() {
  for (const char* program : {"Xvfb", "xdotool"}) {
    if (has_program(program)) continue;
    MESSAGE("skipped: ", program, " is not here");
    return;
  }
  int ends[2];
  if (::pipe(ends) != 0) return;
  ::fcntl(ends[0], F_SETFD, FD_CLOEXEC);
  server_ = ::fork();
  if (server_ == 0) {
    const int nowhere = ::open("/dev/null", O_RDWR);
    for (const int stream : {0, 1, 2}) ::dup2(nowhere, stream);
    const std::string to = std::to_string(ends[1]);
    ::execlp("Xvfb", "Xvfb", "-displayfd", to.c_str(), "-screen", "0", "1280x800x24", "-nolisten", "tcp",
             "-noreset", nullptr);
    ::_exit(127);
  }
  ::close(ends[1]);
  // It says which display it has when it is there.
  std::string said;
  for (char letter; ::read(ends[0], &letter, 1) == 1 && letter != '\n';) said += letter;
  ::close(ends[0]);
  if (said.empty()) {
    MESSAGE("skipped: Xvfb does not start here");
    ::waitpid(std::exchange(server_, -1), nullptr, 0);
    return;
  }
  number_ = std::stoi(said);
  ::setenv("DISPLAY", (":" + said).c_str(), 1);
  ::setenv("SDL_VIDEODRIVER", "x11", 1);
  // A graphics library that draws on the CPU would take longer than all else.
  ::setenv("SDL_RENDER_DRIVER", "software", 1);
  ::setenv("SDL_FRAMEBUFFER_ACCELERATION", "0", 1);
}

Desktop::~Desktop() {
  if (server_ <= 0) return;
  ::kill(server_, SIGTERM);
  ::waitpid(server_, nullptr, 0);
  for (const char* name : {"DISPLAY", "SDL_VIDEODRIVER", "SDL_RENDER_DRIVER", "SDL_FRAMEBUFFER_ACCELERATION"})
    ::unsetenv(name);
}

bool Desktop::has_window(const std::string& title) const {
  return !output_of("xdotool search --onlyvisible --name '" + title + "'").empty();
}

bool Desktop::wait_for_window(const std::string& title) {
  return within_a_minute([&] {
    const std::string found = output_of("xdotool search --onlyvisible --name '" + title + "'");
    if (found.empty()) return false;
    window_ = found.substr(0, found.find('\n'));
    output_of("xdotool windowfocus --sync " + window_);
    return true;
  });
}

void Desktop::press(const std::string& keys) const { output_of("xdotool key " + keys); }

void Desktop::click() const {
  output_of("xdotool mousemove --sync --window " + window_ + " 300 150 click 1");
}

void Desktop::type(const std::string& text) const { output_of("xdotool type --delay 50 '" + text + "'"); }

void Desktop::click_here() const { output_of("xdotool click 1"); }

void Desktop::click_at(int right, int down) const {
  output_of("xdotool mousemove --sync --window " + window_ + " " + std::to_string(right) + " " +
            std::to_string(down) + " click 1");
}

void Desktop::drag(int right, int down, int to_right, int to_down) const {
  constexpr int steps = 10;
  const auto to = [&](int step) {
    return "mousemove --window " + window_ + " " + std::to_string(right + (to_right - right) * step / steps) +
           " " + std::to_string(down + (to_down - down) * step / steps) + " ";
  };
  std::string words = "xdotool " + to(0) + "mousedown 1 ";
  for (int step = 1; step <= steps; ++step) words += to(step) + "sleep 0.05 ";
  output_of(words + "mouseup 1");
}

void Desktop::move(int right, int down) const {
  output_of("xdotool mousemove_relative -- " + std::to_string(right) + " " + std::to_string(down));
}

void Desktop::resize(int width, int height) const {
  output_of("xdotool windowsize " + window_ + " " + std::to_string(width) + " " + std::to_string(height));
}

void Desktop::close() const {
  Connection server(number_);
  server.message(static_cast<std::uint32_t>(std::stoul(window_)), server.atom("WM_PROTOCOLS"),
                 server.atom("WM_DELETE_WINDOW"));
}

std::string Desktop::dots() const { return Connection(number_).dots(); }

bool Desktop::wait_for_other_dots(const std::string& before) const {
  return within_a_minute([&] { return dots() != before; });
}

bool has_sdl() {
  const Result none = run({"-bios", "/no/such/file", "-display", "sdl"});
  const bool there = none.err.find("built without SDL") == std::string::npos;
  if (!there) MESSAGE("skipped: the program was built without SDL");
  return there;
}

}  // namespace ringside::cli
