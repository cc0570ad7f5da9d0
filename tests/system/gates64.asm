; Owns the checks of segments and gates in 64-bit mode: canonical addresses, IST, call gates of 16 bytes, IRETQ, far transfers between
; 64-bit and compatibility mode.
%include "common/start.inc"
%include "common/check.inc"
%include "common/check32.inc"
%include "common/check64.inc"

call_gate   equ slot + 0x00             ; two slots
bad_code    equ slot + 0x10             ; L and D both 1
absent_code equ slot + 0x18
local       equ slot + 0x20             ; two slots: an LDT
other_tss   equ slot + 0x30             ; two slots
small       equ slot + 0x40             ; limit 0
absent_data equ slot + 0x48
conforming  equ slot + 0x50             ; 64-bit, DPL 0
vector      equ 0x40
not_canonical equ 0x900000000000
never_canonical equ 1 << 60            ; for registers, which 5-level paging concerns even if it is off
ist_stack   equ 0xc000

; gate SELECTOR, ADDRESS, RIGHTS, IST: the IDT's gate of `vector`.
%macro gate 4
        mov rax, %2
        mov [idt64 + 16 * vector], ax
        mov word [idt64 + 16 * vector + 2], %1
        mov byte [idt64 + 16 * vector + 4], %4
        mov byte [idt64 + 16 * vector + 5], %3
        shr rax, 16
        mov [idt64 + 16 * vector + 6], ax
        shr rax, 16
        mov [idt64 + 16 * vector + 8], rax
%endmacro
; calls SELECTOR, ADDRESS, RIGHTS: the call gate.
%macro calls 3
        mov rax, %2
        mov [gdt + call_gate], ax
        mov word [gdt + call_gate + 2], %1
        mov word [gdt + call_gate + 4], %3 << 8
        shr rax, 16
        mov [gdt + call_gate + 6], ax
        shr rax, 16
        mov [gdt + call_gate + 8], rax
%endmacro
; points_to SELECTOR, OFFSET: what a far jump or call through `pointer` finds.
%macro points_to 2
        mov dword [pointer], %2
        mov word [pointer + 4], %1
%endmacro
; returns_to CS, RIP, RFLAGS, SS, RSP
%macro returns_to 5
        push %4
        push %5
        push %3
        push %1
        push %2
%endmacro

        bits 32
main:   describe bad_code, 0, 0xfffff, 0xe09b
        describe absent_code, 0, 0xfffff, 0xa01b
        describe local, abs(local_table), 15, 0x0082
        describe other_tss, pages, 0x67, 0x0089
        describe small, 0, 0, 0x0093
        describe absent_data, 0, 0xfffff, 0xc013
        describe conforming, 0, 0xfffff, 0xa09f
        mov eax, main64
        jmp enter_long

        bits 64
main64: mov qword [tss_memory + 0x24], ist_stack + 8   ; IST1, to be rounded down
        mov byte [idt64 + 16 * SS_FAULT + 4], 1         ; its stack has to be good
; ----------------------------------------------------------------------------------------------------------- segments
        runs "SS may be null in ring 0"
        xor eax, eax
        mov ss, eax
        done
        faults "but with RPL 0", GP, 0
        mov eax, 3
        here mov ss, eax
        done
        runs "limits do not count"
        mov eax, small
        mov ds, eax
        mov al, [pages]
        done
        runs "nor does a null DS"
        xor eax, eax
        mov ds, eax
        mov al, [pages]
        done
        faults "a segment that is not present counts", NP, absent_data
        mov eax, absent_data
        here mov ds, eax
        done
        faults "an address that is not canonical", GP, 0
        mov rax, not_canonical
        here mov al, [rax]
        done
        faults "the highest of the wrong ones", GP, 0
        mov rax, 0xffff7fffffffffff
        here mov al, [rax]
        done
        faults "by way of RBP it is #SS(0)", SS_FAULT, 0
        mov rbp, not_canonical
        here mov al, [rbp]
        done
        faults "by way of RSP too", SS_FAULT, 0
        mov rsp, not_canonical
        here pop rax
        done
        faults "a prefix for DS is ignored", SS_FAULT, 0
        mov rbp, not_canonical
        here db 0x3e, 0x8a, 0x45, 0x00
        done
        faults "FS of an address by RBP makes it #GP(0)", GP, 0
        mov rbp, not_canonical
        here mov al, [fs:rbp]
        done
        faults "an operand that ends where addresses are not canonical", GP, 0
        mov rax, 0x800000000000 - 4
        here mov rcx, [rax]
        done
        faults "a near jump to such an address", GP, 0
        mov rax, not_canonical
        here jmp rax
        done
        faults "a near return to such an address", GP, 0
        mov rax, not_canonical
        push rax
        here ret
        done
        is "leaves the stack pointer", [got.sp], stack_top - 8
        faults "LGDT of a base that is not canonical", GP, 0
        here lgdt [bad_table]
        done
        faults "LIDT of a base that is not canonical", GP, 0
        here lidt [bad_table]
        done
        faults "PUSH CS", UD
        db 0x0e
        done
        faults "PUSHA", UD
        db 0x60
        done
        faults "a far jump with an immediate", UD
        db 0xea, 0, 0, 0, 0, 0, 0
        done
        faults "LDS", UD
        db 0xc5, 0x00
        done
        faults "INTO", UD
        db 0xce
        done
        faults "AAM", UD
        db 0xd4, 0x0a
        done
        faults "DAA", UD
        db 0x27
        done
        faults "SALC", UD
        db 0xd6
        done

        runs "LLDT reads 16 bytes"
        mov eax, local
        lldt ax
        done
        mov dword [gdt + local + 8], never_canonical >> 32
        faults "of a base that is not canonical", GP, local
        mov eax, local
        here lldt ax
        done
        mov dword [gdt + local + 8], 0
        mov dword [gdt + other_tss + 8], never_canonical >> 32
        faults "LTR of a base that is not canonical", GP, other_tss
        mov eax, other_tss
        here ltr ax
        done
        mov dword [gdt + other_tss + 8], 0
        mov byte [gdt + other_tss + 5], 0x81
        faults "LTR of a 16-bit TSS", GP, other_tss
        mov eax, other_tss
        here ltr ax
        done

