// Owns the emission of the code around the instruction.
#include "tests/oracle/frame.h"

#include <cstddef>
#include <cstring>
#include <initializer_list>

namespace oracle::frame {
namespace {

constexpr u64 fell_through = code_page + 0xa00, branched = code_page + 0xa20, epilogue = code_page + 0xa40,
              resume = code_page + 0xc00, on_signal = code_page + 0xd00;

u8* writable(u64 at) { return variables().code + (at - code_page); }

class Emitter {
 public:
  explicit Emitter(u64 at) : at_(at) {}
  void bytes(std::initializer_list<unsigned> values) {
    for (const unsigned v : values) *writable(at_++) = static_cast<u8>(v);
  }
  // An instruction that ends in a displacement relative to RIP; `rest`: bytes of it that follow.
  void relative(std::initializer_list<unsigned> head, u64 target, unsigned rest = 0) {
    bytes(head);
    dword(static_cast<u32>(target - (at_ + 4 + rest)));
  }
  void variable(std::initializer_list<unsigned> head, std::size_t offset, unsigned rest = 0) {
    relative(head, variables_page + offset, rest);
  }
  void gpr(unsigned opcode, unsigned number) {
    variable({number < 8 ? 0x48u : 0x4cu, opcode, (number & 7) << 3 | 5},
             offsetof(Variables, gpr) + number * 8);
  }
  void segment(unsigned opcode, unsigned number) {
    variable({opcode, number << 3 | 5}, offsetof(Variables, segment) + number * 2);
  }
  void dword(u32 value) {
    std::memcpy(writable(at_), &value, 4);
    at_ += 4;
  }
  // To 64-bit code, from code of `bits`.
  void go_back(unsigned bits, u64 target) {
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
  void put_lower_into_upper_halves() {
    for (unsigned n = 0; n < 16; ++n)  // vinsertf128 ymmN, ymmN, xmmN, 1
      bytes({0xc4, n < 8 ? 0xe3u : 0x43u, (~n & 15) << 3 | 5, 0x18, 0xc0 | (n & 7) << 3 | (n & 7), 1});
  }
  void store_upper_halves() {
    for (unsigned n = 0; n < 16; ++n) {  // vextractf128 [image.upper + 16 * N], ymmN, 1
      variable({0xc4, n < 8 ? 0xe3u : 0x63u, 0x7d, 0x19, (n & 7) << 3 | 5},
               offsetof(Variables, image) + offsetof(VectorImage, upper) + 16 * n, 1);
      bytes({1});
    }
  }
  void base_of_fs(Segments segments) {
    if (segments == Segments::left_alone) return;
    if (segments == Segments::by_instruction) {
      variable({0x48, 0x8b, 0x05}, offsetof(Variables, fs_base));  // mov rax, [fs_base]
      bytes({0xf3, 0x48, 0x0f, 0xae, 0xd0});                       // wrfsbase rax
      return;
    }
    // arch_prctl(ARCH_SET_FS, fs_base); RDI and RSI may be a signal handler's arguments.
    bytes({0x49, 0x89, 0xf8, 0x49, 0x89, 0xf1});                 // mov r8, rdi; mov r9, rsi
    bytes({0xb8, 158, 0, 0, 0, 0xbf, 0x02, 0x10, 0, 0});         // mov eax, 158; mov edi, 1002h
    variable({0x48, 0x8b, 0x35}, offsetof(Variables, fs_base));  // mov rsi, [fs_base]
    bytes({0x0f, 0x05, 0x4c, 0x89, 0xc7, 0x4c, 0x89, 0xce});     // syscall; mov rdi, r8; mov rsi, r9
  }
  void append(std::span<const u8> code) {
    std::memcpy(writable(at_), code.data(), code.size());
    at_ += code.size();
  }

 private:
  u64 at_;
};

}  // namespace

void emit(Segments how) {
  const bool segments = how != Segments::left_alone;
  std::memset(writable(code_page), 0xcc, code_bytes);
  Emitter e(code_page + 0x10);
  e.bytes({0x53, 0x55, 0x41, 0x54, 0x41, 0x55, 0x41, 0x56, 0x41, 0x57});  // push rbx, rbp, r12..r15
  e.variable({0x48, 0x89, 0x25}, offsetof(Variables, host_rsp));          // mov [host_rsp], rsp
  e.image(1);                                                             // fxrstor64
  if (Native::has_upper_halves()) e.put_lower_into_upper_halves();
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
  if (Native::has_upper_halves()) out.store_upper_halves();
  out.relative({0xe9}, resume);

  Emitter back(resume);
  back.variable({0x48, 0x8b, 0x25}, offsetof(Variables, host_rsp));
  back.bytes({0x68, 0x02, 0x02, 0, 0, 0x9d});  // push 202h; popfq
  back.bytes({0xdb, 0xe3});                    // fninit
  back.variable({0x0f, 0xae, 0x15}, offsetof(Variables, mxcsr));
  if (segments) {
    back.bytes({0xb8, user_data, 0, 0, 0, 0x8e, 0xd0});  // mov eax, user_data; mov ss, eax
    back.bytes({0x31, 0xc0, 0x8e, 0xe0, 0x8e, 0xe8});    // xor eax, eax; mov fs, eax; mov gs, eax
    back.base_of_fs(how);
  }
  back.bytes({0x41, 0x5f, 0x41, 0x5e, 0x41, 0x5d, 0x41, 0x5c, 0x5d, 0x5b, 0xc3});  // pops, ret

  Emitter s(on_signal);
  for (const unsigned r : {ES, DS, FS, GS})
    s.variable({0x8c, r << 3 | 5}, offsetof(Variables, at_signal) + r * 2);
  s.base_of_fs(how);
  s.bytes({0x9c, 0x81, 0x24, 0x24});  // pushfq; and dword [rsp], ...; popfq
  s.dword(static_cast<u32>(~(Eflags::AC | Eflags::NT | Eflags::DF)));
  s.bytes({0x9d});
  s.variable({0xff, 0x25}, offsetof(Variables, handler));  // jmp [handler]
}

void emit_instruction(const Program& program) {
  std::memset(writable(first_target), 0xcc, end_of_targets - first_target);
  Emitter e(code_at);
  e.append(program.code);
  e.go_back(program.bits, fell_through);
  if (program.target) Emitter(program.target).go_back(program.target_bits, branched);
}

bool owns(u64 rip) {
  return rip - code_page < code_bytes && rip - first_target >= end_of_targets - first_target;
}

std::string_view purpose(u64 rip) {
  if (!owns(rip)) return "outside the frame";
  if (rip < first_target) return "on the way to the instruction";
  if (rip < epilogue) return "just behind the instruction or its target";
  if (rip < resume) return "where the results are stored";
  return rip < on_signal ? "where the child goes on after a case" : "where a signal's handler begins";
}

u64 signal_entry() { return on_signal; }
u64 resume_at() { return resume; }

}  // namespace oracle::frame
