; Owns the checks of rights beyond the page's own bits: CR0.WP, SMEP, SMAP with AC, protection keys of both kinds.
%include "common/start.inc"
%include "common/check.inc"
%include "common/check32.inc"
%include "common/check64.inc"

there       equ 0x0000008000000000
directory   equ pages + 0x1000
table       equ pages + 0x2000
frame       equ pages + 0x10000
P           equ 1
W           equ 2
U           equ 4
AC_FLAG     equ 1 << 18
CR4_PKE     equ 22
CR4_PKS     equ 24
CR4_SMEP    equ 20
CR4_SMAP    equ 21
IA32_PKRS   equ 0x6e1

; page BITS [, KEY]: of the page at `there`, which RCX is afterwards.
%macro page 1-2 0
        mov rax, frame | (%1) | ((%2) << 59)
        mov [table], rax
        mov rcx, there
        invlpg [rcx]
%endmacro
%macro cr4_bit 2
        mov rax, cr4
        bt%1 rax, %2
        mov cr4, rax
%endmacro
%macro cr0_wp 1
        mov rax, cr0
        bt%1 rax, 16
        mov cr0, rax
%endmacro
; pkru VALUE; pkrs VALUE. Keep RCX.
%macro pkru 1
        push rcx
        xor ecx, ecx
        xor edx, edx
        mov eax, %1
        wrpkru
        pop rcx
%endmacro
%macro pkrs 1
        push rcx
        mov ecx, IA32_PKRS
        xor edx, edx
        mov eax, %1
        wrmsr
        pop rcx
%endmacro
; Ring 3 at RCX, without a look at the return address.
%macro user_there 0
        anywhere
        push user_data
        push user_stack
        push 2
        push user_code64
        push rcx
        iretq
%endmacro
; The bits of key 3.
AD3         equ 1 << 6
WD3         equ 1 << 7

        bits 32
main:   mov eax, main64
        jmp enter_long
        bits 64
main64: mov edi, directory
        xor eax, eax
        mov ecx, 0x2000 / 8
        rep stosq
        mov rax, pages | P | W | U
        mov [own_pml4 + 8], rax
        mov edi, pages
        xor eax, eax
        mov ecx, 512
        rep stosq
        mov rax, directory | P | W | U
        mov [pages], rax
        mov rax, table | P | W | U
        mov [directory], rax
        mov byte [frame], 0xc3          ; RET
        mov eax, 7
        xor ecx, ecx
        cpuid
        mov [seven.ebx], ebx
        mov [seven.ecx], ecx
        mov ecx, 0xc0000080             ; EFER.NXE
        rdmsr
        bts eax, 11
        wrmsr

; ------------------------------------------------------------------------------------------------------------ CR0.WP
        page P | U
        runs "WP 0: ring 0 writes read-only pages"
        mov [rcx], byte 0xc3
        done
        cr0_wp s
        faults "WP 1: it does not", PF, 3, there
        mov [rcx], al
        done
        cr0_wp r

; ------------------------------------------------------------------------------------------------------- SMEP, SMAP
        page P | W | U
        runs "without SMEP ring 0 runs ring 3's page"
        call rcx
        done
        and byte [own_pml4 + 0x2000], ~U        ; from here on the image is ring 0's
        mov rax, cr3
        mov cr3, rax
        page P | W | U
        cr4_bit s, CR4_SMEP
        faults "with SMEP ring 0 does not run ring 3's page", PF, 0x11, there
        anywhere
        jmp rcx
        done
        runs "but reads it"
        mov al, [rcx]
        done
        page P | W
        runs "and runs its own"
        call rcx
        done
        page P
        faults "with SMEP a fetch of ring 3 says so", PF, 0x15, there
        user_there
        done
        is "with its address", [got.ip], there
        cr4_bit r, CR4_SMEP

        page P | W | U
        cr4_bit s, CR4_SMAP
        faults "with SMAP ring 0 does not read ring 3's page", PF, 1, there
        mov al, [rcx]
        done
        faults "nor write", PF, 3, there
        mov [rcx], al
        done
        runs "but with AC it does"
        stac
        mov al, [rcx]
        mov [rcx], byte 0xc3
        clac
        done
        runs "SMAP does not concern fetches"
        call rcx
        done
        page P | W
        runs "nor pages of ring 0"
        mov al, [rcx]
        done
        page P | W | U
        runs "STAC sets AC"
        stac
        pushfq
        pop rdx
        clac
        done
        and edx, AC_FLAG
        is "in RFLAGS", rdx, AC_FLAG
