// Owns the entry to the guest of VMX, its code, and the handler of its exits.
.intel_syntax noprefix
#include "tests/bench/image/saved_registers.inc"
.text

// u64 in_guest(run, arena, n): run(arena, n) in the guest of the current, clear VMCS.
.globl in_guest
in_guest:
  push_saved_registers
  mov eax, 0x6c14             // HOST_RSP
  vmwrite rax, rsp
  mov rax, rdi
  mov rdi, rsi
  mov rsi, rdx
  vmlaunch
  mov edi, 1002               // it was refused
  mov ecx, 0x4400             // VM_INSTRUCTION_ERROR
  vmread rsi, rcx
  call panic

.globl guest_entry
guest_entry:
  call rax
  vmcall

// u64 guest_cpuids(arena, n): the sum of what the handler answers to the leaves n, n - 1, ... 1.
.align 64
.globl guest_cpuids
guest_cpuids:
  push rbx
  xor r8d, r8d
1:
  mov eax, esi
  cpuid
  add r8, rax
  dec rsi
  jnz 1b
  mov rax, r8
  pop rbx
  ret

// The handler: 79 instructions for a CPUID, as a small hypervisor has them, and VMRESUME.
.align 64
.globl guest_exit
guest_exit:
  push r15
  push r14
  push r13
  push r12
  push r11
  push r10
  push r9
  push r8
  push rdi
  push rsi
  push rbp
  push rbx
  push rdx
  push rcx
  push rax
  mov ecx, 0x4402             // EXIT_REASON
  vmread rax, rcx
  mov ebx, eax
  inc qword ptr exits[rbx * 8]
  cmp ebx, 64
  jae not_cpuid
  jmp qword ptr handlers[rbx * 8]
on_cpuid:
  mov ecx, 0x6820             // GUEST_RFLAGS
  vmread rdx, rcx
  test edx, 0x100             // TF: a debug exception would be due
  jnz not_cpuid
  mov ecx, 0x4818             // GUEST_SS_ACCESS_RIGHTS: who asks?
  vmread rax, rcx
  shr eax, 5
  and eax, 3
  inc qword ptr by_privilege[rax * 8]
  mov eax, [rsp]
  mov ecx, [rsp + 8]
  lea esi, [rax + rcx]
  and esi, 7
  inc dword ptr by_leaf[rsi * 4]
  shl esi, 4
  mov r8d, answers[rsi]
  mov r9d, answers[rsi + 4]
  mov r10d, answers[rsi + 8]
  mov r11d, answers[rsi + 12]
  add r8d, eax
  mov [rsp], r8
  mov [rsp + 24], r9
  mov [rsp + 8], r10
  mov [rsp + 16], r11
  mov ecx, 0x440c             // VM_EXIT_INSTRUCTION_LENGTH
  vmread rdx, rcx
  mov ecx, 0x681e             // GUEST_RIP
  vmread rbx, rcx
  mov last, rbx
  add rbx, rdx
  vmwrite rcx, rbx
  mov ecx, 0x4824             // GUEST_INTERRUPTIBILITY
  vmread rax, rcx
  test al, 3
  jz 1f
  and al, ~3
  vmwrite rcx, rax
1:
  mov ecx, 0x4408             // IDT_VECTORING_INFORMATION
  vmread rax, rcx
  bt eax, 31
  jc not_cpuid
  mov rax, pending
  test rax, rax
  jnz not_cpuid
  pop rax
  pop rcx
  pop rdx
  pop rbx
  pop rbp
  pop rsi
  pop rdi
  pop r8
  pop r9
  pop r10
  pop r11
  pop r12
  pop r13
  pop r14
  pop r15
  vmresume
  mov edi, 1003
  mov ecx, 0x4400
  vmread rsi, rcx
  call panic

not_cpuid:
  mov ecx, 0x4402
  vmread rsi, rcx
  mov edi, 1004
  mov ecx, 0x681e
  vmread rdx, rcx
  call panic

// The end of the guest's work: its rax is in_guest's result.
on_vmcall:
  pop rax
  add rsp, 14 * 8
  pop_saved_registers
  ret

.section .rodata
.align 8
handlers:
.rept 10
  .quad not_cpuid
.endr
  .quad on_cpuid              // 10
.rept 7
  .quad not_cpuid
.endr
  .quad on_vmcall             // 18
.rept 45
  .quad not_cpuid
.endr
answers:                      // eax (added to the leaf), ebx, ecx, edx
.rept 8
  .long 1, 2, 3, 4
.endr

.bss
.align 8
exits:
  .skip 64 * 8
by_privilege:
  .skip 4 * 8
by_leaf:
  .skip 8 * 4
last:
  .skip 8
pending:
  .skip 8
