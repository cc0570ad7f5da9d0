# The part of init that uses vector instructions, in L1 and in L2, if the kernel's command line has vectors=1. Sourced by init.sh.
if [ "${vectors:-0}" = 1 ]; then
  for flag in avx avx2 fma xsaves; do
    if grep -q -w -m 1 "$flag" /proc/cpuinfo; then echo "$tag-HAS $flag"; else echo "$tag-LACKS $flag"; fi
  done
  vector_sums && echo "$tag-SUMS-AGREE $(since)"
fi
