#!/bin/bash
# Owns the test of Ringside on a system where nothing was installed before: a chroot that debootstrap makes anew. Needs root, the
# network and 2 GB; it leaves the folder for whoever wants to look.
#   tests/chroot.sh RELEASE FOLDER go [ARGUMENT...]   ./go ARGUMENT... from this commit, and the CPU seconds of what it did
#   tests/chroot.sh RELEASE FOLDER package FILE.deb   the package (cpack -G DEB), without the build's dependencies
# RELEASE is bookworm, trixie or noble.
set -euo pipefail

die() {
  echo "tests/chroot.sh: $*" >&2
  exit 1
}

[ $# -ge 3 ] || die "usage: tests/chroot.sh RELEASE FOLDER go [ARGUMENT...] | package FILE.deb"
release=$1 root=$2 act=$3
shift 3
[ "$(id -u)" -eq 0 ] || die "making a chroot takes root"
command -v debootstrap >/dev/null || die "needs debootstrap; install debootstrap"
[ ! -e "$root" ] || die "$root is there already; a test of what is missing starts with an empty folder"
source=$(cd "$(dirname "$0")/.." && pwd)

make_system() {
  local mirror=http://deb.debian.org/debian components=main script=() suites="$release"
  case $release in
    bookworm | trixie) ;;
    noble)
      mirror=http://archive.ubuntu.com/ubuntu components=main,universe suites="noble noble-updates"
      script=(/usr/share/debootstrap/scripts/gutsy) # that of all newer Ubuntus; an older debootstrap lacks their names
      [ -e /usr/share/keyrings/ubuntu-archive-keyring.gpg ] || script=("${script[@]}" unchecked)
      ;;
    *) die "no such release here: $release; bookworm, trixie and noble are tried" ;;
  esac
  local check=()
  [ "${script[1]:-}" != unchecked ] || check=(--no-check-gpg)
  debootstrap --variant=minbase "${check[@]}" --components="$components" "$release" "$root" "$mirror" "${script[@]:0:1}" \
    >"$root.log" 2>&1 || die "no system of $release in $root; see $root.log"
  : >"$root/etc/apt/sources.list"
  local suite
  for suite in $suites; do echo "deb $mirror $suite ${components//,/ }" >>"$root/etc/apt/sources.list"; done
  cp /etc/resolv.conf "$root/etc/resolv.conf"
  mount -t proc proc "$root/proc"
  trap 'umount "$root/proc"' EXIT
}

inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/ LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"; }
says() { # says WORDS COMMAND...: the command succeeds and its output has the words in it
  local words=$1 out
  shift
  out=$(inside "$@" 2>&1) || die "$release: $* fails: $out"
  [[ $out == *"$words"* ]] || die "$release: $* does not say \"$words\" but: $out"
  echo "$release: $*: ok"
}

case $act in
  go)
    make_system
    mkdir "$root/srv/ringside"
    git -C "$source" archive HEAD | tar -x -C "$root/srv/ringside"
    inside apt-get update -qq
    # The packages first, so that the time is that of the build.
    inside /srv/ringside/go packages >"$root.log" 2>&1 || die "$release: ./go packages fails; see $root.log"
    inside bash -c 'cd /srv/ringside && TIMEFORMAT="CPU seconds: %U user, %S system" && time ./go "$@"' go "$@"
    ;;
  package)
    file=$1
    make_system
    cp "$file" "$root/srv/ringside.deb"
    inside apt-get update -qq
    inside apt-get install -y -qq --no-install-recommends /srv/ringside.deb man-db bash-completion >"$root.log" 2>&1 ||
      die "$release: the package does not install; see $root.log"
    for tool in g++ clang++-19 cmake ninja nasm iasl; do
      ! inside sh -c "command -v $tool" >/dev/null || die "$tool is there: the package pulls in what only the build needs"
    done
    says "Ringside " ringside --version
    says "VM exit" ringside explain
    says "VMXOFF, power off" ringside
    says "RINGSIDE" sh -c 'man ringside | cat'
    says "--max-instructions" bash -c '. /usr/share/bash-completion/bash_completion; _completion_loader ringside
      COMP_WORDS=(ringside --max) COMP_CWORD=1 COMP_LINE="ringside --max" COMP_POINT=14; _ringside; echo "${COMPREPLY[@]}"'
    ;;
  *) die "what to do in it? go or package, not $act" ;;
esac
