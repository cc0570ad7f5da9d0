; Owns the checks of the monitor trap flag: what an exit waits for behind injected events, software interrupts, faults, repeated
; strings, HLT and a debug trap that is delivered first.
%include "exits_start.inc"
vec equ 0x70
%macro gate 2                           ; vector, label
        mov eax, %2
        mov [idt64 + 16 * %1], ax
        mov [idt64 + 16 * %1 + 4], eax
        mov word [idt64 + 16 * %1 + 4], 0x8e00
%endmacro
; lands "NAME", LABEL: the RIP that the last exit saved.
%macro lands 2
        get rax, GUEST_RIP
        is %1, rax, %2
%endmacro
MTF equ CPU_MONITOR_TRAP_FLAG
checks_of_exits:
        gate vec, handler
        gate UD, handler
        gate DB, handler
        gate BP, handler
        gate PF, handler
        ; an event that the entry injects
        controls 0, MTF, 0
        put EXCEPTION_BITMAP, 0
        put VM_ENTRY_INTERRUPTION_INFORMATION, 1 << 31 | vec
        put GUEST_RFLAGS, 0x202
        exits "injected interrupt: MTF before the handler's first instruction", 37
        anywhere
        nop
        left
        lands "... at the handler", handler
        ; INT n
        controls 0, MTF, 0
        put EXCEPTION_BITMAP, 0
        exits "INT n: MTF behind its delivery", 37
        anywhere
        int vec
        left
        lands "... INT n at the handler", handler
        exits "INT3: MTF behind its delivery", 37
        anywhere
        int3
        left
        lands "... INT3 at the handler", handler
        exits "INT1: MTF behind its delivery", 37
        anywhere
        db 0xf1
        left
        lands "... INT1 at the handler", handler
        exits "a fault: MTF behind its delivery", 37
        anywhere
        ud2
        left
        lands "... the fault at its handler", handler
        ; REP: one iteration
        mov ecx, 3
        mov edi, pages + 0x40000
        exits "REP STOSB: MTF after one iteration", 37
        rep stosb
        left
        is "REP: two are left", rcx, 2
        mov ecx, 1
        exits "REP STOSB with one to do: MTF behind it", 37
        after rep stosb
        left
        xor ecx, ecx
        exits "REP STOSB with none to do: MTF behind it", 37
        after rep stosb
        left
        ; a fault in the first iteration
        mov ecx, 3
        mov rdi, 0x7000000000
        exits "REP STOSB whose first iteration faults: MTF at the handler", 37
        anywhere
        rep stosb
        left
        lands "... at the handler of #PF", handler
        ; HLT
        controls 0, MTF, 0
        exits "HLT: MTF is not blocked in HLT", 37
        after hlt
        left
        get rax, GUEST_ACTIVITY_STATE
        is "and HLT is the activity state that is saved", rax, 1
        ; a debug trap that is pending comes first
        controls 0, MTF, 0
        put EXCEPTION_BITMAP, 0
        put GUEST_PENDING_DEBUG_EXCEPTIONS, 1 << 14
        put GUEST_RFLAGS, 0x102
        exits "a pending debug trap is delivered: MTF at its handler", 37
        anywhere
        nop
        left
        lands "... at the handler of #DB", handler
        ; an interrupt that is pending comes first
        mov dword [rbp + 0xf0], 0x1ff
        mov eax, [rbp + 0x20]
        mov [rbp + 0x310], eax
        mov dword [rbp + 0x300], 1 << 18 | vec
        controls 0, MTF, 0
        put EXCEPTION_BITMAP, 0
        put GUEST_RFLAGS, 0x202
        exits "a pending interrupt is delivered: MTF at its handler", 37
        anywhere
        nop
        left
        lands "... at the handler of the interrupt", handler
        mov dword [rbp + 0xb0], 0
        ; MTF injected, control 0, into HLT: the exit keeps HLT
        controls 0, 0, 0
        put GUEST_ACTIVITY_STATE, 1
        put VM_ENTRY_INTERRUPTION_INFORMATION, 1 << 31 | 7 << 8
        exits "an MTF exit that is injected into HLT", 37
        nop
        left
        get rax, GUEST_ACTIVITY_STATE
        is "keeps HLT as activity state", rax, 1
        ; MOV SS, then MTF: its shadow is saved
        controls 0, MTF, 0
        mov eax, data
        exits "MTF behind MOV SS", 37
        after mov ss, eax
        left
        get rax, GUEST_INTERRUPTIBILITY
        is "saves blocking by MOV SS", rax, 2
        controls 0, MTF, 0
        exits "MTF behind STI", 37
        after sti
        left
        get rax, GUEST_INTERRUPTIBILITY
        is "saves blocking by STI", rax, 1
        ; an instruction that exits: that exit, no MTF behind it
        controls 0, MTF, 0
        exits "CPUID: its own exit", 10
        cpuid
        left
        ; MTF with TF: the step is pending
        controls 0, MTF, 0
        put GUEST_RFLAGS, 0x102
        exits "MTF with TF", 37
        after nop
        left
        get rax, GUEST_PENDING_DEBUG_EXCEPTIONS
        is "leaves BS pending", rax, 1 << 14
        finish
handler: nop
        nop
        vmcall
image_end
