// Owns the reading of symbol files: ELF's symbol tables and lists in the manner of nm.
#include "frontend/symbols/symbols_image.h"

#include <fcntl.h>
#include <gelf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <limits>
#include <tuple>

namespace ringside {
namespace {

// Names that only the assembler needs.
bool hidden(std::string_view name) {
  return name.empty() || name.starts_with("..@") || name.starts_with(".L") || name.starts_with("$");
}

// What a file is that people give by mistake; empty: nothing known.
std::string_view other_form(std::string_view head) {
  constexpr std::size_t setup_magic = 0x202;
  if (head.size() > setup_magic + 4 && head.substr(setup_magic, 4) == "HdrS")
    return "a bootable kernel image has no symbols; give its vmlinux or System.map";
  if (head.starts_with("\x1f\x8b") ||
      head.starts_with("\xfd"
                       "7zXZ") ||
      head.starts_with("\x28\xb5\x2f\xfd") || head.starts_with("BZh"))
    return "the file is compressed; unpack it first";
  return {};
}

// "space::f(int) const" -> "space::f"; "(anonymous namespace)::table" stays.
std::string without_parameters(std::string name) {
  std::size_t at = name.rfind(')');
  if (at != name.npos && name.find("::", at) != name.npos) return name;
  for (unsigned depth = 0; at != name.npos && at > 0; --at) {
    depth += name[at] == ')';
    depth -= name[at] == '(';
    if (depth == 0) {
      name.resize(at);
      break;
    }
  }
  return name;
}

constexpr std::string_view stripped = "has no symbols and no line information; it was stripped";
constexpr std::string_view no_symbol_file = "neither an ELF file nor a list of symbols such as System.map";

bool read_all(int file, std::string& text) {
  char buffer[1 << 16];
  for (;;) {
    const ssize_t n = ::read(file, buffer, sizeof buffer);
    if (n == 0) return true;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    text.append(buffer, static_cast<std::size_t>(n));
  }
}

}  // namespace

SymbolImage::~SymbolImage() {
  if (eh_frame_) dwarf_cfi_end(eh_frame_);
  if (dwfl_)
    dwfl_end(dwfl_);
  else if (dwarf_)
    dwarf_end(dwarf_);
  if (debug_elf_) elf_end(debug_elf_);
  if (elf_) elf_end(elf_);
  if (debug_fd_ >= 0) ::close(debug_fd_);
  if (file_ >= 0) ::close(file_);
}

bool SymbolImage::open(const std::string& path, const std::vector<Symbols::Section>& sections,
                       const std::vector<std::string>& folders, std::string& error) {
  file_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat about;
  if (file_ < 0 || ::fstat(file_, &about) != 0) {
    error = std::strerror(errno);
    return false;
  }
  if (!S_ISREG(about.st_mode)) {
    error = S_ISDIR(about.st_mode) ? "a folder, not a symbol file" : "not a regular file";
    return false;
  }
  char head[0x400];
  const ssize_t there = ::pread(file_, head, sizeof head, 0);
  const std::string_view start(head, there > 0 ? static_cast<std::size_t>(there) : 0);
  if (const std::string_view form = other_form(start); !form.empty()) {
    error = form;
    return false;
  }
  const bool is_elf = start.starts_with(
      "\x7f"
      "ELF");
  if (!is_elf) return read_list(error) && finish(no_symbol_file, error);
  elf_version(EV_CURRENT);
  if (!open_elf(elf_begin(file_, ELF_C_READ_MMAP, nullptr), sections, error)) return false;
  if (!has_lines_) open_debug_file(path, folders);
  return finish(stripped, error);
}

bool SymbolImage::open(std::span<const u8> elf, std::string& error) {
  bytes_.assign(elf.begin(), elf.end());
  elf_version(EV_CURRENT);
  return open_elf(elf_memory(bytes_.data(), bytes_.size()), {}, error) && finish(stripped, error);
}

bool SymbolImage::finish(std::string_view nothing, std::string& error) {
  index();
  if (!by_address_.empty() || has_lines_) return true;
  error = nothing;
  return false;
}

bool SymbolImage::open_elf(Elf* elf, const std::vector<Symbols::Section>& sections, std::string& error) {
  elf_ = elf;
  GElf_Ehdr header;
  if (!elf_ || elf_kind(elf_) != ELF_K_ELF || !gelf_getehdr(elf_, &header)) {
    error = fmt::format("a damaged ELF file: {}", elf_errmsg(-1));
    return false;
  }
  if (header.e_machine != EM_X86_64 && header.e_machine != EM_386) {
    error = fmt::format("an ELF file for another kind of processor (machine {}); x86 is 3 or 62",
                        header.e_machine);
    return false;
  }
  const bool module = header.e_type == ET_REL && (is_module() || !sections.empty());
  if (header.e_type == ET_REL && !module) {
    error = "an object file that is not linked: its symbols have no addresses yet";
    return false;
  }
  entry_ = header.e_entry;
  if (module)
    place_sections(sections);
  else
    read_sections();
  if (!read_elf_symbols(elf_)) {
    error = fmt::format("a damaged ELF file: {}", elf_errmsg(-1));
    return false;
  }
  if (module)
    open_module_dwarf();
  else
    dwarf_ = dwarf_begin_elf(elf_, DWARF_C_READ, nullptr);
  has_lines_ = has_units(dwarf_);
  return true;
}

bool SymbolImage::has_units(Dwarf* dwarf) {
  Dwarf_Off next = 0;
  std::size_t size = 0;
  return dwarf && dwarf_nextcu(dwarf, 0, &next, &size, nullptr, nullptr, nullptr) == 0;
}

// The range of what is loaded. Percpu sections of kernels lie at 0 and are moved: not part of it.
void SymbolImage::read_sections() {
  low_ = ~u64{0};
  Elf_Scn* section = nullptr;
  while ((section = elf_nextscn(elf_, section)) != nullptr) {
    GElf_Shdr header;
    if (!gelf_getshdr(section, &header) || !(header.sh_flags & SHF_ALLOC) || header.sh_addr == 0) continue;
    low_ = std::min<u64>(low_, header.sh_addr);
    const u64 end = header.sh_addr + header.sh_size;
    if (end > header.sh_addr) high_ = std::max<u64>(high_, end);
  }
  if (low_ >= high_) low_ = high_ = 0;
}

bool SymbolImage::read_elf_symbols(Elf* elf) {
  Elf_Scn* table = nullptr;
  GElf_Shdr header{};
  bool full = false;
  for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf, section)) != nullptr && !full;) {
    GElf_Shdr h;
    if (!gelf_getshdr(section, &h) || (h.sh_type != SHT_SYMTAB && h.sh_type != SHT_DYNSYM)) continue;
    table = section;
    header = h;
    full = h.sh_type == SHT_SYMTAB;
  }
  if (!table) return true;
  Elf_Data* data = elf_getdata(table, nullptr);
  if (!data || header.sh_entsize == 0) return false;
  const u64 count = std::min<u64>(data->d_size / header.sh_entsize, std::numeric_limits<int>::max());
  for (u64 i = 1; i < count; ++i) {
    GElf_Sym symbol;
    if (!gelf_getsym(data, static_cast<int>(i), &symbol)) break;
    const unsigned type = GELF_ST_TYPE(symbol.st_info), binding = GELF_ST_BIND(symbol.st_info);
    if (symbol.st_shndx == SHN_UNDEF || type == STT_SECTION || type == STT_FILE || type == STT_TLS) continue;
    const char* name = elf_strptr(elf, header.sh_link, symbol.st_name);
    if (!name || hidden(name)) continue;
    const u8 rank = static_cast<u8>((type == STT_FUNC ? 4 : 0) + (type == STT_OBJECT ? 2 : 0) +
                                    (binding == STB_LOCAL ? 0 : 1));
    if (!section_at_.empty() && symbol.st_shndx != SHN_ABS) {
      // A module's symbols count from the beginning of their section.
      if (symbol.st_shndx >= section_at_.size() || section_at_[symbol.st_shndx] == nowhere) continue;
      symbol.st_value += section_at_[symbol.st_shndx];
    }
    symbols_.push_back({symbol.st_value, symbol.st_size, name,
                        symbol.st_shndx == SHN_ABS || symbol.st_value < low_ || symbol.st_value > high_,
                        rank});
  }
  return true;
}

