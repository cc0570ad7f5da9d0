// Owns the conversation with gdb: packets that look at the machine, change it and set it going.
#include "frontend/gdb/stub.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace ringside {
namespace {

// What a reply may hold at most, so that it fits into a packet even if every byte is escaped.
constexpr u64 most_memory = longest_packet / 2 - 16;
constexpr std::size_t most_breakpoints = 1000;
constexpr u64 longest_watch = 4096;

// Ids in packets: -1 all, 0 any.
std::optional<u64> thread_id(Words& words) {
  if (words.literal("-1")) return 0;
  return words.number();
}

}  // namespace

GdbStub::GdbStub(Debugger& debugger) : debugger_(debugger) { set_layout(Layout::bits64); }

void GdbStub::connected() {
  reader_ = {};
  output_.clear();
  last_sent_.clear();
  acknowledge_ = true;
  extended_ = reports_breakpoints_ = waiting_ = interrupt_ = runs_anew_ = false;
  resume_ = {};
  later_.clear();
  continue_cpu_.reset();
  thread_ = monitor_cpu_ = debugger_.selected();
  wanted_ = layout_;
  stop_ = fmt::format("T05thread:{:x};", debugger_.selected() + 1);
}

void GdbStub::disconnected() {
  remove_breakpoints();
  waiting_ = false;
  if (std::exchange(killed_, false)) request_ = Request::kill;
  if (resume_.kind == Resume::Kind::step) resume_ = {};
  output_.clear();
}

void GdbStub::answer(std::string_view body) {
  last_sent_ = frame(body);
  output_ += last_sent_;
}

void GdbStub::fail(std::string_view why) { answer(fmt::format("E.{}", why)); }

void GdbStub::console(std::string_view text) {
  constexpr std::size_t piece = longest_packet / 2 - 16;
  for (; !text.empty(); text.remove_prefix(std::min(piece, text.size())))
    output_ += frame("O" + to_hex(text.substr(0, piece)));
}

void GdbStub::receive(std::string_view bytes) {
  for (const char byte : bytes) {
    if (auto complete = reader_.take(static_cast<u8>(byte))) item(std::move(*complete));
  }
}

void GdbStub::item(PacketReader::Item item) {
  using Kind = PacketReader::Item::Kind;
  switch (item.kind) {
    case Kind::interrupt: interrupt_ = true; return;
    case Kind::good: return;
    case Kind::again:
      if (acknowledge_) output_ += last_sent_;
      return;
    case Kind::damaged:
      if (acknowledge_) output_ += '-';
      return;
    case Kind::too_long:
    case Kind::packet: break;
  }
  if (acknowledge_) output_ += '+';
  if (item.kind == Kind::too_long) return fail("the packet is too long");
  packet(item.body);
}

void GdbStub::packet(std::string_view body) {
  if (body.empty()) return answer("");
  Words words(body.substr(1));
  if (resume_.kind != Resume::Kind::stay && waiting_ && body[0] != 'D' && body[0] != 'k')
    return fail("the machine runs; interrupt it first");
  debugger_.select(thread_);
  switch (body[0]) {
    case '!': extended_ = true; return answer("OK");
    case '?':
      // Whoever asks wants it to stand still, even if it was set going by a detach.
      resume_ = {};
      return answer(stop_reply());
    case 'q': return query(words);
    case 'Q': return set(words);
    case 'H': return choose_thread(words);
    case 'T': return thread_alive(words);
    case 'g': return read_all();
    case 'G': return write_all(words);
    case 'p': return read_one(words);
    case 'P': return write_one(words);
    case 'm': return read_memory(words);
    case 'M': return write_memory(words, false);
    case 'X': return write_memory(words, true);
    case 'Z': return breakpoint(words, true);
    case 'z': return breakpoint(words, false);
    case 'v': return verbose(words);
    case 'c': return resume_at(words, false, false);
    case 'C': return resume_at(words, false, true);
    case 's': return resume_at(words, true, false);
    case 'S': return resume_at(words, true, true);
    case 'b': return go_back(body.substr(1));
    case 'D': return detach();
    case 'k': request_ = Request::kill; return;
    case 'R':
      if (!extended_) return answer("");
      return want_restart();
    default: return answer("");
  }
}

void GdbStub::choose_thread(Words words) {
  const bool general = words.literal("g");
  if (!general && !words.literal("c")) return answer("");
  const auto thread = thread_id(words);
  if (!thread || !words.empty() || *thread > cpus()) return fail("no such thread");
  if (*thread == 0 && !general) continue_cpu_.reset();
  if (*thread == 0) return answer("OK");
  const unsigned cpu = static_cast<unsigned>(*thread - 1);
  if (general) {
    debugger_.select(cpu);
    thread_ = monitor_cpu_ = cpu;
  } else {
    continue_cpu_ = cpu;
  }
  answer("OK");
}

