// Owns a serial port's place on the host: what the guest sends goes there, and what comes from there is kept
// until the guest takes it.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "frontend/program/chardev.h"
#include "frontend/program/output.h"

namespace ringside {

// What comes from standard input is Input's; a channel there only writes.
class Channel {
 public:
  Channel() = default;
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  // May wait for somebody at the other end, until a signal or the end of --timeout's time; says so on
  // standard error, and where a pseudo-terminal or a server's socket is. `flag` is named in what is said.
  bool open(const std::string& flag, const Chardev& device, std::string& error);

  void put(u8 byte) { out_.put(byte); }
  void flush() { out_.flush(); }
  const std::string& failure() const { return out_.failure(); }

  // More may come from here, now or later.
  bool listens() const { return terminal_ >= 0 || client_ >= 0 || server_ >= 0; }
  // Somebody is there now.
  bool attended() const { return client_ >= 0 || (terminal_ >= 0 && terminal_used()); }
  // What is to be waited for.
  void add_descriptors(std::vector<int>& to) const;
  // Takes whoever comes and what has come. Never waits.
  void receive();
  bool empty() const { return bytes_.empty(); }
  u8 front() const { return bytes_.front(); }
  void pop() { bytes_.pop_front(); }

 private:
  bool open_socket(const std::string& flag, const Chardev& device, std::string& error);
  bool open_terminal(const std::string& flag, std::string& error);
  void welcome(int client);
  bool terminal_used() const;
  void lose_client();

  static constexpr std::size_t most_waiting = 4096;  // the rest stays with the sender
  Stream out_;
  std::deque<u8> bytes_;
  int terminal_ = -1, server_ = -1, client_ = -1;
  std::string path_;  // of the socket that is ours
};

}  // namespace ringside
