// Owns finding and loading the program's modules.
#include "frontend/modules/modules.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <filesystem>

namespace ringside {
namespace {

namespace fs = std::filesystem;

// Empty: nowhere.
std::string place_of(const char* file) {
  std::error_code none;
  const fs::path folder = fs::read_symlink("/proc/self/exe", none).parent_path();
  for (const fs::path& path : {folder / file, folder.parent_path() / "lib/ringside" / file}) {
    if (fs::is_regular_file(path, none)) return path.string();
  }
  return {};
}

template <class Module>
const Module* load(std::string& error) {
  return static_cast<const Module*>(load_module(Module::file, Module::symbol, error));
}

}  // namespace

const void* load_module(const char* file, const char* symbol, std::string& error) {
  const std::string path = place_of(file);
  if (path.empty()) {
    error = fmt::format(
        "{} is neither beside the program nor in ../lib/ringside; ./go build makes it, or install ringside "
        "anew",
        file);
    return nullptr;
  }
  void* const library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  const void* const module = library ? ::dlsym(library, symbol) : nullptr;
  if (!module) error = fmt::format("{} cannot be loaded: {}", file, ::dlerror());
  return module;
}

const WindowModule* window_module(std::string& error) { return load<WindowModule>(error); }
const VncModule* vnc_module(std::string& error) { return load<VncModule>(error); }

}  // namespace ringside
