// Owns which figures are compared, and the words that say what was selected.
#include "frontend/compare/comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <tuple>
#include <utility>

#include "vmx/exit_info.h"

namespace ringside::compare {
namespace {

using Figure = std::optional<double>;
using OfResult = std::function<Figure(const Result&)>;

constexpr unsigned kernel = 0, user = 1, control = 2;

class Maker {
 public:
  explicit Maker(const std::vector<Result>& results) : results_(results) {}

  Group& group(std::string id, std::string title, std::string selected) {
    heading_.clear();
    return made_.groups.emplace_back(Group{std::move(id), std::move(title), std::move(selected), {}});
  }
  // Above the next row.
  void heading(std::string text) { heading_ = std::move(text); }
  // Without any figure there is no row.
  void row(std::string id, std::string label, std::string unit, const OfResult& figure,
           unsigned decimals = 0) {
    Row row{std::move(id), std::exchange(heading_, {}), std::move(label), std::move(unit), {}, decimals};
    bool any = false;
    for (const Result& result : results_) any |= row.figures.emplace_back(figure(result)).has_value();
    if (!any) {
      heading_ = std::move(row.heading);
      return;
    }
    made_.groups.back().rows.push_back(std::move(row));
  }
  // The smallest number that at least this part of all, sorted, is not above.
  template <class Values>
  static Figure quantile(const Values& sorted, double part) {
    if (sorted.empty()) return {};
    const auto last = static_cast<double>(sorted.size() - 1);
    return static_cast<double>(sorted[static_cast<std::size_t>(last * part)]);
  }
  template <class Values>
  void median_and_worst(const std::string& id, const std::string& label, const std::string& unit,
                        const std::function<Values(const Result&)>& values) {
    const auto sorted = [&](const Result& result) {
      Values all = values(result);
      std::sort(all.begin(), all.end());
      return all;
    };
    row(id + ".median", label + ", median", unit, [&](const Result& r) { return quantile(sorted(r), 0.5); });
    row(id + ".worst", label + ", worst", unit, [&](const Result& r) { return quantile(sorted(r), 1); });
  }

  Comparison take() { return std::move(made_); }
  Comparison& made() { return made_; }
  const std::vector<Result>& results() const { return results_; }

