// Owns the writing of recordings.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "frontend/replay/recording_form.h"

namespace ringside {
namespace {

using namespace recording;

struct Put {
  ByteWriter& out;
  const HistoryRecord& record;
  const Moment& last;

  void head(RecordKind kind) const {
    out.byte(static_cast<u8>(kind) | (record.at.asleep ? asleep_bit : 0));
    write_moment(out, last, record.at);
  }
  void operator()(const InputEvent& event) const { std::visit(*this, event); }
  void operator()(const SerialByte& e) const {
    head(RecordKind::serial);
    out.number(e.port);
    out.byte(e.byte);
  }
  void operator()(const KeyStroke& e) const {
    head(RecordKind::key);
    out.byte(e.code);
    out.byte((e.extended ? 1 : 0) | (e.down ? 2 : 0));
  }
  void operator()(const PauseKey&) const { head(RecordKind::pause); }
  void operator()(const MouseMove& e) const {
    head(RecordKind::mouse);
    for (const int way : {e.right, e.up, e.wheel}) out.signed_number(way);
    out.byte(e.buttons);
  }
  void operator()(const PowerButton&) const { head(RecordKind::power); }
  void operator()(const ResetPerformed&) const { head(RecordKind::reset); }
  void operator()(const HeldStill& e) const {
    head(RecordKind::still);
    out.number(e.cpus);
  }
  void operator()(const RegisterWritten& e) const {
    head(RecordKind::register_written);
    out.number(e.cpu);
    out.text(e.name);
    out.number(e.value);
  }
  void operator()(const MemoryWritten& e) const {
    head(RecordKind::memory_written);
    out.number(e.at.value);
    out.bytes(e.bytes);
  }
};

// As the way from those of the mark before: what has not changed takes one byte.
void put_changes(ByteWriter& out, std::span<const u64> before, std::span<const u64> now) {
  for (std::size_t n = 0; n < now.size(); ++n) out.number(now[n] ^ (n < before.size() ? before[n] : 0));
}

void put_texts(ByteWriter& out, std::span<const std::string> texts) {
  out.number(texts.size());
  for (const std::string& text : texts) out.text(text);
}

std::vector<u8> head_bytes(const RecordingHead& head) {
  ByteWriter out;
  out.text(head.version);
  put_texts(out, head.flags);
  put_texts(out, head.places);
  out.number(head.images.size());
  for (const RecordedImage& image : head.images) {
    out.text(image.role);
    out.text(image.path);
    out.number(image.bytes);
    out.text(image.hash);
  }
  put_texts(out, head.registers);
  put_texts(out, head.parts);
  return std::move(out.out());
}

std::span<const u8> bytes_of(std::string_view text) {
  return {reinterpret_cast<const u8*>(text.data()), text.size()};  // NOLINT: characters are bytes
}

}  // namespace

std::unique_ptr<RecordingWriter> RecordingWriter::create(const std::string& path, const RecordingHead& head,
                                                         std::string& error) {
  const std::vector<u8> payload = head_bytes(head);
  if (payload.size() > most_payload) {
    error = fmt::format("{}: the flags are too long to be recorded; give less", path);
    return nullptr;
  }
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  std::unique_ptr<RecordingWriter> writer(new RecordingWriter(file, path));
  if (file < 0) {
    error = fmt::format("{}: cannot be written ({}); name another file", path, std::strerror(errno));
    return nullptr;
  }
  writer->write(bytes_of(magic));
  writer->put_block(static_cast<u8>(BlockKind::head), payload);
  error = writer->failure();
  return error.empty() ? std::move(writer) : nullptr;
}

RecordingWriter::~RecordingWriter() {
  if (file_ < 0) return;
  flush();
  ::close(file_);
}

void RecordingWriter::add(const HistoryRecord& record) {
  ByteWriter out;
  std::visit(Put{out, record, last_}, record.what);
  last_ = record.at;
  ++records_;
  if (pending_.size() + out.out().size() > most_payload) flush();
  pending_.insert(pending_.end(), out.out().begin(), out.out().end());
  gathered_ = pending_.size();
}

void RecordingWriter::flush() {
  if (pending_.empty()) return;
  put_block(static_cast<u8>(BlockKind::records), pending_);
  pending_.clear();
  gathered_ = 0;
}

void RecordingWriter::mark(const StateMark& mark) {
  flush();
  ByteWriter out;
  out.byte(mark.at.asleep ? 1 : 0);
  write_moment(out, last_, mark.at);
  put_changes(out, last_mark_.registers, mark.registers);
  put_changes(out, last_mark_.parts, mark.parts);
  last_ = mark.at;
  last_mark_ = mark;
  put_block(static_cast<u8>(BlockKind::mark), out.out());
}

void RecordingWriter::go_back(u64 records, const Moment& to) {
  flush();
  ByteWriter out;
  out.number(records);
  out.byte(to.asleep ? 1 : 0);
  write_moment(out, {}, to);
  put_block(static_cast<u8>(BlockKind::back), out.out());
  records_ = records;
  last_ = to;
  last_mark_ = {};
}

void RecordingWriter::end(const RecordedEnd& end) {
  flush();
  ByteWriter out;
  out.byte(end.at.asleep ? 1 : 0);
  write_moment(out, last_, end.at);
  out.text(end.ending);
  out.text(end.reason);
  out.signed_number(end.status);
  put_block(static_cast<u8>(BlockKind::end), out.out());
}

void RecordingWriter::put_block(u8 kind, std::span<const u8> payload) {
  std::vector<u8> block(block_head + payload.size() + block_tail);
  block[0] = kind;
  for (unsigned n = 0; n < 3; ++n) block[1 + n] = static_cast<u8>(payload.size() >> 8 * n);
  const u64 first = check(chain_, std::span(block).first(4));
  for (unsigned n = 0; n < 4; ++n) block[4 + n] = static_cast<u8>(first >> 8 * n);
  if (!payload.empty()) std::memcpy(block.data() + block_head, payload.data(), payload.size());
  chain_ = check(chain_, std::span(block).first(block.size() - block_tail));
  for (unsigned n = 0; n < 8; ++n) block[block.size() - block_tail + n] = static_cast<u8>(chain_ >> 8 * n);
  write(block);
}

void RecordingWriter::write(std::span<const u8> bytes) {
  while (!bytes.empty() && failure_.empty()) {
    const ssize_t written = ::write(file_, bytes.data(), bytes.size());
    if (written > 0) bytes = bytes.subspan(static_cast<std::size_t>(written));
    if (written < 0 && errno != EINTR)
      failure_ = fmt::format("{}: cannot be written ({}); make room", path_, std::strerror(errno));
  }
}

}  // namespace ringside
