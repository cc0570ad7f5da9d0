// Owns what a run does with the machine's screen and keyboard: pictures at set counts and at the end, what is
// typed, and lines of the screen that are waited for.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "frontend/program/options.h"
#include "frontend/screen/typist.h"

namespace ringside {

class ScreenWatch {
 public:
  // False: one line in `error`. Expressions and texts have been seen by the flags; files are checked here.
  bool prepare(const RunOptions& options, std::string& error);

  // How many instructions of a slice there are until something is to be done at a count of its own.
  u64 limit(u64 done, u64 slice) const;
  // Between two slices, after `done` instructions of all CPUs. False: a picture cannot be written, and
  // failure() says why.
  bool after_slice(Machine& machine, u64 done);
  // `idle`: nothing but input goes on. True: some went.
  bool type(Machine& machine, bool idle) { return typist_.type(machine, idle); }
  void add_typed(std::vector<TypedStep> steps) { typist_.add(std::move(steps)); }
  bool quit_typed() const { return typist_.quit(); }

  // All that --expect-screen names has been seen (and something was named); and what has not been, the first
  // of it.
  bool matched() const { return !wanted_.empty() && met_ == wanted_.size(); }
  std::string missing() const { return met_ < wanted_.size() ? wanted_[met_].text() : std::string(); }
  const std::string& failure() const { return failure_; }

  // The picture of the end. False: `error`.
  bool conclude(const RunOptions& options, Machine& machine, std::string& error) const;

 private:
  static bool pictures_writable(const std::vector<TypedStep>& steps, std::string& error);
  void look(Machine& machine);

  Typist typist_;
  std::multimap<u64, std::string> shots_;  // files, by counts
  std::multimap<u64, std::vector<TypedStep>> typings_;
  std::vector<LinePattern> wanted_;
  std::size_t met_ = 0;
  u64 seen_ = ~u64{0};  // the card's changes when lines were last compared
  std::string failure_;
};

// The picture of the machine's screen as a PNG file, whole or not at all. False: `error`.
bool write_screenshot(const std::string& flag, const std::string& path, Machine& machine, std::string& error);

}  // namespace ringside
