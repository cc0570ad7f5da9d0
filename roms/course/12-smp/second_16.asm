; Owns what the guest's second CPU executes, in real mode: it says where it began, and leaves from the second page.
        bits 16
        section .rodata
        global second_16, second_16_end
second_16:
        mov ax, cs
        mov ds, ax
        mov [0x800], ax                 ; in this page: the SIPI made CS
        cmp ax, 0xa00
        je .second_page
.spin:  pause                           ; until an INIT comes
        jmp .spin
.second_page:
        vmcall
second_16_end:
