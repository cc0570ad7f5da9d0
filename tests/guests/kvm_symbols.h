// Owns where the names of the nested guest's kernel are, for sessions that use them.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>

namespace ringside::cli {

// Files by what transcripts call them: KERNEL, KVM and KVM_INTEL. RINGSIDE_KVM_SYMBOLS is the folder that has
// boot/ and lib/, "usr/lib/debug" of linux-image-*-dbg; empty without it.
inline std::map<std::string, std::string> kvm_symbols() {
  namespace fs = std::filesystem;
  std::map<std::string, std::string> files;
  const char* const folder = std::getenv("RINGSIDE_KVM_SYMBOLS");
  if (!folder) return files;
  for (const auto& file : fs::directory_iterator(fs::path(folder) / "boot")) {
    if (file.path().filename().string().starts_with("vmlinux")) files["KERNEL"] = file.path().string();
  }
  for (const auto& file : fs::recursive_directory_iterator(fs::path(folder) / "lib")) {
    if (file.path().filename() == "kvm.ko") files["KVM"] = file.path().string();
    if (file.path().filename() == "kvm-intel.ko") files["KVM_INTEL"] = file.path().string();
  }
  return files;
}

}  // namespace ringside::cli
