; Owns the checks of task switches: JMP, CALL, IRET and task gates, what they save and load, busy bits, faults in the new task.
; Faults are taken by tasks of their own, since the stack of a task that could not be loaded is no place for a frame.
%include "common/start.inc"
%include "common/check.inc"
%include "common/check32.inc"

target      equ slot + 0x00             ; the TSS to switch to
target_gate equ slot + 0x08             ; a task gate for it
target16    equ slot + 0x10             ; the same place as a 16-bit TSS
absent_data equ slot + 0x18
absent_code equ slot + 0x20
tiny_code   equ slot + 0x28
table       equ slot + 0x30             ; an LDT
fault_tasks equ slot + 0x38             ; one TSS a vector, see `fault_vectors`
absent_table equ slot + 0x60
user_ring   equ user_data & ~3

; Offsets into a TSS.
t_esp0      equ 0x04
t_cr3       equ 0x1c
t_eip       equ 0x20
t_eflags    equ 0x24
t_eax       equ 0x28
t_esp       equ 0x38
t_edi       equ 0x44
t_es        equ 0x48
t_cs        equ 0x4c
t_ss        equ 0x50
t_ds        equ 0x54
t_fs        equ 0x58
t_gs        equ 0x5c
t_ldt       equ 0x60
t_trap      equ 0x64

; set FIELD, VALUE: of the target's TSS, whole as before but for this.
%macro set 2
        call fresh
        mov dword [target_tss + %1], %2
%endmacro
; busy "NAME", SELECTOR, 0 or 1
%macro busy 3
        movzx eax, byte [noted.gdt + (%2) + 5 - tss]
        shr eax, 1
        and eax, 1
        is %1, eax, %3
%endmacro

main:   call fresh
        call make_fault_tasks
        mov eax, 0x5003ff + 0x400       ; breakpoints for writes at 0, for this task and for all
        mov dr7, eax

; ----------------------------------------------------------------------------------------------------- by a far jump
        runs "a far jump to a TSS"
        mov eax, 0xabcd0123
        mov edi, 0x5678
        push dword 3
        popf
        jmp target:0x12345678           ; the offset does not count
.behind:
        done
        is "loads the general registers", [noted.eax], 0x11111111
        is "and the stack pointer", [noted.esp], other_stack
        is "and TR", [noted.tr], target
        is "and the segment registers", [noted.fs], user_data
        is "and the flags, as they are in the TSS", [noted.flags], 0x46
        is "saves the general registers", [tss_memory + t_eax], 0xabcd0123
        is "all of them", [tss_memory + t_edi], 0x5678
        is "the address behind the jump", [tss_memory + t_eip], .behind
        is "the flags", [tss_memory + t_eflags], 3
        is "the selectors, and leaves what is above them", [tss_memory + t_cs], 0xdead0000 | code32
        is "leaves the old task's stacks alone", [tss_memory + t_esp0], ring0_stack
        is "writes no link", [target_tss], 0
        busy "the new task is busy", target, 1
        busy "the old one no longer", tss, 0
        mov eax, [noted.cr0]
        shr eax, 3
        and eax, 1
        is "CR0.TS is set", eax, 1
        mov eax, dr7
        is "DR7 keeps what is for all tasks, and LE goes with the rest", eax, 0x5006aa
        mov eax, 0x400
        mov dr7, eax

; ---------------------------------------------------------------------------------------------------- by a far call
        call fresh
        runs "a far call to a TSS"
        call target:0
        done
        is "links to the old task", [target_tss], tss
        mov eax, [noted.flags]
        is "and sets NT", eax, 0x4046
        busy "the new task of a call is busy", target, 1
        busy "and so is the old one", tss, 1

        set t_eip, returning
        runs "IRET with NT returns to the old task"
        mov eax, 0x1234
        call target:0
        mov [noted.eax], eax
        str [noted.tr]
        call note_gdt
        done
        is "with its registers", [noted.eax], 0x1234
        is "and TR once more", [noted.tr], tss
        busy "the task that returned is not busy", target, 0
        busy "the one it returned to is", tss, 1
        is "NT is clear in the flags that it saved", [target_tss + t_eflags], 0x46
        is "it goes on behind its IRET the next time", [target_tss + t_eip], returning.again

