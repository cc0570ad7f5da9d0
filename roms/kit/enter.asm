; Owns the border between the host and a guest: kit_enter_guest(registers, launched), as the manual's "VM Entries" and "VM Exits" want it.
;
; An exit does not return, it jumps to HOST_RIP with RSP from HOST_RSP; all other general registers are the guest's still. Both fields are set
; here, right before the entry, so that the exit finds the stack as the entry left it, and the function returns to its caller.
        bits 64
        section .text

field_host_rsp  equ 0x6c14
field_host_rip  equ 0x6c16

        struc registers                 ; in the order of struct Registers in vmx.h
.rax:   resq 1
.rcx:   resq 1
.rdx:   resq 1
.rbx:   resq 1
.rbp:   resq 1
.rsi:   resq 1
.rdi:   resq 1
.r8:    resq 1
.r9:    resq 1
.r10:   resq 1
.r11:   resq 1
.r12:   resq 1
.r13:   resq 1
.r14:   resq 1
.r15:   resq 1
        endstruc

%macro each_register 1                  ; all but RDI, which holds the address of the structure
        %1 rax, registers.rax
        %1 rcx, registers.rcx
        %1 rdx, registers.rdx
        %1 rbx, registers.rbx
        %1 rbp, registers.rbp
        %1 rsi, registers.rsi
        %1 r8, registers.r8
        %1 r9, registers.r9
        %1 r10, registers.r10
        %1 r11, registers.r11
        %1 r12, registers.r12
        %1 r13, registers.r13
        %1 r14, registers.r14
        %1 r15, registers.r15
%endmacro
%macro load_register 2
        mov %1, [rdi + %2]
%endmacro
%macro store_register 2
        mov [rdi + %2], %1
%endmacro

; RDI: the registers. RSI: 0 for VMLAUNCH, 1 for VMRESUME. Returns 0 after an exit, else RFLAGS with CF or ZF.
        global kit_enter_guest
kit_enter_guest:
        push rbx                        ; the registers that a function gives back as they were
        push rbp
        push r12
        push r13
        push r14
        push r15
        push rdi
        mov rax, field_host_rsp
        vmwrite rax, rsp
        mov rax, field_host_rip
        lea rdx, [rel .exit]
        vmwrite rax, rdx
        test rsi, rsi                   ; the MOVs below keep ZF
        each_register load_register
        mov rdi, [rdi + registers.rdi]
        jnz .resume
        vmlaunch
        jmp .refused
.resume:
        vmresume

.refused:                               ; still here: the entry failed, RFLAGS says how
        pushfq
        pop rax
        pop rdi
        jmp .return

.exit:  push rdi                        ; the guest's; the structure's address lies above it
        mov rdi, [rsp + 8]
        each_register store_register
        pop rax
        mov [rdi + registers.rdi], rax
        pop rdi
        xor eax, eax
.return:
        pop r15
        pop r14
        pop r13
        pop r12
        pop rbp
        pop rbx
        ret
