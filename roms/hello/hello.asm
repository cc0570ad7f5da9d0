; Owns the first guest: from the reset vector through every mode of the CPU to a power-off, telling what it meets.
;
; The image is a flash chip of 64 KiB, most of it empty. The chipset shows it twice: at the very end of the first 4 GiB, where the CPU
; fetches its first instruction, and below 1 MiB, where 16-bit code can reach it. Everything runs from the lower place;
; the addresses in this file are the lower ones. Read it from the reset vector at the bottom: reset, real mode,
; protected mode, 64-bit mode, then one paragraph for each line that is printed.

rom_bytes   equ 0x10000                 ; -bios takes multiples of 64 KiB
rom_low     equ 0x100000 - rom_bytes    ; where the chip is seen below 1 MiB
real_base   equ 0xf0000                 ; what the real-mode segment F000 starts at

; Memory below 640 KiB is free: there is no firmware but us.
stack_top   equ 0x7000                  ; grows down
idt         equ 0x8000                  ; 256 gates of 16 bytes
ticks       equ 0x9000                  ; how often the timer's interrupt came
pml4        equ 0x10000                 ; page tables: one PML4, ...
pdpt        equ 0x11000                 ; ... one page-directory-pointer table, ...
directories equ 0x12000                 ; ... and four page directories: 4 GiB in pages of 2 MiB

code32      equ 0x08                    ; selectors of the descriptors in `gdt` below
data        equ 0x10
code64      equ 0x18

timer_vector equ 0x20

%ifidn __?OUTPUT_FORMAT?__, bin        ; else the linker says where
        org rom_low
%endif
%define on_screen
%include "common/console.inc"

; --------------------------------------------------------------------------------------------------------- real mode
        bits 16
start:  cli
        mov ax, cs                      ; our strings lie in the code segment
        mov ds, ax
        xor ax, ax
        mov ss, ax
        mov sp, stack_top
        call open_console

        say16 "Ringside: an x86-64 machine made of glass.", 10, 10
        say16 "real mode       first instruction at F000:FFF0; signature "
        mov eax, 1                      ; CPUID works in every mode
        cpuid
        call hex32_16
        say16 10

        ; Protected mode is one bit in CR0, but a GDT must be there first, and a far jump makes CS use it.
        o32 lgdt [real(gdt_pointer)]
        mov eax, cr0
        or al, 1                        ; CR0.PE
        and eax, ~(3 << 29)             ; the caches, off after a reset, are switched on
        mov cr0, eax
        jmp dword code32:protected

; ---------------------------------------------------------------------------------------------------- protected mode
        bits 32
protected:
        mov ax, data
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov esp, stack_top
        say32 "protected mode  CR0 "
        mov eax, cr0
        call hex32_32
        say32 10

        ; 64-bit mode needs paging. Map the first 4 GiB one to one: 4 x 512 pages of 2 MiB.
        mov edi, pml4
        xor eax, eax
        mov ecx, 0x6000 / 4
        cld
        rep stosd
        mov dword [pml4], pdpt | 3      ; present, writable
        mov edi, pdpt
        mov eax, directories | 3
        mov ecx, 4
.directory:
        mov [edi], eax
        add edi, 8
        add eax, 0x1000
        loop .directory
        mov edi, directories
        mov eax, 0x83                   ; present, writable, a large page
        mov ecx, 4 * 512
.page:  mov [edi], eax
        add edi, 8
        add eax, 0x200000
        loop .page

        ; The order matters: CR4.PAE, CR3, EFER.LME, and last CR0.PG, which turns IA-32e mode on.
        mov eax, cr4
        or eax, 1 << 5                  ; CR4.PAE
        mov cr4, eax
        mov eax, pml4
        mov cr3, eax
        mov ecx, 0xc0000080             ; IA32_EFER
        rdmsr
        or eax, 1 << 8                  ; LME
        wrmsr
        mov eax, cr0
        or eax, 1 << 31                 ; CR0.PG
        mov cr0, eax
        jmp code64:long_mode            ; until here: compatibility mode; the descriptor's L bit makes it 64 bits

; -------------------------------------------------------------------------------------------------------- 64-bit mode
        bits 64
long_mode:
        mov rsp, stack_top
        say "64-bit mode     CR0 "
        mov rax, cr0
        call hex32
        say ", CR4 "
        mov rax, cr4
        call hex32
        say ", EFER "
        mov ecx, 0xc0000080
        rdmsr
        call hex32
        say 10

        say "processor       "          ; three leaves of CPUID hold 16 characters of the brand each
        mov r8d, 0x80000002
