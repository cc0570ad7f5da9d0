; Owns the code that runs in ring 3: one instruction at a time, and a guest's kernel.
        bits 64
        section .text
        global probe_cli, probe_hlt, probe_in, probe_lgdt, probe_mov_cr3, probe_rdmsr, probe_sgdt, probe_smsw, probe_str, probe_pushf
        global probe_popf, probe_cpuid, guest_kernel, guest_saw

%macro probe 2+
probe_%1:
        %2
        int 0x80                        ; still here: it did not trap
%endmacro

        probe cli, cli
        probe hlt, hlt
        probe in, in al, 0x60
        probe lgdt, lgdt [rel table]
        probe mov_cr3, mov rax, cr3
        probe rdmsr, rdmsr
        probe sgdt, sgdt [rel table]
        probe smsw, smsw eax
        probe str, str eax
        probe cpuid, cpuid
probe_pushf:
        pushfq
        pop rax
        int 0x80
probe_popf:
        pushfq
        and dword [rsp], ~(1 << 9)      ; IF
        popfq
        int 0x80

; A kernel that was written for ring 0.
guest_kernel:
        sti
        lea rsi, [rel letters]
        mov dx, 0xe9
.next:  mov al, [rsi]
        test al, al
        jz .printed
        out dx, al
        inc rsi
        jmp .next
.printed:
        cli                             ; now nobody shall interrupt me
        pushfq                          ; ... and nobody does?
        pop rax
        mov [rel guest_saw], rax
        hlt

        section .rodata
letters: db "ring 0?", 0

        section .bss
        align 8
table:  resb 16
guest_saw: resq 1
