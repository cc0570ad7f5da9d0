# The Xen guest's part of init, in dom0: the toolstack starts, and each virtual machine runs to its end. Sourced by init.sh.
# Parameters on dom0's command line:
#   domus="pvh pv"  which of them
#   tiny=N          the tiny guest alone, which does its work N times, if the image has it
#   tiny_type=pvh   as which kind of virtual machine: pvh, or hvm if the image has that
export PATH=$PATH:/usr/bin:/usr/lib/xen-4.17/bin
mkdir -p /dev/pts /run/xen /run/xenstored
mount -t devpts none /dev/pts
for module in xen-privcmd xenfs xen-evtchn xen-gntdev xen-gntalloc; do
  [ ! -r /modules/$module.ko ] || insmod /modules/$module.ko
done
mount -t xenfs none /proc/xen

# within SECONDS COMMAND...: tries until it succeeds.
within() {
  left=$(($1 * 4))
  shift
  until "$@" >/dev/null 2>&1; do
    left=$((left - 1))
    [ $left -gt 0 ] || return 1
    sleep 0.25
  done
}

xenstored --pid-file /run/xenstored.pid
within 20 xenstore-ls /
xen-init-dom0
xenconsoled --log=guest --log-dir=/var/log/xen/console --pid-file=/run/xenconsoled.pid
echo "XL-READY $(since)"
xl info | grep -E 'virt_caps|xen_caps|free_memory|cpu_mhz'

if [ -n "${tiny:-}" ]; then
  # The tiny guest, by itself: what `ringside compare` measures. It has no timer and prints to Xen's log.
  words="times=$tiny ${tiny_only:-only=syscalls only=faults only=cpuid only=absent only=serial only=alarms}"
  printf '%s\n' 'name = "tiny"' "type = \"${tiny_type:=pvh}\"" 'vcpus = 1' 'on_crash = "destroy"' >/etc/xen/tiny.cfg
  if [ $tiny_type = hvm ]; then
    # The CD's GRUB reads the archive as the file system of the first disk.
    mkdir -p /run/tiny
    echo "set words='$words'" >/run/tiny/words.cfg
    tar -cf /run/tiny.tar -C /run/tiny words.cfg
    printf '%s\n' 'memory = 64' 'boot = "d"' 'vga = "stdvga"' 'vnc = 0' 'usb = 0' \
      'device_model_override = "/usr/libexec/xen-qemu-system-i386"' 'serial = "file:/dev/hvc0"' \
      'disk = [ "format=raw,vdev=hda,access=rw,backendtype=qdisk,target=/run/tiny.tar",' \
      '  "format=raw,vdev=hdc,access=ro,devtype=cdrom,target=/boot/tiny.iso" ]' >>/etc/xen/tiny.cfg
  else
    printf '%s\n' 'memory = 32' 'kernel = "/boot/tiny.elf"' "extra = \"$words\"" >>/etc/xen/tiny.cfg
  fi
  echo "TINY-START $(since)"
  if ! xl create /etc/xen/tiny.cfg; then
    cat /var/log/xen/qemu-dm-tiny.log 2>/dev/null
    echo TINY-FAIL
  fi
  sleep "${tiny_wait:-20}"
  leave
fi
over() { grep -q -- "$mark-OFF" "$log" || ! xl list $type; }
for type in ${domus:-$(cat /domus 2>/dev/null || echo pvh pv)}; do
  mark=$(echo $type | tr a-z A-Z)
  log=/var/log/xen/console/guest-$type.log
  : >$log
  echo "$type: created $(since)"
  if ! xl create /etc/xen/$type.cfg; then
    cat /var/log/xen/qemu-dm-$type.log 2>/dev/null
    echo "$mark-FAIL"
    continue
  fi
  # Its console, as it comes. An HVM guest's serial port is on this console without that.
  follower=
  if [ $type != hvm ]; then
    tail -n +1 -f $log &
    follower=$!
  fi
  within "${domu_wait:-600}" over || echo "$mark-FAIL: no end"
  sleep 1
  [ -z "$follower" ] || kill $follower
  grep -q -- "$mark-READY" $log || echo "$mark-FAIL: it never came up"
  xl list
  xl destroy $type 2>/dev/null
done
echo "XEN-DONE $(since)"
work=0
