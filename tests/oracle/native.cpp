// Owns the native half of the oracle. Its child process has given up every system call but the few that it
// needs itself before the first instruction runs.
#include "tests/oracle/native.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "tests/oracle/frame.h"

#if defined(__x86_64__) && defined(__linux__)
#include <asm/ldt.h>
#include <asm/prctl.h>
#include <csignal>
#include <linux/audit.h>
#include <linux/filter.h>
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

std::string text(const Stray& s) {
  if (!s.cs)
    return "the host ended the child process" + (s.signal ? fmt::format(" by signal {}", s.signal) : "");
  Outcome o;
  o.trapped = true;
  o.fault = s.fault;
  return fmt::format("signal {} ({}) at {:x}:{:x}, {}", s.signal, fault_name(o), s.cs, s.rip,
                     frame::purpose(s.rip));
}

u64 code_base(u16 cs) { return cs & 4 ? ldt_entries()[cs >> 3].base : 0; }

#if defined(__x86_64__) && defined(__linux__)
struct Native::Shared {
  u32 count = 0, length = 0;
  std::atomic<u32> next = 0;  // the case that runs, or runs next
  Program program;            // but for its code
  bool other_selectors = false, no_code32 = false, empty_ldt = false;
  int no_data = 0, no_code = 0, no_ldt = 0;  // errors of the system calls that the child needs
  std::array<u8, 16> code{};
  std::array<Case, batch> cases;
};

namespace {

// What the child's signal handler needs.
Case* running = nullptr;
volatile bool caught = false;
volatile unsigned strays = 0;

// The host's own return to a program, after a timer's interrupt for instance, may refuse what a case holds at
// this moment; its kernel reports that as a fault of the instruction that would have run.
bool may_be_of_a_return(const Fault& fault) {
  return fault.vector == Vector::GP || fault.vector == Vector::SS || fault.vector == Vector::NP;
}

// Goes on behind the case, in a state that every host returns to.
void end_case(greg_t* registers) {
  registers[REG_RSP] = static_cast<greg_t>(frame::variables().host_rsp);
  registers[REG_EFL] = Eflags::reserved_one | Eflags::IF;
  registers[REG_CSGSFS] = static_cast<greg_t>(u64{user_data} << 48 | user_code64);
  registers[REG_RIP] = static_cast<greg_t>(frame::resume_at());
}

void on_signal(int number, siginfo_t*, void* context) {
  mcontext_t& machine = static_cast<ucontext_t*>(context)->uc_mcontext;
  greg_t* const registers = machine.gregs;
  const u64 selectors = static_cast<u64>(registers[REG_CSGSFS]);
  const u16 cs = static_cast<u16>(selectors);
  const u64 rip = code_base(cs) + static_cast<u64>(registers[REG_RIP]);
  Fault fault = Fault::exception(static_cast<Vector>(registers[REG_TRAPNO]));
  fault.error = static_cast<u32>(registers[REG_ERR]);
  fault.address = static_cast<u64>(registers[REG_CR2]);
  if (!running || strays > 2) syscall(SYS_exit, 1);  // not a case's
  if (cs == user_code64 && frame::owns(rip) && may_be_of_a_return(fault)) {
    running->judged = false;
    running->stray = {number, cs, rip, fault};
    strays = strays + 1;
    return end_case(registers);
  }
  static constexpr int order[] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                  REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
  Outcome& trap = running->out;
  trap = Outcome();
  for (unsigned n = 0; n < 16; ++n) trap.registers.gpr[n] = static_cast<u64>(registers[order[n]]);
  trap.registers.flags = static_cast<u64>(registers[REG_EFL]);
  trap.registers.segment = frame::variables().at_signal;
  trap.registers.segment[CS] = cs;
  trap.registers.segment[SS] = static_cast<u16>(selectors >> 48);
  trap.rip = rip;
  trap.trapped = true;
  trap.fault = fault;
  if (machine.fpregs)
    std::memcpy(running->vectors.bytes.data(), machine.fpregs, running->vectors.bytes.size());
  caught = true;
  end_case(registers);
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
  c.judged = true;
  c.stray = {};
  caught = false;
  strays = 0;
  running = &c;
  frame::start();
  running = nullptr;
  std::memcpy(c.memory.data(), reinterpret_cast<void*>(data_base), data_bytes);
  if (!c.judged || caught) return;
  c.out = Outcome();
  c.out.registers.gpr = v.gpr;
  c.out.registers.flags = v.flags;
  c.out.registers.segment = v.segment;
  c.out.registers.segment[CS] = program.cs;
  if (program.vectors) c.vectors = v.image;
  c.out.rip = v.way ? program.target : code_at + length;
}

// 0, or the error.
int map(u64 base, u64 bytes, int rights, int kind = MAP_PRIVATE | MAP_ANONYMOUS, int file = -1) {
  void* const wanted = reinterpret_cast<void*>(base);
  void* const found = mmap(wanted, bytes, rights, kind | MAP_FIXED_NOREPLACE, file, 0);
  if (found == wanted) return 0;
  return found == MAP_FAILED ? errno : EEXIST;
}

// The page of code is a file's, mapped a second time to be written; hosts that allow no memory to be both at
// once may allow that. Anonymous memory where there are no such files.
int map_code() {
  constexpr int rights = PROT_READ | PROT_WRITE;
  if (const int error = map(frame::variables_page, frame::variables_bytes, rights)) return error;
  u8*& code = frame::variables().code;
  const int file = memfd_create("oracle", MFD_CLOEXEC);
  if (file >= 0 && ftruncate(file, frame::code_bytes) == 0 &&
      map(code_page, frame::code_bytes, PROT_READ | PROT_EXEC, MAP_SHARED, file) == 0) {
    void* const second = mmap(nullptr, frame::code_bytes, rights, MAP_SHARED, file, 0);
    if (second == MAP_FAILED) return errno;
    code = static_cast<u8*>(second);
    return 0;
  }
  code = reinterpret_cast<u8*>(code_page);
  return map(code_page, frame::code_bytes, rights | PROT_EXEC);
}

// 0, or the error. The kernel gives it as 32 bits, which the library does not take for one.
int set_local(user_desc& d) {
  const int result = static_cast<int>(syscall(SYS_modify_ldt, 0x11, &d, sizeof d));
  return result == -1 ? errno : -result;
}

// All of them or, where the kernel refuses one, none.
int install_segments() {
  unsigned number = 0;
  int error = 0;
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
    if (!entry.empty && !error) error = set_local(d);
  }
  for (number = 0; error && number < ldt::count; ++number) {
    user_desc empty{};
    empty.entry_number = number;
    empty.read_exec_only = empty.seg_not_present = 1;
    set_local(empty);
  }
  return error;
}

