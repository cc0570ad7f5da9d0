; Owns the checks of gates in protected mode: interrupt, trap and call gates, stacks of inner rings, IRET.
%include "common/start.inc"
%include "common/check.inc"
%include "common/check32.inc"

code_ring1  equ slot + 0x00
data_ring1  equ slot + 0x08
absent_code equ slot + 0x10
call_gate   equ slot + 0x18             ; the gate under test
conforming  equ slot + 0x20             ; DPL 0
tiny_ring1  equ slot + 0x28             ; 8 bytes of stack
absent_data equ slot + 0x30             ; DPL 1
tiny_code   equ slot + 0x38             ; limit 10H
user_absent equ slot + 0x40             ; data, DPL 3
tiny_stack  equ slot + 0x48             ; 16 bytes, DPL 3
low_code    equ slot + 0x50             ; 64 KiB at image_base, for 16-bit offsets
low_user    equ slot + 0x58 | 3
vector      equ 0x40                    ; of the interrupt gate under test

; gate SELECTOR, OFFSET, RIGHTS: writes the IDT's gate of `vector`; RIGHTS is byte 5, P, DPL and type.
%macro gate 3
        make_gate idt32 + 8 * vector, %1, %2, %3, 0
%endmacro
; calls SELECTOR, OFFSET, RIGHTS, PARAMETERS: the same for `call_gate`.
%macro calls 4
        make_gate gdt + call_gate, %1, %2, %3, %4
%endmacro
%macro make_gate 5
        mov dword [%1], (%2) << 16 | (abs(%3) & 0xffff)
        mov dword [%1 + 4], (abs(%3) & 0xffff0000) | (%4) << 8 | %5
%endmacro
; ring1_stack SELECTOR, ESP: what the TSS says of ring 1.
%macro ring1_stack 2
        mov dword [tss_memory + 0x10], %1
        mov dword [tss_memory + 0xc], %2
%endmacro

main:   describe code_ring1, 0, 0xfffff, 0xc0bb
        describe data_ring1, 0, 0xfffff, 0xc0b3
        describe absent_code, 0, 0xfffff, 0xc01b
        describe conforming, 0, 0xfffff, 0xc09f
        describe tiny_ring1, pages, 7, 0x40b3
        describe absent_data, 0, 0xfffff, 0xc033
        describe tiny_code, abs(main), 0x10, 0x409b
        describe low_code, image_base, 0xffff, 0x409b
        describe low_user, image_base, 0xffff, 0x40fb
        describe user_absent, 0, 0xfffff, 0xc073
        describe tiny_stack, pages, 15, 0x40f3

; ------------------------------------------------------------------------------------------------ gates of the IDT
        gate code32, handler, 0x8e
        faults "INT n of ring 3 through a gate of DPL 0", GP, vector << 3 | 2
        user
        here int vector
        done
        gate code32, handler, 0x0e
        faults "INT n through a gate that is not present", NP, vector << 3 | 2
        int vector
        done
        gate code32, handler, 0x88
        faults "INT n through no gate at all", GP, vector << 3 | 2
        int vector
        done
        gate code32, handler, 0x8c
        faults "INT n through a call gate", GP, vector << 3 | 2
        int vector
        done
        gate 0, handler, 0x8e
        faults "a gate with a null selector", GP, 0
        int vector
        done
        gate data, handler, 0x8e
        faults "a gate with the selector of data", GP, data
        int vector
        done
        gate code32 | 3, handler, 0x8e
        runs "a gate's RPL does not count"
        int vector
        done
        gate absent_code, handler, 0x8e
        faults "a gate to code that is not present", NP, absent_code
        int vector
        done
        gate user_code32 & ~3, handler, 0x8e
        faults "a gate to an outer ring", GP, user_code32 & ~3
        int vector
        done
        gate 0xfff8, handler, 0x8e
        faults "a gate with a selector behind the GDT", GP, 0xfff8
        int vector
        done
        gate tiny_code, handler, 0x8e
        faults "a gate to an offset behind the limit", GP, 0
        int vector
        done
        mov word [idt32_pointer], vector * 8 + 6
        lidt [idt32_pointer]
        faults "INT n of an entry that is cut by the IDT's limit", GP, vector << 3 | 2
        int vector
        done
        mov word [idt32_pointer], 256 * 8 - 1
        lidt [idt32_pointer]

