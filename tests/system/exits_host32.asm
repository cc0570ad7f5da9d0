; Owns the checks of VMX from 32-bit protected mode: halves of 64-bit fields, operands of 32 bits, the host after an exit, PAE paging.
%include "common/start.inc"
%include "common/check.inc"
%include "common/check32.inc"

        bits 32
vmxon_region equ pages
vmcs    equ pages + 0x1000
guest_stack equ 0xd000
pd      equ pages + 0xc000
pdpt    equ pages + 0xd000
pds     equ pages + 0xe000              ; 4 pages
%include "visor/fields.inc"
%macro get32 2
        mov edx, %2
        vmread %1, edx
%endmacro
%macro put32 2
        mov edx, %1
        mov ebx, %2
        vmwrite edx, ebx
%endmacro
%macro f 2
        dd %1, %2
%endmacro
%macro seg32 4
        dd GUEST_%1_SELECTOR, %2, GUEST_%1_BASE, 0, GUEST_%1_LIMIT, %3, GUEST_%1_ACCESS_RIGHTS, %4
%endmacro
; guest "NAME", REASON: enters at the code that follows, until `out`.
%macro guest 2
%push g
        jmp %%set
%%name: db %1, 0
%%set:  mov dword [name_], %%name
        mov dword [want], %2
        put32 GUEST_RIP, %%code
        mov dword [after_], %$after
        call enter
%%code:
%endmacro
%macro out_ 0
        vmcall
%$after:
        mov eax, [want]
        mov [is_wanted], eax
        mov eax, [reason]
        mov [is_got], eax
        mov eax, [name_]
        mov [check_name], eax
        call judge_is_32
%pop
%endmacro
main:   mov edi, pd
        mov eax, 0x83
.page:  stosd
        add eax, 1 << 22
        jnc .page
        mov eax, pd
        mov cr3, eax
        mov eax, cr4
        or eax, 0x10 | 1 << 13
        mov cr4, eax
        mov eax, cr0
        or eax, 1 << 31 | 1 << 5
        mov cr0, eax
        mov ecx, 0x3a
        rdmsr
        test al, 1
        jnz .locked
        or eax, 5
        wrmsr
.locked:
        mov ecx, 0x480
        rdmsr
        mov [vmxon_region], eax
        mov [vmcs], eax
        and dword [vmxon_region], 0x7fffffff
        and dword [vmcs], 0x7fffffff
        runs "VMXON in 32-bit mode"
        vmxon [on_at]
        done
        vmclear [vmcs_at]
        vmptrld [vmcs_at]
        holds "VMPTRLD", a
        ; fields
        call fill
        ; halves of a 64-bit field
        put32 TSC_OFFSET + 1, 0x55667788
        put32 TSC_OFFSET, 0x11223344
        get32 eax, TSC_OFFSET
        is "a full access writes the lower half", eax, 0x11223344
        get32 eax, TSC_OFFSET + 1
        is "and clears the upper one", eax, 0
        put32 TSC_OFFSET + 1, 0x55667788
        get32 eax, TSC_OFFSET
        is "the upper half alone", eax, 0x11223344
        get32 eax, TSC_OFFSET + 1
        is "has its value", eax, 0x55667788
        mov edx, TSC_OFFSET
        mov dword [mem], -1
        mov dword [mem + 4], -1
        vmread [mem], edx
        is "VMREAD to memory writes 4 bytes", [mem], 0x11223344
        is "and no more", [mem + 4], -1
        mov edx, GUEST_ES_SELECTOR
        mov dword [mem], -1
        vmread [mem], edx
        is "of a 16-bit field, too: zeros above", [mem], data
        mov edx, GUEST_ES_SELECTOR + 1
        vmread eax, edx
        holds "an upper half of a field that has none: ZF", z
        ; a guest
        guest "VMCALL of a 32-bit guest", 18
        vmcall
        out_
        get32 eax, GUEST_CS_ACCESS_RIGHTS
        is "CS is saved", eax, 0xc09b
        sgdt [mem]
        mov ax, [mem]
        movzx eax, ax
        is "the exit sets GDTR's limit to FFFFH", eax, 0xffff
        lgdt [gdt_pointer]
        sidt [mem]
        movzx eax, word [mem]
        is "and IDTR's", eax, 0xffff
        mov ecx, 0xc0000080
        rdmsr
        and eax, 0x500
        is "EFER: no LMA, no LME", eax, 0
        mov ax, cs
        movzx ebx, ax
        lsl ecx, ebx
        is "CS is flat", ecx, -1
        guest "CPUID", 10
        cpuid
        out_
        get32 eax, VM_EXIT_INSTRUCTION_LENGTH
        is "its length", eax, 2
        guest "a page fault", 0
        invlpg [0]
        ud2
        out_
        ; natural-width fields: 32 bits
        put32 GUEST_RSP, 0x87654321
        get32 eax, GUEST_RSP
        is "a natural-width field has 32 bits here", eax, 0x87654321
        put32 GUEST_RSP, guest_stack
        ; controls of 64-bit mode are refused
        get32 eax, VM_ENTRY_CONTROLS
        or eax, 1 << 9
        mov [mem], eax
        put32 VM_ENTRY_CONTROLS, [mem]
        guest "a 64-bit guest of a 32-bit host is refused", 0xffff
        nop
        out_
        get32 eax, VM_INSTRUCTION_ERROR
        sub eax, 7
        cmp eax, 1
        holds "with error 7 or 8", be
        and dword [mem], ~(1 << 9)
        put32 VM_ENTRY_CONTROLS, [mem]
        get32 eax, VM_EXIT_CONTROLS
        or eax, 1 << 9
        mov [mem], eax
        put32 VM_EXIT_CONTROLS, [mem]
        guest "a 64-bit host address space is refused", 0xffff
        nop
        out_
        get32 eax, VM_INSTRUCTION_ERROR
        sub eax, 7
        cmp eax, 1
        holds "with error 7 or 8, too", be
        and dword [mem], ~(1 << 9)
        put32 VM_EXIT_CONTROLS, [mem]
        ; PAE host: four directories with pages of 2 MiB
        mov edi, pds
        mov eax, 0x83
