// Owns the keys of a suite's file: from one table come its reader, what it says of a slip, and its schema.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "frontend/conform/suites/test.h"
#include "frontend/conform/suites/toml_value.h"

namespace ringside::conform {

// A test while its keys are read.
struct TestDraft {
  Test test;
  std::string folder;  // of the suite's file: names of files count from there
  std::string cpu, memory, smp;
  std::string fixture;  // its name
  using Axis = std::pair<std::string, std::vector<std::string>>;
  std::vector<Axis> matrix;
};

// What a key's value looks like.
enum class KeyShape : u8 { text, texts, whole, seconds, truth, assignments, axes, rules };

struct SuiteKey {
  std::string_view name;
  KeyShape shape;
  std::string_view help;
  // False and one line in `error`, without the place. The value has the key's shape.
  bool (*apply)(TestDraft& draft, const TomlValue& value, std::string& error);
};
// Those of [[test]] and of [defaults].
std::span<const SuiteKey> suite_keys();
// What a matrix may go over.
std::span<const std::string_view> matrix_axes();

// All keys of the table `values`, but `name`. False and "LINE:COLUMN: ..." in `error`.
bool apply_keys(const TomlValue& values, TestDraft& draft, std::string& error);

// What is said of a name that is not among those that are known.
std::string unknown_key(std::string_view name, const std::vector<std::string_view>& known);

// JSON Schema, draft 2020-12, for editors.
std::string suite_schema();

}  // namespace ringside::conform
