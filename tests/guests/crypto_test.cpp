// Owns the tests of vector instructions by what Linux's ciphers and a compiler make of them, in the guest of
// crypto.sh and in that of kvm.sh, where the processor is KVM's.
#include <doctest/doctest.h>

#include <cstdlib>
#include <string_view>

#include "tests/cli/program.h"

using namespace ringside::cli;

// How many variants of thirteen functions the C library had to choose from.
static int library_variants(const std::string& out) {
  constexpr std::string_view before = "LIBRARY-VARIANTS ";
  const std::size_t at = out.find(before);
  return at == out.npos ? 0 : std::atoi(out.c_str() + at + before.size());
}

TEST_CASE(
    "Linux's ciphers with AVX pass their own tests, and code for x86-64-v3 has the sums of any other, and "
    "libraries those of all variants") {
  const std::string at = guest_images("crypto");
  if (at.empty()) return;
  std::string first;  // of the libraries' sums: they are the same on each model
  for (const char* model : {"max", "x86-64-v3", "Icelake-Server,-avx"}) {
    CAPTURE(model);
    const bool avx = !has(model, "-avx");
    const Result result = run({"-nographic", "-no-reboot", "--timeout", "600", "-m", "512", "-cpu", model,
                               "-kernel", at + "/vmlinuz", "-initrd", at + "/crypto.cpio", "-append",
                               "console=ttyS0,115200 quiet work=0"});
    INFO(result.out.substr(result.out.size() - std::min<std::size_t>(result.out.size(), 2000)));
    CHECK(result.status == 0);
    CHECK(has(result.out, "CRYPTO passed="));
    CHECK(has(result.out, " other=0 "));
    CHECK(has(result.out, "using algorithm avx2") == avx);
    CHECK(has(result.out, "not for this CPU: serpent-avx2") != avx);
    // Without AVX the program for x86-64-v3 ends by #UD.
    CHECK(has(result.out, "\nSUMS-AGREE") == avx);
    // The libraries' results are those of their plainest variants, and the choice was one.
    CHECK(has(result.out, "LIBRARY-AGREES"));
    CHECK_FALSE(has(result.out, "LIBRARY-DIFFERS"));
    CHECK(library_variants(result.out) >= (avx ? 26 : 18));
    const std::string sums =
        result.out.substr(std::min(result.out.find("LIBRARY-SUMS"), result.out.size()), 47);
    CHECK(sums.size() == 47);
    if (!first.empty()) CHECK(sums == first);
    first = sums;
  }
}

TEST_CASE("A Linux in KVM has the vector instructions that KVM's own has, and its processes the same sums") {
  const std::string at = guest_images("kvm");
  if (at.empty()) return;
  for (const char* model : {"Icelake-Server", "max"}) {
    CAPTURE(model);
    const Result result = run({"-nographic", "-no-reboot", "--timeout", "600", "-m", "1024", "-cpu", model,
                               "-kernel", at + "/vmlinuz", "-initrd", at + "/kvm.cpio", "-append",
                               "console=ttyS0,115200 quiet tag=L1 vectors=1 exits=1"});
    INFO(result.out.substr(result.out.size() - std::min<std::size_t>(result.out.size(), 4000)));
    CHECK(result.status == 0);
    for (const char* who : {"L1", "L2"}) {
      CAPTURE(who);
      for (const char* feature : {"avx", "avx2", "fma", "xsaves"}) {
        CAPTURE(feature);
        CHECK(has(result.out, std::string(who) + "-HAS " + feature + "\r"));
      }
      CHECK(has(result.out, std::string(who) + "-SUMS-AGREE"));
    }
    // L2 switched its state components on by XSETBV, which always exits. XSAVES does not, as KVM selects no
    // bit of the XSS-exiting bitmap.
    CHECK(has(result.out, "exit_reason:         55 "));
    CHECK_FALSE(has(result.out, "exit_reason:         63 "));
    CHECK(has(result.out, "NESTED-DONE rc=0"));
  }
}
