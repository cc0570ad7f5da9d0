// Owns what the debugger's commands do in a session, whoever gives them: the console, the inspector.
#pragma once

#include "frontend/commands/commands.h"
#include "frontend/program/session.h"

namespace ringside {

// Files that commands write, what they send, type and take pictures of, and the restart. The session outlives
// `commands`.
void connect_commands(Session& session, Commands& commands);

}  // namespace ringside
