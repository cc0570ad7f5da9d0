#!/bin/bash
# Makes the Xen guest: Debian's Xen 4.17, Debian's kernel as dom0 with busybox and the xl toolstack, and virtual machines
# (domU) that boot the cloud kernel: PVH, which needs VMX with EPT, and PV, which needs nothing.
#   tests/guests/xen.sh FOLDER  ->  FOLDER/xen and FOLDER/xen.gz, FOLDER/vmlinuz-dom0, FOLDER/xen.cpio, and FOLDER/xen.iso where grub-mkrescue is
. "$(dirname "${BASH_SOURCE[0]}")/packages.sh"
begin_image apt-get apt-cache dpkg-deb cpio readelf -- "$@"
version=4.17

package=$(newest_kernel amd64)
dom0=$(unpacked "$package")
package=$(newest_kernel cloud-amd64)
domu=$(unpacked "$package")
xen=$(unpacked xen-hypervisor-$version-amd64)
utils=$(unpacked xen-utils-$version)/usr/lib/xen-$version
store=$(unpacked xenstore-utils)
cp "$dom0"/boot/vmlinuz-* "$out/vmlinuz-dom0"
cp "$xen/boot/xen-$version-amd64.gz" "$out/xen.gz"
gunzip -c "$out/xen.gz" >"$out/xen" # Ringside takes the ELF file, GRUB either

# The virtual machines' root: the plain Linux guest.
busybox_tree "$work/domu"
reproducible_cpio "$work/domu" "$work/domu.cpio"

tree=$work/tree
busybox_tree "$tree"
mkdir -p "$tree"/{boot,modules,etc/xen,run/lock,usr/bin,usr/lib/xen-$version/bin,var/lib/xen,var/lib/xenstored,var/log/xen/console}
ln -s ../run "$tree/var/run"
ln -s ../run/lock "$tree/var/lock"
for module in xen-privcmd xenfs xen-evtchn xen-gntdev xen-gntalloc; do
  find "$dom0/lib/modules" -name "$module.ko" -exec cp {} "$tree/modules/" \;
done
for program in xl xenstored xenconsoled xen-init-dom0 libxl-save-helper; do
  cp "$utils/bin/$program" "$tree/usr/lib/xen-$version/bin/"
done
cp "$store/usr/bin/xenstore" "$tree/usr/bin/"
for name in ls read write list; do ln -s xenstore "$tree/usr/bin/xenstore-$name"; done
: >"$tree/etc/xen/xl.conf"
for type in pvh pv; do
  cat >"$tree/etc/xen/$type.cfg" <<CONFIG
name = "$type"
type = "$type"
kernel = "/boot/vmlinuz-domu"
ramdisk = "/boot/domu.cpio"
extra = "console=hvc0 tag=${type^^} work=0"
memory = 128
vcpus = 1
on_poweroff = "destroy"
on_crash = "destroy"
CONFIG
done
add_libraries "$tree" libcom-err2 libext2fs2 libgcc-s1 liblzma5 libuuid1 libxencall1 libxendevicemodel1 libxenevtchn1 \
  libxenforeignmemory1 libxengnttab1 libxenhypfs1 libxenmisc$version libxenstore4 libxentoolcore1 libxentoollog1 libyajl2 \
  libzstd1 zlib1g
# xenstored cancels threads, which loads this at run time.
library=$(unpacked libgcc-s1)
cp -L "$library/lib/x86_64-linux-gnu/libgcc_s.so.1" "$tree/lib/x86_64-linux-gnu/"
cp "$domu"/boot/vmlinuz-* "$tree/boot/vmlinuz-domu"
cp "$work/domu.cpio" "$tree/boot/"
cp "$guests_dir/xen_stage.sh" "$tree/stage.sh"
reproducible_cpio "$tree" "$out/xen.cpio"

cd_image "$out/xen.iso" "$out/xen.gz" "$out/vmlinuz-dom0" "$out/xen.cpio" <<COMMANDS
multiboot2 /boot/xen.gz console=com1 com1=115200,8n1 dom0_mem=512M,max:512M loglvl=all guest_loglvl=all noreboot ${XEN_CMDLINE:-}
module2 /boot/vmlinuz-dom0 console=hvc0 tag=DOM0 ${GUEST_CMDLINE:-}
module2 /boot/xen.cpio
COMMANDS
