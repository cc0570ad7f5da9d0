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

need_tools() {
  local tool
  for tool in "$@"; do
    command -v "$tool" >/dev/null || die "needs $tool; install it first"
  done
}

# unpacked PACKAGE: prints the folder with the package's files, fetching it if it is not there.
unpacked() {
  local package=$1 tree=$package_cache/trees/$1 work
  if [ ! -d "$tree" ]; then
    mkdir -p "$package_cache/trees"
    work=$(mktemp -d "$package_cache/fetch.XXXXXX")
    (cd "$work" && apt-get download -qq "$package" >&2) || die "cannot download the package $package; try apt-get update"
    dpkg-deb -x "$work"/*.deb "$work/tree"
    mv "$work/tree" "$tree"
    rm -rf "$work"
  fi
  echo "$tree"
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

# reproducible_cpio TREE FILE: an initramfs that has the same bytes whenever the tree has.
reproducible_cpio() {
  find "$1" -exec touch --no-dereference --date=@0 {} +
  (cd "$1" && find . -print0 | LC_ALL=C sort -z |
    cpio --null --quiet --create --format=newc --owner=0:0 --reproducible) >"$2"
}
