# Has the C library and OpenSSL's choose each of their variants that the processor allows, and compares what they compute. Numbers may
# be a unit in the last place apart, as fused operations round once. To be sourced by a stage; OpenSSL's mask is its capability vector's.
count=0
good=1
for choice in -none -AVX2 -AVX2,-FMA,-AVX -AVX2,-FMA,-AVX,-SSE4_2,-SSE4_1,-SSSE3 \
  -AVX2,-FMA,-AVX,-SSE4_2,-SSE4_1,-SSSE3,-ERMS,-FSRM,-Fast_Unaligned_Copy,-Fast_Unaligned_Load -BMI2 -ERMS,-FSRM Prefer_No_VZEROUPPER; do
  export GLIBC_TUNABLES="glibc.cpu.hwcaps=$choice"
  library_sums strings /tmp/strings.$count && cmp /tmp/strings.$count /tmp/strings.0 || good=0
  library_sums numbers /tmp/numbers.$count && library_sums near /tmp/numbers.$count /tmp/numbers.0 || good=0
  library_sums places >/tmp/places.$count
  count=$((count + 1))
done
unset GLIBC_TUNABLES
echo "LIBRARY-VARIANTS $(sort -u /tmp/places.* | wc -l)"
count=0
for choice in ~0 ~0x200000200000000 ~0x1000000000000000 :~0x20 :~0x20000000 :~0x80108 :0 0:0; do
  if [ $choice = ~0 ]; then unset OPENSSL_ia32cap; else export OPENSSL_ia32cap=$choice; fi
  library_sums ciphers /tmp/ciphers.$count && cmp /tmp/ciphers.$count /tmp/ciphers.0 || good=0
  count=$((count + 1))
done
unset OPENSSL_ia32cap
echo "LIBRARY-SUMS strings=$(md5sum </tmp/strings.0 | cut -c 1-8) ciphers=$(md5sum </tmp/ciphers.0 | cut -c 1-8)"
[ $good = 1 ] && echo "LIBRARY-AGREES $(since)"
