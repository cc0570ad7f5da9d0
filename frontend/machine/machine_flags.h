// Owns what a machine's configuration is on the command line: the flags that make it again, and the
// comparison of two of them.
#pragma once

#include <string>
#include <vector>

#include "frontend/machine/machine.h"

namespace ringside {

// A flag of `ringside run`, or a property that flags come to ("serial ports"), with its value.
struct MachineFlag {
  std::string flag;   // with its dash; a property has none
  std::string value;  // empty: a flag that stands alone, or names a file and nothing else
  std::string file;   // absolute, if it names one
  // Two machines of one state have it alike; else it matters at a reset, or at the power-up alone. Of a file
  // that never counts its name: what it holds does.
  bool same = true;
  std::string own = {};  // properties behind the value that never count

  // As it is written behind the flag, the file's name in it.
  std::string written() const;
};

// In an order that follows from the configuration alone.
std::vector<MachineFlag> machine_flags(const MachineConfig& config);

// Where a machine is not of the kind that a state was saved of, one line: "it was saved with -m 512M, this
// machine has -m 128M". Empty: it is.
std::string why_other_machine(const std::vector<MachineFlag>& saved, const std::vector<MachineFlag>& here);

}  // namespace ringside
