// Owns a comparison as a table for a terminal, as CSV and as JSON.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "frontend/compare/comparison.h"
#include "frontend/render/wrap.h"

namespace ringside::compare {
namespace {

constexpr unsigned columns = 80, label_width = 32;
constexpr unsigned narrowest = 8, widest = 12;

std::string whole_figure(const Row& row, std::size_t n) {
  return row.figures[n] ? fmt::format("{:.{}f}", *row.figures[n], row.decimals) : "-";
}
// Those that no column has room for are told in millions.
std::string figure_text(const Row& row, std::size_t n) {
  constexpr double million = 1e6, widest = 1e7;
  const double figure = row.figures[n].value_or(0);
  if (figure >= widest) return fmt::format("{:.1f}M", figure / million);
  return figure >= million ? fmt::format("{:.0f}", figure) : whole_figure(row, n);
}

std::string fitted(std::string_view text, unsigned width) {
  return text.size() <= width ? std::string(text) : std::string(text.substr(0, width - 2)) + "..";
}

// A name over a column, in as many lines as it takes; broken behind a hyphen where one is.
std::vector<std::string> head_lines(std::string_view name, unsigned width) {
  std::vector<std::string> lines;
  while (name.size() > width) {
    const std::size_t hyphen = name.rfind('-', width - 1);
    const std::size_t length = hyphen == name.npos ? width : hyphen + 1;
    lines.emplace_back(name.substr(0, length));
    name.remove_prefix(length);
  }
  lines.emplace_back(name);
  return lines;
}

// The names of subjects from `first` to `end`, which is excluded; each ends in the last line.
std::string table_head(const std::vector<Subject>& subjects, std::size_t first, std::size_t end,
                       unsigned width) {
  std::vector<std::vector<std::string>> names;
  std::size_t tallest = 0;
  for (std::size_t n = first; n < end; ++n) {
    names.push_back(head_lines(subjects[n].name, width));
    tallest = std::max(tallest, names.back().size());
  }
  std::string text;
  for (std::size_t line = 0; line < tallest; ++line) {
    std::string words(label_width, ' ');
    for (const auto& name : names) {
      const std::size_t above = tallest - name.size();
      words += fmt::format(" {:>{}}", line < above ? "" : name[line - above], width);
    }
    words.erase(words.find_last_not_of(' ') + 1);
    text += words + "\n";
  }
  return text;
}

// The columns of as many subjects as fit, then those of the others.
std::string table(const Comparison& all, const Group& group) {
  const std::size_t at_once =
      std::min<std::size_t>(all.subjects.size(), (columns - label_width) / (narrowest + 1));
  std::string text;
  for (std::size_t first = 0; first < all.subjects.size(); first += at_once) {
    const std::size_t end = std::min(first + at_once, all.subjects.size());
    const auto width =
        std::min<unsigned>(widest, (columns - label_width) / static_cast<unsigned>(at_once) - 1);
    text += table_head(all.subjects, first, end, width);
    for (const Row& row : group.rows) {
      if (!row.heading.empty()) text += fitted(row.heading, columns) + "\n";
      text += fmt::format("{:<{}}", fitted(row.label, label_width), label_width);
      for (std::size_t n = first; n < end; ++n) text += fmt::format(" {:>{}}", figure_text(row, n), width);
      text += "\n";
    }
  }
  return text;
}

std::string pages_text(u64 pages) {
  constexpr u64 page_kib = 4;
  return pages * page_kib >= 10240 ? fmt::format("{}M", pages * page_kib / 1024)
                                   : fmt::format("{}K", pages * page_kib);
}

std::string isolation_text(const Subject& subject, const IsolationMap& map) {
  constexpr unsigned name_width = 14;
  const unsigned width = std::clamp<unsigned>(
      (columns - name_width) / std::max<unsigned>(1, static_cast<unsigned>(map.domains.size())) - 1, 11, 15);
  std::string text = fmt::format("{}:\n{:<{}}", subject.name, "", name_width);
  for (const Domain& domain : map.domains) text += fmt::format(" {:>{}}", fitted(domain.name, width), width);
  text += "\n";
  for (std::size_t who = 0; who < map.domains.size(); ++who) {
    text += fmt::format("{:<{}}", fitted(map.domains[who].name, name_width), name_width);
    for (const Reach& reach : map.reach[who]) {
      std::string cell = "-";
      if (reach.reads) cell = "r " + pages_text(reach.reads);
      if (reach.writes)
        cell = reach.writes == reach.reads ? "rw " + pages_text(reach.reads)
                                           : cell + " w " + pages_text(reach.writes);
      text += fmt::format(" {:>{}}", fitted(cell, width), width);
    }
    text += "\n";
  }
  return text;
}

// Without what sets it in.
std::string_view trimmed(std::string_view label) {
  return label.substr(std::min(label.find_first_not_of(' '), label.size()));
}

std::string csv_cell(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

}  // namespace

std::string comparison_text(const Comparison& comparison) {
  std::string text;
  for (const Subject& subject : comparison.subjects)
    text += wrapped(fmt::format("{}: {}\n", subject.name, subject.title), columns);
  for (const Group& group : comparison.groups) {
    if (group.rows.empty()) continue;
    text += fmt::format("\n{}\n", group.title) + wrapped("  " + group.selected + "\n", columns) +
            table(comparison, group);
  }
  text +=
      fmt::format("\n{}\n", isolation_title) + wrapped(fmt::format("  {}\n", isolation_selected), columns);
  for (std::size_t n = 0; n < comparison.subjects.size(); ++n)
    text += isolation_text(comparison.subjects[n], comparison.isolation[n]);
  if (!comparison.questions.empty()) text += "\nThe quarrel, as questions\n";
  for (const Question& question : comparison.questions)
    text += wrapped(fmt::format("{}\n  {}\n", question.text, question.answer), columns);
  return text;
}

std::string comparison_csv(const Comparison& comparison) {
  std::string text = "group,id,label,unit,subject,value,selected\n";
  for (const Group& group : comparison.groups) {
    for (const Row& row : group.rows) {
      for (std::size_t n = 0; n < comparison.subjects.size(); ++n) {
        if (!row.figures[n]) continue;
        text += fmt::format("{},{},{},{},{},{},{}\n", csv_cell(group.id), csv_cell(row.id),
                            csv_cell(trimmed(row.label)), csv_cell(row.unit),
                            csv_cell(comparison.subjects[n].name), whole_figure(row, n),
                            csv_cell(group.selected));
      }
    }
  }
  for (std::size_t n = 0; n < comparison.subjects.size(); ++n) {
    const IsolationMap& map = comparison.isolation[n];
    for (std::size_t who = 0; who < map.domains.size(); ++who) {
      for (std::size_t whose = 0; whose < map.domains.size(); ++whose) {
        const auto cell = [&](std::string_view what, u64 pages) {
          text += fmt::format(
              "\"isolation\",{},{},\"pages of 4 KiB\",{},{},{}\n",
              csv_cell(fmt::format("{}.{}.{}", map.domains[who].name, map.domains[whose].name, what)),
              csv_cell(
                  fmt::format("{} {} memory of {}", map.domains[who].name, what, map.domains[whose].name)),
              csv_cell(comparison.subjects[n].name), pages, csv_cell(isolation_selected));
        };
        cell("reads", map.reach[who][whose].reads);
        cell("writes", map.reach[who][whose].writes);
      }
    }
  }
  return text;
}

std::string comparison_json(const Comparison& comparison) {
  using Json = nlohmann::ordered_json;
  Json all;
  for (std::size_t n = 0; n < comparison.subjects.size(); ++n) {
    const Subject& s = comparison.subjects[n];
    Json subject = {{"name", s.name},   {"title", s.title}, {"flags", s.flags},
                    {"begin", s.begin}, {"piece", s.piece}, {"end", s.end}};
    static constexpr const char* names[] = {"kernel", "user", "control"};
    for (unsigned part = 0; part < parts; ++part)
      subject["functions_reached"][names[part]] = comparison.surfaces[n][part].functions;
    const IsolationMap& map = comparison.isolation[n];
    Json isolation = Json::array();
    for (std::size_t who = 0; who < map.domains.size(); ++who)
      for (std::size_t whose = 0; whose < map.domains.size(); ++whose)
        isolation.push_back({{"who", map.domains[who].name},
                             {"whose", map.domains[whose].name},
                             {"pages_read", map.reach[who][whose].reads},
                             {"pages_written", map.reach[who][whose].writes}});
    subject["isolation"] = std::move(isolation);
    all["subjects"].push_back(std::move(subject));
  }
  for (const Group& group : comparison.groups) {
    Json one = {
        {"id", group.id}, {"title", group.title}, {"selected", group.selected}, {"rows", Json::array()}};
    for (const Row& row : group.rows) {
      Json figures;
      for (std::size_t n = 0; n < comparison.subjects.size(); ++n)
        figures[comparison.subjects[n].name] = row.figures[n] ? Json(*row.figures[n]) : Json();
      one["rows"].push_back({{"id", row.id},
                             {"label", trimmed(row.label)},
                             {"unit", row.unit},
                             {"figures", std::move(figures)}});
    }
    all["groups"].push_back(std::move(one));
  }
  for (const Question& question : comparison.questions)
    all["questions"].push_back({{"question", question.text}, {"answer", question.answer}});
  all["isolation_selected"] = isolation_selected;
  return all.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace ringside::compare
