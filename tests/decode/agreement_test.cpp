// Owns the comparison of three decoders: our lowering, Zydis and Capstone. Where they differ, a class of the
// table says why.
#include <doctest/doctest.h>

#include <Zydis/Zydis.h>
#include <capstone/capstone.h>

#include <algorithm>
#include <map>

#include "cpu/decode/lower.h"
#include "tests/decode/samples.h"
#include "tests/soak.h"

using namespace ringside;

namespace {

// The prefixes of an instruction, found without any of the decoders.
struct Prefixes {
  bool operand = false, address = false, repne = false, rep = false, lock = false, rex = false, rex_w = false;
  unsigned count = 0;
};
Prefixes prefixes_of(unsigned bits, const Sample& bytes) {
  Prefixes p;
  for (; p.count < sample_bytes; ++p.count) {
    const u8 byte = bytes[p.count];
    if (bits == 64 && (byte & 0xf0) == 0x40) {
      p.rex = true;
      p.rex_w = byte & 8;
      continue;
    }
    switch (byte) {
      case 0x66: p.operand = true; break;
      case 0x67: p.address = true; break;
      case 0xf2: p.repne = true; break;
      case 0xf3: p.rep = true; break;
      case 0xf0: p.lock = true; break;
      case 0x26:
      case 0x2e:
      case 0x36:
      case 0x3e:
      case 0x64:
      case 0x65: break;
      default: return p;
    }
    p.rex = p.rex_w = false;  // only the byte right before the opcode counts
  }
  return p;
}

// One instruction as both see it; a length of 0 is "no such instruction".
struct Case {
  unsigned bits;
  const Sample& bytes;
  Prefixes prefixes;
  unsigned zydis, capstone;
  ZydisDecodedInstruction insn;    // if zydis
  std::string_view capstone_name;  // if capstone

