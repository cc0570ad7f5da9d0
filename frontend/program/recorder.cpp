// Owns --record.
#include "frontend/program/recorder.h"

#include <fmt/format.h>

#include <algorithm>

#include "frontend/program/listings.h"
#include "frontend/program/run_images.h"

namespace ringside {
namespace {

// What was sent elsewhere is not there to be sent to again.
std::string place_of(const Chardev& device) {
  return device.kind == Chardev::Kind::standard ? "stdio" : "null";
}

}  // namespace

std::unique_ptr<Recorder> Recorder::create(const RunOptions& options, Machine& machine, std::string& error) {
  RecordingHead head;
  head.version = version_number();
  head.flags = options.machine_words;
  for (const Chardev& device : options.serials) head.places.push_back(place_of(device));
  head.places.push_back(place_of(options.debugcon));
  if (!look_at_images(options, head.images, error)) return nullptr;
  auto state = std::make_unique<RecordedState>(machine);
  head.registers = state->registers();
  head.parts = state->parts();
  std::string why;
  auto writer = RecordingWriter::create(options.record, head, why);
  if (!writer) {
    error = "--record " + why;
    return nullptr;
  }
  return std::unique_ptr<Recorder>(
      new Recorder(std::move(writer), machine, std::move(state), options.record_look));
}

void Recorder::mark() {
  auto [registers, parts] = state_->look();
  writer_->mark({machine_.moment(), writer_->records(), std::move(registers), std::move(parts)});
}

u64 Recorder::mark_after(u64 count) const {
  const bool within = look_.every != 0 && count >= look_.from && count < look_.to;
  const u64 interval = within ? look_.every : usual_interval, next = count - count % interval + interval;
  if (within) return std::min(next, look_.to);
  return look_.every != 0 && count < look_.from ? std::min(next, look_.from) : next;
}

u64 Recorder::limit(u64 slice) {
  const Moment now = machine_.moment();
  if (const u32 still = machine_.held_still(); sees_holds_ && still != still_)
    add({now, HeldStill{still_ = still}});
  if (now.retired >= next_mark_) {
    mark();
    next_mark_ = mark_after(now.retired);
  }
  writer_->flush();
  return std::min(slice, next_mark_ - now.retired);
}

void Recorder::come_to(u64 records, const Moment& at) {
  const Moment& last = writer_->last();
  if (records == writer_->records() && at.retired >= last.retired && at.now >= last.now) return;
  writer_->go_back(records, at);
  next_mark_ = at.retired;
}

void Recorder::end(const RunSummary& summary, const Moment* present) {
  if (present == nullptr) mark();
  writer_->end({present ? *present : machine_.moment(), summary.ending, summary.reason, summary.status});
}

}  // namespace ringside
