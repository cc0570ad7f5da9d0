// Owns the test of vector instructions by what Linux's ciphers and a compiler make of them, in the guest of
// crypto.sh.
#include <doctest/doctest.h>

#include "tests/cli/program.h"

using namespace ringside::cli;

TEST_CASE("Linux's ciphers with AVX pass their own tests, and code for x86-64-v3 has the sums of any other") {
  const std::string at = guest_images("crypto");
  if (at.empty()) return;
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
    CHECK(has(result.out, "SUMS-AGREE") == avx);
  }
}
