; Owns the checks of who may use which port: IOPL and the TSS' I/O permission bitmap. Port FFH and below; nothing answers at most of them.
%include "common/start.inc"
%include "common/check.inc"
%include "common/check32.inc"

bitmap      equ tss_memory + 0x68       ; ports 0 to FFH; behind it the byte FFH, the TSS' last
base        equ tss_memory + 0x66
short_tss   equ slot                    ; a 16-bit TSS, which has no bitmap

; forbid PORT: all others are allowed.
%macro forbid 1
        mov edi, bitmap
        mov ecx, 0x20 / 4
        xor eax, eax
        rep stosd
        mov byte [bitmap + (%1) / 8], 1 << ((%1) & 7)
%endmacro

main:   forbid 0x84
        runs "ring 3: a port whose bit is 0"
        user
        in al, 0x80
        out 0x80, al
        done
        faults "IN from one whose bit is 1", GP, 0
        user
        here in al, 0x84
        done
        faults "OUT to it", GP, 0
        user
        here out 0x84, al
        done
        faults "a word: the second port's bit counts", GP, 0
        user
        here in ax, 0x83
        done
        faults "a doubleword: the last one's", GP, 0
        user
        here out 0x81, eax
        done
        runs "a doubleword that ends before it"
        user
        in eax, 0x80
        done
        faults "a port by DX", GP, 0
        user
        mov dx, 0x84
        here in al, dx
        done
        faults "OUTS", GP, 0
        user
        mov dx, 0x84
        mov esi, pages
        here outsb
        done
        faults "INS", GP, 0
        user
        mov dx, 0x84
        mov edi, pages
        here insb
        done
        faults "INS: the port before the memory", GP, 0
        user
        mov dx, 0x84
        push dword 0
        pop es
        here insb
        done
        runs "with IOPL 3 the bitmap does not count"
        user 0x3002
        out 0x84, al
        done
        faults "with IOPL 2 it does", GP, 0
        user 0x2002
        here out 0x84, al
        done
        runs "nor in ring 0"
        out 0x84, al
        done
        runs "the bitmap's last port: the byte behind it is read"
        user
        mov dx, 0xff
        in al, dx
        done
        faults "a word from it on", GP, 0
        user
        mov dx, 0xff
        here in ax, dx
        done
        faults "a port behind the TSS' limit", GP, 0
        user
        mov dx, 0x100
        here in al, dx
        done
        mov word [base], 0x80
        faults "the bitmap's base moves it", GP, 0
        user
        mov dx, 8 * (0x68 + 0x84 / 8 - 0x80)
        add dx, 0x84 & 7
        here in al, dx
        done
        mov word [base], 0x89
        faults "a base behind the limit forbids every port", GP, 0
        user
        here in al, 0x80
        done
        mov word [base], 0x88
        faults "so does one with a single byte behind it", GP, 0
        user
        here in al, 0x80
        done
        mov word [base], 0x68
        describe short_tss, pages, 0x2b, 0x0081
        mov word [pages + 2], ring0_stack
        mov word [pages + 4], data
        mov eax, short_tss
        ltr ax
        faults "a 16-bit TSS has no bitmap", GP, 0
        user
        here in al, 0x80
        done
        runs "but IOPL"
        user 0x3002
        in al, 0x80
        done
        finish

image_end
