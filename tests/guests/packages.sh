# Debian packages as a source of guest software: fetched as a user, unpacked and never installed. To be sourced.
#
# GUEST_CACHE names the folder that keeps what was fetched; the default is ~/.cache/ringside-guests.

set -euo pipefail
guests_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
package_cache=${GUEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ringside-guests}

die() {
  echo "$0: $*" >&2
  exit 1
}

# begin_image TOOL... -- ARGUMENT...: the script's one argument is the folder to make the image in, `out`; `work` is a
# folder that goes away with the script, which needs the tools.
begin_image() {
  while [ "$1" != -- ]; do
    command -v "$1" >/dev/null || die "needs $1; install it first"
    shift
  done
  shift
  [ $# = 1 ] || die "usage: ${0##*/} FOLDER"
  out=$1
  mkdir -p "$out"
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
}

# unpacked PACKAGE: prints the folder with the package's files, fetching it if it is not there.
unpacked() {
  local package=$1 tree=$package_cache/trees/$1 work said
  if [ ! -d "$tree" ]; then
    mkdir -p "$package_cache/trees"
    work=$(mktemp -d "$package_cache/fetch.XXXXXX")
    # What apt remarks about a download that works (as root: that it is not sandboxed) helps nobody.
    said=$(cd "$work" && apt-get download -qq "$package" 2>&1) ||
      die "cannot download the package $package (${said##*$'\n'}); try apt-get update"
    dpkg-deb -x "$work"/*.deb "$work/tree"
    mv "$work/tree" "$tree"
    rm -rf "$work"
  fi
  echo "$tree"
}

# fetch PACKAGE...: what of it is not there yet, with one question to apt instead of one for each.
fetch() {
  local package file work missing=()
  for package in "$@"; do [ -d "$package_cache/trees/$package" ] || missing+=("$package"); done
  [ ${#missing[@]} -gt 0 ] || return 0
  mkdir -p "$package_cache/trees"
  work=$(mktemp -d "$package_cache/fetch.XXXXXX")
  # A package that is not there is told by unpacked, by its name.
  (cd "$work" && apt-get download -qq "${missing[@]}" >/dev/null 2>&1) || true
  for package in "${missing[@]}"; do
    for file in "$work/${package}"_*.deb; do
      [ ! -e "$file" ] || { dpkg-deb -x "$file" "$work/$package" && mv "$work/$package" "$package_cache/trees/"; }
    done
  done
  rm -rf "$work"
}

# newest_kernel FLAVOUR: prints the name of the package that linux-image-FLAVOUR stands for. What was fetched once is
# kept to, so that measurements stay comparable.
newest_kernel() {
  local pin=$package_cache/kernel-$1
  if [ ! -s "$pin" ]; then
    mkdir -p "$package_cache"
    apt-cache depends "linux-image-$1" | awk '$1 == "Depends:" && $2 ~ /^linux-image-[0-9]/ { print $2; exit }' >"$pin"
    [ -s "$pin" ] || die "apt knows no linux-image-$1; try apt-get update"
  fi
  cat "$pin"
}

# tiny_guest FOLDER: the tiny guest that TINY names, if it does, as loaders take it that want no 64-bit multiboot image: its
# header's magic number is taken out, and it starts as a PVH guest. A copy beside the image tells that it is in.
tiny_guest() {
  [ -n "${TINY:-}" ] || return 0
  [ -s "$TINY" ] || die "TINY=$TINY is not there; build the target rom-images"
  LC_ALL=C sed 's/\x02\xb0\xad\x1b/\x00\x00\x00\x00/' "$TINY" >"$1/tiny.elf"
  cp "$1/tiny.elf" "$out/"
}

# reproducible_cpio TREE FILE: an initramfs that has the same bytes whenever the tree has.
reproducible_cpio() {
  find "$1" -exec touch --no-dereference --date=@0 {} +
  (cd "$1" && find . -print0 | LC_ALL=C sort -z |
    cpio --null --quiet --create --format=newc --owner=0:0 --reproducible) >"$2"
}

# busybox_tree TREE: a root with busybox under all its names, and init.sh as the first process.
busybox_tree() {
  local busybox
  busybox=$(unpacked busybox-static)/bin/busybox
  mkdir -p "$1"/{bin,dev,proc,sys,tmp}
  cp "$busybox" "$1/bin/busybox"
  "$busybox" --list | while read -r applet; do
    [ "$applet" = busybox ] || ln -s busybox "$1/bin/$applet"
  done
  install -m 755 "$guests_dir/init.sh" "$1/init"
}

# vector_sums TREE: a program that compares sums compiled for x86-64-v3 with those of the same code for any x86-64. Nothing is
# contracted to fused operations, so that both have the same.
vector_sums() {
  local level
  for level in x86-64 x86-64-v3; do
    "${CC:-gcc}" -O3 -march=$level -ffp-contract=off -DSUMS="sums_${level//-/_}" -c "$guests_dir/vector_sums.c" -o "$work/$level.o"
  done
  "${CC:-gcc}" -O1 "$guests_dir/vector_sums_main.c" "$work"/x86-64{,-v3}.o -static -s -lm -o "$1/bin/vector_sums"
}

# library_sums TREE: a program that calls what the C library and OpenSSL's have in several variants, with these libraries.
library_sums() {
  "${CC:-gcc}" -O1 -fno-builtin "$guests_dir/library_sums.c" -o "$1/bin/library_sums" -lm \
    "$(unpacked libssl3)/usr/lib/x86_64-linux-gnu/libcrypto.so.3"
  add_libraries "$1" libssl3
}

# add_libraries TREE PACKAGE...: what the dynamic programs of TREE need, from these packages and libc6, where the loader
# looks for it.
add_libraries() {
  local tree=$1 package file name found missing=1
  shift
  local -A known=()
  for package in libc6 "$@"; do
    while read -r file; do known[${file##*/}]=$file; done < <(find "$(unpacked "$package")" -name '*.so*' ! -type d)
  done
  mkdir -p "$tree/lib/x86_64-linux-gnu" "$tree/lib64"
  # Libraries need libraries: again until nothing is missing.
  while [ $missing = 1 ]; do
    missing=0
    while read -r name; do
      [ ! -e "$tree/lib/x86_64-linux-gnu/$name" ] || continue
      found=${known[$name]:-}
      [ -n "$found" ] || die "none of the packages libc6 $* has $name"
      cp -L "$found" "$tree/lib/x86_64-linux-gnu/$name"
      missing=1
    done < <(find "$tree" -type f -perm -u+r -exec readelf -d {} + 2>/dev/null |
      sed -n 's/.*(NEEDED).*\[\(.*\)\].*/\1/p' | sort -u)
  done
  cp -L "${known[ld-linux-x86-64.so.2]}" "$tree/lib64/"
}

