#!/bin/bash
# Makes a Debian system on a raw disk image: GRUB in its first sectors, one ext4 partition with Debian's cloud kernel, sysvinit,
# bash and a login on the screen and on the serial port (root, password ringside). Nothing is installed on the host, no
# loop device is used; packages are unpacked, not configured.
#   tests/guests/disk.sh FOLDER  ->  FOLDER/disk.img
. "$(dirname "${BASH_SOURCE[0]}")/packages.sh"
begin_image apt-get apt-cache dpkg-deb cpio readelf mke2fs grub-mkimage -- "$@"
grub=/usr/lib/grub/i386-pc
[ -d $grub ] || die "needs grub-pc-bin; install it first"

first_sector=2048 # of the partition
partition_mib=${DISK_MIB:-256}
label=debian

package=$(newest_kernel cloud-amd64)
kernel=$(unpacked "$package")
libraries=(libacl1 libattr1 libaudit1 libblkid1 libcap-ng0 libcap2 libcom-err2 libcrypt1 libext2fs2 libgcc-s1 libgmp10 libgssapi-krb5-2
  libk5crypto3 libkeyutils1 libkrb5-3 libkrb5support0 liblz4-1 liblzma5 libmount1 libnsl2 libpam0g libpcre2-8-0 libreadline8
  libselinux1 libsmartcols1 libss2 libssl3 libsystemd0 libtinfo6 libtirpc3 libudev1 libuuid1 libzstd1 libgcrypt20 libgpg-error0
  zlib1g)
programs=(base-files bash coreutils dash e2fsprogs findutils grep gzip hostname login mount ncurses-base sed sysvinit-core
  sysvinit-utils util-linux)
fetch "${programs[@]}" "${libraries[@]}" libc6 libpam-modules libpam-modules-bin busybox-static

# The system's files. /bin, /sbin and /lib are those of /usr.
tree=$work/tree
mkdir -p "$tree"/usr/{bin,sbin,lib,lib64} "$tree"/{boot/grub,dev,proc,root,run,sys,tmp}
for name in bin sbin lib lib64; do ln -s usr/$name "$tree/$name"; done
merge() { tar -C "$1" -c . | tar -C "$tree" -x --keep-directory-symlink --no-same-owner; }
for package in "${programs[@]}"; do
  files=$(unpacked "$package")
  merge "$files"
done
rm -rf "$tree"/usr/share/{doc,man,locale,info,bash-completion,bug,lintian} "$tree/usr/lib/udev" "$tree/etc/init.d" "$tree/etc/rc"*
modules=$(unpacked libpam-modules)
checker=$(unpacked libpam-modules-bin)
mkdir -p "$tree/lib/x86_64-linux-gnu/security"
cp "$modules"/lib/x86_64-linux-gnu/security/pam_{unix,deny,permit}.so "$tree/lib/x86_64-linux-gnu/security/"
cp "$checker/sbin/unix_chkpwd" "$tree/sbin/"
ln -sf dash "$tree/bin/sh"
add_libraries "$tree" "${libraries[@]}"
# Loads at run time.
library=$(unpacked libgcc-s1)
cp -L "$library/lib/x86_64-linux-gnu/libgcc_s.so.1" "$tree/lib/x86_64-linux-gnu/"
cp -r "$guests_dir/disk/." "$tree/"
rm "$tree/init"
cp "$kernel"/boot/vmlinuz-* "$tree/boot/vmlinuz"

# The initial RAM disk: the drivers of the disk, and e2fsck, which sees the file system before anybody mounts it.
first=$work/first
busybox_tree "$first"
mkdir -p "$first/modules" "$first/sbin" "$first/mnt"
for module in scsi_common scsi_mod libata ata_piix crc-t10dif crct10dif_common crc64 crc64-rocksoft crc64-rocksoft_generic t10-pi sd_mod; do
  find "$kernel/lib/modules" -name "$module.ko" -exec cp {} "$first/modules/" \;
done
cp "$tree/sbin/e2fsck" "$first/sbin/"
add_libraries "$first" libext2fs2 libcom-err2 libblkid1 libuuid1
install -m 755 "$guests_dir/disk/init" "$first/init"
reproducible_cpio "$first" "$tree/boot/initrd"

cat >"$tree/boot/grub/grub.cfg" <<COMMANDS
set timeout=1
menuentry "Debian GNU/Linux" {
  linux /boot/vmlinuz root=LABEL=$label ro console=ttyS0,115200 console=tty0 ${GUEST_CMDLINE:-}
  initrd /boot/initrd
}
COMMANDS

# The disk: GRUB's first sector, its core behind that, then the partition.
image=$out/disk.img
find "$tree" -exec touch --no-dereference --date=@0 {} +
as_root=()
[ "$(id -u)" = 0 ] || as_root=(unshare --map-root-user)
rm -f "$image"
truncate -s $((partition_mib + 1))M "$image"
# The partition table's only entry: bootable, Linux, first sector, number of sectors; the signature behind it.
le32() { printf '\\x%02x\\x%02x\\x%02x\\x%02x' $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24)); }
entry="\x80\xfe\xff\xff\x83\xfe\xff\xff$(le32 $first_sector)$(le32 $((partition_mib * 2048)))"
printf "$entry" | dd of="$image" bs=1 seek=446 conv=notrunc status=none
printf '\x55\xaa' | dd of="$image" bs=1 seek=510 conv=notrunc status=none
E2FSPROGS_FAKE_TIME=1700000000 "${as_root[@]}" mke2fs -q -t ext4 -L $label -U 52494e47-5349-4445-8000-000000000001 \
  -E "root_owner=0:0,hash_seed=52494e47-5349-4445-8000-000000000002,offset=$((first_sector * 512)),lazy_itable_init=0" \
  -d "$tree" "$image" ${partition_mib}M
grub-mkimage -O i386-pc -d $grub -p '(hd0,msdos1)/boot/grub' -o "$work/core.img" \
  biosdisk part_msdos ext2 normal linux configfile serial terminal echo test
[ "$(stat -c %s "$work/core.img")" -le $(((first_sector - 1) * 512)) ] || die "GRUB's core is too large for the gap"
# A core that lies behind the first sector in one piece is what both expect.
dd if=$grub/boot.img of="$image" bs=440 count=1 conv=notrunc status=none
dd if="$work/core.img" of="$image" bs=512 seek=1 conv=notrunc status=none
