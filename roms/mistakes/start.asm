; Owns the way from the boot loader (multiboot 1, 32-bit) to the C code, the tables that 64-bit mode needs, and the entry point of VM exits.
        bits 32
        section .text

magic   equ 0x1badb002
flags   equ 3
        align 4
        dd magic, flags, -(magic + flags)

        global start
        extern hypervisor, handle_exit
start:  mov esp, stack_top
        mov esi, ebx                    ; the multiboot information; it stays in ESI, the second argument's register

        ; One identity map of the first gigabyte in pages of 2 MBytes.
        mov eax, pdpt + 3
        mov [pml4], eax
        mov eax, directory + 3
        mov [pdpt], eax
        xor ecx, ecx
        mov eax, 0x83
.page:  mov [directory + ecx * 8], eax
        add eax, 0x200000
        inc ecx
        cmp ecx, 512
        jb .page

        mov eax, cr4
        or eax, 1 << 5                  ; PAE
        mov cr4, eax
        mov eax, pml4
        mov cr3, eax
        mov ecx, 0xc0000080             ; IA32_EFER
        rdmsr
        or eax, 1 << 8                  ; LME
        wrmsr
        mov eax, cr0
        or eax, 1 << 31 | 1 << 5        ; PG, NE
        mov cr0, eax
        lgdt [gdt_pointer]
        jmp 0x08:long_mode

        bits 64
long_mode:
        mov ax, 0x10
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov fs, ax
        mov gs, ax
        mov eax, tss
        mov [gdt.tss + 2], ax
        shr eax, 16
        mov [gdt.tss + 4], al
        mov [gdt.tss + 7], ah
        mov ax, 0x18
        ltr ax
        mov edi, esi
        call hypervisor
.stop:  cli
        hlt
        jmp .stop

; A VM exit comes here: the registers are the guest's still.
        global vm_exit
vm_exit:
        push r15
        push r14
        push r13
        push r12
        push r11
        push r10
        push r9
        push r8
        push rbp
        push rdi
        push rsi
        push rbx
        push rdx
        push rcx
        push rax
        mov rdi, rsp
        call handle_exit
        pop rax
        pop rcx
        pop rdx
        pop rbx
        pop rsi
        pop rdi
        pop rbp
        pop r8
        pop r9
        pop r10
        pop r11
        pop r12
        pop r13
        pop r14
        pop r15
        vmresume
        hlt

        section .data
        align 16
gdt:    dq 0
        dq 0x00af9b000000ffff           ; 64-bit code
        dq 0x00cf93000000ffff           ; data
.tss:   dq 0x0000890000000067           ; a TSS that nobody uses; LTR makes it busy
        dq 0
.end:
        global gdt, tss
gdt_pointer:
        dw gdt.end - gdt - 1
        dq gdt

        section .bss
        alignb 4096
pml4:   resb 4096
pdpt:   resb 4096
directory:
        resb 4096
tss:    resb 4096
        resb 16384
stack_top:
