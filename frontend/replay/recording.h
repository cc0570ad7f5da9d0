// Owns a recording of a run: what came from outside, and hashes of the state on the way, as a file that grows
// while the run goes on.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "frontend/replay/history.h"

namespace ringside {

// A file that the machine read at its start or reads while it runs, as it was before.
struct RecordedImage {
  std::string role;  // "-kernel", "-drive"
  std::string path;  // as the flag had it
  u64 bytes = 0;
  std::string hash;  // XXH3 of 128 bits, 32 hexadecimal digits
  bool operator==(const RecordedImage&) const = default;
};

// What made the machine.
struct RecordingHead {
  std::string version;              // of Ringside
  std::vector<std::string> flags;   // as parse_options takes them
  std::vector<std::string> places;  // where each serial port leads, COM1 first, then the debug console
  std::vector<RecordedImage> images;
  std::vector<std::string> registers, parts;  // what the numbers of a mark are
  bool operator==(const RecordingHead&) const = default;
};

// The state at a moment, behind the first `records` of the history. A part's number is its hash.
struct StateMark {
  Moment at;
  u64 records = 0;
  std::vector<u64> registers, parts;
  bool operator==(const StateMark&) const = default;
};

// How the run ended: words of RunSummary's. The last mark is of the same moment.
struct RecordedEnd {
  Moment at;
  std::string ending, reason;
  int status = 0;
  bool operator==(const RecordedEnd&) const = default;
};

struct Recording {
  RecordingHead head;
  Chronicle history;
  std::vector<StateMark> marks;
  std::optional<RecordedEnd> end;  // none: the program was killed, or the file was cut
  Moment last;                     // of what is known
};

constexpr u64 longest_recording = u64{256} << 20;  // bytes of the file

// nullopt: the bytes are none, or were changed; `error` says what is wrong and the cure, without the file's
// name. A file that was cut is a recording up to there.
std::optional<Recording> parse_recording(std::span<const u8> file, std::string& error);

// Appends to a file. What was handed over outlasts the program once flush() was called.
class RecordingWriter {
 public:
  // nullptr: the file cannot be written; `error` says why.
  static std::unique_ptr<RecordingWriter> create(const std::string& path, const RecordingHead& head,
                                                 std::string& error);
  ~RecordingWriter();
  RecordingWriter(const RecordingWriter&) = delete;
  RecordingWriter& operator=(const RecordingWriter&) = delete;

  void add(const HistoryRecord& record);
  void mark(const StateMark& mark);
  // The run was taken back to this moment, and what came behind the first `records` is no part of it.
  void go_back(u64 records, const Moment& to);
  void end(const RecordedEnd& end);
  void flush();
  const Moment& last() const { return last_; }  // of what was added
  u64 records() const { return records_; }      // that were added
  u64 waiting() const { return gathered_; }     // bytes that no flush() has written
  // What went wrong, one line; empty: nothing yet. Nothing is written from then on.
  const std::string& failure() const { return failure_; }

 private:
  RecordingWriter(int file, std::string path) : file_(file), path_(std::move(path)) {}
  void put_block(u8 kind, std::span<const u8> payload);
  void write(std::span<const u8> bytes);

  int file_;
  std::string path_, failure_;
  std::vector<u8> pending_;  // records, as bytes
  u64 gathered_ = 0, records_ = 0, chain_ = 0;
  Moment last_;
  StateMark last_mark_;
};

}  // namespace ringside