// Whether a program may jump to the selector for 32-bit code: LAR knows.
bool has_code32(u16 selector) {
  u32 rights = 0;
  bool found = false;
  asm volatile("lar %2, %0\n setz %1" : "=r"(rights), "=qm"(found) : "r"(u32{selector}) : "cc");
  return found && (rights & 0x60f800) == 0x40f800;
}

// A hypervisor that Linux was adapted to may have chosen others.
bool has_selectors() {
  u16 cs, ss;
  asm volatile("mov %%cs, %0\n mov %%ss, %1" : "=r"(cs), "=r"(ss));
  return cs == user_code64 && ss == user_data;
}

// Code that was written through another mapping needs this before it runs.
void serialize() {
  u32 eax = 0, ebx, ecx = 0, edx;
  asm volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx) : : "memory");
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

// Leaves the child what it needs from here on, so that no instruction can call the kernel. Hosts without
// filters of system calls run the tests all the same.
void give_up_system_calls() {
  constexpr auto number = static_cast<u32>(offsetof(seccomp_data, nr)),
                 architecture = static_cast<u32>(offsetof(seccomp_data, arch));
  const auto load = [](u32 at) { return sock_filter{BPF_LD | BPF_W | BPF_ABS, 0, 0, at}; };
  const auto skip_if = [](u32 value, u8 yes, u8 no) {
    return sock_filter{BPF_JMP | BPF_JEQ | BPF_K, yes, no, value};
  };
  const auto end = [](u32 act) { return sock_filter{BPF_RET | BPF_K, 0, 0, act}; };
  sock_filter filter[] = {load(architecture),
                          skip_if(AUDIT_ARCH_X86_64, 0, 6),
                          load(number),
                          skip_if(SYS_read, 5, 0),
                          skip_if(SYS_write, 4, 0),
                          skip_if(SYS_rt_sigreturn, 3, 0),
                          skip_if(SYS_arch_prctl, 2, 0),
                          skip_if(SYS_exit, 1, 0),
                          end(SECCOMP_RET_KILL_PROCESS),
                          end(SECCOMP_RET_ALLOW)};
  const sock_fprog program{static_cast<unsigned short>(std::size(filter)), filter};
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

bool has_fsgsbase() {
  constexpr unsigned long fsgsbase = 2;
  return getauxval(AT_HWCAP2) & fsgsbase;
}

}  // namespace

Native::Native(bool segments) : segments_(segments) {
  void* p = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return;
  shared_ = new (p) Shared;
  shared_->no_code32 = !has_code32(user_code32);
  shared_->other_selectors = !has_selectors();
  if (!shared_->other_selectors) start();
}

