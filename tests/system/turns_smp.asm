; Owns the checks that what one CPU writes once in each round of a loop is seen by another before long, whatever the loop's length,
; and that a lock that is free once a round is got.
ap_page     equ 0xe
assert      equ 1 << 14
apic        equ 0xfee00000
patience    equ 1000000                 ; rounds of three instructions

%include "common/start.inc"
%include "common/check.inc"
%include "common/check32.inc"
%include "common/check64.inc"

; The other CPU's part: rounds of %1 instructions until `part` says that the next one is to come. Five of them are not NOPs.
%macro arrive 0
        mov dword [arrived], current_part
%endmacro
%macro flag_rounds 1
        mov dword [flag], 0
        arrive
%%round: mov dword [flag], 0
        times %1 - 5 nop
        mov dword [flag], 1
        cmp dword [part], current_part
        je %%round
%assign current_part current_part + 1
%endmacro
; The lock is free between two instructions of %1 alone.
%macro lock_rounds 1
        mov dword [lock_word], 1
        arrive
%%round: cmp dword [part], current_part
        jne %%end
        times %1 - 5 nop
        mov dword [lock_word], 0
%%take: lock bts dword [lock_word], 0
        jnc %%round
        jmp %%take
%%end:  mov dword [lock_word], 0
%assign current_part current_part + 1
%endmacro
; A round of about %1 instructions, most of them an inner loop's; the flag is 1 during one in 50 of them.
%macro long_rounds 1
        mov dword [flag], 0
        arrive
%%round: mov dword [flag], 0
        mov ecx, %1 * 49 / 100
%%zero: dec ecx
        jnz %%zero
        mov dword [flag], 1
        mov ecx, %1 / 100
%%one:  dec ecx
        jnz %%one
        cmp dword [part], current_part
        je %%round
%assign current_part current_part + 1
%endmacro

        bits 32
main:   mov eax, main64
        jmp enter_long

        bits 64
main64: mov ebp, apic
        mov dword [rbp + 0xf0], 0x1ff
        mov byte [ap_page << 12], 0xea
        mov dword [(ap_page << 12) + 1], (image_base >> 4) << 16 | real(ap_start)
        mov dword [rbp + 0x300], 3 << 18 | assert | 5 << 8
        mov dword [rbp + 0x300], 3 << 18 | assert | 6 << 8 | ap_page
        call wait_for_part
        call see_flags
        is "a flag that is set once in a loop of 8 to 64 instructions is seen", r13, 0
        call take_locks
        is "a lock that is free once in a loop of 10 to 64 instructions is got", r13, 0
        call see_flags
        is "a flag that is set for a while in a loop as long as a turn is seen", r13, 0
        finish

; Adds to r13 for each part in which the flag was never seen; r14 parts.
see_flags:
        xor r13d, r13d
        mov r15d, [counts]
.part:  mov r14d, patience
.poll:  cmp dword [flag], 1
        je .seen
        dec r14d
        jnz .poll
        inc r13d
.seen:  call next_part
        dec r15d
        jnz .part
        mov dword [counts], long_parts
        ret

take_locks:
        xor r13d, r13d
        mov r15d, lock_parts
.part:  mov r14d, patience
.poll:  lock bts dword [lock_word], 0
        jnc .got
        dec r14d
        jnz .poll
        inc r13d
.got:   call next_part
        dec r15d
        jnz .part
        ret

; Lets the other CPU go on, and waits until it does.
next_part:
        mov dword [lock_word], 0
        inc dword [part]
wait_for_part:
        mov eax, [part]
.wait:  cmp [arrived], eax
        jne .wait
        ret

        bits 16
ap_start:
        cli
        mov ax, cs
        mov ds, ax
        o32 lgdt [real(gdt_pointer)]
        mov eax, cr0
        or al, 1
        mov cr0, eax
        jmp dword code32:ap_flat

        bits 32
ap_flat:
        mov eax, data
        mov ds, eax
        mov ss, eax
        mov esp, other_stack
%assign current_part 0
        flag_rounds 8
        flag_rounds 10
        flag_rounds 16
        flag_rounds 20
        flag_rounds 32
        flag_rounds 50
        flag_rounds 64
flag_parts equ current_part
        lock_rounds 10
        lock_rounds 20
        lock_rounds 64
lock_parts equ current_part - flag_parts
        long_rounds 20000
        long_rounds 20011
        long_rounds 40000
long_parts equ current_part - flag_parts - lock_parts
        arrive
.end:   hlt
        jmp .end

        align 4
counts: dd flag_parts
flag:   dd 0
lock_word: dd 0
part:   dd 0
arrived: dd -1
image_end
