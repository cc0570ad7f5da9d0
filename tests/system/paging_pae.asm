; Owns the checks of PAE paging: the four PDPTE registers and when they are loaded, reserved bits, execute-disable.
%include "common/start.inc"
%include "common/check.inc"
%include "common/check32.inc"

pdpt        equ pages                   ; 32 bytes
directory   equ pages + 0x1000          ; of the first GiB
other_pdpt  equ pages + 0x2000
low_table   equ pages + 0x4000          ; the first 2 MiB, one to one
table       equ pages + 0x5000          ; 2 to 4 MiB: the test's
frame       equ pages + 0x10000
there       equ 0x200000
pde         equ directory + 8
pte         equ table
P           equ 1
W           equ 2
U           equ 4
A           equ 0x20
D           equ 0x40
PS          equ 0x80
EFER        equ 0xc0000080

; maps PDE's low half, PDE's high half, PTE's low half, PTE's high half
%macro maps 4
        mov dword [pde], %1
        mov dword [pde + 4], %2
        mov dword [pte], %3
        mov dword [pte + 4], %4
        invlpg [there]
        mov ecx, there
%endmacro
; refuses "NAME", LOW HALF, HIGH HALF: of a PDPTE, by MOV to CR3.
%macro refuses 3
        mov dword [other_pdpt + 8], %2
        mov dword [other_pdpt + 12], %3
        mov eax, other_pdpt
        faults %1, GP, 0
        mov cr3, eax
        done
        mov eax, cr3
        is %1, eax, pdpt
%endmacro

main:   mov edi, pdpt
        xor eax, eax
        mov ecx, 0x6000 / 4
        rep stosd
        mov eax, P | W | U
        mov edi, low_table
.page:  mov [edi], eax
        add edi, 8
        add eax, 0x1000
        cmp eax, 0x200000
        jb .page
        mov dword [directory], low_table | P | W | U
        mov dword [pdpt], directory | P
        mov dword [other_pdpt], directory | P
        mov dword [frame], 0x55aa55aa
        mov eax, 0x80000008
        cpuid
        mov [width], al
        mov eax, 0x20
        mov cr4, eax                    ; PAE
        mov eax, pdpt
        mov cr3, eax
        mov dword [pdpt + 24], P | 2
        faults "paging with a reserved bit in a PDPTE", GP, 0
        mov eax, cr0
        bts eax, 31
        here mov cr0, eax
        done
        mov dword [pdpt + 24], 0
        runs "and without"
        mov eax, cr0
        bts eax, 31
        mov cr0, eax
        done

; ----------------------------------------------------------------------------------------------------------- PDPTEs
        refuses "PDPTE bit 1", P | 1 << 1, 0
        refuses "PDPTE bit 2", P | 1 << 2, 0
        refuses "PDPTE bit 5", P | 1 << 5, 0
        refuses "PDPTE bit 6", P | 1 << 6, 0
        refuses "PDPTE bit 7", P | 1 << 7, 0
        refuses "PDPTE bit 8", P | 1 << 8, 0
        refuses "PDPTE bit 62", P, 1 << 30
        refuses "PDPTE bit 63", P, 1 << 31
        mov dword [other_pdpt + 8], 0x1e6
        mov dword [other_pdpt + 12], 0xffffffff
        mov eax, other_pdpt
        runs "no bit is reserved in a PDPTE that is not present"
        mov cr3, eax
        done
        mov dword [other_pdpt + 8], directory | P | 0xe18
        mov dword [other_pdpt + 12], 0
        runs "PWT, PCD and the ignored bits"
        mov cr3, eax
        done
        mov eax, pdpt
        mov cr3, eax
        faults "a PDPTE that is not present", PF, 0, 0x40000000
        mov al, [0x40000000]
        done
        mov dword [pdpt + 8], directory | P
        invlpg [0x40000000]
        faults "its change in memory is not seen", PF, 0, 0x40000000 + frame
        mov eax, [0x40000000 + frame]
        done
        mov eax, cr3
        mov cr3, eax
        runs "before MOV to CR3"
        mov eax, [0x40000000 + frame]
        done
        is "loads it", eax, 0x55aa55aa
        mov dword [pdpt + 8], P | 2
        mov eax, cr4
        btc eax, 7                      ; PGE
        faults "a change of CR4.PGE loads them", GP, 0
        mov cr4, eax
        done
        mov eax, cr0
        btc eax, 30                     ; CD
        faults "a change of CR0.CD loads them", GP, 0
        mov cr0, eax
        done
        mov eax, cr0
        btc eax, 16                     ; WP
        runs "a change of CR0.WP does not"
        mov cr0, eax
        btc eax, 16
        mov cr0, eax
        done
        mov dword [pdpt + 8], 0
        mov eax, cr3
        mov cr3, eax

