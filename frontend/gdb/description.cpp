// Owns the target description: the list of registers as the XML that gdb reads.
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <span>

#include "cpu/state/msrs.h"
#include "cpu/state/register_table.h"
#include "frontend/gdb/gdb_registers.h"

namespace ringside {
namespace {

using Part = GdbRegister::Feature;

// What only this room has names for.
constexpr BitField vmx_bits[] = {
    {"VMX", 0, 0, "VMXON"}, {"VMX", 1, 1, "NON_ROOT"}, {"VMX", 2, 2, "LAUNCHED"}};

std::string flags(const GdbRegister& reg, std::span<const BitField> bits) {
  std::string text = fmt::format("  <flags id=\"{}\" size=\"{}\">\n", reg.type, std::max(reg.bytes(), 4u));
  for (const BitField& row : bits) {
    std::string name(row.name);
    std::replace(name.begin(), name.end(), ' ', '_');
    text += fmt::format("    <field name=\"{}\" start=\"{}\" end=\"{}\"/>\n", name, row.low, row.high);
  }
  return text + "  </flags>\n";
}

constexpr std::string_view vector_types = R"(  <vector id="v4f" type="ieee_single" count="4"/>
  <vector id="v2d" type="ieee_double" count="2"/>
  <vector id="v16i8" type="int8" count="16"/>
  <vector id="v8i16" type="int16" count="8"/>
  <vector id="v4i32" type="int32" count="4"/>
  <vector id="v2i64" type="int64" count="2"/>
  <union id="vec128">
    <field name="v4_float" type="v4f"/>
    <field name="v2_double" type="v2d"/>
    <field name="v16_int8" type="v16i8"/>
    <field name="v8_int16" type="v8i16"/>
    <field name="v4_int32" type="v4i32"/>
    <field name="v2_int64" type="v2i64"/>
    <field name="uint128" type="uint128"/>
  </union>
)";

// The types that registers of a feature use and gdb does not have already.
std::string types_of(Part feature, const std::vector<GdbRegister>& registers) {
  std::string text(feature == Part::sse ? vector_types : "");
  std::set<std::string> told;
  for (const GdbRegister& reg : registers) {
    if (reg.feature != feature || !reg.type.ends_with("_bits") || !told.insert(reg.type).second) continue;
    const std::span<const BitField> bits = reg.msr                ? reg.msr->bits
                                           : feature == Part::vmx ? std::span<const BitField>(vmx_bits)
                                                                  : bits_of_register(reg.info->bits_of);
    text += flags(reg, bits);
  }
  return text;
}

constexpr std::string_view feature_name(Part feature) {
  switch (feature) {
    case Part::core: return "org.gnu.gdb.i386.core";
    case Part::sse: return "org.gnu.gdb.i386.sse";
    case Part::avx: return "org.gnu.gdb.i386.avx";
    case Part::segments: return "org.gnu.gdb.i386.segments";
    case Part::system: return "org.ringside.system";
    case Part::vmx: return "org.ringside.vmx";
  }
  return "";
}

constexpr std::string_view architecture(Layout layout) {
  switch (layout) {
    case Layout::bits64: return "i386:x86-64";
    case Layout::bits32: return "i386";
    case Layout::bits16: return "i8086";
  }
  return "";
}

}  // namespace

std::string target_description(Layout layout) {
  std::string text = fmt::format(
      "<?xml version=\"1.0\"?>\n<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n<target version=\"1.0\">\n"
      "<architecture>{}</architecture>\n",
      architecture(layout));
  const std::vector<GdbRegister> registers = gdb_registers(layout);
  for (const Part feature : {Part::core, Part::sse, Part::avx, Part::segments, Part::system, Part::vmx}) {
    std::string rows;
    for (std::size_t n = 0; n < registers.size(); ++n) {
      const GdbRegister& reg = registers[n];
      if (reg.feature != feature) continue;
      rows +=
          fmt::format("  <reg name=\"{}\" bitsize=\"{}\" type=\"{}\" regnum=\"{}\"{}/>\n", reg.name, reg.bits,
                      reg.type, n, reg.group.empty() ? "" : fmt::format(" group=\"{}\"", reg.group));
    }
    if (!rows.empty())
      text += fmt::format("<feature name=\"{}\">\n{}{}</feature>\n", feature_name(feature),
                          types_of(feature, registers), rows);
  }
  return text + "</target>\n";
}

}  // namespace ringside
