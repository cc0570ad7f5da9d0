#!/bin/bash
# Makes the nested guest: Debian's cloud kernel with KVM (L1), which runs kvmtest, a hypervisor of our own, and then Debian's
# QEMU with a second Linux in it (L2).
#   [TINY=build/roms/tiny.elf] tests/guests/kvm.sh FOLDER  ->  FOLDER/vmlinuz, FOLDER/kvm.cpio, and FOLDER/kvm.iso where grub-mkrescue is
. "$(dirname "${BASH_SOURCE[0]}")/packages.sh"
begin_image apt-get apt-cache dpkg-deb cpio readelf "${CC:-gcc}" "${CXX:-g++}" -- "$@"

package=$(newest_kernel cloud-amd64)
kernel=$(unpacked "$package")
qemu=$(unpacked qemu-system-x86)
roms=$(unpacked qemu-system-data)
cp "$kernel"/boot/vmlinuz-* "$out/vmlinuz"

# L2: the plain Linux guest, and what uses vectors.
busybox_tree "$work/l2"
vector_sums "$work/l2"
install -m 644 "$guests_dir/vectors_stage.sh" "$work/l2/stage.sh"
reproducible_cpio "$work/l2" "$work/l2.cpio"

# L1.
tree=$work/tree
busybox_tree "$tree"
mkdir -p "$tree"/{boot,modules,usr/share/qemu}
"${CXX:-g++}" -std=c++20 -O2 -static -Wall -Wextra -Werror -o "$tree/bin/kvmtest" "$guests_dir/kvmtest.cpp"
cp "$work/l2/bin/vector_sums" "$tree/bin/"
for module in irqbypass kvm kvm-intel kvm-amd; do
  find "$kernel/lib/modules" -name "$module.ko" -exec cp {} "$tree/modules/" \;
done
cp "$qemu/usr/bin/qemu-system-x86_64-microvm" "$tree/bin/qemu"
for rom in qboot.rom linuxboot_dma.bin pvh.bin kvmvapic.bin; do
  cp "$roms/usr/share/qemu/$rom" "$tree/usr/share/qemu/"
done
add_libraries "$tree" libgcc-s1 libglib2.0-0 libpcre2-8-0 libpixman-1-0 libfdt1 zlib1g
cp "$out/vmlinuz" "$work/l2.cpio" "$tree/boot/"
tiny_guest "$tree/boot"
cp "$guests_dir/kvm_stage.sh" "$tree/stage.sh"
install -m 644 "$guests_dir/vectors_stage.sh" "$tree/vectors_stage.sh"
reproducible_cpio "$tree" "$out/kvm.cpio"

cd_image "$out/kvm.iso" "$out/vmlinuz" "$out/kvm.cpio" <<COMMANDS
linux /boot/vmlinuz console=ttyS0,115200 tag=L1 ${GUEST_CMDLINE:-}
initrd /boot/kvm.cpio
COMMANDS
