// Owns Python's way to an instance: the native half of the module `ringside`, whose other half is
// ringside/__init__.py.
#include <pybind11/functional.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>

#include "frontend/library/instance.h"

namespace {

namespace py = pybind11;
using ringside::Instance;

// Python's ringside.Error.
struct Refused : std::runtime_error {
  using std::runtime_error::runtime_error;
};

py::bytes bytes_of(const std::vector<std::uint8_t>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
std::span<const std::uint8_t> span_of(std::string_view bytes) {
  return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
}

// An instance, and who runs it: while it runs, Python's other threads do, too.
class Machine {
 public:
  explicit Machine(const std::vector<std::string>& flags) {
    std::string error;
    {
      const py::gil_scoped_release others;
      instance_ = Instance::create(flags, error);
    }
    if (!instance_) throw Refused(error);
    // Python's signals, Ctrl-C among them, are looked at between slices.
    instance_->on_slice([this] {
      const py::gil_scoped_acquire python;
      return PyErr_CheckSignals() == 0 && !asked_to_stop_;
    });
  }

  Instance& instance() const {
    const std::thread::id runs = runner_.load();
    if (runs != std::thread::id() && runs != std::this_thread::get_id())
      throw Refused("the machine runs in another thread; interrupt() stops it");
    return *instance_;
  }
  // Python's lock makes it one or the other: the run sees it, or nothing runs and it is forgotten. To other
  // threads a run begins a moment before the instance's does.
  void interrupt() { asked_to_stop_ = runner_.load() != std::thread::id(); }

  // `act` without Python's lock; an exception of a callback's goes on from here.
  template <class Act>
  auto running(Act act) {
    Instance& instance = this->instance();
    const bool outermost = runner_.load() == std::thread::id();
    if (outermost) {
      runner_ = std::this_thread::get_id();
      asked_to_stop_ = false;
    }
    auto result = [&] {
      const py::gil_scoped_release others;
      return act(instance);
    }();
    if (outermost) runner_ = std::thread::id();
    if (PyErr_Occurred()) throw py::error_already_set();
    return result;
  }

  // The same for what a callback cannot do.
  template <class Act>
  auto stepping(Act act) {
    if (runner_.load() == std::this_thread::get_id())
      throw Refused("the machine runs already; a callback cannot run it");
    return running(act);
  }

  // What `act` says, or its error as an exception.
  template <class Act>
  auto value(Act act) const {
    std::string error;
    auto result = act(instance(), error);
    if (!result) throw Refused(error);
    return *std::move(result);
  }
  template <class Act>
  void done(Act act) const {
    std::string error;
    if (!act(instance(), error)) throw Refused(error);
  }

 private:
  std::unique_ptr<Instance> instance_;
  std::atomic<std::thread::id> runner_ = std::thread::id();
  bool asked_to_stop_ = false;  // only touched with Python's lock
};

// What a Python function says, asked from within a run; an exception in it counts as `if_raised`, and waits
// for the run's end.
template <class Ask>
bool ask_python(bool if_raised, Ask ask) {
  const py::gil_scoped_acquire python;
  try {
    return ask().template cast<bool>();
  } catch (py::error_already_set& raised) {
    raised.restore();
  } catch (const py::cast_error&) {
    PyErr_SetString(PyExc_TypeError, "a callback returns True, False or None");
  }
  return if_raised;
}

Instance::Until until_of(const py::kwargs& words) {
  Instance::Until until;
  for (const auto& [key, value] : words) {
    const auto name = key.cast<std::string>();
    if (value.is_none()) continue;
    if (name == "instructions")
      until.instructions = value.cast<std::uint64_t>();
    else if (name == "address")
      until.address = value.cast<std::string>();
    else if (name == "event")
      until.event = value.cast<std::string>();
    else if (name == "serial")
      until.serial = value.cast<std::string>();
    else if (name == "screen")
      until.screen = value.cast<std::string>();
    else if (name == "port")
      until.port = value.cast<unsigned>();
    else if (name == "every")
      until.every = value.cast<std::uint64_t>();
    else if (name == "seconds")
      until.seconds = value.cast<double>();
    else if (name == "predicate")
      until.predicate = [asked = value.cast<py::function>().ptr()] {
        return ask_python(true, [&] { return py::bool_(py::reinterpret_borrow<py::function>(asked)()); });
      };
    else
      throw py::type_error(name +
                           ": not a condition of run(); there are instructions, address, event, serial, "
                           "screen, port, predicate, every and seconds");
  }
  return until;
}

Instance::Halt run(Machine& machine, const py::kwargs& words) {
  const Instance::Until until = until_of(words);
  std::string error;
  const auto halt = machine.running([&](Instance& instance) { return instance.run(until, error); });
  if (!halt) throw Refused(error);
  return *halt;
}

// The exit, or nothing, and the halt.
std::pair<std::optional<Instance::Exit>, Instance::Halt> next_exit(Machine& machine,
                                                                   const py::kwargs& words) {
  const Instance::Until until = until_of(words);
  std::string error;
  Instance::Halt halt;
  auto exit = machine.running([&](Instance& instance) { return instance.next_exit(until, halt, error); });
  if (!exit && !error.empty()) throw Refused(error);
  return {std::move(exit), halt};
}

unsigned add_breakpoint(const Machine& machine, const std::string& line, const py::object& callback) {
  std::string error;
  const unsigned number = machine.instance().add_breakpoint(line, error);
  if (number == 0) throw Refused(error);
  if (callback.is_none()) return number;
  // The function goes away with Python's lock held, whoever drops it.
  const std::shared_ptr<py::object> kept(new py::object(callback), [](py::object* last) {
    const py::gil_scoped_acquire python;
    delete last;
  });
  machine.instance().on_breakpoint(number, [kept](const Instance::Halt& halt) {
    return !ask_python(true, [&] { return py::bool_((*kept)(halt)); });
  });
  return number;
}

template <class Act>
Instance::Halt back(Machine& machine, Act act) {
  std::string error;
  const auto halt = machine.stepping([&](Instance& instance) { return act(instance, error); });
  if (!halt) throw Refused(error);
  return *halt;
}

Instance::Halt run_back(Machine& machine, const py::kwargs& words) {
  for (const auto& [key, value] : words) {
    if (const auto name = key.cast<std::string>(); name != "address" && name != "event")
      throw py::type_error(name + ": not a condition of run_back(); there are address and event");
  }
  const Instance::Until until = until_of(words);
  return back(machine, [&](Instance& i, std::string& e) { return i.run_back(until, e); });
}

std::string text_of(const Instance::Halt& halt) {
  std::string text = "<Halt " + std::string(name(halt.why));
  if (!halt.ending.empty()) text += " by " + halt.ending;
  if (!halt.text.empty()) text += ": " + halt.text;
  return text + "; " + halt.where + ">";
}

void bind_values(py::module_& module) {
  py::enum_<Instance::Space>(module, "Space", "The four kinds of addresses.")
      .value("linear", Instance::Space::linear)
      .value("guest_linear", Instance::Space::guest_linear)
      .value("guest_physical", Instance::Space::guest_physical)
      .value("host_physical", Instance::Space::host_physical);
  using Halt = Instance::Halt;
  py::class_<Halt>(module, "Halt", "Where a run stopped, and why.")
      .def_property_readonly(
          "why", [](const Halt& h) { return std::string(name(h.why)); },
          "What ended the run: \"count\", \"step\", \"reached\", \"serial\", \"screen\", \"predicate\", "
          "\"breakpoint\", \"watchpoint\", \"interrupted\", \"time\", \"limit\" or \"ended\".")
      .def_readonly("cpu", &Halt::cpu, "The CPU where it stopped.")
      .def_readonly("breakpoint", &Halt::breakpoint,
                    "The number of the breakpoint that stopped it; 0: none did.")
      .def_readonly("text", &Halt::text, "Why, in one line; it may be empty.")
      .def_readonly("where", &Halt::where,
                    "CPU, root or guest of which VMCS, ring, mode, address and symbol in one line.")
      .def_readonly("ending", &Halt::ending,
                    "How the machine ended: \"power-off\", \"reset\", \"debug-exit\", \"shutdown\" or "
                    "\"idle\"; empty: it has not.")
      .def_readonly("status", &Halt::status, "What the guest gave to isa-debug-exit, if it ended so.")
      .def("__repr__", text_of);
  using Exit = Instance::Exit;
  py::class_<Exit>(module, "Exit", "A VM exit. A value that it does not have is 0.")
      .def_readonly("cpu", &Exit::cpu, "The logical processor.")
      .def_readonly("instructions", &Exit::instructions, "How many instructions it had retired.")
      .def_readonly("reason", &Exit::reason, "The basic exit reason.")
      .def_readonly("name", &Exit::name, "Its name in Intel's manual.")
      .def_readonly("text", &Exit::text, "The exit in one line.")
      .def_readonly("qualification", &Exit::qualification, "The exit qualification.")
      .def_readonly("guest_rip", &Exit::guest_rip, "Guest RIP.")
      .def_readonly("guest_linear", &Exit::guest_linear, "The guest-linear address, where the exit has one.")
      .def_readonly("guest_physical", &Exit::guest_physical,
                    "The guest-physical address, where the exit has one.")
      .def_readonly("instruction_length", &Exit::instruction_length,
                    "The VM-exit instruction length in bytes, where the exit has one.")
      .def_readonly("instruction_information", &Exit::instruction_information,
                    "The VM-exit instruction information, where the exit has one.")
      .def_readonly("interruption_information", &Exit::interruption_information,
                    "The VM-exit interruption information, with its valid bit.")
      .def_readonly("interruption_error", &Exit::interruption_error, "The VM-exit interruption error code.")
      .def_readonly("vectoring_information", &Exit::vectoring_information,
                    "The IDT-vectoring information, with its valid bit.")
      .def_readonly("vectoring_error", &Exit::vectoring_error, "The IDT-vectoring error code.")
      .def("__repr__",
           [](const Exit& e) { return "<Exit " + std::to_string(e.reason) + " " + e.name + ">"; });
  using Past = Instance::Past;
  py::class_<Past>(module, "Past", "What is known of a machine's past.")
      .def_readonly("first", &Past::first, "Instructions of all CPUs where it begins.")
      .def_readonly("last", &Past::last, "The same of the present.")
      .def_readonly("present", &Past::present, "Whether the machine is in the present.")
      .def_readonly("checkpoints", &Past::checkpoints, "How many there are.")
      .def_readonly("bytes", &Past::bytes, "The memory that they take, about.");
  using State = Instance::BreakpointState;
  py::class_<State>(module, "BreakpointState", "A breakpoint that is set.")
      .def_readonly("number", &State::number, "Its number.")
      .def_readonly("text", &State::text, "As it was written.")
      .def_readonly("enabled", &State::enabled, "Whether it stops anything.")
      .def_readonly("hits", &State::hits, "How often it was met with its condition true.");
}

void bind_running(py::class_<Machine>& machine) {
  machine.def(py::init<const std::vector<std::string>&>())
      .def("run", run, "Until the first condition comes true; Machine.run() of the package lists them.")
      .def("next_exit", next_exit, "Runs to the next VM exit: it, or None, and where the machine stopped.")
      .def(
          "step",
          [](Machine& m, std::uint64_t n) { return m.stepping([=](Instance& i) { return i.step(n); }); },
          py::arg("instructions") = 1,
          "So many instructions of the selected CPU; a round of a repeated string instruction is one.")
      .def(
          "step_over", [](Machine& m) { return m.stepping([](Instance& i) { return i.step_over(); }); },
          "As step(1), but the selected CPU's call, INT or repeated string instruction is run to its end.")
      .def(
          "step_out", [](Machine& m) { return m.stepping([](Instance& i) { return i.step_out(); }); },
          "Runs to the caller.")
      .def(
          "keep_past",
          [](const Machine& m, std::uint64_t bytes) {
            m.done([=](Instance& i, std::string& e) { return i.keep_past(bytes, e); });
          },
          py::arg("bytes") = std::uint64_t{1} << 30,
          "From here on the machine's past is kept, in so many bytes of memory at most, about.")
      .def(
          "past", [](const Machine& m) { return m.instance().past(); },
          "Where the past begins and ends; None: nobody keeps it.")
      .def(
          "go_to",
          [](Machine& m, std::uint64_t n) {
            return back(m, [=](Instance& i, std::string& e) { return i.go_to(n, e); });
          },
          py::arg("instructions"), "To the first moment when all CPUs together had retired so many.")
      .def(
          "step_back",
          [](Machine& m, std::uint64_t n) {
            return back(m, [=](Instance& i, std::string& e) { return i.step_back(n, e); });
          },
          py::arg("instructions") = 1, "So many instructions of the selected CPU back.")
      .def(
          "step_back_over",
          [](Machine& m) { return back(m, [](Instance& i, std::string& e) { return i.step_back_over(e); }); },
          "As step_back(1), but what a call or a handler ran is passed over.")
      .def(
          "step_back_out",
          [](Machine& m) { return back(m, [](Instance& i, std::string& e) { return i.step_back_out(e); }); },
          "Back to the call of the present function.")
      .def("run_back", run_back,
           "Back to the last stop before here; Machine.run_back() of the package lists its conditions.")
      .def(
          "here", [](const Machine& m) { return m.instance().here(); },
          "Where the machine stands; nothing runs.")
      .def("interrupt", &Machine::interrupt,
           "Ends what runs, soon; any thread may call it. While nothing runs it is forgotten.")
      .def(
          "restart",
          [](const Machine& m) { m.done([](Instance& i, std::string& e) { return i.restart(e); }); },
          "To the first instruction again. Breakpoints stay.")
      .def("add_breakpoint", add_breakpoint, py::arg("line"), py::arg("callback") = py::none(),
           "A line of the debugger's break, tbreak, watch, rwatch, awatch or catch; its number. "
           "callback(halt) is asked at each of its stops, and True ends the run there.")
      .def(
          "remove_breakpoint", [](const Machine& m, unsigned n) { return m.instance().remove_breakpoint(n); },
          "False: there is none of this number.")
      .def(
          "breakpoints", [](const Machine& m) { return m.instance().breakpoints(); }, "All that are set.")
      .def(
          "last_exit", [](const Machine& m) { return m.instance().last_exit(); },
          "The last VM exit of the selected CPU; None: there was none.");
}

void bind_looking(py::class_<Machine>& machine) {
  machine
      .def_property_readonly(
          "warnings", [](const Machine& m) { return m.instance().warnings(); },
          "What the flags asked for and the machine makes nothing of, one line each.")
      .def_property_readonly(
          "cpus", [](const Machine& m) { return m.instance().cpus(); }, "How many there are.")
      .def_property_readonly(
          "instructions", [](const Machine& m) { return m.instance().instructions(); },
          "Retired by all CPUs together.")
      .def_property_readonly(
          "seconds", [](const Machine& m) { return m.instance().seconds(); }, "Virtual time since the start.")
      .def_property_readonly(
          "selected_cpu", [](const Machine& m) { return m.instance().selected_cpu(); },
          "Whose registers and linear memory are meant.")
      .def(
          "select_cpu", [](const Machine& m, unsigned cpu) { return m.instance().select_cpu(cpu); },
          "False: there is none of this number.")
      .def(
          "read_register",
          [](const Machine& m, const std::string& name) {
            return m.value([&](Instance& i, std::string& e) { return i.read_register(name, e); });
          },
          "Of the selected CPU: \"rax\", \"cr0.pg\", \"cs.base\", \"efer\", \"xmm0\", \"msr.c0000080\", "
          "\"vmcs.GUEST_RIP\".")
      .def(
          "write_register",
          [](const Machine& m, const std::string& name, std::uint64_t value) {
            m.done([&](Instance& i, std::string& e) { return i.write_register(name, value, e); });
          },
          "The same names, but for VMCS fields that cannot be written.")
      .def(
          "register_names", [](const Machine& m) { return m.instance().register_names(); },
          "Those of all registers but MSRs.")
      .def(
          "vmcs_field_names", [](const Machine& m) { return m.instance().vmcs_field_names(); },
          "Those of all VMCS fields, in Intel's manual's words.")
      .def(
          "evaluate",
          [](const Machine& m, const std::string& text) {
            return m.value([&](Instance& i, std::string& e) { return i.evaluate(text, e); });
          },
          "The value of an expression of the debugger's: \"[rsp] + 8\", \"guest[0x1000].4\", \"task->pid\".")
      .def(
          "read",
          [](const Machine& m, Instance::Space space, std::uint64_t address, std::size_t size) {
            return bytes_of(
                m.value([&](Instance& i, std::string& e) { return i.read(space, address, size, e); }));
          },
          "Bytes of one of the four address spaces. Nothing changes that the guest could notice.")
      .def(
          "write",
          [](const Machine& m, Instance::Space space, std::uint64_t address, const py::bytes& bytes) {
            const std::string_view given = bytes;
            m.done([&](Instance& i, std::string& e) { return i.write(space, address, span_of(given), e); });
          },
          "Bytes to one of the four address spaces, through write protection, but not into ROM.")
      .def(
          "translate",
          [](const Machine& m, Instance::Space space, std::uint64_t address) {
            return m.value([&](Instance& i, std::string& e) { return i.translate(space, address, e); });
          },
          "The host-physical address of another one, whatever the rights.")
      .def(
          "place",
          [](const Machine& m, const std::string& text) {
            const auto at = m.value([&](Instance& i, std::string& e) { return i.place(text, e); });
            return std::pair(at.space, at.value);
          },
          "The address space and the address of a symbol, a line (\"main.c:33\") or an expression.")
      .def(
          "command",
          [](Machine& m, const std::string& line) {
            std::string error;
            auto text = m.running([&](Instance& i) { return i.command(line, error); });
            if (!text) throw Refused(error);
            return *text;
          },
          "Any line of the debugger: what it prints.")
      .def(
          "look_json",
          [](Machine& m, const std::string& line) {
            std::string error;
            auto json = m.running([&](Instance& i) { return i.look(line, error); });
            if (!json) throw Refused(error);
            return *json;
          },
          "A line of the debugger that looks: JSON, a line for each sheet.");
}

void bind_outside(py::class_<Machine>& machine) {
  machine
      .def(
          "serial_bytes",
          [](const Machine& m, unsigned port) { return py::bytes(std::string(m.instance().serial(port))); },
          py::arg("port") = 0, "What a serial port has sent, 0 being COM1: at most the last 16 MiB.")
      .def(
          "debug_console",
          [](const Machine& m) { return py::bytes(std::string(m.instance().debug_console())); },
          "What the guest wrote to the debug console, with debugcon=\"stdio\".")
      .def(
          "send_bytes",
          [](const Machine& m, const py::bytes& bytes, unsigned port) {
            const std::string_view given = bytes;
            m.done([&](Instance& i, std::string& e) { return i.send(given, port, e); });
          },
          py::arg("bytes"), py::arg("port") = 0,
          "Bytes for a serial port, as fast as the guest takes them while it runs.")
      .def(
          "type",
          [](const Machine& m, const std::string& text) {
            m.done([&](Instance& i, std::string& e) { return i.type(text, e); });
          },
          "Keys and the mouse, with virtual time between the strokes: \"ls\\n\", \"<ctrl-alt-delete>\", "
          "\"<wait 2>\".")
      .def(
          "power_button", [](const Machine& m) { return m.instance().power_button(); },
          "Presses it; False: the machine has none, or has ended.")
      .def(
          "screen_text", [](const Machine& m) { return m.instance().screen_text(); },
          "The rows of a text mode; empty: there is none.")
      .def(
          "screen_png", [](const Machine& m) { return bytes_of(m.instance().screen_png()); },
          "A PNG file's bytes; empty: there is no picture.")
      .def(
          "save", [](const Machine& m) { return bytes_of(m.instance().save()); },
          "The state, for restore(). Disks are not in it.")
      .def(
          "restore",
          [](const Machine& m, const py::bytes& saved) {
            const std::string_view given = saved;
            m.done([&](Instance& i, std::string& e) { return i.restore(span_of(given), e); });
          },
          "A state that a machine with the same flags has saved.")
      .def(
          "save_file",
          [](const Machine& m, const std::string& path) {
            m.done([&](Instance& i, std::string& e) { return i.save_file(path, e); });
          },
          "The whole machine into a file, for load_file() and the flag --load.", py::arg("path"))
      .def(
          "load_file",
          [](const Machine& m, const std::string& path) {
            m.done([&](Instance& i, std::string& e) { return i.load_file(path, e); });
          },
          "To where a machine with the same flags was saved.", py::arg("path"))
      .def(
          "state_hash", [](const Machine& m) { return m.instance().state_hash(); },
          "Of everything that the guest could notice.");
}

}  // namespace

PYBIND11_MODULE(_native, module) {
  // The types are in _native.pyi.
  py::options options;
  options.disable_function_signatures();
  module.doc() = "The native half of ringside; import ringside instead.";
  py::register_exception<Refused>(module, "Error").doc() =
      "What was asked for cannot be: one line that names the thing and the cure.";
  bind_values(module);
  py::class_<Machine> machine(module, "Machine", "The native half of ringside.Machine.");
  bind_running(machine);
  bind_looking(machine);
  bind_outside(machine);
}
