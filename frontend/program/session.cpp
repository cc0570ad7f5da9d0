// Owns one session: from the flags to a machine, its limits and expectations, and to an exit status.
#include "frontend/program/session.h"

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "cpu/exec/core/retired.h"
#include "frontend/inspect/where.h"
#include "frontend/program/embedded.h"
#include "frontend/program/file_roles.h"
#include "frontend/program/session_commands.h"
#include "frontend/machine/load_image.h"

namespace ringside {

Session::Session(RunOptions options) : options_(std::move(options)), limit_(options_.timeout) {}

Session::~Session() {
  if (!pidfile_.empty()) ::unlink(pidfile_.c_str());
}

double Session::host_seconds() const {
  return std::chrono::duration<double>(HostClock::now() - began_).count();
}

double Session::time_left(double most) const {
  const double passed = std::chrono::duration<double>(HostClock::now() - made_).count();
  return options_.timeout > 0 ? std::clamp(options_.timeout - passed, 0.0, most) : most;
}

int Session::refuse(const std::string& error) {
  const bool late = limit_reached();
  say(late ? fmt::format("{}, before the machine started ({})", summary_.reason, error) : error);
  return late ? exit_limit : exit_failed;
}

// Before the guest runs: a day's run must not end with a file that cannot be written.
bool Session::check_outputs(std::string& error) const {
  const auto check = [&](const char* flag, const Chardev& device) {
    return device.kind != Chardev::Kind::file || check_writable(flag, device.path, error);
  };
  for (const Chardev& device : options_.serials) {
    if (!check("-serial", device)) return false;
  }
  return (options_.record.empty() || check_writable("--record", options_.record, error)) &&
         (options_.stats.empty() || check_writable("--stats", options_.stats, error)) &&
         (options_.pidfile.empty() || check_writable("-pidfile", options_.pidfile, error)) &&
         (options_.log_file.empty() || check_writable("-D", options_.log_file, error)) &&
         check("-debugcon", options_.debugcon);
}

bool Session::prepare_expectations(std::string& error) {
  for (const std::string& pattern : options_.expect) {
    if (!expect_.add_wanted(pattern, error)) return false;
  }
  for (const std::string& pattern : options_.fail_on) {
    if (!expect_.add_unwanted(pattern, error)) return false;
  }
  return true;
}

bool Session::prepare(std::string& error) {
  for (const std::string& warning : options_.warnings) say("warning: " + warning);
  if (!find_recorded_images(error)) return false;
  if (!prepare_expectations(error) || !check_files(options_, error) || !check_outputs(error)) return false;
  protect_drives();
  for (MachineConfig::FwCfgFile& file : options_.machine.fw_cfg) {
    constexpr u64 most = 64u << 20;
    Image image;
    if (file.path.empty()) continue;
    if (!read_image(file.path, "fw_cfg item", most, image, error)) return false;
    file.bytes = std::move(image.bytes);
  }
  if (!load_video_bios(error) || !screen_.prepare(options_, error)) return false;
  if (!saves_.prepare(options_, error) || !make_machine(error)) return false;
  if (options_.emitted_by_name && machine_->dispatcher() != Dispatcher::emitted)
    say("-accel emitted: not on this host, which is no x86-64 or gives no executable memory; using "
        "reference");
  if (!load_named_symbols(options_, symbols_, error)) return false;
  if (!write_pidfile(error) || !open_channels(error)) return false;
  const auto before_story = [this] { flush(); };  // what the guest has printed so far comes first
  const auto names = [this]() -> const Symbols& { return symbols(); };
  if (!reports_.prepare(options_, *machine_, names, before_story, error)) return false;
  if (!coverage_.prepare(options_, *machine_, error)) return false;
  connect();
  return open_log(error) && begin_recording(error) && begin_replay(error);
}

bool Session::make_machine(std::string& error) {
  const bool loads = !options_.load.empty();
  machine_ =
      loads ? Machine::create_empty(options_.machine, error) : Machine::create(options_.machine, error);
  if (!machine_) return false;
  if (!loads) return install(error);
  if (boots_embedded(options_.machine)) install_embedded(*machine_);
  if (!load_state_file(*machine_, options_.load, Before::lost, error)) {
    error = "--load " + error;
    return false;
  }
  loaded_at_ = machine_->retired();
  loaded_seconds_ = machine_->seconds();
  return load_into_memory(error);
}

bool Session::open_log(std::string& error) {
  if (!options_.log.any()) return true;
  if (options_.log_file.empty())
    log_.open_standard_error();
  else if (!log_.open_file("-D", options_.log_file, false, error))
    return false;
  const auto put = [this](std::string_view lines) { log_.put(lines); };
  debugger().let_witness(std::make_shared<ExecutionLog>(options_.log, symbols(), put));
  return true;
}

// Firmware starts the card by the card's own BIOS. Without it the screen stays as a reset leaves it.
bool Session::load_video_bios(std::string& error) {
  const std::string& name = options_.video_bios;
  constexpr u64 most = 0x10000;
  const BootRequest& boot = options_.machine.boot;
  if (!options_.machine.vga || boot.bios.empty() || name.empty()) return true;
  Image image;
  if (::access(name.c_str(), F_OK) != 0) {
    if (options_.vga) say(fmt::format("warning: -vga std: {} is not there; install seabios", name));
    return true;
  }
  if (!read_image(name, "video BIOS", most, image, error)) return false;
  options_.machine.vga_rom = std::move(image.bytes);
  return true;
}

bool Session::write_pidfile(std::string& error) {
  if (options_.pidfile.empty()) return true;
  if (!write_whole_file("-pidfile", options_.pidfile, fmt::format("{}\n", ::getpid()), error)) return false;
  pidfile_ = options_.pidfile;
  return true;
}

bool Session::open_channels(std::string& error) {
  for (unsigned port = 0; port < options_.serials.size(); ++port) {
    serials_.push_back(std::make_unique<Channel>());
    if (!serials_.back()->open("-serial", options_.serials[port], error)) return false;
    if (options_.serials[port].kind == Chardev::Kind::standard) typed_port_ = port;
  }
  return console_.open("-debugcon", options_.debugcon, error);
}

// What the machine has beside what its configuration says, at its start and at each restart.
bool Session::install(std::string& error) {
  if (boots_embedded(options_.machine)) install_embedded(*machine_);
  return load_into_memory(error);
}

bool Session::load_into_memory(std::string& error) {
  PhysicalMemory& memory = machine_->memory();
  for (const LoadedBytes& load : options_.loads) {
    Image image;
    if (load.path.empty()) image.bytes = load.bytes;
    if (!load.path.empty() &&
        !read_image(load.path, "file to load", options_.machine.ram_bytes, image, error))
      return false;
    const u64 size = image.bytes.size(), last = load.address + size - 1;
    const u64 low = std::min(options_.machine.ram_bytes, low_ram_limit),
              high = (u64{1} << 32) + options_.machine.ram_bytes - low;
    const bool inside = last >= load.address && (last < low || (load.address >> 32 != 0 && last < high));
    if (!inside) {
      error =
          fmt::format("-device loader: {:#x}..{:#x} is not all memory (it ends at {:#x}); load it elsewhere",
                      load.address, last, high > u64{1} << 32 ? high : low);
      return false;
    }
    memory.write_block(HostPhys(load.address), image.bytes.data(), size);
  }
  return true;
}

Symbols& Session::symbols() {
  if (!std::exchange(own_symbols_, true)) load_own_symbols(options_.machine, symbols_);
  return symbols_;
}

Debugger& Session::debugger() {
  if (!debugger_) {
    debugger_ = std::make_unique<Debugger>(*machine_);
    debugger_->use_symbols(&symbols());
    debugger_->on_allowance([this](u64 slice) { return allowed(slice); });
    if (options_.no_reboot) return *debugger_;
    debugger_->on_reset([this](const std::string& why) {
      std::string error;
      const bool good = perform_reset(error);
      if (!good) say(error);
      if (good && reset_told_) reset_told_(why);
      return good;
    });
  }
  return *debugger_;
}

void Session::keep_past() {
  // A recording holds what a person writes, too, which the timeline hears of.
  const bool needed = options_.past_bytes != 0 || recorder_ || replayer_;
  std::string error;
  if (timeline_ || !needed) return;
  if (!keep_past(options_.past_bytes, error)) say(fmt::format("no going back: {}", error));
}

bool Session::keep_past(u64 bytes, std::string& error) {
  Timeline::Plan plan;
  plan.most_bytes = bytes;
  plan.checkpoints = bytes != 0;
  timeline_ = Timeline::create(*machine_, plan, error);
  if (timeline_) hear_of_writes();
  debugger().use_timeline(timeline_.get());
  return timeline_ != nullptr;
}

bool Session::let_gdb_in(std::string& error) {
  if (!options_.gdb) return true;
  keep_past();
  gdb_ = std::make_unique<GdbServer>(debugger(), symbols());
  connect_commands(*this, gdb_->commands());
  return gdb_->listen(*options_.gdb, error);
}

void Session::connect() {
  for (unsigned port = 0; port < serials_.size(); ++port)
    machine_->on_serial([this, port](u8 byte) { printed(port, byte); }, port);
  // Both on standard output: one order, that of the guest.
  const bool shown = options_.debugcon.kind == Chardev::Kind::standard;
  Channel& to = shown && typed_port_ ? *serials_[*typed_port_] : console_;
  machine_->on_debug_console([this, shown, &to](u8 byte) {
    to.put(byte);
    if (shown && printed_) printed_(byte);
  });
}

// What comes after the limit, until the machine stops, is not printed.
void Session::printed(unsigned port, u8 byte) {
  const bool full = options_.output_limit != 0 && bytes_printed_ >= options_.output_limit;
  if (full) return;
  ++bytes_printed_;
  serials_[port]->put(byte);
  if (printed_ && typed_port_ == port) printed_(byte);
  if (serial_told_) serial_told_(port, byte);
  const bool decides = port == 0 && expect_.output(byte);
  if ((decides && expect_.finished()) || bytes_printed_ == options_.output_limit) stop_machine();
}

// Called from within a run: what decides is the last that runs, and the machine does not come to its end by
// the way.
void Session::stop_machine() {
  machine_->end_run();
  end_run_at(machine_->cpu(machine_->turn()), 0);
  if (enough_) return enough_();
  machine_->interrupt();
}

void Session::flush() {
  for (const auto& serial : serials_) serial->flush();
  console_.flush();
  log_.flush();
}

bool Session::offer_input(bool idle) {
  if (replayer_) return idle && replayer_->revive();
  bool went = screen_.type(*machine_, idle);
  for (; sent_ < options_.sent.size(); ++sent_, went = true)
    if (!machine_->input(SerialByte{0, static_cast<u8>(options_.sent[sent_])})) break;
  for (unsigned port = 0; port < serials_.size(); ++port) {
    Channel& serial = *serials_[port];
    serial.receive();
    while (!serial.empty() && machine_->input(SerialByte{port, serial.front()})) {
      serial.pop();
      went = true;
    }
  }
  return went;
}

bool Session::offer_typed(u8 byte) {
  return replays() || !typed_port_ || machine_->input(SerialByte{*typed_port_, byte});
}

std::vector<int> Session::input_descriptors() const {
  std::vector<int> all;
  for (const auto& serial : serials_) serial->add_descriptors(all);
  return all;
}

bool Session::attended() const {
  return std::any_of(serials_.begin(), serials_.end(), [](const auto& serial) { return serial->attended(); });
}

bool Session::listens() const {
  return std::any_of(serials_.begin(), serials_.end(), [](const auto& serial) { return serial->listens(); });
}

u64 Session::allowed(u64 slice) {
  const u64 done = retired_before_ + machine_->retired();
  slice = saves_.limit(done, screen_.limit(done, slice));
  // What is known of the past is recorded, and replayed, already.
  const bool past = timeline_ && timeline_->in_past();
  if (recorder_ && timeline_ && !past)
    recorder_->come_to(recorded_before_ + timeline_->history().size(), machine_->moment());
  if (recorder_ && !past) slice = recorder_->limit(slice);
  if (replayer_ && !past && (slice = replayer_->limit(slice)) == 0) {
    replay_over();
    return 0;
  }
  if (options_.max_seconds > 0 && machine_->seconds() - loaded_seconds_ >= options_.max_seconds) {
    end("max-seconds", fmt::format("--max-seconds {}: reached", options_.max_seconds), exit_limit);
    return 0;
  }
  if (options_.max_instructions == 0) return slice;
  const u64 left =
      options_.max_instructions - std::min(done - std::min(done, loaded_at_), options_.max_instructions);
  if (left == 0)
    end("max-instructions", fmt::format("--max-instructions {}: reached", options_.max_instructions),
        exit_limit);
  return std::min(slice, left);
}

// What is wrong with one of the outputs, one line; nullptr: nothing yet.
const std::string* Session::failed_output() const {
  for (const auto& serial : serials_) {
    if (!serial->failure().empty()) return &serial->failure();
  }
  for (const std::string* failure :
       {&console_.failure(), &reports_.failure(), &log_.failure(), &screen_.failure(), &saves_.failure()}) {
    if (!failure->empty()) return failure;
  }
  if (recorder_ && !recorder_->failure().empty()) return &recorder_->failure();
  return nullptr;
}

bool Session::limit_reached() {
  if (options_.output_limit != 0 && bytes_printed_ >= options_.output_limit) {
    end("output-limit", fmt::format("--output-limit {}: reached", options_.output_limit), exit_limit);
    return true;
  }
  if (options_.timeout <= 0 || time_left(options_.timeout) > 0) return false;
  end("timeout", fmt::format("--timeout {}: reached", options_.timeout), exit_limit);
  return true;
}

std::string Session::decision() const {
  if (all_met())
    return expect_.matched() ? "the serial output matched --expect" : "the screen matched --expect-screen";
  return fmt::format("--fail-on {}: a line of the serial output matched", expect_.unwanted());
}

// Everything that is waited for has come, and something was waited for.
bool Session::all_met() const {
  return (expect_.matched() || screen_.matched()) && expect_.missing().empty() && screen_.missing().empty();
}

// The line that decided may go on: a prompt has no end, but the rest of an answer comes soon.
bool Session::decided() {
  screen_.after_slice(*machine_, retired_before_ + machine_->retired());
  saves_.after_slice(*machine_, retired_before_ + machine_->retired());
  if (expect_.unwanted().empty() && !all_met()) return false;
  if (!expect_.decided()) return true;
  constexpr u64 patience = 2'000'000;
  const u64 now = retired_before_ + machine_->retired();
  if (decided_at_ == 0) decided_at_ = std::max<u64>(now, 1);
  return expect_.finished() || now - decided_at_ >= patience || machine_->moment().asleep;
}

bool Session::ended_from_outside() {
  flush();
  if (replay_over()) return true;
  if (const std::string* failure = failed_output()) {
    end("output", *failure, exit_failed);
    return true;
  }
  if (decided()) {
    end("expected", decision(), exit_ok);
    return true;
  }
  if (screen_.quit_typed()) {
    end("quit", "<quit> was typed", exit_ok);
    return true;
  }
  return limit_reached();
}

bool Session::perform_reset(std::string& error) {
  if (replayer_ && !replayer_->take_reset()) {
    error = "it was not performed when the run was recorded";
    return false;
  }
  if (!machine_->perform_reset(error)) return false;
  if (timeline_)
    timeline_->note(ResetPerformed{});
  else if (recorder_)
    recorder_->add({machine_->moment(), ResetPerformed{}});
  ++summary_.reboots;
  return true;
}

bool Session::restart(std::string& error) {
  const u64 retired = machine_->retired();
  end_recording("the machine was started again");
  if (timeline_) timeline_->give_up();
  const bool good = machine_->reboot(error) && begin_again(retired, error);
  if (timeline_) timeline_->begin_anew();
  return good;
}

// What is the session's own, after the machine has begun again.
bool Session::begin_again(u64 retired, std::string& error) {
  retired_before_ += retired;
  ++summary_.reboots;
  if (!install(error)) return false;
  reports_.attach(*machine_);
  coverage_.attach(*machine_);
  if (debugger_) debugger_->attach();
  if (gdb_) gdb_->rebooted();
  return begin_replay(error);
}

bool Session::restore(std::span<const u8> saved, std::string& error) {
  return replace_state([&] { return machine_->restore(saved, error); });
}

bool Session::load(const std::string& path, std::string& error) {
  return replace_state([&] { return load_state_file(*machine_, path, Before::kept, error); });
}

// The past of another machine says nothing about this one's; where the state stays as it was, too, it begins
// anew.
bool Session::replace_state(const std::function<bool()>& replace) {
  if (timeline_) timeline_->give_up();
  const bool good = replace();
  if (timeline_) timeline_->begin_anew();
  if (good) restored();
  return good;
}

void Session::restored() {
  end_recording("a saved state was loaded");
  if (replayer_) leave_recording();
  reports_.attach(*machine_);
  if (debugger_) debugger_->attach();
}

void Session::end(std::string ending, std::string reason, int status) {
  if (over()) return;
  // What decides may come in a line that has no end any more.
  const bool good = all_met();
  if ((good || !expect_.unwanted().empty()) && ending != "output") {
    status = !good ? exit_failed : ending == "debugger" ? status : exit_ok;
    reason = decision();
    ending = good ? "expected" : "failed";
  }
  summary_.ending = std::move(ending);
  summary_.reason = std::move(reason);
  summary_.status = status;
  summary_.host_seconds = host_seconds();
}

void Session::tell_end() {
  const std::string& ending = summary_.ending;
  const bool failed = ending == "shutdown" || ending == "idle" || ending == "output" || ending == "failed" ||
                      (ending == "reset" && summary_.status != exit_ok) || ending == "differs" ||
                      ending == "cut";
  const bool limit = summary_.status == exit_limit && ending != "debug-exit";
  tell_replay();
  if (failed || limit || ending == "interrupted")
    say(fmt::format("{} (after {} instructions)", summary_.reason, summary_.instructions));
  for (unsigned n = 0; limit && n < machine_->cpus(); ++n) say(where_line(machine_->cpu(n), &symbols()));
  const bool on_screen = expect_.missing().empty();
  const std::string missing = on_screen ? screen_.missing() : expect_.missing();
  if (missing.empty() || ending == "failed" || summary_.status >= exit_limit) return;
  say(fmt::format("{} {}: the run ended without a match ({})", on_screen ? "--expect-screen" : "--expect",
                  missing, summary_.reason));
  summary_.status = exit_failed;
}

int Session::conclude() {
  compare_end();
  reports_.flush();
  flush();
  // The last that was printed must have gone out, too.
  if (const std::string* failure = failed_output()) {
    summary_.ending = "output";
    summary_.reason = *failure;
    summary_.status = exit_failed;
  }
  summary_.instructions = retired_before_ + machine_->retired();
  summary_.loaded_at = loaded_at_;
  tell_end();
  if (recorder_) recorder_->end(summary_, timeline_ && timeline_->in_past() ? &timeline_->end() : nullptr);
  std::string error;
  reports_.conclude(options_);
  if (coverage_.conclude(
          options_, [this]() -> const Symbols& { return symbols(); }, error) &&
      screen_.conclude(options_, *machine_, error) && saves_.conclude(options_, *machine_, error) &&
      (options_.stats.empty() ||
       write_whole_file("--stats", options_.stats, stats_json(options_, *machine_, summary_), error)))
    return summary_.status;
  say(error);
  return exit_failed;
}

}  // namespace ringside
