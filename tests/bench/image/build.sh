#!/bin/bash
# Makes the benchmark image: FOLDER/bench.elf (multiboot 1), FOLDER/native (the same kernels on the host) and, where
# grub-mkrescue is there, FOLDER/bench.iso, whose command line is a row of @ to be overwritten.
#   tests/bench/image/build.sh FOLDER
set -eu
[ $# = 1 ] || { echo "usage: build.sh FOLDER" >&2; exit 2; }
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
cxx=${BENCH_CXX:-g++}
mkdir -p "$1"
out=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Scalar code as written: no vectors, no loops turned into calls of memcpy.
flags=(-std=c++20 -O2 -ffreestanding -fno-exceptions -fno-rtti -fno-pic -fno-pie -mno-red-zone -fno-stack-protector
  -fno-strict-aliasing -fno-tree-vectorize -fno-tree-loop-distribute-patterns -fno-asynchronous-unwind-tables
  -fcf-protection=none -march=x86-64 -Wall -Wextra -Werror "-I$root")

for source in kernels wide routines events vmx machine main; do
  "$cxx" "${flags[@]}" -c "$here/$source.cpp" -o "$work/$source.o"
done
for source in boot traps vmx; do
  "$cxx" -c "-I$root" "$here/$source.S" -o "$work/$source-s.o"
done
ld -nostdlib -static -z noexecstack --no-warn-rwx-segments -T "$here/image.ld" -o "$work/bench64.elf" "$work"/*.o
objcopy -I elf64-x86-64 -O elf32-i386 "$work/bench64.elf" "$work/bench.elf"
"$cxx" -std=c++20 -O2 -no-pie -Wall -Wextra -Werror "-I$root" "$here/native.cpp" "$work/kernels.o" "$work/wide.o" "$work/routines.o" -o "$work/native"

if command -v grub-mkrescue >/dev/null && [ -d /usr/lib/grub/i386-pc ]; then
  mkdir -p "$work/cd/boot/grub"
  cp "$work/bench.elf" "$work/cd/boot/"
  room=$(printf '@%.0s' {1..1500})
  printf 'multiboot /boot/bench.elf %s\nboot\n' "$room" >"$work/cd/boot/grub/grub.cfg"
  grub-mkrescue -d /usr/lib/grub/i386-pc -o "$work/bench.iso" "$work/cd" --fonts= --locales= --themes= \
    >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
  mv "$work/bench.iso" "$out/"
else
  echo "no grub-mkrescue for BIOS (grub-common, grub-pc-bin, xorriso): no CD image for Bochs" >&2
fi
mv "$work/native" "$work/bench.elf" "$out/"
