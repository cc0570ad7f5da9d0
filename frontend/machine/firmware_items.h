// Owns what firmware finds in the configuration device: the memory map, the ACPI tables with the loader's
// commands, SMBIOS, and what to boot.
#pragma once

#include <string>

#include "frontend/machine/machine.h"

namespace ringside {

struct AcpiMachine;
class FwCfg;
class CmosRtc;

// Source: "QEMU Firmware Configuration (fw_cfg) Device"; SeaBIOS and OVMF read the items.
// Returns the key of the ACPI tables, for renew_acpi_tables(); 0: the user gave tables of his own.
u16 add_firmware_items(FwCfg& items, const MachineConfig& config);

// Firmware places the ports of power management before it reads the tables, which have to name them: the
// tables again, of the machine as it is now.
void renew_acpi_tables(FwCfg& items, u16 key, const AcpiMachine& machine);

// -boot: the letters of BootRequest::order and whether a menu is offered, where SeaBIOS looks for them.
void set_boot_order(CmosRtc& cmos, const BootRequest& request);

}  // namespace ringside
