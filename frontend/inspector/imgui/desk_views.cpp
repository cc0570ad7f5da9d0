// Owns the views of the desk one by one: what stands above the sheet of each, and where following leads.
#include <fmt/format.h>
#include <imgui.h>
#include <imgui_stdlib.h>

#include "frontend/inspector/imgui/appearance.h"
#include "frontend/inspector/imgui/desk.h"
#include "frontend/inspector/views.h"

namespace ringside {

void Desk::view(View view) {
  switch (view) {
    case View::code: return code_view();
    case View::exits: return exits_view();
    case View::memory: return memory_view();
    case View::walk: return walk_view();
    case View::vmcs: return vmcs_view();
    case View::pages:
    case View::ept: return map_view(view);
    default: return plain(view);
  }
}

void Desk::plain(View view, ImVec2 size, TextGrid::Options options) {
  // Until the answer comes what was there is shown.
  if (answer_ && answer_->sheets[static_cast<std::size_t>(view)])
    grid(view).show(answer_->sheets[static_cast<std::size_t>(view)]);
  options.copy = copy_;
  options.all = select_all_;
  const std::string id(info(view).name);
  follow(grid(view).draw(id.c_str(), size, options));
}

// True: another address is asked for now.
bool Desk::address_field(const char* id, const char* hint, std::string& text, std::string& asked) {
  ImGui::SetNextItemWidth(ImGui::GetFontSize() * 20);
  if (!ImGui::InputTextWithHint(id, hint, &text, ImGuiInputTextFlags_EnterReturnsTrue)) return false;
  asked = text;
  return true;
}

void Desk::code_view() {
  std::string& field = fields_[static_cast<std::size_t>(View::code)];
  address_field("##code", "address; empty: where the CPU is", field, asked_.code);
  ImGui::SameLine();
  if (ImGui::SmallButton("follow the CPU")) field = asked_.code = "";
  if (answer_ && answer_->cpus > 1) {
    ImGui::SameLine();
    ImGui::TextUnformatted("  CPU");
    for (unsigned n = 0; n < answer_->cpus; ++n) {
      ImGui::SameLine();
      if (ImGui::RadioButton(fmt::format("{}", n).c_str(), n == answer_->cpu))
        exchange_->order({Order::Kind::command, fmt::format("cpu {}", n)});
    }
  }
  TextGrid::Options options;
  options.margin = true;
  options.follow_current = asked_.code.empty();
  plain(View::code, ImVec2(0, 0), options);
}

// The list, and under it the one that was chosen, or the newest.
void Desk::exits_view() {
  asked_.want(View::exit);
  const float half = ImGui::GetContentRegionAvail().y * 0.45F;
  TextGrid::Options options;
  options.chosen = asked_.exit ? std::optional<u64>(asked_.exit) : std::nullopt;
  plain(View::exits, ImVec2(0, half), options);
  ImGui::Separator();
  if (asked_.exit && ImGui::SmallButton("explain the newest")) asked_.exit = 0;
  plain(View::exit);
}

void Desk::memory_view() {
  std::string& field = fields_[static_cast<std::size_t>(View::memory)];
  address_field("##memory", "rsp, main, guest ..., gpa ..., phys ...", field, asked_.memory);
  for (const unsigned size : {1u, 2u, 4u, 8u}) {
    ImGui::SameLine();
    if (ImGui::RadioButton(fmt::format("{}", size).c_str(), asked_.memory_size == size))
      asked_.memory_size = size;
  }
  ImGui::SameLine();
  ImGui::TextUnformatted(columns(fmt::format("bytes, at {}", asked_.memory)).c_str());
  plain(View::memory);
}

void Desk::walk_view() {
  std::string& field = fields_[static_cast<std::size_t>(View::walk)];
  address_field("##walk", "rip, guest ..., gpa ...", field, asked_.walk);
  ImGui::SameLine();
  ImGui::TextUnformatted(columns(fmt::format("of {}", asked_.walk)).c_str());
  plain(View::walk);
}

void Desk::vmcs_view() {
  for (const char* area : {"", "controls", "host", "guest", "injection", "exit"}) {
    if (*area) ImGui::SameLine();
    if (ImGui::RadioButton(*area ? area : "all", asked_.vmcs_area == area)) asked_.vmcs_area = area;
  }
  plain(View::vmcs);
}

void Desk::follow(const Followed& followed) {
  const auto place = [&] {
    switch (followed.space) {
      case Link::To::guest_linear: return fmt::format("guest {:#x}", followed.number);
      case Link::To::guest_physical: return fmt::format("gpa {:#x}", followed.number);
      case Link::To::host_physical: return fmt::format("phys {:#x}", followed.number);
      default: return fmt::format("{:#x}", followed.number);
    }
  };
  const auto show = [&](View view, std::string& asked) {
    asked = fields_[static_cast<std::size_t>(view)] = place();
    bring(view);
  };
  switch (followed.what) {
    case Followed::What::nothing: return;
    case Followed::What::memory: return show(View::memory, asked_.memory);
    case Followed::What::code: return show(View::code, asked_.code);
    case Followed::What::walk: return show(View::walk, asked_.walk);
    case Followed::What::breakpoint: exchange_->order({Order::Kind::breakpoint, {}, followed.number}); return;
    case Followed::What::exit: asked_.exit = followed.number; return;
  }
}

}  // namespace ringside
