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
        finish

image_end