; ---------------------------------------------------------------------------------------------------- interrupt gates
        gate code64, handler, 0x8e, 0
        mov rsp, stack_top - 4
        int vector
        is "an interrupt aligns the stack to 16 bytes", [in_handler.sp], stack_top - 16 - 40
        is "and pushes RSP", [in_handler.frame + 24], stack_top - 4
        is "and SS, in the same ring too", [in_handler.frame + 32], data
        is "IRETQ takes both back", rsp, stack_top - 4
        mov rsp, stack_top
        gate code64, handler, 0x8e, 1
        int vector
        is "IST1 is the stack, rounded down", [in_handler.sp], ist_stack - 40
        gate code64, handler, 0xee, 0
        runs "an interrupt of ring 3"
        user
        int vector
        done
        is "runs on RSP0", [in_handler.sp], ring0_stack - 40
        is "with SS null", [in_handler.ss], 0
        is "and pushes ring 3's", [in_handler.frame + 32], user_data
        gate code64, handler, 0x86, 0
        faults "a 16-bit gate", GP, vector << 3 | 2
        int vector
        done
        gate code64, handler, 0x85, 0
        faults "a task gate", GP, vector << 3 | 2
        int vector
        done
        gate code32, handler, 0x8e, 0
        faults "a gate to 32-bit code", GP, code32
        int vector
        done
        gate bad_code, handler, 0x8e, 0
        faults "a gate to code with both L and D", GP, bad_code
        int vector
        done
        gate code64, not_canonical, 0x8e, 0
        faults "a gate to an address that is not canonical", GP, 0
        int vector
        done
        gate code64, handler, 0xee, 2
        mov rax, not_canonical
        mov [tss_memory + 0x2c], rax
        faults "an IST that is not canonical", SS_FAULT, 0
        int vector
        done
        gate code64, handler, 0xee, 0
        mov rax, not_canonical
        mov [tss_memory + 4], rax
        faults "an RSP0 that is not canonical", SS_FAULT, 0
        user
        here int vector
        done
        mov qword [tss_memory + 4], ring0_stack

; -------------------------------------------------------------------------------------------------------- call gates
        calls code64, called, 0xec
        points_to call_gate | 3, 0
        runs "a call gate takes ring 3 to ring 0"
        user
        call dword far [pointer]
        mov [after_return], rsp
        done
        is "on RSP0", [in_handler.sp], ring0_stack - 32
        is "with SS null there", [in_handler.ss], 0
        is "the return address has CS", [in_handler.frame + 8], user_code64
        is "and the outer RSP", [in_handler.frame + 16], user_stack
        is "and SS", [in_handler.frame + 24], user_data
        is "and RETFQ takes them back", [after_return], user_stack
        calls code32, called, 0xec
        faults "a call gate to 32-bit code", GP, code32
        user
        here call dword far [pointer]
        done
        calls code64, not_canonical, 0xec
        faults "a call gate to an address that is not canonical", GP, 0
        user
        here call dword far [pointer]
        done
        calls code64, called, 0xec
        mov byte [gdt + call_gate + 8 + 5], 0x0c
        faults "a call gate with a type in its second half", GP, call_gate
        user
        here call dword far [pointer]
        done
        calls code64, called, 0xe4
        faults "a 16-bit call gate", GP, call_gate
        user
        here call dword far [pointer]
        done
        calls code64, called, 0xec
        mov rax, not_canonical
        mov [tss_memory + 4], rax
        faults "a call gate and an RSP0 that is not canonical", SS_FAULT, 0
        user
        here call dword far [pointer]
        done
        mov qword [tss_memory + 4], ring0_stack
        points_to tss, 0
        faults "a far jump to a TSS", GP, tss
        here jmp dword far [pointer]
        done
        points_to bad_code, 0
        faults "a far jump to code with both L and D", GP, bad_code
        here jmp dword far [pointer]
        done
        points_to absent_code, 0
        faults "a far jump to code that is not present", NP, absent_code
        here jmp dword far [pointer]
        done

