; Owns the checks of the VM exits that another CPU causes: INIT and start-up IPI.
ap_page     equ 0xe                     ; where the other CPU starts, as a page
assert      equ 1 << 14
wait_for_sipi equ 3
%include "exits_start.inc"

checks_of_exits:
        mov eax, [rbp + 0x20]
        mov [first_id], eax
        mov dword [rbp + 0xf0], 0x1ff
        mov byte [ap_page << 12], 0xea          ; a far jump
        mov dword [(ap_page << 12) + 1], (image_base >> 4) << 16 | real(ap_start)
        mov dword [rbp + 0x300], 3 << 18 | assert | 5 << 8                      ; INIT to all others
        mov dword [rbp + 0x300], 3 << 18 | assert | 6 << 8 | ap_page            ; and where to start
.wait:  pause
        cmp dword [ap_runs], 0
        je .wait

        controls 0, 0, 0
        put GUEST_ACTIVITY_STATE, wait_for_sipi
        mov dword [command], 2
        exits "a start-up IPI: the qualification is its vector", 4, 0x9a
        nop
        left
        mov dword [command], 0
.idle:  pause
        cmp dword [ap_idle], 0
        je .idle
        controls 0, 0, 0
        exits "in another activity state it is ignored", 18
        mov dword [command], 3
.sent:  pause
        cmp dword [command], 0
        jne .sent
        here vmcall
        left
        controls 0, 0, 0
        exits "an INIT", 3
        anywhere
        mov dword [command], 1
.spin:  jmp .spin
        left
        controls 0, 0, 0
        mov dword [command], 1
.held:  pause
        cmp dword [command], 0
        jne .held
        exits "an INIT that came before, in VMX root operation", 3
        nop
        left
        finish

; The other CPU does what `command` says: 1 an INIT, 2 start-up IPIs until it says otherwise, 3 a single one.
        bits 16
ap_start:
        cli
        mov ax, cs
        mov ds, ax
        o32 lgdt [real(gdt_pointer)]
        mov eax, cr0
        or al, 1
        mov cr0, eax
        jmp dword code32:.flat
        bits 32
.flat:  mov eax, data
        mov ds, eax
        mov edi, apic
        mov eax, [first_id]
        mov [edi + 0x310], eax
        mov dword [ap_runs], 1
.look:  mov eax, [command]
        cmp eax, 1
        je .init
        cmp eax, 2
        je .many
        cmp eax, 3
        je .one
        mov dword [ap_idle], 1
        pause
        jmp .look
.init:  mov dword [edi + 0x300], assert | 5 << 8
        mov dword [command], 0
        jmp .look
.many:  mov dword [ap_idle], 0
        mov dword [edi + 0x300], assert | 6 << 8 | 0x9a
        jmp .look
.one:   mov dword [edi + 0x300], assert | 6 << 8 | 0x9a
        mov dword [command], 0
        jmp .look

        align 4
command: dd 0
ap_runs: dd 0
ap_idle: dd 0
first_id: dd 0

image_end
