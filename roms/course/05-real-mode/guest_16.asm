; Owns the guest: a boot sector's way, in real mode, with a BIOS to call, and then in protected mode.
;
; The hypervisor copies it to 7C00H, and starts it with CS and DS 7C0H, so that offsets count from guest_16.
        bits 16
        section .text
        global guest_16, guest_16_end

%define here(label) (label - guest_16)

guest_16:
        mov si, here(message)
.next:  lodsb
        test al, al
        jz .printed
        mov ah, 0x0e                    ; teletype: the letter in AL
        int 0x10
        jmp .next
.printed:
        stc                             ; an error, unless the BIOS says otherwise
        mov eax, 0xabcd8800             ; how much memory is there above 1 MByte?
        int 0x15
        jc .end
        push 0
        pop es
        mov [es:0x500], eax             ; AX is the answer, the rest shall be as it was
        o32 lgdt [here(table_pointer)]
        mov eax, cr0
        or al, 1                        ; PE
        mov cr0, eax
        jmp dword 0x08:here(protected)
.end:   hlt

        bits 32
protected:
        mov eax, 0x99
        vmcall                          ; look at me now
        hlt

message: db "hello from 1981", 0
        align 8
table:  dq 0
        dq 0x00409b007c00ffff           ; 32-bit code from 7C00H on
table_pointer:
        dw 15
        dd 0x7c00 + here(table)
guest_16_end:
