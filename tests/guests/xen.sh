#!/bin/bash
# Makes the Xen guest: Debian's Xen 4.17, Debian's kernel as dom0 with busybox and the xl toolstack, and virtual machines
# (domU) that boot the cloud kernel: PVH, which needs VMX with EPT, and PV, which needs nothing.
# With HVM=1 a third one, HVM, boots a CD of the cloud kernel by SeaBIOS and GRUB, with QEMU in dom0 as its device model.
#   [HVM=1] [TINY=build/roms/tiny.elf] tests/guests/xen.sh FOLDER  ->  FOLDER/xen and FOLDER/xen.gz, FOLDER/vmlinuz-dom0, FOLDER/xen.cpio, and FOLDER/xen.iso where grub-mkrescue is
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

# hvm_parts: the virtual machine with firmware and emulated devices: hvmloader, SeaBIOS, QEMU with its video BIOS, and a CD.
device_model_libraries=()
dom0_memory=512M
hvm_parts() {
  local qemu data seabios kernel=("$domu"/boot/vmlinuz-*)
  qemu=$(unpacked qemu-system-xen)
  data=$(unpacked qemu-system-data)
  seabios=$(unpacked seabios)
  mkdir -p "$tree"/usr/{libexec,share/seabios,share/qemu} "$tree/usr/lib/xen-$version/boot"
  cp "$qemu/usr/libexec/xen-qemu-system-i386" "$tree/usr/libexec/"
  cp "$utils/boot/hvmloader" "$tree/usr/lib/xen-$version/boot/"
  cp "$seabios"/usr/share/seabios/{bios-256k.bin,vgabios-stdvga.bin} "$tree/usr/share/seabios/"
  cp -r "$data/usr/share/qemu/keymaps" "$data/usr/share/qemu/kvmvapic.bin" "$tree/usr/share/qemu/"
  cp "${kernel[0]}" "$work/vmlinuz"
  cd_image "$tree/boot/domu.iso" "$work/vmlinuz" "$work/domu.cpio" <<COMMANDS
linux /boot/vmlinuz console=ttyS0,115200 tag=HVM work=0
initrd /boot/domu.cpio
COMMANDS
  [ -s "$tree/boot/domu.iso" ] || die "HVM=1 needs grub-mkrescue, xorriso and grub-pc-bin; install them first"
  cat >"$tree/etc/xen/hvm.cfg" <<CONFIG
name = "hvm"
type = "hvm"
memory = 256
vcpus = ${HVM_CPUS:-1}
boot = "d"
disk = [ "format=raw,vdev=hdc,access=ro,devtype=cdrom,target=/boot/domu.iso" ]
device_model_override = "/usr/libexec/xen-qemu-system-i386"
# On dom0's own console, at once, and in a file.
device_model_args_hvm = [ "-chardev", "file,id=line,path=/dev/hvc0,logfile=/var/log/xen/console/guest-hvm.log" ]
serial = "chardev:line"
vga = "stdvga"
vnc = 0
usb = 0
on_poweroff = "destroy"
on_crash = "destroy"
CONFIG
  tiny_cd
  echo "pvh pv hvm" >"$tree/domus"
  dom0_memory=1024M
  device_model_libraries=("${device_model_packages[@]}")
}
# tiny_cd: the tiny guest as a kernel of GRUB's, which finds its words on the first disk: a tar archive that dom0 makes.
tiny_cd() {
  [ -n "${TINY:-}" ] || return 0
  [ -s "$TINY" ] || die "TINY=$TINY is not there; build the target rom-images"
  cp "$TINY" "$work/tiny.elf"
  cd_image "$tree/boot/tiny.iso" "$work/tiny.elf" <<COMMANDS
source (hd0)/words.cfg
multiboot /boot/tiny.elf \$words
COMMANDS
}
# What the device model is linked with.
device_model_packages=(libfdt1 libglib2.0-0 libjpeg62-turbo libpixman-1-0 libspice-server1 libusb-1.0-0 libssl3 liblz4-1 libopus0 libgstreamer1.0-0
  libgstreamer-plugins-base1.0-0 liborc-0.4-0 libsasl2-2 libpcre2-8-0 libffi8 libudev1 libstdc++6 libdw1 libelf1 libunwind8 libcap2
  libblkid1 libmount1 libselinux1 libbz2-1.0)
[ "${HVM:-0}" != 1 ] || hvm_parts

fetch "${device_model_libraries[@]}"
add_libraries "$tree" "${device_model_libraries[@]}" libcom-err2 libext2fs2 libgcc-s1 liblzma5 libuuid1 libxencall1 libxendevicemodel1 libxenevtchn1 \
  libxenforeignmemory1 libxengnttab1 libxenhypfs1 libxenmisc$version libxenstore4 libxentoolcore1 libxentoollog1 libyajl2 \
  libzstd1 zlib1g
# xenstored cancels threads, which loads this at run time.
library=$(unpacked libgcc-s1)
cp -L "$library/lib/x86_64-linux-gnu/libgcc_s.so.1" "$tree/lib/x86_64-linux-gnu/"
cp "$domu"/boot/vmlinuz-* "$tree/boot/vmlinuz-domu"
cp "$work/domu.cpio" "$tree/boot/"
tiny_guest "$tree/boot"
cp "$guests_dir/xen_stage.sh" "$tree/stage.sh"
reproducible_cpio "$tree" "$out/xen.cpio"

cd_image "$out/xen.iso" "$out/xen.gz" "$out/vmlinuz-dom0" "$out/xen.cpio" <<COMMANDS
multiboot2 /boot/xen.gz console=com1 com1=115200,8n1 dom0_mem=$dom0_memory,max:$dom0_memory loglvl=all guest_loglvl=all noreboot ${XEN_CMDLINE:-}
module2 /boot/vmlinuz-dom0 console=hvc0 tag=DOM0 ${GUEST_CMDLINE:-}
module2 /boot/xen.cpio
COMMANDS
