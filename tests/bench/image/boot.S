// Owns the way from multiboot 1's 32-bit entry into 64-bit C++, and the table of 4 KiB pages.
.intel_syntax noprefix

.set mapped, 256 << 20      // bytes mapped to themselves, 4 KiB pages, open to user code
.set page_bits, 7           // present, writable, user

.section .multiboot, "a"
.align 4
.long 0x1badb002, 2, -(0x1badb002 + 2)

.text
.code32
.globl start
start:
  cld
  mov esp, offset boot_stack_top
  mov esi, ebx              // multiboot's information
  cmp eax, 0x2badb002
  je 1f
  xor esi, esi
1:
  mov edi, offset page_tables
  mov eax, page_bits
2:
  mov [edi], eax
  mov dword ptr [edi + 4], 0
  add edi, 8
  add eax, 4096
  cmp eax, mapped + page_bits
  jne 2b

  mov edi, offset page_directory
  mov eax, offset page_tables + page_bits
  mov ecx, mapped >> 21
3:
  mov [edi], eax
  add edi, 8
  add eax, 4096
  dec ecx
  jnz 3b
  mov dword ptr page_directory_pointers, offset page_directory + page_bits
  mov dword ptr pml4, offset page_directory_pointers + page_bits

  mov eax, offset pml4
  mov cr3, eax
  mov eax, 1
  cpuid
  mov eax, 0x620            // PAE, OSFXSR, OSXMMEXCPT
  bt ecx, 28                // AVX
  jnc 4f
  or eax, 0x40000           // OSXSAVE
  mov cr4, eax
  xor ecx, ecx
  xor edx, edx
  mov eax, 7                // x87, SSE, AVX
  xsetbv
  jmp 5f
4:
  mov cr4, eax
5:
  mov ecx, 0xc0000080       // IA32_EFER: SCE, LME
  xor edx, edx
  mov eax, 0x101
  wrmsr
  mov eax, 0x80010033       // PG, WP, NE, ET, MP, PE
  mov cr0, eax
  lgdt [gdt_pointer]
  ljmp 0x08, offset start64

.code64
start64:
  mov eax, 0x10
  mov ds, eax
  mov es, eax
  mov ss, eax
  xor eax, eax
  mov fs, eax
  mov gs, eax
  fninit
  push 0x1f80
  ldmxcsr [rsp]
  pop rax
  mov edi, esi
  call bench_main
1:
  hlt
  jmp 1b

.data
.align 16
.globl gdt
gdt:
  .quad 0
  .quad 0x00af9b000000ffff  // 08 kernel code
  .quad 0x00cf93000000ffff  // 10 kernel data
  .quad 0                   // 18 SYSRET's base
  .quad 0x00cff3000000ffff  // 20 user data
  .quad 0x00affb000000ffff  // 28 user code
  .quad 0, 0                // 30 TSS, filled in later
gdt_end:
gdt_pointer:
  .word gdt_end - gdt - 1
  .quad gdt

.bss
.align 4096
.globl page_tables
page_tables:
  .skip mapped >> 9
page_directory:
  .skip 4096
page_directory_pointers:
  .skip 4096
pml4:
  .skip 4096
boot_stack:
  .skip 65536
boot_stack_top:
