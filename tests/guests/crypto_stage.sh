# What the guest that tests vector instructions does. To be sourced by init.sh.
for module in $(cd "/lib/modules/$(uname -r)/kernel" && find arch/x86/crypto lib/raid6 crypto/xor.ko -name '*.ko' | sort); do
  name=$(basename "$module" .ko)
  modprobe "$name" 2>/dev/null || echo "not for this CPU: $name"
done
passed=$(grep -c '^selftest *: passed' /proc/crypto)
echo "CRYPTO passed=$passed other=$(grep '^selftest' /proc/crypto | grep -vc passed) $(since)"
dmesg | grep -E 'alg: .*(fail|error)|raid6: (using|.*fail)|xor: using' | sed 's/^/CRYPTO-SAYS /'
vector_sums && echo "SUMS-AGREE $(since)"
. /library_choices.sh
