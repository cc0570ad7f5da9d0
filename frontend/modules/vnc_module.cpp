// Owns what ringside-vnc.so shows.
#include "frontend/modules/modules.h"

extern "C" [[gnu::visibility("default")]] const ringside::VncModule ringside_vnc;
const ringside::VncModule ringside_vnc{&ringside::open_vnc};
