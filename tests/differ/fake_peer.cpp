// Owns the fake stub's answers.
#include "tests/differ/fake_peer.h"

#include <fmt/format.h>

#include <array>

#include "frontend/debug/debugger.h"
#include "frontend/gdb/packet.h"

namespace ringside {
namespace {

constexpr std::array<std::string_view, 24> names = {"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp",
                                                    "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15",
                                                    "rip", "cs",  "ss",  "cr0", "cr2", "cr3", "cr4", "efer"};

class FakeWire final : public Wire {
 public:
  explicit FakeWire(FakePeer peer) : peer_(std::move(peer)), machine_(peer_.make()), debugger_(*machine_) {}

  bool send(std::string_view bytes) override {
    for (const char c : bytes) {
      const auto item = reader_.take(static_cast<u8>(c));
      if (!item || item->kind != PacketReader::Item::Kind::packet) continue;
      if (peer_.never_comes && item->body == "c") continue;
      output_ += frame(answer(item->body));
    }
    return true;
  }
  std::optional<std::string> receive(double, const std::function<bool()>& goes_on) override {
    // Who is asleep for ever is waited for as long as whoever waits likes.
    while (output_.empty() && goes_on && goes_on()) {
    }
    return std::exchange(output_, {});
  }

 private:
  std::string answer(std::string_view body) {
    Words words(body);
    if (words.literal("qXfer:features:read:target.xml:")) return "l" + description();
    if (words.literal("qXfer:features:read:core.xml:")) return "l" + core();
    if (words.literal("Qqemu.PhyMemMode") || words.literal("QStartNoAckMode")) return "OK";
    if (words.literal("?")) return "T05thread:01;";
    if (words.literal("g")) return all();
    if (words.literal("m")) return memory(words);
    if (words.literal("Z0,")) return breakpoint_ = words.number(), "OK";
    if (words.literal("z0,")) return breakpoint_.reset(), "OK";
    if (words.literal("s")) return step() ? "T05thread:01;" : "W00";
    if (words.literal("c")) return go_on() ? "T05thread:01;" : "W00";
    return "";
  }
  static std::string description() {
    return "<target><architecture>i386:x86-64</architecture><xi:include href=\"core.xml\"/></target>";
  }
  static std::string core() {
    std::string text = "<feature name=\"core\">";
    for (const std::string_view name : names) text += fmt::format("<reg name=\"{}\" bitsize=\"64\"/>", name);
    text += "<reg name=\"eflags\" bitsize=\"32\" type=\"x\"/>";
    for (int n = 0; n < 8; ++n)
      text += fmt::format("<reg name=\"st{}\" bitsize=\"80\" type=\"i387_ext\"/>", n);
    return text + "<reg name=\"fstat\" bitsize=\"32\"/></feature>";
  }
  std::string all() const {
    std::string text;
    for (const std::string_view name : names)
      text += little_endian_hex(debugger_.read_register(name).value_or(0), 8);
    text += little_endian_hex(debugger_.read_register("eflags").value_or(0), 4);
    const u64 status = debugger_.read_register("fsw").value_or(0), top = status >> 11 & 7;
    for (u64 n = 0; n < 8; ++n) {  // as they lie, which is QEMU's order
      const std::string name = fmt::format("st{}", (n - top) & 7);
      text += little_endian_hex(debugger_.read_register(name).value_or(0), 8);
      text += little_endian_hex(debugger_.read_register(name + ".e").value_or(0), 2);
    }
    return text + little_endian_hex(status, 4);
  }
  std::string memory(Words& words) const {
    const u64 address = words.number().value_or(0);
    words.literal(",");
    std::string bytes(words.number().value_or(0), 0);
    debugger_.read({AddressSpace::host_physical, address},
                   {reinterpret_cast<u8*>(bytes.data()), bytes.size()});
    return to_hex(bytes);
  }
  bool step() {
    if (debugger_.step().kind == Stop::Kind::ended) return false;
    if (++steps_ == peer_.harm_at || peer_.harm_at == FakePeer::each_step) peer_.harm(*machine_);
    return true;
  }
  bool go_on() {
    while (step()) {
      if (linear_rip(debugger_.cpu()) == breakpoint_) return true;
    }
    return false;
  }

  FakePeer peer_;
  std::unique_ptr<Machine> machine_;
  Debugger debugger_;
  PacketReader reader_;
  std::string output_;
  std::optional<u64> breakpoint_;
  u64 steps_ = 0;
};

class BabblingWire final : public Wire {
 public:
  explicit BabblingWire(std::string answer) : answer_(std::move(answer)) {}
  bool send(std::string_view) override { return true; }
  std::optional<std::string> receive(double, const std::function<bool()>&) override { return answer_; }

 private:
  std::string answer_;
};

class AbsentWire final : public Wire {
 public:
  explicit AbsentWire(bool silent) : silent_(silent) {}
  bool send(std::string_view) override { return silent_; }
  std::optional<std::string> receive(double, const std::function<bool()>&) override {
    return silent_ ? std::optional<std::string>("") : std::nullopt;
  }
  std::string complaint() const override { return "no such machine"; }

 private:
  bool silent_;
};

}  // namespace

OpenWire fake_wire(FakePeer peer) {
  return [peer = std::move(peer)](std::string&) { return std::make_unique<FakeWire>(peer); };
}
OpenWire babbling_wire(std::string answer) {
  return [answer = std::move(answer)](std::string&) { return std::make_unique<BabblingWire>(answer); };
}
OpenWire absent_wire(bool silent) {
  return [silent](std::string&) { return std::make_unique<AbsentWire>(silent); };
}

}  // namespace ringside
