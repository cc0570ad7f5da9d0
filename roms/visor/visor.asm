; Owns the visor, a hypervisor to read: it starts VMX, runs one guest that leaves it in each common way, and tells what happened.
;
; Read the chapters in this order; each is a file beside this one.
;
;   fields.inc   the dictionary: names of VMCS fields, MSRs and control bits. Skim it.
;   enable.inc   1. May this CPU run guests? VMXON.
;   ept.inc      2. The guest's physical memory: EPT.
;   vmcs.inc     3. The VMCS: the guest, the host, and what makes the one return to the other.
;   run.inc      4. In and out: VMLAUNCH, VMRESUME, and where every exit arrives.
;   exits.inc    5. What the visor does about each exit.
;   guest.inc    6. The guest, which does one such thing after the other. Read it beside chapter 5.
;
; ../common/ brings the CPU from its first instruction into 64-bit mode, and prints; ../hello explains those.

rom_bytes   equ 0x10000                 ; -bios takes multiples of 64 KiB
%define on_screen
%include "common/start.inc"

; Memory below 640 KiB, each at a page of its own. 0 to FFFFH belong to programs and tables, 10000H on to paging.
vmxon_region    equ 0x9000
vmcs            equ 0xa000
io_bitmaps      equ 0xb000              ; two pages: a bit for each of 65,536 ports
msr_bitmaps     equ 0xd000
guest_idt       equ 0xe000
ept_pml4        equ 0x20000
ept_pdpt        equ 0x21000
ept_directories equ 0x22000             ; four pages
ept_table       equ 0x26000
guest_stack_top equ 0x30000

        absolute 0x8000
registers:      resq 16                 ; the guest's, in the order of their numbers: rax, rcx, rdx, rbx, rsp, rbp, ...
basic:          resq 1                  ; IA32_VMX_BASIC
ept_capabilities: resq 1
features:       resd 1                  ; CPUID.1:ECX
pin_granted:    resd 1                  ; the controls as they were first written, and behind each which bits may be 1
pin_possible:   resd 1
cpu_granted:    resd 1
cpu_possible:   resd 1
cpu2_granted:   resd 2
exit_granted:   resd 2
entry_granted:  resd 2
exits:          resd 1                  ; how many there were
guest_cr8:      resq 1
box:            resb 1                  ; the visor's one virtual device, at port 80H
waiting_vector: resb 1                  ; an interrupt that the guest could not take yet
seen:           resb 128                ; by exit reason: has it come?
guest_name:     resb 16                 ; the guest's own variables
guest_descriptor: resb 16
guest_interrupts: resd 1
variables_end:
        section .text

main:   say "Ringside's visor: a hypervisor to read, and a guest that leaves it in each common way.", 10, 10
        mov edi, registers
        xor eax, eax
        mov ecx, variables_end - registers
        rep stosb
        call enable_vmx
        call make_ept
        call make_bitmaps
        call make_vmcs
        call print_controls
        jmp run_guest

%include "visor/fields.inc"
%include "visor/enable.inc"
%include "visor/ept.inc"
%include "visor/vmcs.inc"
%include "visor/run.inc"
%include "visor/exits.inc"
%include "visor/guest.inc"

reset_vector