; -------------------------------------------------------------------------------------------------- by a task gate
        call fresh
        runs "a far jump to a task gate"
        jmp target_gate:0
        done
        is "leads to its task", [noted.tr], target
        call fresh
        runs "a far call of ring 3 to a task gate of DPL 3"
        user
        call target_gate | 3:0
        done
        is "leads to a task of DPL 0", [noted.tr], target
        is "that is linked", [target_tss], tss
        call fresh
        runs "a task gate in the IDT"
        int 0x41
        done
        is "links", [target_tss], tss
        is "pushes nothing for INT n", [noted.esp], other_stack
        call fresh
        mov byte [gdt + target_gate + 5], 0x85
        faults "a task gate of DPL 0 from ring 3", GP, target_gate
        user
        here jmp target_gate | 3:0
        done
        call fresh
        mov byte [gdt + target_gate + 5], 0x65
        faults "a task gate that is not present", NP, target_gate
        jmp target_gate:0
        done
        call fresh
        mov word [gdt + target_gate + 2], data
        faults "a task gate to data", GP, data
        jmp target_gate:0
        done
        call fresh
        mov word [gdt + target_gate + 2], target | 4
        faults "a task gate into the LDT", GP, target | 4
        jmp target_gate:0
        done

; --------------------------------------------------------------------------------- faults before the switch: the old task's
        call fresh
        faults "a far jump of ring 3 to a TSS of DPL 0", GP, target
        user
        here jmp target | 3:0
        done
        call fresh
        mov byte [gdt + target + 5], 0x8b
        faults "a far jump to a busy TSS", GP, target
        jmp target:0
        done
        call fresh
        faults "a far call to the task itself", GP, tss
        call tss:0
        done
        call fresh
        mov byte [gdt + target + 5], 0x09
        faults "a TSS that is not present", NP, target
        jmp target:0
        done
        call fresh
        mov word [gdt + target], 0x66
        faults "a TSS of 66H + 1 bytes", TS, target
        jmp target:0
        done

; -------------------------------------------------------------------------- faults after the switch: the new task's
; They name the new task's first instruction, with its TSS saved again by the fault's own switch.
%macro fails 5                          ; "NAME", FIELD, VALUE, VECTOR, ERROR CODE
        set %2, %3
        faults %1, %4, %5
        anywhere
        jmp target:0
        done
        is %1, [got.ip], arrived
        is %1, [got.link], target
%endmacro
        fails "a null CS", t_cs, 0, TS, 0
        fails "CS of data", t_cs, data, TS, data
        fails "CS behind the GDT", t_cs, 0xfff8, TS, 0xfff8
        fails "CS of DPL 3 with RPL 0", t_cs, user_code32 & ~3, TS, user_code32 & ~3
        fails "CS of DPL 0 with RPL 3", t_cs, code32 | 3, TS, code32
        fails "CS that is not present", t_cs, absent_code, NP, absent_code
        fails "a null SS", t_ss, 0, TS, 0
        fails "SS of code", t_ss, code32, TS, code32
        fails "SS of another DPL", t_ss, user_ring, TS, user_ring
        fails "SS of another RPL", t_ss, data | 3, TS, data
        fails "SS that is not present", t_ss, absent_data, SS_FAULT, absent_data
        fails "DS that is a TSS", t_ds, tss, TS, tss
        fails "ES behind the GDT", t_es, 0xfff8, TS, 0xfff8
        fails "GS that is not present", t_gs, absent_data, NP, absent_data
        fails "an LDT that is data", t_ldt, data, TS, data
        fails "an LDT in the LDT", t_ldt, table | 4, TS, table | 4
        fails "an LDT that is not present", t_ldt, absent_table, TS, absent_table

        set t_cs, tiny_code
        mov dword [target_tss + t_eip], 0x20
        faults "EIP behind the limit of the new CS", GP, 0
        anywhere
        jmp target:0
        done
        is "is a fault of the new task", [got.link], target
        set t_trap, 1
        mov eax, 0xffff0ff0
        mov dr6, eax
        faults "the TSS' T flag", DB
        anywhere
        jmp target:0
        done
        is "is a trap ahead of the first instruction", [got.ip], arrived
        mov eax, dr6
        and eax, 0xe00f
        is "DR6.BT says so", eax, 0x8000
        set t_ldt, table
        runs "a task with an LDT"
        jmp target:0
        done
        is "has it", [noted.ldt], table