// Lines of "address type name", as nm prints them; what follows the name ("[module]") is left out.
bool SymbolImage::read_list(std::string& error) {
  error = no_symbol_file;
  constexpr unsigned lines_to_judge_by = 20;
  if (!read_all(file_, text_)) {
    error = std::strerror(errno);
    return false;
  }
  std::string_view rest = text_;
  unsigned good = 0, bad = 0;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
    if (line.empty()) continue;
    u64 address = 0;
    if (line.starts_with("0x")) line.remove_prefix(2);
    const auto [after, problem] = std::from_chars(line.data(), line.data() + line.size(), address, 16);
    const std::size_t digits = static_cast<std::size_t>(after - line.data());
    const bool undefined = line.find_first_not_of(' ') != 0 && line.find(" U ") != line.npos;
    if (undefined) continue;
    if (problem != std::errc() || digits + 3 >= line.size() || line[digits] != ' ' ||
        line[digits + 2] != ' ' || static_cast<unsigned char>(line[digits + 1]) < '!') {
      if (++bad > lines_to_judge_by || good == 0) return false;
      continue;
    }
    ++good;
    const char type = line[digits + 1];
    std::string_view name = line.substr(digits + 3);
    name = name.substr(0, name.find_first_of(" \t"));
    if (hidden(name)) continue;
    const char upper = static_cast<char>(type & ~0x20);
    const bool absolute = upper == 'A' || upper == 'N';
    symbols_.push_back(
        {address, 0, name, absolute, static_cast<u8>((upper == 'T' ? 4 : 0) + (type == upper ? 1 : 0))});
  }
  if (good == 0) return false;
  if (good == 1 && text_.find("The real System.map is in") != text_.npos) {
    error =
        "only says that the distribution has its symbols in the package of debug symbols; give that one's "
        "vmlinux";
    return false;
  }
  // Percpu symbols of kernels count from 0, code lies in the upper half: what is far below the code has no
  // place.
  constexpr u64 upper_half = bit(63);
  bool has_upper = false;
  for (const Symbol& s : symbols_) has_upper |= !s.absolute && s.address >= upper_half;
  low_ = ~u64{0};
  for (Symbol& s : symbols_) {
    if (has_upper && s.address < upper_half) s.absolute = true;
    if (s.absolute) continue;
    low_ = std::min(low_, s.address);
    high_ = std::max(high_, s.address);
  }
  if (low_ > high_) low_ = high_ = 0;
  // The end of the last symbol is not told.
  if (high_ < ~u64{0} - page_bytes) high_ += page_bytes;
  error.clear();
  return true;
}

