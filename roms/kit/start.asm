; Owns the way of a CPU to C++: the boot processor from the boot loader, by multiboot 1 or as a PVH guest, both 32-bit; the others from their start-up
; IPI, in real mode. And the page tables of the start: the first 4 GBytes, each address mapped to itself.
        section .multiboot
multiboot_magic equ 0x1badb002
multiboot_flags equ 3                   ; modules on page boundaries, and tell me of the memory
        align 4
        dd multiboot_magic, multiboot_flags, -(multiboot_magic + multiboot_flags)

; PVH: an ELF note of "Xen" with type 18 holds the physical address of the entry point.
        section .note.pvh noalloc noexec nowrite progbits align=4
        dd 4, 4, 18
        db "Xen", 0
        dd kit_start

        bits 32
        section .text
        extern kit_begin, kit_begin_processor, kit_next_processor, kit_stacks
        global kit_start
kit_start:                              ; both loaders leave the address of what they tell in EBX
        mov esp, kit_stack_top

        mov eax, pdpt + 3               ; present and writable
        mov [pml4], eax
        xor ecx, ecx
.directory:
        mov eax, ecx
        shl eax, 12
        add eax, directories + 3
        mov [pdpt + ecx * 8], eax
        inc ecx
        cmp ecx, 4
        jb .directory
        xor ecx, ecx
.page:  mov eax, ecx
        shl eax, 21
        or eax, 0x83                    ; a page of 2 MBytes
        cmp ecx, 0xc0000000 >> 21
        jb .memory
        or eax, 0x18                    ; devices lie from 3 GBytes on: not cached
.memory:
        mov [directories + ecx * 8], eax
        inc ecx
        cmp ecx, 2048
        jb .page
        call long_mode
        bits 64
        mov edi, ebx
        call kit_begin
.never: cli
        hlt
        jmp .never

; From 32-bit mode without paging to 64-bit mode, with the stack as it is. All CPUs come through here. Keeps EBX.
        bits 32
long_mode:
        mov eax, 1 << 5 | 1 << 9 | 1 << 10      ; CR4.PAE, OSFXSR, OSXMMEXCPT
        mov cr4, eax
        mov eax, pml4
        mov cr3, eax
        mov ecx, 0xc0000080             ; IA32_EFER
        rdmsr
        or eax, 1 << 8 | 1 << 11        ; LME, NXE
        wrmsr
        mov eax, cr0
        and eax, ~(1 << 2 | 1 << 3)     ; EM and TS
        and eax, ~(1 << 29 | 1 << 30)   ; NW and CD, which a start-up IPI leaves set
        or eax, 1 << 31 | 1 << 16 | 1 << 5 | 1 << 1     ; PG, WP, NE, MP
        mov cr0, eax
        pop ecx                         ; the return address, of 4 bytes
        lgdt [start_gdt_pointer]
        jmp 0x08:.there
        bits 64
.there: mov eax, 0x10
        mov ds, eax
        mov es, eax
        mov ss, eax
        jmp rcx

; Another CPU begins here, at 8000H, in real mode: CS is 800H, IP 0. Addresses inside are told from there.
        bits 16
        section .text
        global kit_trampoline, kit_trampoline_end
kit_trampoline:
        cli
        xor ax, ax
        mov ds, ax
        o32 lgdt [0x8000 + trampoline_gdt_pointer - kit_trampoline]
        mov eax, cr0
        or al, 1
        mov cr0, eax
        jmp dword 0x18:protected
trampoline_gdt_pointer:
        dw start_gdt.end - start_gdt - 1
        dd start_gdt
kit_trampoline_end:

        bits 32
protected:
        mov eax, 0x10
        mov ds, eax
        mov es, eax
        mov ss, eax
        mov ebx, 1
        lock xadd [kit_next_processor], ebx
        cmp ebx, 8                      ; most_processors in processor.h: the others sleep
        jae .never
        mov esp, ebx
        shl esp, 14                     ; stack_bytes
        add esp, kit_stacks + 16384
        call long_mode
        bits 64
        mov edi, ebx
        call kit_begin_processor
.never: cli
        hlt
        jmp .never

        section .data
        align 8
start_gdt:
        dq 0
        dq 0x00af9b000000ffff           ; 64-bit code
        dq 0x00cf93000000ffff           ; data
        dq 0x00cf9b000000ffff           ; 32-bit code
.end:
start_gdt_pointer:
        dw start_gdt.end - start_gdt - 1
        dd start_gdt

        section .bss
        alignb 4096
        global kit_pml4, kit_stack_top
kit_pml4:
pml4:   resb 4096
pdpt:   resb 4096
directories:
        resb 4 * 4096
        resb 16384
kit_stack_top:
