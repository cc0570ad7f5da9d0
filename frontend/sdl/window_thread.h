// Owns the thread that a place to look at the screen lives on.
#pragma once

#include <functional>
#include <string>
#include <thread>

namespace ringside {

class WindowThread {
 public:
  WindowThread() = default;
  ~WindowThread() { join(); }
  WindowThread(const WindowThread&) = delete;
  WindowThread& operator=(const WindowThread&) = delete;

  // Lives there until it returns, and says once how it began: nothing, or in one line why it did not.
  using Began = std::function<void(std::string error)>;
  using Life = std::function<void(const Began& began)>;
  // Waits for the word. False: `error`. The thread gets no signals: they end the waits of the machine's.
  bool start(Life life, std::string& error);
  void join() {
    if (thread_.joinable()) thread_.join();
  }

 private:
  std::thread thread_;
};

}  // namespace ringside
