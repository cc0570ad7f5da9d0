# What the guest with an IDE disk does: reads the first IDE disk from end to end, then copies its first half to the second. To be sourced by
# init.sh.
for module in scsi_common scsi_mod libata ata_piix sd_mod; do
  insmod "/modules/$module.ko" || echo "cannot load $module"
done
count=0
while [ ! -b /dev/sda ] && [ $count -lt 100 ]; do
  usleep 50000
  count=$((count + 1))
done
read -r sectors </sys/block/sda/size
half=$((sectors / 4096)) # in MiB
echo "DISK-START mib=$((2 * half)) $(since)"
dd if=/dev/sda of=/dev/null bs=1M && echo "DISK-READ $(since)"
dd if=/dev/sda of=/dev/sda bs=1M count=$half seek=$half conv=fsync && echo "DISK-COPIED $(since)"
