// Owns the test of a system on a disk: it boots to a login on the screen, and after kill -9 of Ringside in
// mid-write the next start finds all that the guest had flushed. The image is disk.sh's.
#include <doctest/doctest.h>

#include <csignal>
#include <filesystem>

#include "tests/cli/program.h"

namespace ringside::cli {
namespace {

using Words = std::vector<std::string>;

Words machine(const std::string& disk, const std::string& command) {
  return {"-m",
          "256",
          "-hda",
          disk,
          "-nographic",
          "-vga",
          "std",
          "-no-reboot",
          "--type",
          "<screen login:>root<enter><screen Password>ringside<enter><screen bash>" + command + "<enter>"};
}

// How many files the writer has called safe.
unsigned last_synced(const std::string& output) {
  const std::size_t at = output.rfind("SYNCED ", output.rfind('\n'));
  return at == std::string::npos ? 0 : static_cast<unsigned>(std::stoul(output.substr(at + 7)));
}

}  // namespace

TEST_CASE(
    "a system on a disk: login on the screen, and kill -9 in mid-write loses nothing that was flushed") {
  const std::string at = guest_images("disk");
  if (at.empty()) return;
  const std::string firmware = "/usr/share/seabios/bios-256k.bin";
  if (!std::filesystem::exists(firmware)) {
    MESSAGE("skipped: ", firmware, " is not there; it comes with seabios");
    return;
  }
  const Folder folder;
  const std::string disk = folder / "disk.img";
  std::filesystem::copy_file(at + "/disk.img", disk);
  unsigned synced = 0;
  {
    Running writing(machine(disk, "writer"), Running::With::pipes);
    // Each waits for a minute, of a machine that may be busy. The 13th line may be cut by the end; the 12th
    // is whole then.
    bool there = false;
    for (unsigned minute = 0; minute < 15 && !there; ++minute) there = writing.wait_for("SYNCED 13");
    REQUIRE(there);
    writing.signal(SIGKILL);
    writing.finish();
    synced = last_synced(writing.output());
  }
  REQUIRE(synced >= 12);
  Words again = machine(disk, "checker " + std::to_string(synced));
  const std::string whole = "WHOLE " + std::to_string(synced) + " OF " + std::to_string(synced) + "[^0-9]*$";
  again.insert(again.end(), {"--expect", "FSCK-GOOD", "--expect", whole, "--fail-on", "FSCK-BAD|Kernel panic",
                             "--timeout", "900"});
  const Result checked = run(again);
  CAPTURE(checked.out);
  CAPTURE(checked.err);
  CHECK(checked.status == 0);
}

}  // namespace ringside::cli
