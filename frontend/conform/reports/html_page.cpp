// Owns a run of suites as one page of HTML with nothing to fetch.
#include <fmt/format.h>

#include "frontend/conform/reports/markup.h"
#include "frontend/conform/reports/reports.h"

namespace ringside::conform {
namespace {

// A verdict is told by its word and a sign, the colours (blue and orange, which every kind of sight tells
// apart) only help.
constexpr std::string_view head = R"(<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Results of suites</title><style>
:root{color-scheme:light dark;--good:#0b5cad;--bad:#b34700;--dim:#666;--line:#ccc}
@media(prefers-color-scheme:dark){:root{--good:#7ab8ff;--bad:#ffab66;--dim:#aaa;--line:#444}}
body{font:15px/1.45 system-ui,sans-serif;max-width:72rem;margin:1.5rem auto;padding:0 1rem}
input{font:inherit;width:24rem;max-width:100%;padding:.3rem}
details,.row{border-top:1px solid var(--line);padding:.3rem 0}
pre{overflow:auto;max-height:24rem;padding:.5rem;border:1px solid var(--line);white-space:pre-wrap}
.good{color:var(--good)}.bad{color:var(--bad);font-weight:600}.dim{color:var(--dim)}summary{cursor:pointer}
</style></head><body>
)";
constexpr std::string_view tail = R"(<script>
const box=document.getElementById("filter"),bad=document.getElementById("bad");
function sift(){const word=box.value.toLowerCase();
for(const one of document.querySelectorAll("[data-name]"))
one.hidden=!one.dataset.name.toLowerCase().includes(word)||(bad.checked&&!one.dataset.bad)}
box.oninput=bad.onchange=sift;
</script></body></html>
)";

std::string mark(Verdict verdict) {
  const bool bad = counts_as_failure(verdict);
  const std::string_view sign = bad ? "&#10007;" : verdict == Verdict::passed ? "&#10003;" : "&#8722;";
  return fmt::format("<span class=\"{}\">{} {}</span>",
                     bad                          ? "bad"
                     : verdict == Verdict::passed ? "good"
                                                  : "dim",
                     sign, verdict_name(verdict));
}

void block(std::string& page, std::string_view title, std::string_view text) {
  if (!text.empty()) page += fmt::format("<p>{}</p><pre>{}</pre>\n", title, markup_text(text));
}

// Of many checks a page shows the failures and the first others.
void checks(std::string& page, const TestResult& test) {
  constexpr std::size_t most_shown = 2000;
  std::size_t shown = 0, left = 0;
  for (const Check& check : test.checks) {
    if (++shown > most_shown && !counts_as_failure(check.verdict)) {
      ++left;
      continue;
    }
    page += fmt::format("<div>{} {}", mark(check.verdict), markup_text(check.name));
    if (check.line > 0) page += fmt::format(" <span class=\"dim\">line {}</span>", check.line);
    page += "</div>\n";
    if (!check.message.empty()) page += fmt::format("<pre>{}</pre>\n", markup_text(check.message));
  }
  if (left > 0) page += fmt::format("<div class=\"dim\">and {} more, none of them a failure</div>\n", left);
}

void one_test(std::string& page, const TestResult& test) {
  const bool bad = counts_as_failure(test.verdict);
  page += fmt::format(
      "<details data-name=\"{}\"{}><summary>{} <b>{}</b>: {} <span class=\"dim\">{:.2f} s, {} checks</span> "
      "{}</summary>\n",
      markup_attribute(test.suite + ": " + test.name), bad ? " data-bad=\"1\" open" : "", mark(test.verdict),
      markup_text(test.suite), markup_text(test.name), test.host_seconds, test.checks.size(),
      markup_text(test.reason));
  block(page, "Run it again", test.bundle.reproduce);
  block(page, "Debug it", test.bundle.debug);
  block(page, "What happened", test.bundle.explained);
  checks(page, test);
  if (bad) block(page, "Output", test.output);
  page += "</details>\n";
}

}  // namespace

std::string html_page(const SuiteRun& run) {
  const Totals tests = totals(run), inside = check_totals(run);
  std::string page(head);
  page += fmt::format("<h1>{} {}</h1>\n", tests.failures() > 0 ? "&#10007;" : "&#10003;",
                      tests.failures() > 0 ? "Failed" : "Passed");
  page += fmt::format(
      "<p>{} tests: {} passed, {} failed, {} broken, {} passed unexpectedly, {} failed as expected, {} "
      "skipped. ",
      tests.all(), tests.passed, tests.failed, tests.broken, tests.unexpected_passes, tests.expected_failures,
      tests.skipped);
  page += fmt::format("{} checks inside them, {} failures. <span class=\"dim\">{}, {:.1f} s</span></p>\n",
                      inside.all(), inside.failures(), markup_text(run.program), run.host_seconds);
  page +=
      "<p><input id=\"filter\" placeholder=\"part of a name\" aria-label=\"Filter\"> "
      "<label><input id=\"bad\" type=\"checkbox\" style=\"width:auto\"> failures only</label></p>\n";
  for (const TestResult& test : run.tests) {
    if (counts_as_failure(test.verdict)) one_test(page, test);
  }
  for (const TestResult& test : run.tests) {
    if (!counts_as_failure(test.verdict)) one_test(page, test);
  }
  return page + std::string(tail);
}

}  // namespace ringside::conform
