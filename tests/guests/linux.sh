#!/bin/bash
# Makes the Linux guest: Debian's cloud kernel, and an initramfs with busybox that runs a short, fixed workload.
#   tests/guests/linux.sh FOLDER  ->  FOLDER/vmlinuz, FOLDER/linux.cpio, and FOLDER/linux.iso where grub-mkrescue is
. "$(dirname "${BASH_SOURCE[0]}")/packages.sh"
[ $# = 1 ] || die "usage: linux.sh FOLDER"
need_tools apt-get apt-cache dpkg-deb cpio
out=$1
mkdir -p "$out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A failure inside $(...) as an argument would go unnoticed: each has a line of its own.
package=$(newest_kernel cloud-amd64)
kernel=$(unpacked "$package")
busybox=$(unpacked busybox-static)/bin/busybox
cp "$kernel"/boot/vmlinuz-* "$out/vmlinuz"

tree=$work/tree
mkdir -p "$tree"/{bin,dev,proc,sys,tmp}
cp "$busybox" "$tree/bin/busybox"
"$busybox" --list | while read -r applet; do
  [ "$applet" = busybox ] || ln -s busybox "$tree/bin/$applet"
done
install -m 755 "$guests_dir/init.sh" "$tree/init"
reproducible_cpio "$tree" "$out/linux.cpio"

if command -v grub-mkrescue >/dev/null && [ -d /usr/lib/grub/i386-pc ]; then
  mkdir -p "$work/cd/boot/grub"
  cp "$out/vmlinuz" "$out/linux.cpio" "$work/cd/boot/"
  cat >"$work/cd/boot/grub/grub.cfg" <<CONFIG
serial --unit=0 --speed=115200
terminal_input serial
terminal_output serial
linux /boot/vmlinuz console=ttyS0,115200 ${GUEST_CMDLINE:-}
initrd /boot/linux.cpio
boot
CONFIG
  grub-mkrescue -d /usr/lib/grub/i386-pc -o "$out/linux.iso" "$work/cd" --fonts= --locales= --themes= >"$work/log" 2>&1 || {
    cat "$work/log" >&2
    die "grub-mkrescue failed"
  }
else
  echo "no grub-mkrescue for BIOS (grub-common, grub-pc-bin, xorriso): no CD image" >&2
fi
