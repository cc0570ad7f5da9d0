// Owns the run of one vector instruction on the host.
#include "tests/oracle/sse_harness.h"

#if defined(__x86_64__) && defined(__linux__)

#include <csignal>
#include <cstddef>
#include <cstring>
#include <optional>
#include <ucontext.h>
#include <vector>

#include "cpu/exec/engine/emit/code_memory.h"

namespace ringside::test {
namespace {

// The routine that runs now, for the signal handler: an instruction that traps continues at the epilogue.
struct Running {
  u64 routine = 0, instruction = 0, epilogue = 0;
  volatile u32 trap = 0;
} running;

void on_signal(int signal, siginfo_t*, void* context) {
  auto* uc = static_cast<ucontext_t*>(context);
  greg_t& rip = uc->uc_mcontext.gregs[REG_RIP];
  if (static_cast<u64>(rip) != running.instruction) {
    std::signal(signal, SIG_DFL);
    return;
  }
  running.trap = signal == SIGFPE ? 19 : signal == SIGSEGV ? 13 : 6;
  rip = static_cast<greg_t>(running.epilogue);
}

}  // namespace

struct NativeVector::Impl {
  static constexpr std::size_t bytes = 4096;
  // Clang's sanitizer looks for a type before the function that it calls; there it finds none.
  static constexpr std::size_t entry = 16;
  std::optional<CodeMemory> page = CodeMemory::create(bytes, reinterpret_cast<const void*>(&on_signal));
  std::vector<u8> code;
  struct sigaction old_fpe {
  }, old_ill{}, old_segv{};
  const bool avx = __builtin_cpu_supports("avx");

  void emit(std::initializer_list<int> list) {
    for (int byte : list) code.push_back(static_cast<u8>(byte));
  }
  // An opcode whose ModRM byte names register `reg` and [r8 + displacement].
  void emit_at(std::initializer_list<int> opcode, int reg, std::size_t displacement) {
    emit(opcode);
    emit({0x80 | reg << 3, static_cast<int>(displacement & 0xff), static_cast<int>(displacement >> 8), 0, 0});
  }
  void registers(bool store) {
    for (int n = 0; n < 4; ++n) {
      const std::size_t at = offsetof(VectorCase, ymm) + 32 * static_cast<std::size_t>(n);
      if (avx)
        emit_at({0xc4, 0xc1, 0x7c, store ? 0x11 : 0x10}, n, at);  // vmovups ymm
      else
        emit_at({0x41, 0x0f, store ? 0x11 : 0x10}, n, at);  // movups xmm
    }
    for (int n = 0; n < 2; ++n)
      emit_at({0x41, 0x0f, store ? 0x7f : 0x6f}, n,
              offsetof(VectorCase, mmx) + 8 * static_cast<std::size_t>(n));  // movq mm
    const int move = store ? 0x89 : 0x8b;
    emit_at({0x49, move}, 0, offsetof(VectorCase, rax));
    emit_at({0x49, move}, 1, offsetof(VectorCase, rcx));
    emit_at({0x49, move}, 2, offsetof(VectorCase, rdx));
  }
};

NativeVector::NativeVector() : impl_(std::make_unique<Impl>()) {
  struct sigaction action {};
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGFPE, &action, &impl_->old_fpe);
  sigaction(SIGILL, &action, &impl_->old_ill);
  sigaction(SIGSEGV, &action, &impl_->old_segv);
}
NativeVector::~NativeVector() {
  sigaction(SIGFPE, &impl_->old_fpe, nullptr);
  sigaction(SIGILL, &impl_->old_ill, nullptr);
  sigaction(SIGSEGV, &impl_->old_segv, nullptr);
}

std::string NativeVector::absent() const { return impl_->page ? "" : "this host refuses executable memory"; }

void NativeVector::set(std::span<const u8> instruction) {
  Impl& m = *impl_;
  m.code.assign(Impl::entry, 0xcc);
  using C = VectorCase;
  m.emit({0x53, 0x49, 0x89, 0xf8});                 // push rbx; mov r8, rdi
  m.emit_at({0x49, 0x8d}, 3, offsetof(C, memory));  // lea rbx, [memory]
  m.emit({0x48, 0x89, 0xdf});                       // mov rdi, rbx
  m.registers(false);
  m.emit_at({0x41, 0xff}, 6, offsetof(C, flags));        // push [flags]
  m.emit({0x9d});                                        // popfq
  m.emit_at({0x41, 0x0f, 0xae}, 2, offsetof(C, mxcsr));  // ldmxcsr
  const std::size_t begin = m.code.size();
  m.code.insert(m.code.end(), instruction.begin(), instruction.end());
  const std::size_t end = m.code.size();
  m.emit_at({0x41, 0x0f, 0xae}, 3, offsetof(C, mxcsr));  // stmxcsr
  m.emit({0x9c});                                        // pushfq
  m.emit_at({0x41, 0x8f}, 0, offsetof(C, flags));        // pop [flags]
  m.registers(true);
  m.emit({0x68, 0x80, 0x1f, 0, 0, 0x0f, 0xae, 0x14, 0x24, 0x58});  // push 0x1f80; ldmxcsr [rsp]; pop rax
  if (m.avx) m.emit({0xc5, 0xf8, 0x77});                           // vzeroupper
  m.emit({0x0f, 0x77, 0xfc, 0x5b, 0xc3});                          // emms; cld; pop rbx; ret
  std::memcpy(m.page->writable(), m.code.data(), m.code.size());
  // The manual asks for this before code runs that was written at another address.
  u32 eax = 0, ebx, ecx = 0, edx;
  asm volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx) : : "memory");
  running.routine = reinterpret_cast<u64>(m.page->executable() + Impl::entry);
  running.instruction = reinterpret_cast<u64>(m.page->executable() + begin);
  running.epilogue = reinterpret_cast<u64>(m.page->executable() + end);
}

void NativeVector::run(VectorCase& state) {
  running.trap = 0;
  state.flags |= 0x202;
  reinterpret_cast<void (*)(VectorCase*)>(running.routine)(&state);
  state.flags &= 0x8d5;
  state.trap = running.trap;
}

}  // namespace ringside::test

#else

namespace ringside::test {
struct NativeVector::Impl {};
NativeVector::NativeVector() = default;
NativeVector::~NativeVector() = default;
std::string NativeVector::absent() const { return "this host is no x86-64 Linux"; }
void NativeVector::set(std::span<const u8>) {}
void NativeVector::run(VectorCase&) {}
}  // namespace ringside::test

#endif
