; Owns the way into ring 3 and back, for the lesson that has no VMX.
        bits 64
        section .text
        global course_run_in_ring_3, course_leave_ring_3

user_data       equ 0x18 | 3
user_code       equ 0x20 | 3
interrupts      equ 1 << 9

; RDI: the code. RSI: the top of its stack. Returns when something goes to course_leave_ring_3.
course_run_in_ring_3:
        push rbx
        push rbp
        push r12
        push r13
        push r14
        push r15
        mov [rel kernel_stack], rsp
        push user_data
        push rsi
        push interrupts | 2             ; RFLAGS: IOPL is 0
        push user_code
        push rdi
        iretq

; In ring 0 again, by the IRET of a handler that has made this its RIP, and CS and SS the kernel's.
course_leave_ring_3:
        cli
        mov rsp, [rel kernel_stack]
        pop r15
        pop r14
        pop r13
        pop r12
        pop rbp
        pop rbx
        ret

        section .bss
kernel_stack: resq 1
