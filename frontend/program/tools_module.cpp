// Owns what ringside-tools.so shows, or what the program links in its place.
#include "frontend/program/bundle_command.h"
#include "frontend/program/compare_command.h"
#include "frontend/program/course_command.h"
#include "frontend/program/coverage_command.h"
#include "frontend/program/debug_driver.h"
#include "frontend/program/diff_command.h"
#include "frontend/program/differ_command.h"
#include "frontend/program/merge_command.h"
#include "frontend/program/test_command.h"
#include "frontend/program/test_options.h"
#include "frontend/program/tools.h"

extern "C" [[gnu::visibility("default")]] const ringside::Tools ringside_tools;
const ringside::Tools ringside_tools{ringside::run_debugger,
                                     ringside::run_test_command,
                                     ringside::run_course,
                                     ringside::run_bundle,
                                     ringside::merge_results,
                                     ringside::add_coverage,
                                     ringside::run_differ,
                                     ringside::run_diff,
                                     ringside::run_compare,
                                     ringside::test_flags,
                                     ringside::tell_replay_difference};
