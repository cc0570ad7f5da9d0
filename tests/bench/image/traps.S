// Owns the entries of faults, interrupts and system calls, and the user-mode loops that the events time.
.intel_syntax noprefix
#include "tests/bench/image/saved_registers.inc"
.text

// Unexpected vectors: panic(vector, error, rip).
.altmacro
.macro stub number
stub_\number:
  .if (\number == 8) | (\number >= 10 & \number <= 14) | (\number == 17) | (\number == 21)
  .else
  push 0
  .endif
  mov edi, \number
  jmp panic_entry
.endm
.set n, 0
.rept 32
  stub %n
  .set n, n + 1
.endr

panic_entry:
  pop rsi
  pop rdx
  and rsp, -16
  call panic

.globl debug_entry          // #DB of the trap flag: one more instruction
debug_entry:
  inc qword ptr steps
  iretq

.globl fault_entry          // #PF: the page comes back
fault_entry:
  push rax
  mov rax, cr2
  shr rax, 12
  or qword ptr page_tables[rax * 8], 1
  pop rax
  add rsp, 8
  iretq

.globl int80_entry
int80_entry:
  inc rax
  iretq

.globl syscall_entry
syscall_entry:
  inc rax
  sysretq

// u64 in_user_mode(entry, n): runs the loop at `entry` in ring 3; its sum.
.globl in_user_mode
in_user_mode:
  push_saved_registers
  mov kernel_stack, rsp
  mov rax, rdi
  mov rdi, rsi
  push 0x23
  push offset user_stack_top
  push 2
  push 0x2b
  push rax
  iretq

.globl back_to_caller          // int 0x81: back into in_user_mode's caller
back_to_caller:
  mov rsp, kernel_stack
  mov ecx, 0x10
  mov ss, ecx
  mov ds, ecx
  mov es, ecx
  pop_saved_registers
  ret

.align 64
.globl user_syscalls
user_syscalls:
  xor ebx, ebx
1:
  mov rax, rdi
  syscall
  add rbx, rax
  dec rdi
  jnz 1b
  mov rax, rbx
  int 0x81

.align 64
.globl user_int80s
user_int80s:
  xor ebx, ebx
1:
  mov rax, rdi
  int 0x80
  add rbx, rax
  dec rdi
  jnz 1b
  mov rax, rbx
  int 0x81

// u64 stepped(run, arena, n): run(arena, n) under the trap flag; `steps` counts.
.globl stepped
stepped:
  push rbp
  mov rbp, rdi
  mov rdi, rsi
  mov rsi, rdx
  mov qword ptr steps, 0
  pushfq
  or dword ptr [rsp], 0x100
  popfq
  call rbp
  pushfq
  and dword ptr [rsp], ~0x100
  popfq
  pop rbp
  ret

.section .rodata
.align 8
.globl stubs
.macro address number
  .quad stub_\number
.endm
stubs:
.set n, 0
.rept 32
  address %n
  .set n, n + 1
.endr

.bss
.align 16
.globl steps
steps:
  .skip 8
kernel_stack:
  .skip 8
.skip 4096
user_stack_top:
  .skip 4096
.globl trap_stack_top
trap_stack_top:
