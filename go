#!/bin/bash
# Owns the way from a fresh Debian or Ubuntu to a running Ringside: missing packages, build, then the act.
#
#   ./go [run] [FLAG...]   build and run; without flags, the built-in guest, explained, for which less is built
#   ./go test              build everything and run all tests
#   ./go course [WORD...]  build, and the lessons: list, start, check, ...
#   ./go build             build only
#   ./go packages          install what the build and the tests need, and build nothing
set -euo pipefail
caller=$PWD
cd "$(dirname "$0")"

packages=(
  g++ cmake ninja-build                      # the build
  libzydis-dev libzycore-dev                 # decoding
  libcapstone-dev                            # disassembly, and the decoder's cross-check
  libdw-dev libelf-dev                       # the debugger's symbols and source lines
  libedit-dev                                # the debugger's line editing
  libmpfr-dev libgmp-dev libsimde-dev        # arithmetic
  libfmt-dev nlohmann-json3-dev              # text, JSON
  libxxhash-dev libzstd-dev                  # state hash, saved machines
  libtomlplusplus-dev libpcre2-dev           # suites of tests
  libpng-dev seabios mtools                  # pictures, firmware, folders as disks
  libsdl2-dev libimgui-dev libvncserver-dev  # the window, its inspector, viewers elsewhere
  acpica-tools nasm doctest-dev              # ACPI tables, guests, tests
  python3-dev pybind11-dev python3-pytest python3-yaml # the module for Python, and its tests
)
# The emitted dispatcher is for hosts of this kind only.
[ "$(uname -m)" != x86_64 ] || packages+=(libxbyak-dev)

# The release compiler, that of all measurements, is clang 19, where the system packages it (Debian 12 and 13, Ubuntu 24.04); else
# it is g++. CXX=... chooses another for a build folder that is not there yet.
choose_compiler() {
  if [ -n "${CXX:-}" ]; then
    compiler=$CXX
  elif command -v clang++-19 >/dev/null || packaged clang-19 || { refresh_lists && packaged clang-19; }; then
    compiler=clang++-19
    packages+=(clang-19)
  else
    compiler=g++
  fi
}
packaged() { [ -n "$(apt-cache show --no-all-versions "$1" 2>/dev/null)" ]; }
installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# The lists of packages may be old or not there; without root they stay so.
refresh_lists() { [ "$(id -u)" -ne 0 ] || apt-get update -qq >&2; }

need_root() {
  [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null || return 0
  echo "go: as root, install: ${missing[*]}" >&2
  exit 1
}
as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

install_packages() {
  command -v apt-get >/dev/null || return 0  # another system: the build names what it does not find
  local missing=() package
  for package in "${packages[@]}"; do installed "$package" || missing+=("$package"); done
  if [ ${#missing[@]} -gt 0 ]; then
    need_root
    as_root apt-get update -qq >&2
  fi
  # Whether clang 19 is packaged is known only now.
  choose_compiler
  missing=()
  for package in "${packages[@]}"; do installed "$package" || missing+=("$package"); done
  [ ${#missing[@]} -gt 0 ] || return 0
  need_root
  echo "Installing ${missing[*]}" >&2
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}

# build TARGET...: what the build says goes to stderr, so that stdout is the guest's.
build() {
  if [ ! -f build/build.ninja ]; then
    [ -n "${compiler:-}" ] || choose_compiler
    cmake --preset release -DCMAKE_CXX_COMPILER="$compiler" -DRINGSIDE_FIRST_BUILD=ON >&2
  fi
  cmake --build build --target "$@" >&2
}

# What a run of these words needs. The first run, of the built-in guest, waits for no more than it shows; but what is already built is
# kept in step with the program.
parts_for() {
  parts=(ringside rom-hello rom-refusals)
  case $* in '' | explain | vmx | isa | 'isa missing' | devices | cpus | help | --help) ;; *) parts+=(whole-program) ;; esac
  [ ! -f build/ringside-tools.so ] || parts+=(whole-program)
}

act=run
case ${1:-} in
  run | course | build | test | packages) act=$1; shift ;;
esac
case $act in test | packages) packages+=(gdb) ;; esac
install_packages
case $act in
  packages) ;;
  build) build all ;;
  run)
    parts_for "$@"
    build "${parts[@]}"
    [ $# -gt 0 ] || set -- explain
    exec build/ringside "$@"
    ;;
  course)
    build course-program
    # A student's folder belongs where the student is.
    program=$PWD/build/ringside
    cd "$caller"
    exec "$program" course "$@"
    ;;
  test) build all; ctest --test-dir build --output-on-failure "$@" ;;
esac
