// Owns the pieces that lie over a block.
#include "devices/block/overlay_block.h"

#include <algorithm>

namespace ringside {

bool OverlayBlock::read(u64 sector, std::span<u8> to) {
  if (pieces_.empty()) return under_->read(sector, to);
  while (!to.empty()) {
    const u64 number = sector / piece_sectors, offset = sector % piece_sectors;
    const auto piece = pieces_.lower_bound(number);
    const bool here = piece != pieces_.end() && piece->first == number;
    // Up to the next piece the block below is asked in one go.
    const u64 end = here                     ? (number + 1) * piece_sectors
                    : piece == pieces_.end() ? sectors()
                                             : piece->first * piece_sectors;
    const std::size_t bytes = std::min<u64>((end - sector) * sector_bytes, to.size());
    if (here) {
      std::copy_n(piece->second.begin() + static_cast<std::ptrdiff_t>(offset * sector_bytes), bytes,
                  to.begin());
    } else if (!under_->read(sector, to.first(bytes))) {
      return false;
    }
    to = to.subspan(bytes);
    sector += bytes / sector_bytes;
  }
  return true;
}

OverlayBlock::Piece* OverlayBlock::piece_to_write(u64 number, bool whole) {
  if (const auto found = pieces_.find(number); found != pieces_.end()) return &found->second;
  Piece piece(std::min(piece_sectors, sectors() - number * piece_sectors) * sector_bytes);
  if (!whole && !under_->read(number * piece_sectors, piece)) return nullptr;
  return &pieces_.emplace(number, std::move(piece)).first->second;
}

bool OverlayBlock::write(u64 sector, std::span<const u8> from) {
  while (!from.empty()) {
    const u64 number = sector / piece_sectors, offset = sector % piece_sectors;
    const std::size_t bytes = std::min<u64>((piece_sectors - offset) * sector_bytes, from.size());
    Piece* const piece = piece_to_write(number, bytes == piece_sectors * sector_bytes);
    if (!piece) return false;
    std::copy_n(from.begin(), bytes, piece->begin() + static_cast<std::ptrdiff_t>(offset * sector_bytes));
    from = from.subspan(bytes);
    sector += bytes / sector_bytes;
  }
  return true;
}

u64 OverlayBlock::next_data(u64 sector) const {
  const auto piece = pieces_.lower_bound(sector / piece_sectors);
  const u64 under = under_->next_data(sector);
  return piece == pieces_.end() ? under : std::min(under, std::max(sector, piece->first * piece_sectors));
}

}  // namespace ringside