; ------------------------------------------------------------------------------------------------------ faults of IRET
        call fresh
        mov dword [tss_memory], target
        faults "IRET to a task that is not busy", TS, target
        push dword 0x4002
        popf
        here iret
        done
        call fresh
        mov dword [tss_memory], data
        faults "IRET to what is no task", TS, data
        push dword 0x4002
        popf
        here iret
        done
        call fresh
        mov dword [tss_memory], target | 4
        faults "IRET to a task in the LDT", TS, target | 4
        push dword 0x4002
        popf
        here iret
        done

; --------------------------------------------------------------------------------------------------------- 16-bit TSSs
        call fresh
        call make_target16
        runs "a far jump to a 16-bit TSS"
        mov ebx, 0x7777aaaa
        jmp target16:0
        done
        movzx eax, word [noted.eax]     ; what is above them is nowhere told
        is "loads words", eax, 0x1616
        is "and nulls FS", [noted.fs], 0
        busy "and makes it busy", target16, 1
        is "the old one, of 32 bits, was saved whole", [tss_memory + 0x34], 0x7777aaaa

        finish

; ------------------------------------------------------------------------------------------------- the tasks' code
arrived16:
        movzx esp, sp
; Notes what a task finds.
arrived:
        mov [noted.eax], eax
        mov [noted.esp], esp
        pushf
        pop dword [noted.flags]
        str [noted.tr]
        sldt [noted.ldt]
        mov [noted.fs], fs
        mov eax, cr0
        mov [noted.cr0], eax
        call note_gdt
        int nothing

returning:
        iret
.again: int nothing

note_gdt:
        push esi
        push edi
        push ecx
        mov esi, gdt + tss
        mov edi, noted.gdt
        mov ecx, (gdt_end - gdt - tss) / 4
        rep movsd
        pop ecx
        pop edi
        pop esi
        ret

; The tables as each check finds them: the first task runs, the target waits. Keeps nothing.
fresh:  mov byte [gdt + tss + 5], 0x89
        mov eax, tss
        ltr ax
        clts
        xor eax, eax
        lldt ax
        mov edi, tss_memory
        mov ecx, 0x68 / 4
        mov eax, 0xdeaddead
        rep stosd
        mov dword [tss_memory], 0
        mov dword [tss_memory + t_esp0], ring0_stack
        mov dword [tss_memory + 8], data
        mov dword [tss_memory + t_cr3], 0
        mov dword [tss_memory + t_ldt], 0
        mov dword [tss_memory + t_trap], 0x68 << 16
        mov edi, target_tss
        mov ecx, 0x68 / 4
        xor eax, eax
        rep stosd
        mov dword [target_tss + t_eip], arrived
        mov dword [target_tss + t_eflags], 0x46
        mov dword [target_tss + t_eax], 0x11111111
        mov dword [target_tss + t_esp], other_stack
        mov dword [target_tss + t_cs], code32
        mov eax, data
        mov [target_tss + t_es], eax
        mov [target_tss + t_ss], eax
        mov [target_tss + t_ds], eax
        mov [target_tss + t_gs], eax
        mov dword [target_tss + t_fs], user_data
        mov dword [target_tss + t_trap], 0x68 << 16
        describe target, abs(target_tss), 0x67, 0x89
        describe target16, abs(target_tss), 0x2b, 0x81
        mov dword [gdt + target_gate], target << 16
        mov dword [gdt + target_gate + 4], 0xe500
        mov dword [idt32 + 8 * 0x41], target << 16
        mov dword [idt32 + 8 * 0x41 + 4], 0xe500
        describe absent_data, 0, 0xfffff, 0xc013
        describe absent_code, 0, 0xfffff, 0xc01b
        describe tiny_code, 0, 0x1f, 0x409b
        describe table, abs(noted), 0xff, 0x0082
        describe absent_table, abs(noted), 0xff, 0x0002
        ret

