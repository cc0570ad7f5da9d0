; Owns the checks of RF between the rounds of repeated string instructions: in the frames of interrupts and in what VM exits save.
%include "exits_start.inc"
%macro field_is 3
        get rax, %2
        is %1, rax, %3
%endmacro
vec equ 0x70
RF  equ 1 << 16
%macro rf_is 2                          ; "NAME", 0 or 1
        get rax, GUEST_RFLAGS
        shr eax, 16
        and eax, 1
        is %1, rax, %2
%endmacro
%macro pushed_rf 2
        mov rax, [got.flags]
        shr eax, 16
        and eax, 1
        is %1, rax, %2
%endmacro
%macro outb 2
        mov al, %2
        out %1, al
%endmacro
checks_of_exits:
        mov dword [rbp + 0xf0], 0x1ff
        mov eax, [rbp + 0x20]
        mov [rbp + 0x310], eax
        ; the PIC's IRQ 4 is the UART's: enabling its transmitter interrupt raises it at once
        mov dword [rbp + 0x350], 0x700
        outb 0x20, 0x11
        outb 0x21, 0x68
        outb 0x21, 4
        outb 0x21, 1
        outb 0x21, 0xef
        mov dx, 0x3fc
        mov al, 0xb
        out dx, al
        ; the host's own interrupts: in the middle of REP the frame has RF, behind it not
        mov dword [pages + 0x40000], 0x02020202
        mov esi, pages + 0x40000
        mov ecx, 4
        mov dx, 0x3f9
        faults "an interrupt between rounds of REP OUTSB", 0x6c
        push 0x202
        popfq
        here rep outsb
        done
        pushed_rf "its frame has RF", 1
        is "three rounds are left", rcx, 3
        call quiet
        mov esi, pages + 0x40000
        mov ecx, 1
        faults "an interrupt behind the last round", 0x6c
        push 0x202
        popfq
        after rep outsb
        done
        pushed_rf "its frame has no RF", 0
        call quiet
        mov dword [rbp + 0x300], 1 << 18 | vec
        faults "an interrupt behind another instruction", vec
        sti
        nop
        anywhere
        nop
        done
        pushed_rf "its frame has none", 0
        mov dword [rbp + 0xb0], 0
        ; a step of REP: between the rounds RF is 1, behind the last one 0
        mov edi, pages + 0x40000
        mov ecx, 2
        faults "a step of REP's first round", DB
        push 0x102
        popfq
        here rep stosb
        done
        pushed_rf "has RF", 1
        mov ecx, 1
        faults "a step of REP's last round", DB
        push 0x102
        popfq
        after rep stosb
        done
        pushed_rf "has none", 0
        ; exits: what the frame would have had
        controls PIN_EXTERNAL_INTERRUPT_EXITING, 0, 0
        put GUEST_RFLAGS, 0x202
        mov dword [pages + 0x40000], 0x02020202
        mov esi, pages + 0x40000
        mov ecx, 4
        mov dx, 0x3f9
        exits "an interrupt that exits between rounds", 1
        here rep outsb
        left
        rf_is "saves RF as 1", 1
        is "three rounds are left, too", rcx, 3
        faults "the UART's interrupt waits for the host", 0x6c
        sti
        nop
        anywhere
        done
        call quiet
        controls PIN_EXTERNAL_INTERRUPT_EXITING, 0, 0
        put GUEST_RFLAGS, 0x202
        exits "an interrupt that exits elsewhere", 1
        mov dword [rbp + 0x300], 1 << 18 | vec
.spin:  nop
        jmp .spin
        anywhere
        left
        rf_is "saves RF as 0", 0
        call drain
        controls 0, 0, 0
        exits "#UD", 0
        ud2
        left
        rf_is "a fault saves RF as 1", 1
        controls 0, 0, 0
        exits "#PF", 0, 0x4567
        mov rax, 0x8000004567
        here mov al, [rax]
        left
        rf_is "so does #PF", 1
        controls 0, 0, 0
        exits "INT3", 0
        int3
        left
        rf_is "a trap saves 0", 0
        controls 0, 0, 0
        put GUEST_RFLAGS, 0x10002
        exits "CPUID with RF", 10
        cpuid
        left
        rf_is "an instruction that exits saves 0", 0
        controls 0, 0, 0
        put GUEST_RFLAGS, 0x10002
        exits "INT3 with RF", 0
        int3
        left
        rf_is "INT3 with RF: 0, as in its frame", 0
        controls 0, 0, 0
        put GUEST_RFLAGS, 0x10002
        exits "RF is cleared by the next instruction", 10
        nop
        here cpuid
        left
        rf_is "so CPUID behind NOP saves 0", 0
        ; EPT violations
        call make_ept
        controls 0, 0, 2
        exits "an EPT violation", 48, 1 | 3 << 7 | 3 << 9
        mov al, [far_away]
        left
        rf_is "saves RF as 1", 1
        ; during the delivery of INT n: what the frame of the INT would have: 0; of a fault: 1
        controls 0, 0, 2
        put EXCEPTION_BITMAP, 0
        put GUEST_IDTR_BASE, far_away
        exits "an EPT violation while INT n is delivered", 48, 1 | 3 << 7 | 3 << 9
        int 0x70
        left
        rf_is "saves RF as 0", 0
        exits "an EPT violation while #UD is delivered", 48, 1 | 3 << 7 | 3 << 9
        ud2
        left
        rf_is "saves RF as 1, as its frame", 1
        ; an EPT violation in the third round of REP
        controls 0, 0, 2
        mov edi, far_away - 2
        mov ecx, 5
        exits "an EPT violation in REP's third round", 48, 2 | 3 << 7 | 3 << 9
        rep stosb
        left
        rf_is "saves RF as 1 there", 1
        is "with three rounds left", rcx, 3
        finish
drain:
        faults "the interrupt waits for the host", vec
        sti
        nop
        anywhere
        done
        mov dword [rbp + 0xb0], 0
        ret
quiet:  mov dx, 0x3f9
        xor eax, eax
        out dx, al
        outb 0x20, 0x20
        mov dx, 0x3fa
        in al, dx
        mov dx, 0x3f9
        ret
far_away    equ 0x1000000
make_ept:
        mov eax, ept_pdpt | 7
        mov [ept_pml4], rax
        mov eax, 7 | 6 << 3 | 1 << 7
        mov edi, ept_pdpt
        xor ecx, ecx
.gigabyte:
        mov [rdi + 8 * rcx], rax
        add rax, 1 << 30
        inc ecx
        cmp ecx, 4
        jb .gigabyte
        mov eax, ept_directory | 7
        mov [ept_pdpt], rax
        mov eax, 7 | 6 << 3 | 1 << 7
        mov edi, ept_directory
        xor ecx, ecx
.page:  mov [rdi + 8 * rcx], rax
        add rax, 1 << 21
        inc ecx
        cmp ecx, 512
        jb .page
        mov qword [ept_directory + 8 * (far_away >> 21)], 0
        ret
image_end