; ----------------------------------------------------------------------------------------------------- reserved bits
        maps table | P | W | U, 0, frame | P | W | U, 0
        runs "a read through three levels"
        mov eax, [ecx]
        done
        is "finds its frame", eax, 0x55aa55aa
        is "sets A in the table", [pte], frame | P | W | U | A
        is "and in the directory", [pde], table | P | W | U | A
        is "and nothing in the PDPTE", [pdpt], directory | P
        mov [ecx], eax
        is "a write sets D", [pte], frame | P | W | U | A | D
        maps table | P | W | U, 0, frame | P | W | U, 1 << 30
        faults "PTE bit 62 is reserved", PF, 9, there
        mov al, [ecx]
        done
        maps table | P | W | U, 0, frame | P | W | U, 1 << 20
        faults "PTE bit 52 is reserved", PF, 9, there
        mov al, [ecx]
        done
        maps table | P | W | U, 1 << 30, frame | P | W | U, 0
        faults "PDE bit 62 is reserved", PF, 9, there
        mov al, [ecx]
        done
        maps table | P | W | U, 0, frame | P | W | U, 0
        movzx eax, byte [width]
        cmp eax, 52
        jae .widest
        bts dword [pte], eax            ; reaches into the high half
        faults "PTE bit MAXPHYADDR is reserved", PF, 9, there
        mov al, [ecx]
        done
        jmp .narrower
.widest:
        is "PTE bit MAXPHYADDR is reserved", eax, 52
.narrower:
        maps P | W | U | PS | 1 << 13, 0, 0, 0
        faults "bit 13 of a page of 2 MiB is reserved", PF, 9, there
        mov al, [ecx]
        done
        maps P | W | U | PS | 1 << 20, 0, 0, 0
        faults "bit 20 of a page of 2 MiB is reserved", PF, 9, there
        mov al, [ecx]
        done
        maps P | W | U | PS | 1 << 12, 0, 0, 0
        mov eax, [ecx + frame]
        is "bit 12 is PAT", eax, 0x55aa55aa
        is "A of a page of 2 MiB", [pde], P | W | U | PS | 1 << 12 | A
        maps table | P | W | U, 0, 0, 1 << 30
        faults "no bit is reserved where P is 0", PF, 0, there
        mov al, [ecx]
        done

; --------------------------------------------------------------------------------------------------- execute-disable
        maps table | P | W | U, 0, frame | P | W | U, 1 << 31
        faults "XD is reserved while EFER.NXE is 0", PF, 9, there
        mov al, [ecx]
        done
        mov ecx, EFER
        rdmsr
        bts eax, 11
        wrmsr
        mov byte [frame], 0xc3          ; RET
        maps table | P | W | U, 0, frame | P | W | U, 1 << 31
        runs "data may be read there"
        mov al, [ecx]
        done
        faults "but not run", PF, 0x11, there
        anywhere
        jmp ecx
        done
        faults "by ring 3 as well", PF, 0x15, there
        user
        anywhere
        jmp ecx
        done
        maps table | P | W | U, 1 << 31, frame | P | W | U, 0
        faults "XD in the directory", PF, 0x11, there
        anywhere
        jmp ecx
        done
        maps table | P | W | U, 0, frame | P | W | U, 0
        runs "without XD it runs"
        call ecx
        done
        maps table | P | W | U, 0, 0, 0
        faults "with NXE a fetch says so where P is 0", PF, 0x10, there
        anywhere
        jmp ecx
        done
        finish

width:  db 0

image_end
