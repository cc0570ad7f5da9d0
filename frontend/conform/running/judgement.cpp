// Owns the verdict: from what was seen of a test's run to what it came to.
#include "frontend/conform/running/judgement.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstring>

namespace ringside::conform {
namespace {

// The emulator's, which a suite's file may not change.
constexpr int status_usage = 2, status_limit = 124;

struct Opinion {
  Verdict verdict = Verdict::passed;
  std::string reason;
};
Opinion broken(std::string why) { return {Verdict::broken, std::move(why)}; }
Opinion failed(std::string why) { return {Verdict::failed, std::move(why)}; }

std::string last_line(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  const auto newline = text.rfind('\n');
  return std::string(newline == std::string_view::npos ? text : text.substr(newline + 1));
}
std::string opening_line(std::string_view text) { return std::string(text.substr(0, text.find('\n'))); }

// How the run ended, in a person's words.
std::string ending_of(const Seen& seen) {
  if (seen.statistics && !seen.statistics->reason.empty()) return seen.statistics->reason;
  if (!seen.errors.empty()) return last_line(seen.errors);
  return fmt::format("exit status {}", seen.end.status);
}

// What stands in every judge's way; nullopt: nothing does.
std::optional<Opinion> disturbed(const Seen& seen) {
  if (seen.end.overdue)
    return broken(
        fmt::format("it was ended after {:.1f} seconds of the processor's time ({:.0f} of the host's)",
                    seen.end.cpu_seconds, seen.end.host_seconds));
  if (seen.end.signal != 0)
    return broken(
        fmt::format("the emulator was ended by signal {} ({})", seen.end.signal, strsignal(seen.end.signal)));
  if (seen.end.status == 127 && !seen.statistics) return broken("the emulator could not be started");
  return std::nullopt;
}

const Check* first_failure(const Seen& seen) {
  const auto found = std::find_if(seen.checks.begin(), seen.checks.end(),
                                  [](const Check& check) { return counts_as_failure(check.verdict); });
  return found == seen.checks.end() ? nullptr : &*found;
}

// The line of the output that speaks against it; 0: none does.
u64 deciding_line(const Seen& seen) {
  if (seen.expectations.hit_line() > 0) return seen.expectations.hit_line();
  const Check* failure = first_failure(seen);
  return failure ? failure->line : 0;
}

std::string about(const Check& check) {
  std::string text = check.line ? fmt::format("line {}: {}", check.line, check.name) : check.name;
  if (!check.message.empty() && check.message != check.name) text += ": " + opening_line(check.message);
  return text;
}

bool warns(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text.find("warning") != std::string::npos;
}

// As qemu_fixup_return_code and run of the suite's runner have it.
Opinion by_kvm_unit_tests(const Seen& seen) {
  constexpr int success = 1, skipped = 77, aborted = 127;
  const int status = seen.end.status;
  const Check* failure = first_failure(seen);
  switch (status) {
    case status_usage:
      if (seen.output_bytes == 0) return {Verdict::skipped, last_line(seen.errors)};
      break;
    case success:
      if (seen.errors.empty() || warns(seen.errors)) return {};
      return failed(ending_of(seen));
    case skipped: {
      const auto skip = std::find_if(seen.checks.begin(), seen.checks.end(),
                                     [](const Check& check) { return check.verdict == Verdict::skipped; });
      return {Verdict::skipped, skip == seen.checks.end() ? "the guest skips it" : about(*skip)};
    }
    case status_limit: return broken(ending_of(seen));
    case aborted: return failed("the guest aborted" + (failure ? "; " + about(*failure) : std::string()));
    default: break;
  }
  if (failure) return failed(about(*failure));
  return failed(ending_of(seen));
}

std::optional<Opinion> by_checks(const Test& test, const Seen& seen) {
  if (const Check* failure = first_failure(seen)) return failed(about(*failure));
  if (!seen.complaint.empty()) return failed(seen.complaint);
  const bool wanted = !test.protocol.empty() && test.protocol != "none";
  if (wanted && seen.checks.empty())
    return broken(fmt::format("no line of the protocol {} came: {}", test.protocol, ending_of(seen)));
  const bool all_skipped = !seen.checks.empty() &&
                           std::all_of(seen.checks.begin(), seen.checks.end(),
                                       [](const Check& check) { return check.verdict == Verdict::skipped; });
  if (all_skipped) return Opinion{Verdict::skipped, about(seen.checks.front())};
  return std::nullopt;
}

Opinion by_expectations(const Test& test, const Seen& seen) {
  const int status = seen.end.status;
  const std::string ending = seen.statistics ? seen.statistics->ending : "";
  if (!seen.statistics && status != 0) return broken(ending_of(seen));
  if (!seen.expectations.hit().empty())
    return failed(fmt::format("line {} matches {}, which must not come", seen.expectations.hit_line(),
                              seen.expectations.hit()));
  if (status == status_limit && ending != "debug-exit") return broken(ending_of(seen));
  if (const std::string missing = seen.expectations.missing(); !missing.empty()) {
    const u64 after = seen.expectations.last_met();
    return failed(fmt::format("no line{} matches {}: {}", after ? fmt::format(" from {} on", after) : "",
                              missing, ending_of(seen)));
  }
  const bool by_patterns = !test.expect.empty() || !test.expect_screen.empty();
  const bool any_status = !test.status && by_patterns && test.to_the_end;
  if (!any_status && status != test.status.value_or(0))
    return failed(
        fmt::format("exit status {}, not {}: {}", status, test.status.value_or(0), ending_of(seen)));
  if (!test.ending.empty() && ending != test.ending)
    return failed(fmt::format("it ended by {}, not by {}: {}", ending, test.ending, ending_of(seen)));
  const double limit = test.limits.virtual_seconds;
  if (limit > 0 && seen.statistics && seen.statistics->virtual_seconds > limit)
    return failed(fmt::format("it took {:.3f} seconds of the guest's time, more than {}",
                              seen.statistics->virtual_seconds, limit));
  if (auto opinion = by_checks(test, seen)) return *opinion;
  if (!seen.not_covered.empty()) return failed(fmt::format("{}: the run did not meet it", seen.not_covered));
  return {};
}

}  // namespace

void judge(const Test& test, const Seen& seen, TestResult& result) {
  result.checks = seen.checks;
  result.protocol = seen.protocol;
  result.exit_status = seen.end.signal ? std::nullopt : std::optional(seen.end.status);
  result.host_seconds = seen.end.host_seconds;
  result.output = seen.output;
  result.output_bytes = seen.output_bytes;
  if (seen.statistics) {
    result.ending = seen.statistics->ending;
    result.virtual_seconds = seen.statistics->virtual_seconds;
    result.instructions = seen.statistics->instructions;
    result.state_hash = seen.statistics->state_hash;
  }
  const auto trouble = disturbed(seen);
  Opinion opinion = trouble                               ? *trouble
                    : test.judge == Judge::kvm_unit_tests ? by_kvm_unit_tests(seen)
                                                          : by_expectations(test, seen);
  if (!test.known_failure.empty() && !trouble) {
    if (counts_as_failure(opinion.verdict)) {
      opinion = {Verdict::expected_failure, fmt::format("{} ({})", test.known_failure, opinion.reason)};
    } else if (opinion.verdict == Verdict::passed) {
      opinion = {Verdict::unexpected_pass, fmt::format("known to fail: {}", test.known_failure)};
    }
  }
  result.verdict = opinion.verdict;
  result.reason = opinion.reason;
  const bool failed = opinion.verdict == Verdict::failed || opinion.verdict == Verdict::broken;
  if (failed) result.line = deciding_line(seen);
}

}  // namespace ringside::conform
