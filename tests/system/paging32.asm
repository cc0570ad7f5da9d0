; Owns the checks of 32-bit paging: error codes, rights of both levels, accessed and dirty flags, pages of 4 MiB, PSE-36.
%include "common/start.inc"
%include "common/check.inc"
%include "common/check32.inc"

directory   equ pages
low_table   equ pages + 0x1000          ; the first 4 MiB, one to one
table       equ pages + 0x2000          ; 4 to 8 MiB: the test's
frame       equ pages + 0x10000         ; where its first page leads
second      equ pages + 0x11000
there       equ 0x400000                ; its first page
pde         equ directory + 4
pte         equ table
P           equ 1                       ; bits of entries
W           equ 2
U           equ 4
A           equ 0x20
D           equ 0x40
PS          equ 0x80

; maps PDE FLAGS, PTE FLAGS: `there` leads to `frame`, with these bits; the page behind it is not present.
%macro maps 2
        mov dword [pde], table | (%1)
        mov dword [pte], frame | (%2)
        mov dword [pte + 4], 0
        mov eax, cr3
        mov cr3, eax
        mov ecx, there
%endmacro
%macro with_cr0 2                       ; set or clear, bit
        mov eax, cr0
        bt%1 eax, %2
        mov cr0, eax
%endmacro
%macro with_cr4 2
        mov eax, cr4
        bt%1 eax, %2
        mov cr4, eax
%endmacro

main:   mov edi, directory
        xor eax, eax
        mov ecx, 0x3000 / 4
        rep stosd
        mov eax, P | W | U
        mov edi, low_table
.page:  stosd
        add eax, 0x1000
        cmp eax, 0x400000
        jb .page
        mov dword [directory], low_table | P | W | U
        mov dword [frame], 0x55aa55aa
        mov dword [frame + 0xffc], 0x11111111
        mov eax, directory
        mov cr3, eax
        with_cr0 s, 31                  ; PG

; ------------------------------------------------------------------------------------------------------ error codes
        maps P | W | U, 0
        faults "a read of a page that is not present", PF, 0, there + 0x123
        mov al, [ecx + 0x123]
        done
        faults "a write to it", PF, 2, there
        mov [ecx], al
        done
        faults "a read and write to it is a write", PF, 2, there
        add [ecx], eax
        done
        faults "CMPXCHG is a write", PF, 2, there
        cmpxchg [ecx], eax
        done
        faults "ring 3 reads it", PF, 4, there
        user
        here mov al, [ecx]
        done
        faults "ring 3 writes it", PF, 6, there
        user
        here mov [ecx], al
        done
        faults "ring 3 runs it: without NX and SMEP a read", PF, 4, there
        user
        anywhere
        jmp ecx
        done
        is "with the return address there", [got.ip], there
        maps 0, P | W | U
        faults "a directory entry that is not present", PF, 0, there
        mov al, [ecx]
        done
        maps P | W | U, P
        faults "ring 3 reads a page of ring 0", PF, 5, there
        user
        here mov al, [ecx]
        done
        maps P | W, P | W | U
        faults "the directory entry takes the right from ring 3 too", PF, 5, there
        user
        here mov al, [ecx]
        done
        maps P | W | U, P | U
        faults "ring 3 writes a page that is read-only", PF, 7, there
        user
        here mov [ecx], al
        done
        maps P | U, P | W | U
        faults "read-only by the directory entry", PF, 7, there
        user
        here mov [ecx], al
        done
        runs "ring 0 writes it while CR0.WP is 0"
        mov [ecx], al
        done
        with_cr0 s, 16
        maps P | W | U, P | U
        faults "and not while it is 1", PF, 3, there
        mov [ecx], al
        done
        maps P | W, P
        faults "a page of ring 0 too", PF, 3, there
        mov [ecx], al
        done
        with_cr0 r, 16

; --------------------------------------------------------------------------------------------- accessed and dirty
        mov dword [frame], 0x55aa55aa
        maps P | W | U, P | W | U
        runs "a read"
        mov eax, [ecx]
        done
        is "leads to the frame", eax, 0x55aa55aa
        is "sets A of the table's entry", [pte], frame | P | W | U | A
        is "and of the directory's", [pde], table | P | W | U | A
        mov [ecx], eax
        is "a write sets D in the table", [pte], frame | P | W | U | A | D
        is "and not in the directory", [pde], table | P | W | U | A
        maps P | W | U, P | U
        faults "a write that faults", PF, 7, there
        user
        here mov [ecx], al
        done
        mov eax, [pte]
        and eax, D
        is "sets no D", eax, 0

