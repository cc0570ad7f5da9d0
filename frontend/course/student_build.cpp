// Owns the calls of compiler, assembler and linker.
#include "frontend/course/student_build.h"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string_view>
#include <thread>

#include "frontend/conform/running/last_runs.h"
#include "frontend/conform/running/process.h"
#include "frontend/course/lessons.h"

namespace ringside::course {
namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

constexpr double longest_call = 600;  // seconds of the host's, which may be busy
constexpr std::size_t most_said = 16 << 10;

// Whether the host's own compiler makes other programs than these.
bool cross() {
  utsname host{};
  return uname(&host) != 0 || std::string_view(host.machine) != "x86_64";
}

const Words compiler_flags = {"-std=c++20",
                              "-O1",
                              "-g",
                              "-m64",
                              "-ffreestanding",
                              "-fno-pic",
                              "-fno-pie",
                              "-mcmodel=small",
                              "-mno-red-zone",
                              "-mgeneral-regs-only",
                              "-fno-exceptions",
                              "-fno-rtti",
                              "-fno-threadsafe-statics",
                              "-fno-stack-protector",
                              "-fno-asynchronous-unwind-tables",
                              "-fno-omit-frame-pointer",
                              "-fcf-protection=none",
                              "-Wall",
                              "-Wextra",
                              "-Wno-unused"};

bool is_program(const std::string& name) {
  std::error_code none;
  if (name.find('/') != name.npos) return access(name.c_str(), X_OK) == 0;
  const char* const path = std::getenv("PATH");
  std::istringstream folders(path ? path : "/usr/bin:/bin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    const fs::path place = fs::path(folder) / name;
    if (fs::is_regular_file(place, none) && access(place.c_str(), X_OK) == 0) return true;
  }
  return false;
}

// Several calls at once. False: one failed, or did not end. `said` is what they say, in their order.
bool run_all(const std::vector<Words>& calls, std::string& said, std::string& error) {
  struct Call {
    std::string said;
    conform::ProcessEnd end;
  };
  std::vector<Call> made(calls.size());
  conform::Processes processes;
  const std::size_t most = std::clamp(std::thread::hardware_concurrency(), 1u, 8u);
  for (std::size_t n = 0; n < calls.size() || processes.running() > 0;) {
    while (n < calls.size() && processes.running() < most) {
      Call& call = made[n];
      const auto listen = [&call](std::string_view text) {
        if (call.said.size() < most_said) call.said += text;
      };
      if (!processes.start({.words = calls[n],
                            .processor_seconds = longest_call,
                            .on_output = listen,
                            .on_errors = listen,
                            .on_end = [&call](const conform::ProcessEnd& end) { call.end = end; }},
                           error))
        return false;
      ++n;
    }
    processes.wait();
  }
  for (std::size_t n = 0; n < calls.size(); ++n) {
    said += made[n].said;
    const conform::ProcessEnd& end = made[n].end;
    if (!error.empty() || (!end.overdue && end.signal == 0 && end.status == 0)) continue;
    error = end.overdue ? fmt::format("{} did not end within {} seconds", calls[n][0], longest_call)
                        : fmt::format("{} refused it", calls[n][0]);
  }
  return error.empty();
}

Words call_for(const Toolchain& tools, const std::string& course, const std::string& source,
               const std::string& object) {
  if (source.ends_with(".asm"))
    return {tools.assembler, "-f", "elf64", "-g", "-F", "dwarf", "-o", object, source};
  Words words = {tools.compiler};
  words.insert(words.end(), compiler_flags.begin(), compiler_flags.end());
  words.insert(words.end(), {"-I", course, "-c", "-o", object, source});
  return words;
}

Words files_in(const fs::path& folder) {
  std::error_code none;
  Words files;
  for (const auto& entry : fs::directory_iterator(folder, none)) {
    if (entry.is_regular_file(none)) files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

// The objects of what all lessons share. They lie where a name says what they were made of and by what.
bool build_ground(const Toolchain& tools, const std::string& course, const std::string& image, Words& objects,
                  std::string& said, std::string& error) {
  Words all = files_in(fs::path(course) / "roms/kit");
  const Words common = files_in(fs::path(course) / "roms/course/common");
  all.insert(all.end(), common.begin(), common.end());
  std::string made_of =
      fmt::format("{}{}{}", tools.compiler, tools.assembler, fmt::join(compiler_flags, " "));
  for (const std::string& file : all) {
    std::string text;
    if (!read_text(file, text, error)) return false;
    made_of += file + text;
  }
  std::string names;
  if (!read_text((fs::path(course) / "names.h").string(), names, error)) return false;
  const std::string cache = conform::cache_folder();
  const fs::path folder = (cache.empty() ? fs::path(image).parent_path() : fs::path(cache)) / "course" /
                          conform::name_of(made_of + names);
  std::error_code failure;
  fs::create_directories(folder, failure);
  std::vector<Words> calls;
  std::vector<std::pair<std::string, std::string>> renames;
  for (const std::string& source : all) {
    if (!source.ends_with(".cpp") && !source.ends_with(".asm")) continue;
    const std::string object = (folder / (fs::path(source).filename().string() + ".o")).string();
    objects.push_back(object);
    if (fs::exists(object, failure)) continue;
    // Another call of this program may be making it, too.
    renames.emplace_back(fmt::format("{}.{}", object, getpid()), object);
    calls.push_back(call_for(tools, course, source, renames.back().first));
  }
  if (!run_all(calls, said, error)) return false;
  for (const auto& [from, to] : renames) {
    fs::rename(from, to, failure);
    if (!failure) continue;
    error = fmt::format("{}: {}", to, failure.message());
    return false;
  }
  return true;
}

}  // namespace

bool find_toolchain(Toolchain& toolchain, std::string& error) {
  const char* const chosen = std::getenv("CXX");
  const bool other = cross();
  const std::string before = other ? "x86_64-linux-gnu-" : "", behind = other ? "-x86-64-linux-gnu" : "";
  toolchain = {!other && chosen && *chosen ? chosen : before + "g++", "nasm", before + "ld"};
  const std::pair<std::string, std::string> wanted[] = {{toolchain.compiler, "g++" + behind},
                                                        {toolchain.assembler, "nasm"},
                                                        {toolchain.linker, "binutils" + behind}};
  for (const auto& [program, package] : wanted) {
    if (is_program(program)) continue;
    error = program == toolchain.compiler && program != before + "g++"
                ? fmt::format("course: CXX names {}, which is not there; unset CXX, and g++ builds exercises",
                              program)
                : fmt::format("course: there is no {}, with which exercises are built; sudo apt install {}",
                              program, package);
    return false;
  }
  return true;
}

BuildEnd build_image(const Toolchain& tools, const std::string& course, const Words& sources,
                     const std::string& image, std::string& said, std::string& error) {
  Words objects;
  std::error_code none;
  fs::create_directories(fs::path(image).parent_path(), none);
  fs::remove(image, none);
  if (!build_ground(tools, course, image, objects, said, error)) return BuildEnd::failed;
  std::vector<Words> calls;
  const std::size_t shared = objects.size();
  for (const std::string& source : sources) {
    objects.push_back(
        (fs::path(image).parent_path() / (fs::path(source).filename().string() + ".o")).string());
    calls.push_back(call_for(tools, course, source, objects.back()));
  }
  for (std::size_t n = shared; n < objects.size(); ++n) fs::remove(objects[n], none);
  if (!run_all(calls, said, error)) return BuildEnd::refused;
  Words link = {tools.linker,
                "-m",
                "elf_x86_64",
                "-z",
                "max-page-size=4096",
                "-z",
                "noexecstack",
                "--no-warn-rwx-segments",
                "-T",
                (fs::path(course) / "roms/kit/image.ld").string(),
                "-o",
                image};
  link.insert(link.end(), objects.begin(), objects.end());
  return run_all({link}, said, error) ? BuildEnd::built : BuildEnd::refused;
}

}  // namespace ringside::course
