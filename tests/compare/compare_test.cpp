// Owns the tests of `ringside compare` on the teaching hypervisors: what must come out, the same in two runs,
// and what is refused.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/cli/program.h"

using namespace ringside::cli;

namespace {

using Json = nlohmann::json;

double figure(const Json& all, std::string_view group, std::string_view row, const std::string& subject) {
  for (const Json& one : all["groups"]) {
    if (one["id"] != group) continue;
    for (const Json& each : one["rows"])
      if (each["id"] == row && each["figures"][subject].is_number()) return each["figures"][subject];
  }
  return -1;
}

std::pair<double, double> reach(const Json& all, std::size_t subject, std::string_view who,
                                std::string_view whose) {
  for (const Json& one : all["subjects"][subject]["isolation"])
    if (one["who"] == who && one["whose"] == whose) return {one["pages_read"], one["pages_written"]};
  return {-1, -1};
}

bool reached(const Json& all, std::size_t subject, const std::string& part, std::string_view function) {
  const Json& names = all["subjects"][subject]["functions_reached"][part];
  return std::any_of(names.begin(), names.end(), [&](const Json& name) {
    return name.get<std::string>().find(function) != std::string::npos;
  });
}

// A timer's interrupt may come in one of the two runs whose difference a figure is.
doctest::Approx near(double value) { return doctest::Approx(value).epsilon(0.01); }

constexpr const char* lodge_image = RINGSIDE_BINARY_DIR "/roms/lodge.elf";
bool skipped() {
  if (std::filesystem::exists(lodge_image)) return false;
  MESSAGE("skipped: roms/lodge was not built, because the build's compiler is not one for x86-64");
  return true;
}

}  // namespace

TEST_CASE("two hypervisors are compared to the instruction, the same in two runs") {
  if (skipped()) return;
  const Folder folder;
  const auto compare = [&](const std::string& name) {
    const Result result = run({"compare", "lodge", "loft", "--json", folder / (name + ".json"), "--csv",
                               folder / (name + ".csv"), "--html=" + folder / (name + ".html")});
    REQUIRE_MESSAGE(result.status == 0, result.err);
    return result.out;
  };
  const std::string text = compare("a");
  CHECK(text == compare("b"));
  for (const char* const end : {".json", ".csv", ".html"})
    CHECK(read_file(folder / (std::string("a") + end)) == read_file(folder / (std::string("b") + end)));
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) CHECK_MESSAGE(line.size() <= 80, line);

  const Json all = Json::parse(read_file(folder / "a.json"));
  for (const char* const subject : {"lodge", "loft"}) {
    CAPTURE(subject);
    // What leaves the guest by the architecture, whatever the hypervisor does.
    CHECK(figure(all, "work", "hypercalls.exits", subject) == near(1));
    CHECK(figure(all, "work", "ports.exits", subject) == near(2));
    CHECK(figure(all, "work", "memory.exits", subject) == near(2));
    CHECK(figure(all, "work", "syscalls.exits", subject) == near(0));
    CHECK(figure(all, "exit", "instructions.median", subject) > 100);
    CHECK(figure(all, "exit", "instructions.worst", subject) >=
          figure(all, "exit", "instructions.median", subject));
    CHECK(figure(all, "surface", "kernel.lines", subject) > 100);
    CHECK(figure(all, "surface", "kernel.lines", subject) <
          figure(all, "surface", "kernel.lines.all", subject));
  }
  // Both have the ticks of the PIT, each an interrupt, and perhaps other interrupts that the guest asks for.
  CHECK(figure(all, "latency", "samples", "lodge") >= 10);
  CHECK(figure(all, "latency", "samples", "loft") ==
        doctest::Approx(figure(all, "latency", "samples", "lodge")).epsilon(0.05));
  // A port of the lodge's VMM is in a process: two system calls more on the way. The loft has it in itself.
  CHECK(figure(all, "work", "ports.switches", "lodge") == near(8));
  CHECK(figure(all, "work", "ports.switches", "loft") == near(4));
  CHECK(figure(all, "work", "ports.user", "lodge") > 0);
  CHECK(figure(all, "work", "ports.user", "loft") == 0);
  // A request of a disk, and a packet: the lodge's VMM has the guest's memory before it, the loft's control
  // domain asks for each page, and is another guest.
  CHECK(figure(all, "work", "disk.exits", "lodge") == near(2));
  CHECK(figure(all, "work", "disk.switches", "lodge") == near(16));
  CHECK(figure(all, "work", "net.exits", "lodge") == near(1));
  CHECK(figure(all, "work", "net.switches", "lodge") == near(8));
  CHECK(figure(all, "work", "disk.exits", "loft") == near(10));
  CHECK(figure(all, "work", "disk.switches", "loft") == near(20));
  CHECK(figure(all, "work", "net.exits", "loft") == near(7));
  CHECK(figure(all, "work", "net.switches", "loft") == near(14));
  CHECK(reached(all, 0, "user", "lodge::send_ring"));
  CHECK(reached(all, 1, "kernel", "loft::handle_hypercall"));
  CHECK(reached(all, 1, "control", "serve_disk"));
  CHECK(reached(all, 1, "control", "serve_net"));
  CHECK_FALSE(reached(all, 1, "kernel", "serve_disk"));

  // The loft's domains share the two rings, and nothing else; the hypervisor is out of reach.
  CHECK(reach(all, 1, "control", "guest 1") == std::pair(2.0, 2.0));
  CHECK(reach(all, 1, "guest 1", "hypervisor") == std::pair(0.0, 0.0));
  CHECK(reach(all, 1, "control", "hypervisor") == std::pair(0.0, 0.0));
  CHECK(reach(all, 1, "guest 1", "guest 1") == std::pair(2048.0, 2048.0));
  // The lodge's guest is within its process, and no more of that is the guest's to reach.
  const auto guest = reach(all, 0, "guest 1", "guest 1");
  CHECK(reach(all, 0, "VMM process", "guest 1") == guest);
  CHECK(reach(all, 0, "guest 1", "VMM process") == guest);
  CHECK(reach(all, 0, "VMM process", "VMM process").first > guest.first);
  CHECK(reach(all, 0, "VMM process", "hypervisor") == std::pair(0.0, 0.0));

  const std::string page = read_file(folder / "a.html");
  CHECK(has(page, "<polyline points="));
  CHECK_FALSE(has(page, "<script"));
  CHECK_FALSE(has(page, "src="));
  CHECK(has(read_file(folder / "a.csv"),
            "\"work\",\"ports.exits\",\"VM exits\",\"of writes and reads of a port\",\"lodge\",2.0,"));
}

