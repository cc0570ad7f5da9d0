// Owns the fonts and the style of the inspector.
#include "frontend/inspector/imgui/appearance.h"

#include <cstdio>

namespace ringside {
namespace {

bool is_there(const char* file) {
  std::FILE* const opened = std::fopen(file, "rb");
  if (opened) std::fclose(opened);
  return opened != nullptr;
}

void load_font(float scale) {
  // Most desktops have it; Dear ImGui's own is readable in one size only.
  constexpr const char* wanted = "/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf";
  constexpr float height = 13;
  ImGuiIO& io = ImGui::GetIO();
  ImFontConfig config;
  config.OversampleH = config.OversampleV = 1;
  config.PixelSnapH = true;
  const bool there =
      is_there(wanted) && io.Fonts->AddFontFromFileTTF(wanted, height * scale, &config) != nullptr;
  if (!there) {
    config.SizePixels = height * scale;
    io.Fonts->AddFontDefault(&config);
  }
  io.FontGlobalScale = 1 / scale;
}

}  // namespace

void set_appearance(float scale) {
  load_font(scale);
  ImGui::StyleColorsDark();
  ImGuiStyle& style = ImGui::GetStyle();
  style.WindowRounding = style.FrameRounding = style.TabRounding = style.ScrollbarRounding = 2;
  style.WindowPadding = ImVec2(4, 4);
  style.ItemSpacing = ImVec2(6, 4);
  style.ScrollbarSize = 12;
  style.WindowBorderSize = 1;
  // Lines between dots look blurred, and cost the software renderer much.
  style.AntiAliasedLines = style.AntiAliasedFill = false;
  const auto set = [&](ImGuiCol which, float r, float g, float b) {
    style.Colors[which] = ImVec4(r, g, b, 1);
  };
  set(ImGuiCol_WindowBg, 0.09F, 0.09F, 0.11F);
  set(ImGuiCol_ChildBg, 0.09F, 0.09F, 0.11F);
  set(ImGuiCol_Border, 0.25F, 0.25F, 0.30F);
  set(ImGuiCol_FrameBg, 0.17F, 0.17F, 0.21F);
  set(ImGuiCol_Button, 0.20F, 0.27F, 0.38F);
  set(ImGuiCol_ButtonHovered, 0.28F, 0.38F, 0.53F);
  set(ImGuiCol_ButtonActive, 0.35F, 0.48F, 0.67F);
  set(ImGuiCol_Tab, 0.14F, 0.15F, 0.18F);
  set(ImGuiCol_TabActive, 0.22F, 0.32F, 0.46F);
  set(ImGuiCol_TabHovered, 0.28F, 0.38F, 0.53F);
}

}  // namespace ringside
