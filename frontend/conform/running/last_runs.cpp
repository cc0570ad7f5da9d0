// Owns what is remembered of a suite's tests from one call to the next: how long each took, which failed.
#include "frontend/conform/running/last_runs.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

namespace ringside::conform {
namespace {

namespace fs = std::filesystem;

// A suite is known by where it lies, however it is spelled.
std::string file_of(const std::string& folder, const std::string& suite) {
  std::error_code none;
  const fs::path place = fs::weakly_canonical(fs::absolute(suite, none), none);
  return (fs::path(folder) / "tests" / (name_of(place.string()) + ".json")).string();
}

}  // namespace

std::string cache_folder() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache && cache[0] == '/') return (fs::path(cache) / "ringside").string();
  const char* home = std::getenv("HOME");
  return home && home[0] == '/' ? (fs::path(home) / ".cache" / "ringside").string() : std::string();
}

bool keep_file(const std::string& path, const std::string& text, std::string& why) {
  std::error_code failure;
  const fs::path parent = fs::path(path).parent_path();
  if (!parent.empty()) fs::create_directories(parent, failure);
  const std::string made = fmt::format("{}.{}", path, getpid());
  std::ofstream file(made, std::ios::binary);
  file << text;
  file.close();
  if (file) fs::rename(made, path, failure);
  if (file && !failure) return true;
  why = failure ? failure.message() : "it cannot be written";
  fs::remove(made, failure);
  return false;
}

// FNV-1a.
std::string name_of(std::string_view bytes) {
  u64 hash = 0xcbf29ce484222325;
  for (const char c : bytes) hash = (hash ^ static_cast<u8>(c)) * 0x100000001b3;
  return fmt::format("{:016x}", hash);
}

void LastRuns::load(const std::string& folder, const std::string& suite) {
  auto& entries = suites_[suite];
  if (folder.empty()) return;
  std::ifstream file(file_of(folder, suite), std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return;
  for (const auto& [name, kept] : json.items()) {
    if (!kept.is_object()) continue;
    const auto seconds = kept.find("seconds"), failed = kept.find("failed");
    Entry& entry = entries[name];
    if (seconds != kept.end() && seconds->is_number()) entry.seconds = seconds->get<double>();
    if (failed != kept.end() && failed->is_boolean()) entry.failed = failed->get<bool>();
  }
}

bool LastRuns::save(const std::string& folder, std::string& error) const {
  if (folder.empty()) return true;
  for (const auto& [suite, entries] : suites_) {
    nlohmann::json json = nlohmann::json::object();
    for (const auto& [name, entry] : entries)
      json[name] = {{"seconds", entry.seconds}, {"failed", entry.failed}};
    constexpr auto other = nlohmann::json::error_handler_t::replace;
    std::string why;
    if (keep_file(file_of(folder, suite), json.dump(1, ' ', false, other) + "\n", why)) continue;
    error = fmt::format("{}: what failed is not remembered there: {}; name another folder in XDG_CACHE_HOME",
                        folder, why);
    return false;
  }
  return true;
}

void LastRuns::note(const TestResult& result) {
  const bool failed = counts_as_failure(result.verdict);
  Entry& entry = suites_[result.suite][result.name];
  entry.failed = failed;
  if (result.host_seconds > 0) entry.seconds = result.host_seconds;
}

const LastRuns::Entry* LastRuns::find(const std::string& suite, const std::string& name) const {
  const auto entries = suites_.find(suite);
  if (entries == suites_.end()) return nullptr;
  const auto entry = entries->second.find(name);
  return entry == entries->second.end() ? nullptr : &entry->second;
}

double LastRuns::seconds(const std::string& suite, const std::string& name) const {
  const Entry* entry = find(suite, name);
  return entry ? entry->seconds : -1;
}

bool LastRuns::failed(const std::string& suite, const std::string& name) const {
  const Entry* entry = find(suite, name);
  return entry && entry->failed;
}

}  // namespace ringside::conform
