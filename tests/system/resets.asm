; Owns the checks of resets: what each kind keeps. Every boot of the image goes on with the next stage, which RAM remembers.
%include "common/start.inc"
%include "common/check.inc"
%include "common/check32.inc"

stage       equ pages                   ; 0 after power-on: RAM is zeroed
crash_log   equ pages + 0x1000
tsc_seen    equ pages + 0x2000
warm_boot   equ 0x472                   ; 1234H: software asks for no memory test
sysenter_cs equ 0x174                   ; an MSR that INIT leaves alone and RESET clears

%macro outb 2
        mov al, %2
        mov dx, %1
        out dx, al
%endmacro

; cmos REGISTER: into EAX.
%macro cmos 1
        outb 0x70, %1
        in al, 0x71
        movzx eax, al
%endmacro

; What no reset takes away: RAM, the shutdown code, the date.
%macro kept 1
%strcat ram %1, ": RAM and its crash log"
        is ram, [crash_log], "log!"
%strcat warm %1, ": the warm-boot flag"
        movzx eax, word [warm_boot]
        is warm, eax, 0x1234
%strcat code %1, ": the shutdown code"
        cmos 0x0f
        is code, eax, 0x0a
%strcat date %1, ": the year"
        cmos 9
        is date, eax, 0x23
%strcat gate %1, ": A20 is open"
        in al, 0x92
        movzx eax, al
        and eax, 2
        is gate, eax, 2
%endmacro

; The CPU alone was reset.
%macro after_init 1
        kept %1
%strcat chip %1, ": the interrupt controller did not notice"
        in al, 0x21
        movzx eax, al
        is chip, eax, 0xa5
%strcat msr %1, ": IA32_SYSENTER_CS did not notice"
        mov ecx, sysenter_cs
        rdmsr
        is msr, eax, 0x77
%strcat time %1, ": the time-stamp counter went on"
        rdtsc
        cmp eax, [tsc_seen]
        holds time, a
%endmacro

; The chips, too.
%macro after_reset 1
        kept %1
%strcat chip %1, ": the interrupt controller was reset"
        in al, 0x21
        movzx eax, al
        is chip, eax, 0
%strcat msr %1, ": IA32_SYSENTER_CS was reset"
        mov ecx, sysenter_cs
        rdmsr
        is msr, eax, 0
%strcat time %1, ": the time-stamp counter began again"
        rdtsc
        cmp eax, [tsc_seen]
        holds time, b
%endmacro

main:   mov eax, [stage]
        cmp eax, stages
        jae near .lost
        inc dword [stage]
        jmp [.table + eax * 4]
.table: dd .cold, .pulse, .output_port, .port_92, .soft, .hard, .hard_0e
stages  equ ($ - .table) / 4

.lost:  mov dword [failures], 1         ; a stage too many
        finish

.cold:  movzx eax, word [warm_boot]
        is "power-on: no warm-boot flag", eax, 0
        cmos 0x0f
        is "power-on: no shutdown code", eax, 0
        mov word [warm_boot], 0x1234
        mov dword [crash_log], "log!"
        outb 0x70, 0x0f
        outb 0x71, 0x0a
        call mark
        outb 0x64, 0xfe
        jmp $

.pulse:
        after_init "8042's pulse"
        call mark
        outb 0x64, 0xd1
        outb 0x60, 0xfe
        jmp $

.output_port:
        after_init "8042's output port"
        call mark
        outb 0x92, 0                    ; A20 shut: the reset opens it again
        outb 0x92, 1
        jmp $

.port_92:
        after_init "port 92H"
        call mark
        outb 0xcf9, 0
        outb 0xcf9, 4
        jmp $

.soft:
        after_init "port CF9H, soft"
        call mark
        outb 0xcf9, 2
        outb 0xcf9, 6
        jmp $

.hard:
        after_reset "port CF9H, hard"
        call mark
        outb 0xcf9, 0x0e
        jmp $

.hard_0e:
        after_reset "port CF9H, with bit 3"
        finish

; Leaves traces where a reset may take them away.
mark:   outb 0x21, 0xa5
        mov ecx, sysenter_cs
        mov eax, 0x77
        xor edx, edx
        wrmsr
        mov ecx, 5000                   ; longer than the way to where a check reads the counter again
.spin:  dec ecx
        jnz .spin
        rdtsc
        mov [tsc_seen], eax
        ret
image_end