void Native::start() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return;
  child_ = fork();
  if (child_ == 0) {
    const int socket = ends[1];
    close(ends[0]);
    shared_->no_data = map(data_base, data_bytes, PROT_READ | PROT_WRITE);
    shared_->no_code = map_code();
    u8 byte = !shared_->no_data && !shared_->no_code;
    if (byte) {
      frame::Variables& v = frame::variables();
      shared_->no_ldt = install_segments();
      shared_->empty_ldt = !has_code32(ldt_selector(ldt::code32));
      syscall(SYS_arch_prctl, ARCH_GET_FS, &v.fs_base);
      v.mxcsr = 0x1f80;
      frame::emit(!segments_       ? frame::Segments::left_alone
                  : has_fsgsbase() ? frame::Segments::by_instruction
                                   : frame::Segments::by_system_call);
      catch_signals();
      give_up_system_calls();
    }
    bool open = write(socket, &byte, 1) == 1 && byte;
    while (open && read(socket, &byte, 1) == 1) {
      Program program = shared_->program;
      program.code = std::span(shared_->code).first(shared_->length);
      frame::emit_instruction(program);
      serialize();
      for (u32 n = shared_->next; n < shared_->count; shared_->next = ++n)
        run_one(shared_->cases[n], shared_->length, program);
      open = write(socket, &byte, 1) == 1;
    }
    syscall(SYS_exit, 0);
  }
  close(ends[1]);
  socket_ = ends[0];
  u8 ready = 0;
  if (child_ < 0 || read(socket_, &ready, 1) != 1 || !ready) stop();
}

int Native::stop() {
  int status = 0;
  close(socket_);
  if (child_ > 0) waitpid(child_, &status, 0);
  child_ = -1;
  return status;
}

Native::~Native() {
  if (ready()) stop();
  if (shared_) munmap(shared_, sizeof(Shared));
}

std::span<Case> Native::cases() const { return shared_->cases; }
bool Native::has_upper_halves() { return __builtin_cpu_supports("avx"); }

std::string Native::absent() const {
  if (ready()) return "";
  const auto refused = [](std::string_view what, int error) {
    return fmt::format("this host refuses {}: {}", what, std::strerror(error));
  };
  if (!shared_) return refused("memory that two processes share", ENOMEM);
  if (shared_->other_selectors) return "this host's kernel gives programs other selectors than Linux does";
  if (shared_->no_data) return refused(fmt::format("memory at {:x}", data_base), shared_->no_data);
  if (shared_->no_code) return refused(fmt::format("executable memory at {:x}", code_page), shared_->no_code);
  return deaths_ ? "this host ended the child process too often" : "this host refuses a child process";
}

Descriptors Native::descriptors() const {
  return {!shared_->no_ldt && !shared_->empty_ldt, !shared_->no_code32};
}

std::string Native::without_descriptors() const {
  if (!ready()) return absent();
  if (shared_->no_ldt)
    return fmt::format("this host's kernel refuses modify_ldt: {}", std::strerror(shared_->no_ldt));
  if (shared_->empty_ldt) return "this host's kernel takes local descriptors, but no program can use them";
  if (shared_->no_code32) return "this host's kernel has no code segment for 32-bit programs";
  return "";
}

bool Native::run(const Program& program, unsigned count) {
  std::copy_n(shared_->cases.begin(), count, inputs_.begin());
  shared_->next = 0;
  shared_->length = static_cast<u32>(program.code.size());
  shared_->program = program;
  std::memcpy(shared_->code.data(), program.code.data(), program.code.size());
  return finish(count);
}

bool Native::counts_zeros(bool leading) {
  const u8 count_in_ecx[] = {0xf3, 0x0f, static_cast<u8>(leading ? 0xbd : 0xbc), 0xc1};
  Case& c = cases()[0];
  c.in = {};
  return run({.code = count_in_ecx}, 1) && c.judged && c.out.registers.gpr[RAX] == 32;
}

bool Native::repeat(unsigned number) {
  shared_->cases[number] = inputs_[number];
  shared_->next = number;
  return finish(number + 1);
}

bool Native::finish(u32 count) {
  constexpr unsigned too_many = 64;
  shared_->count = count;
  while (ready()) {
    u8 byte = 0;
    if (send(socket_, &byte, 1, MSG_NOSIGNAL) == 1 && read(socket_, &byte, 1) == 1) return true;
    const int status = stop();
    const u32 fatal = shared_->next;
    if (fatal < count) {
      Case& c = shared_->cases[fatal];
      c.judged = false;
      if (!c.stray.cs && WIFSIGNALED(status)) c.stray.signal = WTERMSIG(status);
      shared_->next = fatal + 1;
    }
    if (++deaths_ < too_many) start();
  }
  return false;
}
#else
struct Native::Shared {};
Native::Native(bool segments) : segments_(segments) {}
Native::~Native() = default;
std::span<Case> Native::cases() const { return {}; }
bool Native::has_upper_halves() { return false; }
std::string Native::absent() const { return "this host is no x86-64 Linux"; }
Descriptors Native::descriptors() const { return {}; }
std::string Native::without_descriptors() const { return absent(); }
bool Native::run(const Program&, unsigned) { return false; }
bool Native::repeat(unsigned) { return false; }
bool Native::counts_zeros(bool) { return false; }
#endif

}  // namespace oracle
