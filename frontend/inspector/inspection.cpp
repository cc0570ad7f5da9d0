// Owns the doing of orders and the answering of questions.
#include "frontend/inspector/inspection.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "frontend/inspector/views.h"

namespace ringside {
namespace {

// While the machine runs.
constexpr double answer_every = 0.1;     // seconds of the host
constexpr unsigned told_at_length = 64;  // VM exits between two answers
constexpr std::size_t most_stops = 16;
constexpr unsigned time_parts = 400;
// So many are run while somebody drags the time line; further on it shows the checkpoint before.
constexpr u64 dragged_instructions = 1'000'000;

bool continues(std::string_view line) {
  const std::string_view word = trimmed(line);
  return word == "continue" || word == "c" || word == "cont";
}

}  // namespace

Inspection::Inspection(Debugger& debugger, Symbols& symbols, std::shared_ptr<Exchange> exchange)
    : debugger_(debugger),
      symbols_(symbols),
      exchange_(std::move(exchange)),
      commands_(debugger, symbols,
                [this](std::string_view text) {
                  if (reading_)
                    complaint_ = trimmed(text.substr(0, text.find('\n')));
                  else
                    exchange_->print(text);
                }),
      exits_(&symbols, &debugger.writers()) {
  commands_.on_stop([this](const Stop& stop) { tell_stop(stop); });
  retired_ = debugger_.machine().retired();
}

void Inspection::tell_stop(const Stop& stop) {
  stop_ = stop;
  stopped_ = ran_ = true;
  ++news_;
  const bool marked = stop.kind == Stop::Kind::breakpoint || stop.kind == Stop::Kind::watchpoint ||
                      stop.kind == Stop::Kind::event;
  if (!marked) return;
  const u64 here = debugger_.machine().retired();
  if (std::find(stops_.begin(), stops_.end(), here) != stops_.end()) return;
  stops_.push_back(here);
  if (stops_.size() > most_stops) stops_.pop_front();
}

// Also of a machine that was started again.
bool Inspection::moved() {
  const u64 now = debugger_.machine().retired();
  if (std::exchange(retired_, now) == now) return false;
  ++moment_;
  ++news_;
  return true;
}

Inspection::Wish Inspection::serve(Stands stands) {
  const bool open = exchange_->open();
  if (!open && std::exchange(opened_, false)) exits_.detach();
  if (open && !opened_) exits_.attach(debugger_.machine());
  Wish wish = Wish::nothing;
  if (stands == Stands::within) {
    while (const auto order = exchange_->take_order(Order::Kind::breakpoint))
      toggle_breakpoint(order->address);
    if (exchange_->take_order(Order::Kind::stop)) {
      debugger_.interrupt();
      wish = Wish::stop;
    }
    // Whoever wants to go elsewhere does not wait for what runs.
    if (exchange_->next_is(Order::Kind::travel) && !std::exchange(broken_off_, true)) debugger_.interrupt();
  } else {
    while (wish == Wish::nothing) {
      const auto order = exchange_->take_order();
      if (!order) break;
      wish = act(*order);
      ++news_;
    }
  }
  if (wish == Wish::run) stopped_ = false;
  if (open) answer(stands);
  return wish;
}

Inspection::Wish Inspection::act(const Order& order) {
  broken_off_ = dragged_ = false;
  switch (order.kind) {
    case Order::Kind::run: return Wish::run;
    case Order::Kind::stop:
      tell_stop({Stop::Kind::interrupted, debugger_.selected(), 0, false, "stopped"});
      return Wish::stop;
    case Order::Kind::breakpoint: toggle_breakpoint(order.address); return Wish::nothing;
    case Order::Kind::command: return command(order.line);
    case Order::Kind::travel: return travel(order);
  }
  return Wish::nothing;
}

Inspection::Wish Inspection::command(const std::string& line) {
  exchange_->print(fmt::format("(ringside) {}\n", line));
  if (continues(line)) return Wish::run;
  ran_ = false;
  const Commands::Result result = commands_.execute(line);
  if (result == Commands::Result::quit) return Wish::quit;
  // What it let run has come to a stop, and stands until somebody wants it to go on.
  return ran_ ? Wish::stop : Wish::nothing;
}

Inspection::Wish Inspection::travel(const Order& order) {
  const Timeline* const past = debugger_.timeline();
  if (!past) return Wish::nothing;
  u64 count = std::clamp(order.address, past->begin(), past->end().retired);
  // What is typed for it is told, so that it can be typed again.
  if (order.settled) return command(fmt::format("goto {}", count));
  dragged_ = true;
  const u64 here = debugger_.machine().retired();
  u64 before = here <= count ? here : past->begin();
  for (const u64 checkpoint : past->checkpoint_counts())
    if (checkpoint <= count) before = std::max(before, checkpoint);
  if (count - before > dragged_instructions) count = before;
  tell_stop(debugger_.go_to(count));
  return Wish::stop;
}

PastSeen Inspection::past(const Asked& asked) const {
  PastSeen seen;
  const Timeline* const past = debugger_.timeline();
  if (!past) return seen;
  seen.checkpoints = past->checkpoint_counts();
  seen.kept = !seen.checkpoints.empty();
  seen.in_it = past->in_past();
  seen.begin = past->begin();
  seen.end = std::max(past->end().retired, debugger_.machine().retired());
  for (const u64 count : stops_)
    if (count >= seen.begin && count <= seen.end) seen.stops.push_back(count);
  seen.bookmarks = debugger_.bookmarks();
  const bool all = asked.time_to <= asked.time_from;
  seen.exits_from = all ? seen.begin : asked.time_from;
  seen.exits_to = all ? seen.end : asked.time_to;
  seen.exits = debugger_.exits_over(seen.exits_from, seen.exits_to, time_parts);
  return seen;
}

void Inspection::toggle_breakpoint(u64 address) {
  ++news_;
  for (const Breakpoint& one : debugger_.breakpoints()) {
    if (one.kind != Breakpoint::Kind::execute || one.at.space != AddressSpace::linear ||
        one.at.value != address)
      continue;
    exchange_->print(fmt::format("breakpoint {} deleted\n", one.id));
    debugger_.remove(one.id);
    return;
  }
  Breakpoint point;
  point.at.value = address;
  point.text = fmt::format("{:#x}", address);
  const unsigned id = debugger_.add(std::move(point));
  exchange_->print(fmt::format("breakpoint {}: {}\n", id, describe(*debugger_.find(id))));
}

Ending Inspection::run(u64 instructions) {
  const Machine& machine = debugger_.machine();
  stopped_ = false;
  const Stop stop = debugger_.run(instructions);
  switch (stop.kind) {
    case Stop::Kind::limit:
    case Stop::Kind::interrupted: break;
    case Stop::Kind::ended:
      // Whoever runs it knows whether that is the end; an idle machine waits for input.
      if (machine.ending().why == Ending::Why::running) return {Ending::Why::idle, 0, stop.text};
      return machine.ending();
    case Stop::Kind::beginning:
    case Stop::Kind::step:
    case Stop::Kind::breakpoint:
    case Stop::Kind::watchpoint:
    case Stop::Kind::event:
      commands_.show(stop);
      commands_.stopped(stop);
      break;
  }
  return {};
}

void Inspection::answer(Stands stands) {
  Asked asked = exchange_->asked();
  moved();
  const auto now = HostClock::now();
  const bool fresh = !std::exchange(opened_, true);
  const double since = std::chrono::duration<double>(now - answered_at_).count();
  const bool asks = !(asked == asked_), turned = (stands == Stands::still) != (answered_as_ == Stands::still);
  const bool due = stands == Stands::still || since >= answer_every;
  // They may be given at the debugger's console, too.
  const bool named = last_ && last_->past.bookmarks != debugger_.bookmarks();
  if (!fresh && !turned && !(due && (asks || named || news_ != answered_))) return;
  Machine& machine = debugger_.machine();
  exits_.attach(machine);
  exits_.tell_at_length(told_at_length);

  auto made = std::make_shared<Answered>();
  const Stop here = debugger_.here();
  made->running = stands != Stands::still;
  made->ended = here.kind == Stop::Kind::ended;
  made->where = here.where;
  made->why = made->ended ? here.text : made->running ? std::string() : stop_.text;
  made->cpu = debugger_.selected();
  made->cpus = machine.cpus();
  made->instructions = machine.retired();
  made->seconds = machine.seconds();
  made->exits = exits_.seen();
  made->past = past(asked);
  made->past.passing = stands == Stands::within && last_ && machine.repeating();
  asked_ = asked;
  for (const ViewInfo& row : view_table()) {
    const auto view = static_cast<std::size_t>(row.view);
    if (asked.wants(row.view))
      made->sheets[view] = made->past.passing ? last_->sheets[view] : look(row.view, asked);
  }
  made->asked = std::move(asked);
  answered_ = news_;
  answered_as_ = stands;
  answered_at_ = now;
  last_ = made;
  exchange_->give(std::move(made));
}

std::shared_ptr<const Sheet> Inspection::look(View view, const Asked& asked) {
  const ViewInfo& row = info(view);
  Looking looking{debugger_, symbols_, commands_, exits_, asked, code_from_, complaint_};
  reading_ = true;
  Sheet sheet = row.look(looking);
  reading_ = false;
  if (!row.marks) return std::make_shared<const Sheet>(std::move(sheet));
  Shown& shown = shown_[static_cast<std::size_t>(view)];
  const std::string about = fmt::format("{} {}", debugger_.selected(), row.about ? row.about(asked) : "");
  if (shown.moment == 0 || shown.about != about) {
    shown.compared = false;
  } else if (shown.moment != moment_) {
    shown.before = std::move(shown.now);
    shown.compared = true;
  }
  shown.now = std::move(sheet);
  shown.moment = moment_;
  shown.about = about;
  Sheet marked = shown.now;
  if (shown.compared) mark_changes(marked, shown.before);
  return std::make_shared<const Sheet>(std::move(marked));
}

}  // namespace ringside
