; Owns the checks of SYSCALL, SYSRET, SYSENTER and SYSEXIT.
%include "common/start.inc"
%include "common/check.inc"
%include "common/check32.inc"
%include "common/check64.inc"

EFER        equ 0xc0000080
STAR        equ 0xc0000081
LSTAR       equ 0xc0000082
FMASK       equ 0xc0000084
SYSENTER_CS equ 0x174
SYSENTER_ESP equ 0x175
SYSENTER_EIP equ 0x176
TF          equ 1 << 8
IF          equ 1 << 9
DIRECTION   equ 1 << 10
not_canonical equ 0x900000000000
never_canonical equ 1 << 60

%macro wrmsr_to 2
        mov rax, %2
        mov rdx, rax
        shr rdx, 32
        mov ecx, %1
        wrmsr
%endmacro
%macro refuses_msr_64 3                    ; "NAME", MSR, VALUE
        mov rax, %3
        mov rdx, rax
        shr rdx, 32
        mov ecx, %2
        faults %1, GP, 0
        wrmsr
        done
%endmacro

        bits 32
main:   mov eax, main64
        jmp enter_long
        bits 64
main64:
; ------------------------------------------------------------------------------------------------------------ SYSCALL
        faults "SYSCALL while EFER.SCE is 0", UD
        user
        here syscall
        done
        faults "SYSRET while it is 0", UD
        here o64 sysret
        done
        mov ecx, EFER
        rdmsr
        or eax, 1
        wrmsr
        wrmsr_to STAR, (user_code32 << 48) | (code64 << 32)
        wrmsr_to LSTAR, entry
        wrmsr_to FMASK, IF | DIRECTION | TF
        runs "SYSCALL of ring 3"
        user 0x3603                     ; IF, DF, CF, IOPL 3
.call:  syscall
.back:
        done
        is "RCX is the next instruction", [at_entry.rcx], .back
        is "R11 is RFLAGS", [at_entry.r11], 0x3603
        is "RFLAGS are masked", [at_entry.flags], 0x3003
        is "the stack pointer stays", [at_entry.rsp], user_stack
        is "CS comes from STAR", [at_entry.cs], code64
        is "SS is the next selector", [at_entry.ss], data_behind
        runs "SYSCALL with TF in the mask makes no step"
        user
        push TF | 2
        popfq
        syscall
        done
        wrmsr_to FMASK, 0
        faults "SYSCALL with TF beside the mask: a step at its target", DB
        anywhere
        user
        push TF | 2
        popfq
        syscall
        done
        is "which is the first instruction", [got.ip], entry
        runs "SYSCALL in ring 0 is no error"
        syscall
        done

; ------------------------------------------------------------------------------------------------------------- SYSRET
        runs "SYSRET to 64-bit mode"
        mov ecx, .sysret64
        mov r11d, 0x10003               ; with RF
        o64 sysret
.sysret64:
        mov eax, ss
        done
        is "CS is STAR's selector + 16", [got.cs], user_code64
        is "SS is the one + 8", [got.eax], user_data
        is "RFLAGS are R11's, without RF", [got.flags], 3
        runs "SYSRET to compatibility mode"
        mov ecx, .sysret32
        mov r11d, 2
        sysret
        bits 32
.sysret32:
        done
        is "CS is STAR's selector", [got.cs], user_code32
        faults "SYSRET to an address that is not canonical", GP, 0
        mov rcx, not_canonical
        mov r11d, 2
        here o64 sysret
        done
        is "is a fault of ring 0", [got.cs], code64
        faults "SYSRET in ring 3", GP, 0
        user
        here o64 sysret
        done
        faults "SYSCALL in compatibility mode", UD
        push user_data
        push user_stack
        push 2
        push user_code32
        push .compatible
        iretq
        bits 32
.compatible:
        here syscall
        done

; --------------------------------------------------------------------------------------------- SYSENTER and SYSEXIT
        wrmsr_to SYSENTER_CS, 0
        faults "SYSENTER while its CS is null", GP, 0
        user
        here sysenter
        done
        faults "SYSEXIT while it is null", GP, 0
        mov ecx, user_stack
        mov edx, main64
        here o64 sysexit
        done
        wrmsr_to SYSENTER_CS, code64
        wrmsr_to SYSENTER_ESP, other_stack
        wrmsr_to SYSENTER_EIP, fast_entry
        runs "SYSENTER"
        user 0x3603
        sysenter
        done
        is "RSP is its MSR's", [at_entry.rsp], other_stack
        is "CS too", [at_entry.cs], code64
        is "SS is CS + 8", [at_entry.ss], code64 + 8
        is "IF is 0, and nothing else of RFLAGS", [at_entry.flags], 0x3403
        runs "SYSENTER in ring 0 is no error"
        sysenter
        done
        runs "SYSEXIT to 64-bit mode"
        mov ecx, user_stack - 64
        mov rdx, .sysexit64
        o64 sysexit
.sysexit64:
        mov eax, ss
        done
        is "its CS is CS + 32", [got.cs], code64 + 32 | 3
        is "its SS is CS + 40", [got.eax], code64 + 40 | 3
        is "its RSP is RCX", [got.sp], user_stack - 64
        runs "SYSEXIT to compatibility mode"
        mov ecx, user_stack
        mov edx, .sysexit32
        sysexit
        bits 32
.sysexit32:
        done
        is "has CS + 16", [got.cs], code64 + 16 | 3
        faults "SYSEXIT to an address that is not canonical", GP, 0
        mov ecx, user_stack
        mov rdx, not_canonical
        here o64 sysexit
        done
        faults "SYSEXIT to a stack that is not canonical", GP, 0
        mov rcx, not_canonical
        mov edx, main64
        here o64 sysexit
        done
        faults "SYSEXIT in ring 3", GP, 0
        user
        here o64 sysexit
        done

; ------------------------------------------------------------------------------------------------------------ the MSRs
        refuses_msr_64 "LSTAR that is not canonical", LSTAR, never_canonical
        refuses_msr_64 "SYSENTER_EIP that is not canonical", SYSENTER_EIP, never_canonical
        refuses_msr_64 "SYSENTER_ESP that is not canonical", SYSENTER_ESP, never_canonical
        ; Intel's CPUs take the upper half of a write and keep nothing of it; AMD's refuse it.
        mov edx, 1
        mov eax, TF
        mov ecx, FMASK
        runs "FMASK of more than 32 bits"
        wrmsr
        done
        rdmsr
        is "has its lower half", rax, TF
        is "and no upper one", rdx, 0
        finish

; Where SYSCALL leads. The user's stack is not touched.
entry:  mov [at_entry.rcx], rcx
        mov [at_entry.r11], r11
        mov [at_entry.rsp], rsp
        mov eax, cs
        mov [at_entry.cs], rax
        mov eax, ss
        mov [at_entry.ss], rax
        mov esp, other_stack
        pushfq
        pop qword [at_entry.flags]
        int nothing

fast_entry:
        mov [at_entry.rsp], rsp
        pushfq
        pop qword [at_entry.flags]
        mov eax, cs
        mov [at_entry.cs], rax
        mov eax, ss
        mov [at_entry.ss], rax
        int nothing

        align 8
at_entry:
.rcx:   dq 0
.r11:   dq 0
.rsp:   dq 0
.cs:    dq 0
.ss:    dq 0
.flags: dq 0

image_end
