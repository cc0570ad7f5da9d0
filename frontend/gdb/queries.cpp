// Owns the conversation with gdb: what it asks about the stub and the machine, and `monitor`.
#include <fmt/format.h>

#include <algorithm>

#include "frontend/gdb/stub.h"
#include "frontend/inspect/look_paging.h"

namespace ringside {
namespace {

// Addresses in packets are linear, and a guest may map them anywhere: all may be memory. What is none is
// refused when it is accessed.
constexpr std::string_view memory_map = R"(<?xml version="1.0"?>
<!DOCTYPE memory-map PUBLIC "+//IDN gnu.org//DTD GDB Memory Map V1.0//EN" "http://sourceware.org/gdb/gdb-memory-map.dtd">
<memory-map>
  <memory type="ram" start="0x0" length="0x8000000000000000"/>
  <memory type="ram" start="0x8000000000000000" length="0x8000000000000000"/>
</memory-map>
)";

constexpr std::string_view own_help =
    "gdb layout 64|32|16  the registers as of that machine, once gdb has fetched them\n"
    "gdb where            where each CPU is\n";

std::string_view activity(const Cpu& cpu) {
  switch (cpu.activity) {
    case Activity::active: return "";
    case Activity::hlt: return ", halted";
    case Activity::shutdown: return ", shut down";
    case Activity::wait_for_sipi: return ", waits for SIPI";
    case Activity::mwait: return ", waits in MWAIT";
  }
  return "";
}

std::string_view world(const Cpu& cpu) { return cpu.non_root ? " guest" : cpu.vmx_operation ? " root" : ""; }

}  // namespace

void GdbStub::query(Words words) {
  if (words.literal("Supported")) return features(words);
  if (words.literal("Xfer:")) return transfer(words);
  if (words.literal("Rcmd,")) return monitor(words);
  if (words.literal("fThreadInfo")) {
    std::string list;
    for (unsigned n = 1; n <= cpus(); ++n) list += fmt::format("{}{:x}", list.empty() ? "m" : ",", n);
    return answer(list);
  }
  if (words.literal("sThreadInfo")) return answer("l");
  if (words.literal("ThreadExtraInfo,")) return thread_information(words);
  if (words.literal("MemoryRegionInfo:")) return memory_region(words);
  if (words.literal("Attached")) return answer("1");
  if (words.literal("Symbol::")) return answer("OK");
  if (words.rest() == "C") return answer(fmt::format("QC{:x}", debugger_.selected() + 1));
  answer("");
}

void GdbStub::set(Words words) {
  if (words.rest() != "StartNoAckMode") return answer("");
  answer("OK");
  acknowledge_ = false;
}

void GdbStub::features(Words words) {
  words.literal(":");
  while (!words.empty()) {
    if (words.until(';') == "swbreak+") reports_breakpoints_ = true;
  }
  answer(
      fmt::format("PacketSize={:x};QStartNoAckMode+;qXfer:features:read+;qXfer:memory-map:read+;"
                  "vContSupported+;swbreak+;hwbreak+{}",
                  longest_packet, goes_back() ? ";ReverseStep+;ReverseContinue+" : ""));
}

void GdbStub::transfer(Words words) {
  const std::string_view object = words.until(':');
  if (words.until(':') != "read") return answer("");
  const std::string_view annex = words.until(':');
  std::string_view text;
  if (object == "features") {
    if (annex != "target.xml") return answer("E00");
    // From here on the client's registers are those: not sooner, or it would misread its packets.
    if (wanted_ != layout_) set_layout(wanted_);
    text = description_;
  } else if (object == "memory-map") {
    text = memory_map;
  } else {
    return answer("");
  }
  const auto from = words.number();
  const auto length = words.literal(",") ? words.number() : std::nullopt;
  if (!from || !length || !words.empty() || *from > text.size()) return answer("E01");
  text.remove_prefix(*from);
  // Escapes may double it.
  const u64 most = std::min<u64>(*length, longest_packet / 2 - 16);
  answer(fmt::format("{}{}", text.size() > most ? 'm' : 'l', text.substr(0, most)));
}

