// Owns a run that is measured: from the machine's beginning to the line that ends the work.
#pragma once

#include <string>
#include <vector>

#include "frontend/compare/isolation.h"
#include "frontend/compare/measured.h"
#include "frontend/compare/subject.h"
#include "frontend/machine/machine.h"

namespace ringside::compare {

struct MeasuredRun {
  Measured measured;
  IsolationMap isolation;  // at the end of the work
};

// Runs a machine that stands at its beginning; the sink of its COM1 is taken. Two runs of the same files give
// the same numbers. False: one line in `error` that names the subject and what did not come.
bool measure_run(Machine& machine, const Subject& subject, MeasuredRun& run, std::string& error);

}  // namespace ringside::compare
