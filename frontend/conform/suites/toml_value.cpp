// Owns the way from TOML's text to a tree of values. The library's header is heavy, so only this file sees
// it.
#include "frontend/conform/suites/toml_value.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>

namespace ringside::conform {
namespace {

TomlValue value_of(const toml::node& node);

void take_scalar(const toml::node& node, TomlValue& value) {
  using Kind = TomlValue::Kind;
  value.kind = Kind::other;
  if (const auto* text = node.as_string()) {
    value.kind = Kind::text;
    value.text = text->get();
  } else if (const auto* whole = node.as_integer()) {
    value.kind = Kind::whole;
    value.whole = whole->get();
    value.number = static_cast<double>(value.whole);
    value.text = fmt::format("{}", value.whole);
  } else if (const auto* number = node.as_floating_point()) {
    value.kind = Kind::number;
    value.number = number->get();
    value.text = fmt::format("{}", value.number);
  } else if (const auto* truth = node.as_boolean()) {
    value.kind = Kind::truth;
    value.truth = truth->get();
    value.text = value.truth ? "true" : "false";
  }
}

TomlValue value_of(const toml::node& node) {
  TomlValue value;
  value.line = node.source().begin.line;
  value.column = node.source().begin.column;
  if (const auto* table = node.as_table()) {
    // The library sorts the names.
    for (const auto& [name, member] : *table) value.members.push_back({std::string(name), value_of(member)});
    std::sort(value.members.begin(), value.members.end(), [](const auto& a, const auto& b) {
      return std::pair(a.value.line, a.value.column) < std::pair(b.value.line, b.value.column);
    });
  } else if (const auto* list = node.as_array()) {
    value.kind = TomlValue::Kind::list;
    for (const toml::node& item : *list) value.items.push_back(value_of(item));
  } else {
    take_scalar(node, value);
  }
  return value;
}

}  // namespace

const TomlValue* TomlValue::find(std::string_view name) const {
  for (const auto& [key, value] : members) {
    if (key == name) return &value;
  }
  return nullptr;
}

std::string_view toml_kind_name(TomlValue::Kind kind) {
  constexpr std::array<std::string_view, 7> names = {"text",   "a whole number", "a number", "true or false",
                                                     "a list", "a table",        "a date"};
  return names[static_cast<std::size_t>(kind)];
}

bool parse_toml(std::string_view text, TomlValue& document, std::string& error) {
  try {
    document = value_of(toml::parse(text));
    return true;
  } catch (const toml::parse_error& slip) {
    error =
        fmt::format("{}:{}: {}", slip.source().begin.line, slip.source().begin.column, slip.description());
  }
  return false;
}

}  // namespace ringside::conform
