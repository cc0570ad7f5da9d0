// Owns command lines as text: words from it, and words as a person may paste them into a shell.
#include "frontend/conform/suites/shell_words.h"

namespace ringside::conform {
namespace {

constexpr std::string_view expanded = "$`*?[]{}~;&|<>()#!\n";  // outside of quotes
constexpr std::string_view expanded_in_quotes = "$`!";         // inside of double ones

class Splitter {
 public:
  explicit Splitter(std::string_view text) : text_(text) {}

  std::optional<std::vector<std::string>> split() {
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == ' ' || c == '\t') {
        finish();
      } else if (!take(c)) {
        return std::nullopt;
      }
    }
    finish();
    return std::move(words_);
  }

 private:
  // False: it is a shell's business.
  bool take(char c) {
    started_ = true;
    if (c == '\'') return take_until('\'');
    if (c == '"') return take_quoted();
    if (c == '\\') return take_escaped();
    if (expanded.find(c) != std::string_view::npos) return false;
    word_ += c;
    return true;
  }
  bool take_until(char quote) {
    const auto end = text_.find(quote, at_);
    if (end == std::string_view::npos) return false;
    word_ += text_.substr(at_, end - at_);
    at_ = end + 1;
    return true;
  }
  bool take_escaped() {
    if (at_ == text_.size() || text_[at_] == '\n') return false;
    word_ += text_[at_++];
    return true;
  }
  bool take_quoted() {
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '"') return true;
      if (expanded_in_quotes.find(c) != std::string_view::npos) return false;
      const bool escape = c == '\\' && at_ < text_.size() && (text_[at_] == '"' || text_[at_] == '\\');
      word_ += escape ? text_[at_++] : c;
    }
    return false;
  }
  void finish() {
    if (started_) words_.push_back(std::move(word_));
    word_.clear();
    started_ = false;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  bool started_ = false;
  std::string word_;
  std::vector<std::string> words_;
};

}  // namespace

std::optional<std::vector<std::string>> plain_words(std::string_view text) { return Splitter(text).split(); }

std::string quoted(std::string_view word) {
  constexpr std::string_view harmless =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=,./:@%^";
  if (!word.empty() && word.find_first_not_of(harmless) == std::string_view::npos) return std::string(word);
  std::string text = "'";
  for (const char c : word) {
    if (c == '\'') {
      text += "'\\''";
    } else {
      text += c;
    }
  }
  return text + "'";
}

std::string quoted(std::span<const std::string> words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + conform::quoted(word);
  return text;
}

}  // namespace ringside::conform
