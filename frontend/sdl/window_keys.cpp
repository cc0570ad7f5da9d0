// Owns the words about the window's own keys.
#include "frontend/sdl/window.h"

namespace ringside {

std::string Window::keys_text() {
  return "Ctrl-Alt-G  the mouse and all keys are the guest's, or no longer; a click does so, too\n"
         "Ctrl-Alt-F  full screen, or back\n"
         "Ctrl-Alt-Z  as large again, twice, three times ... and back to once\n"
         "Ctrl-Alt-T  smooth scaling, or crisp\n"
         "Ctrl-Alt-P  pause, or go on\n"
         "Ctrl-Alt-U  as fast as the host can, or at the pace of real time\n"
         "Ctrl-Alt-S  a picture of the screen, screenshot-N.png\n"
         "Ctrl-Alt-V  type what the clipboard holds\n"
         "Ctrl-Alt-Q  end the run; closing the window presses the power button first\n";
}

}  // namespace ringside
