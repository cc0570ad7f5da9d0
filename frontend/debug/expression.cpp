// Owns the reading and the value of expressions.
#include "frontend/debug/expression.h"

#include <fmt/format.h>

#include <array>
#include <cctype>

#include "frontend/inspect/look_memory.h"

namespace ringside {
namespace {

struct Operator {
  std::string_view sign;
  unsigned rank;  // higher binds tighter
};
// Longer signs before those that they begin with.
constexpr Operator operators[] = {{"||", 1}, {"&&", 2}, {"==", 6}, {"!=", 6}, {"<<", 8}, {">>", 8},
                                  {"<=", 7}, {">=", 7}, {"|", 3},  {"^", 4},  {"&", 5},  {"<", 7},
                                  {">", 7},  {"+", 9},  {"-", 9},  {"*", 10}, {"/", 10}, {"%", 10}};

bool in_name(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.' || c == '$' || c == '@';
}

class Reader {
 public:
  Reader(std::string_view text, const Debugger& debugger, const Symbols* symbols, std::string& error)
      : rest_(text), debugger_(debugger), symbols_(symbols), error_(error) {}

  std::optional<u64> binary(unsigned least) {
    auto left = unary();
    while (left) {
      const Operator* sign = next_operator();
      if (!sign || sign->rank < least) return left;
      rest_.remove_prefix(sign->sign.size());
      const auto right = binary(sign->rank + 1);
      if (!right) return std::nullopt;
      left = apply(sign->sign, *left, *right);
    }
    return left;
  }
  std::string_view rest() {
    skip();
    return rest_;
  }

 private:
  static constexpr unsigned deepest = 100;

