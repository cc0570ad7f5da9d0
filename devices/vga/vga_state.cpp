// Owns the visit of the VGA's registers.
#include "devices/vga/vga_state.h"

namespace ringside {

void VgaState::fields(Fields& visit) {
  visit("miscellaneous", miscellaneous);
  visit("feature", feature);
  visit("sequencer_index", sequencer_index);
  visit("graphics_index", graphics_index);
  visit("crtc_index", crtc_index);
  visit("attribute_index", attribute_index);
  visit("attribute_data", attribute_data);
  visit("sequencer", sequencer);
  visit("graphics", graphics);
  visit("crtc", crtc);
  visit("attribute", attribute);
  visit("palette", palette);
  visit("dac_mask", dac_mask);
  visit("dac_read", dac_read);
  visit("dac_write", dac_write);
  visit("dac_step", dac_step);
  visit("dac_reading", dac_reading);
  visit("latch", latch);
  visit("dispi_index", dispi.index);
  visit("dispi", dispi.values);
}

}  // namespace ringside
