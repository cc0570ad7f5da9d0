; Owns the 256 entry points of interrupts and exceptions: each makes the same frame and calls kit_interrupt in processor.cpp.
        bits 64
        section .text
        extern kit_interrupt

; Only these exceptions push an error code (the manual's "Exception and Interrupt Reference"); the others push a 0 in its place.
%define has_error_code(n) ((n) == 8 || ((n) >= 10 && (n) <= 14) || (n) == 17 || (n) == 21)

%assign vector 0
%rep 256
entry_ %+ vector:
%if !has_error_code(vector)
        push 0
%endif
        push vector
        jmp all_vectors
%assign vector vector + 1
%endrep

; The order of struct InterruptFrame, from its end.
all_vectors:
        push r15
        push r14
        push r13
        push r12
        push r11
        push r10
        push r9
        push r8
        push rdi
        push rsi
        push rbp
        push rbx
        push rdx
        push rcx
        push rax
        cld
        mov rdi, rsp
        mov rbx, rsp                    ; a function keeps RBX, and wants a stack aligned to 16
        and rsp, -16
        call kit_interrupt
        mov rsp, rbx
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
        add rsp, 16
        iretq

        section .rodata
        global kit_interrupt_entries
        align 8
kit_interrupt_entries:
%assign vector 0
%rep 256
        dq entry_ %+ vector
%assign vector vector + 1
%endrep