.brand: mov eax, r8d
        cpuid
        sub rsp, 32
        mov [rsp], eax
        mov [rsp + 4], ebx
        mov [rsp + 8], ecx
        mov [rsp + 12], edx
        mov byte [rsp + 16], 0
        mov rsi, rsp
        call puts
        add rsp, 32
        inc r8d
        cmp r8d, 0x80000004
        jbe .brand
        say 10

        say "machine         "          ; fw_cfg tells what the board holds
        mov eax, 5                      ; the number of CPUs, 2 bytes
        mov ecx, 2
        call fw_cfg
        call decimal
        say " CPU, "
        mov eax, 3                      ; bytes of RAM, 8 bytes
        mov ecx, 8
        call fw_cfg
        shr rax, 20
        call decimal
        say " MiB", 10

        ; An IDT with two gates: page faults and the timer.
        mov edi, idt
        xor eax, eax
        mov ecx, 0x1000 / 4
        rep stosd
        mov edi, idt + 14 * 16
        lea rax, [rel page_fault]
        call set_gate
        mov edi, idt + timer_vector * 16
        lea rax, [rel timer_tick]
        call set_gate
        lidt [rel idt_pointer]

        say "page fault      "
        mov rax, 0x8000000000           ; 512 GiB: no page table says where this is
        mov [rax], al
after_fault:

        ; The local APIC's timer: 25 MHz of its crystal, divided by 16, 15625 counts: a tick each 10 ms.
        say "timer           "
        mov al, 0xff                    ; the old interrupt controllers stay silent
        out 0x21, al
        out 0xa1, al
        mov ebx, 0xfee00000
        mov dword [rbx + 0xf0], 0x1ff   ; spurious-interrupt vector, APIC enabled
        mov dword [rbx + 0x3e0], 3      ; divide by 16
        mov dword [rbx + 0x320], timer_vector | 1 << 17   ; periodic
        mov dword [ticks], 0
        rdtsc
        shl rdx, 32
        or rax, rdx
        mov r12, rax
        mov dword [rbx + 0x380], 15625
        sti
.wait:  hlt                             ; nothing runs until the next interrupt
        cmp dword [ticks], 3
        jb .wait
        cli
        mov dword [rbx + 0x320], 1 << 16    ; masked
        rdtsc
        shl rdx, 32
        or rax, rdx
        sub rax, r12
        push rax
        say "3 ticks of the local APIC in "
        pop rax
        call decimal
        say " clocks of the TSC", 10

        say "power           off, by ACPI's PM1a control register", 10
        mov dx, 0x604
        mov ax, 1 << 13                 ; SLP_EN, sleep type 0: S5
        out dx, ax

        say "the power is still on", 10
.never: cli
        hlt
        jmp .never

; ---------------------------------------------------------------------------------------------------------- handlers
; The CPU has pushed the error code and, above it, where to go on.
page_fault:
        push rax
        push rcx
        push rdx
        push rsi
        say "caught: address "
        mov rax, cr2
        call hex64
        say ", error code "
        mov eax, [rsp + 32]
        call hex32
        say ", RIP "
        mov rax, [rsp + 40]
        call hex64
        say 10
        lea rax, [rel after_fault]      ; the access cannot succeed: go on behind it
        mov [rsp + 40], rax
        pop rsi
        pop rdx
        pop rcx
        pop rax
        add rsp, 8                      ; the error code
        iretq

timer_tick:
        push rax
        inc dword [ticks]
        mov eax, 0xfee000b0             ; end of interrupt: the next one may come
        mov dword [rax], 0
        pop rax
        iretq

; Makes the gate at rdi lead to rax: an interrupt gate of ring 0.
set_gate:
        mov [rdi], ax
        mov word [rdi + 2], code64
        mov word [rdi + 4], 0x8e00
        shr rax, 16
        mov [rdi + 6], ax
        shr rax, 16
        mov [rdi + 8], eax
        ret

; Reads ecx bytes of fw_cfg's item eax into rax.
fw_cfg: mov dx, 0x510
        out dx, ax
        inc dx
        xor r9d, r9d
        xor r10d, r10d                  ; bits already read
.byte:  in al, dx
        movzx eax, al
        mov r11d, ecx
        mov ecx, r10d
        shl rax, cl
        mov ecx, r11d
        or r9, rax
        add r10d, 8
        loop .byte
        mov rax, r9
        ret

; ------------------------------------------------------------------------------------------------------------- tables
        align 8
gdt:    dq 0
        dq 0x00cf9b000000ffff           ; code, 32 bits, all 4 GiB
        dq 0x00cf93000000ffff           ; data, all 4 GiB
        dq 0x00af9b000000ffff           ; code, 64 bits
gdt_pointer:
        dw gdt_pointer - gdt - 1
        dd gdt
idt_pointer:
        dw 0xfff
        dq idt

; ------------------------------------------------------------------------------------------------------- reset vector
; After a reset CS:IP is F000:FFF0, but CS's hidden base is FFFF0000: the CPU is in the upper place, 16 bytes below
; 4 GiB. The far jump loads CS, which makes the base F0000, and so goes to the lower place.
        times rom_bytes - 16 - ($ - $$) db 0xff
        bits 16
        jmp 0xf000:real(start)
        times rom_bytes - ($ - $$) db 0xff
