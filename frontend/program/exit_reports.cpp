// Owns what the flags of a run ask to be told of VMX.
#include "frontend/program/exit_reports.h"

#include <unistd.h>

#include <utility>

#include "frontend/render/json.h"
#include "frontend/render/sheet_text.h"
#include "frontend/render/wrap.h"
#include "frontend/program/pager.h"

namespace ringside {

bool ExitReports::prepare(const RunOptions& options, Machine& machine,
                          const std::function<const Symbols&()>& names, std::function<void()> before_story,
                          std::string& error) {
  const bool rows = !options.trace_exits.empty();
  const bool into_file = !options.explain_json.empty(), story = options.explain || into_file;
  if (!rows && !story) return true;
  trace_ = std::make_unique<ExitTrace>();
  if (rows) {
    if (!rows_.open_file("--trace-exits", options.trace_exits, false, error)) return false;
    trace_->write_rows(trace_form(options.trace_exits), [this](std::string_view text) { rows_.put(text); });
  }
  trace_->use_symbols(&names());
  if (options.explain) story_.open_standard_error();
  if (into_file && !json_.open_file("--explain-json", options.explain_json, false, error)) return false;
  trace_->filter_story(options.explain_only);
  if (story) {
    story_teller_ = [this, before = std::move(before_story), words = options.explain,
                     as_json = options.explain_as_json, into_file](const Sheet& event) {
      if (into_file) json_.put(ringside::json(event) + "\n");
      if (!words) return;
      before();
      const unsigned width = terminal_size(STDERR_FILENO).width;
      story_.put(as_json ? ringside::json(event) + "\n" : wrapped(text(event), width));
      story_.flush();
    };
    trace_->tell_story(story_teller_);
  }
  trace_->attach(machine);
  return true;
}

void ExitReports::attach(Machine& machine) {
  if (trace_) trace_->attach(machine);
}

void ExitReports::conclude(const RunOptions& options) {
  if (!trace_) return;
  trace_->conclude();
  json_.flush();
  if ((options.explain && !options.explain_as_json) || !options.trace_exits.empty()) tell(trace_->summary());
}

}  // namespace ringside