 private:
  const std::vector<Result>& results_;
  Comparison made_;
  std::string heading_;
};

using Numbers = std::vector<u64>;

Numbers of_costs(const Result& result, const std::function<u64(const ExitCost&)>& number) {
  Numbers all;
  for (const ExitCost& cost : result.once.measured.costs) all.push_back(number(cost));
  return all;
}

const Piece* find(const Measured& measured, const std::string& name) {
  const auto piece = std::find_if(measured.pieces.begin(), measured.pieces.end(),
                                  [&](const Piece& one) { return one.name == name; });
  return piece == measured.pieces.end() ? nullptr : &*piece;
}

u64 outside(const Piece& piece) { return piece.part[kernel] + piece.part[user] + piece.part[control]; }

// What a unit of a piece of work takes.
Figure unit_cost(const Result& result, const std::string& name,
                 const std::function<u64(const Piece&)>& number) {
  const Piece* const once = find(result.once.measured, name);
  if (!once) return {};
  const Piece* const often = result.often ? find(result.often->measured, name) : nullptr;
  if (!often || often->units <= once->units)
    return static_cast<double>(number(*once)) / static_cast<double>(once->units);
  const double more = static_cast<double>(number(*often)) - static_cast<double>(number(*once));
  const double each = more / static_cast<double>(often->units - once->units);
  constexpr double shown = 0.05;  // less is shown as nothing, without a sign
  return std::abs(each) < shown ? 0 : each;
}

void add_work(Maker& maker) {
  maker.group(
      "work", "One unit of work",
      fmt::format(
          "The guest's own workloads, one after the other. Each figure is the difference between a run "
          "in which the guest does each {} times and one in which it does it once, divided by the units "
          "between them, so that preparations fall out; where a subject cannot repeat its work, it is "
          "the piece of work divided by its units. A world switch is a VM entry, a VM exit, a change "
          "between CPL 3 and less in root operation, or other page tables there. What an operating system "
          "does "
          "besides is in both runs, and need not be the same: small differences, below 0 too, come of that.",
          often_times));
  std::vector<std::pair<std::string, std::string>> names;
  for (const Result& result : maker.results()) {
    for (const Piece& piece : result.once.measured.pieces) {
      if (std::none_of(names.begin(), names.end(),
                       [&](const auto& name) { return name.first == piece.name; }))
        names.emplace_back(piece.name, piece.units_are);
    }
  }
  const std::tuple<const char*, const char*, std::function<u64(const Piece&)>> rows[] = {
      {"exits", "VM exits", [](const Piece& p) { return p.exits + p.control_exits; }},
      {"switches", "world switches", [](const Piece& p) { return p.switches.all(); }},
      {"kernel", "instructions in root, CPL 0", [](const Piece& p) { return p.part[kernel]; }},
      {"user", "instructions in root, CPL 3", [](const Piece& p) { return p.part[user]; }},
      {"control", "instr. of a trusted guest", [](const Piece& p) { return p.part[control]; }},
      {"guest", "instructions of the guest", [](const Piece& p) { return p.guest; }}};
  for (const auto& [name, units] : names) {
    maker.heading(units.empty() ? name : fmt::format("{}: {}", name, units));
    for (const auto& [id, label, number] : rows) {
      maker.row(
          fmt::format("{}.{}", name, id), fmt::format("  {}", label),
          fmt::format("of {}", units.empty() ? "the piece" : units),
          [&, &name = name, &id = id, &number = number](const Result& r) -> Figure {
            if (std::string_view(id) == "control" && r.subject.control_cpus == 0) return {};
            return unit_cost(r, name, number);
          },
          1);
    }
  }
}

// What the work takes without a feature, beside the subject that has it.
void add_features(Maker& maker) {
  const std::vector<Result>& results = maker.results();
  const auto other = [&](const Result& result) -> const Result* {
    const auto found = std::find_if(results.begin(), results.end(), [&](const Result& one) {
      return !result.subject.instead_of.empty() && one.subject.name == result.subject.instead_of;
    });
    return found == results.end() ? nullptr : &*found;
  };
  std::string pairs;
  std::vector<std::string> names;
  for (const Result& result : results) {
    const Result* const base = other(result);
    if (!base) continue;
    pairs += fmt::format("{}{} of {}", pairs.empty() ? "" : ", ", result.subject.name, base->subject.name);
    for (const Piece& piece : result.once.measured.pieces) {
      if (std::find(names.begin(), names.end(), piece.name) == names.end()) names.push_back(piece.name);
    }
  }
  if (pairs.empty()) return;
  maker.group(
      "features", "Cost of a feature",
      fmt::format(
          "What a unit of work takes where a feature is not used, in percent of what it takes where it is: "
          "{}. Both as above; a unit that takes nothing with the feature has no such figure.",
          pairs));
  const std::tuple<const char*, const char*, std::function<u64(const Piece&)>> rows[] = {
      {"exits", "VM exits", [](const Piece& p) { return p.exits + p.control_exits; }},
      {"outside", "instr. outside the guest", outside}};
  for (const std::string& name : names) {
    maker.heading(name);
    for (const auto& [id, label, number] : rows) {
      maker.row(fmt::format("{}.{}", name, id), fmt::format("  {}", label), "% of the other's",
                [&, &number = number](const Result& r) -> Figure {
                  const Result* const base = other(r);
                  if (!base) return {};
                  const Figure with = unit_cost(*base, name, number), without = unit_cost(r, name, number);
                  if (!with || !without || *with < 1) return {};
                  return 100 * *without / *with;
                });
    }
  }
}

void add_exit(Maker& maker) {
  maker.group(
      "exit", "One VM exit",
      "All VM exits of the measured guest while it does its work once, whatever their reason; a trusted "
      "guest's "
      "are not among them. From the exit to the next VM entry on that CPU, of whatever guest: instructions "
      "in "
      "VMX root operation, and the pages of 4 KiB and cache lines of 64 bytes that they lie in and that they "
      "access, without what page walks and VMX itself read. CPL 0 and CPL 3 say in which privilege.");
  maker.row("exits", "VM exits", "exits",
            [](const Result& r) { return static_cast<double>(r.once.measured.costs.size()); });
  const auto add = [&](const std::string& id, const std::string& label, const std::string& unit,
                       const std::function<u64(const ExitCost&)>& number) {
    maker.median_and_worst<Numbers>(id, label, unit, [&](const Result& r) { return of_costs(r, number); });
  };
  add("instructions", "instructions", "instructions", [](const ExitCost& c) { return u64{c.all()}; });
  add("instructions.kernel", "  at CPL 0", "instructions",
      [](const ExitCost& c) { return u64{c.instructions[kernel]}; });
  add("instructions.user", "  at CPL 3", "instructions",
      [](const ExitCost& c) { return u64{c.instructions[user]}; });
  add("pages.kernel", "pages, CPL 0", "pages", [](const ExitCost& c) { return u64{c.pages[kernel]}; });
  add("pages.user", "pages, CPL 3", "pages", [](const ExitCost& c) { return u64{c.pages[user]}; });
  add("lines.kernel", "cache lines, CPL 0", "lines", [](const ExitCost& c) { return u64{c.lines[kernel]}; });
  add("lines.user", "cache lines, CPL 3", "lines", [](const ExitCost& c) { return u64{c.lines[user]}; });
  maker.row(
      "to_user", "exits handled with CPL 3", "%",
      [](const Result& r) -> Figure {
        const auto& costs = r.once.measured.costs;
        if (costs.empty()) return {};
        const auto count = std::count_if(costs.begin(), costs.end(),
                                         [](const ExitCost& c) { return c.instructions[user] > 0; });
        return 100.0 * static_cast<double>(count) / static_cast<double>(costs.size());
      },
      1);
}

void add_reasons(Maker& maker) {
  maker.group(
      "reasons", "VM exits by reason",
      "The same exits by the manual's basic exit reasons; what one of them takes, in instructions of root "
      "operation until the next VM entry.");
  std::map<ExitReason, u64> all;
  for (const Result& result : maker.results())
    for (const ExitCost& cost : result.once.measured.costs) ++all[cost.reason];
  std::vector<std::pair<u64, ExitReason>> order;
  for (const auto& [reason, count] : all) order.emplace_back(count, reason);
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return std::pair(b.first, a.second) < std::pair(a.first, b.second);
  });
  for (const auto& [count, reason] : order) {
    const std::string id = fmt::format("{}", static_cast<unsigned>(reason)), label(name(reason));
    const auto of_reason = [reason = reason](const Result& r) {
      Numbers numbers;
      for (const ExitCost& cost : r.once.measured.costs)
        if (cost.reason == reason) numbers.push_back(cost.all());
      std::sort(numbers.begin(), numbers.end());
      return numbers;
    };
    maker.heading(label);
    maker.row(id + ".exits", "  exits", "exits",
              [&](const Result& r) { return static_cast<double>(of_reason(r).size()); });
    maker.row(id + ".median", "  instructions, median", "instructions",
              [&](const Result& r) { return Maker::quantile(of_reason(r), 0.5); });
    maker.row(id + ".worst", "  instructions, worst", "instructions",
              [&](const Result& r) { return Maker::quantile(of_reason(r), 1); });
  }
}

