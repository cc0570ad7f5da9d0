// Owns what is remembered of a suite's tests from one call to the next: how long each took, which failed.
#pragma once

#include <map>
#include <string>

#include "frontend/conform/result.h"

namespace ringside::conform {

// Where such things are kept: $XDG_CACHE_HOME/ringside, or ~/.cache/ringside; empty: nowhere.
std::string cache_folder();

// The file appears whole under its name, or not at all; folders above it are made. False: `why`.
bool keep_file(const std::string& path, const std::string& text, std::string& why);

// A name of 16 digits for these bytes, the same on every host.
std::string name_of(std::string_view bytes);

class LastRuns {
 public:
  // Of the suite with this name. A file that cannot be read is as none.
  void load(const std::string& folder, const std::string& suite);
  // Of all suites that were loaded. False and one line in `error`.
  bool save(const std::string& folder, std::string& error) const;

  void note(const TestResult& result);
  double seconds(const std::string& suite, const std::string& name) const;  // below 0: unknown
  bool failed(const std::string& suite, const std::string& name) const;

 private:
  struct Entry {
    double seconds = -1;
    bool failed = false;
  };
  const Entry* find(const std::string& suite, const std::string& name) const;
  std::map<std::string, std::map<std::string, Entry>> suites_;
};

}  // namespace ringside::conform
