; Owns the checks of faults among themselves: which of two comes first, which during the delivery of another make a double fault.
%include "common/start.inc"
%include "common/check.inc"
%include "common/check32.inc"
%include "common/check64.inc"

nowhere     equ 0x10000000000           ; not mapped
not_canonical equ 0x900000000000
apic        equ 0xfee00000
vector      equ 0x61
AC_FLAG     equ 1 << 18
edge        equ 0x8000000000            ; a page, and none behind it
table       equ pages + 0x2000
frame       equ pages + 0x10000

; Gates that fail: without a stack to push to, without P.
%macro no_stack 1                       ; vector
        mov byte [idt64 + 16 * (%1) + 4], 2
%endmacro
%macro no_gate 1
        and byte [idt64 + 16 * (%1) + 5], 0x7f
%endmacro
%macro good 1
        mov byte [idt64 + 16 * (%1) + 4], 0
        or byte [idt64 + 16 * (%1) + 5], 0x80
%endmacro
%macro cr0_bit 2
        mov rax, cr0
        bt%1 rax, %2
        mov cr0, rax
%endmacro
%macro cr4_bit 2
        mov rax, cr4
        bt%1 rax, %2
        mov cr4, rax
%endmacro

        bits 32
main:   mov eax, main64
        jmp enter_long
        bits 64
main64: mov rax, nowhere + 0x1000
        mov [tss_memory + 0x2c], rax    ; IST2
        mov edi, pages
        xor eax, eax
        mov ecx, 0x3000 / 8
        rep stosq
        mov eax, pages | 7
        mov [own_pml4 + 8], rax
        mov eax, (pages + 0x1000) | 7
        mov [pages], rax
        mov eax, table | 7
        mov [pages + 0x1000], rax
        mov eax, frame | 7
        mov [table], rax

; ------------------------------------------------------------------------------------------------------ double faults
        no_gate GP
        faults "#GP, and #NP while it is delivered", DF
        anywhere
        mov rax, not_canonical
        mov al, [rax]
        done
        good GP
        no_stack GP
        faults "#GP, and #PF while it is delivered: #PF alone", PF, 2, nowhere + 0xff8
        mov rax, not_canonical
        here mov al, [rax]
        done
        good GP
        no_gate DE
        faults "#DE, and #NP while it is delivered", DF
        anywhere
        xor ecx, ecx
        div ecx
        done
        good DE
        no_stack DE
        faults "#DE, and #PF while it is delivered: #PF alone", PF, 2, nowhere + 0xff8
        xor ecx, ecx
        here div ecx
        done
        good DE
        no_stack PF
        faults "#PF, and #PF while it is delivered", DF
        anywhere
        mov rax, [qword nowhere]
        done
        good PF
        no_gate PF
        faults "#PF, and #NP while it is delivered", DF
        anywhere
        mov rax, [qword nowhere]
        done
        good PF
        no_gate UD
        faults "#UD, and #NP while it is delivered: #NP alone", NP, UD << 3 | 3
        ud2
        done
        good UD
        no_stack UD
        faults "#UD, and #PF while it is delivered: #PF alone", PF, 2, nowhere + 0xff8
        ud2
        done
        good UD
        no_gate BP
        faults "#BP, and #NP while it is delivered: #NP alone", NP, BP << 3 | 2
        int3
        done
        good BP
        no_gate NM
        cr0_bit s, 3                    ; TS
        faults "#NM, and #NP while it is delivered: #NP alone", NP, NM << 3 | 3
        fnop
        done
        cr0_bit r, 3
        good NM
        no_gate GP
        faults "INT 13 is no exception: #NP alone", NP, GP << 3 | 2
        int GP
        done
        good GP
        no_gate NP
        no_gate GP
        faults "#GP, #NP in it, and #NP in that: one double fault", DF
        anywhere
        mov rax, not_canonical
        mov al, [rax]
        done
        good NP
        good GP
        no_gate NP
        no_gate UD
        faults "#UD, then #NP, which has no gate", DF
        anywhere
        ud2
        done
        good UD
        good NP
        mov ebp, apic
        mov dword [rbp + 0xf0], 0x1ff
        no_gate vector
        mov dword [rbp + 0x300], 1 << 18 | vector
        faults "an interrupt, and #NP while it is delivered", NP, vector << 3 | 3
        anywhere
        sti
        nop
        nop
        done
        good vector
        mov dword [rbp + 0xb0], 0

        mov rax, edge + 0x1010          ; room for one of the pushes
        mov [tss_memory + 0x2c], rax
        mov dword [table + 8], frame | 7
        invlpg [rax]
        mov dword [table], 0
        mov rax, edge
        invlpg [rax]
        no_stack UD
        faults "a frame across two pages faults at its first push into the second", PF, 2, edge + 0xff8
        ud2
        done
        good UD
        mov dword [table], frame | 7
        mov dword [table + 8], 0
        mov rax, edge + 0x1000
        invlpg [rax]

