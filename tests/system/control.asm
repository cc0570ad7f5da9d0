; Owns the checks of what may be written to control registers and model-specific registers, first in 32-bit mode, then in 64-bit mode.
%include "common/start.inc"
%include "common/check.inc"
%include "common/check32.inc"
%include "common/check64.inc"

EFER        equ 0xc0000080
PE          equ 1
PG          equ 1 << 31
NW          equ 1 << 29
CD          equ 1 << 30
WP          equ 1 << 16
PAE         equ 1 << 5
PCIDE       equ 1 << 17
OSXSAVE     equ 1 << 18
UMIP        equ 1 << 11
LME         equ 1 << 8
LMA         equ 1 << 10
never_canonical equ 1 << 60

; refuses_cr "NAME", CR, SET, CLEAR: #GP(0), in either mode.
%macro refuses_cr 4
%if __?BITS?__ == 64
        mov rax, %2
        mov rcx, (%4)
        not rcx
        and rax, rcx
        mov rcx, (%3)
        or rax, rcx
        faults %1, GP, 0
        mov %2, rax
        done
%else
        mov eax, %2
        and eax, ~(%4)
        or eax, %3
        faults %1, GP, 0
        mov %2, eax
        done
%endif
%endmacro
%macro takes_cr 4
        mov rax, %2
        mov rcx, (%4)
        not rcx
        and rax, rcx
        mov rcx, (%3)
        or rax, rcx
        runs %1
        mov %2, rax
        done
%endmacro

        bits 32
main:
        refuses_cr "CR0.PG without PE", cr0, PG, PE
        refuses_cr "CR0.NW without CD", cr0, NW, CD
        mov eax, cr0
        or eax, 0x1ffaffc0 & ~(1 << 5)  ; all bits that have no name
        runs "other bits of CR0 are ignored"
        mov cr0, eax
        done
        mov eax, cr0
        and eax, 0x1ffaffc0
        is "and stay 0", eax, 0
        mov eax, cr0
        and eax, ~(1 << 4)
        mov cr0, eax
        mov eax, cr0
        and eax, 1 << 4
        is "CR0.ET stays 1", eax, 1 << 4
        refuses_cr "CR4.PCIDE outside of IA-32e mode", cr4, PCIDE, 0
        refuses_cr "a reserved bit of CR4", cr4, 1 << 31, 0
        faults "CR1", UD
        db 0x0f, 0x20, 0xc8             ; MOV EAX, CR1
        done
        faults "CR7", UD
        db 0x0f, 0x22, 0xf8
        done
        faults "ring 3 reads CR0", GP, 0
        user
        here mov eax, cr0
        done
        faults "ring 3: CLTS", GP, 0
        user
        here clts
        done
        faults "ring 3: LMSW", GP, 0
        user
        here lmsw ax
        done
        faults "ring 3: RDMSR", GP, 0
        user
        here rdmsr
        done
        faults "ring 3: WBINVD", GP, 0
        user
        here wbinvd
        done
        faults "ring 3: INVD", GP, 0
        user
        here invd
        done
        mov eax, 0xfff0
        runs "LMSW"
        lmsw ax
        done
        mov eax, cr0
        and eax, PE
        is "cannot clear PE", eax, PE
        runs "SMSW in ring 3 without UMIP"
        user
        smsw eax
        done
        mov eax, cr4
        or eax, UMIP
        mov cr4, eax
        faults "and with it", GP, 0
        user
        here smsw eax
        done
        faults "UMIP: SGDT", GP, 0
        user
        here sgdt [pages]
        done
        faults "UMIP: STR", GP, 0
        user
        here str eax
        done
        runs "UMIP: not in ring 0"
        str eax
        sldt ebx
        sidt [pages]
        done
        mov eax, cr4
        and eax, ~UMIP
        mov cr4, eax
        mov eax, cr4
        or eax, 1 << 2                  ; TSD
        mov cr4, eax
        faults "CR4.TSD: RDTSC in ring 3", GP, 0
        user
        here rdtsc
        done
        mov eax, cr4
        and eax, ~(1 << 2)
        mov cr4, eax
        faults "RDPMC in ring 3 without CR4.PCE", GP, 0
        user
        xor ecx, ecx
        here rdpmc
        done

; -------------------------------------------------------------------------------------------- the way into IA-32e mode
        mov ecx, EFER
        rdmsr
        or eax, LME
        wrmsr
        mov eax, own_pml4
        mov cr3, eax
        refuses_cr "paging with LME and without PAE", cr0, PG, 0
        mov eax, cr4
        or eax, PAE
        mov cr4, eax
        mov byte [gdt + code32 + 6], 0xef       ; L
        jmp code32:.with_l
.with_l:
        refuses_cr "paging with LME and CS.L", cr0, PG, 0
        mov byte [gdt + code32 + 6], 0xcf
        jmp code32:.without_l
.without_l:
        describe tss, abs(tss_memory), 0x67, 0x81
        mov eax, tss
        ltr ax
        refuses_cr "paging with LME and a 16-bit TSS", cr0, PG, 0
        describe tss, abs(tss_memory), 0x88, 0x89
        mov eax, tss
        ltr ax
        mov eax, main64
        jmp enter_long

        bits 64
