// Owns the tags that may follow the columns of a row: each writes down one thing that the row knows of its
// instruction. They are values, so that rows stay data; cpu/decode/README.md lists them for readers.
#pragma once

#include "cpu/decode/inline_class.h"
#include "cpu/decode/rows.h"

namespace ringside::row_tag {

using Exit = ExitReason;
using By = VmxControl;

struct Emit {
  RowEmit value;
  constexpr void apply(RowInfo& row) const { row.emit = value; }
};
constexpr Emit emit(Inline what) { return {{what, {}, {}, 0}}; }
constexpr Emit emit(Inline what, Condition condition) { return {{what, {}, condition, 0}}; }
constexpr Emit emit(Inline what, u8 bytes) { return {{what, {}, {}, bytes}}; }
constexpr Emit emit(InlineVector what) { return {{Inline::vector, what, {}, 0}}; }

struct Also {
  Feature value;
  constexpr void apply(RowInfo& row) const { row.also = value; }
};
constexpr Also also(Feature feature) { return {feature}; }

struct Needs {
  Privilege value;
  constexpr void apply(RowInfo& row) const { row.privilege = value; }
};
constexpr Needs needs(Privilege privilege) { return {privilege}; }

struct Exits {
  RowExit value;
  constexpr void apply(RowInfo& row) const { row.exit = value; }
};
constexpr Exits exits(Exit reason) { return {{RowExit::When::always, reason, By::count}}; }
constexpr Exits exits(Exit reason, By control) { return {{RowExit::When::control, reason, control}}; }
constexpr Exits may_exit(Exit reason) { return {{RowExit::When::depends, reason, By::count}}; }

struct Information {
  RowInformation value;
  constexpr void apply(RowInfo& row) const { row.information = value; }
};
constexpr Information information(InformationFormat format, u8 identity = 0) { return {{format, identity}}; }

struct Judged {
  Judge value;
  constexpr void apply(RowInfo& row) const { row.judge = value; }
};
constexpr Judged judge(Judge by) { return {by}; }
constexpr Judged unjudged(Judge why) { return {why}; }

struct Branches {
  Branch value;
  constexpr void apply(RowInfo& row) const { row.branch = value; }
};
constexpr Branches branch(Branch what) { return {what}; }

template <class... Tags>
constexpr RowInfo with(RowInfo row, Tags... tags) {
  (tags.apply(row), ...);
  return row;
}

}  // namespace ringside::row_tag
