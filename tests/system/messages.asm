; Owns the checks of interrupt messages of devices: writes to FEExxxxxH that reach local APICs, from the HPET's comparators.
%include "common/start.inc"
%include "common/check.inc"
%include "common/check32.inc"

apic    equ 0xfee00000
hpet    equ 0xfed00000
timer0  equ hpet + 0x100
fsb     equ 0x4000
enable  equ 4
vector  equ 0x51

; message "NAME", ADDRESS, DATA, VECTOR: a comparator's match sends it, and the CPU takes that vector.
%macro message 4
        call stand
        mov dword [timer0 + 0x14], %2
        mov dword [timer0 + 0x10], %3
        call match_soon
        faults %1, %4
        anywhere
        sti
%%spin: pause
        jmp %%spin
        done
        mov dword [apic + 0xb0], 0
%endmacro

; lost "NAME", ADDRESS, DATA: nobody takes it.
%macro lost 3
        call stand
        mov dword [timer0 + 0x14], %2
        mov dword [timer0 + 0x10], %3
        call match_soon
        runs %1
        sti
        mov ecx, 20000
%%spin: dec ecx
        jnz %%spin
        cli
        done
%endmacro

main:   mov dword [apic + 0xf0], 0x1ff
        mov dword [apic + 0xd0], 0x02000000     ; logical ID 2, flat
        mov eax, [timer0]
        and eax, 1 << 15
        is "the HPET's comparators can send messages", eax, 1 << 15
        message "a fixed interrupt to a physical destination", apic, vector, vector
        message "to all", apic | 0xff << 12, vector, vector
        message "to a logical destination", apic | 2 << 12 | 4, vector, vector
        message "by redirection to the lowest priority", apic | 3 << 12 | 12, vector, vector
        message "an NMI", apic, 4 << 8, NMI
        lost "another physical destination", apic | 7 << 12, vector
        lost "another logical destination", apic | 4 << 12 | 4, vector
        mov dword [apic + 0x280], 0
        mov eax, [apic + 0x280]
        is "and no error came of it", eax, 0
        mov eax, [apic + 0x1000]        ; not the local APIC's page, and nobody's at all
        is "the CPU's own accesses outside its page meet nobody", eax, 0xffffffff
        mov dword [timer0], 0
        finish

; The counter stands at 0, the comparator is quiet.
stand:  mov dword [hpet + 0x10], 0
        mov dword [hpet + 0xf0], 0
        mov dword [hpet + 0xf4], 0
        ret
match_soon:
        mov dword [timer0], fsb | enable
        mov dword [timer0 + 8], 20
        mov dword [timer0 + 12], 0
        mov dword [hpet + 0x10], 1
        ret
image_end
