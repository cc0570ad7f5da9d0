; Owns the checks of when interrupts come: STI, MOV SS, POPF, IRET and HLT, NMIs and their blocking; virtual interrupts of ring 3.
; The local APIC sends them to its own CPU.
%include "common/start.inc"
%include "common/check.inc"
%include "common/check32.inc"
%include "interrupts_v86.inc"

apic        equ 0xfee00000
vector      equ 0x61
IF          equ 1 << 9
VIF         equ 1 << 19
VIP         equ 1 << 20

; pending: an interrupt waits; it comes as soon as it may.
%macro pending 0
        mov dword [apic + 0xb0], 0      ; EOI of the one before
        mov dword [apic + 0x300], 1 << 18 | vector
%endmacro
%macro send_nmi 0
        mov dword [apic + 0x300], 4 << 8        ; to the CPU whose APIC ID stands in the ICR: this one
%endmacro
%macro cr4_bit 2
        mov eax, cr4
        bt%1 eax, %2
        mov cr4, eax
%endmacro
; The IRET after which NMIs come again.
%macro unblock 0
        push dword 2
        push dword code32
        push dword %%there
        iret
%%there:
%endmacro

main:   mov eax, [apic + 0x20]          ; its APIC ID
        mov [apic + 0x310], eax
        mov dword [apic + 0xf0], 0x1ff  ; SVR: enabled
        mov ecx, 0x1b
        rdmsr
        bts eax, 11
        wrmsr

; ------------------------------------------------------------------------------------------------------ interrupts
        pending
        runs "no interrupt while IF is 0"
        nop
        done
        faults "STI lets one more instruction by", vector
        sti
        after nop
        done
        is "IF is pushed as it was", [got.flags], IF | 2
        pending
        runs "STI and CLI let none in"
        sti
        cli
        nop
        done
        pending
        faults "STI with IF 1 lets none by", vector
        push dword 2
        sti
        after nop
        popf
        done
        pending
        faults "POPF lets none by", vector
        push dword IF | 2
        after popf
        done
        pending
        faults "IRET lets none by", vector
        push dword IF | 2
        push dword code32
        push dword .target
        iret
.target:
        here nop
        done
        pending
        faults "MOV SS with IF 1 lets one by", vector
        mov ecx, data
        push dword 2
        sti
        mov ss, ecx
        after nop
        popf
        done
        pending
        faults "STI and HLT", vector
        sti
        after hlt
        done
        mov dword [apic + 0xb0], 0
        faults "HLT wakes by an interrupt that comes later", vector
        mov dword [apic + 0x3e0], 0xb   ; the timer, once, after a while
        mov dword [apic + 0x320], vector
        mov dword [apic + 0x380], 2000
        sti
        after hlt
        done
        mov dword [apic + 0x320], 1 << 16
        pending
        faults "REP lets them in between its rounds", vector
        mov esi, pages
        mov edi, pages
        mov ecx, 0x100
        push dword IF | 2
        popf
        anywhere
        rep movsb
        done
        pending
        faults "a fault comes before an interrupt that STI still holds", UD
        sti
        here ud2
        done
        mov dword [apic + 0xb0], 0
        pending
        faults "an interrupt in ring 3", vector
        user IF | 2
        anywhere
        nop
        nop
        nop
        done
        is "has ring 3's CS", [got.cs], user_code32
        mov dword [apic + 0xb0], 0
        faults "CLI in ring 3", GP, 0
        user
        here cli
        done
        faults "STI in ring 3", GP, 0
        user
        here sti
        done
        faults "HLT in ring 3", GP, 0
        user 0x3002
        here hlt
        done
        runs "CLI in ring 3 with IOPL 3"
        user 0x3202
        cli
        done
        is "clears IF", [got.flags], 0x3002

; ------------------------------------------------------------------------------------------------------------- NMIs
        faults "an NMI while IF is 0", NMI
        anywhere
        send_nmi
        nop
        nop
        done
        runs "blocks the next"
        send_nmi
        nop
        nop
        done
        faults "until an IRET", NMI
        push dword 2
        push dword code32
        push dword .unblocked
        iret
.unblocked:
        here nop
        done
        runs "of which one is kept"
        send_nmi
        send_nmi
        nop
        done
        faults "and that comes", NMI
        anywhere
        unblock
        nop
        done
        runs "but no second one"
        unblock
        nop
        nop
        done
; A handler that only returns, so that the NMI is blocked again when IRET faults.
        mov esi, [idt32 + 8 * NMI]
        mov edi, [idt32 + 8 * NMI + 4]
        mov word [idt32 + 8 * NMI], abs(faulty) & 0xffff
        mov word [idt32 + 8 * NMI + 6], abs(faulty) >> 16
        faults "an NMI handler's IRET faults", GP, 0
        anywhere
        send_nmi
        nop
        nop
        done
        is "at its own address", [got.ip], faulty.iret
        mov [idt32 + 8 * NMI], esi
        mov [idt32 + 8 * NMI + 4], edi
        faults "and unblocks NMIs all the same", NMI
        anywhere
        send_nmi
        nop
        nop
        done
        unblock

; ----------------------------------------------------------------------------------- virtual interrupts of ring 3: PVI
        cr4_bit s, 1                    ; PVI
        runs "PVI: STI in ring 3 sets VIF"
        user
        sti
        done
        is "PVI: and not IF", [got.flags], VIF | 2
        runs "PVI: CLI clears VIF"
        user VIF | IF | 2
        cli
        done
        is "PVI: and not IF, too", [got.flags], IF | 2
        faults "PVI: STI while VIP is 1", GP, 0
        user VIP | 2
        here sti
        done
        runs "PVI: with IOPL 3 it is IF's business"
        user 0x3002
        sti
        cli
        done
        is "PVI: and VIF stays", [got.flags], 0x3002
        cr4_bit r, 1

        checks_of_v86
        finish

faulty: push dword 2
        push dword 0
        push dword 0
.iret:  iret

image_end
