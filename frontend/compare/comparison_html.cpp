// Owns a comparison as one page for a browser, which needs no other file: tables with bars, and two plots.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "frontend/compare/comparison.h"
#include "frontend/conform/reports/markup.h"

namespace ringside::compare {
namespace {

using conform::markup_attribute;
using conform::markup_text;

// Okabe and Ito's colours, which nobody confuses; dashes tell the lines apart, too.
constexpr std::array<const char*, 6> colours = {"#0072b2", "#d55e00", "#009e73",
                                                "#cc79a7", "#b58900", "#56b4e9"};
constexpr std::array<const char*, 6> dashes = {"", "7 3", "2 3", "9 3 2 3", "12 4", "4 2"};
const char* colour(std::size_t n) { return colours[n % colours.size()]; }
const char* dash(std::size_t n) { return dashes[n / colours.size() % dashes.size() ? 0 : n % dashes.size()]; }

constexpr std::string_view style =
    "body{font:15px/1.45 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 "
    "1rem;color:#222;background:#fff}"
    "h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2.2rem;border-bottom:1px solid #ccc}"
    "p.selected{color:#555;font-size:.9rem;margin:.3rem 0 .8rem}"
    "table{border-collapse:collapse}td,th{padding:.15rem .6rem;text-align:right;white-space:nowrap}"
    "td:first-child,th:first-child{text-align:left}tr.head "
    "td{text-align:left;font-weight:600;padding-top:.6rem}"
    "tbody tr:hover{background:#f3f6fa}td.unit{color:#777;text-align:left}"
    "svg.bar{display:inline-block;vertical-align:middle;margin-left:.4rem}"
    "table.map td{text-align:center;border:1px solid #ddd;min-width:6rem}"
    "svg text{font:12px system-ui,sans-serif;fill:#333}div.wide{overflow-x:auto}"
    "dt{font-weight:600;margin-top:.7rem}dd{margin-left:1rem}";

std::string number_text(const Row& row, std::size_t n) {
  return row.figures[n] ? fmt::format("{:.{}f}", *row.figures[n], row.decimals) : "–";
}

std::string bar(double value, double most, std::size_t n) {
  constexpr double width = 70;
  const double length = most > 0 ? std::max(0.0, value) / most * width : 0;
  return fmt::format(
      "<svg class=\"bar\" width=\"{:.0f}\" height=\"9\" aria-hidden=\"true\"><rect width=\"{:.1f}\" "
      "height=\"9\" fill=\"{}\"/></svg>",
      width, length, colour(n));
}

std::string head_cells(const Comparison& all) {
  std::string text;
  for (std::size_t n = 0; n < all.subjects.size(); ++n)
    text += fmt::format("<th style=\"color:{}\">{}</th>", colour(n), markup_text(all.subjects[n].name));
  return text;
}

std::string group_table(const Comparison& all, const Group& group) {
  std::string text = fmt::format(
      "<div class=\"wide\"><table><thead><tr><th></th>{}<th></th></tr></thead><tbody>\n", head_cells(all));
  for (const Row& row : group.rows) {
    if (!row.heading.empty())
      text += fmt::format("<tr class=\"head\"><td colspan=\"{}\">{}</td></tr>\n", all.subjects.size() + 2,
                          markup_text(row.heading));
    double most = 0;
    for (const auto& figure : row.figures) most = std::max(most, figure.value_or(0));
    text +=
        fmt::format("<tr title=\"{}\"><td>{}</td>", markup_attribute(group.selected), markup_text(row.label));
    for (std::size_t n = 0; n < row.figures.size(); ++n)
      text += fmt::format("<td>{}{}</td>", number_text(row, n), bar(row.figures[n].value_or(0), most, n));
    text += fmt::format("<td class=\"unit\">{}</td></tr>\n", markup_text(row.unit));
  }
  return text + "</tbody></table></div>\n";
}

// The part of all exits that take at most so many instructions, over a logarithm of these.
std::string cost_plot(const Comparison& all) {
  constexpr double width = 760, height = 300, left = 50, right = 170, top = 12, bottom = 40;
  double decades = 1;
  for (const auto& costs : all.costs) {
    if (!costs.empty() && costs.back() > 1)
      decades = std::max(decades, std::ceil(std::log10(static_cast<double>(costs.back()))));
  }
  const auto x = [&](double value) {
    return left + std::log10(std::max(value, 1.0)) / decades * (width - left - right);
  };
  const auto y = [&](double part) { return top + (1 - part) * (height - top - bottom); };
  std::string text = fmt::format(
      "<svg width=\"{0:.0f}\" height=\"{1:.0f}\" viewBox=\"0 0 {0:.0f} {1:.0f}\" role=\"img\" "
      "aria-label=\"Part of the VM exits that "
      "take at most so many instructions\">\n",
      width, height);
  for (int n = 0; n <= static_cast<int>(decades); ++n) {
    const double at = x(std::pow(10, n));
    text += fmt::format(
        "<line x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1:.1f}\" y2=\"{2:.1f}\" stroke=\"#ddd\"/><text "
        "x=\"{0:.1f}\" y=\"{3:.1f}\" text-anchor=\"middle\">{4:.0f}</text>\n",
        at, y(1), y(0), height - 22, std::pow(10, n));
  }
  for (int n = 0; n <= 4; ++n) {
    const double at = y(n / 4.0);
    text += fmt::format(
        "<line x1=\"{0:.1f}\" x2=\"{1:.1f}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\" stroke=\"#ddd\"/><text "
        "x=\"{3:.1f}\" y=\"{4:.1f}\" text-anchor=\"end\">{5} %</text>\n",
        left, width - right, at, left - 6, at + 4, n * 25);
  }
  text += fmt::format(
      "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">instructions in root operation</text>\n",
      (left + width - right) / 2, height - 5);
  for (std::size_t n = 0; n < all.costs.size(); ++n) {
    const auto& costs = all.costs[n];
    if (costs.empty()) continue;
    std::string points = fmt::format("{:.1f},{:.1f}", x(1), y(0));
    double part = 0;
    for (std::size_t at = 0; at < costs.size();) {
      std::size_t end = at;
      while (end < costs.size() && costs[end] == costs[at]) ++end;
      const double where = x(costs[at]);
      points += fmt::format(" {:.1f},{:.1f}", where, y(part));
      part = static_cast<double>(end) / static_cast<double>(costs.size());
      points += fmt::format(" {:.1f},{:.1f}", where, y(part));
      at = end;
    }
    points += fmt::format(" {:.1f},{:.1f}", width - right, y(1));
    text += fmt::format(
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\" stroke-dasharray=\"{}\"/>\n",
        points, colour(n), dash(n));
    const double at = top + 14 + 18 * static_cast<double>(n);
    text += fmt::format(
        "<line x1=\"{0:.1f}\" x2=\"{1:.1f}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\" stroke=\"{3}\" stroke-width=\"2\" "
        "stroke-dasharray=\"{4}\"/><text x=\"{5:.1f}\" y=\"{6:.1f}\">{7}</text>\n",
        width - right + 12, width - right + 42, at, colour(n), dash(n), width - right + 48, at + 4,
        markup_text(all.subjects[n].name));
  }
  return text + "</svg>\n";
}

// A bar for each subject, of all instructions.
std::string time_plot(const Comparison& all, const Group& group) {
  constexpr std::array<const char*, 4> whose = {"guest", "kernel", "user", "control"};
  constexpr std::array<const char*, 4> shade = {"#8fbf8f", "#4a6fa5", "#e0a458", "#b07aa1"};
  constexpr double width = 560, left = 120, row = 24;
  std::string text;
  const double height = row * static_cast<double>(all.subjects.size()) + 26;
  for (std::size_t n = 0; n < all.subjects.size(); ++n) {
    const double at = row * static_cast<double>(n);
    text += fmt::format("<text x=\"{:.0f}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>", left - 8, at + 16,
                        markup_text(all.subjects[n].name));
    double from = left;
    for (std::size_t part = 0; part < whose.size(); ++part) {
      const auto found = std::find_if(group.rows.begin(), group.rows.end(),
                                      [&](const Row& r) { return r.id == whose[part]; });
      if (found == group.rows.end() || !found->figures[n]) continue;
      const double length = *found->figures[n] / 100 * width;
      text += fmt::format(
          "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"18\" fill=\"{}\"><title>{}: {:.1f} "
          "%</title></rect>",
          from, at + 3, length, shade[part], markup_text(found->label), *found->figures[n]);
      from += length;
    }
    text += "\n";
  }
  double from = left;
  for (std::size_t part = 0; part < whose.size(); ++part) {
    const auto found =
        std::find_if(group.rows.begin(), group.rows.end(), [&](const Row& r) { return r.id == whose[part]; });
    if (found == group.rows.end()) continue;
    text += fmt::format(
        "<rect x=\"{0:.1f}\" y=\"{1:.1f}\" width=\"11\" height=\"11\" fill=\"{2}\"/><text x=\"{3:.1f}\" "
        "y=\"{4:.1f}\">{5}</text>",
        from, height - 16, shade[part], from + 15, height - 6, markup_text(found->label));
    from += 160;
  }
  return fmt::format(
      "<svg width=\"{0:.0f}\" height=\"{1:.0f}\" viewBox=\"0 0 {0:.0f} {1:.0f}\" role=\"img\" "
      "aria-label=\"Whose instructions\">\n{2}</svg>\n",
      left + width + 40, height, text);
}

std::string pages_words(u64 pages) {
  constexpr u64 page_kib = 4, kib_per_mib = 1024, large = 10;
  const u64 kib = pages * page_kib;
  return kib >= large * kib_per_mib ? fmt::format("{} MiB", kib / kib_per_mib) : fmt::format("{} KiB", kib);
}

std::string map_table(const IsolationMap& map) {
  std::string text = "<div class=\"wide\"><table class=\"map\"><tr><th></th>";
  for (const Domain& domain : map.domains) text += fmt::format("<th>{}</th>", markup_text(domain.name));
  text += "</tr>\n";
  for (std::size_t who = 0; who < map.domains.size(); ++who) {
    text += fmt::format("<tr><td>{}</td>", markup_text(map.domains[who].name));
    for (std::size_t whose = 0; whose < map.domains.size(); ++whose) {
      const Reach& reach = map.reach[who][whose];
      const bool own = who == whose;
      const char* const shade = own ? "#eee" : reach.writes ? "#f6c7b6" : reach.reads ? "#fbe8c8" : "#d9efd9";
      std::string words = "nothing";
      if (reach.reads) words = fmt::format("reads {}", pages_words(reach.reads));
      if (reach.writes) words += fmt::format(",<br>writes {}", pages_words(reach.writes));
      text += fmt::format("<td style=\"background:{}\">{}</td>", shade, words);
    }
    text += "</tr>\n";
  }
  return text + "</table></div>\n";
}

}  // namespace

std::string comparison_html(const Comparison& comparison) {
  std::string names;
  for (const Subject& subject : comparison.subjects)
    names += (names.empty() ? "" : ", ") + markup_text(subject.name);
  std::string text = fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width\"><title>Hypervisors compared: "
      "{0}</title><style>{1}</style></head><body>\n"
      "<h1>Hypervisors compared: {0}</h1>\n<ul>\n",
      names, style);
  for (std::size_t n = 0; n < comparison.subjects.size(); ++n) {
    const Subject& subject = comparison.subjects[n];
    text += fmt::format("<li><b style=\"color:{}\">{}</b>: {}", colour(n), markup_text(subject.name),
                        markup_text(subject.title));
    for (const auto& [where, who] :
         {std::pair{"CPL 0", &subject.kernel_is}, std::pair{"CPL 3", &subject.user_is},
          std::pair{"a trusted guest", &subject.control_is}})
      if (!who->empty()) text += fmt::format("; {}: {}", where, markup_text(*who));
    text += "</li>\n";
  }
  text +=
      "</ul>\n<p class=\"selected\">Counted in Ringside, to the instruction: the same files give the same "
      "figures. "
      "They are counts of what software does, not times of a processor.</p>\n";
  if (!comparison.questions.empty()) text += "<h2>The quarrel, as questions</h2>\n<dl>\n";
  for (const Question& question : comparison.questions)
    text += fmt::format("<dt>{}</dt><dd>{}</dd>\n", markup_text(question.text), markup_text(question.answer));
  if (!comparison.questions.empty()) text += "</dl>\n";
  for (const Group& group : comparison.groups) {
    if (group.rows.empty()) continue;
    text += fmt::format("<h2 id=\"{}\">{}</h2>\n<p class=\"selected\">{}</p>\n", markup_attribute(group.id),
                        markup_text(group.title), markup_text(group.selected));
    if (group.id == "exit") text += cost_plot(comparison);
    if (group.id == "time") text += time_plot(comparison, group);
    text += group_table(comparison, group);
  }
  text += fmt::format("<h2 id=\"isolation\">{}</h2>\n<p class=\"selected\">{}</p>\n", isolation_title,
                      isolation_selected);
  for (std::size_t n = 0; n < comparison.subjects.size(); ++n)
    text += fmt::format("<h3>{}</h3>\n{}", markup_text(comparison.subjects[n].name),
                        map_table(comparison.isolation[n]));
  return text + "</body></html>\n";
}

}  // namespace ringside::compare
