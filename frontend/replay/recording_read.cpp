// Owns the reading of recordings: whatever the bytes are, they become a recording or one line of words.
#include <fmt/format.h>

#include <algorithm>

#include "frontend/replay/recording_form.h"

namespace ringside {
namespace {

using namespace recording;

constexpr std::size_t most_names = 100'000;

std::vector<std::string> take_texts(ByteReader& in) {
  std::vector<std::string> texts(in.count());
  for (std::string& text : texts) text = in.text();
  return texts;
}

std::optional<Happening> take_happening(RecordKind kind, ByteReader& in) {
  const auto small = [&] { return static_cast<unsigned>(std::min<u64>(in.number(), ~0u)); };
  const auto way = [&] { return static_cast<int>(in.signed_number()); };
  switch (kind) {
    case RecordKind::serial: {
      const unsigned port = small();
      return InputEvent(SerialByte{port, in.byte()});
    }
    case RecordKind::key: {
      const u8 code = in.byte(), bits = in.byte();
      return InputEvent(KeyStroke{code, (bits & 1) != 0, (bits & 2) != 0});
    }
    case RecordKind::pause: return InputEvent(PauseKey{});
    case RecordKind::mouse: {
      const int right = way(), up = way(), wheel = way();
      return InputEvent(MouseMove{right, up, wheel, in.byte()});
    }
    case RecordKind::power: return InputEvent(PowerButton{});
    case RecordKind::reset: return ResetPerformed{};
    case RecordKind::still: return HeldStill{small()};
    case RecordKind::register_written: {
      RegisterWritten written{small(), in.text(), 0};
      written.value = in.number();
      return written;
    }
    case RecordKind::memory_written: {
      MemoryWritten written{HostPhys(in.number()), {}};
      written.bytes = in.bytes();
      return written;
    }
    case RecordKind::count: break;
  }
  return std::nullopt;
}

class Reader {
 public:
  explicit Reader(std::span<const u8> file) : file_(file), whole_(file.size()) {}

  bool read(std::string& error) {
    if (!begins_as_recording(error)) return false;
    file_ = file_.subspan(magic.size());
    bool first = true;
    for (; !file_.empty(); first = false) {
      const u64 at = whole_ - file_.size();
      std::span<const u8> payload;
      BlockKind kind{};
      const Found found = next_block(kind, payload);
      if (found == Found::cut) break;
      const bool good = found == Found::whole && (kind == BlockKind::head) == first && !recording.end;
      if (good && take(kind, payload)) continue;
      error = fmt::format(
          "is damaged: what stands at byte {} is not what was recorded; record again, or fetch the file "
          "again",
          at);
      return false;
    }
    if (!first) return true;
    error = "is cut short: not even the flags of the run are there; fetch the file again";
    return false;
  }

  Recording recording;

 private:
  enum class Found : u8 { whole, cut, damaged };

  bool begins_as_recording(std::string& error) const {
    const std::size_t number = magic.size() - 2;                               // of the form's, one digit
    const std::string_view start(reinterpret_cast<const char*>(file_.data()),  // NOLINT: bytes are characters
                                 std::min(file_.size(), magic.size()));
    if (start == magic) return true;
    const bool other = start.size() == magic.size() && start.substr(0, number) == magic.substr(0, number);
    if (other)
      error = "is a recording in the form of another version of Ringside; replay it with that one";
    else if (file_.size() < magic.size() && magic.starts_with(start))
      error = "is cut short: not even the flags of the run are there; fetch the file again";
    else
      error = "is no recording; name a file that --record has written";
    return false;
  }

  Found next_block(BlockKind& kind, std::span<const u8>& payload) {
    if (file_.size() < block_head) return Found::cut;
    u64 size = 0, first = 0, last = 0;
    for (unsigned n = 0; n < 3; ++n) size |= u64{file_[1 + n]} << 8 * n;
    for (unsigned n = 0; n < 4; ++n) first |= u64{file_[4 + n]} << 8 * n;
    if ((check(chain_, file_.first(4)) & 0xffffffff) != first) return Found::damaged;
    if (file_.size() - block_head < size + block_tail) return Found::cut;
    const std::span<const u8> checked = file_.first(block_head + size);
    for (unsigned n = 0; n < 8; ++n) last |= u64{file_[checked.size() + n]} << 8 * n;
    chain_ = check(chain_, checked);
    if (chain_ != last) return Found::damaged;
    kind = static_cast<BlockKind>(file_[0]);
    payload = checked.subspan(block_head);
    file_ = file_.subspan(checked.size() + block_tail);
    return Found::whole;
  }

