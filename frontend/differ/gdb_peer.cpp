// Owns the client's side of gdb's remote serial protocol, as far as a comparison needs it. The manual of gdb,
// "Remote Serial Protocol".
#include "frontend/differ/gdb_peer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "frontend/gdb/packet.h"

namespace ringside {
namespace {

// What QEMU's description calls otherwise than the debugger.
constexpr std::array<std::pair<std::string_view, std::string_view>, 5> other_names = {
    {{"fs_base", "fs.base"},
     {"gs_base", "gs.base"},
     {"k_gs_base", "msr.c0000102"},
     {"fctrl", "fcw"},
     {"fstat", "fsw"}}};
// These are 0 in QEMU, whatever the guest does.
constexpr std::array<std::string_view, 7> not_kept = {"ftag",  "fiseg", "fioff", "foseg",
                                                      "fooff", "fop",   "cr8"};

// A register of the stub's description, in the order of the packet g.
struct Described {
  std::string name;
  unsigned bytes = 0;
};

// QEMU sends the x87's data registers in the order in which they lie, as its st0 to st7, and not from the top
// of the stack on.
void count_from_top(std::vector<PeerRegister>& registers) {
  u64 top = 0;
  for (const PeerRegister& one : registers)
    if (one.name == "fsw") top = one.value >> 11 & 7;
  for (PeerRegister& one : registers) {
    if (one.name.size() < 3 || !one.name.starts_with("st") || one.name[2] < '0' || one.name[2] > '7')
      continue;
    one.name[2] = static_cast<char>('0' + ((one.name[2] - '0' - top) & 7));
  }
}

std::string_view attribute(std::string_view element, std::string_view name) {
  const std::size_t at = element.find(fmt::format(" {}=\"", name));
  if (at == element.npos) return {};
  element.remove_prefix(at + name.size() + 3);
  return element.substr(0, element.find('"'));
}

class GdbPeer final : public Peer {
 public:
  GdbPeer(std::string name, OpenWire open) : name_(std::move(name)), open_(std::move(open)) {}

  bool start() override {
    wire_.reset();
    reader_ = {};
    arrived_.clear();
    wire_ = open_(error_);
    if (!wire_) return false;
    acknowledge_ = true;
    if (!ask("qSupported:xmlRegisters=i386;swbreak+;hwbreak+")) return false;
    if (ask("QStartNoAckMode") == "OK") acknowledge_ = false;
    if (!wire_ || (described_.empty() && !describe())) return false;
    if (ask("Qqemu.PhyMemMode:1") != "OK") return wire_ ? nonsense("has no physical memory to show") : false;
    return ask("?").has_value();
  }

  Went step() override { return resume("s"); }

  Went run_to(u64 linear, u64 hits, bool asleep) override {
    const std::string place = fmt::format("0,{:x},1", linear);
    for (u64 hit = 0; hit < hits; ++hit) {
      // A breakpoint is not to be met where the peer stands.
      const Went off = asleep && hit == 0 ? Went::there : step();
      if (off != Went::there) return off;
      if (hit == 0 && ask("Z" + place) != "OK") {
        if (wire_) nonsense("takes no breakpoint");
        return Went::lost;
      }
      if (const Went went = resume("c"); went != Went::there) return went;
    }
    return ask("z" + place) == "OK" ? Went::there : Went::lost;
  }

  bool registers(std::vector<PeerRegister>& out) override {
    const auto answer = ask("g");
    if (!answer) return false;
    leave_out_what_is_not_sent(answer->size() / 2);
    std::string_view rest = *answer;
    for (const Described& one : described_) {
      const std::string_view digits = rest.substr(0, one.bytes * 2);
      rest.remove_prefix(digits.size());
      const auto raw = from_hex(digits);
      if (digits.size() < one.bytes * 2) return nonsense("sends too few registers");
      if (!raw || one.name.empty()) continue;
      std::array<u64, 2> words{};
      std::memcpy(words.data(), raw->data(), std::min<std::size_t>(raw->size(), sizeof words));
      if (one.bytes <= 8 && one.name != "eflags") out.push_back({one.name, words[0]});
      if (one.name == "eflags") out.push_back({one.name, words[0] & 0xffffffff});
      if (one.bytes == 10) {
        out.push_back({one.name, words[0]});
        out.push_back({one.name + ".e", words[1]});
      } else if (one.bytes == 16) {
        out.push_back({one.name, words[0]});
        out.push_back({one.name + ".h", words[1]});
      }
    }
    count_from_top(out);
    return true;
  }

  bool memory(u64 physical, std::span<u8> out) override {
    constexpr std::size_t piece = 1024;
    for (std::size_t at = 0; at < out.size(); at += piece) {
      const std::size_t size = std::min(piece, out.size() - at);
      const auto answer = ask(fmt::format("m{:x},{:x}", physical + at, size));
      if (!answer) return false;
      const auto raw = from_hex(*answer);
      if (!raw || raw->size() != size)
        return nonsense(fmt::format("shows no memory at {:#x}", physical + at));
      std::memcpy(out.data() + at, raw->data(), size);
    }
    return true;
  }

