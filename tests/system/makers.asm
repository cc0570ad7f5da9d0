; Owns the checks of what Intel's CPUs do otherwise than AMD's, which judge the other instructions: x87 pointers, null FS and GS, 80-bit
; far pointers, LOCK MOV CR, EFER.
%include "common/start.inc"
%include "common/check.inc"
%include "common/check32.inc"
%include "common/check64.inc"
area equ pages + 0x40000
        bits 32
main:   fninit
.f32:   fld1
        fnstenv [area]
        mov eax, [area + 12]
        is "32-bit FNSTENV: FIP is the last instruction's", eax, main.f32
        fninit
        fld1
.mem:   fadd dword [ones]
        nop
        fnstenv [area]
        mov eax, [area + 12]
        is "of one with an operand", eax, main.mem
        mov eax, 7
        xor ecx, ecx
        cpuid
        mov [features7], ebx
        movzx eax, word [area + 16]
        mov ecx, code32
        bt ebx, 13                      ; FCS and FDS are deprecated
        jnc .fcs
        xor ecx, ecx
.fcs:
        is "FCS, as CPUID says", eax, ecx
        mov eax, [area + 20]
        mov ecx, ones
        bt ebx, 6
        jnc .fdp
        xor ecx, ecx
.fdp:
        is "32-bit FNSTENV: FDP, as CPUID says", eax, ecx
        fninit
        fld1
.ctl:   fldcw [area]
        fnstenv [area]
        mov eax, [area + 12]
        sub eax, main.ctl
        is "control instructions do not change it", eax, -2
        ; 66 EB in 32-bit code: EIP has 16 bits
        mov eax, jump_end
        and eax, 0xffff
        mov byte [eax], 0xc3            ; RET at the truncated address
        xor ebx, ebx
        push dword .back
        jmp jump
.back:
        is "66 EB in 32-bit code masks EIP", ebx, 0
        mov eax, main64
        jmp enter_long
jump:   db 0x66, 0xeb, 0
jump_end: mov ebx, 1
        ret
        bits 64
main64: fninit
.f64:   fld1
        o64 fxsave [area]
        mov rax, [area + 8]
        is "FXSAVE64: FIP", rax, main64.f64
        fninit
        fxsave [area]
        mov rax, [area + 8]
        is "FNINIT clears FIP", rax, 0
        fld1
.m64:   fmul dword [ones]
        o64 fxsave [area]
        mov rax, [area + 8]
        is "FXSAVE64: FIP of one with an operand", rax, main64.m64
        mov rax, [area + 16]
        mov ecx, ones
        test dword [features7], 1 << 6  ; FDP_EXCPTN_ONLY
        jz .fdp
        xor ecx, ecx
.fdp:
        is "and FDP, as CPUID says", rax, rcx
        ; an unmasked exception: FIP, FDP, FOP
        fninit
        mov word [area + 1024], 0x37b
        fldcw [area + 1024]
        fld1
.z64:   fdiv dword [zero]
        o64 fxsave [area]
        mov rax, [area + 8]
        is "of a division by zero: FIP", rax, main64.z64
        mov rax, [area + 16]
        is "FDP", rax, zero
        movzx eax, word [area + 6]
        is "FOP", rax, 0x034 | 0
        fnclex
        fninit
        ; null selectors
        mov ecx, 0xc0000100
        mov eax, 0x12345678
        mov edx, 0x1234
        wrmsr
        xor eax, eax
        mov fs, eax
        rdmsr
        shl rdx, 32
        or rax, rdx
        is "a null selector clears FS.base", rax, 0
        mov ecx, 0xc0000101
        mov eax, 0x12345678
        mov edx, 0x1234
        wrmsr
        mov eax, 3
        mov gs, eax
        rdmsr
        shl rdx, 32
        or rax, rdx
        is "so does one with an RPL for GS", rax, 0
        mov ecx, 0xc0000101
        mov eax, 0x12345678
        mov edx, 0x1234
        wrmsr
        mov eax, data
        mov gs, eax
        rdmsr
        shl rdx, 32
        or rax, rdx
        is "a selector's base has 32 bits", rax, 0
        ; 80-bit far pointers
        mov rax, .far
        mov [area], rax
        mov word [area + 8], code64
        runs "JMP m16:64"
        o64 jmp far [area]
        ud2
.far:   done
        mov rax, 0x123456789abcdef0
        mov [area], rax
        mov word [area + 8], data
        o64 lfs rbx, [area]
        mov rcx, 0x123456789abcdef0
        is "LFS r64, m16:64", rbx, rcx
        o64 lss rbx, [area]
        is "LSS r64, m16:64", rbx, rcx
        mov rax, .farcall
        mov [area], rax
        mov word [area + 8], code64
        runs "CALL m16:64"
        mov rcx, rsp
        o64 call far [area]
.behind: nop
.farcall: mov rdx, rsp
        pop rax
        mov rsp, rcx
        done
        is "pushes 64 bits", rax, main64.behind
        sub rcx, rdx
        is "twice", rcx, 16
        ; LOCK MOV CR is AMD's
        faults "LOCK MOV from CR0", UD
        db 0xf0
        mov rax, cr0
        done
        mov ecx, 0xc0000080
        rdmsr
        or eax, 1 << 14
        faults "EFER.FFXSR", GP, 0
        wrmsr
        done
        mov ecx, 0xc0000080
        rdmsr
        or eax, 1 << 12
        faults "EFER.SVME", GP, 0
        wrmsr
        done
        faults "FEMMS", UD
        db 0x0f, 0x0e
        done
        faults "VMRUN", UD
        db 0x0f, 0x01, 0xd8
        done
        faults "CLZERO", UD
        db 0x0f, 0x01, 0xfc
        done
        faults "MONITORX", UD
        db 0x0f, 0x01, 0xfa
        done
        faults "8F /1 is no POP", UD
        db 0x8f, 0xc8
        done
        mov dword [area], 0x21f80
        mov rax, cr4
        or eax, 0x600
        mov cr4, rax
        faults "MXCSR.MM is AMD's", GP, 0
        ldmxcsr [area]
        done
        ; LAR and LSL of a 16-bit TSS in IA-32e mode have no answer
        describe slot, 0, 0x67, 0x81
        mov eax, slot
        lar ebx, eax
        holds "LAR of a 16-bit TSS in IA-32e mode", nz
        ; the upper 8 bytes of a 64-bit TSS's descriptor: type has to be 0
        mov rax, tss
        lsl ebx, eax
        holds "LSL of a TSS", z
        finish
        align 8
ones:   dd 1.0, 0
zero:   dd 0, 0
features7: dd 0
image_end
