// Owns the choice of registers, segments and memory for user programs.
#include "tests/oracle/operands.h"

#include <cstring>

namespace oracle {
namespace {

void put(Case& c, u64 address, const void* bytes, std::size_t count) {
  for (std::size_t n = 0; n < count; ++n)
    if (address + n - data_base < data_bytes)
      c.memory[address + n - data_base] = static_cast<const u8*>(bytes)[n];
}
void put(Case& c, u64 address, u64 content, unsigned bytes = 8) { put(c, address, &content, bytes); }

bool starts(const Sample& s, std::string_view text) { return s.row->body.starts_with(text); }
bool is(const Sample& s, std::string_view text) { return s.row->body == text; }
bool is_string(const Sample& s) { return s.row->attrs & (RowAttr::rep | RowAttr::no_rep); }
bool uses_stack(const Sample& s) {
  return s.row->attrs & (RowAttr::stack | RowAttr::far) || is(s, "iret") || is(s, "enter") || is(s, "leave");
}
bool takes_selector(const Sample& s) {
  return is(s, "mov_to_segment") || is(s, "lar") || is(s, "lsl") || is(s, "verr") || is(s, "verw") ||
         is(s, "arpl");
}
bool loads_far_pointer(const Sample& s) {
  return is(s, "les") || is(s, "lds") || is(s, "lss") || is(s, "lfs") || is(s, "lgs");
}

bool canonical(u64 address, unsigned bits) {
  const unsigned shift = 64 - bits;
  return static_cast<u64>(static_cast<s64>(address << shift) >> shift) == address;
}

constexpr u64 arithmetic_and_direction = Eflags::arithmetic | Eflags::DF;

}  // namespace

u64 edge_value(std::mt19937_64& random) {
  static constexpr u64 edges[] = {
      0,      1,          2,          0x7f,       0x80,    0xff,         0x7fff,  0x8000,
      0xffff, 0x7fffffff, 0x80000000, 0xffffffff, ~u64{0}, ~u64{0} >> 1, bit(63), 0x8000000080008080};
  const u64 r = random();
  switch (r & 7) {
    case 0:
    case 1:
    case 2: return edges[(r >> 3) % std::size(edges)];
    case 3: return (r >> 3) & 0x3f;
    case 4: return static_cast<u64>(static_cast<s64>(r) >> (r >> 3 & 63));
    default: return random();
  }
}

u64 Operands::base_of(const Sample& s, SegReg segment, const Registers& in) const {
  if (s.bits == 64 && segment < FS) return 0;
  return emulated_.segment(in.segment[segment]).base;
}
u64 Operands::stack_mask(const Sample& s, const Registers& in) const {
  if (s.bits == 64) return ~u64{0};
  return emulated_.segment(in.segment[SS]).db() ? 0xffffffff : 0xffff;
}

u64 Operands::stack(const Sample& s, const Registers& now, const Registers& in) const {
  const u64 sum = base_of(s, SS, in) + (now.gpr[RSP] & stack_mask(s, in));
  return s.bits == 64 ? sum : static_cast<u32>(sum);
}

u64 Operands::address(const Sample& s, const Registers& in) const {
  u64 offset = static_cast<u64>(s.displacement);
  if (s.base == Sample::rip) return offset;
  if (s.base != Sample::none) offset += in.gpr[s.base];
  if (s.index != Sample::none) offset += in.gpr[s.index] * s.scale;
  if (s.address_bits < 64) offset &= bit(s.address_bits) - 1;
  const u64 linear = base_of(s, s.segment, in) + offset;
  return s.bits == 64 ? linear : static_cast<u32>(linear);
}

// An address for an operand: most often well inside, now and then at either end or nowhere.
u64 Operands::somewhere(const Sample& s, u64 inside) {
  const u64 r = random_();
  if (r % 24 == 0) return data_base - 8 + (r >> 8) % 12;
  if (r % 24 == 1) return data_base + data_bytes - 18 + (r >> 8) % 20;
  if (r % 96 == 2)
    return s.bits == 64 && s.address_bits == 64 ? (r & ~u64{0xffff}) >> 16 | bit(62) : data_base - 16;
  return inside;
}

u16 Operands::selector() {
  switch (below(8)) {
    case 0: return static_cast<u16>(below(4));                                 // null
    case 1: return static_cast<u16>(below(15) * 8 + below(4));                 // the global table
    case 2: return static_cast<u16>((gdt_count + below(500)) * 8 + below(4));  // beyond it
    case 3: return static_cast<u16>((ldt::count + below(500)) * 8 + 4 + below(4));
    default: return static_cast<u16>(below(ldt::count) * 8 + 4 + (one_in(3) ? below(4) : 3));
  }
}

// One that no branch gets through.
u16 Operands::wrong_code_selector() {
  for (;;) {
    const u16 s = selector();
    const unsigned entry = s >> 3;
    const bool code = s & 4 ? entry < ldt::count && ldt_entries()[entry].contents == LdtEntry::Contents::code
                            : entry == user_code32 >> 3 || entry == user_code64 >> 3;
    if (!code) return s;
  }
}

void Operands::choose_segments(const Sample& s, Registers& in) {
  using namespace ldt;
  static constexpr u8 data[] = {data32, data32, data16,    data16, window32,     window16, odd,
                                down32, down16, read_only, last,   code_as_data, wide32,   wide16};
  static constexpr u8 stacks[] = {data32, data32, data16, data16, window32, window16,
                                  odd,    down32, down16, last,   wide32,   wide16};
  if (!emulated_.descriptors().local) {
    for (const SegReg r : {ES, SS, DS, FS, GS}) in.segment[r] = user_data;
    good_ = one_in(2) || s.source == SS ? ES : s.source;
    if (one_in(8)) in.segment[one_in(2) ? ES : DS] = static_cast<u16>(below(4));
    return;
  }
  const bool strings = is_string(s) || is(s, "xlat") || starts(s, "maskmov");
  // One of a string's operands only: of two that fault, processors differ in which they read first.
  good_ = one_in(2) || s.source == SS ? ES : s.source;
  for (const SegReg r : {ES, DS, FS, GS}) {
    u8 entry = data[below(std::size(data))];
    // Where nothing but the limit keeps an address inside, it has to.
    const bool solved = strings ? r == s.source || r == ES : s.memory && r == s.segment && s.base < 16;
    while (!solved && (entry == wide32 || entry == wide16)) entry = data[below(std::size(data))];
    if (s.bits == 64 && r >= FS) entry = data32;
    if (strings && r == good_) {
      static constexpr u8 plain[] = {data32, data16, wide32, last};
      in.segment[r] = ldt_selector(plain[below(std::size(plain))]);
      continue;
    }
    in.segment[r] = ldt_selector(entry);
    if (s.bits != 64 && solved && one_in(6)) in.segment[r] = user_data;
    if (!(s.bits == 64 && r >= FS) && one_in(24)) in.segment[r] = static_cast<u16>(below(4));
  }
  u8 entry = stacks[below(std::size(stacks))];
  while (s.memory && s.segment == SS && s.base >= 16 && (entry == wide32 || entry == wide16))
    entry = stacks[below(std::size(stacks))];
  const bool displacement_on_stack = s.memory && s.segment == SS && s.base >= 16;
  in.segment[SS] = one_in(5) && !displacement_on_stack ? user_data : ldt_selector(entry);
}

// Gives a register the offset at which `linear` lies in a segment.
void Operands::aim_register(const Sample& s, Registers& in, u8 number, SegReg segment, u64 linear,
                            unsigned bits) {
  u64 offset = linear - base_of(s, segment, in);
  if (bits < 64) {
    const u64 mask = bit(bits) - 1;
    offset = (offset & mask) | (random_() & ~mask);
  }
  in.gpr[number] = s.bits == 64 ? offset : static_cast<u32>(offset);
}

void Operands::choose_flags(const Sample& s, Registers& in) {
  in.flags = (random_() & Eflags::arithmetic) | Eflags::reserved_one | Eflags::IF;
  if (is_string(s) ? one_in(2) : one_in(8)) in.flags |= Eflags::DF;
  if (one_in(16)) in.flags |= Eflags::AC;
  if (one_in(16)) in.flags |= Eflags::NT;
  if (one_in(4)) in.flags |= Eflags::ID;
}

void Operands::choose_registers(const Sample& s, Registers& in) {
  for (u64& r : in.gpr) r = s.bits == 64 ? edge_value(random_) : static_cast<u32>(edge_value(random_));
  choose_segments(s, in);
  const unsigned stack_bits = s.bits == 64 ? 64 : emulated_.segment(in.segment[SS]).db() ? 32 : 16;
  u64 top = data_base + 0x2000 + (below(0x400) & (one_in(3) ? ~u64{0} : ~u64{15}));
  const bool stack_may_fail = uses_stack(s) && !s.memory && one_in(8);
  wrong_targets_ = !stack_may_fail;
  if (stack_may_fail) top = somewhere(s, top);
  // At the stack segment's own ends.
  aim_register(s, in, RSP, SS, top, stack_bits);
  if (stack_may_fail && s.bits != 64 && in.segment[SS] != user_data && one_in(3))
    in.gpr[RSP] = (in.gpr[RSP] & ~u64{0xffff}) | below(8);
  if (s.bits != 64 && stack_bits == 32 && in.gpr[RSP] < 8) in.gpr[RSP] = 0x1000;
  if (is_string(s)) {
    const u64 from = data_base + 0x1000 + below(0x1800);
    u64 to = one_in(2) ? from + below(64) - 32 : data_base + 0x1000 + below(0x1800);
    // One of them only: of two operands that fault, processors differ in which they read first.
    aim_register(s, in, RSI, s.source, good_ == s.source ? from : somewhere(s, from), s.address_bits);
    aim_register(s, in, RDI, ES, good_ == ES ? to : somewhere(s, to), s.address_bits);
    in.gpr[RCX] = below(one_in(2) ? 8 : 300);
    // Whether a port that must not be used is refused even if nothing is to be transferred differs.
    if (s.row->body.ends_with("ins") || s.row->body.ends_with("outs")) ++in.gpr[RCX];
  }
  if (is(s, "leave") || is(s, "enter"))
    aim_register(s, in, RBP, SS, data_base + 0x2800 + below(64), stack_bits);
  if (is(s, "xlat")) aim_register(s, in, RBX, s.source, data_base + 0x1000, s.address_bits);
  if (starts(s, "maskmov"))
    aim_register(s, in, RDI, s.source, somewhere(s, data_base + 0x1000), s.address_bits);
  if (s.row->kind == Kind::conditional && one_in(2)) in.gpr[RCX] = below(3) | (one_in(4) ? 0x10000 : 0);
  if (starts(s, "shl") || starts(s, "shr"))
    if (s.row->operands[2] == Operand::cl && s.operand_bytes == 2)
      in.gpr[RCX] = (in.gpr[RCX] & ~u64{0xff}) | below(17);
  // Bit strings reach 2,048 bytes to both sides, and the offset's register may also be the address's.
  if (s.memory && starts(s, "bt") && s.row->operands[1] == Operand::r && s.reg != RSP) {
    u64& offset = in.gpr[s.reg];
    offset = static_cast<u64>(static_cast<s64>(offset << 49) >> 49);
    if (s.operand_bytes == 2) offset |= random_() << 16;
    if (s.bits != 64) offset = static_cast<u32>(offset);
  }
  if (takes_selector(s) && !s.memory && s.rm < 16 && s.rm != RSP)
    in.gpr[s.rm] = (in.gpr[s.rm] & ~u64{0xffff}) | selector();
  if (is(s, "arpl") && s.reg < 16 && s.reg != RSP)
    in.gpr[s.reg] = (in.gpr[s.reg] & ~u64{0xffff}) | selector();
  if (starts(s, "xsave") || starts(s, "xrstor")) in.gpr[RAX] = below(4), in.gpr[RDX] = 0;
  if (is(s, "xgetbv")) in.gpr[RCX] = 2 + below(1000);
  if ((starts(s, "wrfsbase") || starts(s, "wrgsbase")) && s.rm < 16 && s.rm != RSP) {
    u64& base = in.gpr[s.rm];
    if (one_in(2)) base &= 0x7fffffffffff;
    // Hosts that know five levels of paging take what has 57 bits.
    if (canonical(base, 57) && !canonical(base, 48)) base ^= bit(62);
  }
  if ((is(s, "jump_to") || is(s, "call_to")) && !s.memory && s.rm < 16) {
    u64 to = branch_target - code_base(s.cs);
    if (s.cs & 4 && wrong_targets_ && one_in(12)) to = 0x7000;
    in.gpr[s.rm] = to;
  }
  if (s.memory && s.base < 16) {
    u64 inside = data_base + 0x1800 + (one_in(3) ? below(0x900) : below(0x40) * 16);
    if (starts(s, "fx") || starts(s, "xsave") || starts(s, "xrstor"))
      inside &= one_in(8) ? ~u64{0} : ~u64{63};
    const u64 linear = somewhere(s, inside);
    u64 rest = static_cast<u64>(s.displacement);
    if (s.index != Sample::none) rest += in.gpr[s.index] * s.scale;
    aim_register(s, in, s.base, s.segment, linear - rest, s.address_bits);
  }
  choose_flags(s, in);
}

void Operands::begin(const Sample& s, Program& program) {
  program.code = s.bytes;
  program.bits = s.bits;
  program.cs = s.cs;
  program.vectors = s.x87_or_vectors();
  program.target = s.target;
  program.target_bits = s.target_bits;
  if (s.row->kind == Kind::indirect) {
    program.target = branch_target;
    program.target_bits = s.bits;
  }
  for (u64 n = 0; n < data_bytes; n += 8) {
    const u64 v = n % 64 == 0 ? edge_value(random_) : random_();
    std::memcpy(background_.data() + n, &v, 8);
  }
}

u64 Operands::flags_image() {
  return (random_() & (arithmetic_and_direction | Eflags::ID | (one_in(8) ? Eflags::NT | Eflags::AC : 0))) |
         Eflags::reserved_one | Eflags::IF;
}

void Operands::choose_stack(const Sample& s, Case& c) {
  const Registers& in = c.in;
  const u64 top = stack(s, in, in);
  const unsigned width = s.operand_bytes ? s.operand_bytes : 4;
  for (unsigned n = 0; n < 8; ++n) put(c, top + 8 * n, edge_value(random_));
  if (is(s, "popf")) put(c, top, flags_image(), width);
  if (is(s, "pop_segment")) put(c, top, selector(), 2);
  if (is(s, "ret") || is(s, "ret_and_release"))
    put(c, top, s.cs & 4 && wrong_targets_ && one_in(12) ? 0x7000 : branch_target - code_base(s.cs), width);
  if (starts(s, "ret_far") || is(s, "iret")) {
    const bool wrong_code = wrong_targets_ && one_in(4),
               too_far = s.far.selector & 4 && wrong_targets_ && one_in(16);
    put(c, top, too_far ? 0x7000 : s.far.offset, width);
    put(c, top + width, wrong_code ? wrong_code_selector() : s.far.selector, 2);
    if (is(s, "iret")) {
      put(c, top + 2 * width, flags_image(), width);
      put(c, top + 3 * width, data_base + 0x2000, width);
      put(c, top + 4 * width,
          !wrong_code && !too_far && one_in(4) ? selector()
          : !emulated_.descriptors().local     ? user_data
                                               : ldt_selector(one_in(2) ? ldt::data32 : ldt::data16),
          2);
    }
  }
}

// What the instructions that load a whole state find.
void Operands::choose_image(const Sample& s, Case& c, u64 at) {
  if (starts(s, "fxrstor") || starts(s, "xrstor")) {
    VectorImage image;
    choose_vectors(s, image);
    if (one_in(12)) image.bytes[26] = static_cast<u8>(4 << below(6));  // reserved in MXCSR
    put(c, at, image.bytes.data(), 512);
    if (starts(s, "xrstor")) {
      std::array<u64, 8> header{};
      header[0] = below(4);
      if (one_in(6)) header[below(8)] |= bit(static_cast<unsigned>(60 + below(4)));
      put(c, at + 512, header.data(), 64);
    }
  }
}

void Operands::choose_memory(const Sample& s, Case& c) {
  c.memory = background_;
  choose_stack(s, c);
  if (is(s, "rep_cmps") && one_in(2)) std::memset(c.memory.data() + 0x800, 0x41, 0x2000);
  if (is(s, "rep_scas") && one_in(2))
    std::memset(c.memory.data() + 0x800, static_cast<u8>(c.in.gpr[RAX]), 0x2000);
  if (!s.memory) return;
  const u64 at = address(s, c.in);
  for (unsigned n = 0; n < 4; ++n) put(c, at + 8 * n, edge_value(random_));
  const unsigned width = s.operand_bytes ? s.operand_bytes : 4;
  if (s.x87_or_vectors() && one_in(2)) {
    VectorImage image;
    choose_vectors(s, image);
    put(c, at, &image.bytes[one_in(2) ? 32 : 160], 16);
  }
  if (starts(s, "cmpxchg") && one_in(2)) {
    put(c, at, c.in.gpr[RAX], is(s, "cmpxchg8b") ? 4 : 8);
    if (is(s, "cmpxchg8b")) put(c, at + 4, c.in.gpr[RDX], 4);
    if (is(s, "cmpxchg16b")) put(c, at + 8, c.in.gpr[RDX]);
  }
  if (takes_selector(s)) put(c, at, selector(), 2);
  if (loads_far_pointer(s)) put(c, at + width, selector(), 2);
  if (is(s, "jmp_far_memory") || is(s, "call_far_memory")) {
    put(c, at, s.far.selector & 4 && wrong_targets_ && one_in(16) ? 0x7000 : s.far.offset, width);
    put(c, at + width, wrong_targets_ && one_in(4) ? wrong_code_selector() : s.far.selector, 2);
  }
  if (is(s, "jump_to") || is(s, "call_to"))
    put(c, at, s.cs & 4 && wrong_targets_ && one_in(12) ? 0x7000 : branch_target - code_base(s.cs), width);
  if (is(s, "bound") && one_in(2)) {
    const u64 low = edge_value(random_);
    put(c, at, low, width);
    put(c, at + width, low + below(1000), width);
    if (s.reg < 8 && s.reg != RSP && s.reg != s.base && s.reg != s.index)
      c.in.gpr[s.reg] = static_cast<u32>(low + below(1000));
  }
  if (is(s, "ldmxcsr")) put(c, at, random_() & (one_in(8) ? 0xfffdffff : 0xffff), 4);
  choose_image(s, c, at);
}

void Operands::choose_vectors(const Sample& s, VectorImage& image) {
  const auto set = [&](unsigned offset, u64 value, unsigned bytes) {
    std::memcpy(&image.bytes[offset], &value, bytes);
  };
  image = VectorImage();
  const unsigned masks = one_in(4) ? static_cast<unsigned>(below(64)) : 0x3f;
  const unsigned control = masks | 0x40 | static_cast<unsigned>(below(4) << 8 | below(4) << 10);
  const unsigned flags = one_in(4) ? static_cast<unsigned>(below(128)) : 0;
  const bool pends = flags & ~masks & 0x3f;
  set(0, control, 2);
  set(2, (random_() & 0x7f00) | flags | (pends ? 0x8080 : 0), 2);
  set(4, one_in(3) ? random_() & 0xff : s.vectors() ? 0 : 0x7e, 1);
  for (unsigned n = 0; n < 8; ++n) {
    u64 significand = edge_value(random_), exponent = below(0x10000);
    if (!one_in(6)) significand |= bit(63), exponent = 0x3fff - 40 + below(80) + (one_in(2) ? 0x8000 : 0);
    if (one_in(8)) exponent |= 0x7fff;
    if (one_in(8)) significand = exponent = 0;
    set(32 + 16 * n, significand, 8);
    set(40 + 16 * n, exponent, 2);
  }
  const unsigned simd_masks = one_in(6) ? static_cast<unsigned>(below(64)) : 0x3f;
  set(24, simd_masks << 7 | below(64) | below(4) << 13 | (one_in(4) ? 0x8040 : 0), 4);
  for (unsigned n = 0; n < 32; ++n) {
    u64 value = edge_value(random_);
    if (n & 1 ? one_in(2) : !one_in(3)) {
      const double number =
          static_cast<double>(static_cast<s64>(value)) / static_cast<double>(1 + below(1000));
      const float pair[2] = {static_cast<float>(number), 1.5f};
      std::memcpy(&value, one_in(2) ? static_cast<const void*>(&number) : pair, 8);
    }
    set(160 + 8 * n, value, 8);
  }
}

void Operands::choose(const Sample& s, Case& c) {
  choose_registers(s, c.in);
  choose_memory(s, c);
  if (s.x87_or_vectors()) choose_vectors(s, c.vectors);
}

}  // namespace oracle
