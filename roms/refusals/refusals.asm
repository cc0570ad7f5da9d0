; Owns the refusals: a VMCS that works is broken in twenty ways, one rule at a time, and the CPU has to notice each.
;
; The VMCS is the visor's: read ../visor first. Files here, in order:
;   refusals.asm  the loop: make a good VMCS, break it, try to enter, compare
;   cases.inc     the table of cases: rule, what is broken, what has to come back
;   breaks.inc    the cases that take more than one field
;
; What comes back from an entry that is refused:
;   VMfailInvalid     the next instruction runs, CF is 1: there is no current VMCS
;   VMfailValid       the next instruction runs, ZF is 1: VM_INSTRUCTION_ERROR says why
;   a VM exit         at HOST_RIP, with bit 31 of the exit reason set: host and controls were good, the guest was not

rom_bytes   equ 0x10000                 ; -bios takes multiples of 64 KiB
%define on_screen
%include "common/start.inc"

vmxon_region    equ 0x9000
vmcs            equ 0xa000
io_bitmaps      equ 0xb000
msr_bitmaps     equ 0xd000
guest_idt       equ 0xe000
msr_list        equ 0xf000
ept_pml4        equ 0x20000
ept_pdpt        equ 0x21000
ept_directories equ 0x22000
ept_table       equ 0x26000
guest_stack_top equ 0x30000

        absolute 0x8000
basic:          resq 1
ept_capabilities: resq 1
features:       resd 1
pin_granted:    resd 2
cpu_granted:    resd 2
cpu2_granted:   resd 2
exit_granted:   resd 2
entry_granted:  resd 2
unexpected:     resd 1                  ; cases that came back otherwise
variables_end:
        section .text

; Outcomes, as the table writes them and as `outcome` finds them: a VM-instruction error is its number, VMfailInvalid is 0.
entered         equ 0x1000              ; no refusal: the guest ran, and this is its exit reason
refused         equ 0x80000000          ; an exit with bit 31 set, as the CPU writes it

%include "visor/fields.inc"
%include "visor/enable.inc"
%include "visor/ept.inc"
%include "visor/vmcs.inc"
%include "refusals/cases.inc"
%include "refusals/breaks.inc"

main:   say "Refusals: VM entries that break one rule each.", 10, 10
        mov edi, basic
        xor eax, eax
        mov ecx, variables_end - basic
        rep stosb
        call enable_vmx
        call make_ept
        say 10, "  #  rule                                    what is broken                                     what came back", 10
        xor ebp, ebp                    ; the number of the case
        mov ebx, cases
next_case:
        mov rsp, stack_top
        call make_vmcs
        mov eax, [rbx + case.routine]
        test eax, eax
        jz .one_field
        jmp rax                         ; ends in `enter` or `done`
.one_field:
        get rax, [rbx + case.field]
        mov rcx, [rbx + case.clear]
        not rcx
        and rax, rcx
        or rax, [rbx + case.set]
        put [rbx + case.field], rax
enter:  vmlaunch

; The instruction that was tried has failed: by CF or by ZF.
done:   mov r12d, 0
        jc outcome
        jz .valid
        mov r12d, 0xffff                ; it has not failed at all
        jmp outcome
.valid: get r12, VM_INSTRUCTION_ERROR
        jmp outcome

; HOST_RIP. After a refusal the registers are what they were; the guest uses none either.
vm_exit:
        get r12, EXIT_REASON
        get r13, EXIT_QUALIFICATION
        bt r12d, 31
        jc outcome
        or r12d, entered

outcome:
        mov eax, ebp
        mov ecx, 3
        call decimal_right
        say "  "
        lea esi, [rbx + case.rule]
        mov ecx, 40
        call puts_padded
        lea esi, [rbx + case.text]
        mov ecx, 51
        call puts_padded
        mov eax, r12d
        btr eax, 31
        jc .refused
        test r12d, r12d
        jz .invalid
        cmp r12d, 0xffff
        je .nothing
        btr eax, 12
        jc .entered
        push rax
        say "VMfailValid, error "
        pop rax
        call decimal
        jmp .compare
.invalid:
        say "VMfailInvalid"
        jmp .compare
.nothing:
        say "no failure"
        jmp .compare
.entered:
        push rax
        say "entered; exit "
        pop rax
        call decimal
        jmp .compare
.refused:
        push rax
        say "exit "
        pop rax
        call decimal
        say ", qualification "
        mov rax, r13
        call decimal
        cmp r13, [rbx + case.qualification]
        jne .otherwise
.compare:
        cmp r12d, [rbx + case.outcome]
        je .next
.otherwise:
        inc dword [unexpected]
        say "  NOT EXPECTED"
.next:  say 10
        inc ebp
        add ebx, case_row
        cmp ebx, cases_end
        jb next_case

        say 10
        mov eax, [unexpected]
        call decimal
        say " of "
        mov eax, ebp
        call decimal
        say " came back otherwise than the manual says", 10
        vmxoff
        cmp dword [unexpected], 0
        je power_off
        jmp fail

; The guest of an entry that succeeds: it leaves at once.
guest_start:
        vmcall
        jmp guest_start

reset_vector
