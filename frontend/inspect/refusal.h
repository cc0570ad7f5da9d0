// Owns rules of VM entry that are broken, as values.
#pragma once

#include <string_view>

#include "frontend/inspect/sheet.h"
#include "vmx/explain_rule.h"

namespace ringside {

// A section named by the rule's id: the sentence, the manual's title, the fields with their writers, the
// limits that the CPU sets, the cure. `indent` begins each line that people read.
void add_rule(Sheet& sheet, const RuleExplanation& rule, std::string_view indent, const NameCode& name);

}  // namespace ringside