; A GDT whose free slots lie in a page of ring 3.
        page P | W
        mov esi, gdt
        mov edi, frame + 0x1000 - slot
        mov ecx, slot / 4
        rep movsd
        mov eax, frame + 0x1000 | P | W | U
        mov [table + 8], rax
        lgdt [crossing]
        faults "what the CPU reads by itself is refused even with AC", PF, 1, there + 0x1000
        stac
        mov eax, slot
        here mov fs, eax
        done
        lgdt [gdt_pointer]
        mov rax, there + 0x1800         ; RSP0, too, in a page of ring 3
        mov [tss_memory + 4], rax
        mov qword [tss_memory + 0x24], other_stack
        mov byte [idt64 + 16 * PF + 4], 1
        mov byte [idt64 + 16 * DF + 4], 1
        mov dword [frame], 0x9090f4f4   ; HLT
        page P | W | U
        faults "an inner stack in a page of ring 3: #PF ahead of the #GP", PF, 3, there + 0x17f8
        user_there
        done
        is "for which the frame was", [got.ip], there
        mov qword [tss_memory + 4], ring0_stack
        mov byte [idt64 + 16 * PF + 4], 0
        mov byte [idt64 + 16 * DF + 4], 0
        mov dword [frame], 0xc3cb010f   ; STAC, RET
        page P | W | U
        cr4_bit r, CR4_SMAP
        faults "STAC in ring 3", UD
        user_there
        done
        mov byte [frame], 0xc3

; ------------------------------------------------------------------------------------------------- protection keys
        faults "RDPKRU while CR4.PKE is 0", UD
        xor ecx, ecx
        here rdpkru
        done
        cr4_bit s, CR4_PKE
        faults "RDPKRU with ECX", GP, 0
        mov ecx, 1
        here rdpkru
        done
        faults "WRPKRU with EDX", GP, 0
        xor ecx, ecx
        mov edx, 1
        here wrpkru
        done
        page P | W | U, 3
        pkru AD3
        faults "AD of a page's key: ring 0 does not read ring 3's page", PF, 0x21, there
        mov al, [rcx]
        done
        faults "nor write it, with a key's error code", PF, 0x23, there
        mov [rcx], al
        done
        runs "keys do not concern fetches"
        call rcx
        done
        page P | W | U, 2
        runs "nor pages with other keys"
        mov al, [rcx]
        done
        page P | W, 3
        runs "nor pages of ring 0"
        mov al, [rcx]
        done
        page P | W | U, 3
        pkru WD3
        runs "WD lets ring 0 read"
        mov al, [rcx]
        done
        runs "and, while CR0.WP is 0, write"
        mov [rcx], byte 0xc3
        done
        cr0_wp s
        faults "not while it is 1", PF, 0x23, there
        mov [rcx], al
        done
        cr0_wp r
        page P | U, 3
        pkru AD3
        cr0_wp s
        faults "a page's own rights and its key's", PF, 0x23, there
        mov [rcx], al
        done
        cr0_wp r
        pkru 0
        page P | W | U, 3
        runs "RDPKRU reads"
        pkru 0x12345678 & ~AD3 & ~WD3 & ~3
        xor ecx, ecx
        rdpkru
        done
        is "what WRPKRU wrote", rax, 0x12345678 & ~AD3 & ~WD3 & ~3
        is "and EDX 0", rdx, 0
        pkru 0
        cr4_bit r, CR4_PKE

        bt dword [seven.ecx], 31
        jnc .no_pks
        cr4_bit s, CR4_PKS
        page P | W, 3
        pkrs AD3
        faults "PKRS: AD takes ring 0's page from ring 0", PF, 0x21, there
        mov al, [rcx]
        done
        pkrs WD3
        runs "PKRS: WD lets it read"
        mov al, [rcx]
        done
        cr0_wp s
        faults "PKRS: and not write while CR0.WP is 1", PF, 0x23, there
        mov [rcx], al
        done
        cr0_wp r
        runs "PKRS: it may while it is 0"
        mov [rcx], byte 0xc3
        done
        pkrs AD3
        page P | W | U, 3
        runs "PKRS: ring 3's pages are PKRU's matter"
        mov al, [rcx]
        done
        faults "PKRS: its upper half is reserved", GP, 0
        mov ecx, IA32_PKRS
        xor eax, eax
        mov edx, 1
        here wrmsr
        done
        pkrs 0
        cr4_bit r, CR4_PKS
.no_pks:
        finish

        align 8
seven:
.ebx:   dd 0
.ecx:   dd 0
crossing:
        dw gdt_end - gdt - 1
        dq there + 0x1000 - slot

image_end
