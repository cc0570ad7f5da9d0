; Owns the checks of interrupts between two CPUs: destinations, NMI, INIT and start-up IPIs.
%include "common/start.inc"
%include "common/check.inc"
%include "common/check32.inc"

apic        equ 0xfee00000
ap_page     equ 0xe                     ; where the other CPU starts, as a page
ap_stack    equ other_stack
assert      equ 1 << 14
logical     equ 1 << 11
init        equ assert | 5 << 8
start_up    equ assert | 6 << 8
others      equ 3 << 18                 ; shorthands
everyone    equ 2 << 18
vector      equ 0x50
patience    equ 20000                   ; looks at a counter until it is given up

; sends DESTINATION, REST: the ICR, both halves.
%macro sends 2
        mov dword [apic + 0x310], (%1) << 24
        mov dword [apic + 0x300], %2
%endmacro
; takes "NAME", COUNTER, TIMES: the other CPU counts so many since the last time.
%macro takes 3
        mov ecx, patience
%%look: pause
        cmp dword [%2], %3
        loopne %%look
        call settle
        is %1, [%2], %3
        mov dword [%2], 0
%endmacro
; The sender gets it, too.
%macro takes_itself 3                   ; "NAME", DESTINATION, COMMAND
        faults %1, vector
        sends %2, %3
        sti
        nop
        nop
        anywhere
        done
        mov dword [apic + 0xb0], 0
%endmacro

; orders NUMBER: to the other CPU, which sets its logical destination.
%macro orders 1
        mov dword [command], %1
%%wait: pause
        cmp dword [command], 0
        jne %%wait
        call settle
%endmacro

main:   mov dword [apic + 0xf0], 0x1ff
        mov eax, [apic + 0x20]
        shr eax, 24
        is "this CPU's ID", eax, 0
        mov byte [ap_page << 12], 0xea          ; a far jump
        mov dword [(ap_page << 12) + 1], (image_base >> 4) << 16 | real(ap_start)
        sends 0, others | init
        sends 0, others | start_up | ap_page
        takes "INIT and a start-up IPI start the other CPU", starts, 1
        is "it has another ID", [ap_id], 1
        sends 1, start_up | ap_page
        call settle
        is "a second start-up IPI is ignored", [starts], 0

        sends 1, vector
        takes "an interrupt by ID", taken, 1
        sends 2, vector
        takes "an ID that nobody has", taken, 0
        sends 0, others | vector
        takes "the shorthand for all others", taken, 1
        takes_itself "the shorthand for all", 0, everyone | vector
        takes "is for the other one, too", taken, 1
        takes_itself "the ID of all", 0xff, vector
        takes "is for the other one, as well", taken, 1
        sends 1, 4 << 8
        takes "an NMI", nmis, 1
        sends 1, vector
        sends 1, vector + 1
        takes "two vectors: the first", taken, 1
        takes "two vectors: the second", taken_too, 1
        mov eax, [apic + 0x300]
        and eax, 1 << 12
        is "the delivery status comes to idle", eax, 0

; ------------------------------------------------------------------------------------------------ logical destinations
        mov dword [apic + 0xe0], 0xffffffff     ; DFR: flat
        mov dword [apic + 0xd0], 1 << 24
        orders 1
        sends 2, logical | vector
        takes "flat: its bit", taken, 1
        sends 0xfe, logical | vector
        takes "flat: its bit among others", taken, 1
        sends 4, logical | vector
        takes "flat: nobody's bit", taken, 0
        sends 1, logical | vector
        faults "flat: one's own bit", vector
        sti
        nop
        nop
        anywhere
        done
        mov dword [apic + 0xb0], 0
        takes "flat: is not the other's", taken, 0
        mov dword [apic + 0xe0], 0x0fffffff     ; clusters
        mov dword [apic + 0xd0], 0x31 << 24
        orders 2
        sends 0x32, logical | vector
        takes "clusters: its cluster and bit", taken, 1
        sends 0x22, logical | vector
        takes "clusters: another cluster", taken, 0
        sends 0x31, logical | vector
        faults "clusters: one's own", vector
        sti
        nop
        nop
        anywhere
        done
        mov dword [apic + 0xb0], 0
        takes "clusters: is not the other's", taken, 0

; ---------------------------------------------------------------------------------------------------------------- INIT
        mov dword [beats], 0
        call settle
        mov eax, [beats]
        test eax, eax
        holds "the other CPU runs", nz
        sends 1, init
        call settle
        mov dword [beats], 0
        call settle
        is "INIT stops it", [beats], 0
        sends 1, vector
        takes "and it takes no interrupt", taken, 0
        sends 1, start_up | ap_page
        takes "until it is started", starts, 1
        sends 1, vector
        takes "with its local APIC as after reset, but for the ID", taken, 1
        finish

; Time enough for an interrupt to arrive. Keeps all registers.
settle: push ecx
        mov ecx, 10000
.look:  pause
        loop .look
        pop ecx
        ret

; ------------------------------------------------------------------------------------------------------- the other CPU
        bits 16
ap_start:
        cli
        mov ax, cs
        mov ds, ax
        o32 lgdt [real(gdt_pointer)]
        o32 lidt [real(ap_idt_pointer)]
        mov eax, cr0
        or al, 1
        mov cr0, eax
        jmp dword code32:.flat
        bits 32
.flat:  mov eax, data
        mov ds, eax
        mov es, eax
        mov ss, eax
        mov esp, ap_stack
        mov eax, [apic + 0x20]
        shr eax, 24
        mov [ap_id], eax
        mov dword [apic + 0xf0], 0x1ff
        inc dword [starts]
        sti
.beat:  inc dword [beats]
        pause
        mov eax, [command]
        cmp eax, 1
        je .be_flat
        cmp eax, 2
        jne .beat
        mov dword [apic + 0xe0], 0x0fffffff
        mov dword [apic + 0xd0], 0x32 << 24
        mov dword [command], 0
        jmp .beat
.be_flat:
        mov dword [apic + 0xe0], 0xffffffff
        mov dword [apic + 0xd0], 2 << 24
        mov dword [command], 0
        jmp .beat

ap_nmi: inc dword [nmis]
        iret
ap_interrupt:
        inc dword [taken]
        mov dword [apic + 0xb0], 0
        iret
ap_second:
        inc dword [taken_too]
        mov dword [apic + 0xb0], 0
        iret

%macro ap_gate 1
        dw abs(%1) & 0xffff, code32, 0x8e00, abs(%1) >> 16
%endmacro
        align 8
ap_idt: dq 0, 0
        ap_gate ap_nmi
        times vector - 3 dq 0
        ap_gate ap_interrupt
        ap_gate ap_second
ap_idt_pointer:
        dw ap_idt_pointer - ap_idt - 1
        dd ap_idt
        align 4
starts: dd 0
beats:  dd 0
taken:  dd 0
taken_too: dd 0
nmis:   dd 0
ap_id:  dd 0
command: dd 0

image_end
