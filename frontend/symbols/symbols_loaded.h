// Owns what is known of an image that is loaded, beside the image itself.
#pragma once

#include "frontend/symbols/symbols_image.h"

namespace ringside {

inline bool same_world(World image, World asked) {
  return image == World::any || asked == World::any || image == asked;
}

struct Symbols::Loaded {
  std::string name, path;
  u64 offset = 0;
  World world = World::any;
  mutable SymbolImage image;  // reading lines fills libdw's caches

  bool covers(u64 address) const { return image.covers(address - offset); }
};

}  // namespace ringside
