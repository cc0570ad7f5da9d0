; Owns the border: enter_once(launched) enters the guest of the current VMCS, and returns after its next VM exit.
;
; An exit does not return. It loads RSP from HOST_RSP and RIP from HOST_RIP, and all other general registers are still the guest's.
        bits 64
        section .text
        global enter_once, rsp_at_entry, rsp_after_exit

field_host_rsp  equ 0x6c14
field_host_rip  equ 0x6c16

; EDI: 0 for VMLAUNCH, 1 for VMRESUME. Returns 0 after a VM exit, else RFLAGS with CF or ZF.
enter_once:
        push rbx                        ; the registers that a function has to give back as they were
        push rbp
        push r12
        push r13
        push r14
        push r15
        ;[ VMWRITE RSP to field_host_rsp and the address of .exit to field_host_rip (LEA REG, [REL .exit])
        mov eax, field_host_rsp
        vmwrite rax, rsp
        mov eax, field_host_rip
        lea rcx, [rel .exit]
        vmwrite rax, rcx
        ;]
        mov [rel rsp_at_entry], rsp     ; only for the check that follows an exit
        test edi, edi
        jnz .resume
        vmlaunch
        jmp .refused
.resume:
        vmresume

.refused:                               ; still here: the entry failed, RFLAGS says how
        pushfq
        pop rax
        jmp .return

.exit:  mov [rel rsp_after_exit], rsp
        mov rsp, [rel rsp_at_entry]     ; a wrong HOST_RSP is told, and not suffered from
        xor eax, eax
.return:
        pop r15
        pop r14
        pop r13
        pop r12
        pop rbp
        pop rbx
        ret

        section .bss
rsp_at_entry:   resq 1
rsp_after_exit: resq 1
