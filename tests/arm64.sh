#!/bin/bash
# Owns the test of arm64 hosts on an x86-64 Debian: built with Debian's cross compiler and arm64's libraries, run under
# user-mode emulation, and compared with this host's build/ringside by the states in which guests end.
#   tests/arm64.sh FOLDER [TARGET...]
# The libraries, the build and what the runs say go to FOLDER. With targets, only those are built, and no tests are run;
# ringside and rom-images have to be among them. RINGSIDE_GUESTS names the folder with the Linux guest, if that is to boot.
set -euo pipefail

die() {
  echo "tests/arm64.sh: $*" >&2
  exit 1
}

for tool in aarch64-linux-gnu-g++:g++-aarch64-linux-gnu qemu-aarch64-static:qemu-user-static cmake:cmake ninja:ninja-build; do
  command -v "${tool%:*}" >/dev/null || die "needs ${tool%:*}; install ${tool#*:}"
done
[ $# -ge 1 ] || die "usage: tests/arm64.sh FOLDER [TARGET...]"
source=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)
shift
root=$out/root

packages=(libc6-dev libstdc++-12-dev libzydis-dev libzycore-dev libcapstone-dev libdw-dev libelf-dev libedit-dev libmpfr-dev
  libgmp-dev libsimde-dev libfmt-dev nlohmann-json3-dev libtomlplusplus-dev libpcre2-dev libxxhash-dev libzstd-dev libpng-dev
  doctest-dev)

# The host's package manager is asked, but keeps what it knows of arm64 apart.
fetch_libraries() {
  local apt=$out/apt package link
  mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$root.new"
  : >"$apt/status"
  cat >"$apt/apt.conf" <<SETTINGS
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
APT::Install-Recommends "false";
Dir::State::lists "$apt/lists";
Dir::State::status "$apt/status";
Dir::Cache "$apt";
SETTINGS
  APT_CONFIG=$apt/apt.conf apt-get update -qq || die "apt-get finds no arm64 packages; look at its sources"
  APT_CONFIG=$apt/apt.conf apt-get install -y -qq --download-only "${packages[@]}"
  for package in "$apt"/archives/*.deb; do dpkg-deb -x "$package" "$root.new"; done
  # Links that begin at the root would leave the folder.
  find "$root.new" -type l -lname '/*' | while read -r link; do
    ln -snf "$(realpath -ms --relative-to="${link%/*}" "$root.new$(readlink "$link")")" "$link"
  done
  mv "$root.new" "$root"
}

[ -d "$root" ] || fetch_libraries
if [ ! -f "$out/build/build.ninja" ]; then
  cmake -G Ninja -S "$source" -B "$out/build" -DCMAKE_BUILD_TYPE=Release "-DCMAKE_CXX_FLAGS_RELEASE=-O1" -DRINGSIDE_FIRST_BUILD=ON \
    -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 -DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++ \
    "-DCMAKE_SYSROOT=$root" "-DCMAKE_CROSSCOMPILING_EMULATOR=qemu-aarch64-static;-L;$root" \
    -DCMAKE_FIND_ROOT_PATH_MODE_PROGRAM=NEVER -DCMAKE_FIND_ROOT_PATH_MODE_LIBRARY=ONLY \
    -DCMAKE_FIND_ROOT_PATH_MODE_INCLUDE=ONLY -DCMAKE_FIND_ROOT_PATH_MODE_PACKAGE=ONLY
fi
cmake --build "$out/build" --target "${@:-all}"

# state FOLDER NAME COMMAND...: the instructions that a run took, and its final state.
state() {
  local file=$1/$2.json
  shift 2
  "$@" --stats "$file" >/dev/null || [ $? = 124 ] || return
  grep -E '"(instructions|state_hash|reason)"' "$file"
}
mkdir -p "$out/here" "$out/there"
compare() {
  local name=$1 here there
  shift
  here=$(state "$out/here" "$name" "$source/build/ringside" "$@") || die "build/ringside does not run $name; ./go build"
  there=$(state "$out/there" "$name" qemu-aarch64-static -L "$root" "$out/build/ringside" "$@") || die "$name does not run"
  [ "$here" = "$there" ] || die "$name: another state; here$here, there$there"
  echo "$name: the same state on both hosts"
}
for rom in hello visor refusals; do compare "$rom" -bios "$out/build/roms/$rom.bin"; done
linux=${RINGSIDE_GUESTS:-}/linux
if [ -f "$linux/vmlinuz" ]; then
  compare linux -nographic -no-reboot -m 512 -kernel "$linux/vmlinuz" -initrd "$linux/linux.cpio" \
    -append console=ttyS0,115200 --max-instructions 500000000
fi

# Tests that start the program need a kernel that starts arm64's programs.
without=()
[ -e /proc/sys/fs/binfmt_misc/qemu-aarch64 ] || without=(-E '^(cli|gdb|guests|fuzz-.*)$')
[ $# -gt 0 ] || QEMU_LD_PREFIX=$root ctest --test-dir "$out/build" --output-on-failure "${without[@]}"
