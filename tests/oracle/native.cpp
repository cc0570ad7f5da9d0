// Owns the native half of the general-purpose oracle. Its child process has given up every system call but
// read, write and exit before the first instruction runs.
#include "tests/oracle/native.h"

#include <cstring>
#include <initializer_list>

#if defined(__x86_64__) && defined(__linux__)
#include <csignal>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>
#endif

namespace oracle {

#if defined(__x86_64__) && defined(__linux__)
struct Native::Shared {
  u32 count = 0, length = 0;
  u64 target = 0;
  std::array<u8, 16> code{};
  std::array<Case, batch> cases;
};

namespace {

// The page after the code holds its variables.
constexpr u64 frame_bytes = 0x2000, variables = code_page + 0x1000;
constexpr u64 flags_at = variables + 128, host_rsp_at = variables + 136, branched_at = variables + 144;
// Clang's sanitizer looks for a type before the function that it calls; there it finds none.
constexpr u64 entry = 0x10;
constexpr u64 fell_through = 0xa00, branched = 0xa40, epilogue = 0xa80;

// What the child's signal handler needs.
u64 resume_at = 0;
volatile bool caught = false;
Outcome trap;

void on_signal(int number, siginfo_t*, void* context) {
  greg_t* const registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  if (static_cast<u64>(registers[REG_RIP]) != code_at) {
    std::signal(number, SIG_DFL);  // not the instruction's: the child ends
    return;
  }
  static constexpr int order[] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                  REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
  for (unsigned n = 0; n < 16; ++n) trap.registers.gpr[n] = static_cast<u64>(registers[order[n]]);
  trap.registers.flags = static_cast<u64>(registers[REG_EFL]);
  trap.trapped = true;
  trap.fault.vector = static_cast<Vector>(registers[REG_TRAPNO]);
  trap.fault.error = static_cast<u32>(registers[REG_ERR]);
  trap.fault.address = static_cast<u64>(registers[REG_CR2]);
  caught = true;
  registers[REG_EFL] &= ~static_cast<greg_t>(Eflags::DF | Eflags::AC);
  registers[REG_RIP] = static_cast<greg_t>(resume_at);
}

class Emitter {
 public:
  explicit Emitter(u64 at) : at_(reinterpret_cast<u8*>(at)) {}
  void bytes(std::initializer_list<unsigned> values) {
    for (const unsigned v : values) *at_++ = static_cast<u8>(v);
  }
  // An instruction that ends in a displacement relative to RIP; `rest`: bytes of it that follow.
  void relative(std::initializer_list<unsigned> head, u64 target, unsigned rest = 0) {
    bytes(head);
    const u32 displacement = static_cast<u32>(target - (at() + 4 + rest));
    std::memcpy(at_, &displacement, 4);
    at_ += 4;
  }
  void gpr(unsigned opcode, unsigned number) {
    relative({number < 8 ? 0x48u : 0x4cu, opcode, (number & 7) << 3 | 5}, variables + number * 8);
  }
  u64 at() const { return reinterpret_cast<u64>(at_); }
  void append(std::span<const u8> code) {
    std::memcpy(at_, code.data(), code.size());
    at_ += code.size();
  }

