# The part of init that runs the kernel's own tests, kselftest, and prints their results as kselftest's runner does. Sourced by init.sh.
# Parameters on the kernel's command line:
#   collections=NAME,...  of kselftest's programs, as its runner calls them
#   modules=NAME,...      modules that test something as they are loaded, and what they say to the log
#   bpf=FIRST,LAST        of the tests of test_bpf these only
work=0
if [ -n "${modules:-}" ]; then
  dmesg -n 7 # the level at which modules tell their results
  for module in $(echo "$modules" | tr , ' '); do
    words=
    if [ "$module" = test_bpf ] && [ -n "${bpf:-}" ]; then words="test_range=$bpf"; fi
    if insmod "/modules/$module.ko" $words; then echo "$module: loaded"; else echo "$module: not loaded"; fi
  done
fi
# The runner wants what udev would make.
mkdir -p /dev/shm
for name in stdin=0 stdout=1 stderr=2; do ln -s "/proc/self/fd/${name#*=}" "/dev/${name%=*}"; done
BASE_DIR=/kselftest
. /kselftest/kselftest/runner.sh
for collection in $(echo "${collections:-}" | tr , ' '); do
  cd "/kselftest/$collection" || continue
  # shellcheck disable=SC2046
  run_many $(cat "../$collection.list")
  cd /
done
