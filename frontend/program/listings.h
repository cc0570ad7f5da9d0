// Owns what Ringside tells about itself: devices, CPU models, machine types, accelerators.
#pragma once

#include <string>
#include <string_view>

#include "cpu/exec/core/block.h"
#include "frontend/program/options.h"

namespace ringside {

std::string devices_text();
std::string cpus_text();
std::string machines_text();
std::string accelerators_text();
std::string version_number();  // "0.1.0"
std::string version_text();
// What answers a question that a flag asks; help is the caller's own.
std::string answer_text(Answer question);

// False and one line in `error` for a name that -accel does not know.
bool known_accelerator(std::string_view name, Dispatcher& dispatcher, std::string& error);

}  // namespace ringside