void add_causes(Maker& maker) {
  constexpr std::size_t most = 16;
  maker.group(
      "causes", "VM exits by the guest's cause",
      fmt::format("The same exits by what the guest did, and in which of its functions where its symbols are "
                  "known: the {} causes that are most frequent, all subjects together.",
                  most));
  const auto words = [](const Result& result, const ExitCause& cause) {
    const auto function = result.guest_functions.find(cause.rip);
    std::string text(name(cause.reason));
    if (!cause.detail.empty()) text += ", " + cause.detail;
    if (function != result.guest_functions.end() && !function->second.empty())
      text += ": " + function->second;
    return text;
  };
  std::map<std::string, u64> all;
  std::vector<std::map<std::string, u64>> each;
  for (const Result& result : maker.results()) {
    auto& own = each.emplace_back();
    for (const auto& [cause, count] : result.once.measured.causes) {
      own[words(result, cause)] += count;
      all[words(result, cause)] += count;
    }
  }
  std::vector<std::pair<u64, std::string>> order;
  for (const auto& [text, count] : all) order.emplace_back(count, text);
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return std::pair(b.first, a.second) < std::pair(a.first, b.second);
  });
  if (order.size() > most) order.resize(most);
  for (const auto& [count, text] : order) {
    std::size_t n = 0;
    maker.heading(text);
    maker.row(text, "  exits", "exits", [&, &text = text](const Result&) {
      const auto own = each[n].find(text);
      const double value = own == each[n].end() ? 0 : static_cast<double>(own->second);
      ++n;
      return Figure(value);
    });
  }
}

