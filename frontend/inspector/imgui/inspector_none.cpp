// Owns the inspector of a program that was built without Dear ImGui: there is none.
#include "frontend/inspector/imgui/inspector_panes.h"

namespace ringside {

std::unique_ptr<Panes> make_inspector(std::shared_ptr<Exchange>, bool, std::string& why) {
  why = "the inspector: this program was built without Dear ImGui; install libimgui-dev and build it again";
  return nullptr;
}

}  // namespace ringside
