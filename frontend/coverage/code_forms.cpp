// Owns writing, reading and adding up drcov and lcov files.
#include "frontend/coverage/code_forms.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <optional>

namespace ringside {
namespace {

constexpr std::string_view drcov_begin = "DRCOV VERSION: 2\n", drcov_flavor = "DRCOV FLAVOR: ringside\n",
                           drcov_columns = "Columns: id, base, end, entry, path\n";
constexpr std::size_t block_bytes = 8, most_read_modules = 0x10000;

template <class T>
void append(std::string& out, T value) {
  for (unsigned n = 0; n < sizeof(T); ++n) out += static_cast<char>(value >> 8 * n & 0xff);
}
template <class T>
T read(std::string_view bytes) {
  T value = 0;
  for (unsigned n = 0; n < sizeof(T); ++n)
    value = static_cast<T>(value | static_cast<T>(static_cast<u8>(bytes[n])) << 8 * n);
  return value;
}

// What is left of a text, from its front.
class Rest {
 public:
  explicit Rest(std::string_view text) : text_(text) {}
  bool empty() const { return text_.empty(); }
  std::string_view all() const { return text_; }
  bool literal(std::string_view word) {
    if (!text_.starts_with(word)) return false;
    text_.remove_prefix(word.size());
    return true;
  }
  std::optional<u64> number(int base = 10) {
    u64 value = 0;
    const auto [end, failure] = std::from_chars(text_.data(), text_.data() + text_.size(), value, base);
    if (failure != std::errc()) return std::nullopt;
    text_.remove_prefix(static_cast<std::size_t>(end - text_.data()));
    return value;
  }
  // The last one may lack its end.
  std::string_view line() {
    const auto end = text_.find('\n');
    const std::string_view found = text_.substr(0, end);
    text_.remove_prefix(end == text_.npos ? text_.size() : end + 1);
    return found;
  }

