// Owns the native half of the oracle. Its child process has given up every system call but read, write and
// exit before the first instruction runs.
#include "tests/oracle/native.h"

#include <cstring>

#include "tests/oracle/frame.h"

#if defined(__x86_64__) && defined(__linux__)
#include <asm/ldt.h>
#include <asm/prctl.h>
#include <csignal>
#include <linux/seccomp.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>
#endif

namespace oracle {

u64 code_base(u16 cs) { return cs & 4 ? ldt_entries()[cs >> 3].base : 0; }

#if defined(__x86_64__) && defined(__linux__)
struct Native::Shared {
  u32 count = 0, length = 0;
  Program program;  // but for its code
  bool no_base = false, no_ldt = false, no_code32 = false;
  std::array<u8, 16> code{};
  std::array<Case, batch> cases;
};

namespace {

// What the child's signal handler needs.
volatile bool caught = false;
Case* running = nullptr;

void on_signal(int number, siginfo_t*, void* context) {
  mcontext_t& machine = static_cast<ucontext_t*>(context)->uc_mcontext;
  greg_t* const registers = machine.gregs;
  const u64 selectors = static_cast<u64>(registers[REG_CSGSFS]);
  const u16 cs = static_cast<u16>(selectors);
  const u64 rip = code_base(cs) + static_cast<u64>(registers[REG_RIP]);
  if (!running || (cs == user_code64 && rip - first_target >= end_of_targets - first_target)) {
    std::signal(number, SIG_DFL);  // not the instruction's: the child ends
    return;
  }
  static constexpr int order[] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                  REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
  Outcome& trap = running->out;
  trap = Outcome();
  for (unsigned n = 0; n < 16; ++n) trap.registers.gpr[n] = static_cast<u64>(registers[order[n]]);
  trap.registers.flags = static_cast<u64>(registers[REG_EFL]);
  u16 es, ds, fs, gs;
  asm volatile("mov %%es, %0\n mov %%ds, %1\n mov %%fs, %2\n mov %%gs, %3"
               : "=r"(es), "=r"(ds), "=r"(fs), "=r"(gs));
  trap.registers.segment = {es, cs, static_cast<u16>(selectors >> 48), ds, fs, gs};
  trap.rip = rip;
  trap.trapped = true;
  trap.fault.vector = static_cast<Vector>(registers[REG_TRAPNO]);
  trap.fault.error = static_cast<u32>(registers[REG_ERR]);
  trap.fault.address = static_cast<u64>(registers[REG_CR2]);
  if (machine.fpregs) std::memcpy(running->vectors.bytes.data(), machine.fpregs, sizeof running->vectors);
  caught = true;
  registers[REG_EFL] = Eflags::reserved_one | Eflags::IF;
  registers[REG_CSGSFS] = static_cast<greg_t>(u64{user_data} << 48 | user_code64);
  registers[REG_RIP] = static_cast<greg_t>(frame::resume_at());
}

void run_one(Case& c, unsigned length, const Program& program) {
  frame::Variables& v = frame::variables();
  std::memcpy(reinterpret_cast<void*>(data_base), c.memory.data(), data_bytes);
  v.gpr = c.in.gpr;
  v.flags = c.in.flags;
  v.segment = c.in.segment;
  v.vectors = program.vectors;
  if (program.vectors) v.image = c.vectors;
  v.start.selector = program.cs;
  v.start.offset = static_cast<u32>(code_at - code_base(program.cs));
  caught = false;
  running = &c;
  frame::enter();
  running = nullptr;
  if (!caught) {
    c.out = Outcome();
    c.out.registers.gpr = v.gpr;
    c.out.registers.flags = v.flags;
    c.out.registers.segment = v.segment;
    c.out.registers.segment[CS] = program.cs;
    if (program.vectors) c.vectors = v.image;
    c.out.rip = v.way ? program.target : code_at + length;
  }
  std::memcpy(c.memory.data(), reinterpret_cast<void*>(data_base), data_bytes);
}

bool map(u64 base, u64 bytes, int rights) {
  void* const wanted = reinterpret_cast<void*>(base);
  return mmap(wanted, bytes, rights, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == wanted;
}

bool install_segments() {
  unsigned number = 0;
  for (const LdtEntry& entry : ldt_entries()) {
    user_desc d{};
    d.entry_number = number++;
    d.base_addr = entry.base;
    d.limit = entry.limit;
    d.seg_32bit = entry.big;
    d.contents = static_cast<unsigned>(entry.contents);
    d.read_exec_only = entry.read_only;
    d.limit_in_pages = entry.pages;
    d.seg_not_present = entry.absent;
    d.useable = 1;
    if (!entry.empty && syscall(SYS_modify_ldt, 0x11, &d, sizeof d) != 0) return false;
  }
  return true;
}

// Whether the kernel's table has the 32-bit code segment: LAR knows.
bool has_code32() {
  u32 rights = 0;
  bool found = false;
  asm volatile("lar %2, %0\n setz %1" : "=r"(rights), "=qm"(found) : "r"(u32{user_code32}) : "cc");
  return found && (rights & 0x60f800) == 0x40f800;
}

void catch_signals() {
  static u8 signal_stack[65536];
  stack_t stack{};
  stack.ss_sp = signal_stack;
  stack.ss_size = sizeof signal_stack;
  sigaltstack(&stack, nullptr);
  frame::variables().handler = reinterpret_cast<u64>(&on_signal);
  struct sigaction action {};
  action.sa_sigaction = reinterpret_cast<void (*)(int, siginfo_t*, void*)>(frame::signal_entry());
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  for (const int number : {SIGFPE, SIGSEGV, SIGILL, SIGBUS, SIGTRAP}) sigaction(number, &action, nullptr);
}

}  // namespace

Native::Native() {
  void* p = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return;
  shared_ = new (p) Shared;
  constexpr unsigned long fsgsbase = 2;
  shared_->no_base = !(getauxval(AT_HWCAP2) & fsgsbase);
  shared_->no_code32 = !has_code32();
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
              map(code_page, frame::bytes, PROT_READ | PROT_WRITE | PROT_EXEC);
    if (byte) {
      frame::Variables& v = frame::variables();
      shared_->no_ldt = !install_segments();
      syscall(SYS_arch_prctl, ARCH_GET_FS, &v.fs_base);
      v.mxcsr = 0x1f80;
      frame::emit(!shared_->no_base && !shared_->no_ldt);
      catch_signals();
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);  // a host without it runs the tests all the same
    }
    bool open = write(socket, &byte, 1) == 1 && byte;
    while (open && read(socket, &byte, 1) == 1) {
      Program program = shared_->program;
      program.code = std::span(shared_->code).first(shared_->length);
      frame::emit_instruction(program);
      for (u32 n = 0; n < shared_->count; ++n) run_one(shared_->cases[n], shared_->length, program);
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

std::string Native::without_segments() const {
  if (!ready()) return "no x86-64 Linux";
  if (shared_->no_base) return "the processor or its kernel has no FSGSBASE";
  if (shared_->no_ldt) return "the kernel has no modify_ldt";
  if (shared_->no_code32) return "the kernel has no code segment for 32-bit programs";
  return "";
}

bool Native::run(const Program& program, unsigned count) {
  shared_->count = count;
  shared_->length = static_cast<u32>(program.code.size());
  shared_->program = program;
  std::memcpy(shared_->code.data(), program.code.data(), program.code.size());
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
std::string Native::without_segments() const { return "no x86-64 Linux"; }
bool Native::run(const Program&, unsigned) { return false; }
#endif

}  // namespace oracle
