#!/bin/sh
# First process of the Linux guests. Its parameters come from the kernel's command line:
#   shell=1     a shell on the console instead of the workload; the guest powers off when it ends
#   work=0      no workload: ready, and off again
#   tag=WORD    the markers' first word instead of GUEST
#   off=reboot  leave by a reset instead of ACPI power off
export PATH=/bin HOME=/ TERM=${TERM:-vt100}
tag=${tag:-GUEST}
mount -t devtmpfs none /dev 2>/dev/null
mount -t proc none /proc
mount -t sysfs none /sys

since() { read -r seconds rest </proc/uptime; echo "uptime=$seconds"; }
leave() {
  echo "$tag-OFF"
  sleep 1 # the last line has to leave the serial port
  if [ "${off:-}" = reboot ]; then reboot -f; else poweroff -f; fi
}

echo "$tag-READY $(since)"
if [ "${shell:-0}" = 1 ]; then
  # A session of its own on the console, so that job control and Ctrl-C work.
  read -r console </sys/class/tty/console/active
  setsid -c sh -i <"/dev/${console##* }" >"/dev/${console##* }" 2>&1
  leave
fi

clock=/sys/devices/system/clocksource/clocksource0
echo "clocksource $(cat $clock/current_clocksource) of $(cat $clock/available_clocksource)"
if [ -r /stage.sh ]; then . /stage.sh; fi # what an image does besides
if [ "${work:-1}" = 1 ]; then
  echo "sha256 $(yes ringside | head -c 8388608 | sha256sum | cut -c 1-16) $(since)"
  count=0
  while [ $count -lt 300 ]; do
    busybox true
    count=$((count + 1))
  done
  echo "processes $count $(since)"
  echo "gzip $(seq 200000 | gzip | wc -c) $(since)"
  echo "WORK-DONE $(since)"
fi
leave
