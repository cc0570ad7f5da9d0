// Owns coverage of VMX as values: adding up, text, JSON and a page for a browser.
#include "frontend/coverage/vmx_coverage.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "frontend/inspect/json_value.h"

namespace ringside {
namespace {

constexpr int format_version = 1;

u64 count_if(const VmxCoverage::Group& group, bool (*of)(const VmxCoverage::Item&)) {
  return static_cast<u64>(std::count_if(group.items.begin(), group.items.end(), of));
}

// "3 of 5 exit reasons were met."; what the models lack and was not met is not counted.
std::string closing(const VmxCoverage::Group& group) {
  return fmt::format("{} of {} {}.", group.met_count(), group.offered_count(), group.met);
}

void add(VmxCoverage::Group& all, const VmxCoverage::Group& more) {
  for (const VmxCoverage::Item& item : more.items) {
    const auto same = std::find_if(all.items.begin(), all.items.end(),
                                   [&](const VmxCoverage::Item& i) { return i.id == item.id; });
    if (same == all.items.end()) {
      all.items.push_back(item);
      continue;
    }
    same->count += item.count;
    same->offered |= item.offered;
  }
}

std::string joined(const std::vector<std::string>& words) {
  std::string all;
  for (const std::string& word : words) all += (all.empty() ? "" : ", ") + word;
  return all;
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '&') {
      out += "&amp;";
    } else {
      out += c;
    }
  }
  return out;
}

