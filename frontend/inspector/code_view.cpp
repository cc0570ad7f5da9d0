// Owns the inspector's view of code: which instructions are shown around an address, and what stands between
// them.
#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "frontend/inspect/disassembly.h"
#include "frontend/inspect/look_memory.h"
#include "frontend/inspector/views.h"

namespace ringside {
namespace {

constexpr unsigned shown = 96;

DisassemblyOptions options_of(const Cpu& cpu, const Symbols& symbols) {
  DisassemblyOptions options;
  options.bits = cpu.mode.code_bits;
  options.symbols = &symbols;
  options.world = world_of(cpu);
  options.segment_base = cpu.mode.bits64 ? 0 : cpu.segment[CS].base;
  return options;
}

ReadCode reader_of(const Cpu& cpu) {
  return [&cpu](u64 linear, std::span<u8> bytes) { return peek(cpu, AddressSpace::linear, linear, bytes); };
}

// The addresses of instructions from `from` on, if `address` is one of them.
std::vector<u64> path_to(const Cpu& cpu, const DisassemblyOptions& options, u64 from, u64 address) {
  std::vector<u64> path;
  for (const DisassembledInstruction& one :
       disassemble(reader_of(cpu), from, static_cast<unsigned>(address - from) + 1, options)) {
    if (one.address == address) return path;
    if (one.address > address || one.bytes.empty() || one.mnemonic == "(bad)") break;
    path.push_back(one.address);
  }
  return {};
}

// Where to begin so that some instructions before `address` are seen: code can be read forwards only. By the
// symbol that it lies in, if it is near; else by the earliest beginning from which it is met.
u64 beginning(const Cpu& cpu, const DisassemblyOptions& options, u64 address) {
  constexpr u64 nearest_symbol = 1024, farthest = 64;
  constexpr std::size_t before = 12;
  const auto cut = [&](const std::vector<u64>& path) {
    return path.size() > before ? path[path.size() - before] : path.front();
  };
  DisassemblyOptions plain = options;
  plain.symbols = nullptr;
  if (const auto named = options.symbols->find(address, options.world);
      named && named->distance <= nearest_symbol) {
    if (named->distance == 0) return address;
    const auto path = path_to(cpu, plain, named->start, address);
    if (!path.empty()) return cut(path);
  }
  for (u64 back = std::min(farthest, address); back > 0; --back) {
    const auto path = path_to(cpu, plain, address - back, address);
    if (!path.empty()) return cut(path);
  }
  return address;
}

// The line of source that begins at an instruction, if it is another than that before it.
class SourceRows {
 public:
  SourceRows(const Looking& l, World world) : l_(l), world_(world) {}
  void put(Sheet& sheet, u64 address) {
    const auto line = l_.symbols.line(address, world_);
    if (!line || line->line == 0 || (line->line == last_.line && line->file == last_.file)) return;
    last_ = *line;
    const std::string text = l_.commands.sources().line(line->file, line->line);
    Row& row = sheet.row("source").quiet("line", line->line).quiet("file", line->text());
    row.say("    ").word("place", fmt::format("{}:", line->text())).to(Link::To::source, 0, line->text());
    if (!text.empty()) row.say(" ").word("source", text);
  }

 private:
  const Looking& l_;
  World world_;
  Symbols::Line last_;
};

void instruction(Row& row, const DisassembledInstruction& one, bool current) {
  std::string bytes;
  for (const u8 byte : one.bytes) bytes += fmt::format("{:02x} ", byte);
  if (current) row.quiet("current", 1);
  row.number("address", one.address, fmt::format("{:016x}", one.address)).to(Link::To::linear, one.address);
  row.say("  ").word("bytes", bytes, 24).say(" ");
  row.word("mnemonic", one.mnemonic, one.operands.empty() ? 0 : 8);
  if (!one.operands.empty()) row.say(" ").word("operands", one.operands);
  if (!one.target.empty()) row.say("  <").word("target", one.target).say(">");
}

}  // namespace

Sheet code_sheet(Looking& l) {
  const Cpu& cpu = l.debugger.cpu();
  const DisassemblyOptions options = options_of(cpu, l.symbols);
  const u64 rip = linear_rip(cpu);
  u64 address = rip;
  Sheet sheet("code");
  if (!l.asked.code.empty()) {
    std::string_view rest = l.asked.code;
    const auto place = l.commands.place(rest);
    if (!place) {
      sheet.row().say(std::exchange(l.complaint, {}));
      return sheet;
    }
    address = place->value;
  }
  // What is shown stays where it is as long as the instruction is among it, not near its end.
  std::vector<DisassembledInstruction> code = disassemble(reader_of(cpu), l.code_from, shown, options);
  const auto stays =
      std::find_if(code.begin(), code.end(), [&](const auto& one) { return one.address == address; });
  if (!l.asked.code.empty() || stays == code.end() || code.end() - stays < shown / 4) {
    l.code_from = l.asked.code.empty() ? beginning(cpu, options, address) : address;
    code = disassemble(reader_of(cpu), l.code_from, shown, options);
  }
  sheet.section("code");
  u64 symbol = ~u64{0};
  SourceRows source(l, options.world);
  for (const DisassembledInstruction& one : code) {
    const auto named = l.symbols.find(one.address, options.world);
    if (named && named->start != symbol) {
      sheet.row("symbol").word("symbol", named->text()).say(":");
      symbol = named->start;
    }
    source.put(sheet, one.address);
    Row& row = sheet.row("instruction");
    for (const Breakpoint& point : l.debugger.breakpoints()) {
      const bool here =
          point.kind == Breakpoint::Kind::execute && point.at.value == one.address &&
          (point.at.space == AddressSpace::linear || point.at.space == AddressSpace::guest_linear);
      if (!here) continue;
      row.quiet("breakpoint", point.id);
      if (!point.enabled) row.quiet("disabled", 1);
    }
    instruction(row, one, one.address == rip);
  }
  return sheet;
}

}  // namespace ringside