void GdbStub::thread_alive(Words words) {
  const auto thread = words.number();
  if (!thread || *thread == 0 || *thread > cpus()) return fail("no such thread");
  answer("OK");
}

void GdbStub::read_all() {
  std::string all;
  for (const GdbRegister& reg : registers_) all += read_register(debugger_.cpu(), reg);
  answer(all);
}

// Nothing is written unless all of it can be understood.
void GdbStub::write_all(Words words) {
  std::size_t bytes = 0;
  for (const GdbRegister& reg : registers_) bytes += reg.bytes();
  const std::string_view text = words.rest();
  if (text.size() != bytes * 2) return fail("not the registers of this description");
  std::string why;
  const u64 end = known_end();
  std::size_t at = 0;
  std::vector<std::pair<const GdbRegister*, std::string>> values;
  for (const GdbRegister& reg : registers_) {
    const std::string_view digits = text.substr(at, reg.bytes() * 2);
    at += digits.size();
    if (digits.find_first_not_of('x') == std::string_view::npos) continue;
    auto raw = from_hex(digits);
    if (!raw) return fail("not hexadecimal");
    values.emplace_back(&reg, std::move(*raw));
  }
  for (const auto& [reg, raw] : values) {
    std::string reason;
    if (!write_register(debugger_, *reg, raw, reason) && why.empty()) why = reason;
  }
  note_given_up(end);
  if (!why.empty()) return fail(why);
  answer("OK");
}

void GdbStub::read_one(Words words) {
  const auto number = words.number();
  if (!number || *number >= registers_.size() || !words.empty()) return fail("no such register");
  answer(read_register(debugger_.cpu(), registers_[*number]));
}

void GdbStub::write_one(Words words) {
  const auto number = words.number();
  if (!number || *number >= registers_.size() || !words.literal("=")) return fail("no such register");
  const auto raw = from_hex(words.rest());
  std::string why = "not hexadecimal";
  const u64 end = known_end();
  if (!raw || !write_register(debugger_, registers_[*number], *raw, why)) return fail(why);
  note_given_up(end);
  answer("OK");
}

// Up to the first byte that is no memory: a debugger that shows what a bus without an answer reads as would
// mislead gdb's user. The last byte is at the last address.
std::size_t GdbStub::read_present(u64 address, std::span<u8> out) {
  std::size_t done = 0;
  while (done < out.size() && address + done >= address) {
    const Place place{AddressSpace::linear, address + done};
    const auto at = debugger_.translate(place);
    PhysicalMemory::Page page;
    if (!at || !debugger_.machine().memory().page(*at, page)) break;
    const std::size_t part = std::min<std::size_t>(out.size() - done, page_bytes - at->page_offset());
    if (debugger_.read(place, out.subspan(done, part)) != part) break;
    done += part;
  }
  return done;
}

void GdbStub::read_memory(Words words) {
  const auto address = words.number();
  if (!address || !words.literal(",")) return fail("no address");
  const auto length = words.number();
  if (!length || !words.empty()) return fail("no length");
  if (*length == 0) return answer("");
  std::string bytes(std::min(*length, most_memory), '\0');
  const std::size_t got = read_present(*address, {reinterpret_cast<u8*>(bytes.data()), bytes.size()});
  if (got == 0) return answer("E14");
  answer(to_hex(std::string_view(bytes).substr(0, got)));
}

void GdbStub::write_memory(Words words, bool binary) {
  const auto address = words.number();
  if (!address || !words.literal(",")) return fail("no address");
  const auto length = words.number();
  if (!length || !words.literal(":")) return fail("no length");
  const auto bytes = binary ? std::optional(std::string(words.rest())) : from_hex(words.rest());
  if (!bytes || bytes->size() != *length) return fail("the length is not that of the data");
  const u64 end = known_end();
  const std::size_t put = debugger_.write({AddressSpace::linear, *address},
                                          {reinterpret_cast<const u8*>(bytes->data()), bytes->size()});
  note_given_up(end);
  answer(put == bytes->size() ? "OK" : "E14");
}

