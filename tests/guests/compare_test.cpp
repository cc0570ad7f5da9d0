// Owns the comparison of real hypervisors with the teaching ones, as figures: the images are those of kvm.sh
// and xen.sh with the tiny guest in them.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "tests/cli/program.h"

namespace ringside::cli {
namespace {

// The figure of a row of the CSV; -1: there is none.
double figure(const std::string& csv, const std::string& group, const std::string& id,
              const std::string& subject) {
  const std::string begin = "\n\"" + group + "\",\"" + id + "\",";
  for (std::size_t at = csv.find(begin); at != csv.npos; at = csv.find(begin, at + 1)) {
    const std::string row = csv.substr(at + 1, csv.find('\n', at + 1) - at - 1);
    const std::string name = ",\"" + subject + "\",";
    if (const std::size_t value = row.find(name); value != row.npos)
      return std::atof(row.c_str() + value + name.size());
  }
  return -1;
}

}  // namespace

TEST_CASE(
    "KVM, Xen and the lodge do the same guest's work, in figures of which KVM's are the same a second time") {
  const std::string kvm = guest_images("kvm"), xen = guest_images("xen");
  if (kvm.empty() || xen.empty()) return;
  if (!std::filesystem::exists(kvm + "/tiny.elf") || !std::filesystem::exists(xen + "/tiny.elf")) {
    MESSAGE("skipped: the images were made without the tiny guest, TINY=build/roms/tiny.elf");
    return;
  }
  const Folder folder;
  const std::string guests = std::filesystem::path(kvm).parent_path().string();
  std::vector<std::string> words = {"compare",  "lodge",          "kvm",   "xen-pvh",
                                    "--guests", guests,           "--csv", folder / "a.csv",
                                    "--html",   folder / "a.html"};
  const char* const debug = std::getenv("RINGSIDE_KVM_SYMBOLS");
  if (debug) words.insert(words.end(), {"--debug", debug});
  const Result result = run(words);
  INFO(result.err);
  REQUIRE(result.status == 0);
  const std::string csv = read_file(folder / "a.csv");
  for (const char* const subject : {"lodge", "kvm", "xen-pvh"}) {
    CAPTURE(subject);
    // What leaves the guest by the architecture: once for a CPUID, once for a port, never for a system call.
    CHECK(figure(csv, "work", "cpuid.exits", subject) == doctest::Approx(1).epsilon(0.05));
    CHECK(figure(csv, "work", "absent.exits", subject) == doctest::Approx(1).epsilon(0.05));
    CHECK(std::abs(figure(csv, "work", "syscalls.exits", subject)) < 0.1);
    CHECK(figure(csv, "exit", "instructions.median", subject) > 100);
    CHECK(figure(csv, "surface", "kernel.bytes", subject) > 1000);
  }
  // A port that nobody has: QEMU in ring 3 says so, and Xen asks nobody.
  CHECK(figure(csv, "work", "absent.user", "kvm") > 100);
  CHECK(figure(csv, "surface", "kernel.bytes", "kvm") > figure(csv, "surface", "kernel.bytes", "lodge"));
  CHECK(has(read_file(folder / "a.html"), "xen-pvh"));
  if (debug) {
    CHECK(figure(csv, "surface", "kernel.functions", "kvm") > 300);
    CHECK(figure(csv, "surface", "kernel.lines", "kvm") > 3000);
    CHECK(figure(csv, "surface", "kernel.lines.all", "kvm") > 300'000);
    CHECK(figure(csv, "surface", "kernel.functions", "xen-pvh") > 100);
  }
  REQUIRE(run({"compare", "kvm", "--guests", guests, "--csv", folder / "b.csv"}).status == 0);
  const std::string again = read_file(folder / "b.csv");
  for (const char* const id : {"cpuid.kernel", "cpuid.user", "absent.kernel", "faults.kernel"}) {
    CAPTURE(id);
    CHECK(figure(csv, "work", id, "kvm") != -1);
    CHECK(figure(csv, "work", id, "kvm") == figure(again, "work", id, "kvm"));
  }
}

}  // namespace ringside::cli
