; Owns what of the kernel C++ cannot say: the switch from one thread to another, the beginning of a thread, and the way in and out of a system call.
        bits 64
        section .text
        global lodge_switch, lodge_begin_thread, lodge_system_call
        extern lodge_leave_kernel, lodge_do_system_call

; lodge_switch(RDI: where to keep this thread's RSP, RSI: RSP of the other one). A function may change all other registers, so that only these
; six and the return address make a thread. It returns in another thread than it was called in.
lodge_switch:
        push rbx
        push rbp
        push r12
        push r13
        push r14
        push r15
        mov [rdi], rsp
        mov rsp, rsi
        pop r15
        pop r14
        pop r13
        pop r12
        pop rbp
        pop rbx
        ret

; The first return of lodge_switch in a new thread: RSP points to an InterruptFrame (processor.h in the kit).
lodge_begin_thread:
        call lodge_leave_kernel
        pop rax
        pop rcx
        pop rdx
        pop rbx
        pop rbp
        pop rsi
        pop rdi
        pop r8
        pop r9
        pop r10
        pop r11
        pop r12
        pop r13
        pop r14
        pop r15
        add rsp, 16                     ; vector and error code
        iretq

; IA32_LSTAR leads here, with RIP in RCX and RFLAGS in R11; IA32_FMASK has disabled interrupts. RSP is ring 3's still, and there is no register
; free: SWAPGS gives GS the base from IA32_KERNEL_GS_BASE, where this CPU's struct Cpu lies, for as long as the stacks are changed.
lodge_system_call:
        swapgs
        mov [gs:0], rsp
        mov rsp, [gs:8]
        push qword [gs:0]
        swapgs
        push r11
        push rcx
        push rbp                        ; for a debugger's backtrace, and to align the stack
        mov rcx, r10                    ; the fourth argument of a function is in RCX
        mov r8, rax                     ; and the fifth in R8
        call lodge_do_system_call
        pop rbp
        pop rcx
        pop r11
        pop rsp
        xor edi, edi                    ; what the kernel had in these is not ring 3's business
        xor esi, esi
        xor edx, edx
        xor r8d, r8d
        xor r9d, r9d
        xor r10d, r10d
        o64 sysret
