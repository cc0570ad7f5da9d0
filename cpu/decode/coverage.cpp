// Owns the derivation of the instruction list: systematic byte strings, decoded and lowered.
#include "cpu/decode/coverage.h"

#include <Zydis/Zydis.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "cpu/decode/lower.h"

namespace ringside {
namespace {

constexpr unsigned longest = 15;

// An encoding under construction. What follows the opcode's last byte is zero but for ModRM and SIB.
struct Bytes {
  u8 data[longest + 1] = {};
  unsigned size = 0;
  Bytes& add(unsigned byte) {
    data[size++] = static_cast<u8>(byte);
    return *this;
  }
};

class Collector {
 public:
  Collector() : lowering_(all_features()) {
    ZydisDecoderInit(&decoders_[0], ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
    ZydisDecoderInit(&decoders_[1], ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    has_row_.resize(ZYDIS_MNEMONIC_MAX_VALUE + 1);
    for (const RowInfo& row : rows()) has_row_[row.zydis_mnemonic] = true;
  }

  // Returns false if the opcode reads no ModRM byte, so that varying it would only repeat this encoding.
  bool sample(const Bytes& bytes, unsigned code_bits) {
    ZydisDecodedInstruction insn;
    const ZydisDecoder& decoder = decoders_[code_bits == 64 ? 1 : 0];
    if (ZYAN_FAILED(ZydisDecoderDecodeInstruction(&decoder, nullptr, bytes.data, longest, &insn)))
      return true;
    Count& count = counts_[{insn.mnemonic, insn.meta.isa_set, insn.meta.isa_ext}];
    ++count.encodings;
    if (has_row_[insn.mnemonic]) {
      Lowered lowered;
      if (lowering_.lower(bytes.data, longest, code_bits, false, 0, lowered) == DecodeStatus::ok)
        ++count.lowered;
    }
    return insn.attributes & ZYDIS_ATTRIB_HAS_MODRM;
  }

  // `opcode` and every ModRM that can choose an instruction: all register forms (or each reg once, where rm
  // cannot matter), and each reg with a memory operand. The memory operand has a SIB with an index, which
  // VSIB and AMX need.
  void sample_modrm(const Bytes& opcode, unsigned code_bits, bool every_rm) {
    for (unsigned modrm = 0xc0; modrm < 0x100; modrm += every_rm || modrm % 8 == 7 ? 1 : 7) {
      Bytes bytes = opcode;
      if (!sample(bytes.add(modrm), code_bits)) return;
    }
    for (unsigned reg = 0; reg < 8; ++reg) {
      Bytes bytes = opcode;
      sample(bytes.add(reg << 3 | 4).add(0x08), code_bits);
    }
  }

  std::vector<InstructionCoverage> result() const {
    std::vector<InstructionCoverage> list;
    for (const auto& [key, count] : counts_) {
      const auto [mnemonic, set, extension] = key;
      if (mnemonic == ZYDIS_MNEMONIC_INVALID) continue;
      list.push_back({mnemonic, ZydisMnemonicGetString(static_cast<ZydisMnemonic>(mnemonic)),
                      ZydisISASetGetString(static_cast<ZydisISASet>(set)),
                      ZydisISAExtGetString(static_cast<ZydisISAExt>(extension)), count.encodings,
                      count.lowered});
    }
    std::sort(list.begin(), list.end(), [](const auto& a, const auto& b) {
      return std::tie(a.extension, a.isa_set, a.name) < std::tie(b.extension, b.isa_set, b.name);
    });
    return list;
  }

 private:
  static FeatureSet all_features() {
    FeatureSet all;
    all.set();
    all.reset(static_cast<std::size_t>(Feature::never));
    return all;
  }

  struct Count {
    unsigned encodings = 0, lowered = 0;
  };
  ZydisDecoder decoders_[2];
  Decoder lowering_;
  std::vector<bool> has_row_;
  std::map<std::tuple<u16, int, int>, Count> counts_;
};

// Maps of legacy opcodes, with the prefixes that choose among them.
void sample_legacy(Collector& collector) {
  for (unsigned code_bits : {32u, 64u}) {
    for (unsigned prefix : {0u, 0x66u, 0x67u, 0xf2u, 0xf3u}) {
      for (unsigned rex : {0u, 0x48u}) {
        if (rex && code_bits == 32) continue;
        // An address size chooses an instruction only among JCXZ and its like.
        for (unsigned map = 0; map < (prefix == 0x67 ? 1u : 4u); ++map) {
          for (unsigned opcode = 0; opcode < 256; ++opcode) {
            Bytes bytes;
            if (prefix) bytes.add(prefix);
            if (rex) bytes.add(rex);
            if (map) bytes.add(0x0f);
            if (map > 1) bytes.add(map == 2 ? 0x38 : 0x3a);
            bytes.add(opcode);
            const bool escape = opcode >= 0xd8 && opcode <= 0xdf;  // x87
            const bool group7 = map == 1 && (opcode == 0x01 || opcode == 0xae || opcode == 0x1e);
            collector.sample_modrm(bytes, code_bits, (map == 0 && escape) || group7);
          }
        }
      }
    }
  }
}

void sample_3dnow(Collector& collector) {
  for (unsigned suffix = 0; suffix < 256; ++suffix)
    collector.sample(Bytes{}.add(0x0f).add(0x0f).add(0xc1).add(suffix), 64);
}

// Three-byte VEX and XOP: maps by number, W, L, pp. The third operand is in vvvv where there is one, else
// vvvv must be all ones; both are tried.
void sample_vex(Collector& collector, unsigned escape, std::initializer_list<unsigned> maps) {
  for (unsigned map : maps)
    for (unsigned w_vvvv_l_pp = 0; w_vvvv_l_pp < 32; ++w_vvvv_l_pp)
      for (unsigned opcode = 0; opcode < 256; ++opcode) {
        const unsigned w = w_vvvv_l_pp & 1, l_pp = w_vvvv_l_pp >> 1 & 7, vvvv = w_vvvv_l_pp & 16 ? 0xf : 0xe;
        Bytes bytes;
        bytes.add(escape).add(0xe0 | map).add(w << 7 | vvvv << 3 | l_pp).add(opcode);
        collector.sample_modrm(bytes, 64, false);
      }
}

void sample_evex(Collector& collector) {
  for (unsigned map : {1u, 2u, 3u, 5u, 6u})
    for (unsigned pp = 0; pp < 4; ++pp)
      for (unsigned w = 0; w < 2; ++w)
        for (unsigned vvvv : {0xfu, 0xeu})
          for (unsigned length = 0; length < 3; ++length)
            for (unsigned mask = 0; mask < 2; ++mask)
              for (unsigned opcode = 0; opcode < 256; ++opcode) {
                Bytes bytes;
                bytes.add(0x62).add(0xf0 | map).add(w << 7 | vvvv << 3 | 4 | pp).add(length << 5 | 8 | mask);
                collector.sample_modrm(bytes.add(opcode), 64, false);
              }
}

}  // namespace

std::vector<InstructionCoverage> instruction_coverage() {
  Collector collector;
  sample_legacy(collector);
  sample_3dnow(collector);
  sample_vex(collector, 0xc4, {1, 2, 3});
  sample_vex(collector, 0x8f, {8, 9, 10});
  sample_evex(collector);
  return collector.result();
}

}  // namespace ringside
