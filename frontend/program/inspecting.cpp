// Owns how the inspector comes to a session's debugger.
#include "frontend/program/inspecting.h"

#include "frontend/modules/modules.h"
#include "frontend/program/session_commands.h"

namespace ringside {

std::unique_ptr<Panes> Inspecting::make_panes(std::string& why, std::string& error) {
  const bool asked = session_.options().inspector;
  const WindowModule* const module = window_module(why);
  auto panes = module ? module->make_inspector(exchange_, asked, why) : nullptr;
  if (!panes && asked) error = "--inspector: " + why;
  return panes;
}

bool Inspecting::engaged() const {
  return inspection_ && (exchange_->open() || !session_.debugger().breakpoints().empty());
}

Inspection::Wish Inspecting::serve(Inspection::Stands stands) {
  if (!inspection_) {
    // Not in the middle of somebody's run.
    if (!Inspection::wanted(*exchange_) || stands == Inspection::Stands::within)
      return Inspection::Wish::nothing;
    session_.keep_past();
    inspection_ = std::make_unique<Inspection>(session_.debugger(), session_.symbols(), exchange_);
    connect_commands(session_, inspection_->commands());
  }
  return inspection_->serve(stands);
}

void Inspecting::tell_stop(const std::string& why) {
  if (!inspection_) return;
  Stop stop = session_.debugger().here();
  if (stop.text.empty()) stop.text = why;
  inspection_->tell_stop(stop);
}

void Inspecting::tell_stop(const Stop& stop) {
  if (inspection_) inspection_->tell_stop(stop);
}

}  // namespace ringside
