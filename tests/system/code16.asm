; Owns the checks of 16-bit code and 16-bit stacks in protected mode: operand and address sizes, where IP and SP wrap, what is pushed.
%include "common/start.inc"
%include "common/check.inc"
%include "common/check32.inc"

stack16     equ slot + 0x00             ; 64 KiB at `pages`, B = 0
code_short  equ slot + 0x08             ; 16-bit code at the image with a limit behind `edge`
user16      equ slot + 0x10 | 3         ; the same image for ring 3, 16-bit
user_stack16 equ slot + 0x18 | 3
low32       equ slot + 0x20             ; 32-bit code at the image
top         equ 0x8000                  ; of the 16-bit stack

; sixteen: the rest of an attempt in 16-bit code, SS still 32-bit.
%macro sixteen 0
        jmp code16:real(%%there)
        bits 16
%%there:
%endmacro
; narrow ESP: SS 16-bit.
%macro narrow 1
        mov ecx, stack16
        mov ss, ecx
        mov esp, %1
%endmacro
%macro here16 1+
%$here: %1
%define %$rip real(%$here)
%endmacro
; notes: ESP, and what lies where SP points.
%macro notes 0
        mov [noted.esp], esp
        movzx eax, sp
        mov eax, [pages + eax]
        mov [noted.top], eax
%endmacro

main:   describe stack16, pages, 0xffff, 0x0093
        describe code_short, image_base, real(edge) + 1, 0x009b
        describe user16, image_base, 0xffff, 0x00fb
        describe user_stack16, pages, 0xffff, 0x00f3
        describe low32, image_base, 0xffff, 0x409b

; ----------------------------------------------------------------------------------------------------- 16-bit stacks
        runs "a push uses SP and leaves the rest of ESP"
        narrow 0x12340000 | top
        push dword 0x11112222
        notes
        lss esp, [flat_stack]
        done
        is "ESP's half stays", [noted.esp], 0x12340000 | top - 4
        is "the value is there", [noted.top], 0x11112222
        runs "a push at SP 0 wraps"
        narrow 0
        push word 0x3333
        mov [noted.esp], esp
        lss esp, [flat_stack]
        done
        is "to FFFEH", [noted.esp], 0xfffe
        is "and not below the segment", [pages + 0xfffe], 0x3333 | 0x00000000
        runs "ENTER and LEAVE"
        narrow 0x5678fff0
        mov ebp, 0xaaaa0000
        enter 16, 0
        mov [noted.esp], esp
        mov [noted.top], ebp
        leave
        mov [noted.after], esp
        lss esp, [flat_stack]
        done
        is "ENTER moves SP", [noted.esp], 0x5678ffdc
        is "ENTER moves all of EBP", [noted.top], 0x5678ffec
        is "LEAVE takes SP from BP", [noted.after], 0x5678fff0
        runs "POP by ESP"
        narrow top
        push dword 0x600d
        pop dword [noted.top]
        lss esp, [flat_stack]
        done
        is "is what was pushed", [noted.top], 0x600d
        runs "PUSHAD"
        narrow 0x10000 | top
        mov eax, 1
        mov edi, 8
        pusha
        notes
        lss esp, [flat_stack]
        done
        is "goes down by 32", [noted.esp], 0x10000 | top - 32
        is "its last value is EDI", [noted.top], 8
        is "its image of ESP is all of it", [pages + top - 20], 0x10000 | top

; ------------------------------------------------------------------------------------------------------ 16-bit code
        runs "a near call in 16-bit code"
        sixteen
        call .called
.called:
        pop word [dword noted.top]
        done
        movzx eax, word [noted.top]
        is "pushes IP as a word", eax, real(.called)
        runs "a near call with a 32-bit operand"
        sixteen
        call dword .called32
.called32:
        pop dword [dword noted.top]
        done
        is "pushes EIP", [noted.top], real(.called32)
        runs "a far call in 16-bit code"
        sixteen
        mov dword [dword noted.top], 0
        call code16:real(.far)
