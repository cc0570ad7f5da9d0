// Owns how a suite's file names what of VMX a run must meet.
#pragma once

#include <span>
#include <string>

#include "frontend/coverage/vmx_coverage.h"

namespace ringside::conform {

// A name is a word for the group and the item's number, name or title: "exit 48", "exit EPT violation",
// "error 7", "rule guest.cr0.fixed_bits", "control Enable EPT", "event #PF, page fault", "ept
// write.absent.access"; capitals and small letters are the same.

// What is wrong with a name, and the nearest one that there is; empty: nothing.
std::string coverage_name_slip(const std::string& name);
// The first that was not met; empty: all were.
std::string first_not_met(std::span<const std::string> names, const VmxCoverage& met);

}  // namespace ringside::conform
