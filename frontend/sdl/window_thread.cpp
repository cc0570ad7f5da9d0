// Owns how such a thread begins.
#include "frontend/sdl/window_thread.h"

#include <pthread.h>
#include <signal.h>

#include <future>
#include <memory>
#include <utility>

namespace ringside {

bool WindowThread::start(Life life, std::string& error) {
  auto word = std::make_shared<std::promise<std::string>>();
  std::future<std::string> heard = word->get_future();
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  thread_ = std::thread(
      [life = std::move(life), word] { life([&](std::string why) { word->set_value(std::move(why)); }); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  error = heard.get();
  return error.empty();
}

}  // namespace ringside
