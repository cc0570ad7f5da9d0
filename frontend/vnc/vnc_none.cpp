// Owns the VNC server of a program that was built without libvncserver: there is none.
#include "frontend/vnc/vnc.h"

namespace ringside {

std::unique_ptr<Window> open_vnc(const VncPlace&, const std::string&, std::string& error) {
  error = "-vnc: this program was built without libvncserver; install libvncserver-dev and build it again";
  return nullptr;
}

}  // namespace ringside
