; Owns the checks of 4-level paging: each level's rights, reserved bits, large pages, accessed and dirty flags, execute-disable.
%include "common/start.inc"
%include "common/check.inc"
%include "common/check32.inc"
%include "common/check64.inc"
%include "paging64_levels.inc"

        bits 32
main:   mov eax, main64
        jmp enter_long

        bits 64
main64: call make_levels
        checks_of_levels

; ------------------------------------------------------------------------------------------ what only 4 levels have
        mov rcx, 0x1000000000000
        faults "48 bits of address: bit 48 is not canonical", GP, 0
        mov al, [rcx]
        done
        maps
        mov byte [pml4e], table_bits | PS
        invlpg [rcx]
        faults "PS of a PML4E is reserved", PF, 9, there
        mov al, [rcx]
        done

; -------------------------------------------------------------------------------------------- what makes forget
; forgets "NAME": after the page was used and its entry cleared; the code between that and `forgotten` has to make it known.
%macro forgets 1
        maps
%ifdef global_page
        bts qword [pte], 8
%endif
        mov al, [rcx]
        mov qword [pte], 0
%xdefine forgets_name %1
%endmacro
%macro forgotten 0
        faults forgets_name, PF, 0, there
        mov al, [rcx]
        done
%endmacro
%macro invpcid_of 3                     ; type, PCID, address
        mov qword [descriptor], %2
        mov rax, %3
        mov [descriptor + 8], rax
        mov eax, %1
        invpcid rax, [descriptor]
%endmacro
        forgets "INVLPG"
        invlpg [rcx + 0x800]
        forgotten
        forgets "MOV to CR3"
        mov rax, cr3
        mov cr3, rax
        forgotten
        mov rax, cr4
        bts rax, 17                     ; PCIDE
        mov cr4, rax
        forgets "PCIDE: MOV to CR3 with bit 63 as 0"
        mov rax, cr3
        mov cr3, rax
        forgotten
        forgets "INVPCID of an address"
        invpcid_of 0, 0, there
        forgotten
        forgets "INVPCID of a context"
        invpcid_of 1, 0, 0
        forgotten
        forgets "INVPCID of all contexts"
        invpcid_of 3, 0, 0
        forgotten
        mov rax, cr3
        or rax, 5
        mov cr3, rax
        forgets "INVPCID of another context's number, while it is the other"
        mov rax, cr3
        and rax, ~5
        bts rax, 63
        mov cr3, rax
        invpcid_of 1, 5, 0
        mov rax, cr3
        or rax, 5
        bts rax, 63
        mov cr3, rax
        forgotten
        mov rax, cr3
        and rax, ~0xfff
        mov cr3, rax
        mov rax, cr4
        bts rax, 7                      ; PGE
        mov cr4, rax
%define global_page
        forgets "a global page: INVPCID of all, with the global ones"
        invpcid_of 2, 0, 0
        forgotten
        forgets "a global page: INVLPG"
        invlpg [rcx]
        forgotten
        forgets "a global page: CR4.PGE"
        mov rax, cr4
        btc rax, 7
        mov cr4, rax
        btc rax, 7
        mov cr4, rax
        forgotten
        forgets "CR4.PCIDE from 1 to 0"
        mov rax, cr4
        btr rax, 17
        mov cr4, rax
        forgotten
        finish

        align 16
descriptor: dq 0, 0

image_end
