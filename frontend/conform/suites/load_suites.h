// Owns how suites are found: a file of one of the kinds, an image with its expectation, a folder of them.
#pragma once

#include <string>
#include <vector>

#include "frontend/conform/suites/test.h"

namespace ringside::conform {

// `place` is unittests.cfg (any name that ends in .cfg), a suite's file (.toml), an image with IMAGE.expect
// beside it, or a folder with such things in it. Its tests go behind those in `tests`; two of one name in one
// suite are broken but for the first. False and one line in `error`: there is no suite.
bool load_suite(const std::string& place, std::vector<Test>& tests, std::string& error);

// The test of an image whose expectation is the text of `IMAGE.expect`: patterns that lines must match, in
// order, one a line; one behind "! " must not come.
Test image_test(const std::string& image, std::string_view expectation);

}  // namespace ringside::conform
