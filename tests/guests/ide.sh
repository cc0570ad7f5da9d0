#!/bin/bash
# Makes the guest with an IDE disk: Debian's cloud kernel, and an initramfs with busybox and the modules for an IDE disk, which is read and copied.
#   tests/guests/ide.sh FOLDER  ->  FOLDER/vmlinuz, FOLDER/ide.cpio
. "$(dirname "${BASH_SOURCE[0]}")/packages.sh"
begin_image apt-get apt-cache dpkg-deb cpio -- "$@"

package=$(newest_kernel cloud-amd64)
kernel=$(unpacked "$package")
cp "$kernel"/boot/vmlinuz-* "$out/vmlinuz"

tree=$work/tree
busybox_tree "$tree"
mkdir -p "$tree/modules"
for module in scsi_common scsi_mod libata ata_piix sd_mod; do
  find "$kernel/lib/modules" -name "$module.ko" -exec cp {} "$tree/modules/" \;
done
install -m 644 "$guests_dir/ide_stage.sh" "$tree/stage.sh"
reproducible_cpio "$tree" "$out/ide.cpio"
