; Owns the checks of the host bridge's PAM registers: who answers between C0000H and FFFFFH, to reads, writes and fetches, with warm pages.
%include "common/start.inc"
%include "common/check.inc"
%include "common/check32.inc"

pam0    equ 0x59                        ; F0000H to FFFFFH, in bits 5:4
reads   equ 1
writes  equ 2
rom     equ 0xf0000

; Where something of this image lies in the ROM below 1 MiB.
%define in_rom(label) ((label) - $$ + rom)

; pam REGISTER, VALUE
%macro pam 2
        mov eax, 0x80000000 | (%1) & ~3
        mov dx, 0xcf8
        out dx, eax
        mov al, %2
        mov dx, 0xcfc + ((%1) & 3)
        out dx, al
%endmacro

main:   mov esi, in_rom(word_in_rom)
        is "power-on: the ROM is seen", [esi], "flsh"
        mov dword [esi], "lost"
        is "and takes no writes", [esi], "flsh"
        is "nobody answers where no ROM is", [0xc0000], 0xffffffff

        ; Writes to RAM, reads from the ROM: how a BIOS copies itself.
        pam pam0, writes << 4
        is "writes to RAM: reads show the ROM", [esi], "flsh"
        mov dword [esi], "RAM1"
        is "writes to RAM: still the ROM", [esi], "flsh"
        inc dword [esi + 4]             ; 100 in the ROM
        is "a read-modify-write leaves the ROM alone", [esi + 4], 100
        mov esp, esi
        add esp, 0x14
        push dword "push"
        pop eax
        mov esp, stack_top
        is "a pushed word comes back from the ROM", eax, "flus"
        mov edi, in_rom(string_in_rom)
        mov esi, .text
        mov ecx, 4
        rep movsd
        mov esi, in_rom(word_in_rom)

        pam pam0, reads << 4
        is "reads from RAM: what was written", [esi], "RAM1"
        is "the read-modify-write's result: the ROM's number and one", [esi + 4], 101
        is "the pushed word", [esi + 0x10], "push"
        is "the string", [esi + string_in_rom - word_in_rom + 12], "text"
        mov dword [esi], "lost"
        is "reads from RAM: it takes no writes", [esi], "RAM1"
        lock inc dword [esi + 4]
        is "and no read-modify-writes", [esi + 4], 101

        pam pam0, (reads | writes) << 4
        mov dword [esi], "RAM2"
        is "both: RAM like any other", [esi], "RAM2"
        pam pam0, 0
        is "none: the ROM again", [esi], "flsh"
        pam pam0, reads << 4
        is "and the RAM has kept its bytes", [esi], "RAM2"

        ; Fetches, with code that has run often enough to be kept ready.
        pam pam0, (reads | writes) << 4
        mov edi, in_rom(function)
        mov dword [edi], 0x000002b8     ; mov eax, 2; ret
        mov dword [edi + 4], 0xc300
        call many
        is "code in RAM", ebx, 2000
        pam pam0, 0
        call many
        is "the same address in the ROM", ebx, 1000
        pam pam0, reads << 4
        call many
        is "and in RAM once more", ebx, 2000
        mov byte [edi + 1], 3
        call many
        is "which a write cannot change while it is shut", ebx, 2000
        pam pam0, (reads | writes) << 4
        mov byte [edi + 1], 3
        call many
        is "and changes when it is open", ebx, 3000
        pam pam0, writes << 4
        call many
        is "fetches come from the ROM while writes go to RAM", ebx, 1000
        mov byte [edi + 1], 4
        call many
        is "also after such a write", ebx, 1000
        pam pam0, reads << 4
        call many
        is "which RAM has got", ebx, 4000

        call segments
        is "each of the twelve areas of 16 KiB has its own bits", ebp, 0

        ; The page tables themselves in the area: a walk reads what the registers show.
        pam 0x5a, 0x33                  ; C0000H to C7FFFH
        mov edi, 0xc0000
        mov ecx, 1024
        mov eax, 0x83                   ; 4 MiB each, one to one
.fill:  stosd
        add eax, 0x400000
        loop .fill
        mov eax, cr4
        or eax, 1 << 4                  ; PSE
        mov cr4, eax
        mov eax, 0xc0000
        mov cr3, eax
        mov dword [0x400000], "low "
        mov dword [0x800000], "high"
        mov eax, cr0
        or eax, 1 << 31
        mov cr0, eax
        is "paging with its tables in the area", [0x400000], "low "
        mov dword [0xc0004], 0x800083
        mov eax, cr3
        mov cr3, eax
        is "and with a changed one", [0x400000], "high"
        pam 0x5a, 0x11
        mov byte [0xc0004], 0
        mov eax, cr3
        mov cr3, eax
        is "which a write to write-protected RAM does not change", [0x400000], "high"
        mov eax, cr0
        btr eax, 31
        mov cr0, eax
        finish
.text:  db "a string of text"

; EBX: what 1,000 calls of the function add up to.
many:   xor ebx, ebx
        mov ecx, 1000
.again: mov eax, in_rom(function)
        call eax
        add ebx, eax
        loop .again
        ret

; EBP: how many areas were wrong. Each one's bits alone: RAM keeps its number there, and all others show no RAM.
segments:
        xor ebp, ebp
        xor ebx, ebx
.open:  call own                        ; opens area EBX alone
        mov [edi], ebx
        inc ebx
        cmp ebx, 12
        jb .open
        xor ebx, ebx
.check: call own
        cmp [edi], ebx
        je .seen
        inc ebp
.seen:  mov edi, 0xc0000
        xor ecx, ecx
.other: cmp ecx, ebx
        je .next
        cmp dword [edi], ecx
        jne .next
        inc ebp
.next:  add edi, 0x4000
        inc ecx
        cmp ecx, 12
        jb .other
        inc ebx
        cmp ebx, 12
        jb .check
        ret

; Area EBX reads and writes RAM, the others do not. EDI: where it begins.
own:    xor ecx, ecx
.each:  mov eax, ecx
        shr eax, 1
        add eax, pam0 + 1
        mov edi, eax
        and eax, ~3
        or eax, 0x80000000
        mov dx, 0xcf8
        out dx, eax
        and edi, 3
        lea edx, [edi + 0xcfc]
        xor eax, eax
        mov edi, ebx
        shr edi, 1
        mov esi, ecx
        shr esi, 1
        cmp esi, edi
        jne .write
        mov al, 0x03
        test bl, 1
        jz .write
        mov al, 0x30
.write: out dx, al
        add ecx, 2
        cmp ecx, 12
        jb .each
        mov edi, ebx
        shl edi, 14
        add edi, 0xc0000
        ret

        align 16
word_in_rom:
        db "flsh"
        dd 100
        dd 0, 0
        db "flus"
        align 16
string_in_rom:
        times 16 db "x"
        align 64
function:
        mov eax, 1
        ret
        align 64
image_end
