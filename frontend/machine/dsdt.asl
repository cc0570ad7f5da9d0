// Owns what ACPI tells of the machine beyond the fixed tables: the PCI root and its interrupt wires, the chips on the
// ISA bus with their ports and IRQs, the CPUs, and how to power off. frontend/machine/acpi.cpp puts the number of CPUs
// into CPUS. Ports and IRQs are those of the devices/ rooms.
DefinitionBlock ("", "DSDT", 2, "RNGSDE", "RINGSIDE", 1)
{
  Name (CPUS, 0xFE)      // patched
  Name (PICM, 0)
  Method (_PIC, 1) { PICM = Arg0 }

  // SLP_TYPa, SLP_TYPb
  Name (_S5, Package () { 0x00, 0x00, 0, 0 })

  Scope (\_SB)
  {
    Method (CSTA, 1, NotSerialized)
    {
      If (Arg0 < CPUS) { Return (0x0F) }
      Return (0)
    }
    Device (C000) { Name (_HID, "ACPI0007") Name (_UID, 0) Method (_STA) { Return (CSTA (0)) } }
    Device (C001) { Name (_HID, "ACPI0007") Name (_UID, 1) Method (_STA) { Return (CSTA (1)) } }
    Device (C002) { Name (_HID, "ACPI0007") Name (_UID, 2) Method (_STA) { Return (CSTA (2)) } }
    Device (C003) { Name (_HID, "ACPI0007") Name (_UID, 3) Method (_STA) { Return (CSTA (3)) } }
    Device (C004) { Name (_HID, "ACPI0007") Name (_UID, 4) Method (_STA) { Return (CSTA (4)) } }
    Device (C005) { Name (_HID, "ACPI0007") Name (_UID, 5) Method (_STA) { Return (CSTA (5)) } }
    Device (C006) { Name (_HID, "ACPI0007") Name (_UID, 6) Method (_STA) { Return (CSTA (6)) } }
    Device (C007) { Name (_HID, "ACPI0007") Name (_UID, 7) Method (_STA) { Return (CSTA (7)) } }

    Device (HPET)
    {
      Name (_HID, EisaId ("PNP0103"))
      Name (_UID, 0)
      Name (_CRS, ResourceTemplate () { Memory32Fixed (ReadOnly, 0xFED00000, 0x00000400) })
    }

    Device (PCI0)
    {
      Name (_HID, EisaId ("PNP0A03"))
      Name (_UID, 0)
      Name (_BBN, 0)
      // RAM ends at 0xC0000000 at most; the I/O APIC is the first chip above the window.
      Name (_CRS, ResourceTemplate ()
      {
        WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode, 0, 0, 0xFF, 0, 0x100)
        IO (Decode16, 0x0CF8, 0x0CF8, 1, 8)
        WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange, 0, 0x0000, 0x0CF7, 0, 0x0CF8)
        WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange, 0, 0x0D00, 0xFFFF, 0, 0xF300)
        DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, Cacheable, ReadWrite,
                     0, 0x000A0000, 0x000BFFFF, 0, 0x00020000)
        DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
                     0, 0xC0000000, 0xFEBFFFFF, 0, 0x3EC00000)
      })

      // Pin x of device d is wire (x + d - 1) mod 4. The wires end in the ISA bridge, with the I/O APIC or without.
      Name (_PRT, Package ()
      {
        Package () { 0x0000FFFF, 0, LNKD, 0 }, Package () { 0x0000FFFF, 1, LNKA, 0 },
        Package () { 0x0000FFFF, 2, LNKB, 0 }, Package () { 0x0000FFFF, 3, LNKC, 0 },
        Package () { 0x0001FFFF, 0, LNKA, 0 }, Package () { 0x0001FFFF, 1, LNKB, 0 },
        Package () { 0x0001FFFF, 2, LNKC, 0 }, Package () { 0x0001FFFF, 3, LNKD, 0 },
        Package () { 0x0002FFFF, 0, LNKB, 0 }, Package () { 0x0002FFFF, 1, LNKC, 0 },
        Package () { 0x0002FFFF, 2, LNKD, 0 }, Package () { 0x0002FFFF, 3, LNKA, 0 },
        Package () { 0x0003FFFF, 0, LNKC, 0 }, Package () { 0x0003FFFF, 1, LNKD, 0 },
        Package () { 0x0003FFFF, 2, LNKA, 0 }, Package () { 0x0003FFFF, 3, LNKB, 0 },
        Package () { 0x0004FFFF, 0, LNKD, 0 }, Package () { 0x0004FFFF, 1, LNKA, 0 },
        Package () { 0x0004FFFF, 2, LNKB, 0 }, Package () { 0x0004FFFF, 3, LNKC, 0 },
        Package () { 0x0005FFFF, 0, LNKA, 0 }, Package () { 0x0005FFFF, 1, LNKB, 0 },
        Package () { 0x0005FFFF, 2, LNKC, 0 }, Package () { 0x0005FFFF, 3, LNKD, 0 },
        Package () { 0x0006FFFF, 0, LNKB, 0 }, Package () { 0x0006FFFF, 1, LNKC, 0 },
        Package () { 0x0006FFFF, 2, LNKD, 0 }, Package () { 0x0006FFFF, 3, LNKA, 0 },
        Package () { 0x0007FFFF, 0, LNKC, 0 }, Package () { 0x0007FFFF, 1, LNKD, 0 },
        Package () { 0x0007FFFF, 2, LNKA, 0 }, Package () { 0x0007FFFF, 3, LNKB, 0 },
        Package () { 0x0008FFFF, 0, LNKD, 0 }, Package () { 0x0008FFFF, 1, LNKA, 0 },
        Package () { 0x0008FFFF, 2, LNKB, 0 }, Package () { 0x0008FFFF, 3, LNKC, 0 },
        Package () { 0x0009FFFF, 0, LNKA, 0 }, Package () { 0x0009FFFF, 1, LNKB, 0 },
        Package () { 0x0009FFFF, 2, LNKC, 0 }, Package () { 0x0009FFFF, 3, LNKD, 0 },
        Package () { 0x000AFFFF, 0, LNKB, 0 }, Package () { 0x000AFFFF, 1, LNKC, 0 },
        Package () { 0x000AFFFF, 2, LNKD, 0 }, Package () { 0x000AFFFF, 3, LNKA, 0 },
        Package () { 0x000BFFFF, 0, LNKC, 0 }, Package () { 0x000BFFFF, 1, LNKD, 0 },
        Package () { 0x000BFFFF, 2, LNKA, 0 }, Package () { 0x000BFFFF, 3, LNKB, 0 },
        Package () { 0x000CFFFF, 0, LNKD, 0 }, Package () { 0x000CFFFF, 1, LNKA, 0 },
        Package () { 0x000CFFFF, 2, LNKB, 0 }, Package () { 0x000CFFFF, 3, LNKC, 0 },
        Package () { 0x000DFFFF, 0, LNKA, 0 }, Package () { 0x000DFFFF, 1, LNKB, 0 },
        Package () { 0x000DFFFF, 2, LNKC, 0 }, Package () { 0x000DFFFF, 3, LNKD, 0 },
        Package () { 0x000EFFFF, 0, LNKB, 0 }, Package () { 0x000EFFFF, 1, LNKC, 0 },
        Package () { 0x000EFFFF, 2, LNKD, 0 }, Package () { 0x000EFFFF, 3, LNKA, 0 },
        Package () { 0x000FFFFF, 0, LNKC, 0 }, Package () { 0x000FFFFF, 1, LNKD, 0 },
        Package () { 0x000FFFFF, 2, LNKA, 0 }, Package () { 0x000FFFFF, 3, LNKB, 0 },
        Package () { 0x0010FFFF, 0, LNKD, 0 }, Package () { 0x0010FFFF, 1, LNKA, 0 },
        Package () { 0x0010FFFF, 2, LNKB, 0 }, Package () { 0x0010FFFF, 3, LNKC, 0 },
        Package () { 0x0011FFFF, 0, LNKA, 0 }, Package () { 0x0011FFFF, 1, LNKB, 0 },
        Package () { 0x0011FFFF, 2, LNKC, 0 }, Package () { 0x0011FFFF, 3, LNKD, 0 },
        Package () { 0x0012FFFF, 0, LNKB, 0 }, Package () { 0x0012FFFF, 1, LNKC, 0 },
        Package () { 0x0012FFFF, 2, LNKD, 0 }, Package () { 0x0012FFFF, 3, LNKA, 0 },
        Package () { 0x0013FFFF, 0, LNKC, 0 }, Package () { 0x0013FFFF, 1, LNKD, 0 },
        Package () { 0x0013FFFF, 2, LNKA, 0 }, Package () { 0x0013FFFF, 3, LNKB, 0 },
        Package () { 0x0014FFFF, 0, LNKD, 0 }, Package () { 0x0014FFFF, 1, LNKA, 0 },
        Package () { 0x0014FFFF, 2, LNKB, 0 }, Package () { 0x0014FFFF, 3, LNKC, 0 },
        Package () { 0x0015FFFF, 0, LNKA, 0 }, Package () { 0x0015FFFF, 1, LNKB, 0 },
        Package () { 0x0015FFFF, 2, LNKC, 0 }, Package () { 0x0015FFFF, 3, LNKD, 0 },
        Package () { 0x0016FFFF, 0, LNKB, 0 }, Package () { 0x0016FFFF, 1, LNKC, 0 },
        Package () { 0x0016FFFF, 2, LNKD, 0 }, Package () { 0x0016FFFF, 3, LNKA, 0 },
        Package () { 0x0017FFFF, 0, LNKC, 0 }, Package () { 0x0017FFFF, 1, LNKD, 0 },
        Package () { 0x0017FFFF, 2, LNKA, 0 }, Package () { 0x0017FFFF, 3, LNKB, 0 },
        Package () { 0x0018FFFF, 0, LNKD, 0 }, Package () { 0x0018FFFF, 1, LNKA, 0 },
        Package () { 0x0018FFFF, 2, LNKB, 0 }, Package () { 0x0018FFFF, 3, LNKC, 0 },
        Package () { 0x0019FFFF, 0, LNKA, 0 }, Package () { 0x0019FFFF, 1, LNKB, 0 },
        Package () { 0x0019FFFF, 2, LNKC, 0 }, Package () { 0x0019FFFF, 3, LNKD, 0 },
        Package () { 0x001AFFFF, 0, LNKB, 0 }, Package () { 0x001AFFFF, 1, LNKC, 0 },
        Package () { 0x001AFFFF, 2, LNKD, 0 }, Package () { 0x001AFFFF, 3, LNKA, 0 },
        Package () { 0x001BFFFF, 0, LNKC, 0 }, Package () { 0x001BFFFF, 1, LNKD, 0 },
        Package () { 0x001BFFFF, 2, LNKA, 0 }, Package () { 0x001BFFFF, 3, LNKB, 0 },
        Package () { 0x001CFFFF, 0, LNKD, 0 }, Package () { 0x001CFFFF, 1, LNKA, 0 },
        Package () { 0x001CFFFF, 2, LNKB, 0 }, Package () { 0x001CFFFF, 3, LNKC, 0 },
        Package () { 0x001DFFFF, 0, LNKA, 0 }, Package () { 0x001DFFFF, 1, LNKB, 0 },
        Package () { 0x001DFFFF, 2, LNKC, 0 }, Package () { 0x001DFFFF, 3, LNKD, 0 },
        Package () { 0x001EFFFF, 0, LNKB, 0 }, Package () { 0x001EFFFF, 1, LNKC, 0 },
        Package () { 0x001EFFFF, 2, LNKD, 0 }, Package () { 0x001EFFFF, 3, LNKA, 0 },
        Package () { 0x001FFFFF, 0, LNKC, 0 }, Package () { 0x001FFFFF, 1, LNKD, 0 },
        Package () { 0x001FFFFF, 2, LNKA, 0 }, Package () { 0x001FFFFF, 3, LNKB, 0 }
      })

      Device (ISA)
      {
        Name (_ADR, 0x00010000)
        OperationRegion (ROUT, PCI_Config, 0x60, 4)
        Field (ROUT, ByteAcc, NoLock, Preserve) { RTEA, 8, RTEB, 8, RTEC, 8, RTED, 8 }

        Device (COM1)
        {
          Name (_HID, EisaId ("PNP0501"))
          Name (_UID, 1)
          Name (_CRS, ResourceTemplate ()
          {
            IO (Decode16, 0x03F8, 0x03F8, 1, 8)
            IRQNoFlags () { 4 }
          })
        }
        Device (RTC)
        {
          Name (_HID, EisaId ("PNP0B00"))
          Name (_CRS, ResourceTemplate ()
          {
            IO (Decode16, 0x0070, 0x0070, 1, 2)
            IRQNoFlags () { 8 }
          })
        }
        Device (PIT)
        {
          Name (_HID, EisaId ("PNP0100"))
          Name (_CRS, ResourceTemplate ()
          {
            IO (Decode16, 0x0040, 0x0040, 1, 4)
            IRQNoFlags () { 0 }
          })
        }
        Device (PIC)
        {
          Name (_HID, EisaId ("PNP0000"))
          Name (_CRS, ResourceTemplate ()
          {
            IO (Decode16, 0x0020, 0x0020, 1, 2)
            IO (Decode16, 0x00A0, 0x00A0, 1, 2)
            IO (Decode16, 0x04D0, 0x04D0, 1, 2)
            IRQNoFlags () { 2 }
          })
        }
        Device (DMA)
        {
          Name (_HID, EisaId ("PNP0200"))
          Name (_CRS, ResourceTemplate ()
          {
            IO (Decode16, 0x0000, 0x0000, 1, 16)
            IO (Decode16, 0x0081, 0x0081, 1, 15)
            IO (Decode16, 0x00C0, 0x00C0, 1, 32)
            DMA (Compatibility, NotBusMaster, Transfer8) { 4 }
          })
        }
        Device (FPU)
        {
          Name (_HID, EisaId ("PNP0C04"))
          Name (_CRS, ResourceTemplate ()
          {
            IO (Decode16, 0x00F0, 0x00F0, 1, 1)
            IRQNoFlags () { 13 }
          })
        }
        Device (KBD)
        {
          Name (_HID, EisaId ("PNP0303"))
          Name (_CRS, ResourceTemplate ()
          {
            IO (Decode16, 0x0060, 0x0060, 1, 1)
            IO (Decode16, 0x0064, 0x0064, 1, 1)
            IRQNoFlags () { 1 }
          })
        }
        Device (MOU)
        {
          Name (_HID, EisaId ("PNP0F13"))
          Name (_CRS, ResourceTemplate () { IRQNoFlags () { 12 } })
        }
        Device (SPKR)
        {
          Name (_HID, EisaId ("PNP0800"))
          Name (_CRS, ResourceTemplate () { IO (Decode16, 0x0061, 0x0061, 1, 1) })
        }
        // Ports and memory that belong to the board: nobody is to put anything else there.
        Device (BRD)
        {
          Name (_HID, EisaId ("PNP0C02"))
          Name (_CRS, ResourceTemplate ()
          {
            IO (Decode16, 0x0092, 0x0092, 1, 1)
            IO (Decode16, 0x00B2, 0x00B2, 1, 2)
            IO (Decode16, 0x0510, 0x0510, 1, 12)
            IO (Decode16, 0x0600, 0x0600, 1, 16)
            IO (Decode16, 0x0CF9, 0x0CF9, 1, 1)
            Memory32Fixed (ReadWrite, 0xFEC00000, 0x00001000)
            Memory32Fixed (ReadWrite, 0xFEE00000, 0x00001000)
          })
        }
      }
    }

    // The four wires. A routing register with bit 7 set leads nowhere.
    Name (CHOI, ResourceTemplate ()
    {
      Interrupt (ResourceConsumer, Level, ActiveHigh, Shared) { 5, 10, 11 }
    })
    Method (LCRS, 1, Serialized)
    {
      Name (BUF, ResourceTemplate ()
      {
        Interrupt (ResourceConsumer, Level, ActiveHigh, Shared, , , IRQ) { 0 }
      })
      CreateDWordField (BUF, IRQ._INT, NUMB)
      If (Arg0 < 0x80) { NUMB = Arg0 } Else { NUMB = 0 }
      Return (BUF)
    }
    Method (LSTA, 1)
    {
      If (Arg0 & 0x80) { Return (0x09) }
      Return (0x0B)
    }
    Device (LNKA)
    {
      Name (_HID, EisaId ("PNP0C0F"))
      Name (_UID, 1)
      Method (_PRS) { Return (CHOI) }
      Method (_CRS) { Return (LCRS (\_SB.PCI0.ISA.RTEA)) }
      Method (_STA) { Return (LSTA (\_SB.PCI0.ISA.RTEA)) }
      Method (_DIS) { \_SB.PCI0.ISA.RTEA |= 0x80 }
      Method (_SRS, 1) { CreateDWordField (Arg0, 5, NUMB) \_SB.PCI0.ISA.RTEA = NUMB }
    }
    Device (LNKB)
    {
      Name (_HID, EisaId ("PNP0C0F"))
      Name (_UID, 2)
      Method (_PRS) { Return (CHOI) }
      Method (_CRS) { Return (LCRS (\_SB.PCI0.ISA.RTEB)) }
      Method (_STA) { Return (LSTA (\_SB.PCI0.ISA.RTEB)) }
      Method (_DIS) { \_SB.PCI0.ISA.RTEB |= 0x80 }
      Method (_SRS, 1) { CreateDWordField (Arg0, 5, NUMB) \_SB.PCI0.ISA.RTEB = NUMB }
    }
    Device (LNKC)
    {
      Name (_HID, EisaId ("PNP0C0F"))
      Name (_UID, 3)
      Method (_PRS) { Return (CHOI) }
      Method (_CRS) { Return (LCRS (\_SB.PCI0.ISA.RTEC)) }
      Method (_STA) { Return (LSTA (\_SB.PCI0.ISA.RTEC)) }
      Method (_DIS) { \_SB.PCI0.ISA.RTEC |= 0x80 }
      Method (_SRS, 1) { CreateDWordField (Arg0, 5, NUMB) \_SB.PCI0.ISA.RTEC = NUMB }
    }
    Device (LNKD)
    {
      Name (_HID, EisaId ("PNP0C0F"))
      Name (_UID, 4)
      Method (_PRS) { Return (CHOI) }
      Method (_CRS) { Return (LCRS (\_SB.PCI0.ISA.RTED)) }
      Method (_STA) { Return (LSTA (\_SB.PCI0.ISA.RTED)) }
      Method (_DIS) { \_SB.PCI0.ISA.RTED |= 0x80 }
      Method (_SRS, 1) { CreateDWordField (Arg0, 5, NUMB) \_SB.PCI0.ISA.RTED = NUMB }
    }
  }
}
