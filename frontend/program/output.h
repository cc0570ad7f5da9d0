// Owns the run's outputs: the streams of bytes from the guest, and files that appear whole or not at all.
#pragma once

#include <string>
#include <string_view>

#include "frontend/program/options.h"

namespace ringside {

// One line about the run or its failure, and text as it is, on standard error. What nobody can read any more
// is lost; a failed write is no failure of the run's.
void say(std::string_view line);
// Says what was wrong; what the program then ends with.
int refuse(std::string_view error, int status = exit_usage);
void tell(std::string_view text);
// On standard output; false: it could not be written, and a line on standard error has said so.
bool print(std::string_view text);

// One line in `error` if `path` could not be written now; nothing is created or changed.
bool check_writable(const std::string& flag, const std::string& path, std::string& error);

// The file appears whole under its name, or not at all.
bool write_whole_file(const std::string& flag, const std::string& path, const std::string& text,
                      std::string& error);

// Bytes from the guest on their way out, gathered until flush() or until there are many.
class Stream {
 public:
  Stream() = default;
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // A file is emptied here (or kept, with `append`) and then grows as the guest prints, so that it can be
  // followed. A FIFO waits for its reader, until a signal or the end of --timeout's time.
  bool open_file(const std::string& flag, const std::string& path, bool append, std::string& error);
  void open_standard_output();
  void open_standard_error();
  // Somebody else's descriptor, whose reader may go away without harm: what it does not read is lost. Below
  // 0: there is no reader.
  void lend(int file) {
    file_ = file;
    may_go_ = true;
  }
  void put(u8 byte) {
    if (file_ < 0) return;
    buffer_ += static_cast<char>(byte);
    if (buffer_.size() >= most_gathered) flush();
  }
  void put(std::string_view text) {
    for (const char c : text) put(static_cast<u8>(c));
  }
  void flush();
  // What went wrong, one line; empty: nothing yet.
  const std::string& failure() const { return failure_; }

 private:
  static constexpr std::size_t most_gathered = 16384;
  void fail(const char* why);

  std::string buffer_, name_, failure_;
  int file_ = -1;
  bool owned_ = false, may_go_ = false;
};

}  // namespace ringside
