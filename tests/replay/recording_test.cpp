// Owns the tests of a recording's file: what was written is read again, and what is not whole is told.
#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "frontend/replay/recording.h"
#include "tests/random.h"

using namespace ringside;

namespace {

RecordingHead some_head() {
  RecordingHead head;
  head.version = "0.1.0";
  head.flags = {"--m=512", "--append=console=ttyS0 -x", ""};
  head.places = {"stdio", "null", "null"};
  head.images = {{"-kernel", "vmlinuz", 12'345'678, "00112233445566778899aabbccddeeff"}};
  head.registers = {"rax of CPU 0", "rip of CPU 0"};
  head.parts = {"clock", "memory"};
  return head;
}

Happening some_happening(Random& random, u64 kind) {
  const auto byte = [&] { return static_cast<u8>(random.next()); };
  const auto number = [&] { return static_cast<int>(random.next() % 2000) - 1000; };
  switch (kind) {
    case 0: return InputEvent(SerialByte{static_cast<unsigned>(random.next() % 4), byte()});
    case 1: return InputEvent(KeyStroke{byte(), random.next() % 2 == 0, random.next() % 2 == 0});
    case 2: return InputEvent(PauseKey{});
    case 3: return InputEvent(MouseMove{number(), number(), number(), byte()});
    case 4: return InputEvent(PowerButton{});
    case 5: return ResetPerformed{};
    case 6: return HeldStill{static_cast<u32>(random.next() % 256)};
    case 7: return RegisterWritten{static_cast<unsigned>(random.next() % 8), "cr3", random.next()};
    default: return MemoryWritten{HostPhys(random.next()), {byte(), byte(), byte()}};
  }
}
constexpr u64 kinds = 9;

// What a file with some of everything holds.
Recording some_recording() {
  Random random(11);
  Recording all;
  all.head = some_head();
  Moment now;
  for (u64 n = 0; n < 200; ++n) {
    const u64 retired = random.next() % 3 == 0 ? 0 : random.next() % 1'000'000;
    now = {now.retired + retired, now.now + retired + random.next() % 4 * 1'000'000, random.next() % 2 == 0};
    if (n % 40 == 39)
      all.marks.push_back({now, all.history.size(), {random.next(), n}, {random.next(), random.next()}});
    else
      all.history.push_back({now, some_happening(random, n % kinds)});
  }
  all.end = RecordedEnd{now, "debug-exit", "the guest ended the run", -3};
  all.last = now;
  return all;
}

std::string file_of_this_process(const char* name) {
  return (std::filesystem::temp_directory_path() / ("ringside-" + std::to_string(::getpid()) + name))
      .string();
}

std::vector<u8> written(const Recording& recording, bool ended = true) {
  const std::string path = file_of_this_process(".recording");
  std::string error;
  {
    const auto writer = RecordingWriter::create(path, recording.head, error);
    REQUIRE(writer);
    std::size_t mark = 0;
    const auto put_marks = [&] {
      while (mark < recording.marks.size() && recording.marks[mark].records == writer->records())
        writer->mark(recording.marks[mark++]);
    };
    for (const HistoryRecord& record : recording.history) {
      put_marks();
      writer->add(record);
    }
    put_marks();
    if (ended) writer->end(*recording.end);
    CHECK(writer->failure() == "");
  }
  std::ifstream file(path, std::ios::binary);
  const std::vector<u8> bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  std::filesystem::remove(path);
  return bytes;
}

// The first so many of them are as they were.
template <class T>
bool begins(const std::vector<T>& all, const std::vector<T>& first) {
  return first.size() <= all.size() && std::equal(first.begin(), first.end(), all.begin());
}

}  // namespace

TEST_CASE("a recording is read as it was written") {
  const Recording recording = some_recording();
  std::string error;
  const auto read = parse_recording(written(recording), error);
  REQUIRE(read);
  CHECK(read->head == recording.head);
  CHECK(read->history == recording.history);
  CHECK(read->marks == recording.marks);
  CHECK(read->end == recording.end);
  CHECK(read->last == recording.last);
}

TEST_CASE("a key takes a few bytes") {
  Recording recording;
  recording.head = some_head();
  recording.end = RecordedEnd{};
  const std::size_t empty = written(recording).size();
  for (u64 n = 1; n <= 1000; ++n)
    recording.history.push_back({{n * 100'000, n * 110'000, false}, InputEvent(KeyStroke{30, false, true})});
  CHECK(written(recording).size() - empty < 1000 * 10);
}

TEST_CASE("a recording that was cut anywhere is one up to there, or is told to be none") {
  const Recording recording = some_recording();
  const std::vector<u8> file = written(recording);
  unsigned parts = 0;
  for (std::size_t n = 0; n < 50; ++n) {
    const std::size_t size = file.size() * n / 50;
    std::string error;
    const auto read = parse_recording(std::span(file).first(size), error);
    CAPTURE(size);
    CHECK(read.has_value() == error.empty());
    if (!read) CHECK(error.find("is cut short") == 0);
    if (!read) continue;
    ++parts;
    CHECK_FALSE(read->end);
    CHECK(begins(recording.history, read->history));
    CHECK(begins(recording.marks, read->marks));
    CHECK(read->last.retired <= recording.last.retired);
  }
  CHECK(parts > 30);
}

TEST_CASE("a recording with a bit that is another is refused") {
  const std::vector<u8> file = written(some_recording());
  Random random(5);
  for (unsigned n = 0; n < 200; ++n) {
    std::vector<u8> other = file;
    const std::size_t at = random.next() % other.size();
    other[at] = static_cast<u8>(other[at] ^ 1u << random.next() % 8);
    std::string error;
    CAPTURE(at);
    CHECK_FALSE(parse_recording(other, error));
    CHECK(error.find('\n') == error.npos);
    CHECK(error.find(';') != error.npos);
  }
}

TEST_CASE("blocks that were left out, moved or put behind the end are damage") {
  const Recording recording = some_recording();
  std::vector<u8> file = written(recording), open = written(recording, false);
  std::string error;
  file.insert(file.end(), open.end() - 40, open.end());
  CHECK_FALSE(parse_recording(file, error));
  CHECK(error.find("is damaged: what stands at byte") == 0);
  // The head, then the rest without the block behind it.
  const std::size_t head = 21 + 16 + (open[22] | open[23] << 8);
  const std::size_t next = head + 16 + (open[head + 1] | open[head + 2] << 8);
  open.erase(open.begin() + static_cast<std::ptrdiff_t>(head),
             open.begin() + static_cast<std::ptrdiff_t>(next));
  CHECK_FALSE(parse_recording(open, error));
}

TEST_CASE("what is no recording is told as such") {
  std::string error;
  const auto parse = [&](std::string_view text) {
    error.clear();
    return parse_recording({reinterpret_cast<const u8*>(text.data()), text.size()}, error).has_value();
  };
  CHECK_FALSE(parse("ELF or anything else that is long enough"));
  CHECK(error == "is no recording; name a file that --record has written");
  CHECK_FALSE(parse("Ringside recording 9\nwhatever follows"));
  CHECK(error.find("another version of Ringside") != error.npos);
  CHECK_FALSE(parse(""));
  CHECK(error.find("is cut short") == 0);
}

TEST_CASE("a file that cannot be written is told") {
  std::string error;
  CHECK_FALSE(RecordingWriter::create("/nowhere/recording", some_head(), error));
  CHECK(error.find("/nowhere/recording: cannot be written") == 0);
}
