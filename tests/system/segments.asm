; Owns the checks of segments in protected mode: what can be loaded into which register, limits in both directions, rings.
%include "common/start.inc"
%include "common/check.inc"
%include "common/check32.inc"

; load REGISTER, SELECTOR: through AX.
%macro load 2
        mov eax, %2
        mov %1, ax
%endmacro
; refuses "NAME", REGISTER, SELECTOR, VECTOR, ERROR CODE: of the load.
%macro refuses 5
        mov ecx, %3
        faults %1, %4, %5
        mov %2, cx
        done
%endmacro
; loads "NAME", REGISTER, SELECTOR: without a fault.
%macro loads 3
        mov ecx, %3
        runs %1
        mov %2, cx
        done
%endmacro

small       equ slot + 0x00             ; 100H bytes at `pages`, writable
readonly    equ slot + 0x08
down        equ slot + 0x10             ; expand-down, 32-bit: from 1000H up
down16      equ slot + 0x18             ; expand-down, 16-bit: 1000H to FFFFH
absent      equ slot + 0x20
execute     equ slot + 0x28             ; code that cannot be read
conforming  equ slot + 0x30             ; DPL 0
system      equ slot + 0x38             ; an LDT's descriptor
fresh       equ slot + 0x40             ; not accessed yet
absent_code equ slot + 0x48
pages_limit equ slot + 0x50             ; G: 1000H bytes
ring3_data  equ slot + 0x58
local       equ slot + 0x60             ; the LDT of `local_table`
readable    equ slot + 0x68             ; code that can be read, DPL 0
beyond      equ slot + 0x80             ; behind the GDT's end

main:   describe small, pages, 0xff, 0x4093
        describe readonly, pages, 0xff, 0x4091
        describe down, pages, 0xfff, 0x4097
        describe down16, pages, 0xfff, 0x0097
        describe absent, 0, 0xfffff, 0xc013
        describe execute, 0, 0xfffff, 0xc099
        describe conforming, 0, 0xfffff, 0xc09f
        describe system, 0, 0xffff, 0x0082
        describe fresh, 0, 0xfffff, 0xc092
        describe absent_code, 0, 0xfffff, 0xc01b
        describe pages_limit, pages, 0, 0xc093
        describe ring3_data, 0, 0xfffff, 0xc0f3
        describe local, abs(local_table), 15, 0x0082
        describe readable, 0, 0xfffff, 0xc09b

; ---------------------------------------------------------------------------------------- what a register takes
        loads "a null selector may be loaded into ES", es, 0
        loads "a null selector with an RPL too", es, 3
        faults "memory behind a null selector is #GP(0)", GP, 0
        load es, 0
        here mov al, [es:pages]
        done
        refuses "SS takes no null selector", ss, 0, GP, 0
        refuses "nor one with an RPL", ss, 3, GP, 0
        refuses "a selector behind the GDT's end", ds, beyond, GP, beyond
        refuses "the error code leaves the RPL out", ds, beyond | 3, GP, beyond
        refuses "a selector of the LDT when there is none", ds, 0x0c, GP, 0x0c
        refuses "the error code keeps the table indicator", ds, 0x0f, GP, 0x0c
        refuses "a segment that is not present: #NP for DS", ds, absent, NP, absent
        refuses "a segment that is not present: #SS for SS", ss, absent, SS_FAULT, absent
        refuses "DS takes no code that cannot be read", ds, execute, GP, execute
        loads "DS takes code that can", ds, readable
        refuses "DS takes no system segment", ds, system, GP, system
        refuses "SS takes no code", ss, readable, GP, readable
        refuses "SS takes no read-only data", ss, readonly, GP, readonly
        refuses "SS wants RPL = CPL", ss, data | 1, GP, data
        refuses "SS wants DPL = CPL", ss, ring3_data, GP, ring3_data
        refuses "DS wants DPL >= RPL", ds, data | 3, GP, data
        loads "a conforming segment is exempt from that", ds, conforming | 3
        faults "MOV to CS is #UD", UD
        db 0x8e, 0xc8
        done
        faults "MOV to segment register 6 is #UD", UD
        db 0x8e, 0xf0
        done

        loads "a descriptor that was not accessed", fs, fresh
        is "has its accessed bit set by the load", [gdt + fresh + 4], 0x00cf9300
        mov byte [gdt + fresh + 5], 0x92
        mov ecx, fresh
        verr cx
        holds "VERR takes it", z
        is "and leaves the accessed bit", [gdt + fresh + 4], 0x00cf9200

