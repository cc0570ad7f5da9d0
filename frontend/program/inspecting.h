// Owns a session's inspector: its panes for the window, and its side on the machine's thread, which is there
// from when somebody first looks.
#pragma once

#include <memory>
#include <string>

#include "frontend/inspector/inspection.h"
#include "frontend/program/session.h"
#include "frontend/sdl/panes.h"

namespace ringside {

class Inspecting {
 public:
  // The session outlives it.
  explicit Inspecting(Session& session) : session_(session) {}

  // For the window. nullptr: `why` says it in one line, and so does `error` if the flags ask for it.
  std::unique_ptr<Panes> make_panes(std::string& why, std::string& error);

  // Somebody looks; somebody has ordered something.
  bool open() const { return exchange_->open(); }
  bool ordered() const { return exchange_->ordered(); }
  // The machine has to be run by the debugger: somebody looks, or has left breakpoints. Until the first look
  // nothing of a debugger is there.
  bool engaged() const;
  // nullptr: nobody has looked yet.
  Inspection* get() { return inspection_.get(); }
  // As Inspection::serve(); nothing, and at no cost, while nobody looks.
  Inspection::Wish serve(Inspection::Stands stands);
  // A stop that its people did not order, with its reason.
  void tell_stop(const std::string& why);
  void tell_stop(const Stop& stop);

 private:
  Session& session_;
  std::shared_ptr<Exchange> exchange_ = std::make_shared<Exchange>();
  std::unique_ptr<Inspection> inspection_;
};

}  // namespace ringside