; ---------------------------------------------------------------------------------------------------- page crossing
        maps P | W | U, P | W | U
        faults "a read across two pages faults at the second", PF, 0, there + 0x1000
        mov eax, [ecx + 0xffe]
        done
        faults "a write does too", PF, 2, there + 0x1000
        mov dword [ecx + 0xffe], 0x22222222
        done
        is "and writes nothing", [frame + 0xffc], 0x11111111
        mov dword [pte + 4], second | P | W | U
        mov dword [ecx + 0xffe], 0x33334444
        is "a write across two pages has its first half", [frame + 0xffc], 0x44441111
        is "and its second", [second], 0x3333

        mov dword [pte], 0
        mov eax, cr3
        mov cr3, eax
        faults "PUSHA faults at the first push that does", PF, 6, there + 0xffc
        user
        mov esp, there + 0x1008
        here pusha
        done
        faults "ENTER 64 bytes: where its last byte would be", PF, 6, there + 0xfc8
        user
        mov esp, there + 0x1010
        here enter 0x44, 0
        done
        faults "a far call pushes CS first", PF, 6, there + 0xffc
        user
        mov esp, there + 0x1000
        here call user_code32:0
        done

; ------------------------------------------------------------------------------------- what the CPU reads by itself
; A GDT whose free slots are in a page that is not present.
        maps P | W | U, P | W | U
        mov esi, gdt
        mov edi, frame + 0x1000 - slot
        mov ecx, slot / 4
        rep movsd
        mov dword [table_pointer + 2], there + 0x1000 - slot
        lgdt [table_pointer]
        faults "ring 3 loads a selector: the CPU reads the GDT as ring 0", PF, 0, there + 0x1000
        user
        mov eax, slot | 3
        here mov ds, eax
        done
        lgdt [gdt_pointer]
        maps P | W | U, P | U
        invlpg [ecx]
        sgdt [frame]
        mov eax, [frame + 2]
        is "SGDT writes where it says", eax, gdt

; ------------------------------------------------------------------------------------------------- pages of 4 MiB
        maps P | W | U | PS, P | W | U
        runs "PS is ignored while CR4.PSE is 0"
        mov al, [ecx]
        done
        with_cr4 s, 4
        mov dword [pde], P | W | U | PS
        mov eax, cr3
        mov cr3, eax
        mov dword [frame + 0xffc], 0x44441111
        runs "a page of 4 MiB"
        mov eax, [ecx + frame + 0xffc]
        done
        is "leads to its frame", eax, 0x44441111
        is "sets A in the directory", [pde], P | W | U | PS | A
        mov [ecx + frame + 0xffc], eax
        is "and D", [pde], P | W | U | PS | A | D
        mov dword [pde], P | W | U | PS | 1 << 12
        invlpg [ecx]
        runs "bit 12 is PAT"
        mov al, [ecx]
        done
        mov dword [pde], P | W | U | PS | 1 << 21
        invlpg [ecx]
        faults "bit 21 is reserved", PF, 9, there
        mov al, [ecx]
        done
        faults "to ring 3 too", PF, 0xd, there
        user
        here mov al, [ecx]
        done
        faults "and for a write", PF, 0xb, there
        mov [ecx], al
        done
        mov dword [pde], P | W | PS
        invlpg [ecx]
        faults "ring 3 reads ring 0's 4 MiB", PF, 5, there
        user
        here mov al, [ecx]
        done
        mov dword [pde], P | W | U | PS | 1 << 13
        invlpg [ecx]
        mov eax, [ecx + frame + 0xffc]
        cmp eax, [frame + 0xffc]
        holds "bit 13 is bit 32 of the address", ne

; --------------------------------------------------------------------------------------------------------- changes
        maps P | W | U, P | W | U
        mov al, [ecx]
        mov dword [pte], 0
        invlpg [ecx + 0x777]
        faults "INVLPG anywhere in a page forgets it", PF, 0, there
        mov al, [ecx]
        done
        maps P | W | U, P | W | U
        mov al, [ecx]
        mov dword [pte], 0
        mov eax, cr3
        mov cr3, eax
        faults "so does MOV to CR3", PF, 0, there
        mov al, [ecx]
        done
        with_cr4 s, 7                   ; PGE
        maps P | W | U, P | W | U | 1 << 8
        mov al, [ecx]
        mov dword [pte], 0
        with_cr4 r, 7
        faults "and a change of CR4.PGE, with global pages", PF, 0, there
        mov al, [ecx]
        done
        faults "INVLPG in ring 3", GP, 0
        user
        here invlpg [ecx]
        done
        finish

        align 4
table_pointer:
        dw gdt_end - gdt - 1
        dd 0

image_end
