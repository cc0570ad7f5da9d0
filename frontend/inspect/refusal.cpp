// Owns the making of rows from the explanation of a rule.
#include "frontend/inspect/refusal.h"

#include <fmt/format.h>

#include "vmx/manual_titles.h"

namespace ringside {

void add_rule(Sheet& sheet, const RuleExplanation& e, std::string_view indent, const NameCode& name) {
  sheet.section(e.rule->id);
  sheet.row("rule").say(indent).word("rule", e.rule->id).say(": ").word("sentence", e.rule->sentence);
  sheet.row("manual").say(indent).say("  manual: ").word("title", e.rule->title);
  if (const std::string place = manual_place(e.rule->title); !place.empty())
    sheet.sections.back().rows.back().say(" (").word("place", place).say(")");
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
  if (const std::string words = cure_text(e); !words.empty()) {
    Row& row = sheet.row("cure").say(indent).say("  cure: ").word("field", info(e.cure->field).id);
    row.say(" = ").hex("value", e.cure->value).say(": ").word("words", words);
    if (e.cure->set) row.quiet("set", bit_names(e.cure->field, e.cure->set));
    if (e.cure->cleared) row.quiet("clear", bit_names(e.cure->field, e.cure->cleared));
  }
  if (!e.hint.empty()) sheet.row("hint").say(indent).say("  hint: ").word("hint", e.hint);
}

}  // namespace ringside
