// Owns reading and placing modules.
#include "frontend/machine/load_modules.h"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

namespace ringside {
namespace {

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> items(1);
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (list[i] != ',') {
      items.back() += list[i];
    } else if (i + 1 < list.size() && list[i + 1] == ',') {
      items.back() += list[i++];
    } else {
      items.emplace_back();
    }
  }
  for (std::string& item : items) item.erase(0, std::min(item.find_first_not_of(' '), item.size()));
  std::erase(items, "");
  return items;
}

std::string name_alone(const std::string& file) { return std::filesystem::path(file).filename().string(); }

}  // namespace

std::vector<std::string> module_items(const std::string& initrd, bool& whole) {
  std::error_code ignored;
  whole = std::filesystem::is_regular_file(initrd, ignored);
  return whole ? std::vector<std::string>{initrd} : split(initrd);
}

bool load_modules(const LoadJob& job, u64 from, std::vector<LoadedModule>& modules) {
  if (job.request.initrd.empty()) return true;
  bool whole = false;
  for (const std::string& item : module_items(job.request.initrd, whole)) {
    const std::string file = whole ? item : item.substr(0, item.find(' '));
    Image image;
    if (!read_image(file, "initrd", job.plan.ram_bytes(), image, job.error)) return false;
    const u64 bytes = image.size();
    const u64 end = job.plan.platform().low_ram_end;
    auto at = job.plan.lowest(bytes, page_bytes, from, end);
    if (!at) at = job.plan.lowest(bytes, page_bytes, std::min<u64>(from, 0x100000), end);
    const std::string line = name_alone(file) + item.substr(file.size());
    const auto text = job.plan.place_string(line, "a module's command line");
    std::string problem;
    if (!at || !text || !job.plan.claim(*at, bytes, "module " + file, problem)) {
      job.error = fmt::format(
          "{}: the module of {} does not fit beside the kernel into {} of memory; give more with -m", file,
          size_in_words(bytes), size_in_words(job.plan.ram_bytes()));
      return false;
    }
    job.plan.put(*at, std::move(image.bytes));
    modules.push_back({*at, bytes, *text, line});
  }
  return true;
}

std::string command_line_with_name(const LoadJob& job) {
  const std::string name = name_alone(job.request.kernel);
  return job.request.append.empty() ? name : name + " " + job.request.append;
}

}  // namespace ringside