  u8 byte(unsigned n) const { return n < sample_bytes ? bytes[n] : u8{0}; }
  u8 opcode() const { return byte(prefixes.count); }
  u8 second() const { return byte(prefixes.count + 1); }
  u8 third() const { return byte(prefixes.count + 2); }
  u8 modrm() const {
    return opcode() != 0x0f ? second() : (second() & 0xfd) == 0x38 ? byte(prefixes.count + 3) : third();
  }
  bool two_bytes(unsigned first, unsigned last) const {
    return opcode() == 0x0f && second() >= first && second() <= last;
  }
  bool mandatory() const { return prefixes.operand || prefixes.repne || prefixes.rep; }
  bool is(std::initializer_list<ZydisMnemonic> list) const {
    return std::find(list.begin(), list.end(), insn.mnemonic) != list.end();
  }
  bool vector_prefix() const {
    const u8 op = opcode();
    return op == 0xc4 || op == 0xc5 || op == 0x62 || (op == 0x8f && (modrm() & 0x38));
  }
};

struct Class {
  const char* reason;
  bool (*holds)(const Case&);
};

// Who is right stands in each reason. Zydis is what the machine follows.
constexpr Class classes[] = {
    {"VEX, EVEX and XOP: Capstone 4 knows only a part of them",
     [](const Case& c) { return c.vector_prefix(); }},
    {"3DNow! is AMD's, and Capstone 4 accepts any suffix",
     [](const Case& c) { return c.two_bytes(0x0f, 0x0f); }},
    {"Capstone accepts a 66, F2 or F3 where the manual says NP",
     [](const Case& c) { return !c.zydis && c.opcode() == 0x0f && c.mandatory(); }},
    {"Capstone accepts LOCK on what cannot be locked",
     [](const Case& c) { return !c.zydis && c.prefixes.lock; }},
    {"Capstone accepts MOV to CS and MOV of the segment registers 6 and 7",
     [](const Case& c) { return !c.zydis && (c.opcode() == 0x8e || c.opcode() == 0x8c); }},
    {"66 on a near branch in 64-bit mode: ignored by Intel, 16 bits wide to Capstone (as AMD has it)",
     [](const Case& c) {
       return c.bits == 64 && c.prefixes.operand && c.zydis == c.capstone + 2 &&
              c.insn.raw.imm[0].is_relative;
     }},
    {"UD0 and UD1 have a ModRM byte, which Capstone 4 forgets",
     [](const Case& c) {
       return c.zydis && c.is({ZYDIS_MNEMONIC_UD0, ZYDIS_MNEMONIC_UD1});
     }},
    {"Capstone 4 does not know these: key locker, CET, ENQCMD, MOVDIR, GFNI, HRESET",
     [](const Case& c) {
       return !c.capstone && c.zydis &&
              c.is({ZYDIS_MNEMONIC_MOVDIRI,
                    ZYDIS_MNEMONIC_MOVDIR64B,
                    ZYDIS_MNEMONIC_ENQCMD,
                    ZYDIS_MNEMONIC_ENQCMDS,
                    ZYDIS_MNEMONIC_AESDEC128KL,
                    ZYDIS_MNEMONIC_AESENC128KL,
                    ZYDIS_MNEMONIC_AESDEC256KL,
                    ZYDIS_MNEMONIC_AESENC256KL,
                    ZYDIS_MNEMONIC_GF2P8AFFINEQB,
                    ZYDIS_MNEMONIC_GF2P8MULB,
                    ZYDIS_MNEMONIC_GF2P8AFFINEINVQB,
                    ZYDIS_MNEMONIC_AESDECWIDE128KL,
                    ZYDIS_MNEMONIC_AESDECWIDE256KL,
                    ZYDIS_MNEMONIC_AESENCWIDE128KL,
                    ZYDIS_MNEMONIC_AESENCWIDE256KL,
                    ZYDIS_MNEMONIC_ENCODEKEY128,
                    ZYDIS_MNEMONIC_ENCODEKEY256,
                    ZYDIS_MNEMONIC_LOADIWKEY,
                    ZYDIS_MNEMONIC_WRSSD,
                    ZYDIS_MNEMONIC_WRSSQ,
                    ZYDIS_MNEMONIC_WRUSSD,
                    ZYDIS_MNEMONIC_WRUSSQ,
                    ZYDIS_MNEMONIC_INCSSPD,
                    ZYDIS_MNEMONIC_INCSSPQ,
                    ZYDIS_MNEMONIC_RSTORSSP,
                    ZYDIS_MNEMONIC_HRESET,
                    ZYDIS_MNEMONIC_PTWRITE,
                    ZYDIS_MNEMONIC_TPAUSE,
                    ZYDIS_MNEMONIC_UMONITOR,
                    ZYDIS_MNEMONIC_UMWAIT});
     }},
    {"Capstone 4 does not know the newer of the instructions that live in 0F 01 /reg with a register",
     [](const Case& c) { return !c.capstone && c.two_bytes(0x01, 0x01) && c.modrm() >= 0xc0; }},
    {"Capstone accepts SWAPGS outside 64-bit mode",
     [](const Case& c) { return !c.zydis && c.bits != 64 && c.two_bytes(0x01, 0x01) && c.modrm() == 0xf8; }},
    {"Capstone accepts VIA's PadLock", [](const Case& c) { return !c.zydis && c.two_bytes(0xa6, 0xa7); }},
    {"Capstone accepts control registers that do not exist",
     [](const Case& c) { return !c.zydis && c.two_bytes(0x20, 0x23); }},
    {"Capstone knows no hint NOPs but those of 0F 1F and of the prefetches",
     [](const Case& c) { return !c.capstone && c.two_bytes(0x18, 0x1f); }},
    {"Capstone knows the fences with ModRM.rm = 0 only, which the processor ignores",
     [](const Case& c) { return !c.capstone && c.two_bytes(0xae, 0xae) && c.modrm() >= 0xe8; }},
    {"Capstone 4 loses 66, F2 and F3 before 0F in 16-bit code",
     [](const Case& c) { return !c.capstone && c.bits == 16 && c.opcode() == 0x0f && c.mandatory(); }},
    {"Capstone 4 does not find 66, F2 and F3 where another prefix follows them",
     [](const Case& c) { return !c.capstone && c.mandatory() && c.prefixes.count > 1; }},
    {"Capstone 4 forgets 66 where another prefix follows it: its immediate is too long",
     [](const Case& c) {
       return c.bits != 16 && c.prefixes.operand && c.prefixes.count > 1 && c.zydis + 2 == c.capstone;
     }},
    {"REX.R does not reach segment registers; Capstone refuses it",
     [](const Case& c) {
       return !c.capstone && (c.opcode() == 0x8c || c.opcode() == 0x8e) && c.prefixes.rex;
     }},
    {"Capstone takes 67 and REX for a 66 in 64-bit mode",
     [](const Case& c) {
       return c.bits == 64 && c.prefixes.address && c.prefixes.rex &&
              ((!c.zydis && c.opcode() == 0x0f) || (c.zydis && c.capstone && c.zydis != c.capstone));
     }},
    {"EXTRQ and INSERTQ are AMD's", [](const Case& c) { return c.zydis && c.two_bytes(0x78, 0x79); }},
    {"0F 0D is a NOP or a prefetch in all its forms; Capstone 4 knows two",
     [](const Case& c) { return !c.capstone && c.two_bytes(0x0d, 0x0d); }},
};

struct Agreement {
  ZydisDecoder zydis[3];
  csh capstone[3] = {};
  cs_insn* insn = nullptr;
  Decoder decoder;
  std::map<std::string, std::pair<unsigned, std::string>> unexplained;
  std::array<u64, std::size(classes)> used{};
  u64 cases = 0, lowered_differently = 0;