 private:
  u8* at_;
};

void emit_frame() {
  std::memset(reinterpret_cast<void*>(code_page), 0xcc, 0x1000);
  Emitter e(code_page + entry);
  e.bytes({0x53, 0x55, 0x41, 0x54, 0x41, 0x55, 0x41, 0x56, 0x41, 0x57});  // push rbx, rbp, r12..r15
  e.relative({0x48, 0x89, 0x25}, host_rsp_at);                            // mov [host_rsp], rsp
  e.relative({0xff, 0x35}, flags_at);                                     // push [flags]
  e.bytes({0x9d});                                                        // popfq
  for (unsigned n = 0; n < 16; ++n) e.gpr(0x8b, n);
  e.relative({0xe9}, code_at);
  for (const u64 way : {fell_through, branched}) {
    Emitter w(code_page + way);
    w.relative({0xc6, 0x05}, branched_at, 1);  // mov byte [branched], ...
    w.bytes({way == branched});
    w.relative({0xe9}, code_page + epilogue);
  }
  Emitter out(code_page + epilogue);
  for (unsigned n = 0; n < 16; ++n) out.gpr(0x89, n);
  out.relative({0x48, 0x8b, 0x25}, host_rsp_at);  // mov rsp, [host_rsp]
  out.bytes({0x9c});                              // pushfq
  out.relative({0x8f, 0x05}, flags_at);           // pop [flags]
  resume_at = out.at();
  out.relative({0x48, 0x8b, 0x25}, host_rsp_at);
  out.bytes({0xfc, 0x41, 0x5f, 0x41, 0x5e, 0x41, 0x5d, 0x41, 0x5c, 0x5d, 0x5b, 0xc3});  // cld, pops, ret
}

void emit_instruction(std::span<const u8> code, u64 target) {
  std::memset(reinterpret_cast<void*>(first_target), 0xcc, end_of_targets - first_target);
  Emitter e(code_at);
  e.append(code);
  e.relative({0xe9}, code_page + fell_through);
  if (!target) return;
  Emitter landing(target);
  landing.relative({0xe9}, code_page + branched);
}

void run_one(Case& c, unsigned length, u64 target) {
  std::memcpy(reinterpret_cast<void*>(data_base), c.memory.data(), data_bytes);
  std::memcpy(reinterpret_cast<void*>(variables), c.in.gpr.data(), 128);
  std::memcpy(reinterpret_cast<void*>(flags_at), &c.in.flags, 8);
  caught = false;
  reinterpret_cast<void (*)()>(code_page + entry)();
  if (caught) {
    c.out = trap;
  } else {
    c.out = Outcome();
    std::memcpy(c.out.registers.gpr.data(), reinterpret_cast<void*>(variables), 128);
    std::memcpy(&c.out.registers.flags, reinterpret_cast<void*>(flags_at), 8);
    c.out.rip = *reinterpret_cast<volatile u8*>(branched_at) ? target : code_at + length;
  }
  std::memcpy(c.memory.data(), reinterpret_cast<void*>(data_base), data_bytes);
}

bool map(u64 base, u64 bytes, int rights) {
  void* const wanted = reinterpret_cast<void*>(base);
  return mmap(wanted, bytes, rights, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == wanted;
}

void catch_signals() {
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

}  // namespace

Native::Native() {
  void* p = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return;
  shared_ = new (p) Shared;
  start();
}

void Native::start() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return;
  child_ = fork();
  if (child_ == 0) {
    const int socket = ends[1];
    close(ends[0]);
    u8 byte = map(data_base, data_bytes, PROT_READ | PROT_WRITE) &&
              map(code_page, frame_bytes, PROT_READ | PROT_WRITE | PROT_EXEC);
    if (byte) {
      emit_frame();
      catch_signals();
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);  // a host without it runs the tests all the same
    }
    bool open = write(socket, &byte, 1) == 1 && byte;
    while (open && read(socket, &byte, 1) == 1) {
      emit_instruction(std::span(shared_->code).first(shared_->length), shared_->target);
      for (u32 n = 0; n < shared_->count; ++n) run_one(shared_->cases[n], shared_->length, shared_->target);
      open = write(socket, &byte, 1) == 1;
    }
    syscall(SYS_exit, 0);
  }
  close(ends[1]);
  socket_ = ends[0];
  u8 ready = 0;
  if (child_ < 0 || read(socket_, &ready, 1) != 1 || !ready) stop();
}

void Native::stop() {
  close(socket_);
  if (child_ > 0) waitpid(child_, nullptr, 0);
  child_ = -1;
}

Native::~Native() {
  if (ready()) stop();
  if (shared_) munmap(shared_, sizeof(Shared));
}

std::span<Case> Native::cases() const { return shared_->cases; }

bool Native::run(std::span<const u8> instruction, u64 target, unsigned count) {
  shared_->count = count;
  shared_->length = static_cast<u32>(instruction.size());
  shared_->target = target;
  std::memcpy(shared_->code.data(), instruction.data(), instruction.size());
  u8 byte = 0;
  if (send(socket_, &byte, 1, MSG_NOSIGNAL) == 1 && read(socket_, &byte, 1) == 1) return true;
  stop();
  start();
  return false;
}
#else
struct Native::Shared {};
Native::Native() = default;
Native::~Native() = default;
std::span<Case> Native::cases() const { return {}; }
bool Native::run(std::span<const u8>, u64, unsigned) { return false; }
#endif

}  // namespace oracle