; The same as a 16-bit TSS. Its EIP has 16 bits, and so its code a base.
make_target16:
        describe tiny_code, image_base, 0xffff, 0x409b
        mov word [target_tss + 0x0e], real(arrived16)
        mov word [target_tss + 0x10], 0x46
        mov word [target_tss + 0x12], 0x1616
        mov word [target_tss + 0x1a], other_stack
        mov word [target_tss + 0x22], data
        mov word [target_tss + 0x24], tiny_code
        mov word [target_tss + 0x26], data
        mov word [target_tss + 0x28], data
        mov word [target_tss + 0x2a], 0
        ret

fault_vectors:
        db DB, TS, NP, SS_FAULT, GP
fault_count equ $ - fault_vectors

; A task for each of these vectors, and a task gate in the IDT.
make_fault_tasks:
        xor ebx, ebx
.task:  imul edi, ebx, 0x80
        lea edi, [edi + pages]
        movzx edx, byte [fault_vectors + ebx]
        mov dword [edi + t_eip], task_entry
        mov [edi + t_eax], edx
        mov dword [edi + t_eflags], 2
        mov dword [edi + t_esp], other_stack - 0x400
        mov dword [edi + t_cs], code32
        mov dword [edi + t_ss], data
        mov dword [edi + t_ds], data
        mov dword [edi + t_es], data
        mov eax, edi
        shl eax, 16
        mov al, 0x67
        mov [gdt + fault_tasks + 8 * ebx], eax
        mov eax, edi
        shr eax, 16
        or eax, 0x8900
        mov [gdt + fault_tasks + 8 * ebx + 4], eax
        lea eax, [fault_tasks + 8 * ebx]
        shl eax, 16
        mov [idt32 + 8 * edx], eax
        mov dword [idt32 + 8 * edx + 4], 0xe500
        inc ebx
        cmp ebx, fault_count
        jb .task
        ret

; Where all of them begin, with the vector in EAX and the error code on the stack.
task_entry:
        mov [got.vector], eax
        mov dword [got.error], 0
        cmp eax, DB
        je .no_code
        pop dword [got.error]
.no_code:
        str eax
        mov ebx, eax
        and byte [gdt + ebx + 5], ~2    ; it can be called again, from its start
        mov edi, [gdt + ebx + 2]
        and edi, 0xffffff
        mov dword [edi + t_eip], task_entry
        mov ecx, [got.vector]
        mov [edi + t_eax], ecx
        movzx eax, word [edi]
        mov [got.link], eax
        mov esi, [gdt + eax + 2]
        and esi, 0xffffff
        mov ecx, [esi + t_eip]
        mov [got.ip], ecx
        mov eax, [resume.ip]
        mov dword [resume.ip], 0
        test eax, eax
        jz stray_32
        mov esp, [resume.stack]
        push dword 2
        popf
        jmp eax

        align 8
got.link: dd 0
noted:
.eax:   dd 0
.esp:   dd 0
.flags: dd 0
.tr:    dd 0
.ldt:   dd 0
.fs:    dd 0
.cr0:   dd 0
        align 8
.gdt:   times (gdt_end - gdt - tss) / 4 dd 0
target_tss:
        times 0x68 db 0

image_end
