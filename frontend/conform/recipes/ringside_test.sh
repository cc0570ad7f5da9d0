#!/bin/bash
# Owns the recipe for Bazel: the srcs of an sh_test, whose args are suites. `ringside test` understands Bazel's variables for shards and
# for the JUnit file by itself; --test_filter is an expression over "SUITE: NAME".
#
#   sh_test(
#       name = "conformance",
#       srcs = ["ringside_test.sh"],
#       args = ["$(location suite.toml)"],
#       data = ["suite.toml", "kernel.elf"],
#       shard_count = 4,
#   )
set -euo pipefail
more=()
[ -z "${TESTBRIDGE_TEST_ONLY:-}" ] || more+=(--filter "$TESTBRIDGE_TEST_ONLY")
[ -z "${TEST_UNDECLARED_OUTPUTS_DIR:-}" ] || more+=(--json "$TEST_UNDECLARED_OUTPUTS_DIR/results.json")
export XDG_CACHE_HOME=${TEST_TMPDIR:-$PWD}
exec ringside test "${more[@]}" "$@"