  bool take(BlockKind kind, std::span<const u8> payload) {
    ByteReader in(payload);
    switch (kind) {
      case BlockKind::head: return take_head(in);
      case BlockKind::records: return take_records(in);
      case BlockKind::mark: return take_mark(in);
      case BlockKind::back: return take_back(in);
      case BlockKind::end: return take_end(in);
    }
    return false;
  }

  bool take_head(ByteReader& in) {
    RecordingHead& head = recording.head;
    head.version = in.text();
    head.flags = take_texts(in);
    head.places = take_texts(in);
    head.images.resize(in.count());
    for (RecordedImage& image : head.images) {
      image.role = in.text();
      image.path = in.text();
      image.bytes = in.number();
      image.hash = in.text();
    }
    head.registers = take_texts(in);
    head.parts = take_texts(in);
    return in.ok() && in.at_end() && head.registers.size() + head.parts.size() <= most_names;
  }

  bool take_records(ByteReader& in) {
    while (!in.at_end()) {
      const u8 byte = in.byte();
      const u8 kind = byte & static_cast<u8>(~asleep_bit);
      HistoryRecord record{read_moment(in, recording.last, (byte & asleep_bit) != 0), {}};
      auto what = take_happening(static_cast<RecordKind>(kind), in);
      if (!in.ok() || !what || !go_on_to(record.at)) return false;
      record.what = std::move(*what);
      recording.history.push_back(std::move(record));
    }
    return in.ok();
  }

  bool take_mark(ByteReader& in) {
    StateMark mark;
    mark.records = recording.history.size();
    const bool asleep = in.byte() == 1;
    mark.at = read_moment(in, recording.last, asleep);
    const StateMark& before = last_mark_;
    const auto take_changes = [&](std::size_t count, const std::vector<u64>& from, std::vector<u64>& to) {
      for (std::size_t n = 0; n < count && in.ok(); ++n)
        to.push_back(in.number() ^ (n < from.size() ? from[n] : 0));
    };
    take_changes(recording.head.registers.size(), before.registers, mark.registers);
    take_changes(recording.head.parts.size(), before.parts, mark.parts);
    if (!in.ok() || !in.at_end() || !go_on_to(mark.at)) return false;
    recording.marks.push_back(mark);
    last_mark_ = std::move(mark);
    return true;
  }

  // The run was taken back, and went on in another way from there.
  bool take_back(ByteReader& in) {
    const u64 records = in.number();
    const bool asleep = in.byte() == 1;
    const Moment to = read_moment(in, {}, asleep);
    if (!in.ok() || !in.at_end() || records > recording.history.size() || !follows(to, recording.last))
      return false;
    recording.history.resize(records);
    std::erase_if(recording.marks, [&](const StateMark& mark) {
      return mark.records > records || mark.at.retired > to.retired || mark.at.now > to.now;
    });
    if (!recording.history.empty() && !follows(recording.history.back().at, to)) return false;
    recording.last = to;
    last_mark_ = {};
    return true;
  }

  bool take_end(ByteReader& in) {
    RecordedEnd end;
    const bool asleep = in.byte() == 1;
    end.at = read_moment(in, recording.last, asleep);
    end.ending = in.text();
    end.reason = in.text();
    end.status = static_cast<int>(in.signed_number());
    if (!in.ok() || !in.at_end() || !go_on_to(end.at)) return false;
    recording.end = std::move(end);
    return true;
  }

  bool go_on_to(const Moment& moment) {
    if (!follows(recording.last, moment)) return false;
    recording.last = moment;
    return true;
  }

  std::span<const u8> file_;
  u64 whole_, chain_ = 0;
  StateMark last_mark_;  // that the next one is told by
};

}  // namespace

std::optional<Recording> parse_recording(std::span<const u8> file, std::string& error) {
  Reader reader(file);
  if (!reader.read(error)) return std::nullopt;
  return std::move(reader.recording);
}

}  // namespace ringside
