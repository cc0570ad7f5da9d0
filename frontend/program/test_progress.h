// Owns what a person sees while suites run: a row for each test that has finished, and the state of the
// whole.
#pragma once

#include <string>
#include <vector>

#include "frontend/conform/running/runner.h"

namespace ringside {

class TestProgress : public conform::RunWatcher {
 public:
  // `of`: so many tests; `verbose`: with their command lines.
  TestProgress(std::size_t of, bool verbose);
  ~TestProgress() override;

  void started(const conform::Test& test) override;
  void finished(const conform::TestResult& result, std::size_t done) override;
  bool stop() override;
  int caught() const;  // the signal that ended it; 0: none

 private:
  void draw();
  void wipe();

  std::size_t of_, done_ = 0, failed_ = 0;
  bool verbose_, terminal_, colour_;
  std::vector<std::string> running_;
  double since_ = 0, drawn_ = -1;
};

}  // namespace ringside
