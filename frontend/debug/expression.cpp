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
  // `values`: nullptr without variables. `by_value`: of a variable outside functions that stands alone.
  Reader(std::string_view text, const Debugger& debugger, const Symbols* symbols,
         const std::function<const CValues*()>& values, bool by_value, std::string& error)
      : rest_(text),
        debugger_(debugger),
        symbols_(symbols),
        values_(values),
        by_value_(by_value),
        error_(error) {}

  std::optional<CValue> binary(unsigned least) {
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
  // What arithmetic makes of it.
  std::optional<u64> plain(const std::optional<CValue>& value) {
    if (!value) return std::nullopt;
    const auto number = CValues::number(*value);
    if (!number)
      return fail(fmt::format("{} is no number; name one of its members", CValues::type_text(*value)));
    return number;
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

  static u64 compare_and_the_like(std::string_view sign, u64 a, u64 b, bool sign_counts) {
    const s64 x = static_cast<s64>(a), y = static_cast<s64>(b);
    if (sign == "<=") return sign_counts ? x <= y : a <= b;
    if (sign == ">=") return sign_counts ? x >= y : a >= b;
    if (sign == "<") return sign_counts ? x < y : a < b;
    if (sign == ">") return sign_counts ? x > y : a > b;
    if (b >= 64) return sign_counts && x < 0 ? ~u64{0} : 0;  // >>
    return sign_counts ? static_cast<u64>(x >> b) : a >> b;
  }

  std::optional<CValue> apply(std::string_view sign, const CValue& left, const CValue& right) {
    const auto one = plain(left), other = plain(right);
    if (!one || !other) return std::nullopt;
    u64 a = *one, b = *other;
    const bool adds = sign == "+" || sign == "-";
    // A pointer counts in what it points at; two of them say how many of these lie between.
    const u64 step_left = adds ? CValues::step(left) : 0, step_right = adds ? CValues::step(right) : 0;
    if (step_left && step_right && sign == "-") return CValue{(a - b) / step_left};
    if (step_left && !step_right) {
      b *= step_left;
      return CValue{sign == "+" ? a + b : a - b, std::nullopt, left.type};
    }
    const bool numbers =
        (!left.type || CValues::is_signed(left)) && (!right.type || CValues::is_signed(right));
    const bool sign_counts = numbers && (left.type || right.type);
    if (sign == "||") return CValue{a || b};
    if (sign == "&&") return CValue{a && b};
    if (sign == "==") return CValue{a == b};
    if (sign == "!=") return CValue{a != b};
    if (sign == "<<") return CValue{b < 64 ? a << b : 0};
    if (sign.front() == '<' || sign.front() == '>')
      return CValue{compare_and_the_like(sign, a, b, sign_counts)};
    switch (sign[0]) {
      case '|': return CValue{a | b};
      case '^': return CValue{a ^ b};
      case '&': return CValue{a & b};
      case '+': return CValue{a + b};
      case '-': return CValue{a - b};
      case '*': return CValue{a * b};
      default: break;
    }
    if (b == 0) return fail("division by zero");
    const s64 x = static_cast<s64>(a), y = static_cast<s64>(b);
    if (sign_counts && y != -1) return CValue{static_cast<u64>(sign[0] == '/' ? x / y : x % y)};
    if (sign_counts) return CValue{sign[0] == '/' ? u64{0} - a : 0};
    return CValue{sign[0] == '/' ? a / b : a % b};
  }

  std::optional<CValue> unary() {
    if (++depth_ > deepest) return fail("the expression is nested too deeply");
    const auto value = unary_inside();
    --depth_;
    return value;
  }
  std::optional<CValue> unary_inside() {
    skip();
    for (const char sign : {'-', '~', '!', '+'}) {
      if (rest_.starts_with("!=") || !take(sign)) continue;
      const auto value = plain(unary());
      if (!value) return std::nullopt;
      return CValue{sign == '-' ? u64{0} - *value : sign == '~' ? ~*value : sign == '!' ? !*value : *value};
    }
    if (take('*')) return dereference(unary());
    if (take('&')) return address_of(unary());
    if (rest_.starts_with('(')) {
      if (const auto to = cast_ahead()) {
        const auto value = unary();
        return value ? std::optional(values()->cast(*value, to)) : std::nullopt;
      }
    }
    if (take('(')) {
      auto value = binary(1);
      if (value && !take(')')) return fail(") is missing");
      return parts(std::move(value));
    }
    if (take('[')) return memory(AddressSpace::linear);
    return parts(word());
  }

  const CValues* values() { return values_ ? values_() : nullptr; }

  std::optional<CValue> dereference(const std::optional<CValue>& pointer) {
    if (!pointer) return std::nullopt;
    std::string why;
    if (pointer->type) {
      auto value = values()->pointed_at(*pointer, why);
      return value ? value : fail_with(why);
    }
    return fail("*: a plain number points at nothing; [ADDRESS] reads memory, *(int*)ADDRESS with a type");
  }
  std::optional<CValue> address_of(const std::optional<CValue>& value) {
    if (!value) return std::nullopt;
    std::string why;
    if (!value->type) return is_symbol_ ? value : fail("&: this value has no address");
    auto address = values()->address_of(*value, why);
    return address ? address : fail_with(why);
  }

  // "(struct page *)" before what is to be one; nullptr, and nothing taken: parentheses around an expression.
  std::shared_ptr<const CType> cast_ahead() {
    const std::size_t end = rest_.find(')');
    if (end == rest_.npos) return nullptr;
    const std::string_view inside = rest_.substr(1, end - 1);
    std::string_view after = rest_.substr(end + 1);
    while (!after.empty() && after.front() == ' ') after.remove_prefix(1);
    const bool names =
        inside.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_ *") ==
            inside.npos &&
        !inside.empty() && !std::isdigit(static_cast<unsigned char>(inside.front()));
    const bool follows = !after.empty() && (in_name(after.front()) ||
                                            std::string_view("(*&[-~").find(after.front()) != after.npos);
    if (!names || !follows || !values() || debugger_.read_register(inside)) return nullptr;
    auto to = values()->type(inside);
    if (to) rest_.remove_prefix(end + 1);
    return to;
  }

  // Members and elements behind a value.
  std::optional<CValue> parts(std::optional<CValue> value) {
    while (value && value->type) {
      std::string why;
      if (rest_.starts_with("->") || rest_.starts_with('.')) {
        rest_.remove_prefix(rest_.front() == '.' ? 1 : 2);
        skip();
        std::size_t length = 0;
        while (length < rest_.size() && in_name(rest_[length]) && rest_[length] != '.') ++length;
        const std::string_view name = rest_.substr(0, length);
        rest_.remove_prefix(length);
        if (name.empty()) return fail("the name of a member is missing");
        value = values()->member(*value, name, why);
      } else if (rest_.starts_with('[') && CValues::step(*value)) {
        rest_.remove_prefix(1);
        const auto index = plain(binary(1));
        if (!index) return std::nullopt;
        if (!take(']')) return fail("] is missing");
        value = values()->element(*value, *index, why);
      } else {
        break;
      }
      if (!value) return fail_with(why);
    }
    return value;
  }

  std::optional<CValue> memory(AddressSpace space) {
    const auto address = plain(binary(1));
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
    return CValue{value};
  }

  // What a word names up to its first dot, if that is a variable. `outside`: one outside functions.
  std::optional<CValue> variable(std::string_view word, bool outside) {
    const std::string_view name = word.substr(0, word.find('.'));
    if (!values() || name.empty() || name.front() == '$') return std::nullopt;
    std::string why;
    auto value = outside ? values()->global(name, why) : values()->local(name, why);
    if (!value && !why.empty()) return fail_with(why);
    // What is behind the name is read again, as its parts.
    if (value) rest_ = {name.data() + name.size(), rest_.size() + (word.size() - name.size())};
    return value;
  }

  std::optional<CValue> word() {
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
    is_symbol_ = false;
    const bool indexed = rest_.starts_with('['), has_parts = indexed || rest_.starts_with("->");
    if (indexed && (name == "guest" || name == "gpa" || name == "phys")) {
      rest_.remove_prefix(1);
      return memory(name == "guest" ? AddressSpace::guest_linear
                    : name == "gpa" ? AddressSpace::guest_physical
                                    : AddressSpace::host_physical);
    }
    if (std::isdigit(static_cast<unsigned char>(name[0]))) return number(name);
    if (auto value = variable(name, false); value || !error_.empty()) return value;
    if (!has_parts) {
      if (const auto value = debugger_.read_register(name)) return CValue{*value};
    }
    const bool whole = name.find('.') == name.npos && !has_parts && !by_value_;
    if (!whole) {
      if (auto value = variable(name, true); value || !error_.empty()) return value;
    }
    if (const auto address = symbols_ && !has_parts ? symbols_->address(name) : std::nullopt) {
      is_symbol_ = true;
      return CValue{*address};
    }
    return nothing_of(name, indexed);
  }

  std::nullopt_t nothing_of(std::string_view name, bool indexed) {
    if (indexed)
      return fail(
          fmt::format("{}[...]: no such array; memory is [...], guest[...], gpa[...] or phys[...]", name));
    std::string text = fmt::format("{}: no such register or symbol", name);
    if (symbols_) {
      if (const auto near = symbols_->nearest(name)) text += fmt::format("; did you mean {}?", *near);
    }
    return fail(text);
  }
  std::optional<CValue> fail_with(const std::string& why) { return fail(why); }

  std::optional<CValue> number(std::string_view name) {
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
    return CValue{value};
  }

  std::string_view rest_;
  const Debugger& debugger_;
  const Symbols* symbols_;
  const std::function<const CValues*()>& values_;
  bool by_value_;
  bool is_symbol_ = false;  // the word read last is a symbol's address
  std::string& error_;
  unsigned depth_ = 0;
};

}  // namespace