.far:   pop dword [dword noted.top]
        done
        is "pushes IP and CS as words", [noted.top], code16 << 16 | real(.far)
        runs "a relative jump masks IP"
        sixteen
        mov ax, real(.over)
        jmp ax
.over:
        done
        runs "LOOP counts CX"
        sixteen
        mov ecx, 0x10001
        loop .again
        jmp .end
.again: mov cx, 0x7777
.end:
        done
        is "and leaves the rest of ECX", ecx, 0x10000
        runs "LOOP with a 32-bit address counts ECX"
        sixteen
        mov ecx, 0x10001
        a32 loop .taken
        mov ecx, 0
.taken:
        done
        is "all of it", ecx, 0x10000
        runs "REP with a 16-bit address counts CX"
        sixteen
        mov ecx, 0x50002
        mov esi, 0x90000 + 0x1000
        mov edi, 0x90000 + 0x2000
        rep lodsb
        done
        is "CX alone", ecx, 0x50000
        is "and moves SI", esi, 0x91002
        faults "execution runs over the limit", GP, 0
        jmp code_short:real(edge)
        bits 16
        anywhere
        done
        is "at the instruction that the limit cuts", [got.ip], real(edge) + 1
        faults "a jump to what the limit cuts", GP, 0
        anywhere
        jmp code_short:real(edge) + 1
        done
        is "is a fault of that, not of the jump", [got.ip], real(edge) + 1
        faults "a jump behind the limit", GP, 0
        jmp code_short:real(edge) + 2
        done
        faults "a near jump of 32 bits behind the limit", GP, 0
        sixteen
        here16 jmp dword (image_base + 0x10000)
        done
        runs "PUSHF pushes 16 bits"
        sixteen
        push dword 0x55555555
        pushf
        pop ax
        add sp, 4
        movzx eax, ax
        done
        is "of RFLAGS", [got.eax], 2
        runs "IRET of 16 bits in ring 0"
        sixteen
        push word 3
        push word code16
        push word real(.returned)
        iret
.returned:
        done
        is "takes words", [got.flags], 3
        runs "to ring 3 with a 16-bit stack"
        push dword user_stack16
        push dword 0x7770000 | top
        push dword 2
        push dword user16
        push dword real(.ring3)
        iret
        bits 16
.ring3: push word 1
        mov eax, esp
        done
        is "IRET of 32 bits loads SP, and leaves ring 0's half of ESP", [got.eax], top - 2
        runs "a far return of 16 bits to ring 3"
        sixteen
        push word user_stack16
        push word top
        push word user16
        push word real(.far_return)
        retf
.far_return:
        movzx eax, sp
        done
        is "takes SP as a word", [got.eax], top

; ----------------------------------------------------------------------------------------------------- address sizes
        runs "16-bit addresses in 32-bit code"
        mov ebx, 0x12340000 | stack_top
        mov word [stack_top + 0x10], 0x4321
        a16 mov ax, [bx + 0x10]
        movzx eax, ax
        done
        is "wrap at 64 KiB", [got.eax], 0x4321
        runs "32-bit addresses in 16-bit code"
        sixteen
        mov eax, [dword number]
        done
        is "reach everything", [got.eax], 0x600d600d
        runs "LEA of 16 bits"
        mov ebx, 0x1fff0
        lea ax, [ebx + 0x20]
        movzx eax, ax
        done
        is "keeps the low half", [got.eax], 0x10
        finish

; Two bytes at the end of `code_short`: NOP, and the first byte of MOV EAX, 0.
        align 16
edge:   nop
        db 0xb8, 0, 0

        align 8
flat_stack:
        dd stack_top - 64
        dw data
        align 4
noted:
.esp:   dd 0
.top:   dd 0
.after: dd 0
number: dd 0x600d600d

image_end