.page2: stosd
        mov dword [edi], 0
        add edi, 4
        add eax, 1 << 21
        jnc .page2
        mov dword [pdpt], pds | 1
        mov dword [pdpt + 4], 0
        mov dword [pdpt + 8], (pds + 0x1000) | 1
        mov dword [pdpt + 12], 0
        mov dword [pdpt + 16], (pds + 0x2000) | 1
        mov dword [pdpt + 20], 0
        mov dword [pdpt + 24], (pds + 0x3000) | 1
        mov dword [pdpt + 28], 0
        mov eax, cr0
        and eax, 0x7fffffff
        faults "PG stays 1 in VMX operation", GP, 0
        mov cr0, eax
        done
        ; from 32-bit paging to PAE by the exit: host CR3 and CR4 of PAE
        mov eax, cr4
        or eax, 0x20
        put32 HOST_CR4, eax
        put32 HOST_CR3, pdpt
        guest "an exit to a host with PAE paging", 18
        mov eax, cr3
        vmcall
        out_
        mov eax, cr4
        and eax, 0x20
        is "CR4.PAE is on", eax, 0x20
        mov eax, cr3
        is "CR3 is the host's", eax, pdpt
        ; the registers hold what memory had at the exit: changed tables count only with the next load
        mov dword [pdpt + 24], 0
        mov eax, [0xfee00030]
        cmp eax, 0
        holds "the PDPTE registers keep the old table", nz
        mov dword [pdpt + 24], (pds + 0x3000) | 1
        ; and back to 32-bit paging
        mov eax, cr4
        and eax, ~0x20
        put32 HOST_CR4, eax
        put32 HOST_CR3, pd
        guest "an exit to a host with 32-bit paging", 18
        vmcall
        out_
        mov eax, cr4
        and eax, 0x20
        is "CR4.PAE is off", eax, 0
        ; a PAE guest, PDPTEs from memory
        put32 GUEST_CR3, pdpt
        mov eax, cr4
        or eax, 0x20
        put32 GUEST_CR4, eax
        guest "a guest with PAE paging", 18
        mov eax, [0xfee00030]
        vmcall
        out_
        mov dword [pdpt + 8], (pds + 0x1000) | 3
        guest "a guest's PDPTE with a reserved bit", 1 << 31 | 33
        nop
        out_
        get32 eax, EXIT_QUALIFICATION
        is "qualification 2", eax, 2
        mov dword [pdpt + 8], (pds + 0x1000) | 1
        runs "VMXOFF"
        vmxoff
        done
        finish
