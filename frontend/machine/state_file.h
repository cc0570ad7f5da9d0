// Owns a machine in a file: all of its state, which machine it is of, and what its drives hold beside their
// images.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "frontend/machine/machine.h"
#include "frontend/machine/machine_flags.h"

namespace ringside {

// What a file says of itself.
struct StateDescription {
  std::string version;             // of the Ringside that wrote it
  std::vector<MachineFlag> flags;  // which make such a machine
  u64 instructions = 0;            // Machine::retired()
  double seconds = 0;              // Machine::seconds()
  // The bytes that the machine has beside its state, by what they are: "the firmware (-bios FILE)".
  struct Content {
    std::string what;
    u64 hash = 0;
    bool operator==(const Content&) const = default;
  };
  std::vector<Content> contents;
  struct Disk {
    std::string path;
    u64 sectors = 0;
    u64 version = 0;  // DiskHistory::version()
    u64 hash = 0;     // contents_hash()
  };
  std::vector<Disk> disks;  // in the order of Drives::all()
};

// The file appears whole under its name, with its bytes on the disk, or not at all. The machine stands still,
// and can go on: Why::running. False: one line in `error`, the file's name first.
bool save_state_file(Machine& machine, const std::string& path, std::string& error);

// nullopt: one line in `error` that says what is wrong with the file, and the cure.
std::optional<StateDescription> describe_state_file(const std::string& path, std::string& error);

// Whether somebody could come back to what the machine was.
enum class Before : u8 { kept, lost };

// Brings a machine of the same flags to the state in the file; drives get the contents that they had. False:
// one line in `error`, and nothing has changed; with Before::lost the machine may be of no use then, and it
// takes half the time.
bool load_state_file(Machine& machine, const std::string& path, Before before, std::string& error);

}  // namespace ringside
