// Owns the bits of the registers of an IDE drive.
// Source: ATA/ATAPI-6, "Register and bit descriptions".
#pragma once

#include "cpu/arch/types.h"

namespace ringside::ide {

namespace Status {
constexpr u8 ERR = 0x01, DRQ = 0x08, DSC = 0x10, DF = 0x20, DRDY = 0x40, BSY = 0x80;
}
namespace Error {
constexpr u8 ABRT = 0x04, IDNF = 0x10, UNC = 0x40;
}
namespace DeviceRegister {
constexpr u8 head = 0x0f, second = 0x10, LBA = 0x40, obsolete = 0xa0;
}
namespace Control {
constexpr u8 nIEN = 0x02, SRST = 0x04, HOB = 0x80;
}
// In the sector count of a packet command.
namespace Reason {
constexpr u8 CoD = 0x01, IO = 0x02;
}

// Offsets from 1F0H or 170H.
enum Register : u8 { data, error_feature, count, lba_low, lba_mid, lba_high, device, status_command };

}  // namespace ringside::ide