main64: mov ecx, EFER
        rdmsr
        is "64-bit mode: LMA", rax, LME | LMA
        and eax, ~LME
        faults "64-bit mode: EFER.LME cannot change", GP, 0
        wrmsr
        done
        mov eax, LME
        xor edx, edx
        runs "64-bit mode: EFER.LMA is not written"
        wrmsr
        rdmsr
        done
        is "64-bit mode: it stays", rax, LME | LMA
        refuses_msr "a reserved bit of EFER", EFER, LME | 1 << 1
        refuses_msr "a reserved bit of EFER above 32", EFER, LME, 1
        refuses_cr "64-bit mode: PAE cannot be cleared", cr4, 0, PAE
        refuses_cr "64-bit mode: nor PG", cr0, 0, PG
        refuses_cr "64-bit mode: the upper half of CR0", cr0, 1 << 32, 0
        refuses_cr "64-bit mode: the upper half of CR4", cr4, 1 << 32, 0
        refuses_cr "64-bit mode: CR3's bit 63 without PCIDE", cr3, 1 << 63, 0
        mov eax, 0x80000008
        cpuid
        movzx ecx, al
        cmp ecx, 52
        jae .widest
        mov rax, cr3
        bts rax, rcx
        faults "64-bit mode: CR3's bit MAXPHYADDR", GP, 0
        mov cr3, rax
        done
        jmp .narrower
.widest:
        is "64-bit mode: CR3's bit MAXPHYADDR", rcx, 52
.narrower:
        mov rax, cr3
        or rax, 1 << 3
        mov cr3, rax
        mov rcx, cr3
        is "CR3's PWT is kept", rcx, own_pml4 | 1 << 3
        mov eax, own_pml4 | 1
        mov cr3, rax
        refuses_cr "CR4.PCIDE while CR3 has a PCID's bits", cr4, PCIDE, 0
        mov eax, own_pml4
        mov cr3, rax
        takes_cr "CR4.PCIDE while it has none", cr4, PCIDE, 0
        takes_cr "then CR3's bit 63 keeps the TLB", cr3, 1 << 63 | 5, 0
        mov rax, cr3
        is "and is not stored", rax, own_pml4 | 5
        faults "PCIDE: INVPCID of a type that is none", GP, 0
        mov eax, 4
        here invpcid rax, [zeros]
        done
        faults "PCIDE: INVPCID's reserved bits", GP, 0
        mov eax, 1
        here invpcid rax, [ones]
        done
        mov eax, own_pml4
        mov cr3, rax
        takes_cr "PCIDE may be cleared", cr4, 0, PCIDE
        refuses_cr "CR4.SMXE, which no model has", cr4, 1 << 14, 0

; ------------------------------------------------------------------------------------------------------------- MSRs
        refuses_msr "an MSR that is none", 0x12345678, 0
        mov ecx, 0x12345678
        faults "to be read neither", GP, 0
        rdmsr
        done
        refuses_msr "FS_BASE that is not canonical", 0xc0000100, 0, never_canonical >> 32
        refuses_msr "KERNEL_GS_BASE that is not canonical", 0xc0000102, 0, never_canonical >> 32
        refuses_msr "a memory type that is none in IA32_PAT", 0x277, 0x00070602
        refuses_msr "a reserved byte's bits in IA32_PAT", 0x277, 0x00070408
        refuses_msr "a memory type that is none in an MTRR", 0x2ff, 0xc02
        refuses_msr "a read-only MSR: IA32_MTRRCAP", 0xfe, 0
        mov eax, 1 << 16
        bts rax, 47
        faults "WRFSBASE while CR4.FSGSBASE is 0", UD
        wrfsbase rax
        done
        takes_cr "CR4.FSGSBASE", cr4, 1 << 16, 0
        faults "then an address that is not canonical", GP, 0
        bts rax, 60
        here wrfsbase rax
        done

; ------------------------------------------------------------------------------------------------------------- XCR0
        faults "XGETBV while CR4.OSXSAVE is 0", UD
        xor ecx, ecx
        here xgetbv
        done
        faults "XSETBV while it is 0", UD
        here xsetbv
        done
        takes_cr "CR4.OSXSAVE", cr4, OSXSAVE, 0
        mov eax, 1
        cpuid
        bt ecx, 27
        holds "CPUID shows it", c
        xor ecx, ecx
        xgetbv
        is "XCR0 is x87 alone", rax, 1
        faults "XCR0 without x87", GP, 0
        xor ecx, ecx
        mov eax, 2
        xor edx, edx
        here xsetbv
        done
        faults "XCR0 with AVX and without SSE", GP, 0
        xor ecx, ecx
        mov eax, 5
        xor edx, edx
        here xsetbv
        done
        faults "a reserved bit of XCR0", GP, 0
        xor ecx, ecx
        mov eax, 3
        mov edx, 1 << 31
        here xsetbv
        done
        faults "XCR1", GP, 0
        mov ecx, 1
        mov eax, 3
        xor edx, edx
        here xsetbv
        done
        faults "XSETBV in ring 3", GP, 0
        user
        xor ecx, ecx
        mov eax, 3
        xor edx, edx
        here xsetbv
        done
        runs "x87 and SSE"
        xor ecx, ecx
        mov eax, 3
        xor edx, edx
        xsetbv
        done

; --------------------------------------------------------------------------------------------------- debug registers
        mov rax, 1 << 32
        faults "the upper half of DR6", GP, 0
        mov dr6, rax
        done
        faults "the upper half of DR7", GP, 0
        mov dr7, rax
        done
        faults "CR8 of more than 15", GP, 0
        mov cr8, rax
        done
        finish

        align 16
zeros:  dq 0, 0
ones:   dq -1, 0

image_end