 private:
  std::string_view text_;
};

std::optional<DrcovModule> module_in(std::string_view line, std::size_t number) {
  Rest rest(line);
  DrcovModule module;
  if (rest.number() != number) return std::nullopt;
  for (u64* value : {&module.low, &module.high, &module.entry}) {
    const auto found = rest.literal(", 0x") ? rest.number(16) : std::nullopt;
    if (!found) return std::nullopt;
    *value = *found;
  }
  if (!rest.literal(", ")) return std::nullopt;
  module.path = rest.all();
  return module;
}

bool read_drcov(std::string_view bytes, std::vector<DrcovModule>& modules, std::vector<DrcovBlock>& blocks) {
  Rest rest(bytes);
  if (!rest.literal(drcov_begin) || !rest.literal(drcov_flavor)) return false;
  const auto count = rest.literal("Module Table: version 2, count ") ? rest.number() : std::nullopt;
  if (!count || *count > most_read_modules || !rest.literal("\n") || !rest.literal(drcov_columns))
    return false;
  for (std::size_t n = 0; n < *count; ++n) {
    const auto module = module_in(rest.line(), n);
    if (!module) return false;
    modules.push_back(*module);
  }
  const auto wanted = rest.literal("BB Table: ") ? rest.number() : std::nullopt;
  if (!wanted || !rest.literal(" bbs\n")) return false;
  std::string_view table = rest.all();
  if (*wanted != table.size() / block_bytes || table.size() % block_bytes != 0) return false;
  for (; !table.empty(); table.remove_prefix(block_bytes)) {
    blocks.push_back({read<u32>(table), read<u16>(table.substr(4)), read<u16>(table.substr(6))});
    if (blocks.back().module >= modules.size()) return false;
  }
  return true;
}

// Those lines that are counts; the sums of a file follow from them.
bool take_record(std::string_view line, LcovFile& file) {
  Rest rest(line);
  if (rest.literal("DA:")) {
    const auto number = rest.number();
    const auto count = rest.literal(",") ? rest.number() : std::nullopt;
    if (!number || !count) return false;
    file.lines[static_cast<unsigned>(*number)] += *count;
  } else if (rest.literal("FN:")) {
    const auto number = rest.number();
    if (!number || !rest.literal(",")) return false;
    file.functions[std::string(rest.all())].line = static_cast<unsigned>(*number);
  } else if (rest.literal("FNDA:")) {
    const auto count = rest.number();
    if (!count || !rest.literal(",")) return false;
    file.functions[std::string(rest.all())].count += *count;
  }
  return true;
}

bool read_lcov(std::string_view bytes, std::map<std::string, LcovFile>& files) {
  Rest rest(bytes);
  LcovFile* file = nullptr;
  while (!rest.empty()) {
    const std::string_view line = rest.line();
    if (line.starts_with("SF:")) {
      file = &files[std::string(line.substr(3))];
    } else if (line == "end_of_record") {
      file = nullptr;
    } else if (file ? !take_record(line, *file) : !line.starts_with("TN:")) {
      return false;
    }
  }
  return file == nullptr;
}

}  // namespace

std::string drcov_text(const std::vector<DrcovModule>& modules, const std::vector<DrcovBlock>& blocks) {
  std::string text(drcov_begin);
  text += drcov_flavor;
  text += fmt::format("Module Table: version 2, count {}\n", modules.size());
  text += drcov_columns;
  for (std::size_t n = 0; n < modules.size(); ++n) {
    const DrcovModule& m = modules[n];
    text += fmt::format("{}, {:#x}, {:#x}, {:#x}, {}\n", n, m.low, m.high, m.entry, m.path);
  }
  text += fmt::format("BB Table: {} bbs\n", blocks.size());
  for (const DrcovBlock& block : blocks) {
    append(text, block.offset);
    append(text, block.bytes);
    append(text, block.module);
  }
  return text;
}

std::string lcov_text(const std::map<std::string, LcovFile>& files) {
  std::string text;
  for (const auto& [path, file] : files) {
    text += fmt::format("TN:\nSF:{}\n", path);
    u64 entered = 0, hit = 0;
    for (const auto& [name, function] : file.functions)
      text += fmt::format("FN:{},{}\n", function.line, name);
    for (const auto& [name, function] : file.functions) {
      text += fmt::format("FNDA:{},{}\n", function.count, name);
      entered += function.count != 0;
    }
    text += fmt::format("FNF:{}\nFNH:{}\n", file.functions.size(), entered);
    for (const auto& [line, count] : file.lines) {
      text += fmt::format("DA:{},{}\n", line, count);
      hit += count != 0;
    }
    text += fmt::format("LF:{}\nLH:{}\nend_of_record\n", file.lines.size(), hit);
  }
  return text;
}

bool CodeCoverageSum::recognizes(std::string_view bytes) {
  return bytes.starts_with("DRCOV ") || bytes.starts_with("TN:") || bytes.starts_with("SF:");
}

bool CodeCoverageSum::add(std::string_view bytes, std::string& error) {
  const bool drcov = bytes.starts_with("DRCOV ");
  if (drcov ? lcov_ : drcov_) {
    error = "one of drcov's and one of lcov's files cannot be added; give those of one form";
    return false;
  }
  if (!(drcov ? add_drcov(bytes, error) : add_lcov(bytes, error))) return false;
  (drcov ? drcov_ : lcov_) = true;
  return true;
}

bool CodeCoverageSum::add_drcov(std::string_view bytes, std::string& error) {
  std::vector<DrcovModule> modules;
  std::vector<DrcovBlock> blocks;
  if (!read_drcov(bytes, modules, blocks)) {
    error = "it is no whole drcov file of ringside's";
    return false;
  }
  std::vector<std::vector<DrcovBlock>> apart(modules.size());
  for (const DrcovBlock& block : blocks) apart[block.module].push_back({block.offset, block.bytes, 0});
  for (std::size_t n = 0; n < modules.size(); ++n) {
    std::vector<DrcovBlock>& all = blocks_[modules[n]];
    std::sort(apart[n].begin(), apart[n].end());
    std::vector<DrcovBlock> both;
    std::set_union(all.begin(), all.end(), apart[n].begin(), apart[n].end(), std::back_inserter(both));
    all = std::move(both);
  }
  return true;
}

bool CodeCoverageSum::add_lcov(std::string_view bytes, std::string& error) {
  std::map<std::string, LcovFile> files;
  if (!read_lcov(bytes, files)) {
    error = "it is no whole lcov tracefile";
    return false;
  }
  for (const auto& [path, file] : files) {
    LcovFile& all = files_[path];
    for (const auto& [line, count] : file.lines) all.lines[line] += count;
    for (const auto& [name, function] : file.functions) {
      all.functions[name].line = function.line;
      all.functions[name].count += function.count;
    }
  }
  return true;
}

std::string CodeCoverageSum::text() const {
  if (lcov_) return lcov_text(files_);
  if (!drcov_) return {};
  std::vector<DrcovModule> modules;
  std::vector<DrcovBlock> blocks;
  for (const auto& [module, its] : blocks_) {
    if (modules.size() == most_read_modules) break;
    for (DrcovBlock block : its) {
      block.module = static_cast<u16>(modules.size());
      blocks.push_back(block);
    }
    modules.push_back(module);
  }
  return drcov_text(modules, blocks);
}

}  // namespace ringside
