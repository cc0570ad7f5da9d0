// Owns a folder of the host as a FAT disk, made by mtools.
#pragma once

#include <memory>
#include <string>

#include "devices/block/block_device.h"

namespace ringside {

// A disk in memory, of one partition with the folder's files as they are now: the same bytes for the same
// names and contents. With `writes_back`, what has changed in it when it is closed is put into the folder:
// each file wholly or not at all, and what cannot be put there is said on standard error. nullptr: one line
// in `error` that names the folder and the cure.
std::unique_ptr<BlockDevice> open_fat_folder(const std::string& folder, bool writes_back, std::string& error);

}  // namespace ringside