void GdbStub::breakpoint(Words words, bool insert) {
  const auto type = words.number();
  if (!type || *type > 4) return answer("");
  const auto address = words.literal(",") ? words.number() : std::nullopt;
  const auto kind = words.literal(",") ? words.number() : std::nullopt;
  if (!address || !kind || !words.empty()) return fail("not a breakpoint");
  const auto key = std::tuple(*type, *address, *kind);
  const auto found = breakpoints_.find(key);
  if (!insert) {
    if (found == breakpoints_.end()) return answer("OK");
    debugger_.remove(found->second);
    breakpoints_.erase(found);
    return answer("OK");
  }
  if (found != breakpoints_.end()) return answer("OK");
  if (breakpoints_.size() >= most_breakpoints) return fail("too many breakpoints");
  Breakpoint made;
  made.at = {AddressSpace::linear, *address};
  if (*type >= 2) {
    if (*kind == 0 || *kind > longest_watch || *address + (*kind - 1) < *address)
      return fail("a watchpoint has 1 to 4096 bytes");
    made.kind = Breakpoint::Kind::watch;
    made.bytes = *kind;
    made.on_write = *type != 3;
    made.on_read = *type != 2;
  }
  made.text = fmt::format("gdb, at {:#x}", *address);
  breakpoints_[key] = debugger_.add(std::move(made));
  answer("OK");
}

void GdbStub::remove_breakpoints() {
  for (const auto& [key, id] : breakpoints_) debugger_.remove(id);
  breakpoints_.clear();
}

void GdbStub::verbose(Words words) {
  if (words.literal("Cont?")) return answer("vCont;c;C;s;S;t;r");
  if (words.literal("Cont")) return continue_each(words);
  if (words.literal("Kill")) {
    // An extended client may start it again; if it goes away instead, that is the end.
    if (extended_)
      killed_ = true;
    else
      request_ = Request::kill;
    return answer("OK");
  }
  if (words.literal("Attach;")) {
    if (!extended_) return answer("");
    resume_ = {};
    return answer(stop_reply());
  }
  // There is one program to run, whatever the name and the arguments are.
  if (words.literal("Run") && (words.empty() || words.literal(";"))) {
    if (!extended_) return answer("");
    want_restart();
    runs_anew_ = true;
    return;
  }
  answer("");
}

void GdbStub::want_restart() {
  remove_breakpoints();
  request_ = Request::restart;
  killed_ = false;
  resume_ = {};
  stop_ = "T05thread:1;";
}

void GdbStub::restarted() {
  continue_cpu_.reset();
  thread_ = monitor_cpu_ = 0;
  stop_ = "T05thread:1;";
  if (std::exchange(runs_anew_, false)) answer(stop_reply());
}

bool GdbStub::parse_action(std::string_view text, Action& action) {
  Words words(text);
  if (words.literal("C") || words.literal("S")) {
    action.what = text[0] == 'C' ? 'c' : 's';
    if (!words.number()) return false;  // signals mean nothing to a machine
  } else if (words.literal("r")) {
    action.what = 'r';
    const auto first = words.number();
    const auto end = words.literal(",") ? words.number() : std::nullopt;
    if (!first || !end) return false;
    action.first = *first;
    action.end = *end;
  } else if (words.literal("c") || words.literal("s") || words.literal("t")) {
    action.what = text[0];
  } else {
    return false;
  }
  if (words.literal(":")) {
    const auto thread = thread_id(words);
    if (!thread || *thread > cpus()) return false;
    action.thread = *thread;
  }
  return words.empty();
}

// The leftmost action that names a CPU is its own; a CPU without one, and one that is to stop, gets no turns
// until the next stop. The first CPU that steps says when that is; others that were to step run.
void GdbStub::continue_each(Words words) {
  if (!words.literal(";")) return fail("no action");
  std::vector<Action> actions;
  while (!words.empty()) {
    Action action{};
    if (!parse_action(words.until(';'), action)) return fail("not an action of vCont");
    actions.push_back(action);
  }
  if (actions.empty()) return fail("no action");
  std::optional<Resume> chosen;
  u32 still = 0;
  for (unsigned turn = 0; turn < cpus(); ++turn) {
    // The selected CPU first.
    const unsigned cpu = (debugger_.selected() + turn) % cpus();
    const auto own = std::find_if(actions.begin(), actions.end(), [&](const Action& action) {
      return action.thread == 0 || action.thread == cpu + 1;
    });
    if (own == actions.end() || own->what == 't') {
      still |= u32{1} << cpu;
      continue;
    }
    const bool steps = own->what != 'c';
    if (steps && (!chosen || chosen->kind != Resume::Kind::step))
      chosen = Resume{Resume::Kind::step, cpu, own->first, own->end};
    if (!chosen) chosen = Resume{Resume::Kind::run};
  }
  if (!chosen) return answer(stop_reply());
  chosen->still = still;
  go(*chosen);
}

