; Owns the checks of VM exits: a piece of guest, and beside it the basic exit reason and the exit qualification. Which reasons are met
; where, and which cannot be met, stands in README.md.
%include "common/start.inc"
%include "common/check.inc"
%include "common/check32.inc"
%include "common/check64.inc"

; What visor/enable.inc wants of its program.
vmxon_region equ pages
vmcs        equ pages + 0x1000
        bits 64
fail:   inc dword [failures]
        finish
        align 8
basic:  dq 0
features: dd 0
%include "visor/fields.inc"
%include "visor/enable.inc"
%include "exits_vmcs.inc"
%include "exits_instructions.inc"
%include "exits_events.inc"
%include "exits_memory.inc"

        bits 32
main:   mov eax, cr0
        or eax, 1 << 5                  ; CR0.NE
        mov cr0, eax
        mov eax, main64
        jmp enter_long

        bits 64
main64: call enable_vmx
        call make_vmcs
        mov ebp, apic                   ; for good: 32 bits of displacement do not reach it
        checks_of_instructions
        checks_of_events
        checks_of_memory
        finish

image_end