void GdbStub::thread_information(Words words) {
  const auto thread = words.number();
  if (!thread || *thread == 0 || *thread > cpus() || !words.empty()) return fail("no such thread");
  const Cpu& cpu = debugger_.machine().cpu(static_cast<unsigned>(*thread - 1));
  answer(to_hex(fmt::format("CPU {}{}, {}-bit, ring {}{}", cpu.index, world(cpu), cpu.mode.code_bits, cpu.cpl,
                            activity(cpu))));
}

void GdbStub::monitor(Words words) {
  const auto command = from_hex(words.rest());
  if (!command) return fail("not hexadecimal");
  std::string_view text = *command;
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  debugger_.select(monitor_cpu_);
  if (text == "gdb" || text.starts_with("gdb "))
    console(own_command(text.substr(std::min<std::size_t>(text.size(), 4))));
  else if (monitor_)
    console(monitor_(text));
  else
    console(text.empty() || text == "help" ? std::string(own_help)
                                           : fmt::format("{}: unknown; there are:\n{}", text, own_help));
  monitor_cpu_ = debugger_.selected();
  debugger_.select(thread_);
  if (monitor_cpu_ != thread_)
    console(fmt::format("(CPU {}; gdb's own commands mean thread {} until you say: thread {})\n",
                        monitor_cpu_, thread_ + 1, monitor_cpu_ + 1));
  answer("OK");
}

// LLDB's question about the memory around an address: what is mapped and how, or how far nothing is. The
// whole space is told of, gap by gap.
void GdbStub::memory_region(Words words) {
  const auto address = words.number();
  if (!address || !words.empty()) return fail("no address");
  const Cpu& cpu = debugger_.cpu();
  constexpr u64 end_of_32_bits = u64{1} << 32;
  u64 first = 0, last = ~u64{0};
  std::string rights;
  if (!(cpu.cr0 & Cr0::PG)) {
    const bool low = *address < end_of_32_bits;
    (low ? last : first) = low ? end_of_32_bits - 1 : end_of_32_bits;
    if (low) rights = "rwx";
  } else {
    const MappedRanges mapped = mapped_pages(cpu, *address, 1);
    first = *address;
    if (mapped.ranges.empty()) {
      // Tables too many to read: what is known is the page itself.
      if (mapped.cut) last = *address | (page_bytes - 1);
    } else if (const MappedRange& range = mapped.ranges.front(); range.first <= *address) {
      first = range.first;
      last = range.first + (range.bytes - 1);
      for (const char right : range.rights.substr(0, 3))
        if (right != '-') rights += right;
    } else {
      last = range.first - 1;
    }
  }
  // A region that ends with the space would end at 0, where LLDB begins again: the last page is one of its
  // own.
  constexpr u64 last_page = ~u64{0} - (page_bytes - 1);
  if (last == ~u64{0} && first < last_page && *address < last_page) last = last_page - 1;
  if (*address >= last_page) first = std::max(first, last_page);
  answer(fmt::format("start:{:x};size:{:x};{}", first, last - first + 1,
                     rights.empty() ? "" : fmt::format("permissions:{};", rights)));
}

std::string GdbStub::own_command(std::string_view command) {
  if (command == "layout 64" || command == "layout 32" || command == "layout 16") {
    wanted_ = command.ends_with("64")   ? Layout::bits64
              : command.ends_with("32") ? Layout::bits32
                                        : Layout::bits16;
    if (wanted_ == Layout::bits64) return "now: unset tdesc filename\n";
    return "now: unset tdesc filename (if a program was loaded by file, exec-file before it: its symbols "
           "stay, "
           "and gdb takes another machine's registers then)\n";
  }
  if (command == "where") {
    std::string text;
    for (unsigned n = 0; n < cpus(); ++n) text += debugger_.where(n) + "\n";
    return text;
  }
  return std::string(own_help);
}

}  // namespace ringside
