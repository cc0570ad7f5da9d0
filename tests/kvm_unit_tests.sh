#!/bin/sh
# Owns running a built checkout of kvm-unit-tests on Ringside, with that suite's own runner.
#
#   tests/kvm_unit_tests.sh CHECKOUT [TEST...]
#
# CHECKOUT was configured and built for x86_64 by its owner. RINGSIDE names another program than build/ringside.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
program=${RINGSIDE:-$here/build/ringside}
if [ $# -lt 1 ] || [ ! -x "$1/run_tests.sh" ]; then
  echo "usage: $0 CHECKOUT [TEST...]: CHECKOUT holds kvm-unit-tests, built" >&2
  exit 2
fi
if [ ! -x "$program" ]; then
  echo "$program: not there; build Ringside first, or name it in RINGSIDE" >&2
  exit 2
fi
cd "$1"
shift
# The suite's errata list kernels that have a bug; there is no such kernel here, so every test is wanted.
export QEMU="$program" ACCEL=tcg ERRATA_FORCE=y
exec ./run_tests.sh "$@"
