// Owns the way back from a CPU model to the words that ask for it.
#pragma once

#include <string>

#include "cpu/state/model.h"

namespace ringside {

// What parse_cpu_model makes this model of: the same words for the same model, however it was asked for.
std::string cpu_model_text(const CpuModel& model);

}  // namespace ringside
