// Owns the making of rows from the explanation of a rule.
#include "frontend/inspect/refusal.h"

#include <fmt/format.h>

#include "frontend/inspect/where.h"

namespace ringside {

void add_rule(Sheet& sheet, const RuleExplanation& e, std::string_view indent, const Symbols* symbols) {
  const NameCode name = code_names(symbols);
  sheet.section(e.rule->id);
  sheet.row("rule").say(indent).word("rule", e.rule->id).say(": ").word("sentence", e.rule->sentence);
  sheet.row("manual").say(indent).say("  manual: ").word("title", e.rule->title);
  for (const RuleExplanation::Value& value : e.values)
    sheet.row("field")
        .say(indent)
        .say("  ")
        .word("field", info(value.field).id)
        .to(Link::To::field, 0, info(value.field).id)
        .say(" = ")
        .hex("value", value.value)
        .say(", ")
        .word("writer", text(value, name));
  for (const RuleExplanation::Source& source : e.sources) {
    Row& row = sheet.row("limit").say(indent).say("  ").word("limit", source.name);
    if (source.msr)
      row.say(" (MSR ").hex("msr", source.msr).say(") = ").hex("value", source.value);
    else
      row.say(" = ").count("value", source.value);
  }
  if (!e.cure || (!e.cure->set && !e.cure->cleared)) return;
  Row& row = sheet.row("cure").say(indent).say("  cure: ").word("field", info(e.cure->field).id);
  row.say(" = ").hex("value", e.cure->value).say(": ");
  if (e.cure->set) row.say("set ").word("set", bit_names(e.cure->field, e.cure->set));
  if (e.cure->set && e.cure->cleared) row.say(", ");
  if (e.cure->cleared) row.say("clear ").word("clear", bit_names(e.cure->field, e.cure->cleared));
}

}  // namespace ringside
