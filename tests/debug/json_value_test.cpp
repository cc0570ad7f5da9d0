// Owns the tests of JSON as the program writes it: read back by another's reader.
#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "frontend/inspect/json_value.h"

using namespace ringside;

TEST_CASE("what is written is read back, in the order in which it was said") {
  Json j;
  j["zero"] = u64{0};
  j["largest"] = ~u64{0};
  j["least"] = s64{-1} << 63;
  j["real"] = 0.1;
  j["not finite"] = std::nan("");
  j["yes"] = true;
  j["empty"] = Json::array();
  j["list"].push_back({{"a", 1}, {"b", "two"}});
  j["list"].push_back("three");
  j["zero"] = 1;  // the member that is there, not a second one
  for (const unsigned indent : {0u, 2u}) {
    const std::string text = j.dump(indent);
    CHECK((text.find('\n') == std::string::npos) == (indent == 0));
    const auto read = nlohmann::ordered_json::parse(text);
    CHECK(read["zero"] == 1);
    CHECK(read["largest"] == ~u64{0});
    CHECK(read["least"] == s64{-1} << 63);
    CHECK(read["real"] == 0.1);
    CHECK(read["not finite"].is_null());
    CHECK(read["yes"] == true);
    CHECK(read["empty"] == nlohmann::json::array());
    CHECK(read["list"][0]["b"] == "two");
    CHECK(read["list"][1] == "three");
    CHECK(read.size() == 8);
    CHECK(read.begin().key() == "zero");
  }
  CHECK(nlohmann::ordered_json::parse(j.dump(2)).dump() == j.dump());
}

TEST_CASE("any text is written as JSON that is UTF-8") {
  const auto read_back = [](const std::string& text) {
    const auto read = nlohmann::json::parse(json_text(text), nullptr, false);
    REQUIRE_MESSAGE(read.is_string(), json_text(text));
    return read.get<std::string>();
  };
  for (const char* text : {"", "plain", "a\"b\\c\nd\te", "\x7f", "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"})
    CHECK(read_back(text) == text);
  CHECK(read_back(std::string("\0", 1)) == std::string("\0", 1));
  // Cut off, overlong, surrogates, beyond the last character, a lone continuation: each byte for itself.
  for (const char* text :
       {"\xe2\x82", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\x80"})
    CHECK(read_back(text).size() >= 2);
  CHECK(read_back("\xff") == "\xc3\xbf");
  for (unsigned first = 0; first < 0x10000; ++first)
    read_back({static_cast<char>(first >> 8), static_cast<char>(first)});
}
