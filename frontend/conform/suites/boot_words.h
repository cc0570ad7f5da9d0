// Owns what kind of thing an image is, by its first bytes, and so by which flag it is booted.
#pragma once

#include <string>
#include <vector>

namespace ringside::conform {

// The flags that boot it: -kernel for ELF and Linux's bzImage, -cdrom for ISO 9660, a disk for a boot sector,
// else firmware. Empty: it cannot be read, one line in `error`.
std::vector<std::string> words_to_boot(const std::string& image, std::string& error);

}  // namespace ringside::conform
