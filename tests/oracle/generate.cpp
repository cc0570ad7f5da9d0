// Owns the generation of instructions from the lowering table's rows.
#include "tests/oracle/generate.h"

#include <Zydis/Zydis.h>

#include <optional>

#include "tests/oracle/native.h"

namespace oracle {
namespace {

// What a token may stand for at one position.
enum class Choice { reg, high_byte, mem, imm, cl, acc, sr, rel };

unsigned token_bytes(Operand token, unsigned size) {
  using enum Operand;
  switch (token) {
    case r8:
    case rm8:
    case m8: return 1;
    case r16:
    case rm16:
    case m16: return 2;
    case r32:
    case rm32:
    case m32: return 4;
    case r64:
    case rm64:
    case m64: return 8;
    case m128: return 16;
    default: return size;
  }
}

std::vector<Choice> choices(Operand token, unsigned size) {
  using enum Operand;
  std::vector<Choice> result;
  const bool byte = token_bytes(token, size) == 1;
  switch (token) {
    case rm:
    case rmi:
    case rm8:
    case rm16:
    case rm32:
    case rm64:
      result = {Choice::reg, Choice::mem};
      if (byte) result.push_back(Choice::high_byte);
      if (token == rmi) result.push_back(Choice::imm);
      break;
    case r:
    case rv:
    case r8:
    case r16:
    case r32:
    case r64:
      result = {Choice::reg};
      if (byte) result.push_back(Choice::high_byte);
      break;
    case m:
    case m8:
    case m16:
    case m32:
    case m64:
    case m128:
    case ea: result = {Choice::mem}; break;
    case i: result = {Choice::imm}; break;
    case cl: result = {Choice::cl}; break;
    case acc: result = {Choice::acc}; break;
    case sr: result = {Choice::sr}; break;
    case rel: result = {Choice::rel}; break;
    default: break;
  }
  return result;
}

ZydisRegister gpr(unsigned number, unsigned bytes) {
  const ZydisRegisterClass c = bytes == 1   ? ZYDIS_REGCLASS_GPR8
                               : bytes == 2 ? ZYDIS_REGCLASS_GPR16
                               : bytes == 4 ? ZYDIS_REGCLASS_GPR32
                                            : ZYDIS_REGCLASS_GPR64;
  // Byte registers count AH, CH, DH and BH as 4 to 7.
  return ZydisRegisterEncode(c, static_cast<ZyanU8>(bytes == 1 && number >= 4 ? number + 4 : number));
}

class Builder {
 public:
  Builder(const RowInfo& row, unsigned size, std::mt19937_64& random)
      : row_(row), size_(size), random_(random) {
    request_.machine_mode = ZYDIS_MACHINE_MODE_LONG_64;
    request_.mnemonic = static_cast<ZydisMnemonic>(row.zydis_mnemonic);
    if (row.attrs & RowAttr::vex) request_.allowed_encodings = ZYDIS_ENCODABLE_ENCODING_VEX;
    encoded_.row = &row;
    if (row.attrs & RowAttr::rep) {
      const bool compares = row.mnemonic.starts_with("CMPS") || row.mnemonic.starts_with("SCAS");
      request_.prefixes = !compares      ? ZYDIS_ATTRIB_HAS_REP
                          : random() & 1 ? ZYDIS_ATTRIB_HAS_REPE
                                         : ZYDIS_ATTRIB_HAS_REPNE;
    }
    if (row.body == "enter") request_.operand_size_hint = ZYDIS_OPERAND_SIZE_HINT_NONE;
  }

  void add(Operand token, Choice choice) {
    ZydisEncoderOperand& o = request_.operands[request_.operand_count++];
    const unsigned bytes = token_bytes(token, size_);
    switch (choice) {
      case Choice::reg: {
        static constexpr u8 numbers[] = {0, 1, 2, 7, 8, 10, 11, 12, 15};
        const u8 number = numbers[random_() % std::size(numbers)];
        o.type = ZYDIS_OPERAND_TYPE_REGISTER;
        o.reg.value = gpr(number, bytes);
        if (request_.operand_count == 1) encoded_.reg = number;
        break;
      }
      case Choice::high_byte:
        o.type = ZYDIS_OPERAND_TYPE_REGISTER;
        o.reg.value = static_cast<ZydisRegister>(ZYDIS_REGISTER_AH + random_() % 4);
        break;
      case Choice::acc:
        o.type = ZYDIS_OPERAND_TYPE_REGISTER;
        o.reg.value = gpr(0, bytes);
        break;
      case Choice::cl:
        o.type = ZYDIS_OPERAND_TYPE_REGISTER;
        o.reg.value = ZYDIS_REGISTER_CL;
        break;
      case Choice::imm: add_immediate(o, bytes); break;
      case Choice::mem: add_memory(o, token == Operand::ea ? 0 : bytes); break;
      case Choice::sr:
        // A user program may push them; in 64-bit Linux both are null.
        o.type = ZYDIS_OPERAND_TYPE_REGISTER;
        o.reg.value = random_() & 1 ? ZYDIS_REGISTER_FS : ZYDIS_REGISTER_GS;
        break;
      case Choice::rel: {
        static constexpr s64 distances[] = {0x20, 0x7f, -0x60, -0x80, 0x500, -0x180};
        o.type = ZYDIS_OPERAND_TYPE_IMMEDIATE;
        o.imm.s = distances[random_() % std::size(distances)];
        encoded_.target = static_cast<u64>(o.imm.s);
        break;
      }
      default: break;
    }
  }

