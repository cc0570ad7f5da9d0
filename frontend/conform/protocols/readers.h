// Owns the list of the protocols' readers: each is made, and known by look, in the file of its name.
#pragma once

#include "frontend/conform/protocols/protocol.h"

namespace ringside::conform {

std::unique_ptr<ProtocolReader> kvm_unit_tests_reader();
std::unique_ptr<ProtocolReader> tap_reader();
std::unique_ptr<ProtocolReader> ktap_reader();
std::unique_ptr<ProtocolReader> sotest_reader();
std::unique_ptr<ProtocolReader> xtf_reader();
std::unique_ptr<ProtocolReader> gtest_reader();

// Of plain lines, as plain_line() makes them.
bool looks_like_kvm_unit_tests(std::string_view line);
bool looks_like_tap(std::string_view line);
bool looks_like_ktap(std::string_view line);
bool looks_like_sotest(std::string_view line);
bool looks_like_xtf(std::string_view line);
bool looks_like_gtest(std::string_view line);

}  // namespace ringside::conform
