// Owns the emission of the code around the instruction.
#include "tests/oracle/frame.h"

#include <cstddef>
#include <cstring>
#include <initializer_list>

namespace oracle::frame {
namespace {

constexpr u64 fell_through = code_page + 0xa00, branched = code_page + 0xa20, epilogue = code_page + 0xa40,
              resume = code_page + 0xc00, on_signal = code_page + 0xd00;

class Emitter {
 public:
  explicit Emitter(u64 at) : at_(reinterpret_cast<u8*>(at)) {}
  void bytes(std::initializer_list<unsigned> values) {
    for (const unsigned v : values) *at_++ = static_cast<u8>(v);
  }
  // An instruction that ends in a displacement relative to RIP; `rest`: bytes of it that follow.
  void relative(std::initializer_list<unsigned> head, u64 target, unsigned rest = 0) {
    bytes(head);
    dword(static_cast<u32>(target - (at() + 4 + rest)));
  }
  void variable(std::initializer_list<unsigned> head, std::size_t offset, unsigned rest = 0) {
    relative(head, code_page + 0x1000 + offset, rest);
  }
  void gpr(unsigned opcode, unsigned number) {
    variable({number < 8 ? 0x48u : 0x4cu, opcode, (number & 7) << 3 | 5},
             offsetof(Variables, gpr) + number * 8);
  }
  void segment(unsigned opcode, unsigned number) {
    variable({opcode, number << 3 | 5}, offsetof(Variables, segment) + number * 2);
  }
  void dword(u32 value) {
    std::memcpy(at_, &value, 4);
    at_ += 4;
  }
  // To 64-bit code, from code of `bits`.
  void leave(unsigned bits, u64 target) {
    if (bits == 64) return relative({0xe9}, target);
    if (bits == 16) bytes({0x66});
    bytes({0xea});
    dword(static_cast<u32>(target));
    bytes({user_code64, 0});
  }
  // Something with the vectors' image, where it is wanted.
  void image(unsigned extension) {
    variable({0x80, 0x3d}, offsetof(Variables, vectors), 1);  // cmp byte [vectors], 0
    bytes({0, 0x74, 8});                                      // je
    variable({0x48, 0x0f, 0xae, extension << 3 | 5}, offsetof(Variables, image));
  }
  u64 at() const { return reinterpret_cast<u64>(at_); }
  void append(std::span<const u8> code) {
    std::memcpy(at_, code.data(), code.size());
    at_ += code.size();
  }

 private:
  u8* at_;
};

}  // namespace

void emit(bool segments) {
  std::memset(reinterpret_cast<void*>(code_page), 0xcc, 0x1000);
  Emitter e(code_page + 0x10);
  e.bytes({0x53, 0x55, 0x41, 0x54, 0x41, 0x55, 0x41, 0x56, 0x41, 0x57});  // push rbx, rbp, r12..r15
  e.variable({0x48, 0x89, 0x25}, offsetof(Variables, host_rsp));          // mov [host_rsp], rsp
  e.image(1);                                                             // fxrstor64
  if (segments)
    for (const unsigned s : {ES, DS, FS, GS}) e.segment(0x8e, s);
  e.variable({0xff, 0x35}, offsetof(Variables, flags));  // push [flags]
  e.bytes({0x9d});                                       // popfq
  for (unsigned n = 0; n < 16; ++n)
    if (n != RSP) e.gpr(0x8b, n);
  if (segments) e.segment(0x8e, SS);
  e.gpr(0x8b, RSP);
  e.variable({0xff, 0x2d}, offsetof(Variables, start));  // jmp far [start]

  for (const u64 way : {fell_through, branched}) {
    Emitter w(way);
    w.variable({0xc6, 0x05}, offsetof(Variables, way), 1);  // mov byte [way], ...
    w.bytes({way == branched});
    w.relative({0xe9}, epilogue);
  }
  Emitter out(epilogue);
  for (unsigned n = 0; n < 16; ++n) out.gpr(0x89, n);
  for (const unsigned s : {ES, SS, DS, FS, GS}) out.segment(0x8c, s);
  out.variable({0x48, 0x8b, 0x25}, offsetof(Variables, host_rsp));  // mov rsp, [host_rsp]
  out.bytes({0x9c});                                                // pushfq
  out.variable({0x8f, 0x05}, offsetof(Variables, flags));           // pop [flags]
  out.image(0);                                                     // fxsave64
  out.relative({0xe9}, resume);

  Emitter back(resume);
  back.variable({0x48, 0x8b, 0x25}, offsetof(Variables, host_rsp));
  back.bytes({0x68, 0x02, 0x02, 0, 0, 0x9d});  // push 202h; popfq
  back.bytes({0xdb, 0xe3});                    // fninit
  back.variable({0x0f, 0xae, 0x15}, offsetof(Variables, mxcsr));
  if (segments) {
    back.bytes({0xb8, user_data, 0, 0, 0, 0x8e, 0xd0});  // mov eax, user_data; mov ss, eax
    back.bytes({0x31, 0xc0, 0x8e, 0xe0, 0x8e, 0xe8});    // xor eax, eax; mov fs, eax; mov gs, eax
    back.variable({0x48, 0x8b, 0x05}, offsetof(Variables, fs_base));  // mov rax, [fs_base]
    back.bytes({0xf3, 0x48, 0x0f, 0xae, 0xd0});                       // wrfsbase rax
  }
  back.bytes({0x41, 0x5f, 0x41, 0x5e, 0x41, 0x5d, 0x41, 0x5c, 0x5d, 0x5b, 0xc3});  // pops, ret

  Emitter s(on_signal);
  if (segments) {
    s.variable({0x48, 0x8b, 0x05}, offsetof(Variables, fs_base));
    s.bytes({0xf3, 0x48, 0x0f, 0xae, 0xd0});
  }
  s.bytes({0x9c, 0x81, 0x24, 0x24});  // pushfq; and dword [rsp], ...; popfq
  s.dword(static_cast<u32>(~(Eflags::AC | Eflags::NT | Eflags::DF)));
  s.bytes({0x9d});
  s.variable({0xff, 0x25}, offsetof(Variables, handler));  // jmp [handler]
}

void emit_instruction(const Program& program) {
  std::memset(reinterpret_cast<void*>(first_target), 0xcc, end_of_targets - first_target);
  Emitter e(code_at);
  e.append(program.code);
  e.leave(program.bits, fell_through);
  if (program.target) Emitter(program.target).leave(program.target_bits, branched);
}

u64 signal_entry() { return on_signal; }
u64 resume_at() { return resume; }

}  // namespace oracle::frame
