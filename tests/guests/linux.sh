#!/bin/bash
# Makes the Linux guest: Debian's cloud kernel, and an initramfs with busybox that runs a short, fixed workload.
#   tests/guests/linux.sh FOLDER  ->  FOLDER/vmlinuz, FOLDER/linux.cpio, and FOLDER/linux.iso where grub-mkrescue is
. "$(dirname "${BASH_SOURCE[0]}")/packages.sh"
begin_image apt-get apt-cache dpkg-deb cpio -- "$@"

# A failure inside $(...) as an argument would go unnoticed: each has a line of its own.
package=$(newest_kernel cloud-amd64)
kernel=$(unpacked "$package")
cp "$kernel"/boot/vmlinuz-* "$out/vmlinuz"

busybox_tree "$work/tree"
reproducible_cpio "$work/tree" "$out/linux.cpio"

cd_image "$out/linux.iso" "$out/vmlinuz" "$out/linux.cpio" <<COMMANDS
linux /boot/vmlinuz console=ttyS0,115200 ${GUEST_CMDLINE:-}
initrd /boot/linux.cpio
COMMANDS