void GdbStub::resume_at(Words words, bool step, bool signal) {
  if (signal) {
    if (!words.number()) return fail("no signal");
    if (!words.empty() && !words.literal(";")) return fail("not an address");
  }
  if (!words.empty()) {
    const auto address = words.number();
    if (!address || !words.empty()) return fail("not an address");
    const auto counter = std::find_if(registers_.begin(), registers_.end(),
                                      [](const GdbRegister& r) { return r.type == "code_ptr"; });
    std::string why;
    debugger_.select(continued());
    // As long as the register is: what is above it does not count.
    const std::string raw = *from_hex(little_endian_hex(*address, counter->bytes()));
    if (!write_register(debugger_, *counter, raw, why)) return fail(why);
  }
  go(step ? Resume{Resume::Kind::step, continued()} : Resume{Resume::Kind::run});
}

// Where nobody keeps the past the client was told of no such packets.
bool GdbStub::goes_back() const {
  const Timeline* const past = debugger_.timeline();
  return past && past->use().checkpoints > 0;
}

// The other CPUs go back as far as they had come meanwhile, whoever is to be held still: their past is known.
void GdbStub::go_back(std::string_view how) {
  if (!goes_back() || (how != "s" && how != "c")) return answer("");
  go(how == "s" ? Resume{Resume::Kind::step_back, continued()} : Resume{Resume::Kind::back});
}

void GdbStub::go(Resume resume) {
  resume_ = resume;
  waiting_ = true;
  interrupt_ = false;
  console(std::exchange(later_, {}));
}

u64 GdbStub::known_end() const {
  const Timeline* const past = debugger_.timeline();
  return past ? past->end().retired : 0;
}

// What was written in the past made another of it. The client takes no words with its answer.
void GdbStub::note_given_up(u64 end_before) {
  if (known_end() >= end_before) return;
  later_ =
      fmt::format("what was written at instruction {} makes this the present: the {} after it are given up\n",
                  known_end(), end_before - known_end());
}

void GdbStub::detach() {
  remove_breakpoints();
  waiting_ = false;
  resume_ = {Resume::Kind::run};
  answer("OK");
}

void GdbStub::stopped(const Stop& stop) {
  const auto own = std::find_if(breakpoints_.begin(), breakpoints_.end(),
                                [&](const auto& entry) { return entry.second == stop.breakpoint; });
  std::string reason;
  int signal = 5;
  bool explained = true;
  switch (stop.kind) {
    case Stop::Kind::breakpoint:
    case Stop::Kind::watchpoint: {
      explained = own != breakpoints_.end();
      if (!explained) break;
      const auto [type, address, bytes] = own->first;
      if (type >= 2)
        reason = fmt::format("{}:{:x};", type == 2 ? "watch" : type == 3 ? "rwatch" : "awatch", address);
      else if (reports_breakpoints_)
        reason = type == 0 ? "swbreak:;" : "hwbreak:;";
      break;
    }
    case Stop::Kind::interrupted:
      signal = 2;
      explained = false;
      break;
    case Stop::Kind::ended:
      explained = false;
      if (debugger_.machine().ending().why == Ending::Why::shutdown)
        signal = 6;
      else
        reason = "replaylog:end;";
      break;
    case Stop::Kind::event: explained = false; break;
    case Stop::Kind::beginning: reason = "replaylog:begin;"; break;
    case Stop::Kind::step:
    case Stop::Kind::limit: break;
  }
  stop_ = fmt::format("T{:02x}{}thread:{:x};", signal, reason, stop.cpu + 1);
  thread_ = monitor_cpu_ = stop.cpu;
  resume_ = {};
  if (!std::exchange(waiting_, false)) return;
  // gdb has no words for these.
  if (!explained && !stop.text.empty()) console(fmt::format("{}\n", stop.text));
  answer(stop_reply());
}

// With the registers that gdb asks for at every stop.
std::string GdbStub::stop_reply() const {
  std::string reply = stop_;
  if (!reply.starts_with('T')) return reply;
  for (std::size_t n = 0; n < registers_.size(); ++n) {
    const GdbRegister& reg = registers_[n];
    if (reg.type == "code_ptr" || reg.type == "data_ptr")
      reply += fmt::format("{:x}:{};", n, read_register(debugger_.cpu(), reg));
  }
  return reply;
}

void GdbStub::exited(int status) {
  if (!std::exchange(waiting_, false)) return;
  stop_ = fmt::format("W{:02x}", status & 0xff);
  answer(stop_);
}

void GdbStub::ended(int status) {
  exited(status);
  resume_ = {};
  killed_ = true;
}

void GdbStub::set_layout(Layout layout) {
  layout_ = wanted_ = layout;
  registers_ = gdb_registers(layout);
  description_ = target_description(layout);
}

}  // namespace ringside
