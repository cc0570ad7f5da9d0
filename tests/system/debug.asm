; Owns the checks of debugging: single steps, breakpoints on code, data and ports, RF, MOV SS, the debug registers themselves.
%include "common/start.inc"
%include "common/check.inc"
%include "common/check32.inc"

TF          equ 1 << 8
RF          equ 1 << 16
cell        equ pages
BS          equ 1 << 14
BD          equ 1 << 13
on_code     equ 0                       ; types of breakpoints, in DR7's bits 17:16
on_write    equ 1
on_port     equ 2
on_access   equ 3
IA32_DEBUGCTL equ 0x1d9

; breakpoint TYPE, BYTES, ADDRESS: the first one, enabled for all tasks; DR6 is cleared.
%macro breakpoint 3
        mov eax, %3
        mov dr0, eax
        mov eax, 0xffff0ff0
        mov dr6, eax
%if %2 == 8
        mov eax, 0x402 | (%1) << 16 | 2 << 18
%else
        mov eax, 0x402 | (%1) << 16 | ((%2) - 1) << 18
%endif
        mov dr7, eax
%endmacro
%macro no_breakpoints 0
        mov eax, 0x400
        mov dr7, eax
%endmacro
; causes "NAME", BITS: of DR6, without its constant ones.
%macro causes 2
        mov eax, dr6
        and eax, 0xe00f
        is %1, eax, %2
%endmacro
%macro clear_dr6 0
        mov eax, 0xffff0ff0
        mov dr6, eax
%endmacro
; steps: single steps from behind the next instruction on.
%macro steps 0
        push dword TF | 2
        popf
%endmacro

main:   mov eax, cr4
        btr eax, 3                      ; DE
        mov cr4, eax

; -------------------------------------------------------------------------------------------------- single steps
        clear_dr6
        faults "a single step", DB
        steps
        after nop
        done
        causes "has its bit in DR6", BS
        is "pushes TF", [got.flags], TF | 2
        clear_dr6
        faults "a step over a jump", DB
        steps
        jmp .stepped
        nop
.stepped:
        here nop
        done
        faults "a step into a far jump", DB
        steps
        jmp code32:.far
.far:   here nop
        done
        faults "MOV SS puts the step off by an instruction", DB
        mov ecx, data
        steps
        mov ss, ecx
        after nop
        done
        faults "POP SS too", DB
        push dword data
        steps
        pop ss
        after nop
        done
        faults "of two in a row the second may not", DB
        anywhere                        ; only the first is said to
        mov ecx, data
        steps
        mov ss, ecx
        mov ss, ecx
        nop
        nop
        done
        faults "MOV DS does not", DB
        mov ecx, data
        steps
        after mov ds, ecx
        done
        faults "a step stops each round of REP", DB
        mov esi, cell
        mov edi, cell + 16
        mov ecx, 3
        steps
        here rep movsb
        done
        is "with a byte moved", ecx, 2
        faults "and ends it", DB
        mov esi, cell
        mov edi, cell + 16
        mov ecx, 1
        steps
        after rep movsb
        done
        faults "a faulting instruction makes no step", UD
        clear_dr6
        steps
        here ud2
        done
        causes "its handler finds no cause in DR6", 0
        is "and TF in the flags it was given", [got.flags], TF | RF | 2
        mov dword [counted], 0
        faults "INT n makes no step: the one behind it comes", DB
        mov word [idt32 + 8 * 0x42], (abs(counts) & 0xffff)
        mov word [idt32 + 8 * 0x42 + 6], abs(counts) >> 16
        steps
        int 0x42
        after nop
        done
        is "its handler runs without steps", [counted], 1
        faults "IRET that sets TF: the next instruction is stepped", DB
        push dword TF | 2
        push dword code32
        push dword .returned
        iret
.returned:
        after nop
        done
        faults "POPF that clears TF is stepped itself", DB
        push dword 2
        steps
        after popf
        done
        clear_dr6
        faults "INT1", DB
        after db 0xf1
        done
        causes "says nothing in DR6", 0

; ---------------------------------------------------------------------------------------------- breakpoints on code
        breakpoint on_code, 1, .breakpoint
        faults "a breakpoint on code is a fault", DB
        nop
.breakpoint:
        here inc ecx
        done
        causes "DR6.B0", 1
        mov eax, [got.flags]
        and eax, RF
        is "it alone of all faults pushes RF as 0", eax, 0
        breakpoint on_code, 1, .resumed
        runs "RF by IRET steps over it"
        push dword RF | 2
        push dword code32
        push dword .resumed
        iret
.resumed:
        nop
        done
        breakpoint on_code, 1, .second_time
        faults "but only once", DB
        mov ebx, 0
        push dword RF | 2
        push dword code32
        push dword .second_time
        iret
.second_time:
        nop
        inc ebx
        cmp ebx, 2
        jb .second_time
        anywhere
        done
        is "once", ebx, 1
        breakpoint on_code, 1, .popf
        faults "POPF sets no RF", DB
        push dword RF | 2
        popf
.popf:  here nop
        done
        breakpoint on_code, 1, .after_ss
        runs "MOV SS hides a breakpoint on the next instruction"
        mov ecx, data
        mov ss, ecx
.after_ss:
        nop
        done
        breakpoint on_code, 1, .middle + 1
        runs "a breakpoint inside of an instruction"
.middle:
        mov eax, 0
        done
        mov eax, 0x400 | 1              ; L0
        mov dr7, eax
        mov eax, .local
        mov dr0, eax
        faults "L0 enables as G0 does", DB
.local: here nop
        done
        breakpoint on_code, 1, .both
        faults "a breakpoint comes before the instruction's own fault", DB
.both:  here ud2
        done
        no_breakpoints