; ------------------------------------------------------------------------------------------------- compatibility mode
        points_to code32, .compatible
        runs "a far jump into compatibility mode"
        jmp dword far [pointer]
        bits 32
.compatible:
        mov eax, 0x11223344
        inc eax                         ; 40H: a REX prefix in 64-bit mode
        mov [after_return], eax
        jmp code64:.long
        bits 64
.long:
        done
        is "where 40H is INC", [after_return], 0x11223345
        points_to code32, .compatible2
        faults "ring 0 in compatibility mode", UD
        jmp dword far [pointer]
        bits 32
.compatible2:
        here ud2
        done
        is "goes through a 64-bit gate", [got.cs], code32
        points_to code32, .compatible3
        faults "limits count there", GP, 0
        jmp dword far [pointer]
        bits 32
.compatible3:
        mov eax, small
        mov ds, ax
        here mov al, [pages]
        done
        points_to code32, .compatible4
        faults "SYSENTER's CS of 0 there", GP, 0
        xor eax, eax
        xor edx, edx
        mov ecx, 0x174
        wrmsr
        jmp dword far [pointer]
        bits 32
.compatible4:
        here sysenter
        done

; --------------------------------------------------------------------------------------------------------------- IRETQ
        faults "IRETQ to an address that is not canonical", GP, 0
        mov rax, not_canonical
        returns_to code64, rax, 2, data, stack_top
        here iretq
        done
        faults "IRETQ with NT", GP, 0
        returns_to code64, main64, 2, data, stack_top
        push 0x4002
        popfq
        here iretq
        done
        faults "IRETQ to ring 3 with a null SS", GP, 0
        returns_to user_code64, main64, 2, 3, user_stack
        here iretq
        done
        runs "IRETQ to ring 0 with a null SS"
        returns_to code64, .null_ss, 2, 0, stack_top
        iretq
.null_ss:
        done
        faults "IRETQ to compatibility mode with a null SS", GP, 0
        returns_to code32, main64, 2, 0, stack_top
        here iretq
        done
        faults "IRETQ to ring 3 with SS of ring 0", GP, data
        returns_to user_code64, main64, 2, data | 3, user_stack
        here iretq
        done
        faults "IRETQ to an SS that is not present", SS_FAULT, absent_data
        returns_to code64, main64, 2, absent_data, stack_top
        here iretq
        done
        faults "IRETQ to code with both L and D", GP, bad_code
        returns_to bad_code, main64, 2, data, stack_top
        here iretq
        done
        faults "IRETQ of ring 3 to ring 0", GP, code64
        user
        returns_to code64, main64, 2, data, stack_top
        here iretq
        done
        runs "IRETQ to ring 3 in compatibility mode"
        returns_to user_code32, .user32, 2, user_data, user_stack
        iretq
        bits 32
.user32:
        done
        is "takes its CS", [got.cs], user_code32
        faults "a far return to an address that is not canonical", GP, 0
        mov rax, not_canonical
        push code64
        push rax
        here o64 retf
        done

        finish

handler:
        mov [in_handler.sp], rsp
        push rax
        mov eax, ss
        mov [in_handler.ss], rax
%assign n 0
%rep 5
        mov rax, [rsp + 8 + 8 * n]
        mov [in_handler.frame + 8 * n], rax
%assign n n + 1
%endrep
        pop rax
        iretq

called: mov [in_handler.sp], rsp
        mov eax, ss
        mov [in_handler.ss], rax
%assign n 0
%rep 4
        mov rax, [rsp + 8 * n]
        mov [in_handler.frame + 8 * n], rax
%assign n n + 1
%endrep
        o64 retf

        align 8
after_return: dq 0
in_handler:
.sp:    dq 0
.ss:    dq 0
.frame: times 5 dq 0
pointer: dq 0
bad_table:
        dw 0xff
        dq never_canonical
        align 8
local_table: dq 0, 0

image_end