  void skip() {
    while (!rest_.empty() && std::isspace(static_cast<unsigned char>(rest_.front()))) rest_.remove_prefix(1);
  }
  std::nullopt_t fail(std::string why) {
    if (error_.empty()) error_ = std::move(why);
    return std::nullopt;
  }
  bool take(char c) {
    skip();
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  const Operator* next_operator() {
    skip();
    for (const Operator& one : operators) {
      if (rest_.starts_with(one.sign)) return &one;
    }
    return nullptr;
  }

  std::optional<u64> apply(std::string_view sign, u64 a, u64 b) {
    if (sign == "||") return a || b;
    if (sign == "&&") return a && b;
    if (sign == "==") return a == b;
    if (sign == "!=") return a != b;
    if (sign == "<=") return a <= b;
    if (sign == ">=") return a >= b;
    if (sign == "<<") return b < 64 ? a << b : 0;
    if (sign == ">>") return b < 64 ? a >> b : 0;
    switch (sign[0]) {
      case '|': return a | b;
      case '^': return a ^ b;
      case '&': return a & b;
      case '<': return a < b;
      case '>': return a > b;
      case '+': return a + b;
      case '-': return a - b;
      case '*': return a * b;
      default: break;
    }
    if (b == 0) return fail("division by zero");
    return sign[0] == '/' ? a / b : a % b;
  }

  std::optional<u64> unary() {
    if (++depth_ > deepest) return fail("the expression is nested too deeply");
    const auto value = unary_inside();
    --depth_;
    return value;
  }
  std::optional<u64> unary_inside() {
    skip();
    for (const char sign : {'-', '~', '!', '+'}) {
      if (rest_.starts_with("!=") || !take(sign)) continue;
      const auto value = unary();
      if (!value) return std::nullopt;
      return sign == '-' ? u64{0} - *value : sign == '~' ? ~*value : sign == '!' ? !*value : *value;
    }
    if (take('(')) {
      const auto value = binary(1);
      if (value && !take(')')) return fail(") is missing");
      return value;
    }
    if (take('[')) return memory(AddressSpace::linear);
    return word();
  }

  std::optional<u64> memory(AddressSpace space) {
    const auto address = binary(1);
    if (!address) return std::nullopt;
    if (!take(']')) return fail("] is missing");
    unsigned size = 8;
    if (!rest_.empty() && rest_.front() == '.') {
      rest_.remove_prefix(1);
      const char c = rest_.empty() ? '?' : rest_.front();
      switch (c) {
        case '1':
        case 'b': size = 1; break;
        case '2':
        case 'w': size = 2; break;
        case '4':
        case 'd': size = 4; break;
        case '8':
        case 'q': size = 8; break;
        default: return fail("after [...] a size is .1, .2, .4 or .8 (bytes)");
      }
      rest_.remove_prefix(1);
    }
    std::array<u8, 8> bytes{};
    const Place place{space, *address};
    const std::size_t there = debugger_.read(place, std::span(bytes).first(size));
    if (there < size) {
      std::string why;
      debugger_.translate({space, *address + there}, &why);
      return fail(fmt::format("{:#x} cannot be read: {}", *address + there, why.empty() ? "no memory" : why));
    }
    u64 value = 0;
    for (unsigned n = size; n-- > 0;) value = value << 8 | bytes[n];
    return value;
  }

  std::optional<u64> word() {
    std::size_t length = 0;
    const auto pair_of_colons = [&] {  // of a C++ name
      return length > 0 && length + 2 < rest_.size() && rest_.substr(length, 2) == "::" &&
             in_name(rest_[length + 2]);
    };
    while (length < rest_.size() && (in_name(rest_[length]) || (pair_of_colons() && ++length) ||
                                     (rest_[length] == '!' && length > 0 && length + 1 < rest_.size() &&
                                      in_name(rest_[length + 1]) && rest_[length + 1] != '=')))
      ++length;
    const std::string_view name = rest_.substr(0, length);
    if (name.empty())
      return fail(rest_.empty() ? "an expression is missing its end"
                                : fmt::format("{}: no expression begins so", rest_.substr(0, 20)));
    rest_.remove_prefix(length);
    if (!rest_.empty() && rest_.front() == '[') {
      rest_.remove_prefix(1);
      if (name == "guest") return memory(AddressSpace::guest_linear);
      if (name == "gpa") return memory(AddressSpace::guest_physical);
      if (name == "phys") return memory(AddressSpace::host_physical);
      return fail(fmt::format("{}[...]: memory is [...], guest[...], gpa[...] or phys[...]", name));
    }
    if (std::isdigit(static_cast<unsigned char>(name[0]))) return number(name);
    if (const auto value = debugger_.read_register(name)) return value;
    if (symbols_) {
      if (const auto address = symbols_->address(name)) return address;
    }
    std::string text = fmt::format("{}: no such register or symbol", name);
    if (symbols_) {
      if (const auto near = symbols_->nearest(name)) text += fmt::format("; did you mean {}?", *near);
    }
    return fail(text);
  }

  std::optional<u64> number(std::string_view name) {
    const std::string_view whole = name;
    unsigned base = 10;
    if (name.starts_with("0x") || name.starts_with("0X")) {
      base = 16;
      name.remove_prefix(2);
    } else if (name.ends_with('h') || name.ends_with('H')) {
      base = 16;
      name.remove_suffix(1);
    }
    u64 value = 0;
    bool good = !name.empty(), fits = true;
    for (const char c : name) {
      const int digit = std::isdigit(static_cast<unsigned char>(c))    ? c - '0'
                        : std::isxdigit(static_cast<unsigned char>(c)) ? (c | 0x20) - 'a' + 10
                                                                       : 99;
      u64 next = 0;
      good = good && static_cast<unsigned>(digit) < base;
      fits = fits && !__builtin_mul_overflow(value, base, &next) &&
             !__builtin_add_overflow(next, static_cast<u64>(digit), &value);
    }
    if (good && !fits) return fail(fmt::format("{}: too large; numbers have 64 bits", whole));
    if (!good) return fail(fmt::format("{}: no number; hexadecimal ones are 0x2a or 2ah", whole));
    return value;
  }

  std::string_view rest_;
  const Debugger& debugger_;
  const Symbols* symbols_;
  std::string& error_;
  unsigned depth_ = 0;
};

}  // namespace

std::optional<u64> Expressions::evaluate_first(std::string_view& text, std::string& error) const {
  error.clear();
  Reader reader(text, debugger_, symbols_, error);
  const auto value = reader.binary(1);
  text = reader.rest();
  return value;
}

std::optional<u64> Expressions::evaluate(std::string_view text, std::string& error) const {
  const auto value = evaluate_first(text, error);
  if (!value || text.empty()) return value;
  error = fmt::format("{}: not understood after the expression", text);
  return std::nullopt;
}

}  // namespace ringside