; ------------------------------------------------------------------------------------------------------ the LDT
        faults "LLDT of a data segment", GP, data
        mov eax, data
        here lldt ax
        done
        faults "LLDT of an LDT's selector in the LDT", GP, local | 4
        mov eax, local | 4
        here lldt ax
        done
        faults "LTR of a busy TSS", GP, tss
        mov eax, tss
        here ltr ax
        done
        faults "LTR of a null selector", GP, 0
        xor eax, eax
        here ltr ax
        done
        mov byte [gdt + local + 5], 0x02
        faults "LLDT of an LDT that is not present", NP, local
        mov eax, local
        here lldt ax
        done
        mov byte [gdt + local + 5], 0x82
        mov eax, local
        lldt ax
        loads "a segment of the LDT", es, 0x0c
        load es, 0x0c
        is "has the base that the LDT says", [es:0], 0x12345678
        refuses "the LDT's limit counts", es, 0x14, GP, 0x14
        xor eax, eax
        lldt ax
        refuses "a null LDT has no segments", es, 0x0c, GP, 0x0c
        refuses "an LDT's selector 0 is no null selector", es, 0x04, GP, 0x04

; ------------------------------------------------------------------------------------------------------- limits
        load es, small
        runs "the last byte below a limit"
        mov al, [es:0xff]
        done
        load es, small
        faults "a byte behind it", GP, 0
        mov al, [es:0x100]
        done
        load es, small
        faults "a doubleword that reaches behind it", GP, 0
        mov eax, [es:0xfd]
        done
        load es, small
        runs "a doubleword that ends there"
        mov eax, [es:0xfc]
        done
        load es, small
        faults "an operand that wraps around 4 GiB", GP, 0
        mov eax, [es:0xfffffffe]
        done
        load es, readonly
        faults "a write to read-only data", GP, 0
        mov [es:0], al
        done
        load es, readable
        faults "a write to code", GP, 0
        mov [es:pages], al
        done
        faults "a write through CS", GP, 0
        mov [cs:pages], al
        done
        load es, pages_limit
        runs "a limit of pages counts its last 4095 bytes"
        mov al, [es:0xfff]
        done
        load es, pages_limit
        faults "and no more", GP, 0
        mov al, [es:0x1000]
        done
        load es, down
        faults "expand-down: at the limit", GP, 0
        mov al, [es:0xfff]
        done
        load es, down
        runs "expand-down: above the limit"
        mov al, [es:0x1000]
        done
        load es, down
        runs "expand-down: B makes 4 GiB the end"
        mov al, [es:0xffff0000]
        done
        load es, down16
        runs "expand-down without B: the last byte of 64 KiB"
        mov al, [es:0xffff]
        done
        load es, down16
        faults "expand-down without B: behind it", GP, 0
        mov al, [es:0x10000]
        done
        load es, down16
        faults "expand-down without B: a word across it", GP, 0
        mov ax, [es:0xffff]
        done

; The handler's stack would be the same one; so ring 3 breaks it.
        describe small, pages, 0xff, 0x40f3
        faults "a push below a stack's segment is #SS(0)", SS_FAULT, 0
        user
        load ss, small | 3
        mov esp, 0x102
        here push eax
        done
        faults "EBP means the stack", SS_FAULT, 0
        user
        load ss, small | 3
        mov ebp, 0x100
        here mov al, [ebp]
        done
        faults "another segment by a prefix", GP, 0
        user
        load es, small | 3
        mov ebp, 0x100
        here mov al, [es:ebp]
        done
        describe small, pages, 0xffff, 0x00f3
        runs "a 16-bit stack wraps at 64 KiB"
        user
        load ss, small | 3
        mov esp, 0x50000
        push eax
        mov [esp_was], esp
        done
        is "and leaves the upper half of ESP", [esp_was], 0x5fffc
        describe small, pages, 0xff, 0x4093

; -------------------------------------------------------------------------------------------------------- rings
        faults "ring 3: DS of ring 0", GP, data
        user
        mov eax, data
        here mov ds, ax
        done
        faults "ring 3: SS of ring 0", GP, data
        user
        mov eax, data
        here mov ss, ax
        done
        faults "ring 3: SS with RPL 0 of DPL 3", GP, ring3_data
        user
        mov eax, ring3_data
        here mov ss, ax
        done
        runs "ring 3: conforming code of DPL 0 as data"
        user
        load ds, conforming | 3
        done
        runs "ring 3: a far jump to conforming code"
        user
        jmp conforming:.conforming