enter:  add esp, 4
        mov [saved_sp], esp
        bts dword [launched], 0
        jc .again
        vmlaunch
        jmp .refused
.again: vmresume
.refused:
        mov dword [reason], 0xffff
        jmp [after_]
vm_exit: mov [keep_eax], eax
        get32 eax, EXIT_REASON
        mov [reason], eax
        mov esp, [saved_sp]
        mov eax, [keep_eax]
        jmp [after_]
%macro must 2                           ; field, MSR
        mov ecx, %2
        rdmsr
        mov edx, %1
        vmwrite edx, eax
%endmacro
fill:   mov esi, table
.row:   lodsd
        mov edx, eax
        lodsd
        vmwrite edx, eax
        cmp esi, table_end
        jb .row
        mov eax, cr0
        put32 HOST_CR0, eax
        put32 GUEST_CR0, eax
        mov eax, cr3
        put32 HOST_CR3, eax
        put32 GUEST_CR3, eax
        mov eax, cr4
        put32 HOST_CR4, eax
        put32 GUEST_CR4, eax
        must PIN_BASED_CONTROLS, 0x48d
        must PROCESSOR_BASED_CONTROLS, 0x48e
        must VM_EXIT_CONTROLS, 0x48f
        must VM_ENTRY_CONTROLS, 0x490
        ret
        align 4
table:  seg32 CS, code32, -1, 0xc09b
        seg32 DS, data, -1, 0xc093
        seg32 ES, data, -1, 0xc093
        seg32 SS, data, -1, 0xc093
        seg32 FS, data, -1, 0xc093
        seg32 GS, data, -1, 0xc093
        seg32 LDTR, 0, 0, 0x10000
        dd GUEST_TR_SELECTOR, tss, GUEST_TR_BASE, tss_memory, GUEST_TR_LIMIT, 0x67, GUEST_TR_ACCESS_RIGHTS, 0x8b
        f GUEST_GDTR_BASE, gdt
        f GUEST_GDTR_LIMIT, gdt_end - gdt - 1
        f GUEST_IDTR_BASE, idt32
        f GUEST_IDTR_LIMIT, 256 * 8 - 1
        f GUEST_RSP, guest_stack
        f GUEST_RFLAGS, 2
        f GUEST_DR7, 0x400
        f GUEST_INTERRUPTIBILITY, 0
        f GUEST_ACTIVITY_STATE, 0
        f GUEST_PENDING_DEBUG_EXCEPTIONS, 0
        f VMCS_LINK_POINTER, -1
        f VMCS_LINK_POINTER + 1, -1
        f HOST_RIP, vm_exit
        f HOST_RSP, stack_top
        f HOST_CS_SELECTOR, code32
        f HOST_SS_SELECTOR, data
        f HOST_DS_SELECTOR, data
        f HOST_ES_SELECTOR, data
        f HOST_FS_SELECTOR, data
        f HOST_GS_SELECTOR, data
        f HOST_TR_SELECTOR, tss
        f HOST_TR_BASE, tss_memory
        f HOST_FS_BASE, 0
        f HOST_GS_BASE, 0
        f HOST_GDTR_BASE, gdt
        f HOST_IDTR_BASE, idt32
        f HOST_IA32_SYSENTER_CS, 0
        f HOST_IA32_SYSENTER_ESP, 0
        f HOST_IA32_SYSENTER_EIP, 0
        f EXCEPTION_BITMAP, -1
        f CR0_MASK, 0
        f CR4_MASK, 0
        f CR0_READ_SHADOW, 0
        f CR4_READ_SHADOW, 0
        f CR3_TARGET_COUNT, 0
        f VM_EXIT_MSR_STORE_COUNT, 0
        f VM_EXIT_MSR_LOAD_COUNT, 0
        f VM_ENTRY_MSR_LOAD_COUNT, 0
        f VM_ENTRY_INTERRUPTION_INFORMATION, 0
table_end:
on_at:  dd vmxon_region, 0
vmcs_at: dd vmcs, 0
mem:    dd 0, 0
reason: dd 0
want:   dd 0
name_:  dd 0
after_: dd 0
saved_sp: dd 0
launched: dd 0
keep_eax: dd 0
image_end
