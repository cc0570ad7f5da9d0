; Owns the checks of the local APIC's modes and interrupts: off, xAPIC, x2APIC and the ways between them, self-IPIs, priorities, the timer.
%include "common/start.inc"
%include "common/check.inc"
%include "common/check32.inc"
%include "common/check64.inc"

APIC_BASE   equ 0x1b
xapic       equ 0xfee00000
EN          equ 1 << 11                 ; bits of IA32_APIC_BASE
EXTD        equ 1 << 10
BSP         equ 1 << 8
IF          equ 1 << 9
low         equ 0x41                    ; vectors
high        equ 0x62
SELF        equ 1 << 18                 ; in the ICR: the shorthand

; wrmsr_to MSR, LOW HALF [, HIGH HALF]
%macro wrmsr_to 2-3 0
        mov ecx, %1
        mov eax, %2
        mov edx, %3
        wrmsr
%endmacro
; x2 OFFSET: the MSR of a register of xAPIC.
%define x2(offset) (0x800 + ((offset) >> 4))
; mode BITS: IA32_APIC_BASE.
%macro mode 1
        wrmsr_to APIC_BASE, xapic | BSP | (%1)
%endmacro
%macro eoi 0
        mov dword [rbp + 0xb0], 0
%endmacro
%macro self_ipi 1
        mov dword [rbp + 0x300], SELF | (%1)
%endmacro
; arrives "NAME", VECTOR: an interrupt as soon as IF is 1.
%macro arrives 2
        faults %1, %2
        anywhere
        sti
        nop
        nop
        done
%endmacro
%macro quiet 1                          ; "NAME"
        runs %1
        sti
        nop
        nop
        cli
        done
%endmacro

        bits 32
main:   mov eax, main64
        jmp enter_long
        bits 64
main64: mov ebp, xapic

; ------------------------------------------------------------------------------------------------------------- modes
        mov ecx, APIC_BASE
        rdmsr
        is "after reset: enabled, the bootstrap processor, at FEE00000H", rax, xapic | EN | BSP
        mov eax, [rbp + 0xf0]
        is "after reset: software-disabled", rax, 0xff
        mov eax, [rbp + 0x350]
        is "after reset: LINT0 masked", rax, 0x10000
        refuses_msr "xAPIC off, x2APIC on", APIC_BASE, xapic | BSP | EXTD
        refuses_msr "a reserved bit of IA32_APIC_BASE", APIC_BASE, xapic | BSP | EN | 1
        refuses_msr "an address beyond MAXPHYADDR", APIC_BASE, xapic | BSP | EN, 1 << 31
        mov ecx, x2(0x20)
        faults "x2APIC's MSRs in xAPIC mode", GP, 0
        rdmsr
        done
        mov eax, 1
        cpuid
        bt edx, 9
        holds "CPUID says APIC", c
        mode 0
        mov eax, 1
        cpuid
        bt edx, 9
        holds "and not while it is off", nc
        refuses_msr "off to x2APIC at once", APIC_BASE, xapic | BSP | EN | EXTD
        mode EN
        mov eax, [rbp + 0xf0]
        is "on again: as after reset", rax, 0xff
        mov eax, 1
        cpuid
        bt ecx, 21
        jnc .no_x2apic
        mode EN | EXTD
        mov ecx, APIC_BASE
        rdmsr
        is "x2APIC", rax, xapic | EN | EXTD | BSP
        refuses_msr "x2APIC to xAPIC", APIC_BASE, xapic | BSP | EN
        refuses_msr "x2APIC and EN 0", APIC_BASE, xapic | BSP | EXTD

; ------------------------------------------------------------------------------------------------- x2APIC's registers
        mov ecx, x2(0x20)
        rdmsr
        is "x2APIC: the ID has 32 bits", rax, 0
        mov ecx, x2(0x30)
        rdmsr
        and eax, 0xf0
        is "x2APIC: the version", rax, 0x10
        refuses_msr "x2APIC: the ID is read-only", x2(0x20), 0
        refuses_msr "x2APIC: the version is read-only", x2(0x30), 0
        refuses_msr "x2APIC: PPR is read-only", x2(0xa0), 0
        refuses_msr "x2APIC: ISR is read-only", x2(0x100), 0
        refuses_msr "x2APIC: the timer's current count is read-only", x2(0x390), 0
        refuses_msr "x2APIC: EOI other than 0", x2(0xb0), 1
        refuses_msr "x2APIC: TPR's reserved bits", x2(0x80), 0x100
        refuses_msr "x2APIC: SVR's reserved bits", x2(0xf0), 1 << 13
        refuses_msr "x2APIC: a high half", x2(0x80), 0, 1
        refuses_msr "x2APIC: ESR other than 0", x2(0x280), 1
        refuses_msr "x2APIC: the self-IPI's reserved bits", 0x83f, 0x100
        refuses_msr "x2APIC: ICR's reserved bits", x2(0x300), 1 << 20
        refuses_msr "x2APIC: LVT's reserved bits", x2(0x350), 1 << 20
        refuses_msr "x2APIC: there is no DFR", x2(0xe0), -1
        refuses_msr "x2APIC: there is no second half of ICR", x2(0x310), 0
        mov ecx, x2(0xe0)
        faults "x2APIC: nor to be read", GP, 0
        rdmsr
        done
        mov ecx, x2(0xb0)
        faults "x2APIC: EOI cannot be read", GP, 0
        rdmsr
        done
        mov ecx, 0x83f
        faults "x2APIC: nor the self-IPI", GP, 0
        rdmsr
        done
        mov ecx, x2(0x40)
        faults "x2APIC: a register that is none", GP, 0
        rdmsr
        done
        mov ecx, x2(0xd0)
        rdmsr
        is "x2APIC: LDR follows from the ID", rax, 1
        wrmsr_to x2(0xf0), 0x1ff
        wrmsr_to 0x83f, high
        arrives "x2APIC: a self-IPI", high
        wrmsr_to x2(0xb0), 0
        wrmsr_to x2(0x300), SELF | low
        arrives "x2APIC: one by ICR", low
        wrmsr_to x2(0xb0), 0
        wrmsr_to x2(0x300), low, 0
        arrives "x2APIC: ICR is 64 bits with the destination", low
        wrmsr_to x2(0xb0), 0
        mode 0
        mov ecx, x2(0x20)
        faults "x2APIC to off: its MSRs are gone", GP, 0
        rdmsr
        done
