// Owns how the inspector comes to a session's debugger.
#include "frontend/program/inspecting.h"

#include "frontend/inspector/imgui/inspector_panes.h"
#include "frontend/program/file_roles.h"

namespace ringside {

std::unique_ptr<Panes> Inspecting::make_panes(std::string& why, std::string& error) {
  const bool asked = session_.options().inspector;
  auto panes = make_inspector(exchange_, asked, why);
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
    inspection_ = std::make_unique<Inspection>(session_.debugger(), session_.symbols(), exchange_);
    Commands& commands = inspection_->commands();
    commands.on_output([this](const std::string& path, std::string& why) {
      return check_one_more(session_.options(), "trace ... to", path, why);
    });
    commands.on_send([this](std::string_view bytes) {
      std::size_t went = 0;
      while (went < bytes.size() && session_.machine().input(SerialByte{0, static_cast<u8>(bytes[went])}))
        ++went;
      return went;
    });
    commands.on_type([this](std::vector<TypedStep> steps) { session_.screen().add_typed(std::move(steps)); });
    commands.on_screenshot([this](const std::string& path, std::string& why) {
      return write_screenshot("screenshot", path, session_.machine(), why);
    });
    commands.on_restart([this](std::string& why) { return session_.restart(why); });
  }
  return inspection_->serve(stands);
}

void Inspecting::tell_stop(const std::string& why) {
  if (!inspection_) return;
  Stop stop = session_.debugger().here();
  if (stop.text.empty()) stop.text = why;
  inspection_->tell_stop(stop);
}

}  // namespace ringside
