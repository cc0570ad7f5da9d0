// Owns what goes in and out of an instance: serial ports, keyboard, screen, saved states.
#include <fmt/format.h>

#include "frontend/library/instance_impl.h"
#include "frontend/machine/state_file.h"
#include "frontend/program/session_commands.h"
#include "frontend/screen/screen.h"

namespace ringside {

void Instance::Impl::connect() {
  session.on_serial([this](unsigned port, u8 byte) { sent(port, byte); });
  if (session.options().debugcon.kind == Chardev::Kind::standard)
    machine().on_debug_console([this](u8 byte) {
      if (console.size() < most_kept) console += static_cast<char>(byte);
    });
  commands.emplace(debugger(), session.symbols(), [this](std::string_view text) { printed += text; });
  connect_commands(session, *commands);
  debugger().on_allowance([this](u64 slice) { return allowed(slice); });
}

void Instance::Impl::sent(unsigned port, u8 byte) {
  Sent& to = ports[port];
  if (to.bytes.size() >= most_kept) {
    to.bytes.erase(0, most_kept / 2);
    to.dropped += most_kept / 2;
  }
  to.bytes += static_cast<char>(byte);
  if (!running || !running->serial || running->until->port != port || running->serial->matched()) return;
  running->serial->output(byte);
  if (!running->serial->matched()) return;
  to.consumed = to.dropped + to.bytes.size();
  machine().interrupt();
}

// What was printed before the run, and no expression has matched yet.
bool Instance::Impl::match_from_before(unsigned port) {
  Sent& from = ports[port];
  const u64 start = std::max(from.consumed, from.dropped);
  for (std::size_t n = start - from.dropped; n < from.bytes.size(); ++n) {
    running->serial->output(static_cast<u8>(from.bytes[n]));
    if (!running->serial->matched()) continue;
    from.consumed = from.dropped + n + 1;
    return true;
  }
  return false;
}

// For expressions: from here on another run prints.
void Instance::Impl::forget_printed() {
  for (Sent& port : ports) port.consumed = port.dropped + port.bytes.size();
}

std::string_view Instance::serial(unsigned port, std::uint64_t* first) const {
  if (port >= impl_->ports.size()) return {};
  if (first) *first = impl_->ports[port].dropped;
  return impl_->ports[port].bytes;
}

std::string_view Instance::debug_console() const { return impl_->console; }

bool Instance::send(std::string_view bytes, unsigned port, std::string& error) {
  const std::size_t ports = impl_->session.options().serials.size();
  if (port >= ports) {
    error = fmt::format("serial port {}: the machine has {}; another -serial null adds one", port, ports);
    return false;
  }
  impl_->to_send[port].insert(impl_->to_send[port].end(), bytes.begin(), bytes.end());
  return true;
}

bool Instance::type(std::string_view text, std::string& error) {
  auto steps = parse_typed(text, error);
  if (!steps) return false;
  if (needs_screen(*steps) && impl_->machine().screen() == nullptr) {
    error = fmt::format("{}: the machine has no screen; add -vga std", text);
    return false;
  }
  impl_->session.screen().add_typed(std::move(*steps));
  return true;
}

bool Instance::power_button() { return impl_->machine().input(PowerButton{}); }

// True: some went.
bool Instance::Impl::offer_input() {
  bool went = session.offer_input(machine().moment().asleep);
  for (unsigned port = 0; port < to_send.size(); ++port) {
    std::deque<u8>& bytes = to_send[port];
    while (!bytes.empty() && machine().input(SerialByte{port, bytes.front()})) {
      bytes.pop_front();
      went = true;
    }
  }
  return went;
}

std::vector<std::string> Instance::screen_text() const { return screen_lines(impl_->machine()); }

std::vector<std::uint8_t> Instance::screen_png() const {
  const std::string png = png_of(screen_picture(impl_->machine()));
  return {png.begin(), png.end()};
}

std::vector<std::uint8_t> Instance::save() { return impl_->machine().save(); }

bool Instance::restore(std::span<const std::uint8_t> saved, std::string& error) {
  if (!impl_->running) {
    if (!impl_->session.restore(saved, error)) return false;
    impl_->forget_printed();
    return true;
  }
  error = "the machine runs, and a callback cannot restore it";
  return false;
}

bool Instance::save_file(const std::string& path, std::string& error) {
  Machine& machine = impl_->machine();
  machine.drives().keep();  // what they hold now is what load_file() comes back to
  if (machine.ending().why == Ending::Why::running) return save_state_file(machine, path, error);
  error = fmt::format("{}: not written: the machine cannot go on from here ({}); save it earlier", path,
                      machine.ending().reason);
  return false;
}

bool Instance::load_file(const std::string& path, std::string& error) {
  if (!impl_->running) {
    if (!impl_->session.load(path, error)) return false;
    impl_->forget_printed();
    return true;
  }
  error = "the machine runs, and a callback cannot load another state";
  return false;
}

std::string Instance::state_hash() const { return impl_->machine().state_hash(); }

}  // namespace ringside
