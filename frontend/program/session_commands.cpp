// Owns the ways from the debugger's commands to a session.
#include "frontend/program/session_commands.h"

#include "frontend/program/file_roles.h"
#include "frontend/program/screen_watch.h"

namespace ringside {

void connect_commands(Session& session, Commands& commands) {
  commands.on_output([&session](const std::string& path, std::string& why) {
    return check_one_more(session.options(), "trace ... to", path, why);
  });
  commands.on_send([&session](std::string_view bytes) {
    std::size_t went = 0;
    while (went < bytes.size() && !session.replays() &&
           session.machine().input(SerialByte{0, static_cast<u8>(bytes[went])}))
      ++went;
    return went;
  });
  commands.on_type(
      [&session](std::vector<TypedStep> steps) { session.screen().add_typed(std::move(steps)); });
  commands.on_screenshot([&session](const std::string& path, std::string& why) {
    return write_screenshot("screenshot", path, session.machine(), why);
  });
  commands.on_load([&session](const std::string& path, std::string& why) { return session.load(path, why); });
  commands.on_restart([&session](std::string& why) { return session.restart(why); });
}

}  // namespace ringside
