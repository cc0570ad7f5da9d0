// Owns the tests of the inspector's side on the machine's thread: questions, answers, orders.
#include <algorithm>
#include <atomic>
#include <fstream>
#include <iterator>
#include <numeric>
#include <thread>

#include "frontend/inspector/actions.h"
#include "frontend/inspector/views.h"
#include "tests/inspector/visor_inspection.h"

namespace ringside {
namespace {

const Cell* cell(const Sheet& sheet, std::string_view row, std::string_view name) {
  const Row* const found = sheet.find(row);
  return found ? found->find(name) : nullptr;
}

bool any_changed(const Sheet& sheet) {
  for (const Section& section : sheet.sections)
    for (const Row& row : section.rows)
      if (std::any_of(row.cells.begin(), row.cells.end(), [](const Cell& c) { return c.changed; }))
        return true;
  return false;
}

TEST_CASE("nothing is answered while nobody looks, and then what is asked for") {
  VisorInspection v;
  v.ask({View::registers});
  CHECK_FALSE(v.exchange->answer());
  CHECK_FALSE(Inspection::wanted(*v.exchange));
  v.exchange->set_open(true);
  CHECK(Inspection::wanted(*v.exchange));
  v.ask({View::registers, View::code});
  CHECK(has(v.shown(View::registers), "RIP"));
  CHECK(has(v.shown(View::code), "jmp"));
  CHECK(v.shown(View::vmcs).empty());
  CHECK(has(v.exchange->answer()->where, "CPU 0"));
  // The same question at the same stop has been answered.
  const u64 version = v.exchange->version();
  v.serve();
  CHECK(v.exchange->version() == version);
  v.ask({View::registers});
  CHECK(v.exchange->version() == version + 1);
}

TEST_CASE("every view has a sheet, before VMX and after the first VM exit") {
  VisorInspection v;
  v.exchange->set_open(true);
  Asked all;
  all.views.set();
  v.exchange->ask(all);
  v.serve();
  for (const ViewInfo& row : view_table()) {
    CAPTURE(row.name);
    CHECK(v.exchange->answer()->sheet(row.view));
  }
  v.command("run-to exit");
  for (const ViewInfo& row : view_table()) {
    CAPTURE(row.name);
    CHECK_FALSE(v.shown(row.view).empty());
  }
  CHECK(has(v.shown(View::vmcs), "GUEST_RIP"));
  CHECK(has(v.shown(View::ept), "rwx WB"));
  CHECK(has(v.shown(View::entry_check), "no rule"));
}

TEST_CASE("orders are the debugger's commands, and a stop is told") {
  VisorInspection v;
  v.exchange->set_open(true);
  v.ask({View::exits, View::exit, View::vmcs});
  CHECK(has(v.shown(View::exits), "no VM exit was seen"));
  v.command("run-to exit");
  const auto answer = v.exchange->answer();
  CHECK(has(answer->why, "VM exit, reason 18: VMCALL"));
  CHECK_FALSE(answer->running);
  CHECK(answer->exits == 1);
  CHECK(has(v.shown(View::exits), "VMCALL"));
  CHECK(has(v.shown(View::exit), "it always causes a VM exit"));
  const std::string printed = v.printed();
  CHECK(has(printed, "(ringside) run-to exit"));
  CHECK(has(printed, "vm_exit"));
  v.command("nonsense");
  CHECK(has(v.printed(), "no such command"));
  // An EPT violation at length, with its walk, and one of before by its number.
  v.command("catch ept");
  v.exchange->order({Order::Kind::run});
  v.serve();
  CHECK(has(v.exchange->answer()->why, "EPT violation"));
  CHECK(has(v.shown(View::exit), "EPT PTE"));
  Asked asked = v.exchange->asked();
  asked.exit = 1;
  v.exchange->ask(asked);
  v.serve();
  CHECK(has(v.shown(View::exit), "VM exit 1: reason 18"));
  // The VMCS that was written by this exit differs from what it was at the first one.
  CHECK(cell(*v.exchange->answer()->sheet(View::vmcs), "GUEST_RIP", "value") != nullptr);
  CHECK(any_changed(*v.exchange->answer()->sheet(View::vmcs)));
}

TEST_CASE("what a step has changed is marked, and stays so while nothing runs") {
  VisorInspection v;
  v.exchange->set_open(true);
  v.ask({View::registers});
  CHECK_FALSE(any_changed(*v.exchange->answer()->sheet(View::registers)));
  v.command("stepi");
  CHECK(any_changed(*v.exchange->answer()->sheet(View::registers)));
  v.command("break vm_exit");
  CHECK(any_changed(*v.exchange->answer()->sheet(View::registers)));
}

TEST_CASE(
    "a click sets a breakpoint, the code shows it, the machine stops there, another click takes it away") {
  VisorInspection v;
  v.exchange->set_open(true);
  const u64 address = *v.symbols.address("vm_exit");
  v.ask({View::code, View::breakpoints});
  v.exchange->order({Order::Kind::breakpoint, {}, address});
  v.exchange->order({Order::Kind::run});
  v.serve();
  CHECK(v.cpu().segment[CS].base + v.cpu().rip == address);
  CHECK(has(v.exchange->answer()->why, "breakpoint 1"));
  const auto at_address = [&] {
    for (const Row& row : v.exchange->answer()->sheet(View::code)->sections.back().rows)
      if (const Cell* cell = row.find("address"); cell && cell->number == address) return row;
    return Row();
  };
  CHECK(at_address().find("current"));
  CHECK(at_address().find("breakpoint"));
  CHECK(has(v.shown(View::breakpoints), "execute"));
  v.exchange->order({Order::Kind::breakpoint, {}, address});
  v.serve();
  CHECK_FALSE(at_address().find("breakpoint"));
  CHECK(v.debugger.breakpoints().empty());
}

TEST_CASE("addresses that say nothing are answered with why") {
  VisorInspection v;
  v.exchange->set_open(true);
  Asked asked;
  asked.want(View::memory), asked.want(View::walk), asked.want(View::code);
  asked.memory = "nowhere_at_all", asked.walk = "phys 0x1000", asked.code = "(";
  asked.memory_size = 3;
  v.exchange->ask(asked);
  v.serve();
  CHECK(has(v.shown(View::memory), "nowhere_at_all"));
  CHECK(has(v.shown(View::walk), "needs no walk"));
  CHECK_FALSE(v.shown(View::code).empty());
  CHECK(v.printed().empty());
  asked.memory = "phys 0xffffffffffffff00", asked.walk = "gpa 0x1000", asked.code = "0xfffffffffffffffe";
  v.exchange->ask(asked);
  v.serve();
  CHECK_FALSE(v.shown(View::memory).empty());
  CHECK_FALSE(v.shown(View::code).empty());
}

TEST_CASE("within a run it can be stopped and gets breakpoints; commands wait for the stop") {
  VisorInspection v;
  v.exchange->set_open(true);
  v.ask({View::registers});
  // A loop without an end.
  v.command("run-to exit");
  constexpr u8 jump_to_itself[] = {0xeb, 0xfe};
  v.machine->memory().write_block(HostPhys(0x50000), jump_to_itself, sizeof jump_to_itself);
  v.command("set rip = 0x50000");
  unsigned slices = 0;
  v.debugger.on_slice([&] {
    if (slices++ == 0) {
      v.exchange->order({Order::Kind::breakpoint, {}, 0x1234});
      v.exchange->order({Order::Kind::stop});
      v.exchange->order({Order::Kind::command, "stepi"});
    }
    v.inspection.serve(VisorInspection::Stands::within);
    CHECK(v.exchange->answer()->running);
  });
  const Stop stop = v.debugger.run(2'000'000);
  CHECK(stop.kind == Stop::Kind::interrupted);
  CHECK(slices == 1);
  CHECK(v.debugger.breakpoints().size() == 1);
  CHECK(v.exchange->ordered());  // the step
  const u64 before = v.machine->retired();
  v.serve();
  CHECK(v.machine->retired() == before + 1);
}

TEST_CASE("a breakpoint that is set while a command of the debugger's runs is met by that run") {
  VisorInspection v;
  v.command("run-to exit");
  constexpr u8 loop[] = {0x90, 0xeb, 0xfd};  // nop; jmp back to it
  v.machine->memory().write_block(HostPhys(0x50000), loop, sizeof loop);
  v.command("set rip = 0x50000");
  unsigned slices = 0;
  v.debugger.on_slice([&] {
    if (slices++ == 0) v.exchange->order({Order::Kind::breakpoint, {}, 0x50000});
    if (slices == 10) v.debugger.interrupt();
    v.inspection.serve(VisorInspection::Stands::within);
  });
  const Stop stop = v.debugger.run();
  CHECK(stop.kind == Stop::Kind::breakpoint);
  CHECK(v.cpu().rip == 0x50000);
}

TEST_CASE("looking changes nothing") {
  const auto hash = [](bool looked) {
    VisorInspection v;
    v.exchange->set_open(looked);
    Asked all;
    all.views.set();
    v.exchange->ask(all);
    for (unsigned n = 0; n < 60; ++n) {
      v.debugger.run(1'000);
      v.inspection.serve(VisorInspection::Stands::still);
    }
    return v.machine->state_hash();
  };
  CHECK(hash(true) == hash(false));
}

TEST_CASE("two threads: one asks and orders, the other runs the machine") {
  VisorInspection v;
  v.exchange->set_open(true);
  std::atomic<bool> over = false;
  u64 seen = 0;
  std::thread looker([&] {
    Asked asked;
    for (unsigned n = 0; n < 200; ++n) {
      asked.views = std::bitset<view_count>(n * 37);
      v.exchange->ask(asked);
      v.exchange->order({Order::Kind::command, "stepi"});
      if (const auto answer = v.exchange->answer()) seen = std::max(seen, answer->instructions);
    }
    over = true;
  });
  while (!over || v.exchange->ordered()) v.inspection.serve(VisorInspection::Stands::still);
  looker.join();
  const std::string printed = v.printed();
  std::size_t done = 0;
  for (std::size_t at = 0; (at = printed.find("(ringside) stepi\n", at)) != printed.npos; ++at) ++done;
  CHECK(done == 200);
  CHECK(v.machine->retired() > 0);
  CHECK(seen <= v.machine->retired());
}

TEST_CASE(
    "the past is told: how far it goes, where exits, bookmarks and stops are, and where the machine is") {
  VisorInspection v;
  v.exchange->set_open(true);
  v.ask({});
  CHECK_FALSE(v.past().kept);  // nobody keeps it
  v.into_the_past();
  const u64 end = v.machine->retired();
  CHECK(v.past().kept);
  CHECK_FALSE(v.past().in_it);
  CHECK(v.past().begin == 0);
  CHECK(v.past().end == end);
  CHECK(v.past().checkpoints.size() > 5);
  CHECK(std::accumulate(v.past().exits.begin(), v.past().exits.end(), 0u) == 34);
  CHECK(v.past().stops == std::vector<u64>{end});
  v.command("goto exit 10");
  v.command("bookmark tenth");
  CHECK(v.past().in_it);
  CHECK(v.past().end == end);
  REQUIRE(v.past().bookmarks.contains("tenth"));
  CHECK(v.past().bookmarks.at("tenth") == v.machine->retired());
  v.command("goto end");
  CHECK_FALSE(v.past().in_it);
  CHECK(v.exchange->answer()->instructions == end);
  // One that is given at another prompt is told while the machine stands still.
  v.debugger.bookmarks()["start_of_all"] = 0;
  v.serve();
  CHECK(v.past().bookmarks.size() == 2);
}

TEST_CASE("exits are counted where they were, also within one long run") {
  VisorInspection v("visor", 2);
  constexpr double seldom = 1e9;
  v.keep_past(seldom);
  v.exchange->set_open(true);
  v.ask({});
  v.debugger.run(400'000);
  v.serve();
  const PastSeen past = v.past();
  const auto met = v.debugger.last_events(RunTo::vm_exit, 1'000);
  REQUIRE(met.size() > 30);
  std::vector<u32> exits(past.exits.size());
  for (const Debugger::Met& one : met) ++exits[one.count * exits.size() / past.end];
  // But for those at the border of two parts.
  std::size_t apart = 0;
  for (std::size_t n = 0; n < exits.size(); ++n) apart += exits[n] != past.exits[n];
  CHECK(apart < 8);
}

TEST_CASE("in the past the exits before here are listed, and what is written there ends what is known") {
  VisorInspection v;
  v.into_the_past();
  v.ask({View::exits, View::exit});
  CHECK(has(v.shown(View::exits), "EPT violation"));
  v.command("goto exit 10");
  CHECK(has(v.shown(View::exits), "those before here; 24 come later"));
  CHECK_FALSE(has(v.shown(View::exits), "EPT violation"));
  CHECK(has(v.shown(View::exit), "VM exit 10:"));
  const u64 here = v.machine->retired();
  v.command("set rbx = 1");
  CHECK_FALSE(v.past().in_it);
  CHECK(v.past().end == here);
  CHECK(v.exchange->answer()->exits == 10);
  const auto& exits = v.past().exits;
  CHECK(std::accumulate(exits.begin(), exits.end(), 0u) == 10);
  CHECK(v.past().stops == std::vector<u64>{here});
  v.command("run-to exit");
  CHECK(has(v.shown(View::exit), "VM exit 11:"));
  CHECK(v.exchange->answer()->exits == 11);
}

TEST_CASE("the time line leads to any moment; of several that wait the newest counts") {
  VisorInspection v;
  v.into_the_past();
  v.printed();
  const auto order = [&](u64 count, bool settled) {
    v.exchange->order({Order::Kind::travel, {}, count, settled});
  };
  const u64 end = v.machine->retired();
  order(50'000, false), order(60'000, false), order(70'001, false);
  v.serve();
  CHECK(v.machine->retired() == 70'001);
  CHECK_FALSE(v.exchange->ordered());
  CHECK(v.inspection.dragged());
  CHECK(v.printed().empty());
  order(70'002, true);
  v.serve();
  CHECK(v.machine->retired() == 70'002);
  CHECK_FALSE(v.inspection.dragged());
  CHECK(has(v.printed(), "(ringside) goto 70002\n"));
  order(~u64{0}, true);
  v.serve();
  CHECK(v.machine->retired() == end);
  CHECK_FALSE(v.past().in_it);
  CHECK(v.timeline->trouble().empty());
}

TEST_CASE("who drags sees a checkpoint where the way is long, and the moment itself when he lets go") {
  VisorInspection v;
  constexpr double seldom = 1e9;
  v.keep_past(seldom);
  v.exchange->set_open(true);
  v.command("run-to exit");
  v.loop_for_ever();
  v.debugger.run(9'000'000);
  const u64 end = v.machine->retired(), wanted = 5'000'123;
  const auto travel = [&](u64 count, bool settled) {
    v.exchange->order({Order::Kind::travel, {}, count, settled});
    v.serve();
    return v.machine->retired();
  };
  CHECK(travel(wanted, false) == 0);
  CHECK(travel(wanted, true) == wanted);
  CHECK(travel(wanted + 900'000, false) == wanted + 900'000);  // it was not far from the last place
  CHECK(travel(end, false) == end);
  CHECK_FALSE(v.past().in_it);
  CHECK(v.timeline->trouble().empty());
}

TEST_CASE("on the way through the past the sheets stay; an order to go elsewhere breaks off what runs") {
  VisorInspection v;
  v.into_the_past();
  v.ask({View::registers});
  const std::string registers = v.shown(View::registers);
  bool passed = false;
  v.debugger.on_slice([&] {
    v.inspection.serve(VisorInspection::Stands::within);
    const auto answer = v.exchange->answer();
    if (!answer->past.passing) return;
    passed = true;
    CHECK(answer->running);
    CHECK(text(*answer->sheet(View::registers)) == registers);
  });
  v.command("reverse-to exit");
  CHECK(passed);
  CHECK_FALSE(v.past().passing);
  CHECK(v.shown(View::registers) != registers);
  // The machine runs without an end, and somebody takes hold of the time line.
  v.command("goto end");
  v.loop_for_ever();
  unsigned slices = 0;
  v.debugger.on_slice([&] {
    if (slices++ == 3) v.exchange->order({Order::Kind::travel, {}, 1'000, true});
    v.inspection.serve(VisorInspection::Stands::within);
  });
  CHECK(v.debugger.run(100'000'000).kind == Stop::Kind::interrupted);
  v.serve();
  CHECK(v.machine->retired() == 1'000);
}

TEST_CASE("the inspector's page lists its keys") {
  std::ifstream file(RINGSIDE_SOURCE_DIR "/frontend/inspector/README.md");
  const std::string page{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  for (const Action& one : action_table()) {
    CAPTURE(key_name(one));
    CHECK(has(page, key_name(one)));
  }
}

TEST_CASE(
    "each key of the inspector means one thing, and each command of a button is one of the debugger's") {
  for (const Action& one : action_table()) {
    CAPTURE(key_name(one));
    CHECK(action_of_key(one.function_key, one.shift, one.control) == &one);
    if (one.kind == Action::Kind::command)
      CHECK_FALSE(help_of_command(one.line.substr(0, one.line.find(' '))).empty());
  }
}

}  // namespace
}  // namespace ringside