; -------------------------------------------------------------------------------------------------------- priorities
        faults "LOCK of an instruction that has none, before its memory", UD
        mov rbx, not_canonical
        here db 0xf0, 0x8b, 0x03        ; LOCK MOV EAX, [RBX]
        done
        cr0_bit s, 3
        faults "#NM comes before the operand's faults", NM
        mov rbx, not_canonical
        here fld dword [rbx]
        done
        faults "#NM of SSE too", NM
        cr4_bit s, 9
        mov rbx, not_canonical
        here movaps xmm0, [rbx]
        done
        cr4_bit r, 9
        faults "#UD for CR4.OSFXSR before #NM", UD
        mov rbx, not_canonical
        here movaps xmm0, [rbx]
        done
        cr0_bit r, 3
        cr4_bit s, 9
        faults "a misaligned operand before its #PF", GP, 0
        mov rbx, nowhere + 8
        here movaps xmm0, [rbx]
        done
        faults "LGDT in ring 3: the ring before the memory", GP, 0
        user
        mov rbx, nowhere
        here lgdt [rbx]
        done
        faults "LLDT in ring 3: the ring before the memory", GP, 0
        user
        mov rbx, nowhere
        here lldt [rbx]
        done
        faults "DIV by memory: the memory before #DE", PF, 0, nowhere
        mov rbx, nowhere
        here div dword [rbx]
        done
        faults "VMREAD without VMX in ring 3: #UD before the ring", UD
        user
        here vmread rax, rcx
        done
        faults "MOV to CR5 in ring 3: #UD before the ring", UD
        user
        here db 0x0f, 0x22, 0xe8
        done
        faults "an instruction of 16 bytes", GP, 0
        times 15 db 0x66
        nop
        done
        runs "one of 15"
        times 14 db 0x66
        nop
        done
        mov byte [frame + 0xfff], 0x0f
        faults "an instruction that reaches into a page that is not there", PF, 0, edge + 0x1000
        anywhere
        mov rax, edge + 0xfff
        jmp rax
        done
        is "faults at its start", [got.ip], edge + 0xfff
        mov byte [frame + 0xfff], 0x06  ; no instruction in 64-bit mode
        faults "one that is none ends before it gets there", UD
        anywhere
        mov rax, edge + 0xfff
        jmp rax
        done
        mov rax, 0x6666666666666666
        mov [frame + 0xff1], rax
        mov [frame + 0xff8], rax
        faults "15 prefixes ahead of a page that is not there", GP, 0
        anywhere
        mov rax, edge + 0xff1
        jmp rax
        done
        mov dword [rbp + 0x300], 1 << 18 | vector
        faults "a single step and an interrupt: the step first", DB
        push 0x102
        popfq
        sti
        anywhere
        done
        faults "a step, and behind it the interrupt", vector
        sti
        after nop
        done
        mov dword [rbp + 0xb0], 0

; ---------------------------------------------------------------------------------------------------- alignment, x87
        runs "a misaligned operand in ring 3 without CR0.AM"
        user AC_FLAG | 2
        mov eax, [pages + 1]
        done
        cr0_bit s, 18                   ; AM
        faults "and with it", AC, 0
        user AC_FLAG | 2
        here mov eax, [pages + 1]
        done
        runs "not without AC"
        user
        mov eax, [pages + 1]
        done
        runs "not in ring 0"
        push AC_FLAG | 2
        popfq
        mov eax, [pages + 1]
        done
        runs "not for MOVUPS"
        user AC_FLAG | 2
        movups xmm0, [pages + 1]
        done
        cr0_bit r, 18
        cr0_bit s, 5                    ; NE
        fninit
        mov word [pages], 0x037b        ; divisions by zero are not masked
        fldcw [pages]
        fld1
        fldz
        runs "an x87 exception waits"
        fdivp
        done
        faults "for the next x87 instruction", MF
        here fld1
        done
        faults "which comes ahead of its operand's faults", MF
        mov rbx, nowhere
        here fld dword [rbx]
        done
        runs "but not for FNSTSW"
        fnstsw ax
        done
        faults "WAIT", MF
        here fwait
        done
        fnclex
        runs "FNCLEX forgets it"
        fwait
        done
        cr4_bit s, 10                   ; OSXMMEXCPT
        mov dword [pages], 0x1f80 & ~(1 << 9)
        ldmxcsr [pages]
        faults "an SSE exception is a fault of its own instruction", XM
        mov eax, 0x3f800000
        movd xmm0, eax
        xorps xmm1, xmm1
        here divss xmm0, xmm1
        done
        cr4_bit r, 10
        faults "without CR4.OSXMMEXCPT it is #UD", UD
        mov eax, 0x3f800000
        movd xmm0, eax
        xorps xmm1, xmm1
        here divss xmm0, xmm1
        done
        finish

image_end
