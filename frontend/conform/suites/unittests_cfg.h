// Owns the reader of kvm-unit-tests' unittests.cfg.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "frontend/conform/suites/test.h"

namespace ringside::conform {

// What the checkout's own runner takes from its surroundings.
struct CfgSurroundings {
  std::string folder;            // with the images; the file's own
  std::string arch = "x86_64";   // the one that the checkout is configured for
  bool environment = true;       // the guests get an environment module
  std::string more_environment;  // lines NAME=VALUE of the caller's own
};
// By the file's place and its checkout's config.mak; what KVM_UNIT_TESTS_ENV names is the caller's.
CfgSurroundings cfg_surroundings(const std::string& path);

// The tests of the text of the file `path`, as the suite's runner would see them under ACCEL=tcg: lines that
// it does not know are passed over. Files that a test's `check` line names are read here. A second test of
// one name is broken.
std::vector<Test> read_unittests_cfg(const std::string& path, std::string_view text,
                                     const CfgSurroundings& surroundings);

}  // namespace ringside::conform
