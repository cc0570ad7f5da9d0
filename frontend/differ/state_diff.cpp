// Owns the comparison of two machines' states, part by part.
#include "frontend/differ/state_diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <set>

#include "frontend/debug/debugger.h"
#include "frontend/differ/named_fields.h"
#include "frontend/inspect/look_paging.h"
#include "frontend/inspect/look_vmcs.h"
#include "vmx/vmx.h"

namespace ringside {
namespace {

constexpr std::size_t most_ranges = 100'000;

class Diff {
 public:
  Diff(Machine& one, Machine& other, const Symbols& symbols, const StateDiffOptions& options)
      : one_(one), other_(other), symbols_(symbols), options_(options), sheet_("diff") {}

  Sheet run() {
    counts();
    for (unsigned n = 0; n < one_.cpus(); ++n) {
      registers(n);
      vmcs(n);
      translations(n);
    }
    pages();
    fields();
    return std::move(sheet_);
  }

 private:
  void begin(std::string title) {
    title_ = std::move(title);
    shown_ = left_out_ = 0;
  }
  void end() {
    if (left_out_ > 0) sheet_.row("more").say("  and ").count("more", left_out_).say(" more");
  }
  // A row under the section's title, or one more that is left out.
  Row* row(std::string_view name) {
    if (shown_ == options_.most_rows) {
      ++left_out_;
      return nullptr;
    }
    if (sheet_.sections.empty()) {
      sheet_.section("what is compared");
      sheet_.row("names").say("A is ").word("one", options_.one).say(", B is ").word("other", options_.other);
    }
    if (shown_++ == 0) {
      sheet_.section(title_);
      sheet_.row("title").say(title_ + ":");
    }
    return &sheet_.row(name);
  }
  void add(std::string_view what, std::string_view left, std::string_view right, std::string_view note = {}) {
    if (left == right) return;
    Row* const at = row("value");
    if (!at) return;
    at->say("  ").word("what", what).say(": ").word("first", left);
    at->say(" in A, ").word("second", right).say(" in B");
    if (!note.empty()) at->say("   ").word("note", note);
  }
  void add(std::string_view what, u64 left, u64 right, std::string_view note = {}) {
    if (left != right) add(what, fmt::format("{:#x}", left), fmt::format("{:#x}", right), note);
  }

  void counts() {
    begin("time");
    add("instructions of all CPUs", fmt::format("{}", one_.retired()), fmt::format("{}", other_.retired()));
    add("virtual time", fmt::format("{:.6f} s", one_.seconds()), fmt::format("{:.6f} s", other_.seconds()));
    end();
  }
  void registers(unsigned cpu);
  void vmcs(unsigned cpu);
  void one_vmcs(unsigned cpu, const Vmcs* left, const Vmcs* right);
  void translations(unsigned cpu);
  void ranges(std::string_view kind, const MappedRanges& left, const MappedRanges& right);
  void pages();
  std::string name_of_page(u64 page, u64 first_difference);
  void fields();

