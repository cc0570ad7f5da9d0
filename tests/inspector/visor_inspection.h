// Owns the machine of the inspector's tests: the visor, its inspection, and whoever drives both.
#pragma once

#include "frontend/inspector/inspection.h"
#include "frontend/render/sheet_text.h"
#include "tests/debug/past_prompt.h"
#include "tests/debug/visor_machine.h"

namespace ringside {

struct VisorInspection : VisorMachine {
  std::shared_ptr<Exchange> exchange = std::make_shared<Exchange>();
  Debugger debugger{*machine};
  Inspection inspection{debugger, symbols, exchange};
  u64 printed_to = 0;
  std::unique_ptr<Timeline> timeline;

  using VisorMachine::VisorMachine;

  void keep_past(double seconds_between = 0.1) {
    std::string error;
    Timeline::Plan plan = plan_of(*machine);
    plan.seconds_between = seconds_between;
    timeline = Timeline::create(*machine, plan, error);
    REQUIRE_MESSAGE(timeline, error);
    debugger.use_timeline(timeline.get());
  }
  // To its first EPT violation, which is the 34th exit, with checkpoints on the way.
  void into_the_past() {
    keep_past();
    exchange->set_open(true);
    ask({});
    command("catch ept");
    exchange->order({Order::Kind::run});
    serve();
  }
  void loop_for_ever() {
    constexpr u8 jump_to_itself[] = {0xeb, 0xfe};
    debugger.write({AddressSpace::host_physical, 0x50000}, jump_to_itself);
    command("set rip = 0x50000");
  }
  const PastSeen& past() const { return exchange->answer()->past; }

  using Stands = Inspection::Stands;
  using Wish = Inspection::Wish;

  // As a driver does it: orders are carried out, and while one says so the machine runs to its next stop.
  void serve() {
    if (inspection.serve(Stands::still) != Wish::run) return;
    for (unsigned n = 0; n < 1000 && !inspection.stopped(); ++n) {
      if (inspection.run(10'000).why != Ending::Why::running) inspection.tell_stop();
    }
    inspection.serve(Stands::still);
  }
  void command(const std::string& line) {
    exchange->order({Order::Kind::command, line});
    serve();
  }
  void ask(std::initializer_list<View> views) {
    Asked asked = exchange->asked();
    asked.views.reset();
    for (const View view : views) asked.want(view);
    exchange->ask(asked);
    serve();
  }
  // The sheet of a view as text; empty: it was not asked for.
  std::string shown(View view) {
    const auto answer = exchange->answer();
    REQUIRE(answer);
    return answer->sheet(view) ? text(*answer->sheet(view)) : std::string();
  }
  std::string printed() {
    std::string all;
    for (const std::string& line : exchange->printed(printed_to)) all += line + "\n";
    return all;
  }
};

}  // namespace ringside
