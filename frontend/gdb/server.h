// Owns a gdb stub in a running program: its client's comings and goings, and running the machine as the
// client wants it.
#pragma once

#include <memory>

#include "frontend/commands/commands.h"
#include "frontend/symbols/symbols.h"
#include "frontend/gdb/stub.h"
#include "frontend/gdb/transport.h"

namespace ringside {

// For a loop that runs a machine in slices: poll(), and then run() unless machine_stopped().
class GdbServer {
 public:
  // Both outlive the server; others may use them while the machine stands still.
  GdbServer(Debugger& debugger, Symbols& symbols);

  bool listen(const GdbPlace& place, std::string& error) { return transport_.listen(place, error); }
  std::string address() const { return transport_.address(); }
  int descriptor() const { return transport_.descriptor(); }

  bool client() const { return there_; }
  // Something has come for poll().
  bool client_waits() const { return transport_.readable(); }

  GdbStub& stub() { return stub_; }

  // Takes what has come from the client and answers. Never waits.
  void poll();
  // The machine must stand still.
  bool machine_stopped() const { return stub_.resume().kind == Resume::Kind::stay; }
  void stop_machine() { stub_.stop_machine(); }  // before there is a client: -S
  // As Machine::run(), but that it stops where the client wants it; machine_stopped() is then true. A machine
  // that ended by a shutdown, or whose past is kept, stays to be looked at while there is a client; it is
  // told as ended when that client wants it to go on.
  Ending run(u64 instructions);
  // After Machine::reboot() and Debugger::attach().
  void rebooted() { stub_.restarted(); }
  // Those that `monitor` gives.
  Commands& commands() { return commands_; }
  // The last word to the client.
  void finish(int status);

 private:
  Ending run_on(u64 instructions);
  Ending step(u64 instructions);
  Ending report(const Stop& stop);
  Ending gone();
  std::string command(std::string_view line);
  void say(std::string_view text);

  Machine& machine_;
  Debugger& debugger_;
  std::string said_;  // by the command of `monitor` that runs
  bool answering_ = false;
  Commands commands_;
  GdbStub stub_;
  GdbTransport transport_;
  bool there_ = false;  // a client
};

}  // namespace ringside