  std::optional<Encoded> finish() {
    // Where LOCK is allowed it changes nothing here; where not, there is no such encoding.
    if (encoded_.memory && random_() % 8 == 0) request_.prefixes |= ZYDIS_ATTRIB_HAS_LOCK;
    if (!encode()) {
      request_.prefixes &= ~ZYDIS_ATTRIB_HAS_LOCK;
      if (!encode()) return std::nullopt;
    }
    const u64 after = code_at + encoded_.bytes.size();
    if (encoded_.base == Encoded::rip) {
      // The length is known now, and stays.
      for (ZydisEncoderOperand& o : request_.operands)
        if (o.type == ZYDIS_OPERAND_TYPE_MEMORY)
          o.mem.displacement = encoded_.displacement - static_cast<s64>(after);
      if (!encode()) return std::nullopt;
    }
    if (encoded_.target) encoded_.target += after;
    return encoded_;
  }

 private:
  void add_immediate(ZydisEncoderOperand& o, unsigned bytes) {
    o.type = ZYDIS_OPERAND_TYPE_IMMEDIATE;
    const bool counts = row_.operands[1] == Operand::i || row_.operands[2] == Operand::i;
    const u64 value = random_();
    if (row_.body == "mov_imm64") {
      o.imm.u = value;
    } else if ((counts && row_.body != "imul_immediate") || bytes == 1 || value % 3 == 0) {
      o.imm.s = static_cast<s8>(value >> 8);
      if (counts && value & 4 && row_.body != "imul_immediate") o.imm.s &= 31;
    } else if (bytes == 2) {
      o.imm.s = static_cast<s16>(value >> 8);
    } else {
      o.imm.s = static_cast<s32>(value >> 8);
    }
  }
  bool encode() {
    u8 bytes[ZYDIS_MAX_INSTRUCTION_LENGTH];
    ZyanUSize length = sizeof bytes;
    if (ZYAN_FAILED(ZydisEncoderEncodeInstruction(&request_, bytes, &length))) return false;
    encoded_.bytes.assign(bytes, bytes + length);
    return true;
  }
  void add_memory(ZydisEncoderOperand& o, unsigned bytes) {
    o.type = ZYDIS_OPERAND_TYPE_MEMORY;
    o.mem.size = static_cast<ZyanU16>(bytes);
    if (row_.body == "lea") o.mem.size = 8;
    if (row_.body == "flush_line") o.mem.size = 64;
    encoded_.memory = true;
    const s64 somewhere = static_cast<s64>(data_base + 0x1000 + random_() % 0x2000);
    if (row_.attrs & RowAttr::imm64) {
      o.mem.displacement = encoded_.displacement = somewhere;
      request_.address_size_hint = ZYDIS_ADDRESS_SIZE_HINT_64;
      return;
    }
    if (random_() % 8 == 0) {
      encoded_.base = Encoded::rip;
      encoded_.displacement = somewhere;
      o.mem.base = ZYDIS_REGISTER_RIP;
      o.mem.displacement = 0x1000000;  // as wide as the true one
      return;
    }
    encoded_.address32 = random_() % 8 == 0;
    const unsigned width = encoded_.address32 ? 4 : 8;
    encoded_.base = base_registers[random_() % std::size(base_registers)];
    o.mem.base = gpr(encoded_.base, width);
    if (random_() & 1) {
      encoded_.index = index_register;
      encoded_.scale = static_cast<u8>(1u << (random_() & 3));
      o.mem.index = gpr(index_register, width);
      o.mem.scale = encoded_.scale;
    }
    static constexpr s64 displacements[] = {0, 1, -8, 127, -128, 0x1234, -0x7654321, 0x7fffffff};
    encoded_.displacement = displacements[random_() % std::size(displacements)];
    o.mem.displacement = encoded_.displacement;
  }

  const RowInfo& row_;
  unsigned size_;
  std::mt19937_64& random_;
  ZydisEncoderRequest request_{};
  Encoded encoded_;
};

void each_combination(const RowInfo& row, unsigned size, std::vector<Choice>& chosen,
                      const std::function<void(const std::vector<Choice>&)>& use) {
  const std::size_t n = chosen.size();
  if (n == max_operands || row.operands[n] == Operand::none || !row.match_operands) return use(chosen);
  for (const Choice c : choices(row.operands[n], size)) {
    chosen.push_back(c);
    each_combination(row, size, chosen, use);
    chosen.pop_back();
  }
}

}  // namespace

void generate(const RowInfo& row, unsigned count, std::mt19937_64& random,
              const std::function<void(const Encoded&)>& use) {
  for (const unsigned size : {1u, 2u, 4u, 8u}) {
    if (row.sizes != Sizes::none ? !(row.sizes & size) : size != 4) continue;
    std::vector<Choice> chosen;
    each_combination(row, size, chosen, [&](const std::vector<Choice>& combination) {
      for (unsigned k = 0; k < count; ++k) {
        Builder builder(row, size, random);
        for (std::size_t n = 0; n < combination.size(); ++n) builder.add(row.operands[n], combination[n]);
        if (const auto encoded = builder.finish()) use(*encoded);
      }
    });
  }
}

}  // namespace oracle
