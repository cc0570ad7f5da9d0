// Owns the command lines of QEMU and Bochs.
#include "frontend/differ/known_peers.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>

#include "frontend/differ/bochs_peer.h"
#include "frontend/differ/gdb_peer.h"

namespace ringside {
namespace {

bool installed(std::string_view program) {
  const char* const path = std::getenv("PATH");
  std::string_view rest = path ? path : "";
  while (!rest.empty()) {
    const std::string folder(rest.substr(0, rest.find(':')));
    rest.remove_prefix(std::min(folder.size() + 1, rest.size()));
    if (access(fmt::format("{}/{}", folder.empty() ? "." : folder, program).c_str(), X_OK) == 0) return true;
  }
  return false;
}

// Debian's QEMU by TCG. Its time is counted by instructions, so that it does the same each time.
std::vector<std::string> qemu_words(const MachineConfig& machine, std::string_view cpu) {
  std::vector<std::string> words = {"qemu-system-x86_64",
                                    "-accel",
                                    "tcg,thread=single",
                                    "-icount",
                                    "shift=0,sleep=off",
                                    "-rtc",
                                    "base=2023-11-14T22:13:20,clock=vm",
                                    "-nodefaults",
                                    "-no-user-config",
                                    "-display",
                                    "none",
                                    "-no-reboot",
                                    "-serial",
                                    "null",
                                    "-S",
                                    "-gdb",
                                    "stdio"};
  const auto add = [&](std::string_view flag, std::string value) {
    words.emplace_back(flag);
    words.push_back(std::move(value));
  };
  add("-cpu", std::string(cpu.empty() ? "max" : cpu));
  add("-m", fmt::format("{}", machine.ram_bytes >> 20));
  if (machine.debug_exit) {
    add("-device", fmt::format("isa-debug-exit,iobase={:#x},iosize={:#x}", machine.debug_exit->port,
                               machine.debug_exit->bytes));
  }
  if (machine.test_device) add("-device", "pc-testdev");
  if (machine.vga) add("-vga", "std");
  const BootRequest& boot = machine.boot;
  if (!boot.bios.empty()) add("-bios", boot.bios);
  if (!boot.kernel.empty()) add("-kernel", boot.kernel);
  if (!boot.initrd.empty()) add("-initrd", boot.initrd);
  if (!boot.append.empty()) add("-append", boot.append);
  for (const DriveRequest& drive : machine.drives) {
    if (drive.source != DriveRequest::Source::image) continue;
    std::string path;  // a comma is written twice
    for (const char c : drive.path) path += c == ',' ? ",," : std::string(1, c);
    add("-drive", fmt::format("file={},format=raw,if={},index={},media={},snapshot=on", path,
                              drive.bus == DriveRequest::Bus::ide ? "ide" : "floppy", drive.index,
                              drive.cdrom ? "cdrom" : "disk"));
  }
  return words;
}

}  // namespace

std::unique_ptr<Peer> known_peer(std::string_view name, const MachineConfig& machine, std::string_view cpu,
                                 std::string& error) {
  if (name != "qemu" && name != "bochs") {
    error =
        fmt::format("--with {}: nothing of this name is compared with; write qemu, bochs or reference", name);
    return nullptr;
  }
  const bool qemu = name == "qemu";
  const std::string_view program = qemu ? "qemu-system-x86_64" : "bochs";
  if (!installed(program)) {
    error = fmt::format("--with {}: {} is not installed; apt install {}", name, program,
                        qemu ? "qemu-system-x86" : "bochs");
    return nullptr;
  }
  if (machine.cpus != 1) {
    error = fmt::format("--with {}: a peer is compared with one CPU; leave out -smp", name);
    return nullptr;
  }
  if (qemu) return gdb_peer("QEMU", process_wire(qemu_words(machine, cpu)));
  if (machine.boot.bios.empty() || !machine.boot.kernel.empty() || !machine.drives.empty()) {
    error = "--with bochs: Bochs is given a ROM and nothing else; write -bios FILE, or --with qemu";
    return nullptr;
  }
  return bochs_peer(machine, cpu, error);
}

}  // namespace ringside
