// Owns the opening of drives: from what was asked for to a block with its layers.
#include "frontend/machine/drives.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "devices/block/fat_folder.h"
#include "devices/block/file_block.h"
#include "devices/block/memory_block.h"
#include "devices/block/overlay_block.h"
#include "devices/floppy/floppy_kinds.h"

namespace ringside {
namespace {

// The guest learns of each failure of the host's; its person, of a drive's first.
std::unique_ptr<BlockDevice> open_image(const std::string& path, Media media, bool read_only,
                                        std::string& error) {
  auto image = FileBlock::open(path, media, read_only, error);
  if (image)
    image->on_trouble([](const std::string& line) { std::fprintf(stderr, "ringside: %s\n", line.c_str()); });
  return image;
}

}  // namespace

std::unique_ptr<BlockDevice> Drives::open_one(const DriveRequest& request, std::string& error) {
  constexpr u64 blank_sectors = 2048;
  const bool floppy = request.bus == DriveRequest::Bus::floppy;
  const Media media = floppy ? Media::floppy : request.cdrom ? Media::cdrom : Media::disk;
  const bool read_only = request.read_only || request.cdrom || floppy;
  std::unique_ptr<BlockDevice> block;
  switch (request.source) {
    case DriveRequest::Source::image:
      block = open_image(request.path, media, read_only || request.snapshot, error);
      break;
    case DriveRequest::Source::folder:
      block = open_fat_folder(request.path, !request.snapshot && !read_only, error);
      break;
    case DriveRequest::Source::blank:
      block = std::make_unique<MemoryBlock>(MemoryBlock::blank(blank_sectors), read_only);
      break;
  }
  if (block && floppy && !floppy_kind_of(block->sectors())) {
    error = fmt::format("{}: is too large for a floppy disk; give at most {} bytes, or use if=ide",
                        request.path, floppy_kinds.back().sectors() * sector_bytes);
    return nullptr;
  }
  const bool kept = request.source == DriveRequest::Source::image && request.snapshot && !read_only;
  if (block && kept) block = std::make_unique<OverlayBlock>(std::move(block));
  return block;
}

std::unique_ptr<Drives> Drives::open(const std::vector<DriveRequest>& requests, std::string& error) {
  auto drives = std::make_unique<Drives>();
  for (const DriveRequest& request : requests) {
    const bool floppy = request.bus == DriveRequest::Bus::floppy;
    const char* const bus = floppy ? "floppy" : "ide";
    if (request.index >= (floppy ? floppy_drives : ide_drives)) {
      error = fmt::format("{}: if={} has no index {}; give less, or leave it out", request.path, bus,
                          request.index);
      return nullptr;
    }
    Drive& drive = floppy ? drives->floppy_[request.index] : drives->ide_[request.index];
    if (drive.disk) {
      error = fmt::format("{}: there is a drive at if={},index={} already; give it another index",
                          request.path, bus, request.index);
      return nullptr;
    }
    std::unique_ptr<BlockDevice> block = open_one(request, error);
    if (!block) return nullptr;
    drive.disk = std::make_unique<DiskHistory>(std::move(block));
    drive.cdrom = request.cdrom;
  }
  return drives;
}

template <class Visit>
void Drives::each(Visit visit) {
  for (Drive& drive : ide_)
    if (drive.disk) visit(*drive.disk);
  for (Drive& drive : floppy_)
    if (drive.disk) visit(*drive.disk);
}

bool Drives::has_ide() const {
  return std::any_of(ide_.begin(), ide_.end(), [](const Drive& drive) { return drive.disk != nullptr; });
}

bool Drives::has_floppy() const {
  return std::any_of(floppy_.begin(), floppy_.end(),
                     [](const Drive& drive) { return drive.disk != nullptr; });
}

void Drives::keep() {
  each([](DiskHistory& disk) { disk.keep(); });
}

void Drives::forget() {
  each([](DiskHistory& disk) { disk.forget(); });
}

std::vector<DiskHistory*> Drives::all() {
  std::vector<DiskHistory*> disks;
  each([&](DiskHistory& disk) { disks.push_back(&disk); });
  return disks;
}

void Drives::fields(Fields& visit) {
  if (!has_ide() && !has_floppy()) return;
  visit.group("disks");
  if (visit.restoring()) known_ = true;
  each([&](DiskHistory& disk) {
    u64 version = disk.version();
    visit("contents", version);
    if (visit.restoring()) known_ &= disk.go_to(version);
  });
  visit.end();
}

}  // namespace ringside
