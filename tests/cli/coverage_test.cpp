// Owns the tests of code coverage: its blocks beside a log of every instruction, the forms it is written in,
// and that it changes nothing.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "tests/cli/program.h"

using namespace ringside::cli;

namespace {

const std::string visor = RINGSIDE_BINARY_DIR "/roms/visor.bin";

struct Block {
  std::uint64_t start;
  std::uint16_t bytes;
};

// As another program would read it.
std::vector<Block> read_drcov(const std::string& file) {
  std::istringstream in(file);
  std::string line;
  std::map<std::uint64_t, std::uint64_t> bases;
  std::getline(in, line);
  CHECK(line == "DRCOV VERSION: 2");
  std::getline(in, line);
  std::getline(in, line);
  const int modules = std::stoi(line.substr(line.rfind(' ')));
  std::getline(in, line);
  CHECK(line == "Columns: id, base, end, entry, path");
  for (int n = 0; n < modules; ++n) {
    std::getline(in, line);
    CHECK(std::stoi(line) == n);
    bases[static_cast<std::uint64_t>(n)] = std::stoull(line.substr(line.find(',') + 1), nullptr, 16);
  }
  std::getline(in, line);
  const std::size_t count = std::stoul(line.substr(line.find(':') + 1));
  const std::string table = file.substr(static_cast<std::size_t>(in.tellg()));
  CHECK(table.size() == 8 * count);
  std::vector<Block> blocks;
  for (std::size_t n = 0; n + 8 <= table.size(); n += 8) {
    std::uint32_t offset;
    std::uint16_t bytes, module;
    std::memcpy(&offset, table.data() + n, 4);
    std::memcpy(&bytes, table.data() + n + 4, 2);
    std::memcpy(&module, table.data() + n + 6, 2);
    blocks.push_back({bases.at(module) + offset, bytes});
  }
  return blocks;
}

// Addresses of the instructions that ran in that world, by -d exec.
std::set<std::uint64_t> logged(const std::string& log, const std::string& world) {
  std::set<std::uint64_t> all;
  std::istringstream in(log);
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string exec, count, cpu, where, address;
    words >> exec >> count >> cpu >> where >> address;
    if (exec == "exec" && where == world) all.insert(std::stoull(address, nullptr, 16));
  }
  return all;
}

}  // namespace

TEST_CASE(
    "the blocks of code coverage are those that a log of every instruction shows, root and guest apart") {
  const Folder folder;
  const std::string log = folder / "log", root = folder / "root", guest = folder / "guest",
                    both = folder / "both", other = folder / "other";
  CHECK(run({"-bios", visor, "-d", "exec", "-D", log}).status == 0);
  CHECK(run({"-bios", visor, "--code-coverage", root + ",root", "--code-coverage", guest + ",guest",
             "--code-coverage", both})
            .status == 0);
  const std::string lines = read_file(log);
  for (const auto& [file, world] : {std::pair(root, "root"), std::pair(guest, "guest")}) {
    CAPTURE(world);
    const std::set<std::uint64_t> ran = logged(lines, world);
    CHECK(ran.size() > 100);
    const std::vector<Block> blocks = read_drcov(read_file(file));
    std::set<std::uint64_t> covered;
    for (const Block& block : blocks) {
      CHECK_MESSAGE(ran.contains(block.start), block.start);
      for (unsigned n = 0; n < block.bytes; ++n) covered.insert(block.start + n);
    }
    for (const std::uint64_t address : ran) CHECK_MESSAGE(covered.contains(address), address);
  }
  CHECK(read_drcov(read_file(both)).size() >= read_drcov(read_file(root)).size());
  // The other dispatcher goes by the same blocks.
  CHECK(run({"-bios", visor, "-accel", "reference", "--code-coverage", other}).status == 0);
  CHECK(read_file(other) == read_file(both));
}

