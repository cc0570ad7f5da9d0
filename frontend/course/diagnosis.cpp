// Owns what is said of a failure: the lesson's own diagnoses, and those that hold for any program.
#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "frontend/course/grading.h"

namespace ringside::course {
namespace {

using Patterns = std::vector<conform::LineRegex>;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    lines.push_back(line);
  }
  return lines;
}

bool some_line(const std::vector<std::string>& lines, const conform::LineRegex& pattern) {
  return std::any_of(lines.begin(), lines.end(),
                     [&](const std::string& line) { return pattern.matches(line); });
}

bool holds(const Diagnosis& diagnosis, const conform::TestResult& result,
           const std::vector<std::string>& printed, const std::vector<std::string>& explained) {
  const auto all = [](const Patterns& patterns, const std::vector<std::string>& lines, bool wanted) {
    return std::all_of(patterns.begin(), patterns.end(),
                       [&](const auto& pattern) { return some_line(lines, pattern) == wanted; });
  };
  return (diagnosis.ending.empty() || diagnosis.ending == result.ending) &&
         all(diagnosis.explained, explained, true) && all(diagnosis.printed, printed, true) &&
         all(diagnosis.not_printed, printed, false);
}

// Holds for any program.
struct General {
  const char *ending, *printed, *not_printed, *say;  // nullptr: whatever it is
};
constexpr General generals[] = {
    {nullptr, nullptr, "^lesson [0-9]+: begins",
     "It never came to kit_main, where the lesson prints \"begins\". What runs before that is the kit's, so "
     "look for variables of yours that do not fit into the machine's 64 MBytes of memory, or for a kit_main "
     "that does not call begin() first."},
    {nullptr, "^stopped: unexpected interrupt 14 #PF.* error code 0x3,", nullptr,
     "It wrote over its own code: CR2 is the address, RIP the instruction that wrote; \"list *0x...\" with "
     "this RIP, in the debugger, shows its line. A pointer or an index is wrong."},
    {nullptr, "^stopped: unexpected interrupt 14 #PF", nullptr,
     "A page fault that nothing handles, in your hypervisor or in a guest that shares its IDT: CR2 is the "
     "address that is not mapped, RIP the instruction; \"list *0x...\" with this RIP, in the debugger, shows "
     "its line."},
    {nullptr, "^stopped: unexpected interrupt", nullptr,
     "An exception that nothing handles, in your hypervisor or in a guest that shares its IDT. The line that "
     "begins with \"stopped\" has its RIP; \"list *0x...\" with this RIP, in the debugger, shows the line."},
    {"max-instructions", nullptr, nullptr,
     "It does not come to its end: it hangs, in a loop of its own or entering the same guest again and "
     "again."},
    {"output-limit", nullptr, nullptr, "It prints without end."},
    {"shutdown", nullptr, nullptr,
     "A triple fault: an exception came while the way to its handler was broken. \"chain\" in the "
     "explanation begins "
     "with the exception that counts; a stack or descriptor table that was written over is a usual cause."},
    {"idle", nullptr, nullptr, "It sleeps for ever: HLT, with no interrupt that could end it."},
    {"timeout", nullptr, nullptr, "It takes too much of the host's time: it hangs."},
};

}  // namespace

std::vector<std::string> diagnose(const Lesson& lesson, const conform::TestResult& result,
                                  const std::string& explained) {
  const std::vector<std::string> printed = lines_of(result.output), told = lines_of(explained);
  std::vector<std::string> says;
  for (const Diagnosis& diagnosis : lesson.diagnoses) {
    if (holds(diagnosis, result, printed, told)) says.push_back(diagnosis.say);
  }
  for (const General& general : generals) {
    Diagnosis diagnosis;
    std::string none;
    if (general.ending) diagnosis.ending = general.ending;
    if (general.printed) diagnosis.printed.emplace_back().compile(general.printed, none);
    if (general.not_printed) diagnosis.not_printed.emplace_back().compile(general.not_printed, none);
    if (!holds(diagnosis, result, printed, told)) continue;
    says.emplace_back(general.say);
    break;
  }
  return says;
}

}  // namespace ringside::course
