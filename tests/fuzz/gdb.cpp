// Owns the fuzzing of the gdb stub: any bytes from a client, over a small machine. Nothing may crash, no
// answer may be longer than promised, and nothing outside the guest may be touched.
#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>

#include "frontend/gdb/stub.h"

using namespace ringside;

namespace {

// Beginnings from which interesting packets grow: most random bytes would be no packet at all.
constexpr std::string_view beginnings[] = {"",
                                           "g",
                                           "G",
                                           "p",
                                           "P1=",
                                           "m",
                                           "m0,",
                                           "m1000,",
                                           "M0,4:",
                                           "X1000,4:",
                                           "Z0,",
                                           "Z2,1",
                                           "z0,",
                                           "Z4,1000,",
                                           "vCont;",
                                           "vCont;s",
                                           "vCont;r",
                                           "qXfer:features:read:target.xml:",
                                           "qXfer:memory-map:read::",
                                           "qRcmd,",
                                           "qSupported:",
                                           "qThreadExtraInfo,",
                                           "Hg",
                                           "Hc",
                                           "T",
                                           "c",
                                           "s",
                                           "C05;",
                                           "S",
                                           "!",
                                           "R",
                                           "D",
                                           "?",
                                           "vAttach;",
                                           "QStartNoAckMode",
                                           "k",
                                           "vKill;",
                                           "qRcmd,676462206c61796f757420"};
constexpr std::string_view letters = "0123456789abcdef,;:=-+xZzvCcsrt$#}*\x03?";

std::string body_from(const u8*& data, const u8* end) {
  std::string body(beginnings[*data++ % std::size(beginnings)]);
  if (data == end) return body;
  for (unsigned length = *data++ % 40; length > 0 && data != end; --length) {
    const u8 byte = *data++;
    body += byte & 0x80 ? static_cast<char>(byte) : letters[byte % letters.size()];
  }
  return body;
}

void check_output(std::string& output) {
  PacketReader reader;
  for (const char c : output) {
    const auto item = reader.take(static_cast<u8>(c));
    if (item && (item->kind == PacketReader::Item::Kind::too_long ||
                 item->kind == PacketReader::Item::Kind::damaged)) {
      std::fprintf(stderr, "an answer that a client could not read\n");
      std::abort();
    }
  }
  output.clear();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
  MachineConfig config;
  std::string error;
  config.model = *parse_cpu_model(default_cpu_model, error);
  config.ram_bytes = 1 << 20;
  config.cpus = 2;
  const auto machine = Machine::create(config, error);
  if (!machine) std::abort();
  Debugger debugger(*machine);
  GdbStub stub(debugger);
  stub.connected();
  const u8* const end = data + size;
  while (data != end) {
    const u8 how = *data++;
    if (data == end) break;
    if (how < 32) {
      const std::size_t raw = std::min<std::size_t>(how, static_cast<std::size_t>(end - data));
      stub.receive({reinterpret_cast<const char*>(data), raw});
      data += raw;
    } else if (how == 32) {
      stub.receive("$" + std::string(longest_packet + *data++, 'm') + "#00");
    } else if (how == 33) {
      stub.disconnected();
      stub.connected();
    } else {
      stub.receive(frame(body_from(data, end)));
    }
    check_output(stub.output());
    stub.take_request();
    stub.take_interrupt();
    const Resume resume = stub.resume();
    if (resume.kind == Resume::Kind::step) {
      // A CPU that sleeps may never step.
      debugger.select(resume.cpu);
      debugger.on_slice([&] { debugger.interrupt(); });
      stub.stopped(debugger.step());
    } else if (resume.kind == Resume::Kind::run) {
      stub.stopped(debugger.run(50));
    }
    check_output(stub.output());
  }
  return 0;
}
