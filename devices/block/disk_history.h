// Owns the contents of a drive as a part of the machine's state: which contents they are, and going back.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "cpu/arch/fields.h"
#include "devices/block/block_device.h"
#include "devices/block/kept_bytes.h"

namespace ringside {

// The contents have a number that follows from those before and from each write since: the same writes lead
// to the same number, in every run. That number is the drive's state. Once keep() was called, what is
// overwritten is kept, so that the block can be brought to the contents of any number that it had since, on
// whatever branch of the machine's past.
class DiskHistory final : public BlockDevice {
 public:
  explicit DiskHistory(std::unique_ptr<BlockDevice> block) : block_(std::move(block)) {}

  u64 sectors() const override { return block_->sectors(); }
  bool read_only() const override { return block_->read_only(); }
  bool read(u64 sector, std::span<u8> to) override { return block_->read(sector, to); }
  bool write(u64 sector, std::span<const u8> from) override;
  u64 next_data(u64 sector) const override { return block_->next_data(sector); }
  bool flush() override { return block_->flush(); }

  u64 version() const { return version_; }
  // Somebody may come back to where the machine is now.
  void keep();
  // False: they are not known, or the host failed; the block has the contents that it had, or those of
  // version() where the host failed on the way.
  bool go_to(u64 version);
  // Nobody comes back to where the machine was.
  void forget();

  // What was written since the block was opened: first sectors, and the sectors behind the last of each run.
  // Runs are in order and do not touch.
  const std::map<u64, u64>& written() const { return written_; }
  // Its contents are those that a drive of another process had under this number.
  void name_contents(u64 version);

 private:
  // The write that led to a version.
  struct Step {
    u64 from = 0, sector = 0, bytes = 0;
    u64 before = 0, after = 0;  // where these are kept
  };
  // The steps from the first version on; false: it is not known.
  bool way_to(u64 version, std::vector<u64>& way) const;
  bool note_step(u64 next, u64 sector, std::span<const u8> from);
  bool put(u64 sector, u64 kept_at, u64 bytes);
  void note_written(u64 sector, u64 end);

  std::unique_ptr<BlockDevice> block_;
  u64 version_ = 0;
  bool kept_ = false;
  u64 first_ = 0;              // version() when keep() was first called
  std::map<u64, Step> steps_;  // by the version that each led to
  KeptBytes contents_;         // that steps overwrote, and that they wrote
  std::map<u64, u64> written_;
};

}  // namespace ringside