# cd_image IMAGE FILE...: a CD that boots by GRUB, with the files in /boot, by BIOS and, where grub-efi-amd64-bin is, by UEFI;
# standard input has GRUB's commands. Without grub-mkrescue nothing is made.
cd_image() {
  local image=$1 tree log platforms=(-d /usr/lib/grub/i386-pc)
  shift
  # Packages grub-common, grub-pc-bin and xorriso.
  command -v grub-mkrescue >/dev/null && [ -d /usr/lib/grub/i386-pc ] || return 0
  # mtools make the file system that UEFI starts from.
  [ -d /usr/lib/grub/x86_64-efi ] && command -v mformat >/dev/null && platforms=()
  tree=$(mktemp -d)
  log=$(mktemp)
  mkdir -p "$tree/boot/grub"
  cp "$@" "$tree/boot/"
  {
    echo "serial --unit=0 --speed=115200"
    echo "terminal_input serial console"
    echo "terminal_output serial console"
    # UEFI's screen is the kernel's only if GRUB knows its mode.
    echo 'if [ "$grub_platform" = efi ]; then insmod all_video; fi'
    cat
    echo boot
  } >"$tree/boot/grub/grub.cfg"
  grub-mkrescue "${platforms[@]}" -o "$image" "$tree" --fonts= --locales= --themes= >"$log" 2>&1 || {
    cat "$log" >&2
    die "grub-mkrescue failed"
  }
  rm -rf "$tree" "$log"
}
