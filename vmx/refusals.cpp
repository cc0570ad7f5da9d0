// Owns the table of refusals of VMX instructions.
#include "vmx/refusals.h"

#include <array>

namespace ringside {
namespace {

// What the column `outcome` says.
struct Outcomes {
  struct Outcome {
    bool faults;
    Vector vector;
    u8 error;
  };
  static constexpr Outcome UD{true, Vector::UD, 0}, GP{true, Vector::GP, 0}, invalid{false, Vector::UD, 0};
#define ERROR(number, id, name) static constexpr Outcome id{false, Vector::UD, number};
#include "vmx/instruction_errors.inc"
#undef ERROR
};

constexpr std::array refusal_table = {
    RefusalInfo{"none"},
#define REFUSAL(id, outcome, instructions, sentence, cure, title) \
  RefusalInfo{#id,                                                \
              Outcomes::outcome.faults,                           \
              Outcomes::outcome.vector,                           \
              Outcomes::outcome.error,                            \
              instructions,                                       \
              sentence,                                           \
              cure,                                               \
              title},
#include "vmx/refusals.inc"
#undef REFUSAL
};
static_assert(refusal_table.size() == static_cast<std::size_t>(Refusal::count));

}  // namespace

const RefusalInfo& info(Refusal why) { return refusal_table[static_cast<std::size_t>(why)]; }

}  // namespace ringside