.no_x2apic:
        mode 0
        mode EN

; ---------------------------------------------------------------------------------------------------------- self-IPIs
        self_ipi low
        quiet "software-disabled: a self-IPI is not taken"
        mov dword [rbp + 0xf0], 0x1ff
        self_ipi low
        mov eax, [rbp + 0x200 + (low >> 5) * 16]
        is "a self-IPI is in IRR", rax, 1 << (low & 31)
        arrives "and comes when IF is 1", low
        mov eax, [rbp + 0x200 + (low >> 5) * 16]
        is "then it is not in IRR", rax, 0
        mov eax, [rbp + 0x100 + (low >> 5) * 16]
        is "but in ISR", rax, 1 << (low & 31)
        mov eax, [rbp + 0xa0]
        is "PPR has its class", rax, low & 0xf0
        self_ipi low
        quiet "the same vector waits for EOI"
        eoi
        arrives "and comes behind it", low
        self_ipi 0x4f
        quiet "so does another of its class"
        self_ipi high
        arrives "a higher class does not", high
        eoi
        mov eax, [rbp + 0xa0]
        is "EOI ends the highest first", rax, low & 0xf0
        eoi
        arrives "then the one that waited", 0x4f
        eoi
        mov eax, [rbp + 0xa0]
        is "PPR is 0 in the end", rax, 0
        self_ipi low
        self_ipi high
        arrives "of two the higher one comes first", high
        eoi
        arrives "then the lower", low
        eoi
        self_ipi low
        self_ipi low
        arrives "one bit holds no two of them", low
        eoi
        quiet "indeed"

; -------------------------------------------------------------------------------------------------------- priorities
        mov dword [rbp + 0x80], 0x45
        mov eax, [rbp + 0xa0]
        is "PPR is TPR if nothing is in service", rax, 0x45
        mov rax, cr8
        is "CR8 is TPR's class", rax, 4
        self_ipi low
        quiet "TPR holds its own class off"
        self_ipi 0x51
        arrives "and not the next", 0x51
        eoi
        xor eax, eax
        mov cr8, rax
        mov eax, [rbp + 0x80]
        is "MOV to CR8 writes TPR, all of it", rax, 0
        arrives "and what it held comes", low
        eoi
        mov eax, 16
        faults "CR8 of more than 15", GP, 0
        mov cr8, rax
        done
        mov dword [rbp + 0x280], 0
        self_ipi 5
        mov dword [rbp + 0x280], 0
        mov eax, [rbp + 0x280]
        and eax, 0x20
        is "a vector below 16 is an error to send", rax, 0x20
        mov dword [rbp + 0xf0], 0xff
        mov eax, [rbp + 0x320]
        is "software-disabled: the timer is masked", rax, 0x10000
        mov dword [rbp + 0x320], low
        mov eax, [rbp + 0x320]
        is "and stays so", rax, 0x10000 | low
        mov dword [rbp + 0xf0], 0x1ff

; ------------------------------------------------------------------------------------------------------------ timer
        mov dword [rbp + 0x3e0], 0xb    ; a count a tick
        mov dword [rbp + 0x320], low
        mov dword [rbp + 0x380], 1000
        faults "the timer, once", low
        sti
        after hlt
        done
        eoi
        mov eax, [rbp + 0x390]
        is "then it stands at 0", rax, 0
        mov dword [rbp + 0x320], 1 << 17 | low
        mov dword [rbp + 0x380], 1000
        faults "the timer, again and again", low
        sti
        after hlt
        done
        eoi
        faults "and again", low
        sti
        after hlt
        done
        eoi
        mov dword [rbp + 0x380], 0
        mov eax, [rbp + 0x390]
        is "an initial count of 0 stops it", rax, 0
        eoi
        mov eax, 1
        cpuid
        bt ecx, 24
        jnc .no_deadline
        mov dword [rbp + 0x320], 2 << 17 | low
        mov dword [rbp + 0x380], 1000
        mov eax, [rbp + 0x390]
        is "TSC-deadline mode: the count does not matter", rax, 0
        rdtsc
        shl rdx, 32
        or rax, rdx
        add rax, 20000
        mov rdx, rax
        shr rdx, 32
        mov ecx, 0x6e0
        wrmsr
        faults "TSC-deadline mode: the deadline", low
        sti
        after hlt
        done
        eoi
        mov ecx, 0x6e0
        rdmsr
        is "TSC-deadline mode: then it is 0", rax, 0
        wrmsr_to 0x6e0, 1
        arrives "TSC-deadline mode: one in the past", low
        eoi
.no_deadline:
        mov dword [rbp + 0x320], 1 << 16
        finish

image_end
