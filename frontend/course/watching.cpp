// Owns the building of a lesson's program to look at.
#include "frontend/course/watching.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>

#include "frontend/conform/running/last_runs.h"
#include "frontend/course/folders.h"
#include "frontend/course/student_build.h"

namespace ringside::course {
namespace {

namespace fs = std::filesystem;

bool build_files(const Lesson& lesson, const std::string& course, const std::string& folder,
                 const std::string& image, std::string& said, std::string& error) {
  Toolchain tools;
  if (!find_toolchain(tools, error)) return false;
  std::vector<std::string> sources;
  if (!find_sources(lesson, folder, sources, error)) return false;
  return build_image(tools, course, sources, image, said, error) == BuildEnd::built;
}

// The solution's sources stay, because the debugger shows them. The image is made beside its place and then
// moved there: the same lesson may be watched twice at once.
bool build_solution(const Lesson& lesson, const std::string& course, std::string& image, std::string& said,
                    std::string& error) {
  std::error_code failure;
  const std::string cache = conform::cache_folder();
  if (cache.empty()) {
    error = "course watch: there is no place for the solution that is shown; set HOME or XDG_CACHE_HOME";
    return false;
  }
  const fs::path folder = fs::path(cache) / "course" / "watch" / lesson.name;
  const auto take_all = [](const std::vector<std::string>&) { return true; };
  if (!put_lesson(lesson, folder.string(), Version::solution, take_all, error)) return false;
  image = (folder / "lesson.elf").string();
  const fs::path build = fmt::format("{}.{}", folder.string(), getpid());
  const std::string made = (build / "lesson.elf").string();
  const bool built = build_files(lesson, course, folder.string(), made, said, error);
  if (built) fs::rename(made, image, failure);
  if (failure) error = fmt::format("course watch: {}: {}", image, failure.message());
  std::error_code none;
  fs::remove_all(build, none);
  return built && !failure;
}

}  // namespace

bool watched_machine(const Lesson& lesson, const std::string& course, const std::string& folder,
                     std::vector<std::string>& flags, std::string& said, std::string& error) {
  if (lesson.watch == Watch::visor && folder.empty()) return true;
  if (lesson.watch == Watch::visor) {
    error = fmt::format(
        "course watch: lesson {0} is shown on the guest that is built in, not on {1}; write ringside course "
        "watch {0}",
        lesson.number, folder);
    return false;
  }
  std::string image = (fs::path(folder) / "build" / "lesson.elf").string();
  if (folder.empty() ? !build_solution(lesson, course, image, said, error)
                     : !build_files(lesson, course, folder, image, said, error))
    return false;
  flags = {"-kernel", image};
  flags.insert(flags.end(), lesson.watch_flags.begin(), lesson.watch_flags.end());
  return true;
}

}  // namespace ringside::course