  Machine &one_, &other_;
  const Symbols& symbols_;
  const StateDiffOptions& options_;
  Sheet sheet_;
  std::string title_;
  std::size_t shown_ = 0;
  u64 left_out_ = 0;
  std::set<unsigned> told_;          // CPUs with registers that differ
  std::optional<MappedRanges> map_;  // of the CPU that is asked for names of pages
};

// "+VMXE -TS": the bits that the second has and the first has not, and the other way round.
std::string bits_that_differ(std::string_view name, u64 left, u64 right) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 4> known = {
      {{"cr0", "CR0"}, {"cr4", "CR4"}, {"rflags", "RFLAGS"}, {"efer", "IA32_EFER"}}};
  const auto found =
      std::find_if(known.begin(), known.end(), [&](const auto& row) { return row.first == name; });
  if (found == known.end()) return {};
  const std::vector<std::string> before = set_bits(found->second, left),
                                 after = set_bits(found->second, right);
  std::string text;
  const auto add = [&](char sign, const std::vector<std::string>& all,
                       const std::vector<std::string>& others) {
    for (const std::string& one : all)
      if (std::find(others.begin(), others.end(), one) == others.end())
        text += fmt::format("{}{}{}", text.empty() ? "" : " ", sign, one);
  };
  add('+', after, before);
  add('-', before, after);
  return text;
}

void Diff::registers(unsigned cpu) {
  Debugger a(one_), b(other_);
  a.select(cpu);
  b.select(cpu);
  begin(fmt::format("registers of CPU {}", cpu));
  for (const std::string& name : Debugger::register_names()) {
    const auto left = a.read_register(name), right = b.read_register(name);
    if (!left || !right || *left == *right) continue;
    told_.insert(cpu);
    std::string note = bits_that_differ(name, *left, *right);
    if (name == "rip" && !symbols_.empty()) note = symbols_.text(*left) + " | " + symbols_.text(*right);
    add(name, *left, *right, note == " | " ? "" : note);
  }
  end();
}

void Diff::one_vmcs(unsigned cpu, const Vmcs* left, const Vmcs* right) {
  const u64 region = (left ? left : right)->region.value;
  begin(fmt::format("VMCS {:#x} of CPU {}", region, cpu));
  if (!left || !right) {
    add("the VMCS", left ? "active" : "not active", right ? "active" : "not active");
  } else {
    add("launch state", left->launched ? "launched" : "clear", right->launched ? "launched" : "clear");
    for (const Field field : find_fields("")) add(info(field).id, (*left)[field], (*right)[field]);
  }
  end();
}

void Diff::vmcs(unsigned cpu) {
  const Vmx *const left = one_.cpu(cpu).vmx, *const right = other_.cpu(cpu).vmx;
  if (!left || !right) return;
  std::map<u64, std::pair<const Vmcs*, const Vmcs*>> both;
  for (const auto& vmcs : left->active()) both[vmcs->region.value].first = vmcs.get();
  for (const auto& vmcs : right->active()) both[vmcs->region.value].second = vmcs.get();
  for (const auto& [region, pair] : both) one_vmcs(cpu, pair.first, pair.second);
  begin(fmt::format("VMX of CPU {}", cpu));
  const auto current = [](const Vmx& vmx) {
    return vmx.current ? fmt::format("{:#x}", vmx.current->region.value) : std::string("none");
  };
  add("current VMCS", current(*left), current(*right));
  end();
}

// What a range says of an address.
std::string translation(const MappedRange* range, u64 at) {
  if (!range) return "not mapped";
  return fmt::format("{:#x} {}", range->to + (at - range->first), range->rights);
}

// Goes over both lists at once: between two of their borders each says one thing.
void Diff::ranges(std::string_view kind, const MappedRanges& left, const MappedRanges& right) {
  std::set<u64> borders;
  for (const MappedRanges* list : {&left, &right}) {
    for (const MappedRange& range : list->ranges) {
      borders.insert(range.first);
      borders.insert(range.first + range.bytes);
    }
  }
  const auto at = [](const MappedRanges& list, std::size_t& n, u64 address) -> const MappedRange* {
    while (n < list.ranges.size() && list.ranges[n].first + (list.ranges[n].bytes - 1) < address) ++n;
    return n < list.ranges.size() && list.ranges[n].first <= address ? &list.ranges[n] : nullptr;
  };
  std::size_t a = 0, b = 0;
  for (auto border = borders.begin(); border != borders.end(); ++border) {
    const auto next = std::next(border);
    if (next == borders.end() && *border != 0) break;
    const u64 last = (next == borders.end() ? 0 : *next) - 1;
    const std::string one = translation(at(left, a, *border), *border),
                      other = translation(at(right, b, *border), *border);
    add(fmt::format("{} {:#x}..{:#x}", kind, *border, last), one, other);
  }
}

void Diff::translations(unsigned cpu) {
  const Cpu &left = one_.cpu(cpu), &right = other_.cpu(cpu);
  begin(fmt::format("page tables of CPU {}", cpu));
  const MappedRanges pages_left = mapped_pages(left, 0, most_ranges),
                     pages_right = mapped_pages(right, 0, most_ranges);
  const auto how = [](const MappedRanges& map) {
    return map.refusal.empty() ? std::string("in use") : map.refusal;
  };
  add("paging", how(pages_left), how(pages_right));
  ranges("linear", pages_left, pages_right);
  end();
  if (!left.vmx || !right.vmx) return;
  begin(fmt::format("EPT of CPU {}", cpu));
  const MappedRanges ept_left = mapped_ept(left, 0, most_ranges),
                     ept_right = mapped_ept(right, 0, most_ranges);
  add("EPT", how(ept_left), how(ept_right));
  ranges("guest-physical", ept_left, ept_right);
  end();
}

// By the page tables of CPU 0, what is there at its first difference.
std::string Diff::name_of_page(u64 page, u64 first_difference) {
  if (symbols_.empty()) return {};
  if (!map_) map_ = mapped_pages(other_.cpu(0), 0, most_ranges);
  if (!map_->refusal.empty()) return symbols_.text(page + first_difference);
  for (const MappedRange& range : map_->ranges) {
    if (page < range.to || page - range.to >= range.bytes) continue;
    if (std::string name = symbols_.text(range.first + (page - range.to) + first_difference); !name.empty())
      return name;
  }
  return {};
}

void Diff::pages() {
  begin("pages of memory");
  static constexpr std::array<u8, page_bytes> zeros{};
  std::set<HostPhys> all;
  for (Machine* machine : {&one_, &other_})
    machine->memory().for_each_written_page([&](HostPhys page, const u8*) { all.insert(page); });
  for (const HostPhys page : all) {
    const u8 *left = one_.memory().ram_page(page), *right = other_.memory().ram_page(page);
    if (!left) left = zeros.data();
    if (!right) right = zeros.data();
    if (std::memcmp(left, right, page_bytes) == 0) continue;
    u64 bytes = 0, first = page_bytes, last = 0;
    for (u64 n = 0; n < page_bytes; ++n) {
      if (left[n] == right[n]) continue;
      ++bytes;
      first = std::min(first, n);
      last = n;
    }
    Row* const at = row("page");
    if (!at) continue;
    at->say("  host-physical ").hex("page", page.value).say(": ").count("bytes", bytes);
    at->say(bytes == 1 ? " byte differs, at " : " bytes differ, the first at ")
        .hex("first", page.value + first);
    if (bytes > 1) at->say(", the last at ").hex("last", page.value + last);
    at->say(": ").hex("left", left[first]).say(" in A, ").hex("right", right[first]).say(" in B");
    if (const std::string name = name_of_page(page.value, first); !name.empty())
      at->say("   ").word("symbol", name);
  }
  end();
}

// Of a CPU, fields are told only where no register tells it.
void Diff::fields() {
  NamedFields a, b;
  one_.fields(a);
  other_.fields(b);
  std::map<std::string, std::vector<std::string>> left, right;
  for (const auto& [name, value] : a.rows) left[name].push_back(value);
  for (const auto& [name, value] : b.rows) right[name].push_back(value);
  const auto of_a_cpu = [&](const std::string& name) {
    return name.starts_with("cpu") || name.starts_with("vmx") || name.starts_with("schedule");
  };
  begin("devices");
  std::set<std::string> told;
  for (const auto& [name, unused] : a.rows) {
    if (!told.insert(name).second || (of_a_cpu(name) && (!told_.empty() || name.starts_with("schedule"))))
      continue;
    const auto &one = left[name], &other = right[name];
    if (one.size() != other.size())
      add("how many " + name, fmt::format("{}", one.size()), fmt::format("{}", other.size()));
    for (std::size_t n = 0; n < std::min(one.size(), other.size()); ++n)
      add(one.size() == 1 ? name : fmt::format("{}[{}]", name, n), "0x" + one[n], "0x" + other[n]);
  }
  for (const auto& [name, values] : right)
    if (!left.contains(name)) add("how many " + name, "0", fmt::format("{}", values.size()));
  end();
}

}  // namespace

Sheet state_diff_sheet(Machine& one, Machine& other, const Symbols& symbols,
                       const StateDiffOptions& options) {
  return Diff(one, other, symbols, options).run();
}

}  // namespace ringside
