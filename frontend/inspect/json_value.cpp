// Owns the writing of JSON.
#include "frontend/inspect/json_value.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "frontend/inspect/utf8.h"

namespace ringside {
namespace {

unsigned char octet(std::string_view text, std::size_t at) { return static_cast<unsigned char>(text[at]); }

// As UTF-8, whatever it was.
std::string characters(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const unsigned char byte = octet(text, 0);
    if (length > 0)
      out += text.substr(0, length);
    else
      (out += static_cast<char>(0xc0 | byte >> 6)) += static_cast<char>(0x80 | (byte & 0x3f));
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

}  // namespace

struct Json::Writer {
  static nlohmann::ordered_json of(const Json& json) { return std::visit(Writer(), json.value_); }

  nlohmann::ordered_json operator()(const auto& scalar) const { return scalar; }
  nlohmann::ordered_json operator()(const std::string& text) const { return characters(text); }
  nlohmann::ordered_json operator()(const Array& array) const {
    auto all = nlohmann::ordered_json::array();
    for (const Json& one : array) all.push_back(of(one));
    return all;
  }
  nlohmann::ordered_json operator()(const Object& object) const {
    auto all = nlohmann::ordered_json::object();
    for (const auto& [name, one] : object) all[characters(name)] = of(one);
    return all;
  }
};

std::string json_text(std::string_view text) { return nlohmann::json(characters(text)).dump(); }

Json::Json(std::initializer_list<std::pair<std::string_view, Json>> members) {
  for (const auto& [name, value] : members) (*this)[name] = value;
}

Json Json::array() {
  Json made;
  made.value_ = Array();
  return made;
}

Json& Json::operator[](std::string_view name) {
  if (!std::holds_alternative<Object>(value_)) value_ = Object();
  Object& members = std::get<Object>(value_);
  const auto found =
      std::find_if(members.begin(), members.end(), [&](const auto& part) { return part.first == name; });
  return found != members.end() ? found->second : members.emplace_back(name, Json()).second;
}

void Json::push_back(Json value) {
  if (!std::holds_alternative<Array>(value_)) value_ = Array();
  std::get<Array>(value_).push_back(std::move(value));
}

std::string Json::dump(unsigned indent) const {
  return Writer::of(*this).dump(indent > 0 ? static_cast<int>(indent) : -1);
}

}  // namespace ringside
