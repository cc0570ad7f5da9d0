// Owns JSON as a value that grows member by member, and how JSON writes a text.
#pragma once

#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "cpu/arch/types.h"

namespace ringside {

// In quotes. What is UTF-8 stays; any other byte, of a guest's say, stands as the character of its number.
std::string json_text(std::string_view text);

// Null until it is given a value; an object keeps the order in which its members came. What writes it down is
// a library whose header is heavy, so that only one file sees it.
class Json {
 public:
  Json() = default;
  Json(std::string_view text) : value_(std::string(text)) {}
  Json(const std::string& text) : value_(text) {}
  Json(const char* text) : value_(std::string(text)) {}
  Json(bool value) : value_(value) {}
  Json(double number) : value_(number) {}
  Json(std::signed_integral auto number) : value_(s64{number}) {}
  Json(std::unsigned_integral auto number) : value_(u64{number}) {}
  Json(std::initializer_list<std::pair<std::string_view, Json>> members);
  static Json array();

  // The member of that name, made if it is not there: null becomes an object.
  Json& operator[](std::string_view name);
  // Null becomes an array.
  void push_back(Json value);

  // In one line; or with a line for each value, where `indent` says how many blanks deeper a level stands.
  std::string dump(unsigned indent = 0) const;

 private:
  struct Writer;
  struct Array : std::vector<Json> {};
  struct Object : std::vector<std::pair<std::string, Json>> {};

  std::variant<std::nullptr_t, bool, s64, u64, double, std::string, Array, Object> value_;
};

}  // namespace ringside