TEST_CASE("code coverage by source lines") {
  const Folder folder;
  const std::string root = folder / "root.info", guest = folder / "guest.info";
  CHECK(
      run({"-bios", visor, "--code-coverage", root + ",root", "--code-coverage", guest + ",guest"}).status ==
      0);
  const std::string in_root = read_file(root), in_guest = read_file(guest);
  CHECK(has(in_root, "SF:"));
  CHECK(has(in_root, "visor.asm\n"));
  CHECK(has(in_root, "end_of_record\n"));
  const auto hits = [](const std::string& text, const char* what) {
    std::istringstream in(text);
    int sum = 0;
    for (std::string line; std::getline(in, line);)
      if (line.starts_with(what)) sum += std::stoi(line.substr(line.find(':') + 1));
    return sum;
  };
  CHECK(hits(in_root, "LF:") == hits(in_guest, "LF:"));  // the same lines, of which other ones ran
  CHECK(hits(in_root, "LH:") > hits(in_guest, "LH:"));
  CHECK(hits(in_guest, "LH:") > 50);
  CHECK(has(in_guest, "FNDA:1,guest_start\n"));
  CHECK(has(in_root, "FNDA:0,guest_start\n"));
  CHECK(hits(in_root, "FNF:") == hits(in_guest, "FNF:"));
  CHECK(hits(in_root, "FNH:") > hits(in_guest, "FNH:"));
  CHECK(!has(in_root, ".no_rdseed"));  // a label inside of a function
  // Without source lines there is a warning, and an empty file.
  const Result none =
      run({"-bios", folder.write("halt", std::string(65536, '\xf4')), "--code-coverage", root});
  CHECK(has(none.err, "no symbols with source lines are loaded"));
  CHECK(read_file(root).empty());
}

TEST_CASE("which code the tests of a suite ran is added up, over shards, too") {
  const Folder folder;
  const auto test = [](const std::string& name) {
    return "[[test]]\nname = \"" + name + "\"\nfirmware = \"" RINGSIDE_BINARY_DIR "/roms/" + name +
           ".bin\"\n";
  };
  const std::string toml = folder.write("suite.toml", test("hello") + test("visor"));
  for (const std::string form : {"", ".info"}) {
    CAPTURE(form);
    const auto covered = [&](const std::string& name, std::vector<std::string> more) {
      more.insert(more.begin(), {"test", toml, "--code-coverage", folder / (name + form)});
      CHECK(run(more).status == 0);
      return read_file(folder / (name + form));
    };
    const std::string whole = covered("whole", {}), first = covered("first", {"--shard", "0/2"}),
                      second = covered("second", {"--shard", "1/2"});
    CHECK(whole.size() > std::max(first.size(), second.size()));
    CHECK(run({"coverage", folder / ("second" + form), folder / ("first" + form), "-o", folder / "sum"})
              .status == 0);
    CHECK(read_file(folder / "sum") == whole);
    // One file is its own sum; a torn one is none.
    CHECK(run({"coverage", folder / ("first" + form), "-o", folder / "sum"}).status == 0);
    CHECK(read_file(folder / "sum") == first);
    for (const std::size_t length : {std::size_t{20}, first.size() / 2, first.size() - 3}) {
      const Result torn =
          run({"coverage", folder.write("torn", first.substr(0, length)), "-o", folder / "not"});
      CHECK(torn.status == 1);
      CHECK(has(torn.err, "it is no whole "));
      CHECK(std::count(torn.err.begin(), torn.err.end(), '\n') == 1);
    }
  }
  // Whose code: of the guest alone there is less, and each run that met a line counts.
  const std::string guest = folder / "guest.info";
  CHECK(run({"test", toml, "--filter", "visor", "--code-coverage", guest + ",guest"}).status == 0);
  CHECK(has(read_file(guest), "FNDA:1,guest_start\n"));
  CHECK(run({"coverage", guest, guest, "-o", folder / "twice"}).status == 0);
  CHECK(has(read_file(folder / "twice"), "FNDA:2,guest_start\n"));
  const Result mixed = run({"coverage", guest, folder / "first", "-o", folder / "not"});
  CHECK(mixed.status == 1);
  CHECK(has(mixed.err, "cannot be added"));
  const Result kinds = run({"coverage", guest, folder.write("vmx.json", "{}"), "-o", folder / "not"});
  CHECK(has(kinds.err, "cannot be added"));
  CHECK(run({"coverage", guest}).status == 2);  // its sum is no text for people
}

TEST_CASE("code coverage changes nothing in the machine") {
  const Folder folder;
  const auto end = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"-bios", visor, "--stats", folder / "stats"});
    CHECK(run(more).status == 0);
    return nlohmann::json::parse(read_file(folder / "stats"))["state_hash"].get<std::string>();
  };
  CHECK(end({"--code-coverage", folder / "blocks"}) == end({}));
  const Result absent = run({"-bios", visor, "--code-coverage", folder / "no/where"});
  CHECK(absent.status == 1);
  CHECK(has(absent.err, "--code-coverage"));
}