; ---------------------------------------------------------------------------------------------- breakpoints on data
        breakpoint on_write, 4, cell
        faults "a breakpoint on a write is a trap", DB
        after mov dword [cell], 0x12345678
        done
        causes "with its bit", 1
        is "the write was done", [cell], 0x12345678
        is "its flags have no RF", [got.flags], 2
        breakpoint on_write, 4, cell
        runs "a read does not break"
        mov eax, [cell]
        done
        runs "nor does a write beside it"
        mov byte [cell + 4], 1
        mov byte [cell - 1], 1
        done
        faults "one byte of it is enough", DB
        after mov byte [cell + 3], 1
        done
        faults "a larger operand over it", DB
        after mov dword [cell - 2], 1
        done
        breakpoint on_write, 2, cell + 1
        faults "an address is aligned to its length", DB
        after mov byte [cell], 1
        done
        breakpoint on_access, 1, cell
        faults "a breakpoint on accesses: a read", DB
        after mov al, [cell]
        done
        faults "a write", DB
        after mov [cell], al
        done
        no_breakpoints
        mov byte [cell], 0xc3
        breakpoint on_access, 1, cell
        runs "and no fetch"
        mov eax, cell
        call eax
        done
        no_breakpoints
        mov dword [cell], data
        breakpoint on_access, 4, cell
        faults "MOV SS puts off what its own read caused", DB
        mov ss, [cell]
        after nop
        done
        causes "to the next instruction", 1
        faults "and behind INT3, to the first of its handler", DB
        mov byte [idt32 + 8 * BP + 5], 0x8e
        mov ss, [cell]
        int3
        anywhere
        done
        is "which has not run", [got.ip], stubs32 + stub_bytes * BP
        breakpoint on_write, 1, cell + 2
        faults "REP stops behind the round that wrote", DB
        mov edi, cell
        mov ecx, 8
        here rep stosb
        done
        is "with the rest to do", ecx, 5
        breakpoint on_write, 8, cell
        faults "eight bytes", DB
        after mov byte [cell + 7], 1
        done
        breakpoint on_write, 4, other_stack - 4
        faults "a push", DB
        mov esp, other_stack
        after push eax
        done
        breakpoint on_access, 1, cell
        faults "two causes in one: a step and a breakpoint", DB
        steps
        after mov al, [cell]
        done
        causes "have both bits", BS | 1
        mov eax, 0xffff0ff0
        mov dr6, eax
        faults "what lies in DR6 stays there", DB
        steps
        after nop
        done
        faults "until software clears it", DB
        after mov al, [cell]
        done
        causes "both", BS | 1
        no_breakpoints

; --------------------------------------------------------------------------------------------- breakpoints on ports
        mov eax, cr4
        bts eax, 3                      ; DE
        mov cr4, eax
        breakpoint on_port, 1, 0x80
        faults "a breakpoint on a port: OUT", DB
        after out 0x80, al
        done
        causes "with the same bit", 1
        faults "IN", DB
        after in al, 0x80
        done
        runs "another port"
        out 0x84, al
        done
        faults "a wider access over it", DB
        mov dx, 0x7e
        after in eax, dx
        done
        runs "memory at the port's number"
        mov al, [0x80]
        done
        no_breakpoints

; ------------------------------------------------------------------------------------------------- the registers
        faults "DR4 while CR4.DE is 1", UD
        mov eax, dr4
        done
        mov eax, cr4
        btr eax, 3
        mov cr4, eax
        mov eax, 0xffff0ff0 | BS
        mov dr6, eax
        xor eax, eax
        mov eax, dr4
        is "DR4 is DR6 while it is 0", eax, 0xffff0ff0 | BS
        mov eax, dr5
        is "and DR5 is DR7", eax, 0x400
        mov eax, 0
        mov dr6, eax
        mov eax, dr6
        and eax, ~(1 << 11 | 1 << 16)   ; bus locks and RTM may say otherwise
        is "DR6 has constant ones", eax, 0xfffe07f0
        mov eax, 0
        mov dr7, eax
        mov eax, dr7
        is "and DR7", eax, 0x400
        mov eax, 0x400 | 1 << 13        ; GD
        mov dr7, eax
        faults "GD: reading a debug register is a fault", DB
        mov eax, dr0
        done
        mov eax, dr7
        is "that clears GD", eax, 0x400
        causes "and has a bit", BD
        mov eax, 0x400 | 1 << 13
        mov dr7, eax
        faults "GD: so is writing one", DB
        mov dr3, eax
        done
        faults "ring 3 reads a debug register", GP, 0
        user
        here mov eax, dr0
        done
        faults "ring 3 writes one", GP, 0
        user
        here mov dr7, eax
        done

; --------------------------------------------------------------------------------------------- steps over branches
        mov ecx, IA32_DEBUGCTL
        mov eax, 2                      ; BTF
        xor edx, edx
        wrmsr
        rdmsr
        test eax, 2
        jz .no_btf
        faults "BTF: a step is a branch", DB
        steps
        nop
        nop
        jmp .branched
        nop
.branched:
        here nop
        done
        mov ecx, IA32_DEBUGCTL
        rdmsr
        and eax, 2
        is "BTF: the trap clears it", eax, 0
        mov ecx, IA32_DEBUGCTL
        mov eax, 2
        xor edx, edx
        wrmsr
        faults "BTF: a branch that is not taken is none", DB
        mov eax, 1
        steps
        mov ecx, 0
        jecxz .taken
        nop
.taken: here nop
        done
.no_btf:
        mov ecx, IA32_DEBUGCTL
        xor eax, eax
        xor edx, edx
        wrmsr
        finish

counts: inc dword [counted]
        iret

        align 4
counted: dd 0

image_end
