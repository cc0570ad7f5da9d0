// Owns making an instance, and looking at it: registers, memory, the debugger's lines.
#include "frontend/library/instance.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "frontend/inspect/look_vmcs.h"
#include "frontend/library/instance_impl.h"
#include "vmx/field.h"

namespace ringside {
namespace {

constexpr AddressSpace space_of(Instance::Space space) { return static_cast<AddressSpace>(space); }
static_assert(space_of(Instance::Space::linear) == AddressSpace::linear);
static_assert(space_of(Instance::Space::guest_linear) == AddressSpace::guest_linear);
static_assert(space_of(Instance::Space::guest_physical) == AddressSpace::guest_physical);
static_assert(space_of(Instance::Space::host_physical) == AddressSpace::host_physical);

// What would be the terminal's is the caller's.
void keep_off_terminal(RunOptions& options) {
  for (Chardev& serial : options.serials) {
    if (serial.kind == Chardev::Kind::standard) serial.kind = Chardev::Kind::none;
  }
  options.window = false;
  options.unattended = true;
}

}  // namespace

std::unique_ptr<Instance> Instance::create(const std::vector<std::string>& flags, std::string& error) {
  const std::vector<std::string_view> words(flags.begin(), flags.end());
  auto parsed = parse_options(words, error);
  if (!parsed) return nullptr;
  if (parsed->answer != Answer::run) {
    error = "a flag asks for a list, and not for a machine; write it to the program ringside";
    return nullptr;
  }
  keep_off_terminal(parsed->run);
  std::vector<std::string> warnings = std::exchange(parsed->run.warnings, {});
  auto impl = std::make_unique<Impl>(std::move(parsed->run));
  impl->warnings = std::move(warnings);
  if (!impl->prepare(error)) return nullptr;
  return std::unique_ptr<Instance>(new Instance(std::move(impl)));
}

Instance::Instance(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Instance::~Instance() = default;

bool Instance::Impl::prepare(std::string& error) {
  if (!session.prepare(error)) return false;
  connect();
  session.start();
  return true;
}

const std::vector<std::string>& Instance::warnings() const { return impl_->warnings; }

// -- CPUs and registers.

unsigned Instance::cpus() const { return impl_->machine().cpus(); }
unsigned Instance::selected_cpu() const { return impl_->debugger().selected(); }
bool Instance::select_cpu(unsigned cpu) { return impl_->debugger().select(cpu); }
std::uint64_t Instance::instructions() const { return impl_->machine().retired(); }
double Instance::seconds() const { return impl_->machine().seconds(); }

std::optional<std::uint64_t> Instance::read_register(std::string_view name, std::string& error) const {
  const auto value = impl_->debugger().read_register(name);
  if (!value) error = fmt::format("{}: no such register", name);
  return value;
}

bool Instance::write_register(std::string_view name, std::uint64_t value, std::string& error) {
  return impl_->debugger().write_register(name, value, error);
}

std::vector<std::string> Instance::register_names() const { return Debugger::register_names(); }

std::vector<std::string> Instance::vmcs_field_names() const {
  std::vector<std::string> names;
  for (const Field field : find_fields("")) names.emplace_back(info(field).id);
  return names;
}

std::optional<std::uint64_t> Instance::evaluate(std::string_view expression, std::string& error) const {
  return impl_->commands->expressions().evaluate(expression, error);
}

// -- Memory.

std::optional<std::vector<std::uint8_t>> Instance::read(Space space, std::uint64_t address, std::size_t bytes,
                                                        std::string& error) const {
  constexpr std::size_t most = std::size_t{1} << 30;
  if (bytes > most) {
    error = fmt::format("{} bytes are more than are read at once; read at most {}", bytes, most);
    return std::nullopt;
  }
  std::vector<std::uint8_t> out(bytes);
  const Place from{space_of(space), address};
  const std::size_t done = impl_->debugger().read(from, out);
  if (done == bytes) return out;
  std::string why = "there is no memory";
  impl_->debugger().translate({from.space, address + done}, &why);
  error = fmt::format("{:#x} cannot be read: {}", address + done, why);
  return std::nullopt;
}

bool Instance::write(Space space, std::uint64_t address, std::span<const std::uint8_t> bytes,
                     std::string& error) {
  const Place to{space_of(space), address};
  const std::size_t done = impl_->debugger().write(to, bytes);
  if (done == bytes.size()) return true;
  std::string why = "there is no RAM";
  impl_->debugger().translate({to.space, address + done}, &why);
  error = fmt::format("{:#x} cannot be written: {}", address + done, why);
  return false;
}

std::optional<std::uint64_t> Instance::translate(Space space, std::uint64_t address,
                                                 std::string& error) const {
  const auto found = impl_->debugger().translate({space_of(space), address}, &error);
  return found ? std::optional(found->value) : std::nullopt;
}

std::optional<Instance::Address> Instance::place(std::string_view text, std::string& error) const {
  impl_->printed.clear();
  const auto found = impl_->commands->place(text);
  if (found && text.empty()) return Address{static_cast<Space>(found->space), found->value};
  error = found ? fmt::format("{}: nothing is expected behind the address", text) : impl_->last_line();
  return std::nullopt;
}

// -- The debugger's lines.

Commands::Result Instance::Impl::execute(std::string_view line) {
  printed.clear();
  return commands->execute(line);
}

std::string Instance::Impl::last_line() const {
  const std::string_view text = trimmed(printed);
  return std::string(text.substr(text.find_last_of('\n') + 1));
}

std::optional<std::string> Instance::Impl::printed_by(std::string_view line, std::string& error) {
  if (running && Commands::runs(line)) {
    error = fmt::format("{}: the machine runs; a callback looks and changes, but cannot run it", line);
    return std::nullopt;
  }
  const Busy busy(asked);
  Running conditions;
  Running* const outer = std::exchange(running, running ? running : &conditions);
  const Commands::Result result = execute(line);
  running = outer;
  if (result != Commands::Result::failed) return std::exchange(printed, {});
  error = last_line();
  return std::nullopt;
}

std::optional<std::string> Instance::command(std::string_view line, std::string& error) {
  return impl_->printed_by(line, error);
}

std::optional<std::string> Instance::look(std::string_view line, std::string& error) {
  return impl_->printed_by(std::string(trimmed(line)) + " -json", error);
}

// -- Breakpoints.

unsigned Instance::add_breakpoint(std::string_view line, std::string& error) {
  std::string_view rest = line;
  const std::string_view word = next_word(rest);
  constexpr std::array<std::string_view, 6> makers = {"break",  "tbreak", "watch",
                                                      "rwatch", "awatch", "catch"};
  if (std::find(makers.begin(), makers.end(), word) == makers.end()) {
    error = fmt::format("{}: begin with break, tbreak, watch, rwatch, awatch or catch", line);
    return 0;
  }
  const auto number = [this] {
    const auto& all = impl_->debugger().breakpoints();
    return all.empty() ? 0u : all.back().id;
  };
  const unsigned before = number();
  if (impl_->execute(line) != Commands::Result::failed && number() != before) return number();
  error = impl_->last_line();
  return 0;
}

bool Instance::on_breakpoint(unsigned number, std::function<bool(const Halt&)> goes_on) {
  if (!impl_->debugger().find(number)) return false;
  impl_->callbacks[number] = std::move(goes_on);
  return true;
}

bool Instance::remove_breakpoint(unsigned number) {
  impl_->callbacks.erase(number);
  return impl_->debugger().remove(number);
}

std::vector<Instance::BreakpointState> Instance::breakpoints() const {
  std::vector<BreakpointState> all;
  for (const Breakpoint& point : impl_->debugger().breakpoints())
    all.push_back({point.id, point.text, point.enabled, point.hits});
  return all;
}

}  // namespace ringside
