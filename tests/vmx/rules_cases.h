// Owns the shape of the table that breaks each rule of VM entry; its rows are in rules_*_cases.cpp.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/vmx/rules_state.h"

namespace ringside {

struct RuleCase {
  using Act = std::function<void(RulesBox&)>;
  std::string id;
  void (RulesBox::*base)();
  Act breaks;
  // Before: no rule may be broken after it.
  Act setup = [](RulesBox&) {};
  // Rules that no value could keep while this one is broken.
  std::vector<std::string> entails = {};
};

std::vector<RuleCase> control_cases();
std::vector<RuleCase> host_cases();
std::vector<RuleCase> guest_cases();
std::vector<RuleCase> segment_cases();

}  // namespace ringside
