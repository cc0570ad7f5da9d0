// Owns the rule that no file is two things in one run.
#include "frontend/program/file_roles.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <vector>

#include "frontend/program/option_values.h"

namespace ringside {
namespace {

struct Role {
  std::string flag, path;
  bool written = false;
  int descriptor = -1;  // of what is open already, by no name
};

// What a file is, whatever it is called; one that is not there yet is a name in a folder.
struct Identity {
  bool known = false;
  dev_t device = 0;
  ino_t number = 0;
  std::string name;
  bool operator==(const Identity& other) const {
    return known && other.known && device == other.device && number == other.number && name == other.name;
  }
};

Identity identify(const Role& role) {
  struct stat about {};
  const bool there =
      role.descriptor >= 0 ? ::fstat(role.descriptor, &about) == 0 : ::stat(role.path.c_str(), &about) == 0;
  if (there) return {S_ISREG(about.st_mode), about.st_dev, about.st_ino, ""};
  const std::filesystem::path path(role.path);
  const std::string folder = path.parent_path().empty() ? "." : path.parent_path().string();
  if (role.descriptor >= 0 || ::stat(folder.c_str(), &about) != 0) return {};
  return {true, about.st_dev, about.st_ino, path.filename().string()};
}

// "FILE ARGS,FILE ARGS" of multiboot modules, or one file.
std::vector<std::string> initrd_files(const std::string& text) {
  std::vector<std::string> files = {text};
  for (const Property& module : parse_properties(text)) {
    const std::string whole = module.value.empty() ? module.name : module.name + "=" + module.value;
    files.push_back(whole.substr(0, whole.find(' ')));
  }
  return files;
}

std::vector<Role> roles_of(const RunOptions& options) {
  std::vector<Role> roles;
  const auto add = [&](std::string flag, const std::string& path, bool written) {
    if (!path.empty()) roles.push_back({std::move(flag), path, written});
  };
  const BootRequest& boot = options.machine.boot;
  add("-kernel", boot.kernel, false);
  for (const std::string& file : initrd_files(boot.initrd)) add("-initrd", file, false);
  add("-bios", boot.bios, false);
  for (const SymbolFile& file : options.symbols) add("--symbols", file.path, false);
  for (const LoadedBytes& load : options.loads) add("-device loader", load.path, false);
  for (const MachineConfig::FwCfgFile& file : options.machine.fw_cfg) add("-fw_cfg", file.path, false);
  for (const DriveRequest& drive : options.machine.drives)
    add("-drive", drive.path,
        !drive.read_only && !drive.snapshot && !drive.cdrom && drive.bus == DriveRequest::Bus::ide);
  for (const std::string& script : options.scripts) add("-x", script, false);

  const auto add_device = [&](const char* flag, const Chardev& device) {
    if (device.kind == Chardev::Kind::file) add(flag, device.path, true);
    if (device.kind == Chardev::Kind::standard) roles.push_back({flag, "stdio", true, STDOUT_FILENO});
  };
  for (const Chardev& device : options.serials) add_device("-serial", device);
  // Both may go to standard output.
  if (options.debugcon.kind == Chardev::Kind::file) add_device("-debugcon", options.debugcon);
  add("--load", options.load, false);
  for (const RunOptions::Save& save : options.saves) add("--save", save.path, true);
  add("--replay", options.replay, false);
  add("--record", options.record, true);
  add("--stats", options.stats, true);
  add("--screenshot", options.screenshot, true);
  for (const RunOptions::AtCount& shot : options.screenshots_at) add("--screenshot-at", shot.what, true);
  add("--trace-exits", options.trace_exits, true);
  add("--explain-json", options.explain_json, true);
  if (options.vmx_coverage != "-") add("--vmx-coverage", options.vmx_coverage, true);
  for (const RunOptions::CodeCoverageFile& file : options.code_coverage)
    add("--code-coverage", file.path, true);
  add("-pidfile", options.pidfile, true);
  add("-D", options.log_file, true);
  return roles;
}

bool check_roles(const std::vector<Role>& roles, std::string& error);

}  // namespace

bool check_files(const RunOptions& options, std::string& error) {
  return check_roles(roles_of(options), error);
}

bool check_one_more(const RunOptions& options, std::string_view what, const std::string& path,
                    std::string& error) {
  std::vector<Role> roles = roles_of(options);
  roles.push_back({std::string(what), path, true});
  return check_roles(roles, error);
}

namespace {

bool check_roles(const std::vector<Role>& roles, std::string& error) {
  std::vector<Identity> identities;
  for (const Role& role : roles) identities.push_back(identify(role));
  for (std::size_t n = 0; n < roles.size(); ++n) {
    for (std::size_t other = 0; other < n; ++other) {
      const Role &a = roles[n].written ? roles[n] : roles[other],
                 &b = roles[n].written ? roles[other] : roles[n];
      if (!a.written || !(identities[n] == identities[other])) continue;
      error = b.written ? fmt::format("{} {}: {} {} writes to the same file; give each a file", a.flag,
                                      a.path, b.flag, b.path)
                        : fmt::format("{} {}: is the file that {} reads ({}); name another to write to",
                                      a.flag, a.path, b.flag, b.path);
      return false;
    }
  }
  return true;
}

}  // namespace
}  // namespace ringside
