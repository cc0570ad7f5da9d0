// Owns the options of a machine that runs beside another one, or for its own sake.
#include "frontend/program/unseen_run.h"

namespace ringside {

RunOptions unseen(RunOptions options, Dispatcher dispatcher) {
  for (Chardev& serial : options.serials) serial = {};
  options.debugcon = {};
  options.stats.clear();
  options.pidfile.clear();
  options.trace_exits.clear();
  options.vmx_coverage.clear();
  options.code_coverage.clear();
  options.explain_json.clear();
  options.explain = options.explain_as_json = false;
  options.log = {};
  options.log_file.clear();
  options.screenshot.clear();
  options.screenshots_at.clear();
  options.saves.clear();
  options.record.clear();
  options.warnings.clear();
  options.gdb.reset();
  for (DriveRequest& drive : options.machine.drives) drive.snapshot = true;
  options.machine.dispatcher = dispatcher;
  return options;
}

}  // namespace ringside
