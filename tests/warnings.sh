#!/bin/bash
# Owns the question whether a second compiler takes the product without a warning: it reads every file and makes no code.
#   tests/warnings.sh [COMPILER]    g++ unless told; after a build, whose generated headers it needs
set -euo pipefail
cd "$(dirname "$0")/.."
compiler=${1:-g++}
command -v "$compiler" >/dev/null || { echo "tests/warnings.sh: $compiler is not installed" >&2; exit 1; }
[ -d build/generated ] || { echo "tests/warnings.sh: no build/generated; run ./go build first" >&2; exit 1; }

flags=(-std=c++20 -Wall -Wextra -Wno-missing-field-initializers -fno-strict-aliasing -Werror -I. -Ibuild/generated -DFMT_SHARED
  '-DRINGSIDE_VERSION="0"')
# What nearly every file includes is read once.
common=build/warnings/common.h
mkdir -p "${common%/*}"
printf '#include %s\n' '<algorithm>' '<array>' '<functional>' '<map>' '<memory>' '<optional>' '<span>' '<string>' '<vector>' \
  '<fmt/format.h>' '"cpu/state/cpu.h"' >$common
"$compiler" "${flags[@]}" -x c++-header $common -o $common.gch

find cpu mmu vmx devices frontend -name '*.cpp' -print0 | sort -z |
  xargs -0 -P "$(nproc)" -n 4 "$compiler" "${flags[@]}" -include $common -fsyntax-only