TEST_CASE("what a guest reaches moves to another privilege with the device") {
  if (skipped()) return;
  const Folder folder;
  const Result result = run({"compare", "lodge", "lodge-inside", "lodge-no-ept", "loft", "loft-inside",
                             "--json", folder / "variants.json"});
  REQUIRE_MESSAGE(result.status == 0, result.err);
  const Json all = Json::parse(read_file(folder / "variants.json"));
  CHECK(figure(all, "work", "ports.exits", "lodge-inside") == near(2));
  CHECK(figure(all, "work", "ports.switches", "lodge-inside") == near(4));
  CHECK(figure(all, "work", "ports.user", "lodge-inside") == 0);
  CHECK(figure(all, "work", "disk.switches", "loft-inside") == near(4));
  CHECK(figure(all, "work", "disk.control", "loft-inside") == 0);
  CHECK(reached(all, 4, "kernel", "loft::serve_disk"));
  CHECK_FALSE(reached(all, 4, "control", "serve_disk"));
  // The network is the control domain's in both.
  CHECK(reached(all, 4, "control", "serve_net"));
  CHECK(figure(all, "work", "net.switches", "loft-inside") == near(14));
  // Without EPT each page fault of the guest comes out, and again for the shadow.
  CHECK(figure(all, "work", "faults.exits", "lodge-no-ept") > figure(all, "work", "faults.exits", "lodge"));
  CHECK(figure(all, "features", "disk.outside", "loft-inside") < 100);
}

TEST_CASE("subjects of one's own stand beside those that are built in") {
  if (skipped()) return;
  const Folder folder;
  const std::string roms = RINGSIDE_BINARY_DIR "/roms";
  const std::string own = folder.write(
      "own.toml",
      "[[subject]]\nname = 'two cpus'\nflags = ['-m', '64', '-smp', '2', '-kernel', '{roms}/loft.elf', "
      "'-initrd', '{roms}/loft-control.elf,{roms}/tiny.elf only=ports']\n"
      "begin = ['^d1: tiny: started']\nend = '^d1: tiny: all is well'\ncontrol_cpus = 1\nrepeats = false\n");
  const Result result = run({"compare", own, "--roms", roms, "--json", folder / "own.json"});
  REQUIRE_MESSAGE(result.status == 0, result.err);
  CHECK(figure(Json::parse(read_file(folder / "own.json")), "work", "whole.exits", "two cpus") >= 200);
}

TEST_CASE("what cannot be compared is refused in a line, and no file is written") {
  const Folder folder;
  const auto refused = [&](std::vector<std::string> words, std::string_view line) {
    words.insert(words.begin(), "compare");
    words.insert(words.end(), {"--json", folder / "none.json"});
    const Result result = run(words);
    CHECK(result.status != 0);
    CHECK(result.out.empty());
    CHECK_MESSAGE(has(result.err, line), result.err);
    CHECK(folder.names().size() <= 1);
  };
  refused({}, "compare: which?");
  refused({"lodg"}, "compare lodg: no such subject; did you mean lodge?");
  refused({"lodge", "lodge"}, "lodge is there twice");
  refused({"lodge", "--width", "3"}, "compare --width: unknown");
  refused({"lodge", "--html="}, "compare --html: needs a value");
  refused({"lodge", "--roms", folder / "nowhere"}, "lodge.elf is not there; build the target rom-images");
  refused({folder / "no.toml"}, "no.toml");
  const std::string bad = folder.write("bad.toml", "[[subject]]\nname = 'x'\nends = 'y'\n");
  refused({bad}, "bad.toml:3:8: ends: a subject has no such key");
}
