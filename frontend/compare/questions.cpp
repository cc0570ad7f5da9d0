// Owns the claims of the old quarrel as questions, and which figures answer them.
#include <fmt/format.h>

#include "frontend/compare/comparison.h"

namespace ringside::compare {
namespace {

struct Asked {
  const char* text;
  struct {
    const char *group, *row, *words;  // the figure, and what it is called in the answer
  } figures[3];
};

constexpr Asked questions[] = {
    {"Does it cost more to leave the guest when the hypervisor lives in an operating system?",
     {{"exit", "instructions.median", "instructions for a VM exit, the median"},
      {"exit", "instructions.worst", "the worst"},
      {"exit", "to_user", "% of the exits go on to CPL 3"}}},
    {"How much of the machine is lost to virtualization?",
     {{"time", "guest", "% of the instructions are the guest's, with this guest's work"}, {}, {}}},
    {"Is a guest only as isolated as the operating system below it is secure?",
     {{"surface", "kernel.lines", "lines at CPL 0 that the guest reached"},
      {"surface", "kernel.lines.all", "lines in all of that program"},
      {"surface", "kernel.bytes", "bytes of code at CPL 0 that the guest reached"}}},
    {"Does the device model run where a mistake in it is harmless?",
     {{"surface", "user.lines", "lines at CPL 3 that the guest reached"},
      {"surface", "control.lines", "lines in a trusted guest that it reached"},
      {}}},
    {"What does a driver cost that is in another guest, or in a process?",
     {{"work", "disk.switches", "world switches for a page written to a disk and read again"},
      {"work", "net.switches", "for a packet sent and received"},
      {}}},
    {"How soon does a guest hear of an interrupt?",
     {{"latency", "latency.median", "instructions, the median"},
      {"latency", "latency.worst", "the worst"},
      {}}}};

const Row* find_row(const Comparison& all, std::string_view group, std::string_view id) {
  for (const Group& one : all.groups) {
    if (one.id != group) continue;
    for (const Row& row : one.rows)
      if (row.id == id) return &row;
  }
  return nullptr;
}

}  // namespace

void add_questions(Comparison& comparison) {
  for (const Asked& asked : questions) {
    std::string answer;
    for (std::size_t n = 0; n < comparison.subjects.size(); ++n) {
      std::string own;
      for (const auto& [group, id, words] : asked.figures) {
        const Row* const row = group ? find_row(comparison, group, id) : nullptr;
        if (!row || !row->figures[n]) continue;
        own += fmt::format("{}{:.{}f} {}", own.empty() ? "" : ", ", *row->figures[n], row->decimals, words);
      }
      if (!own.empty())
        answer += fmt::format("{}{}: {}.", answer.empty() ? "" : " ", comparison.subjects[n].name, own);
    }
    if (!answer.empty()) comparison.questions.push_back({asked.text, answer});
  }
}

}  // namespace ringside::compare
