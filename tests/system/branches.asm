; Owns the checks of last branch records: which branches are written down, with what, and what the filters leave out.
%include "common/start.inc"
%include "common/check.inc"
%include "common/check32.inc"
%include "common/check64.inc"

MSR_LBR_SELECT  equ 0x1c8
MSR_LASTBRANCH_TOS equ 0x1c9
IA32_DEBUGCTL   equ 0x1d9
MSR_LER_FROM_LIP equ 0x1dd
MSR_LER_TO_LIP  equ 0x1de
IA32_PERF_CAPABILITIES equ 0x345
FROM_IP         equ 0x680
TO_IP           equ 0x6c0
INFO            equ 0xdc0
depth           equ 32
TF              equ 1 << 8
only_far        equ 0xfc                ; MSR_LBR_SELECT: all near branches are left out

%macro wrmsr_to 2
        mov ecx, %1
        mov eax, %2
        xor edx, edx
        wrmsr
%endmacro
; recording [FILTERS]: begins, with no records on the stack but zeros.
%macro recording 0-1 0
        call forget
        wrmsr_to MSR_LBR_SELECT, %1
        wrmsr_to IA32_DEBUGCTL, 1
%endmacro
%macro recorded 0
        wrmsr_to IA32_DEBUGCTL, 0
%endmacro
; record AGE: RAX is the source and RBX the target of the newest record but AGE.
%macro record 1
        mov r8d, %1
        call read_record
%endmacro

        bits 32
main:   mov eax, main64
        jmp enter_long
        bits 64
main64:
; ------------------------------------------------------------------------------------------------------ near branches
        recording
.jump:  jmp .there
        nop
.there: recorded
        record 0
        is "a jump is recorded with its source", rax, .jump
        record 0
        is "and with its target", rbx, .there
        record 1
        is "and nothing else is", rbx, 0

        recording
        xor eax, eax
        jnz .never
.next:  jz .none
.none:  nop
.never: recorded
        record 0
        is "a conditional branch is recorded if it is taken, even to the next instruction", rax, .next
        record 1
        is "and not if it is not", rax, 0

        recording
.call:  call .callee
.after: recorded
        record 1
        is "a call is recorded", rax, .call
        record 0
        is "and its return", rax, .callee
        record 0
        is "which leads behind it", rbx, .after
        jmp .callee_over
.callee: ret
.callee_over:

        recording
        mov ecx, depth + 3
.turn:  dec ecx
.loops: jnz .turn
        recorded
        record 0
        is "the stack goes around", rax, .loops
        record depth - 1
        is "and all of it is full", rbx, .turn
        mov ecx, INFO
        rdmsr
        and eax, 0xffff
        jz .no_cycles
        mov eax, 1
.no_cycles:
        is "a record says how long it took to come there", rax, 1

; --------------------------------------------------------------------------------------- interrupts and exceptions
        recording only_far
        faults "an exception while branches are recorded", UD
.undefined: here ud2
        done
        recorded
        record 0
        is "it is a far branch from the instruction that faults", rax, .undefined

        recording
.before: jmp .fault
.fault:
        faults "an exception behind a jump", UD
        jmp .other
.other: here ud2
        done
        recorded
        mov ecx, MSR_LER_TO_LIP
        rdmsr
        is "the last branch before the exception is kept", rax, .other

        recording only_far
        faults "INT n while branches are recorded", 0x41
.int:   after int 0x41
        done
        recorded
        record 0
        is "it is a far branch from itself", rax, .int

        recording
        faults "a single step while branches are recorded", DB
        push TF | 2
        popfq
        after nop
        done
        mov ecx, IA32_DEBUGCTL
        rdmsr
        is "#DB ends the recording", rax, 0

; -------------------------------------------------------------------------------------------------------- filters
        recording 1 << 7                ; NEAR_REL_JMP
        jmp .filtered
.filtered:
        recorded
        record 0
        is "near jumps can be left out", rax, 0
        recording 1                     ; CPL_EQ_0
        jmp .ring0
.ring0: recorded
        record 0
        is "and what leads to ring 0", rax, 0
        recording 0x3c4                 ; EN_CALLSTACK, and all but near calls and returns left out
.deep:  call .deeper
        recorded
        record 0
        is "with EN_CALLSTACK a return takes its call's record away", rax, 0
        jmp .deeper_over
.deeper: ret
.deeper_over:

; ------------------------------------------------------------------------------------------------------ registers
        refuses_msr "IA32_DEBUGCTL: bit 2 is reserved", IA32_DEBUGCTL, 4
        refuses_msr "MSR_LBR_SELECT: bit 10 is reserved", MSR_LBR_SELECT, 1 << 10
        refuses_msr "MSR_LASTBRANCH_TOS: no more than the stack has", MSR_LASTBRANCH_TOS, depth
        refuses_msr "MSR_LASTBRANCH_0_FROM_IP: not canonical", FROM_IP, 0, 0x80000000
        faults "the stack has an end", GP, 0
        mov ecx, FROM_IP + depth
        here rdmsr
        done
        mov ecx, IA32_PERF_CAPABILITIES
        rdmsr
        and eax, 0x3f
        is "the format of the records", rax, 5
        finish

; Empties the stack. All registers may change.
forget: wrmsr_to IA32_DEBUGCTL, 0
        mov ebp, depth - 1
.one:   lea ecx, [ebp + FROM_IP]
        xor eax, eax
        xor edx, edx
        wrmsr
        lea ecx, [ebp + TO_IP]
        wrmsr
        lea ecx, [ebp + INFO]
        wrmsr
        dec ebp
        jns .one
        wrmsr_to MSR_LER_FROM_LIP, 0
        wrmsr_to MSR_LER_TO_LIP, 0
        ret

; R8: the age. RAX, RBX: source and target.
read_record:
        mov ecx, MSR_LASTBRANCH_TOS
        rdmsr
        sub eax, r8d
        and eax, depth - 1
        mov r9d, eax
        lea ecx, [r9d + TO_IP]
        rdmsr
        shl rdx, 32
        lea rbx, [rax + rdx]
        lea ecx, [r9d + FROM_IP]
        rdmsr
        shl rdx, 32
        add rax, rdx
        ret

image_end
