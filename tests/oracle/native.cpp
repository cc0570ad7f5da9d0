// Owns the native half of the oracle tests: a page with a frame of code around the instruction, and signal
// handlers.
#include "tests/oracle/native.h"

#include <cstring>
#include <initializer_list>

#if defined(__x86_64__) && defined(__linux__)
#include <csignal>
#include <sys/mman.h>
#include <ucontext.h>
#endif

namespace oracle {

#if defined(__x86_64__) && defined(__linux__)
namespace {

// The frame's own page: code at the start, its variables in the last KiB.
constexpr u64 frame_base = 0x10000000, frame_bytes = 0x2000;
constexpr u64 variables = frame_base + 0x1000;  // gpr[16], flags, the host's RSP
constexpr u64 flags_at = variables + 128, host_rsp_at = variables + 136;

// State that a signal handler needs; one native run at a time.
u64 resume_at = 0, instruction_at = 0;
int caught = 0;

void on_signal(int number, siginfo_t*, void* context) {
  greg_t* const registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  if (static_cast<u64>(registers[REG_RIP]) != instruction_at) {
    std::signal(number, SIG_DFL);  // not ours
    return;
  }
  caught = number;
  registers[REG_EFL] &= ~static_cast<greg_t>(Eflags::DF | Eflags::AC);
  registers[REG_RIP] = static_cast<greg_t>(resume_at);
}

class Emitter {
 public:
  explicit Emitter(u8* at) : at_(at) {}
  void bytes(std::initializer_list<unsigned> values) {
    for (const unsigned v : values) *at_++ = static_cast<u8>(v);
  }
  // An instruction that ends in a RIP-relative displacement.
  void relative(std::initializer_list<unsigned> head, u64 target) {
    bytes(head);
    const u32 displacement = static_cast<u32>(target - (reinterpret_cast<u64>(at_) + 4));
    std::memcpy(at_, &displacement, 4);
    at_ += 4;
  }
  void gpr(unsigned opcode, unsigned number) {
    relative({number < 8 ? 0x48u : 0x4cu, opcode, (number & 7) << 3 | 5}, variables + number * 8);
  }
  u8* at() const { return at_; }
  void append(std::span<const u8> code) {
    std::memcpy(at_, code.data(), code.size());
    at_ += code.size();
  }

 private:
  u8* at_;
};

}  // namespace

Native::Native() {
  const auto map = [](u64 base, u64 bytes, int rights) {
    void* p = mmap(reinterpret_cast<void*>(base), bytes, rights,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    return p == reinterpret_cast<void*>(base) ? static_cast<u8*>(p) : nullptr;
  };
  data_ = map(data_base, data_bytes, PROT_READ | PROT_WRITE);
  if (data_) code_ = map(frame_base, frame_bytes, PROT_READ | PROT_WRITE | PROT_EXEC);
  static u8 signal_stack[65536];
  stack_t stack{};
  stack.ss_sp = signal_stack;
  stack.ss_size = sizeof signal_stack;
  sigaltstack(&stack, nullptr);
  struct sigaction action {};
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  for (const int number : {SIGFPE, SIGSEGV, SIGILL, SIGBUS, SIGTRAP}) sigaction(number, &action, nullptr);
}

Native::~Native() {
  for (const int number : {SIGFPE, SIGSEGV, SIGILL, SIGBUS, SIGTRAP}) std::signal(number, SIG_DFL);
  if (code_) munmap(code_, frame_bytes);
  if (data_) munmap(data_, data_bytes);
}

Outcome Native::run(std::span<const u8> instruction, const Registers& in) {
  std::memcpy(reinterpret_cast<void*>(variables), in.gpr.data(), 128);
  std::memcpy(reinterpret_cast<void*>(flags_at), &in.flags, 8);
  Emitter e(code_);
  e.bytes({0x53, 0x55, 0x41, 0x54, 0x41, 0x55, 0x41, 0x56, 0x41, 0x57});  // push rbx, rbp, r12..r15
  e.relative({0x48, 0x89, 0x25}, host_rsp_at);                            // mov [host_rsp], rsp
  e.relative({0xff, 0x35}, flags_at);                                     // push [flags]
  e.bytes({0x9d});                                                        // popfq
  for (unsigned n = 0; n < 16; ++n) e.gpr(0x8b, n);
  instruction_at = reinterpret_cast<u64>(e.at());
  e.append(instruction);
  for (unsigned n = 0; n < 16; ++n) e.gpr(0x89, n);
  e.relative({0x48, 0x8b, 0x25}, host_rsp_at);  // mov rsp, [host_rsp]
  e.bytes({0x9c});                              // pushfq
  e.relative({0x8f, 0x05}, flags_at);           // pop [flags]
  resume_at = reinterpret_cast<u64>(e.at());
  e.relative({0x48, 0x8b, 0x25}, host_rsp_at);
  e.bytes({0xfc, 0x41, 0x5f, 0x41, 0x5e, 0x41, 0x5d, 0x41, 0x5c, 0x5d, 0x5b, 0xc3});  // cld, pops, ret
  caught = 0;
  reinterpret_cast<void (*)()>(code_)();
  Outcome out;
  if (caught) {
    out.registers = in;
    out.trapped = true;
    out.vector = caught == SIGFPE ? Vector::DE : caught == SIGILL ? Vector::UD : Vector::GP;
    return out;
  }
  std::memcpy(out.registers.gpr.data(), reinterpret_cast<void*>(variables), 128);
  std::memcpy(&out.registers.flags, reinterpret_cast<void*>(flags_at), 8);
  return out;
}
#else
Native::Native() = default;
Native::~Native() = default;
Outcome Native::run(std::span<const u8>, const Registers&) { return {}; }
#endif

}  // namespace oracle
