; Owns the checks of the wires from chips to the interrupt controllers, each by one interrupt: IRQ 0 PIT, 1 and 12 keyboard controller,
; 8 real-time clock, 9 ACPI timer, 13 FERR#.
%include "common/start.inc"
%include "common/check.inc"
%include "common/check32.inc"
%include "common/check64.inc"
apic equ 0xfee00000
%macro outb 2
        mov al, %2
        mov dx, %1
        out dx, al
%endmacro
%macro inb 1
        mov dx, %1
        in al, dx
%endmacro
; irq "NAME", NUMBER: unmasks it alone, and waits for it with IF = 1
%macro only 1
%if %1 < 8
        outb 0x21, ~(1 << %1) & 0xff
        outb 0xa1, 0xff
%else
        outb 0x21, 0xfb
        outb 0xa1, ~(1 << (%1 - 8)) & 0xff
%endif
%endmacro
%macro comes 2
        mov ecx, 20000000
        faults %1, 0x20 + %2
        anywhere
        sti
%%spin: pause
        dec ecx
        jnz %%spin
        cli
        done
        outb 0x21, 0xff
        outb 0xa1, 0xff
        outb 0xa0, 0x20
        outb 0x20, 0x20
%endmacro
        bits 32
main:   mov eax, main64
        jmp enter_long
        bits 64
main64: mov ebp, apic
        mov dword [rbp + 0xf0], 0x1ff
        mov dword [rbp + 0x350], 0x700
        outb 0x20, 0x11
        outb 0x21, 0x20
        outb 0x21, 4
        outb 0x21, 1
        outb 0xa0, 0x11
        outb 0xa1, 0x28
        outb 0xa1, 2
        outb 0xa1, 1
        outb 0x21, 0xff
        outb 0xa1, 0xff
        outb 0x43, 0x34
        outb 0x40, 0
        outb 0x40, 4
        only 0
        comes "IRQ 0: the PIT", 0
        outb 0x43, 0x30
        outb 0x64, 0x60                 ; the command byte: both interrupts
        outb 0x60, 0x47
        outb 0x64, 0xd2
        outb 0x60, 0x1c
        only 1
        comes "IRQ 1: the keyboard's byte", 1
        inb 0x60
        movzx eax, al
        is "which is there", rax, 0x1c
        outb 0x64, 0xd3
        outb 0x60, 0x5a
        only 12
        comes "IRQ 12: the mouse's byte", 12
        inb 0x60
        outb 0x70, 0x0a
        outb 0x71, 0x26
        outb 0x70, 0x0b
        outb 0x71, 0x42
        outb 0x70, 0x0c
        inb 0x71
        only 8
        comes "IRQ 8: the RTC", 8
        outb 0x70, 0x0b
        outb 0x71, 2
        outb 0x70, 0x0c
        inb 0x71
        ; ACPI's timer: its top bit changes within 2.4 s
        outb 0xb2, 0xf1
        outb 0xb2, 0x02
        mov dx, 0x602
        mov ax, 1
        out dx, ax
        mov dx, 0x604
        in ax, dx
        movzx eax, ax
        and eax, 1
        is "SCI_EN after the SMI command", rax, 1
        only 9
        faults "IRQ 9: the ACPI timer", 0x29
        anywhere
        sti
        hlt
        hlt
        cli
        done
        mov dx, 0x600
        in ax, dx
        movzx eax, ax
        and eax, 1
        is "TMR_STS", rax, 1
        mov dx, 0x602
        xor eax, eax
        out dx, ax
        outb 0x21, 0xff
        outb 0xa1, 0xff
        outb 0xa0, 0x20
        outb 0x20, 0x20
        ; FERR#
        mov rax, cr0
        and eax, ~0x2e
        mov cr0, rax
        fninit
        mov word [cw], 0x37b
        fldcw [cw]
        fld1
        fldz
        fdivp st1, st0
        only 13
        mov ecx, 1000000
        faults "IRQ 13: FERR#", 0x2d
        anywhere
        sti
        fwait
.spin13: pause
        dec ecx
        jnz .spin13
        cli
        done
        outb 0xf0, 0
        fninit
        finish
        align 8
cw:     dq 0
image_end
