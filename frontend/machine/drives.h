// Owns the drives of a machine: which were asked for, their images, their contents as a part of its state.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "cpu/arch/fields.h"
#include "devices/block/disk_history.h"

namespace ringside {

struct DriveRequest {
  enum class Bus : u8 { ide, floppy } bus = Bus::ide;
  // Of the bus: IDE 0 to 3 are the primary channel's two and the secondary's, floppy drives 0 and 1.
  unsigned index = 0;
  bool cdrom = false;
  enum class Source : u8 {
    image,   // `path` is a raw image
    folder,  // `path` is a folder, shown as a FAT disk
    blank,   // 1 MiB of zeros in memory
  } source = Source::image;
  std::string path;
  bool read_only = false;
  bool snapshot = false;  // what is written is kept in memory, and never gets to the image
};

// Images are opened once for the machine's life, and stay when it is switched off and on again.
class Drives {
 public:
  static constexpr unsigned ide_drives = 4, floppy_drives = 2;

  // nullptr: one line in `error` that names the drive's file and the cure.
  static std::unique_ptr<Drives> open(const std::vector<DriveRequest>& requests, std::string& error);

  bool has_ide() const;
  bool has_floppy() const;
  BlockDevice* ide(unsigned index) const { return ide_.at(index).disk.get(); }  // nullptr: there is none
  bool is_cdrom(unsigned index) const { return ide_.at(index).cdrom; }
  BlockDevice* floppy(unsigned index) const { return floppy_.at(index).disk.get(); }

  // Which contents each has. A restoring visitor brings them back; known() says whether it could.
  void fields(Fields& visit);
  bool known() const { return known_; }
  // Somebody may come back to what they hold now.
  void keep();
  // Nobody comes back to anything that they held before.
  void forget();
  // In the order of their places: the IDE drives, the floppy drives.
  std::vector<DiskHistory*> all();

 private:
  struct Drive {
    std::unique_ptr<DiskHistory> disk;
    bool cdrom = false;
  };
  static std::unique_ptr<BlockDevice> open_one(const DriveRequest& request, std::string& error);
  template <class Visit>
  void each(Visit visit);

  std::array<Drive, ide_drives> ide_;
  std::array<Drive, floppy_drives> floppy_;
  bool known_ = true;
};

}  // namespace ringside
