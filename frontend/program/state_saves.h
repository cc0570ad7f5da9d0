// Owns the machines that a run saves: which files at which counts, and at its end.
#pragma once

#include <map>
#include <string>

#include "frontend/program/options.h"

namespace ringside {

class StateSaves {
 public:
  // False: one line in `error`, about a file that could not be written now.
  bool prepare(const RunOptions& options, std::string& error);
  // What is left of a slice until the next of them, after `done` instructions.
  u64 limit(u64 done, u64 slice) const;
  // Saves what is due.
  void after_slice(Machine& machine, u64 done);
  // Those at the end; and says which counts did not come. False: `error`.
  bool conclude(const RunOptions& options, Machine& machine, std::string& error) const;
  // What went wrong, one line; empty: nothing yet.
  const std::string& failure() const { return failure_; }

 private:
  std::multimap<u64, std::string> due_;
  std::string failure_;
};

}  // namespace ringside
