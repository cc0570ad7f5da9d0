; Owns the checks of the activity and interruptibility state that a VM exit saves: a direct one keeps HLT and shadows, an indirect one
; does not.
%include "exits_start.inc"
vec equ 0x70
%macro field_is 3
        get rax, %2
        is %1, rax, %3
%endmacro
%macro self_ipi 1
        mov dword [rbp + 0x300], 1 << 18 | (%1)
%endmacro
checks_of_exits:
        mov dword [rbp + 0xf0], 0x1ff
        mov eax, [rbp + 0x20]
        mov [rbp + 0x310], eax
        ; the guest's own HLT, then an external interrupt exits directly
        controls PIN_EXTERNAL_INTERRUPT_EXITING, 0, 0
        put GUEST_RFLAGS, 0x202
        mov dword [rbp + 0x3e0], 0xb
        mov dword [rbp + 0x320], vec
        exits "HLT, then an external interrupt that exits", 1
        mov dword [rbp + 0x380], 500
        after hlt
        left
        field_is "saves HLT", GUEST_ACTIVITY_STATE, 1
        ; the same with IF 0: the interrupt exits all the same
        mov dword [rbp + 0x320], 1 << 16
        call drain
        ; IF 0
        controls PIN_EXTERNAL_INTERRUPT_EXITING, 0, 0
        mov dword [rbp + 0x320], vec
        exits "HLT with IF 0, then an external interrupt that exits", 1
        mov dword [rbp + 0x380], 500
        after hlt
        left
        field_is "saves HLT, too", GUEST_ACTIVITY_STATE, 1
        mov dword [rbp + 0x320], 1 << 16
        call drain
        ; interrupt delivered through the guest's IDT, whose limit is too small: #GP exits. Indirect: active.
        controls 0, 0, 0
        put GUEST_RFLAGS, 0x202
        put GUEST_IDTR_LIMIT, 0
        mov dword [rbp + 0x320], vec
        exits "HLT, then an interrupt whose delivery faults: #GP", 0
        mov dword [rbp + 0x380], 500
        after hlt
        left
        field_is "saves active", GUEST_ACTIVITY_STATE, 0
        field_is "tells of the interrupt", IDT_VECTORING_INFORMATION, 1 << 31 | vec
        get rax, VM_EXIT_INTERRUPTION_ERROR_CODE
        is "the error code: IDT, EXT, vector", rax, vec * 8 + 3
        ; it was acknowledged, so it is in service
        mov eax, [rbp + 0x100 + (vec / 32) * 16]
        is "and the interrupt was acknowledged", rax, 1 << (vec & 31)
        mov dword [rbp + 0xb0], 0
        mov dword [rbp + 0x320], 1 << 16
        ; an NMI whose delivery faults blocks NMIs before the exit
        controls 0, 0, 0
        put GUEST_IDTR_LIMIT, 0
        exits "an NMI whose delivery faults: #GP", 0
        anywhere
        mov eax, [rbp + 0x20]           ; to itself by its ID: the shorthand is for fixed interrupts only
        mov [rbp + 0x310], eax
        mov dword [rbp + 0x300], 4 << 8
        nop
        nop
        left
        field_is "leaves NMIs blocked", GUEST_INTERRUPTIBILITY, 8
        field_is "tells of the NMI", IDT_VECTORING_INFORMATION, 1 << 31 | 2 << 8 | NMI
        get rax, VM_EXIT_INTERRUPTION_ERROR_CODE
        is "the NMI's error code", rax, NMI * 8 + 3
        ; unblock
        push 2
        push stack_top
        push 2
        push code64
        push .unblocked
        mov qword [rsp + 24], stack_top
        mov qword [rsp + 32], data
        iretq
.unblocked:
        ; virtual NMIs: an injected NMI whose delivery faults
        controls PIN_NMI_EXITING | PIN_VIRTUAL_NMIS, 0, 0
        put GUEST_IDTR_LIMIT, 0
        put VM_ENTRY_INTERRUPTION_INFORMATION, 1 << 31 | 2 << 8 | NMI
        exits "an injected NMI whose delivery faults", 0
        nop
        left
        field_is "leaves virtual NMIs blocked", GUEST_INTERRUPTIBILITY, 8
        ; an interrupt in the shadow of nothing but pending behind STI: indirect exits drop the shadow
        controls 0, 0, 0
        put GUEST_IDTR_LIMIT, 0
        put EXCEPTION_BITMAP, 1 << GP
        exits "#UD in STI's shadow that cannot be delivered: #GP", 0
        sti
        here ud2
        left
        field_is "an indirect exit has no shadow", GUEST_INTERRUPTIBILITY, 0
        field_is "tells of the #UD", IDT_VECTORING_INFORMATION, 1 << 31 | 3 << 8 | UD
        controls 0, 0, 0
        exits "#UD in STI's shadow that exits", 0
        sti
        here ud2
        left
        field_is "a direct exit keeps the shadow", GUEST_INTERRUPTIBILITY, 1
        ; #PF whose delivery faults: CR2 is written; #PF that exits: it is not
        mov eax, 0x1234
        mov cr2, rax
        controls 0, 0, 0
        exits "#PF that exits", 0, 0x4567
        mov rax, 0x8000004567
        here mov al, [rax]
        left
        mov rax, cr2
        is "leaves CR2", rax, 0x1234
        controls 0, 0, 0
        put GUEST_IDTR_LIMIT, 0
        put EXCEPTION_BITMAP, 1 << GP | 1 << DF
        exits "#PF whose delivery faults: a double fault", 0
        mov rcx, 0x7000000000 + 0x4567
        here mov al, [rcx]
        left
        field_is "is that #GP that made it double, which exits itself", VM_EXIT_INTERRUPTION_INFORMATION, 1 << 31 | 1 << 11 | 3 << 8 | GP
        mov rax, cr2
        mov rcx, 0x7000000000 + 0x4567
        is "wrote CR2", rax, rcx
        put EXCEPTION_BITMAP, 1 << DF
        exits "with #DF alone in the bitmap", 0
        mov rcx, 0x7000000000 + 0x4567
        here mov al, [rcx]
        left
        field_is "it is #DF with an error code", VM_EXIT_INTERRUPTION_INFORMATION, 1 << 31 | 1 << 11 | 3 << 8 | DF
        field_is "which is no exit during delivery", IDT_VECTORING_INFORMATION, 0
        finish
drain:
        faults "the interrupt waits for the host", vec
        sti
        nop
        anywhere
        done
        mov dword [rbp + 0xb0], 0
        ret
image_end