void SymbolImage::index() {
  for (const Symbol& s : symbols_) {
    if (!s.absolute) by_address_.push_back(&s);
    by_name_.push_back(&s);
  }
  std::sort(by_address_.begin(), by_address_.end(), [](const Symbol* a, const Symbol* b) {
    return std::tie(a->address, a->rank, a) < std::tie(b->address, b->rank, b);
  });
  std::sort(by_name_.begin(), by_name_.end(),
            [](const Symbol* a, const Symbol* b) { return std::tie(a->name, a) < std::tie(b->name, b); });
}

bool SymbolImage::covers(u64 address) const {
  if (address < low_ || address >= high_) return false;
  if (section_at_.empty()) return true;
  const auto after = std::upper_bound(ranges_.begin(), ranges_.end(), address,
                                      [](u64 a, const Range& range) { return a < range.low; });
  return after != ranges_.begin() && address < (after - 1)->high;
}

const SymbolImage::Symbol* SymbolImage::find(u64 address) const {
  if (!covers(address)) return nullptr;
  const auto after = std::upper_bound(by_address_.begin(), by_address_.end(), address,
                                      [](u64 a, const Symbol* s) { return a < s->address; });
  return after == by_address_.begin() ? nullptr : *(after - 1);
}

std::size_t SymbolImage::first_name(std::string_view prefix) const {
  return static_cast<std::size_t>(
      std::lower_bound(by_name_.begin(), by_name_.end(), prefix,
                       [](const Symbol* s, std::string_view p) { return s->name < p; }) -
      by_name_.begin());
}

const SymbolImage::Symbol* SymbolImage::named_in_cxx(std::string_view name) const {
  if (cxx_names_.empty()) {
    for (auto i = first_name("_Z"); i < by_name_.size() && by_name_[i]->name.starts_with("_Z"); ++i) {
      const std::string whole = without_parameters(demangled(by_name_[i]->name));
      cxx_names_.emplace_back(whole, by_name_[i]);
      // The last part is enough where no other namespace has it.
      const std::size_t last = whole.rfind("::");
      if (last != whole.npos) cxx_names_.emplace_back(whole.substr(last + 2), by_name_[i]);
    }
    std::sort(cxx_names_.begin(), cxx_names_.end());
  }
  const auto found = std::lower_bound(cxx_names_.begin(), cxx_names_.end(), name,
                                      [](const auto& one, std::string_view n) { return one.first < n; });
  if (found == cxx_names_.end() || found->first != name) return nullptr;
  const bool full = name.find("::") != name.npos;
  const bool again = found + 1 != cxx_names_.end() && (found + 1)->first == name;
  return full || !again ? found->second : nullptr;
}

const SymbolImage::Symbol* SymbolImage::named(std::string_view name) const {
  const Symbol* best = nullptr;
  for (std::size_t i = first_name(name); i < by_name_.size() && by_name_[i]->name == name; ++i) {
    if (!best || (best->absolute && !by_name_[i]->absolute) || best->rank < by_name_[i]->rank)
      best = by_name_[i];
  }
  return best ? best : named_in_cxx(name);
}

}  // namespace ringside
