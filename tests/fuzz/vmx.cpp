// Owns the fuzzing of VMX: any VMCS, any structure that it points to, anywhere in memory, any guest and any
// VMX instruction. Nothing may crash, an entry that went through broke no rule, and neither being cut in
// slices nor being saved and restored may make a difference.
#include <cstdio>
#include <cstdlib>

#include "tests/fuzz/vmx_world.h"
#include "vmx/explain_exit.h"
#include "vmx/explain_refusal.h"
#include "vmx/explain_rule.h"
#include "vmx/explain_walk.h"
#include "vmx/transitions.h"

using namespace ringside;
using namespace ringside::fuzz;

namespace {

[[noreturn]] void wrong(const char* what) {
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

// Explains the first transitions, and holds what VM entry let through against all rules.
struct Listener final : VmxObserver {
  unsigned left = 12;
  void entered(Cpu& cpu) override {
    // Those beyond the VMCS looked at the host's state, which is gone.
    for (const Rule* rule : violations({cpu, *cpu.vmx->current, cpu.vmx->capability})) {
      if (rule->beyond_vmcs) continue;
      std::fprintf(stderr, "%.*s\n", static_cast<int>(rule->id.size()), rule->id.data());
      wrong("a VM entry let a broken rule through");
    }
  }
  void exited(Cpu& cpu, const ExitInfo& exit) override {
    if (left == 0) return;
    --left;
    explain_exit(exit);
    if (const auto walk = explain_walk(cpu, exit)) walk->text();
  }
  void refused(Cpu& cpu, const RefusedEntry& entry) override {
    if (left == 0) return;
    --left;
    if (entry.exit) headline(*entry.exit);
    for (const Rule* rule : entry.broken) text(explain(*rule, {cpu, *cpu.vmx->current, cpu.vmx->capability}));
  }
  void failed(Cpu& cpu, const VmRefusal& refusal) override { explain(cpu, refusal); }
  void faulted(Cpu& cpu, const VmRefusal& refusal) override { explain(cpu, refusal); }
};

// Writes the host's program.
struct Code {
  PhysicalMemory& memory;
  u64 at;
  void bytes(std::initializer_list<u8> list) {
    for (const u8 byte : list) memory.write(HostPhys(at++), 1, byte);
  }
  void number(u64 value, unsigned size) { memory.write(HostPhys(at), size, value), at += size; }
  void rax(u64 value) { bytes({0x48, 0xb8}), number(value, 8); }
  void rbx(u64 value) { bytes({0x48, 0xbb}), number(value, 8); }
  void push_two(u64 low, u64 high) { rax(high), bytes({0x50}), rax(low), bytes({0x50}); }
};

u64 some_field(Input& in) {
  const u16 raw = in.take<u16>();
  if ((raw & 7) == 7) return raw;
  return info(static_cast<Field>((raw >> 3) % field_count)).encoding | (raw & 7 ? 0 : 1);
}
u64 some_value(Input& in) {
  const u8 kind = in.take<u8>();
  switch (kind & 3) {
    case 0: return in.take<u64>();
    case 1: return bit(kind >> 2);
    case 2: return kind >> 2;
    default: return address(in);
  }
}

void host_instruction(Code& code, Input& in) {
  switch (in.take<u8>() % 16) {
    case 0: code.rax(some_field(in)), code.rbx(some_value(in)), code.bytes({0x0f, 0x79, 0xc3}); break;
    case 1: code.rax(some_field(in)), code.bytes({0x0f, 0x78, 0xc3}); break;
    case 2: code.rax(some_field(in)), code.rbx(address(in)), code.bytes({0x0f, 0x78, 0x03}); break;
    case 3: code.rax(some_field(in)), code.rbx(address(in)), code.bytes({0x0f, 0x79, 0x03}); break;
    case 4: code.push_two(address(in), 0), code.bytes({0x0f, 0xc7, 0x34, 0x24}); break;        // VMPTRLD
    case 5: code.push_two(address(in), 0), code.bytes({0x66, 0x0f, 0xc7, 0x34, 0x24}); break;  // VMCLEAR
    case 6: code.rbx(address(in)), code.bytes({0x0f, 0xc7, 0x3b}); break;                      // VMPTRST
    case 7: code.push_two(address(in), 0), code.bytes({0xf3, 0x0f, 0xc7, 0x34, 0x24}); break;  // VMXON
    case 8:
      code.push_two(some_value(in), some_value(in)), code.rbx(in.take<u8>() % 6);
      code.bytes({0x66, 0x0f, 0x38, 0x80, 0x1c, 0x24});  // INVEPT
      break;
    case 9:
      code.push_two(some_value(in), some_value(in)), code.rbx(in.take<u8>() % 6);
      code.bytes({0x66, 0x0f, 0x38, 0x81, 0x1c, 0x24});  // INVVPID
      break;
    case 10: code.bytes({0x0f, 0x01, 0xc4}); break;              // VMXOFF
    case 11: code.bytes({0x0f, 0x01, 0xc1}); break;              // VMCALL
    case 12: code.bytes({0x31, 0xc0, 0x0f, 0x01, 0xd4}); break;  // VMFUNC
    case 13:
    case 14: code.rax(some_value(in)), code.rbx(address(in)), code.bytes({0x48, 0x89, 0x03}); break;
    default: code.number(in.take<u64>(), 5 + in.pick(4)); break;
  }
}

// Behind each VM exit: the guest's RIP goes past the instruction, then whatever the input asks for, then in
// again.
void write_host(World& world, Input& in) {
  Code code{world.machine.memory(), place::host};
  code.rax(info(Field::VM_EXIT_INSTRUCTION_LENGTH).encoding);
  code.bytes({0x0f, 0x78, 0xc1});  // vmread rcx, rax
  code.rax(info(Field::GUEST_RIP).encoding);
  code.bytes({0x0f, 0x78, 0xc2, 0x48, 0x01, 0xca, 0x0f, 0x79, 0xc2});  // vmread rdx; add rdx, rcx; vmwrite
  for (unsigned n = in.take<u8>() % 8; n > 0; --n) host_instruction(code, in);
  code.bytes({0x0f, 0x01, 0xc3, 0x0f, 0x01, 0xc2, 0xf4});  // vmresume; vmlaunch; hlt
}

void spoil(World& world, Input& in) {
  for (u32 groups = in.take<u32>(), n = 0; n < World::groups; ++n) {
    if (groups >> n & 1) world.use(n);
  }
  for (unsigned n = in.take<u8>() % 8; n > 0; --n) {
    const Field field = static_cast<Field>(in.pick(field_count));
    switch (in.take<u8>() % 4) {
      case 0: world.set(field, some_value(in)); break;
      case 1: world.set(field, world.get(field) ^ bit(in.take<u8>() & 63)); break;
      case 2: world.set(field, world.get(field) | some_value(in)); break;
      default: {
        // A control that the CPU has.
        const VmxControl control = static_cast<VmxControl>(in.pick(vmx_control_count));
        if (static_cast<unsigned>(info(control).word) < control_word_count) world.on(control);
        break;
      }
    }
  }
  if (const u8 event = in.take<u8>(); event & 1) {
    const u32 type = event >> 1 & 7;
    world.set(Field::VM_ENTRY_INTERRUPTION_INFORMATION, Interruption::valid | type << 8 |
                                                            (event >> 4 & 1) << 11 |
                                                            (type == 2 ? 2 : in.take<u8>() & 0x1f));
    world.set(Field::VM_ENTRY_INSTRUCTION_LENGTH, event >> 5 & 3);
  }
  for (unsigned n = in.take<u8>() % 8; n > 0; --n) {
    const u64 at = place::pages[in.pick(std::size(place::pages))] + (in.take<u16>() & 0xff8);
    world.put(at, some_value(in));
  }
  Cpu& cpu = world.cpu;
  const u8 signals = in.take<u8>();
  if ((signals & 7) == 1) cpu.attention |= Attention::nmi;
  if ((signals & 0x38) == 0x08) cpu.attention |= Attention::init;
  if ((signals & 0xc0) == 0x40) cpu.attention |= Attention::start_up;
}

MachineConfig config(Dispatcher dispatcher) {
  MachineConfig config;
  std::string error;
  config.model = *parse_cpu_model("max", error);
  config.ram_bytes = 4 << 20;
  config.dispatcher = dispatcher;
  return config;
}

void set_up(Machine& machine, Input in) {
  World world(machine);
  world.build(in.take<u8>() % World::kinds);
  spoil(world, in);
  write_host(world, in);
  for (const unsigned r : {RAX, RBX, RCX, RDX, RSI, RDI, RBP}) world.cpu.gpr[r] = some_value(in);
  const std::size_t room = std::min<std::size_t>(in.size, 0x4000);
  if (room) machine.memory().write_block(HostPhys(place::guest_code), in.data, room);
}

// Behind a VMX abort the TLB is where the exit broke off; nobody will ask it again.
void same(Machine& one, Machine& other, const char* what) {
  if (one.retired() != other.retired() || one.state_hash() != other.state_hash()) wrong(what);
  const bool goes_on = one.ending().why == Ending::Why::running;
  if (goes_on && one.save_without_ram() != other.save_without_ram()) wrong(what);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
  static Fresh emitted(config(Dispatcher::emitted)), reference(config(Dispatcher::reference));
  const Input in{data, size};
  constexpr u64 first = 150, second = 300, length = 1'500;
  Listener listener;
  Machine& one = emitted.again();
  set_up(one, in);
  const auto listens = one.cpu(0).vmx->observers.attach(listener);
  if (!run_to(one, first, whole)) return 0;

  Machine& other = reference.again();
  set_up(other, in);
  if (!run_to(other, first, small_slices())) wrong("a run in slices sleeps");
  same(one, other, "a run in slices ended elsewhere");

  std::string error;
  const std::vector<u8> saved = one.save();
  if (!other.restore(saved, error)) wrong(error.c_str());
  if (!run_to(one, second, whole)) return 0;
  if (!run_to(other, second, small_slices())) wrong("a restored machine sleeps");
  same(one, other, "a restored machine went elsewhere");
  run_to(one, length, whole);
  return 0;
}
