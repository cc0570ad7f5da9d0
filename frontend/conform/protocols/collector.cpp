// Owns gathering checks within bounds.
#include "frontend/conform/protocols/collector.h"

#include <fmt/format.h>

#include <algorithm>

namespace ringside::conform {
namespace {

constexpr std::size_t most_notes = 40, most_note_bytes = 3000, most_missing = 100;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The place behind the escape sequence that begins at `at`: one of a terminal's (ECMA-48), or ESC and a
// character.
std::size_t behind_escape(std::string_view text, std::size_t at) {
  ++at;
  if (at >= text.size()) return at;
  if (text[at] == ']') {  // a title, say, until BEL or ESC
    while (at < text.size() && text[at] != '\a' && text[at] != '\x1b') ++at;
    return at < text.size() && text[at] == '\a' ? at + 1 : at;
  }
  if (text[at] != '[') return at + 1;
  ++at;
  while (at < text.size() && text[at] >= 0x20 && text[at] < 0x40) ++at;
  return std::min(at + 1, text.size());
}

}  // namespace

std::string plain_line(std::string_view text) {
  text = text.substr(0, longest_line);
  std::string plain;
  plain.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c == '\x1b') {
      at = behind_escape(text, at);
      continue;
    }
    if (static_cast<unsigned char>(c) >= 0x20 || c == '\t') plain += c;
    ++at;
  }
  return plain;
}

std::string_view without_log_prefix(std::string_view line) {
  std::string_view rest = line;
  u64 number = 0;
  if (take(rest, "<") && !(take_number(rest, number) && take(rest, ">"))) return line;
  if (!take(rest, "[")) return line;
  while (take(rest, " ")) continue;
  if (!take_number(rest, number) || !take(rest, ".") || !take_number(rest, number) || !take(rest, "]"))
    return line;
  if (rest.starts_with("[") && rest.find(']') <= 14) rest.remove_prefix(rest.find(']') + 1);
  take(rest, " ");
  return rest;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool take_number(std::string_view& text, u64& number) {
  std::size_t digits = 0;
  number = 0;
  while (digits < text.size() && is_digit(text[digits]) && digits <= 10)
    number = number * 10 + static_cast<u64>(text[digits++] - '0');
  if (digits == 0 || digits > 10) return false;
  text.remove_prefix(digits);
  return true;
}

bool take(std::string_view& text, std::string_view front) {
  if (!text.starts_with(front)) return false;
  text.remove_prefix(front.size());
  return true;
}

void Collector::line(std::string_view text, u64 number) {
  line_ = number;
  if (!ended_) read(plain_line(text), number);
}

void Collector::end() {
  if (ended_) return;
  ended_ = true;
  line_ = 0;
  finish();
}

std::string Collector::complaint() const {
  if (beyond_ == 0) return complaint_;
  return fmt::format("{}{}{} checks more than are kept, {} of them failures", complaint_,
                     complaint_.empty() ? "" : "; ", beyond_, beyond_failures_);
}

void Collector::note(std::string_view text) {
  if (trimmed(text).empty()) return;
  notes_.emplace_back(text.substr(0, most_note_bytes));
  note_bytes_ += notes_.back().size();
  while (notes_.size() > most_notes || note_bytes_ > most_note_bytes) {
    note_bytes_ -= notes_.front().size();
    notes_.pop_front();
  }
}

void Collector::forget_notes() {
  notes_.clear();
  note_bytes_ = 0;
}

void Collector::add(std::string_view name, Verdict verdict, std::string_view message) {
  std::string told(message);
  if (told.empty() && counts_as_failure(verdict)) {
    for (const std::string& one : notes_) told += (told.empty() ? "" : "\n") + one;
  }
  forget_notes();
  store(name, verdict, told, line_);
}

void Collector::add_missing(std::string_view name, u64 from, u64 to) {
  const u64 last = std::min(to, from + most_missing - 1);
  for (u64 number = from; number <= last; ++number)
    store(fmt::format("{} {}", name, number), Verdict::broken, "it was announced and never came", 0);
  if (to > last) complain(fmt::format("{} checks were announced and never came", to - from + 1));
}

void Collector::store(std::string_view name, Verdict verdict, std::string_view message, u64 line) {
  ++seen_;
  name = name.substr(0, longest_name);
  message = message.substr(0, longest_message);
  if (checks_.size() >= most_checks || text_bytes_ + name.size() + message.size() > most_text) {
    ++beyond_;
    beyond_failures_ += counts_as_failure(verdict) ? 1 : 0;
    return;
  }
  text_bytes_ += name.size() + message.size();
  checks_.push_back({std::string(name), verdict, std::string(message), line});
}

void Collector::put_into_group(std::size_t first, std::string_view group) {
  group = trimmed(group);
  if (group.empty()) return;
  for (std::size_t i = first; i < checks_.size(); ++i) {
    std::string& name = checks_[i].name;
    if (name.size() + group.size() + 3 > longest_name || text_bytes_ > most_text) continue;
    name.insert(0, fmt::format("{} / ", group));
    text_bytes_ += group.size() + 3;
  }
}

void Collector::append_message(std::size_t check, std::string_view text) {
  if (check >= checks_.size()) return;
  std::string& message = checks_[check].message;
  if (message.size() + text.size() + 1 > longest_message || text_bytes_ > most_text) return;
  message += (message.empty() ? "" : "\n") + std::string(text);
  text_bytes_ += text.size() + 1;
}

void Collector::complain(std::string_view text) {
  constexpr std::size_t most_complaint = 400;
  if (complaint_.size() + text.size() > most_complaint) return;
  complaint_ += (complaint_.empty() ? "" : "; ") + std::string(text);
}

}  // namespace ringside::conform
