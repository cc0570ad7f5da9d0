#!/bin/bash
# Owns the way from a fresh Debian 12 to a running Ringside: missing packages, build, then the act.
#
#   ./go [run] [FLAG...]   build and run; without flags, the built-in guest, explained
#   ./go test              build everything and run all tests
#   ./go build             build only
set -euo pipefail
cd "$(dirname "$0")"

# The release compiler, that of all measurements. CXX=... chooses another for a
# build folder that is not there yet.
compiler=${CXX:-clang++-19}

packages=(
  clang-19 g++ cmake ninja-build             # the build
  libzydis-dev libzycore-dev                 # decoding
  libcapstone-dev                            # disassembly, and the decoder's cross-check
  libdw-dev libelf-dev                       # the debugger's symbols and source lines
  libedit-dev                                # the debugger's line editing
  libmpfr-dev libgmp-dev libsimde-dev        # arithmetic
  libfmt-dev nlohmann-json3-dev libxxhash-dev  # text, statistics, state hash
  acpica-tools nasm                          # ACPI tables, guests
  doctest-dev gdb                            # tests
)
# The emitted dispatcher's assembler. Other hosts have none, and no package of it.
[ "$(uname -m)" != x86_64 ] || packages+=(libxbyak-dev)

install_packages() {
  local missing=() package
  for package in "${packages[@]}"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  echo "Installing ${missing[*]}" >&2
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "go: as root, install: ${missing[*]}" >&2; exit 1; }
    as_root=(sudo)
  fi
  "${as_root[@]}" apt-get update -qq >&2
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}

# build TARGET...: what the build says goes to stderr, so that stdout is the guest's.
build() {
  if [ ! -f build/build.ninja ]; then cmake --preset release -DCMAKE_CXX_COMPILER="$compiler" >&2; fi
  cmake --build build --target "$@" >&2
}

act=run
case ${1:-} in
  run | build | test) act=$1; shift ;;
esac
install_packages
case $act in
  build) build all ;;
  run)
    build ringside rom-images
    [ $# -gt 0 ] || set -- explain
    exec build/ringside "$@"
    ;;
  test) build all; ctest --test-dir build --output-on-failure "$@" ;;
esac
