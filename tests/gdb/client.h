// Owns a client of the stub that speaks the protocol by hand, and a small guest for it to look at.
#pragma once

#include <doctest/doctest.h>

#include <memory>

#include "frontend/gdb/stub.h"
#include "frontend/replay/timeline.h"
#include "tests/machine/guest.h"

namespace ringside {

// A stub without a socket: packets in, answers out, and the machine run as it wants.
struct Client {
  Guest guest;
  Debugger debugger{*guest.machine};
  GdbStub stub{debugger};
  std::unique_ptr<Timeline> past;

  explicit Client(unsigned cpus = 1) : guest(Guest::config(cpus)) {
    stub.connected();
    CHECK(ask("QStartNoAckMode") == "OK");
    stub.receive("+");
  }

  // From here on.
  void keep_past() {
    std::string error;
    past = Timeline::create(*guest.machine, {}, error);
    REQUIRE(past);
    debugger.use_timeline(past.get());
  }

  // The bodies of all packets that the stub sent since the last call.
  std::vector<std::string> packets() {
    std::vector<std::string> bodies;
    PacketReader reader;
    for (const char c : std::exchange(stub.output(), {})) {
      auto item = reader.take(static_cast<u8>(c));
      if (item && item->kind == PacketReader::Item::Kind::packet) bodies.push_back(item->body);
    }
    return bodies;
  }
  // The last of them: what was sent before are lines for the console.
  std::string answer() {
    const auto bodies = packets();
    return bodies.empty() ? "" : bodies.back();
  }
  std::string ask(std::string_view body) {
    stub.receive(frame(body));
    return answer();
  }
  // Sets the machine going and waits until it stands still.
  std::string go(std::string_view body, u64 most = 1'000'000) {
    stub.receive(frame(body));
    const Resume resume = stub.resume();
    guest.machine->hold_still(resume.still);
    if (resume.kind == Resume::Kind::run) stub.stopped(debugger.run(most));
    if (resume.kind == Resume::Kind::back) stub.stopped(debugger.reverse());
    if (resume.kind == Resume::Kind::step_back) {
      debugger.select(resume.cpu);
      stub.stopped(debugger.reverse_step());
    }
    if (resume.kind == Resume::Kind::step) {
      debugger.select(resume.cpu);
      Stop stop = debugger.step();
      while (stop.kind == Stop::Kind::step && program_counter(debugger.cpu()) >= resume.first &&
             program_counter(debugger.cpu()) < resume.end)
        stop = debugger.step();
      stub.stopped(stop);
    }
    guest.machine->hold_still(0);
    return answer();
  }
  Cpu& cpu(unsigned n = 0) { return guest.machine->cpu(n); }
};

}  // namespace ringside
