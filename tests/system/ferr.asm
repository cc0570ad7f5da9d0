; Owns the checks of x87 errors reported the old way: CR0.NE = 0, FERR# to IRQ 13, IGNNE# back.
%include "common/start.inc"
%include "common/check.inc"
%include "common/check32.inc"
%include "common/check64.inc"
apic equ 0xfee00000
%macro outb 2
        mov al, %2
        out %1, al
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
        outb 0x21, 0xfb                 ; the cascade
        outb 0xa1, 0xdf                 ; IRQ 13
        mov rax, cr0
        and eax, ~0x2e                  ; NE, TS, EM, MP
        or eax, 2
        mov cr0, rax
        fninit
        mov word [cw], 0x37b            ; divisions by zero are not masked
        fldcw [cw]
        mov dword [memory], 0x11111111
        fld1
        fldz
        faults "an x87 error with NE 0 is IRQ 13", 0x2d
        anywhere
        sti
        fdivp st1, st0
.store: fstp dword [memory]
        nop
        nop
        done
        is "the waiting store did not run", [memory], 0x2222222211111111
        mov rax, [got.ip]
        sub rax, main64.store
        cmp rax, 0
        setle bl
        movzx ebx, bl
        is "and is at or behind the return address", rbx, 1
        fnstsw ax
        and eax, 0x80ff
        is "ES and ZE are pending", rax, 0x8084
        ; without IGNNE# the PIC's request stays: ISR of slave has it
        outb 0xa0, 0x0b
        in al, 0xa0
        movzx eax, al
        is "IRQ 13 is in service in the slave", rax, 0x20
        outb 0xf0, 0
        outb 0xa0, 0x20
        outb 0x20, 0x20
        ; IGNNE#: the store runs on the error
        runs "after port F0H a waiting instruction runs"
        fst dword [memory]
        done
        mov eax, [memory]
        is "the store ran", rax, 0
        fnclex
        fninit
        outb 0xa0, 0x0a
        in al, 0xa0
        movzx eax, al
        and eax, 0x20
        is "FNCLEX takes the request back", rax, 0
        ; a second error raises it again
        fldcw [cw]
        fld1
        fldz
        mov dword [memory], 0x11111111
        faults "a second error is a second IRQ 13", 0x2d
        anywhere
        sti
        fdivp st1, st0
        fstp dword [memory]
        nop
        nop
        done
        mov eax, [memory]
        is "which comes before the store, too", rax, 0x11111111
        fnclex
        outb 0xf0, 0
        outb 0xa0, 0x20
        outb 0x20, 0x20
        ; non-waiting instructions do not care
        fninit
        fldcw [cw]
        fld1
        fldz
        runs "with IF 0: FNSTSW and FNCLEX go on"
        fdivp st1, st0
        fnstsw ax
        fnclex
        done
        ; and with NE 1 it is #MF
        outb 0xf0, 0
        mov rax, cr0
        or eax, 0x20
        mov cr0, rax
        fninit
        fldcw [cw]
        fld1
        fldz
        fdivp st1, st0
        faults "with NE 1 it is #MF", MF
        fstp dword [memory]
        done
        fnclex
        finish
        align 8
cw:     dq 0
memory: dq 0x2222222222222222
image_end