; The same with an exception in its stead: the error code's EXT bit is 1.
        mov ecx, [idt32 + 8 * UD + 4]
        mov ebx, [idt32 + 8 * UD]
        mov byte [idt32 + 8 * UD + 5], 0x0e
        faults "#UD through a gate that is not present", NP, UD << 3 | 3
        ud2
        done
        mov byte [idt32 + 8 * UD + 5], 0x8e
        mov word [idt32 + 8 * UD + 2], 0
        faults "#UD through a gate with a null selector", GP, 1
        ud2
        done
        mov word [idt32 + 8 * UD + 2], absent_code
        faults "#UD through a gate to code that is not present", NP, absent_code | 1
        ud2
        done
        mov [idt32 + 8 * UD + 4], ecx
        mov [idt32 + 8 * UD], ebx
        mov byte [idt32 + 8 * BP + 5], 0x8e
        faults "INT3 of ring 3 through a gate of DPL 0", GP, BP << 3 | 2
        user
        here int3
        done
        mov byte [idt32 + 8 * DB + 5], 0x8e
        faults "INT1 does not ask for the gate's DPL", DB
        user
        after db 0xf1
        done

; -------------------------------------------------------------------------------------------- traps and their flags
        faults "INT3 is a trap", BP
        after int3
        done
        faults "INT 3 in two bytes is one too", BP
        after db 0xcd, 3
        done
        faults "INTO is a trap", OF
        mov al, 0x7f
        add al, 1
        after into
        done
        runs "INTO without OF does nothing"
        xor eax, eax
        into
        done
        faults "BOUND is a fault", BR
        mov eax, 11
        here bound eax, [bounds]
        done
        runs "BOUND takes both bounds as inside"
        mov eax, 10
        bound eax, [bounds]
        mov eax, -1
        bound eax, [bounds]
        done
        faults "a fault", UD
        ud2
        done
        is "pushes RFLAGS with RF", [got.flags], 0x10002
        faults "a trap", BP
        stc
        after int3
        done
        is "pushes RFLAGS without RF", [got.flags], 3
        gate code32, handler, 0x8e
        mov eax, esp
        mov [before.sp], eax
        push dword 0x4202                ; NT, IF
        popf
        int vector
        cli
        is "an interrupt gate clears IF, NT and TF", [in_handler.flags], 2
        is "a same-ring frame has three doublewords", [in_handler.sp], stack_top - 12
        is "with RFLAGS as they were", [in_handler.frame + 8], 0x4202
        is "and CS", [in_handler.frame + 4], code32
        push dword 2                     ; IRET of the handler kept NT clear, POPF above set it
        popf
        gate code32, handler, 0x8f
        sti
        int vector
        cli
        is "a trap gate leaves IF", [in_handler.flags], 0x202
        gate low_code, handler16, 0x86
        jmp low_code:real(.low)
.low:   int vector
        jmp code32:.flat
.flat:
        is "a 16-bit gate pushes three words", [in_handler.sp], stack_top - 6
        gate conforming, handler, 0xee
        runs "conforming code as a handler"
        user
        int vector
        done
        is "runs in the ring of the interrupted", [in_handler.cs], conforming | 3

; ------------------------------------------------------------------------------- the stack of an inner ring, ring 1
        gate code_ring1, handler, 0xee
        ring1_stack data_ring1 | 1, other_stack
        runs "an interrupt takes ring 3 to ring 1"
        user
        int vector
        done
        is "its stack is the TSS'", [in_handler.sp], other_stack - 20
        is "its frame holds the outer ESP", [in_handler.frame + 12], user_stack
        is "and SS", [in_handler.frame + 16], user_data
        is "CS has the ring", [in_handler.cs], code_ring1 | 1
        ring1_stack 0, other_stack
        faults "an inner stack with a null selector", TS, 0
        user
        here int vector
        done
        ring1_stack data_ring1, other_stack
        faults "an inner stack with the wrong RPL", TS, data_ring1
        user
        here int vector
        done
        ring1_stack user_data & ~3 | 1, other_stack
        faults "an inner stack with the wrong DPL", TS, user_data & ~3
        user
        here int vector
        done
        ring1_stack code_ring1 | 1, other_stack
        faults "an inner stack of code", TS, code_ring1
        user
        here int vector
        done
        ring1_stack 0xfff8 | 1, other_stack
        faults "an inner stack behind the GDT", TS, 0xfff8
        user
        here int vector
        done
        ring1_stack absent_data | 1, other_stack
        faults "an inner stack that is not present", SS_FAULT, absent_data
        user
        here int vector
        done
        ring1_stack tiny_ring1 | 1, 8
        faults "an inner stack without room", SS_FAULT, tiny_ring1
        user
        here int vector
        done
        ring1_stack data_ring1 | 1, other_stack
        describe tss, abs(tss_memory), 0xf, 0x8b
        mov eax, tss                    ; the register has to learn of the new limit
        mov byte [gdt + tss + 5], 0x89
        ltr ax
        faults "an inner stack behind the TSS' limit", TS, tss
        user
        here int vector
        done
        describe tss, abs(tss_memory), 0x67 + 0x21, 0x89
        mov eax, tss
        ltr ax

