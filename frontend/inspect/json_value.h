// Owns JSON as a value that grows member by member, and how JSON writes a text.
#pragma once

#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cpu/arch/types.h"

namespace ringside {

// In quotes. What is UTF-8 stays; any other byte, of a guest's say, stands as the character of its number.
std::string json_text(std::string_view text);

// Null until it is given a value; an object keeps the order in which its members came.
class Json {
 public:
  Json() = default;
  Json(std::string_view text) : words_(json_text(text)) {}
  Json(const std::string& text) : Json(std::string_view(text)) {}
  Json(const char* text) : Json(std::string_view(text)) {}
  Json(bool value) : words_(value ? "true" : "false") {}
  Json(double number);
  template <std::integral T>
  Json(T number) : words_(std::to_string(number)) {}
  Json(std::initializer_list<std::pair<std::string_view, Json>> members);
  static Json array();

  // The member of that name, made if it is not there: null becomes an object.
  Json& operator[](std::string_view name);
  // Null becomes an array.
  void push_back(Json value);

  // In one line; or with a line for each value, where `indent` says how many blanks deeper a level stands.
  std::string dump(unsigned indent = 0) const;

 private:
  enum class Kind : u8 { words, array, object };
  void write(std::string& out, unsigned indent, unsigned depth) const;

  Kind kind_ = Kind::words;
  std::string words_ = "null";
  std::vector<std::pair<std::string, Json>> parts_;  // without names in an array
};

}  // namespace ringside
