; Owns the checks of real mode, and of the ways between it and protected mode: limits, vectors, what is unknown there.
%include "common/start.inc"
%include "common/check.inc"
%include "common/check32.inc"

small16     equ slot                    ; a 16-bit data segment of 4 GiB for "unreal" mode
cell        equ 0xf000                  ; an offset into the image's segment, free
low_stack   equ 0xfff0                  ; of real mode: 2000:FFF0, above the code

; real_mode: the rest of an attempt in real mode: CS = DS = ES = SS = 2000H.
%macro real_mode 0
        jmp code16:real(%%sixteen)
        bits 16
%%sixteen:
        mov eax, data16
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov fs, ax
        mov gs, ax
        lidt [real(ivt_pointer)]
        mov eax, cr0
        and al, ~1
        mov cr0, eax
        jmp image_base >> 4:real(%%there)
%%there:
        mov ax, cs
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov esp, low_stack
        push word 2
        popf
%endmacro
; Return addresses are offsets there.
%macro here16 1+
%$here: %1
%define %$rip real(%$here)
%endmacro
%macro after16 1+
        %1
%$after:
%define %$rip real(%$after)
%endmacro

main:   xor edi, edi
        mov eax, (image_base >> 4) << 16 | real(stubs16)
        mov ecx, 256
.vector:
        mov [edi], eax
        add edi, 4
        add eax, 8
        loop .vector

        runs "real mode"
        real_mode
        done
        is "pushes three words", [got.frame], low_stack - 6
        faults "no LLDT", UD
        real_mode
        here16 lldt ax
        done
        faults "no STR", UD
        real_mode
        here16 str ax
        done
        faults "no VERR", UD
        real_mode
        here16 verr ax
        done
        faults "no LAR", UD
        real_mode
        here16 lar ax, cx
        done
        faults "no ARPL", UD
        real_mode
        here16 arpl ax, cx
        done
        faults "no SYSENTER", GP
        real_mode
        here16 sysenter
        done
        faults "no VMX", UD
        real_mode
        here16 vmxoff
        done
        runs "but LGDT, LIDT, LMSW, CLTS, MOV CR, HLT's ring"
        real_mode
        lgdt [real(gdt_pointer)]
        lidt [real(ivt_pointer)]
        smsw ax
        lmsw ax
        clts
        mov eax, cr4
        mov cr4, eax
        done
        runs "segments are paragraphs"
        real_mode
        mov ax, (image_base >> 4) - 0x100
        mov ds, ax
        mov ebx, [real(marker) + 0x1000]
        done
        is "as they were loaded", ebx, 0x600df00d

; ------------------------------------------------------------------------------------------------------------ limits
        faults "a word at FFFFH", GP
        real_mode
        here16 mov ax, [0xffff]
        done
        runs "a byte at FFFFH"
        real_mode
        mov al, [0xffff]
        done
        faults "a doubleword at FFFDH", GP
        real_mode
        here16 mov eax, [0xfffd]
        done
        faults "an offset of 32 bits", GP
        real_mode
        mov ebx, 0x10000
        here16 mov al, [ebx]
        done
        runs "an offset of 16 bits wraps"
        real_mode
        mov bx, real(marker)
        mov si, 0x8000
        mov eax, [bx + si + 0x8000]
        mov ebx, eax
        done
        is "around 64 KiB", ebx, 0x600df00d
        faults "a far jump of 32 bits beyond 64 KiB", GP
        real_mode
        here16 jmp dword (image_base >> 4):0x10000
        done
        faults "a near return of 32 bits beyond 64 KiB", GP
        real_mode
        push dword 0x10000
        here16 o32 ret
        done
        runs "a push wraps around from 0"
        real_mode
        mov sp, 0
        mov word [cell], 0
        push word 0x1234
        mov bx, sp
        done
        and ebx, 0xffff
        is "to FFFEH", ebx, 0xfffe
        faults "BOUND", BR
        real_mode
        mov ax, 11
        here16 bound ax, [real(bounds)]
        done
        faults "a division by zero points at itself", DE
        real_mode
        xor cx, cx
        here16 div cx
        done
        faults "INT3", BP
        real_mode
        after16 int3
        done
        faults "INTO", OF
        real_mode
        mov al, 0x7f
        add al, 1
        after16 into
        done
        faults "a single step", DB
        real_mode
        push word 0x102
        popf
        after16 nop
        done
        runs "INT n clears IF and TF"
        real_mode
        mov word [real(flags_in)], 0
        push ds
        push word 0
        pop ds
        mov word [4 * 0x70], real(handler)
        pop ds
        push word 0x202
        popf
        int 0x70
        done
        is "in its handler", [flags_in], 2
        is "and IRET brings IF back", [flags_back], 0x202
        faults "a vector behind the table's limit", GP
        real_mode
        lidt [real(short_pointer)]
        here16 int 0x80
        done

; ----------------------------------------------------------------------------------------------- what PE leaves behind
        describe small16, 0, 0xfffff, 0x8093    ; 4 GiB
        runs "a limit stays when PE goes"
        real_mode
        mov eax, cr0
        or al, 1
        mov cr0, eax
        mov bx, small16
        mov fs, bx
        and al, ~1
        mov cr0, eax
        mov ebx, [dword fs:0x20000 + real(marker)]
        done
        is "until the register is loaded", ebx, 0x600df00d
        faults "and then too", GP
        real_mode
        mov eax, cr0
        or al, 1
        mov cr0, eax
        mov bx, data16
        mov fs, bx
        and al, ~1
        mov cr0, eax
        mov bx, 0
        mov fs, bx
        here16 mov al, [dword fs:0x10000]
        done
        faults "PG without PE", GP
        real_mode
        mov eax, cr0
        or eax, 1 << 31
        here16 mov cr0, eax
        done
        finish

        bits 16
        align 8
stubs16:
%assign stub_number 0
%rep 256
        push word stub_number
        jmp strict near caught16
        align 8
%assign stub_number stub_number + 1
%endrep

; From any event in real mode back to the check in protected mode. No register but EAX, SP and segments changes.
caught16:
        push ds
        push word image_base >> 4
        pop ds
        mov [real(got.eax)], eax
        pop ax
        pop ax
        movzx eax, ax
        mov [real(got.vector)], eax
        mov dword [real(got.error)], 0
        movzx eax, sp
        mov [real(got.frame)], eax
        pop ax
        movzx eax, ax
        mov [real(got.ip)], eax
        lgdt [real(gdt_pointer)]
        mov eax, cr0
        or al, 1
        mov cr0, eax
        jmp dword code32:.flat
        bits 32
.flat:  mov eax, data
        mov ds, eax
        mov es, eax
        mov ss, eax
        mov fs, eax
        mov gs, eax
        lidt [idt32_pointer]
        mov esp, [resume.stack]
        mov eax, [resume.ip]
        mov dword [resume.ip], 0
        mov [is_kept], eax
        mov eax, [got.eax]
        jmp [is_kept]

        bits 16
handler:
        pushf
        pop word [real(flags_in)]
        mov bp, sp
        mov ax, [bp + 4]
        mov [real(flags_back)], ax
        iret

        align 8
ivt_pointer:
        dw 0x3ff
        dd 0
short_pointer:
        dw 0x80 * 4 - 1
        dd 0
marker: dd 0x600df00d
bounds: dw 0, 10
flags_in: dd 0
flags_back: dd 0

image_end
