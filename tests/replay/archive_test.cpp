// Owns the tests of archives: what was put in comes out, tar reads them, and what is damaged is told.
#include "frontend/replay/archive.h"

#include <doctest/doctest.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <vector>

#include "frontend/machine/scratch_folder.h"

using namespace ringside;

namespace {

class Gather final : public ArchiveSink {
 public:
  bool begin(std::string_view name, u64, std::string&) override {
    name_ = name;
    members[name_];
    return true;
  }
  bool data(std::span<const u8> bytes, std::string&) override {
    members[name_].append(bytes.begin(), bytes.end());
    return true;
  }
  bool end(std::string&) override { return true; }

  std::map<std::string, std::string> members;

 private:
  std::string name_;
};

std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

ByteSource source_of(const std::string& bytes) {
  return [&bytes, at = std::size_t{0}](std::span<u8> to) mutable {
    const std::size_t size = std::min({to.size(), bytes.size() - at, std::size_t{700}});
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), size, to.begin());
    at += size;
    return size;
  };
}

// "": it was read. Else the line.
std::string why_not(const std::string& bytes) {
  Gather sink;
  std::string error;
  return read_archive(source_of(bytes), sink, error) ? std::string() : error;
}

std::string packed(const std::string& tar) {
  std::string out(ZSTD_compressBound(tar.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), tar.data(), tar.size(), 1));
  return out;
}

const std::map<std::string, std::string> contents = {{"a.txt", "hello"},
                                                     {"b/empty", ""},
                                                     {"b/block", std::string(512, 'x')},
                                                     {"b/large", std::string(300'001, 'y')}};

std::string some_archive(const ScratchFolder& folder) {
  std::string error;
  const std::string path = folder / "archive";
  const auto writer = ArchiveWriter::create(path, error);
  REQUIRE_MESSAGE(writer, error);
  for (const auto& [name, bytes] : contents) writer->add(name, bytes);
  std::ofstream(folder / "file") << "from a file";
  REQUIRE(writer->add_file("c", folder / "file", 11, error));
  REQUIRE_MESSAGE(writer->finish(error), error);
  return bytes_of(path);
}

}  // namespace

TEST_CASE("what was put into an archive comes out again, and tar reads it") {
  const ScratchFolder folder("test");
  const std::string bytes = some_archive(folder);
  Gather sink;
  std::string error;
  REQUIRE_MESSAGE(read_archive(source_of(bytes), sink, error), error);
  auto expected = contents;
  expected["c"] = "from a file";
  CHECK(sink.members == expected);
  CHECK(begins_as_archive({reinterpret_cast<const u8*>(bytes.data()), bytes.size()}));
  const std::string tar =
      "cd " + folder.path() + " && zstd -dcq archive > t.tar && tar -xf t.tar && cat a.txt c";
  if (std::system("which zstd tar > /dev/null 2>&1") != 0) return;
  CHECK(std::system((tar + " > out").c_str()) == 0);
  CHECK(bytes_of(folder / "out") == "hellofrom a file");
  CHECK(bytes_of(folder / "b/large") == contents.at("b/large"));
}

TEST_CASE("two archives of the same are the same, byte by byte") {
  const ScratchFolder one("test"), other("test");
  CHECK(some_archive(one) == some_archive(other));
}

TEST_CASE("an archive that was cut or changed is refused, wherever it was") {
  const ScratchFolder folder("test");
  const std::string good = some_archive(folder);
  REQUIRE(good.size() > 100);
  for (std::size_t size = 0; size < good.size(); ++size) CHECK(why_not(good.substr(0, size)) != "");
  Gather all;
  std::string none;
  REQUIRE(read_archive(source_of(good), all, none));
  std::size_t refused = 0;
  for (std::size_t at = 0; at < good.size(); ++at) {
    std::string changed = good;
    changed[at] = static_cast<char>(changed[at] ^ 0x10);
    // Some bits say how it was packed, and nothing else.
    Gather sink;
    std::string error;
    if (read_archive(source_of(changed), sink, error)) CHECK(sink.members == all.members);
    refused += error.empty() ? 0 : 1;
  }
  CHECK(refused >= good.size() - 4);
  CHECK(why_not(good + "x") == "is damaged: something follows its end; fetch it again");
  CHECK(why_not(good + good) == "is damaged: something follows its end; fetch it again");
  CHECK(why_not(good.substr(0, 50)) == "is cut short; fetch it again");
}

TEST_CASE("an archive that would leave its folder, or holds other things than files, is refused") {
  for (const char* name : {"../x", "/x", "a/../b", "a//b", ".", "", "a/", "a\nb", "a b"})
    CHECK(!good_member_name(name));
  for (const char* name : {"x", "a/b.c", "images/0-linux_6.1+x", "..x", "a/.b"})
    CHECK(good_member_name(name));
  const ScratchFolder folder("test");
  const auto tar_with = [&](const std::string& name, char kind) {
    std::string header(512, '\0');
    header.replace(0, name.size(), name);
    header.replace(124, 11, "00000000000");
    header[156] = kind;
    header.replace(257, 6, std::string("ustar\0", 6));
    unsigned sum = 8 * ' ';
    for (const char c : header) sum += static_cast<u8>(c);
    char digits[8];
    std::snprintf(digits, sizeof digits, "%06o", sum);
    header.replace(148, 7, digits, 7);
    return packed(header + std::string(1024, '\0'));
  };
  CHECK(why_not(tar_with("fine", '0')) == "");
  for (const char* name : {"../../etc/x", "/etc/x"})
    CHECK(why_not(tar_with(name, '0')).find("no plain file with a plain name") != std::string::npos);
  for (const char kind : {'1', '2', '3', '5', '6', 'x', 'L'})
    CHECK(why_not(tar_with("fine", kind)).find("no plain file with a plain name: \"fine\"") !=
          std::string::npos);
}

TEST_CASE("a file that grew shorter while it was packed is told, and no archive appears") {
  const ScratchFolder folder("test");
  std::string error;
  {
    const auto writer = ArchiveWriter::create(folder / "archive", error);
    REQUIRE(writer);
    std::ofstream(folder / "file") << "short";
    CHECK(!writer->add_file("c", folder / "file", 6, error));
    CHECK(error.find("has become shorter") != std::string::npos);
    CHECK(!writer->add_file("d", folder / "nothing", 6, error));
  }
  CHECK(!std::filesystem::exists(folder / "archive"));
}
