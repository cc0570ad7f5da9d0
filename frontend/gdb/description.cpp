// Owns the target description: the list of registers as the XML that gdb reads.
#include <fmt/format.h>

#include "frontend/gdb/registers.h"

namespace ringside {
namespace {

using Part = GdbRegister::Feature;

struct Flag {
  std::string_view group, name;
  unsigned first, last;
};
// Of the types that the features use and gdb does not have already.
constexpr Flag all_flags[] = {
#define BIT(group, number, name) {#group, name, number, number},
#include "vmx/field_bits.inc"
#undef BIT
    {"rflags", "IOPL", 12, 13}, {"mxcsr", "IE", 0, 0},     {"mxcsr", "DE", 1, 1},    {"mxcsr", "ZE", 2, 2},
    {"mxcsr", "OE", 3, 3},      {"mxcsr", "UE", 4, 4},     {"mxcsr", "PE", 5, 5},    {"mxcsr", "DAZ", 6, 6},
    {"mxcsr", "IM", 7, 7},      {"mxcsr", "DM", 8, 8},     {"mxcsr", "ZM", 9, 9},    {"mxcsr", "OM", 10, 10},
    {"mxcsr", "UM", 11, 11},    {"mxcsr", "PM", 12, 12},   {"mxcsr", "RC", 13, 14},  {"mxcsr", "FZ", 15, 15},
    {"vmx", "VMXON", 0, 0},     {"vmx", "NON_ROOT", 1, 1}, {"vmx", "LAUNCHED", 2, 2}};

std::string flags(std::string_view group, unsigned bytes) {
  std::string text = fmt::format("  <flags id=\"{}_bits\" size=\"{}\">\n", group, bytes);
  for (const Flag& flag : all_flags) {
    if (flag.group == group)
      text +=
          fmt::format("    <field name=\"{}\" start=\"{}\" end=\"{}\"/>\n", flag.name, flag.first, flag.last);
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

std::string types_of(Part feature) {
  switch (feature) {
    case Part::core: return flags("rflags", 4);
    case Part::sse: return std::string(vector_types) + flags("mxcsr", 4);
    case Part::segments: return "";
    case Part::system: return flags("cr0", 8) + flags("cr4", 8) + flags("efer", 8);
    case Part::vmx: return flags("vmx", 4);
  }
  return "";
}

constexpr std::string_view feature_name(Part feature) {
  switch (feature) {
    case Part::core: return "org.gnu.gdb.i386.core";
    case Part::sse: return "org.gnu.gdb.i386.sse";
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
  for (const Part feature : {Part::core, Part::sse, Part::segments, Part::system, Part::vmx}) {
    std::string rows;
    for (std::size_t n = 0; n < registers.size(); ++n) {
      const GdbRegister& reg = registers[n];
      if (reg.feature != feature) continue;
      rows +=
          fmt::format("  <reg name=\"{}\" bitsize=\"{}\" type=\"{}\" regnum=\"{}\"{}/>\n", reg.name, reg.bits,
                      reg.type, n, reg.group.empty() ? "" : fmt::format(" group=\"{}\"", reg.group));
    }
    if (!rows.empty())
      text += fmt::format("<feature name=\"{}\">\n{}{}</feature>\n", feature_name(feature), types_of(feature),
                          rows);
  }
  return text + "</target>\n";
}

}  // namespace ringside