.conforming:
        mov eax, cs
        mov [esp_was], eax
        done
        is "keeps its CPL", [esp_was], conforming | 3
        faults "ring 3: a far jump to ring 0", GP, code32
        user
        here jmp code32:.conforming
        done
        faults "ring 0: a far jump to ring 3", GP, user_code32 & ~3
        jmp user_code32:.conforming
        done
        faults "a far jump to RPL 3 of DPL 0", GP, code32
        jmp code32 | 3:.conforming
        done
        faults "a far jump to data", GP, data
        jmp data:.conforming
        done
        faults "a far jump to a null selector", GP, 0
        jmp 0:.conforming
        done
        faults "a far jump to code that is not present", NP, absent_code
        jmp absent_code:.conforming
        done
        describe small, pages, 0xff, 0x409b
        faults "a far jump behind the limit of the new CS", GP, 0
        jmp small:0x100
        done
        faults "a far call behind the limit of the new CS", GP, 0
        call small:0x100
        done
        is "pushes nothing", esp, stack_top
        faults "a return to an inner ring", GP, code32
        user
        push dword code32
        push dword .conforming
        here retf
        done
        faults "a return to a null selector", GP, 0
        push dword 0
        push dword .conforming
        here retf
        done
        runs "a return to ring 3 takes SS and ESP with it"
        load ds, user_data
        push dword user_data
        push dword user_stack
        push dword user_code32
        push dword .outer
        retf
.outer: mov [esp_was], esp
        done
        is "as they were pushed", [esp_was], user_stack
        load ds, data
        load es, readable
        load fs, conforming
        load gs, ring3_data
        runs "a return to ring 3 looks at the data segments"
        push dword user_data
        push dword user_stack
        push dword user_code32
        push dword .looked
        retf
.looked:
        mov eax, ds
        mov ecx, es
        mov edx, fs
        mov ebx, gs
        done
        is "DS of DPL 0 becomes null", [got.eax], 0
        is "readable code of DPL 0 becomes null", ecx, 0
        is "conforming code stays", edx, conforming
        is "DPL 3 stays", ebx, ring3_data

; ------------------------------------------------------------------------------------- questions about selectors
        mov eax, data
        lsl ecx, eax
        holds "LSL answers for data", z
        is "with the limit in bytes", ecx, 0xffffffff
        mov eax, small
        lsl ecx, eax
        is "LSL without G", ecx, 0xff
        lar ecx, eax
        is "LAR gives the descriptor's second half, masked", ecx, 0x00409b00
        mov eax, absent
        lar ecx, eax
        holds "LAR does not ask for presence", z
        xor eax, eax
        lar ecx, eax
        holds "LAR has no answer for a null selector", nz
        mov eax, beyond
        lsl ecx, eax
        holds "LSL has no answer behind the table", nz
        describe fresh, 0, 0xffff, 0x008c       ; a call gate
        mov eax, fresh
        lar ecx, eax
        holds "LAR answers for a call gate", z
        lsl ecx, eax
        holds "LSL does not", nz
        describe fresh, 0, 0xffff, 0x008e
        lar ecx, eax
        holds "LAR does not for an interrupt gate", nz
        describe fresh, 0, 0x1234, 0x0081
        lsl ecx, eax
        holds "LSL answers for a 16-bit TSS", z
        verr ax
        holds "VERR does not", nz
        mov eax, readonly
        verw ax
        holds "VERW refuses read-only data", nz
        mov eax, data
        verw ax
        holds "VERW takes writable data", z
        mov eax, execute
        verr ax
        holds "VERR refuses code that cannot be read", nz
        mov eax, conforming | 3
        verr ax
        holds "VERR takes conforming code with any RPL", z
        mov eax, 0x12345678
        mov ecx, data
        arpl [arpl_was], cx
        holds "ARPL with the same RPL changes nothing", nz
        mov ecx, 3
        arpl [arpl_was], cx
        holds "ARPL raises an RPL", z
        is "to the other's", [arpl_was], data | 3

        finish

        align 8
local_table:                            ; entry 0: where `number` lies; entry 1: the same
        dq 0x0000930000000003 | (abs(number) & 0xffffff) << 16
        dq 0x0000930000000003 | (abs(number) & 0xffffff) << 16
number: dd 0x12345678
esp_was: dd 0
arpl_was: dd data

image_end
