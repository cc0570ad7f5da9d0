// Owns running the built program from a test: its words in, its output and exit status back.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::cli {

inline bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

struct Result {
  int status = -1;  // 128 + the signal if one ended it
  std::string out, err;
};

// Runs build/ringside to its end, with `input` as standard input (a pipe).
Result run(std::vector<std::string> arguments, std::string_view input = "");

// The same by the shell, which redirects: `words` follow the program's name. The exit status.
int shell(const std::string& words);

// False, with a message, where /dev/pts is not mounted, as in a bare chroot.
bool has_terminals();

// A program that goes on while the test looks at it, with pipes or with a terminal of its own.
class Running {
 public:
  enum class With : std::uint8_t { pipes, terminal };
  Running(std::vector<std::string> arguments, With with);
  ~Running();
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  // Reads until the output holds `text`; false if the program ends or a minute passes before.
  bool wait_for(std::string_view text);
  void type(std::string_view text);
  void signal(int number);
  // Waits for its end, a minute at most (-1 then); the status as in Result.
  int finish();
  bool raw() const;  // With::terminal: is the terminal in raw mode? Also after the program's end
  const std::string& output() const { return output_; }
  void forget() { output_.clear(); }
  void resize(unsigned short columns, unsigned short rows);  // With::terminal

 private:
  bool read_some(int milliseconds);
  pid_t child_ = -1;
  int in_ = -1, out_ = -1;
  int terminal_ = -1;  // the program's end of it, held open so that its modes outlive the program
  std::string output_;
};

// A folder that goes away with the test.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }
  std::string write(std::string_view name, std::string_view bytes) const;  // returns the path
  std::vector<std::string> names() const;

 private:
  std::string path_;
};

// The folder with the images that tests/guests/<guest>.sh made: it is in the one that RINGSIDE_GUESTS names,
// as they take packages from the network. Empty, after a line that says so, where it is not.
std::string guest_images(std::string_view guest);
// The flags that boot kvm.sh's images; empty as above.
std::vector<std::string> kvm_guest();

std::string read_file(const std::string& path);

// A firmware image of 64 KiB whose first instruction is the first byte of `code`: real mode, ROM, no stack.
std::string firmware(std::initializer_list<int> code);

}  // namespace ringside::cli