CValues Expressions::values() const { return CValues(*symbols_, scope_()); }

std::string Expressions::type_text(const CValue& value) const { return CValues::type_text(value); }
std::string Expressions::text(const CValue& value) const { return values().text(value); }

std::optional<CValue> Expressions::read(std::string_view& text, bool by_value, std::string& error) const {
  error.clear();
  // Made when a name asks for it: most expressions have none that could be a variable.
  std::optional<CValues> made;
  const std::function<const CValues*()> values = [&]() -> const CValues* {
    if (!symbols_ || !scope_) return nullptr;
    if (!made) made.emplace(this->values());
    return &*made;
  };
  Reader reader(text, debugger_, symbols_, values, by_value, error);
  const auto value = reader.binary(1);
  text = reader.rest();
  return value;
}

std::optional<CValue> Expressions::evaluate_first_typed(std::string_view& text, std::string& error) const {
  return read(text, false, error);
}

std::optional<CValue> Expressions::evaluate_typed(std::string_view text, std::string& error) const {
  auto value = read(text, true, error);
  if (!value || text.empty()) return value;
  error = fmt::format("{}: not understood after the expression", text);
  return std::nullopt;
}

std::optional<u64> Expressions::evaluate_first(std::string_view& text, std::string& error) const {
  const auto value = read(text, false, error);
  if (!value) return std::nullopt;
  // A structure is where it lies, for who asks for an address.
  if (const auto number = CValues::number(*value)) return number;
  if (value->address) return value->address;
  error = fmt::format("{} is no number; name one of its members", CValues::type_text(*value));
  return std::nullopt;
}

std::optional<u64> Expressions::evaluate(std::string_view text, std::string& error) const {
  const auto value = evaluate_first(text, error);
  if (!value || text.empty()) return value;
  error = fmt::format("{}: not understood after the expression", text);
  return std::nullopt;
}

}  // namespace ringside
