// Owns the making of sheets.
#include "frontend/inspect/sheet.h"

#include <fmt/format.h>

#include "cpu/arch/register_bits.h"
#include "cpu/arch/registers.h"

namespace ringside {

Row& Row::say(std::string_view words) {
  cells.push_back({.text = std::string(words)});
  cells.back().name.clear();
  return *this;
}

Row& Row::hex(std::string_view called, u64 value, int digits) {
  return number(called, value, digits ? fmt::format("{:0{}x}", value, digits) : fmt::format("{:#x}", value));
}

Row& Row::count(std::string_view called, u64 value, int width) {
  return number(called, value, fmt::format("{}", value), width);
}

Row& Row::word(std::string_view called, std::string_view text, int width) {
  cells.push_back({.name = std::string(called), .text = std::string(text), .width = width});
  return *this;
}

Row& Row::number(std::string_view called, u64 value, std::string_view text, int width) {
  word(called, text, width);
  cells.back().number = value;
  return *this;
}

Row& Row::names(std::string_view called, std::vector<std::string> set, std::string_view if_none) {
  word(called, set.empty() ? std::string(if_none) : fmt::format("{}", fmt::join(set, " ")));
  cells.back().bits = std::move(set);
  return *this;
}

Row& Row::quiet(std::string_view called, u64 value) {
  hex(called, value);
  cells.back().quiet = true;
  return *this;
}

Row& Row::quiet(std::string_view called, std::string_view text) {
  word(called, text);
  cells.back().quiet = true;
  return *this;
}

Row& Row::quiet(std::string_view called, std::vector<std::string> list) {
  names(called, std::move(list), "");
  cells.back().quiet = true;
  return *this;
}

Row& Row::to(Link::To where, u64 address, std::string_view symbol) {
  cells.back().link = {where, address, std::string(symbol)};
  return *this;
}

Row& Row::go_on() {
  goes_on = true;
  return *this;
}

const Cell* Row::find(std::string_view called) const {
  for (const Cell& cell : cells)
    if (!called.empty() && cell.name == called) return &cell;
  return nullptr;
}

Row& Sheet::row(std::string_view called) {
  if (sections.empty()) section("");
  return sections.back().rows.emplace_back(called);
}

void Sheet::add(const Sheet& other) {
  sections.insert(sections.end(), other.sections.begin(), other.sections.end());
}

const Row* Sheet::find(std::string_view row) const {
  for (const Section& section : sections) {
    for (const Row& one : section.rows)
      if (one.name == row) return &one;
  }
  return nullptr;
}

namespace {

// nullptr: there is none, or there are several.
const Row* only_row(const Section& section, std::string_view name) {
  const Row* found = nullptr;
  for (const Row& row : section.rows) {
    if (row.name != name) continue;
    if (found) return nullptr;
    found = &row;
  }
  return found;
}

}  // namespace

void mark_changes(Sheet& now, const Sheet& before) {
  for (Section& section : now.sections) {
    const Section* old = nullptr;
    for (const Section& one : before.sections)
      if (one.name == section.name) old = &one;
    if (!old) continue;
    for (std::size_t n = 0; n < section.rows.size(); ++n) {
      Row& row = section.rows[n];
      const Row* was = n < old->rows.size() && old->rows[n].name == row.name ? &old->rows[n] : nullptr;
      // A row that came or went before it has moved it.
      if (!was && !row.name.empty()) was = only_row(*old, row.name);
      for (Cell& cell : row.cells) {
        const Cell* then = was ? was->find(cell.name) : nullptr;
        cell.changed = then && (then->number != cell.number || then->text != cell.text);
      }
    }
  }
}

std::vector<std::string> set_bits(std::string_view of, u64 value) {
  const u64 always = of == "RFLAGS" ? Eflags::reserved_one
                     : of == "DR6"  ? Dr6::fixed_one
                     : of == "DR7"  ? Dr7::fixed_one
                                    : 0;
  value &= ~always;
  std::vector<std::string> all;
  const auto unnamed = [&](unsigned low, unsigned end) {
    for (unsigned n = low; n < end; ++n)
      if (value >> n & 1) all.push_back(fmt::format("bit{}", n));
  };
  unsigned next = 0;
  for (const BitField& row : bits_of_register(of)) {
    unnamed(next, row.low);
    next = row.high + 1u;
    const u64 field = (value & row.mask()) >> row.low;
    if (row.low != row.high && (field || row.name == "IOPL"))
      all.push_back(fmt::format("{}={}", row.name, field));
    else if (field)
      all.emplace_back(row.name);
  }
  unnamed(next, 64);
  return all;
}

}  // namespace ringside