 private:
  bool nonsense(std::string_view what) {
    error_ = fmt::format("{} {}: this is no stub that a comparison can use", name_, what);
    wire_.reset();
    return false;
  }
  void gone() {
    const std::string complaint = wire_->complaint();
    error_ = fmt::format("{} is gone{}{}", name_, complaint.empty() ? "" : ": ", complaint);
    wire_.reset();
  }

  bool say(std::string_view body) {
    if (wire_ && !wire_->send(frame(body))) gone();
    return wire_ != nullptr;
  }

  // The next packet that the stub sends.
  std::optional<std::string> hear() {
    // An answer is one packet; so much without an end of one is none.
    constexpr std::size_t most = 4 * longest_packet;
    std::size_t heard = 0;
    while (wire_) {
      while (!arrived_.empty()) {
        const u8 byte = static_cast<u8>(arrived_.front());
        arrived_.erase(0, 1);
        auto item = reader_.take(byte);
        if (!item || item->kind != PacketReader::Item::Kind::packet) continue;
        if (acknowledge_) wire_->send("+");
        return std::move(item->body);
      }
      auto more = wire_->receive(patience_, goes_on_);
      if (!more) {
        gone();
      } else if (more->empty()) {
        error_ = fmt::format("{} has not answered for {} seconds", name_, patience_);
        wire_.reset();
      } else {
        arrived_ = std::move(*more);
        heard += arrived_.size();
        if (heard > most) nonsense("does not speak gdb's protocol");
      }
    }
    return std::nullopt;
  }
  std::optional<std::string> ask(std::string_view body) {
    if (!say(body)) return std::nullopt;
    return hear();
  }

  Went resume(std::string_view packet) {
    if (!say(packet)) return Went::lost;
    while (const auto answer = hear()) {
      if (answer->starts_with('T') || answer->starts_with('S')) return Went::there;
      if (answer->starts_with('W') || answer->starts_with('X')) return Went::ended;
      if (!answer->starts_with('O')) break;
    }
    if (wire_) nonsense("does not say how a step ended");
    // A stub whose program is over may just hang up.
    return error_.find("is gone") != error_.npos ? Went::ended : Went::lost;
  }

  // QEMU 7.2 describes the bases of three segments and does not send them.
  void leave_out_what_is_not_sent(std::size_t bytes) {
    constexpr std::array<std::string_view, 3> unsent = {"ss_base", "ds_base", "es_base"};
    std::size_t all = 0;
    for (const Described& one : described_) all += one.bytes;
    if (all != bytes + unsent.size() * 8) return;
    std::erase_if(described_, [&](const Described& one) {
      return std::find(unsent.begin(), unsent.end(), one.name) != unsent.end();
    });
  }

  bool fetch(std::string_view annex, std::string& text) {
    constexpr std::size_t piece = 0x7f0;
    while (true) {
      const auto answer = ask(fmt::format("qXfer:features:read:{}:{:x},{:x}", annex, text.size(), piece));
      if (!answer || answer->empty() || (answer->front() != 'm' && answer->front() != 'l')) return false;
      text += answer->substr(1);
      if (answer->front() == 'l' || answer->size() == 1) return true;
    }
  }

  bool describe() {
    std::string target;
    if (!fetch("target.xml", target)) return wire_ ? nonsense("does not describe its registers") : false;
    std::string all = target;
    std::string_view rest = target;
    for (std::size_t at; (at = rest.find("<xi:include")) != rest.npos;) {
      rest.remove_prefix(at);
      std::string part;
      if (!fetch(attribute(rest.substr(0, rest.find('>')), "href"), part)) break;
      all += part;
      rest.remove_prefix(11);
    }
    rest = all;
    for (std::size_t at; (at = rest.find("<reg ")) != rest.npos;) {
      rest.remove_prefix(at);
      const std::string_view element = rest.substr(0, rest.find('>'));
      rest.remove_prefix(element.size());
      const std::string_view size = attribute(element, "bitsize");
      Described one{std::string(attribute(element, "name")), 0};
      std::from_chars(size.data(), size.data() + size.size(), one.bytes);
      one.bytes /= 8;
      for (const auto& [theirs, ours] : other_names)
        if (one.name == theirs) one.name = ours;
      if (std::find(not_kept.begin(), not_kept.end(), one.name) != not_kept.end()) one.name.clear();
      described_.push_back(std::move(one));
    }
    return !described_.empty() || nonsense("describes no registers");
  }

  std::string name_;
  OpenWire open_;
  std::unique_ptr<Wire> wire_;
  PacketReader reader_;
  std::string arrived_;
  bool acknowledge_ = true;
  std::vector<Described> described_;
};

}  // namespace

std::unique_ptr<Peer> gdb_peer(std::string name, OpenWire open) {
  return std::make_unique<GdbPeer>(std::move(name), std::move(open));
}

}  // namespace ringside