void add_time(Maker& maker) {
  maker.group("time", "Whose instructions",
              "Of all instructions from the first to the last mark of the run in which the guest does its "
              "work once; a "
              "CPU that sleeps runs none.");
  const auto share = [](const Result& r, const std::function<u64(const Piece&)>& number) -> Figure {
    u64 part = 0, all = 0;
    for (const Piece& piece : r.once.measured.pieces) {
      part += number(piece);
      all += piece.guest + outside(piece);
    }
    if (all == 0) return {};
    return 100.0 * static_cast<double>(part) / static_cast<double>(all);
  };
  maker.row("all", "instructions", "instructions", [](const Result& r) {
    u64 all = 0;
    for (const Piece& piece : r.once.measured.pieces) all += piece.guest + outside(piece);
    return static_cast<double>(all);
  });
  maker.row(
      "guest", "the guest's", "%",
      [&](const Result& r) {
        // A guest that is never entered runs in root operation, and cannot be told apart there.
        const Figure figure = share(r, [](const Piece& p) { return p.guest; });
        return figure == 0.0 ? Figure() : figure;
      },
      1);
  maker.row(
      "kernel", "root operation, CPL 0", "%",
      [&](const Result& r) { return share(r, [](const Piece& p) { return p.part[kernel]; }); }, 1);
  maker.row(
      "user", "root operation, CPL 3", "%",
      [&](const Result& r) { return share(r, [](const Piece& p) { return p.part[user]; }); }, 1);
  maker.row(
      "control", "a trusted guest's", "%",
      [&](const Result& r) { return share(r, [](const Piece& p) { return p.part[control]; }); }, 1);
}

void add_latency(Maker& maker) {
  maker.group(
      "latency", "Interrupt latency",
      "From the instruction at which an interrupt is first asserted to a CPU until the first of the measured "
      "guest's handler that runs then, in instructions of whatever runs between them on all CPUs, while the "
      "guest "
      "does its work once.");
  maker.row("samples", "interrupts", "interrupts",
            [](const Result& r) { return static_cast<double>(r.once.measured.latencies.size()); });
  maker.median_and_worst<Numbers>("latency", "latency", "instructions",
                                  [](const Result& r) { return r.once.measured.latencies; });
}

void add_surface(Maker& maker) {
  maker.group(
      "surface", "Attack surface and trusted base",
      "What of the hypervisor ran between the first and the last mark while the guest did its work "
      "once: code "
      "that the guest reached, by functions with a symbol, by source lines, and by bytes in cache "
      "lines of 64. "
      "The base is all of that program that has lines, reached or not. What may run at CPL 0 is the RAM that "
      "the hypervisor's page tables let run there when the work is done.");
  static constexpr const char* names[] = {"In root operation at CPL 0", "In root operation at CPL 3",
                                          "In a trusted guest"};
  for (unsigned part = 0; part < parts; ++part) {
    const std::string where = names[part], id = part == kernel ? "kernel" : part == user ? "user" : "control";
    const auto of = [part](const std::function<Figure(const Surface&)>& figure) {
      return [part, figure](const Result& r) {
        return r.surfaces[part].bytes ? figure(r.surfaces[part]) : Figure();
      };
    };
    maker.heading(where);
    maker.row(id + ".functions", "  functions reached", "functions", of([](const Surface& s) {
                return s.named ? Figure(static_cast<double>(s.functions.size())) : Figure();
              }));
    maker.row(id + ".functions.all", "    of so many in the base", "functions", of([](const Surface& s) {
                return s.lined ? Figure(static_cast<double>(s.all_functions)) : Figure();
              }));
    maker.row(id + ".lines", "  lines reached", "lines",
              of([](const Surface& s) { return s.lined ? Figure(static_cast<double>(s.lines)) : Figure(); }));
    maker.row(id + ".lines.all", "    of so many in the base", "lines", of([](const Surface& s) {
                return s.lined ? Figure(static_cast<double>(s.all_lines)) : Figure();
              }));
    maker.row(id + ".bytes", "  code reached", "bytes",
              of([](const Surface& s) { return Figure(static_cast<double>(s.bytes)); }));
  }
  maker.heading("");
  maker.row("executable", "RAM that may run at CPL 0", "KiB", [](const Result& r) {
    constexpr double page_kib = 4;
    return page_kib * static_cast<double>(r.once.isolation.executable);
  });
}

}  // namespace

Comparison compare(const std::vector<Result>& results) {
  Maker maker(results);
  add_work(maker);
  add_features(maker);
  add_exit(maker);
  add_reasons(maker);
  add_causes(maker);
  add_time(maker);
  add_latency(maker);
  add_surface(maker);
  Comparison made = maker.take();
  for (const Result& result : results) {
    made.subjects.push_back(result.subject);
    std::vector<u32>& costs = made.costs.emplace_back();
    for (const ExitCost& cost : result.once.measured.costs) costs.push_back(cost.all());
    std::sort(costs.begin(), costs.end());
    made.isolation.push_back(result.once.isolation);
    made.surfaces.push_back(result.surfaces);
  }
  add_questions(made);
  return made;
}

}  // namespace ringside::compare
