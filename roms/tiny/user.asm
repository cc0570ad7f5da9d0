; Owns the program in ring 3 and the way between it and the kernel, by SYSCALL and SYSRET. It is copied to a page of its own: it names no address.
        bits 64
        section .text
        global tiny_user, tiny_user_end, tiny_run_user, tiny_syscall
        extern tiny_system_call

; RDI: how often. RAX is the system call's number: 0 counts, 1 ends the program. SYSCALL takes RCX and R11.
tiny_user:
        mov rbx, rdi
.again: mov eax, 0
        syscall
        dec rbx
        jnz .again
        mov eax, 1
        syscall
tiny_user_end:

; tiny_run_user(RDI: count, RSI: entry, RDX: stack): returns when the program ends.
tiny_run_user:
        push rbx
        push rbp
        push r12
        push r13
        push r14
        push r15
        mov [rel kernel_stack], rsp
        mov rcx, rsi                    ; SYSRET goes to RCX, with R11 as RFLAGS
        mov r11d, 2
        mov rsp, rdx
        o64 sysret

; IA32_LSTAR leads here: ring 0 with the stack of ring 3, RCX and R11 what SYSRET needs.
tiny_syscall:
        mov [rel user_stack], rsp
        mov rsp, [rel kernel_stack]
        cmp eax, 1
        je .end
        push rcx
        push r11
        call tiny_system_call
        pop r11
        pop rcx
        mov rsp, [rel user_stack]
        o64 sysret
.end:   pop r15
        pop r14
        pop r13
        pop r12
        pop rbp
        pop rbx
        ret

        section .bss
kernel_stack: resq 1
user_stack:   resq 1
