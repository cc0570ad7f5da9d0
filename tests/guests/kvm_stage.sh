# The nested guest's part of init: KVM is loaded, kvmtest runs, QEMU boots a Linux on it. Sourced by init.sh.
# Parameters on the kernel's command line:
#   kvm_intel.NAME=VALUE  (also kvm., kvm_amd.) for the module, as modprobe would give it
#   exits=1               the kernel counts L2's exits by reason
#   vectors=1             L1 and L2 say which vector instructions they have, and run a program that uses them
#   l2work=1              L2 runs the workload too
#   l2=0                  no L2: kvmtest only
#   tiny=N                the tiny guest alone, which does its work N times, if the image has it
module_words() { tr ' ' '\n' </proc/cmdline | sed -n "s/^$1\.//p" | tr '\n' ' '; }
load() {
  # shellcheck disable=SC2046
  insmod "/modules/$1.ko" $(module_words "$(echo "$1" | tr - _)") || echo "cannot load $1"
}

vendor=intel
grep -q -w -m 1 svm /proc/cpuinfo && vendor=amd
grep -m 1 'vmx flags' /proc/cpuinfo
load irqbypass
load kvm
load kvm-$vendor
for name in ept unrestricted_guest vpid flexpriority enable_apicv preemption_timer enable_shadow_vmcs pml npt; do
  file=/sys/module/kvm_$vendor/parameters/$name
  [ ! -r "$file" ] || echo "kvm_$vendor.$name=$(cat "$file")"
done
echo "KVM-LOADED $(since)"

if [ -n "${tiny:-}" ]; then
  # The tiny guest, by itself: what `ringside compare` measures. It has nothing to switch itself off with.
  echo "TINY-START $(since)"
  qemu -L /usr/share/qemu -machine microvm,accel=kvm,kernel-irqchip=on,acpi=off,rtc=on,pit=on,pic=on,x-option-roms=off -cpu host -m 32 \
    -nodefaults -no-user-config -display none -no-reboot -serial stdio -kernel /boot/tiny.elf -append "times=$tiny ${tiny_only:-only=syscalls only=faults only=cpuid only=absent only=serial only=alarms}" </dev/null 2>&1
  leave
fi
. /vectors_stage.sh
kvmtest
echo "kvmtest ended with $? $(since)"

if [ "${l2:-1}" = 1 ]; then
  events=/sys/kernel/tracing/events/kvm/kvm_exit
  if [ "${exits:-0}" = 1 ]; then
    mount -t tracefs none /sys/kernel/tracing
    echo 'hist:keys=exit_reason:sort=hitcount' >$events/trigger
  fi
  echo "L2-START $(since)"
  qemu -L /usr/share/qemu -machine microvm,accel=kvm,acpi=off,rtc=on,x-option-roms=off -cpu host -m 192 \
    -nodefaults -no-user-config -display none -no-reboot -serial stdio -kernel /boot/vmlinuz -initrd /boot/l2.cpio \
    -append "console=ttyS0,115200 tag=L2 work=${l2work:-0} vectors=${vectors:-0} off=reboot reboot=t" </dev/null 2>&1
  status=$?
  if [ "${exits:-0}" = 1 ]; then grep -v '^#' $events/hist; fi
  echo "NESTED-DONE rc=$status $(since)"
fi
work=0
