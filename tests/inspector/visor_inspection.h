// Owns the machine of the inspector's tests: the visor, its inspection, and whoever drives both.
#pragma once

#include "frontend/inspector/inspection.h"
#include "frontend/render/sheet_text.h"
#include "tests/debug/visor_machine.h"

namespace ringside {

struct VisorInspection : VisorMachine {
  std::shared_ptr<Exchange> exchange = std::make_shared<Exchange>();
  Debugger debugger{*machine};
  Inspection inspection{debugger, symbols, exchange};
  u64 printed_to = 0;

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
