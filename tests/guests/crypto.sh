#!/bin/bash
# Makes the guest that tests vector instructions: Debian's kernel with all of its ciphers for x86, which test themselves when they are loaded,
# a program compiled for x86-64-v3 that compares its sums with those of the same code for any x86-64, and one that calls the C library
# and OpenSSL's, which choose their code by the processor.
#   tests/guests/crypto.sh FOLDER  ->  FOLDER/vmlinuz, FOLDER/crypto.cpio
. "$(dirname "${BASH_SOURCE[0]}")/packages.sh"
begin_image apt-get apt-cache dpkg-deb cpio "${CC:-gcc}" -- "$@"

package=$(newest_kernel cloud-amd64)
kernel=$(unpacked "$package")
cp "$kernel"/boot/vmlinuz-* "$out/vmlinuz"

tree=$work/tree
busybox_tree "$tree"
version=$(basename "$kernel"/lib/modules/*)
mkdir -p "$tree/lib/modules/$version/kernel"
for folder in arch/x86/crypto crypto lib; do
  mkdir -p "$tree/lib/modules/$version/kernel/$folder"
  cp -r "$kernel/lib/modules/$version/kernel/$folder/." "$tree/lib/modules/$version/kernel/$folder/"
done
cp "$kernel/lib/modules/$version"/modules.{order,builtin} "$tree/lib/modules/$version/"
"$tree/bin/busybox" depmod -b "$tree" "$version"

vector_sums "$tree"
library_sums "$tree"
install -m 644 "$guests_dir/library_choices.sh" "$tree/library_choices.sh"
install -m 644 "$guests_dir/crypto_stage.sh" "$tree/stage.sh"
reproducible_cpio "$tree" "$out/crypto.cpio"