// Met: blue with a tick; open: orange with a circle; beyond the model: grey. So colours are not all there is.
constexpr std::string_view page_head = R"(<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Coverage of VMX</title>
<style>
:root { color-scheme: light dark; --met: #0a5fa5; --open: #a34a00; --none: #777; --bar: #8884; }
@media (prefers-color-scheme: dark) { :root { --met: #6db3f2; --open: #ffae6b; --none: #999; } }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 60em; padding: 0 1em; }
h1 { font-size: 1.4em; } summary { font-weight: 600; padding: .4em 0; cursor: pointer; }
meter { width: 12em; vertical-align: middle; } td { padding: .1em .8em .1em 0; }
td.n { text-align: right; font-variant-numeric: tabular-nums; } td.id { font-family: ui-monospace, monospace; }
.met { color: var(--met); } .open { color: var(--open); } .none { color: var(--none); }
</style></head><body>
<h1>Coverage of VMX</h1>
)";

}  // namespace

u64 VmxCoverage::Group::met_count() const {
  return count_if(*this, [](const Item& i) { return i.count != 0; });
}
u64 VmxCoverage::Group::offered_count() const {
  return count_if(*this, [](const Item& i) { return i.offered || i.count != 0; });
}

void add(VmxCoverage& all, const VmxCoverage& more) {
  all.runs += more.runs;
  all.models.insert(all.models.end(), more.models.begin(), more.models.end());
  std::sort(all.models.begin(), all.models.end());
  all.models.erase(std::unique(all.models.begin(), all.models.end()), all.models.end());
  for (const VmxCoverage::Group& group : more.groups) {
    const auto same = std::find_if(all.groups.begin(), all.groups.end(),
                                   [&](const VmxCoverage::Group& g) { return g.id == group.id; });
    if (same == all.groups.end())
      all.groups.push_back(group);
    else
      add(*same, group);
  }
}

std::string vmx_coverage_text(const VmxCoverage& coverage) {
  std::string text;
  for (const VmxCoverage::Group& group : coverage.groups) {
    text += fmt::format("{}{}:\n", text.empty() ? "" : "\n", group.title);
    std::size_t widest = 0;
    for (const VmxCoverage::Item& item : group.items)
      if (!item.title.empty()) widest = std::max(widest, item.id.size());
    for (const VmxCoverage::Item& item : group.items) {
      const std::string count =
          item.count == 0 && !item.offered ? "not offered" : fmt::format("{}", item.count);
      if (item.title.empty())
        text += fmt::format("{:>12}  {}\n", count, item.id);
      else if (widest <= 3)
        text += fmt::format("{:>12}  {:>3}  {}\n", count, item.id, item.title);
      else
        text += fmt::format("{:>12}  {}\n", count, item.title);
    }
    text += closing(group) + "\n";
  }
  if (coverage.runs != 1)
    text += fmt::format("\n{} runs, CPU models: {}.\n", coverage.runs, joined(coverage.models));
  return text;
}

std::string vmx_coverage_json(const VmxCoverage& coverage) {
  Json models = Json::array(), groups = Json::array();
  for (const std::string& model : coverage.models) models.push_back(model);
  for (const VmxCoverage::Group& group : coverage.groups) {
    Json items = Json::array();
    for (const VmxCoverage::Item& item : group.items)
      items.push_back(
          Json{{"id", item.id}, {"title", item.title}, {"count", item.count}, {"offered", item.offered}});
    groups.push_back(
        Json{{"id", group.id}, {"title", group.title}, {"met", group.met}, {"items", std::move(items)}});
  }
  return Json{{"vmx_coverage", format_version},
              {"models", std::move(models)},
              {"runs", coverage.runs},
              {"groups", std::move(groups)}}
             .dump() +
         "\n";
}

bool read_vmx_coverage(std::string_view json, VmxCoverage& coverage, std::string& error) {
  try {
    const nlohmann::json whole = nlohmann::json::parse(json);
    if (!whole.is_object() || !whole.contains("vmx_coverage")) {
      error = "it is JSON, but not that of --vmx-coverage";
      return false;
    }
    if (whole["vmx_coverage"] != format_version) {
      error = "it comes of another version of Ringside";
      return false;
    }
    coverage = VmxCoverage();
    coverage.models = whole.at("models").get<std::vector<std::string>>();
    coverage.runs = whole.at("runs").get<u64>();
    for (const nlohmann::json& g : whole.at("groups")) {
      VmxCoverage::Group group{g.at("id"), g.at("title"), g.at("met"), {}};
      for (const nlohmann::json& i : g.at("items"))
        group.items.push_back({i.at("id"), i.at("title"), i.at("count"), i.at("offered")});
      coverage.groups.push_back(std::move(group));
    }
    return true;
  } catch (const nlohmann::json::parse_error& problem) {
    error = fmt::format("it is no JSON: byte {} is wrong", problem.byte);
  } catch (const nlohmann::json::exception&) {
    error = "a member is missing, or of another kind";
  }
  return false;
}

std::string vmx_coverage_html(const VmxCoverage& coverage) {
  std::string page(page_head);
  page += fmt::format("<p>{} run{}; CPU models: {}.</p>\n", coverage.runs, coverage.runs == 1 ? "" : "s",
                      escaped(joined(coverage.models)));
  for (const VmxCoverage::Group& group : coverage.groups) {
    page += fmt::format(
        "<details open><summary>{}: <meter min=\"0\" max=\"{}\" value=\"{}\"></meter> "
        "{}</summary>\n<table>\n",
        escaped(group.title), std::max<u64>(1, group.offered_count()), group.met_count(),
        escaped(closing(group)));
    for (const VmxCoverage::Item& item : group.items) {
      const std::string_view kind = item.count ? "met" : item.offered ? "open" : "none";
      const std::string_view mark = item.count ? "\u2713" : item.offered ? "\u25cb" : "\u2013";
      page += fmt::format(
          "<tr class=\"{}\"><td>{}</td><td class=\"n\">{}</td><td class=\"id\">{}</td><td>{}</td></tr>\n",
          kind, mark, item.count || item.offered ? fmt::format("{}", item.count) : "not offered",
          escaped(item.id), escaped(item.title));
    }
    page += "</table></details>\n";
  }
  return page + "</body></html>\n";
}

std::string vmx_coverage_for(std::string_view path, const VmxCoverage& coverage) {
  if (path.ends_with(".json")) return vmx_coverage_json(coverage);
  if (path.ends_with(".html")) return vmx_coverage_html(coverage);
  return vmx_coverage_text(coverage);
}

}  // namespace ringside