  static FeatureSet everything() {
    FeatureSet features;
    features.set();
    features.reset(static_cast<std::size_t>(Feature::never));
    return features;
  }
  Agreement() : decoder(everything()) {
    ZydisDecoderInit(&zydis[0], ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16);
    ZydisDecoderInit(&zydis[1], ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
    ZydisDecoderInit(&zydis[2], ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    for (ZydisDecoder& d : zydis) {
      ZydisDecoderEnableMode(&d, ZYDIS_DECODER_MODE_MPX, ZYAN_FALSE);
      ZydisDecoderEnableMode(&d, ZYDIS_DECODER_MODE_CET, ZYAN_FALSE);
    }
    static constexpr cs_mode modes[] = {CS_MODE_16, CS_MODE_32, CS_MODE_64};
    for (unsigned n = 0; n < 3; ++n) REQUIRE(cs_open(CS_ARCH_X86, modes[n], &capstone[n]) == CS_ERR_OK);
    insn = cs_malloc(capstone[0]);
  }
  ~Agreement() {
    cs_free(insn, 1);
    for (csh& handle : capstone) cs_close(&handle);
  }
  Agreement(const Agreement&) = delete;
  Agreement& operator=(const Agreement&) = delete;

  void operator()(unsigned bits, const Sample& bytes) {
    ++cases;
    const unsigned mode = bits == 64 ? 2 : bits == 32 ? 1 : 0;
    Case c{bits, bytes, {}, 0, 0, {}, {}};
    if (ZYAN_SUCCESS(
            ZydisDecoderDecodeInstruction(&zydis[mode], nullptr, bytes.data(), sample_bytes, &c.insn)))
      c.zydis = c.insn.length;
    const u8* code = bytes.data();
    std::size_t size = sample_bytes;
    u64 address = 0;
    if (cs_disasm_iter(capstone[mode], &code, &size, &address, insn)) {
      c.capstone = insn->size;
      c.capstone_name = insn->mnemonic;
    }
    Lowered out;
    if (decoder.lower(bytes.data(), sample_bytes, bits, false, 0, out) == DecodeStatus::ok &&
        out.op.length != c.zydis)
      ++lowered_differently;
    if (c.zydis == c.capstone) return;
    c.prefixes = prefixes_of(bits, bytes);
    for (std::size_t n = 0; n < std::size(classes); ++n) {
      if (!classes[n].holds(c)) continue;
      ++used[n];
      return;
    }
    std::string key = "Zydis ";
    key += c.zydis ? ZydisMnemonicGetString(c.insn.mnemonic) : "-";
    key += ", Capstone ";
    key += c.capstone ? c.capstone_name : "-";
    auto& [count, example] = unexplained[key];
    if (count++ == 0)
      example = std::to_string(bits) + "-bit: " + hex(bytes) + "lengths " + std::to_string(c.zydis) + ", " +
                std::to_string(c.capstone);
  }

  void report() const {
    for (const auto& [what, seen] : unexplained) MESSAGE(what << " (" << seen.first << ")  " << seen.second);
    CHECK(unexplained.empty());
    CHECK(lowered_differently == 0);
  }
};

}  // namespace

TEST_CASE("the lowering, Zydis and Capstone agree on lengths, or it is known why not") {
  Agreement agreement;
  sweep_opcodes(std::ref(agreement));
  random_samples(0xc0ffee, 400'000 * soak_factor(), std::ref(agreement));
  agreement.report();
  // A class that nothing falls into says something that is no longer true.
  for (std::size_t n = 0; n < std::size(classes); ++n) {
    CAPTURE(classes[n].reason);
    CHECK(agreement.used[n] > 0);
  }
}