; ------------------------------------------------------------------------------------------------------ call gates
        calls code32, called, 0xec, 2
        runs "a call gate takes ring 3 to ring 0"
        user
        push dword 0x11111111
        push dword 0x22222222
        call call_gate | 3:0
        mov [before.sp], esp
        done
        is "on the TSS' stack", [in_handler.sp], ring0_stack - 24
        is "CS has the ring that was called", [in_handler.cs], code32
        is "the return address lies there", [in_handler.frame + 4], user_code32
        is "the last parameter is copied", [in_handler.frame + 8], 0x22222222
        is "and the first", [in_handler.frame + 12], 0x11111111
        is "behind them lies the outer ESP", [in_handler.frame + 16], user_stack - 8
        is "and SS", [in_handler.frame + 20], user_data
        is "RET n releases the parameters on both stacks", [before.sp], user_stack
        calls code32, called, 0xec, 0
        faults "a far jump through a call gate to an inner ring", GP, code32
        user
        here jmp call_gate | 3:0
        done
        calls conforming, jumped, 0xec, 0
        runs "a far jump through a call gate to conforming code"
        user
        jmp call_gate | 3:0
jumped: mov eax, cs
        mov [in_handler.cs], eax
        done
        is "stays in its ring", [in_handler.cs], conforming | 3
        calls code32, called, 0x8c, 0
        faults "a call gate of DPL 0 from ring 3", GP, call_gate
        user
        here call call_gate | 3:0
        done
        faults "a call gate with an RPL above its DPL", GP, call_gate
        call call_gate | 3:0
        done
        calls code32, called, 0x6c, 0
        faults "a call gate that is not present", NP, call_gate
        user
        here call call_gate | 3:0
        done
        calls 0, called, 0xec, 0
        faults "a call gate with a null selector", GP, 0
        user
        here call call_gate | 3:0
        done
        calls data, called, 0xec, 0
        faults "a call gate to data", GP, data
        user
        here call call_gate | 3:0
        done
        calls user_code32 & ~3, called, 0xec, 0
        faults "a call gate to an outer ring", GP, user_code32 & ~3
        call call_gate:0
        done
        calls absent_code, called, 0xec, 0
        faults "a call gate to code that is not present", NP, absent_code
        user
        here call call_gate | 3:0
        done
        calls code_ring1, called, 0xec, 0
        ring1_stack data_ring1, other_stack
        faults "a call gate and a stack with the wrong RPL", TS, data_ring1
        user
        here call call_gate | 3:0
        done
        ring1_stack tiny_ring1 | 1, 8
        faults "a call gate and a stack without room", SS_FAULT, tiny_ring1
        user
        here call call_gate | 3:0
        done
        ring1_stack absent_data | 1, other_stack
        faults "a call gate and a stack that is not present", SS_FAULT, absent_data
        user
        here call call_gate | 3:0
        done
        calls low_code, called16, 0xe4, 1
        runs "a 16-bit call gate"
        user
        jmp low_user:real(.low_user)
.low_user:
        push word 0x3333
        call call_gate | 3:0
        mov [before.sp], esp
        done
        is "pushes words", [in_handler.sp], ring0_stack - 10
        is "its parameters are words", [in_handler.frame + 4], (user_stack - 2) << 16 | 0x3333
        is "and so its RET n", [before.sp], user_stack
        calls code32, called, 0x8c, 0
        runs "a call gate in the same ring"
        call call_gate:0
        done
        is "pushes two doublewords on the same stack", [in_handler.sp], stack_top - 8

%include "gates_iret.inc"

        finish

; --------------------------------------------------------------------------------------------- where gates lead
; Notes its flags, CS, stack pointer and frame. It may run in any ring.
handler:
        push eax
        mov eax, cs
        mov [ss:in_handler.cs], eax
        lea eax, [esp + 4]
        mov [ss:in_handler.sp], eax
        pushf
        pop dword [ss:in_handler.flags]
%assign n 0
%rep 5
        mov eax, [esp + 4 + 4 * n]
        mov [ss:in_handler.frame + 4 * n], eax
%assign n n + 1
%endrep
        pop eax
        iret

handler16:
        mov [in_handler.sp], esp
        o16 iret

called: mov [ss:in_handler.sp], esp
        mov [ss:in_handler.cs], cs
%assign n 0
%rep 6
        mov eax, [esp + 4 * n]
        mov [ss:in_handler.frame + 4 * n], eax
%assign n n + 1
%endrep
        cmp byte [ss:gdt + call_gate + 4], 2
        je .parameters
        retf
.parameters:
        retf 8

called16:
        mov [in_handler.sp], esp
        mov eax, [esp + 4]
        mov [in_handler.frame + 4], eax
        o16 retf 2

        align 8
before:
.sp:    dd 0
in_handler:
.sp:    dd 0
.cs:    dd 0
.flags: dd 0
.frame: times 6 dd 0
bounds: dd -1, 10

image_end
