; Owns the guest: it tries to get out. It lies at guest-physical 4000H, with an identity mapping of the first GByte.
        bits 64
        section .rodata
        global attacker, attacker_end

report          equ 0x9000
own_end         equ 0x40000             ; behind its memory
info            equ 0x100000
console_write   equ 1

%macro print_at 3                       ; slot of the report, address, bytes
        mov eax, console_write
        mov rdi, %2
        mov rsi, %3
        vmcall
        mov [report + 8 * %1], rax
%endmacro

attacker:
        ; Its own: the last page, and what it was promised.
        lea rbx, [rel .no_last_page]    ; where it goes on if memory is refused
        mov qword [own_end - 8], 0x77
        mov rax, [own_end - 8]
        mov [report + 8 * 2], rax
.no_last_page:
        lea rbx, [rel .no_info]
        mov rax, [info]
        mov [report + 8 * 1], rax
.no_info:
        print_at 6, own_end - 16, 16
        mov dx, 0x3ff                   ; COM1's scratch register
        mov al, 0x5a
        out dx, al
        xor eax, eax
        in al, dx
        mov [report + 8 * 7], rax
        mov ecx, 0xc0000100             ; IA32_FS_BASE
        mov eax, 0x1234
        xor edx, edx
        wrmsr
        xor eax, eax
        rdmsr
        mov [report + 8 * 10], rax

        ; Memory: the page behind, and a page that is for reading.
        lea rbx, [rel .no_read]
        mov rax, [own_end]
        mov [report + 8 * 0], rax
.no_read:
        lea rbx, [rel .no_write]
        mov qword [info], 0x666
.no_write:

        ; Hypercalls: numbers that the hypervisor may add without a thought.
        print_at 3, own_end, 16
        print_at 4, -16, 32
        print_at 5, own_end - 16, 32

        ; Ports: PCI's configuration, by which devices get addresses to write to, and a high one.
        mov dx, 0xcf8
        mov eax, 0x80000000
        out dx, eax
        mov dx, 0xcfc
        in eax, dx
        mov [report + 8 * 8], rax
        mov dx, 0xc0de
        in al, dx

        ; MSRs: where the host's SYSCALL leads; and where its local APIC is.
        mov ecx, 0xc0000082             ; IA32_LSTAR
        xor eax, eax
        xor edx, edx
        rdmsr
        mov [report + 8 * 9], rax
        mov eax, 0x4000
        xor edx, edx
        wrmsr
        mov ecx, 0x1b                   ; IA32_APIC_BASE
        mov eax, 0xfed00900
        wrmsr
        hlt
attacker_end:
