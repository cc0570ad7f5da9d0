// Owns what firmware finds in the configuration device: the memory map, the ACPI tables with the loader's
// commands, SMBIOS, and what to boot.
#pragma once

#include <string>

#include "frontend/machine/machine.h"

namespace ringside {

class FwCfg;
class CmosRtc;

// Source: "QEMU Firmware Configuration (fw_cfg) Device"; SeaBIOS and OVMF read the items.
void add_firmware_items(FwCfg& items, const MachineConfig& config);

// -boot: the letters of BootRequest::order and whether a menu is offered, where SeaBIOS looks for them.
void set_boot_order(CmosRtc& cmos, const BootRequest& request);

}  // namespace ringside
