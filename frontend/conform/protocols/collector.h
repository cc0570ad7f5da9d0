// Owns what all readers of results share: lines made plain, checks gathered within bounds, and the lines
// between them, which say why a check failed.
#pragma once

#include <deque>

#include "frontend/conform/protocols/protocol.h"

namespace ringside::conform {

// Without escapes of a terminal, carriage returns and other control characters but tabs; no longer than
// `longest_line` bytes.
inline constexpr std::size_t longest_line = 4096;
std::string plain_line(std::string_view text);
// Without a kernel's "[    1.234567] " at the front, with or without "<6>" before and "[  T42] " behind it.
std::string_view without_log_prefix(std::string_view line);
std::string_view trimmed(std::string_view text);
// The digits at the front of `text`, which loses them; 0 and false where there is none or the number is
// beyond 10 digits.
bool take_number(std::string_view& text, u64& number);
bool take(std::string_view& text, std::string_view front);

// What an output says of a check, and what it means.
struct ResultWord {
  std::string_view text;
  Verdict verdict;
};

class Collector : public ProtocolReader {
 public:
  // What is kept of one test's output, however much it prints.
  static constexpr std::size_t most_checks = 100'000, most_text = 32u << 20;
  static constexpr std::size_t longest_name = 512, longest_message = 4096;

  void line(std::string_view text, u64 number) final;
  void end() final;
  const std::vector<Check>& checks() const final { return checks_; }
  std::string complaint() const final;

 protected:
  // A plain line.
  virtual void read(std::string_view text, u64 number) = 0;
  virtual void finish() {}

  // A line that is no result: what the next one that fails has for a message.
  void note(std::string_view text);
  void forget_notes();
  // The check that the line being read tells of; a failing one without `message` takes the notes. They are
  // forgotten.
  void add(std::string_view name, Verdict verdict, std::string_view message = {});
  // That came to nothing: they were announced, and the output ended before; of many, the first ones stand
  // for all.
  void add_missing(std::string_view name, u64 from, u64 to);
  // The checks from `first` on stand in a group.
  void put_into_group(std::size_t first, std::string_view group);
  void append_message(std::size_t check, std::string_view text);
  void complain(std::string_view text);
  u64 seen() const { return seen_; }  // checks, those beyond the bounds with them

 private:
  void store(std::string_view name, Verdict verdict, std::string_view message, u64 line);

  std::vector<Check> checks_;
  std::deque<std::string> notes_;
  std::size_t note_bytes_ = 0, text_bytes_ = 0;
  u64 line_ = 0, seen_ = 0, beyond_ = 0, beyond_failures_ = 0;
  bool ended_ = false;
  std::string complaint_;
};

}  // namespace ringside::conform
