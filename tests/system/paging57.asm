; Owns the checks of 5-level paging: the same as with four, once more, and the fifth level.
%include "common/start.inc"
%include "common/check.inc"
%include "common/check32.inc"
%include "common/check64.inc"
%include "paging64_levels.inc"

pml5        equ 0x16000

        bits 32
main:   mov edi, pml5
        mov ecx, 0x1000 / 4
        xor eax, eax
        rep stosd
        mov dword [pml5], own_pml4 | 7
        mov eax, 1 << 12                ; CR4.LA57
        mov cr4, eax
        mov dword [long_cr3], pml5
        mov eax, main64
        jmp enter_long

        bits 64
main64: call make_levels
        checks_of_levels

        mov rax, cr4
        btr rax, 12
        faults "LA57 cannot change in 64-bit mode", GP, 0
        mov cr4, rax
        done
        mov rcx, 0x1000000000000
        faults "57 bits of address: an entry of the PML5 that is not present", PF, 0, 0x1000000000000
        mov al, [rcx]
        done
        mov rcx, 0x0100000000000000
        faults "bit 56 is not canonical", GP, 0
        mov al, [rcx]
        done
        mov dword [pml5 + 8], own_pml4 | 7
        mov rcx, 0x1000000000000 + frame
        runs "an entry of the PML5"
        mov rax, [rcx]
        done
        is "leads to a whole PML4", rax, [frame]
        mov rax, [pml5 + 8]
        is "and has its A set", rax, own_pml4 | 0x27
        mov dword [pml5 + 8], own_pml4 | 7 | 0x80
        mov rax, cr3
        mov cr3, rax
        faults "PS of a PML5E is reserved", PF, 9, 0x1000000000000 + frame
        mov al, [rcx]
        done
        mov dword [pml5 + 8], own_pml4 | 5
        mov rax, cr3
        mov cr3, rax
        faults "W of a PML5E counts", PF, 7, 0x1000000000000 + frame
        user
        here mov [rcx], al
        done
        mov dword [pml5 + 8], own_pml4 | 3
        mov rax, cr3
        mov cr3, rax
        faults "U of a PML5E counts", PF, 5, 0x1000000000000 + frame
        user
        here mov al, [rcx]
        done
        finish

image_end
