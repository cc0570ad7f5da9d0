# Owns the Python face of Ringside: machines that a program makes, runs, looks at and changes.
"""A machine with Intel VMX in one object.

    import ringside

    machine = ringside.Machine(bios="refusals.bin", memory="64M")
    halt = machine.run(serial="ready")
    print(halt.where, hex(machine.registers.rax), machine.vmcs["GUEST_RIP"])
    print(machine.explain())

A machine belongs to one thread at a time (but for interrupt()); two machines know nothing of each other, and run at once in
two threads. What cannot be done raises ringside.Error, whose text names the thing and the cure.
"""

from __future__ import annotations

import json
from typing import Any, Callable, Iterator, Mapping, Optional, Union, overload

from . import _native
from ._native import BreakpointState, Error, Exit, Halt, Past, Space

__all__ = ["Breakpoint", "BreakpointState", "Error", "Exit", "Halt", "Machine", "Memory", "Past", "Registers", "Sheet",
           "Space"]

# What a keyword is called on the command line, where it is not its own name.
_flag_names = {"memory": "m", "cpus": "smp", "dispatcher": "accel"}


def _words(name: str, value: Any) -> list[str]:
    """memory="64M" is -m 64M, no_reboot=True is -no-reboot, serial=["null", "null"] is that flag twice."""
    if value is None or value is False:
        return []
    if isinstance(value, (list, tuple)):
        return [word for one in value for word in _words(name, one)]
    flag = "-" + _flag_names.get(name, name).replace("_", "-")
    return [flag] if value is True else [flag, str(value)]


def _truth_of(predicate: Optional[Callable[[], Any]]) -> Optional[Callable[[], bool]]:
    if predicate is None:
        return None
    asked: Callable[[], Any] = predicate
    return lambda: bool(asked())


class Sheet(dict[str, Any]):
    """What a look found: {"sheet": name, "sections": [{"name": ..., "rows": [...]}]}; str() is for people."""

    text: str = ""

    def sections(self) -> list[str]:
        """Their names."""
        return [section["name"] for section in self.get("sections", [])]

    def rows(self, section: Optional[str] = None) -> Iterator[dict[str, Any]]:
        """Those of one section, or of all."""
        for one in self.get("sections", []):
            if section is None or one["name"] == section:
                yield from one["rows"]

    def find(self, row: str) -> Optional[dict[str, Any]]:
        """The first row of that name."""
        return next((one for one in self.rows() if one.get("name") == row), None)

    def __str__(self) -> str:
        return self.text or json.dumps(self)


class Registers(Mapping[str, int]):
    """The selected CPU's: registers["cr0.pg"], registers.rax = 5, registers["msr.c0000080"]."""

    _machine: "Machine"
    _prefix: str
    _names: list[str]

    def __init__(self, machine: "Machine", prefix: str, names: list[str]) -> None:
        self.__dict__.update(_machine=machine, _prefix=prefix, _names=names)

    def __getitem__(self, name: str) -> int:
        try:
            return self._machine.read_register(self._prefix + name)
        except Error as error:
            raise KeyError(str(error)) from None

    def __setitem__(self, name: str, value: int) -> None:
        self._machine.write_register(self._prefix + name, value)

    def __getattr__(self, name: str) -> int:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError as error:
            raise AttributeError(error.args[0]) from None

    def __setattr__(self, name: str, value: int) -> None:
        self[name] = value

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class Memory:
    """One of the four address spaces: memory[0x1000] is a byte, memory[0x1000:0x1010] are bytes."""

    def __init__(self, machine: "Machine", space: Space) -> None:
        self._machine = machine
        self.space = space

    def read(self, address: int, size: int) -> bytes:
        """All of it, or ringside.Error names the first byte that cannot be read."""
        return self._machine.read(self.space, address, size)

    def write(self, address: int, data: bytes) -> None:
        """Through write protection, but not into ROM. Bytes before the one that ringside.Error names are written."""
        self._machine.write(self.space, address, bytes(data))

    def word(self, address: int, size: int = 8) -> int:
        """A little-endian number of `size` bytes."""
        return int.from_bytes(self.read(address, size), "little")

    def set_word(self, address: int, value: int, size: int = 8) -> None:
        """Writes one."""
        self.write(address, value.to_bytes(size, "little"))

    def translate(self, address: int) -> int:
        """The host-physical address."""
        return self._machine.translate(self.space, address)

    @overload
    def __getitem__(self, at: int) -> int: ...
    @overload
    def __getitem__(self, at: slice) -> bytes: ...
    def __getitem__(self, at: Union[int, slice]) -> Union[int, bytes]:
        if isinstance(at, slice):
            return self.read(at.start, self._length(at))
        return self.read(at, 1)[0]

    def __setitem__(self, at: Union[int, slice], value: Union[int, bytes]) -> None:
        if isinstance(at, slice) and not isinstance(value, int):
            if len(value) != self._length(at):
                raise ValueError(f"{len(value)} bytes do not fit into {self._length(at)}")
            self.write(at.start, value)
        elif isinstance(at, int) and isinstance(value, int):
            self.write(at, bytes([value]))
        else:
            raise TypeError("memory[0x1000] is a number, and memory[0x1000:0x1010] are bytes")

    @staticmethod
    def _length(at: slice) -> int:
        if at.start is None or at.stop is None or at.step not in (None, 1) or at.stop < at.start:
            raise ValueError("a range of memory has a first address and one behind the last, as memory[0x1000:0x1010]")
        return int(at.stop - at.start)


class Breakpoint:
    """One that is set: remove() takes it away, and so does the end of a with block."""

    def __init__(self, machine: "Machine", number: int) -> None:
        self._machine = machine
        self.number = number

    @property
    def hits(self) -> int:
        """How often it was met with its condition true."""
        return next((one.hits for one in self._machine.breakpoints() if one.number == self.number), 0)

    def remove(self) -> None:
        """It stops nothing any more."""
        self._machine.remove_breakpoint(self.number)

    def __enter__(self) -> "Breakpoint":
        return self

    def __exit__(self, *_: Any) -> None:
        self.remove()


class Machine(_native.Machine):
    """A machine of `ringside run`'s flags: as words, Machine("-bios", "rom.bin", "-m", "64M"), or by keyword,
    Machine(bios="rom.bin", memory="64M", smp=2, max_instructions=10**9, device=["isa-debug-exit"])."""

    def __init__(self, *flags: str, **keywords: Any) -> None:
        words = [str(flag) for flag in flags]
        for name, value in keywords.items():
            words += _words(name, value)
        super().__init__(words)
        self.registers = Registers(self, "", self.register_names())
        self.vmcs = Registers(self, "vmcs.", self.vmcs_field_names())
        self.linear = Memory(self, Space.linear)
        self.guest_linear = Memory(self, Space.guest_linear)
        self.guest_physical = Memory(self, Space.guest_physical)
        self.host_physical = Memory(self, Space.host_physical)
        self.halt: Optional[Halt] = None

    def __repr__(self) -> str:
        try:
            return f"<Machine: {self.here().where}>"
        except Error:
            return "<Machine that runs in another thread>"

    def run(self, instructions: Optional[int] = None, *, address: Optional[str] = None, event: Optional[str] = None,
            serial: Optional[str] = None, screen: Optional[str] = None, port: Optional[int] = None,
            predicate: Optional[Callable[[], Any]] = None, every: Optional[int] = None, seconds: Optional[float] = None) -> Halt:
        """Until the first of: `instructions` more; `address`, as the debugger's break takes it; `event` ("exit",
        "refused", "entry", "mode", ...); an expression over the lines of `serial` port `port`, or of the `screen`;
        `predicate()`, asked after `every` instructions; `seconds` of the host. Without any: to the machine's end."""
        self.halt = super().run(instructions=instructions, address=address, event=event, serial=serial, screen=screen,
                                port=port, predicate=_truth_of(predicate), every=every, seconds=seconds)
        return self.halt

    def exits(self, instructions: Optional[int] = None, *, address: Optional[str] = None, serial: Optional[str] = None,
              screen: Optional[str] = None, port: Optional[int] = None, predicate: Optional[Callable[[], Any]] = None,
              every: Optional[int] = None, seconds: Optional[float] = None) -> Iterator[Exit]:
        """Runs from VM exit to VM exit, while the loop goes on. `halt` says what ended it: the machine has, or one of run()'s
        conditions came true before the next exit."""
        while True:
            exit, self.halt = self.next_exit(instructions=instructions, address=address, serial=serial, screen=screen, port=port,
                                             predicate=_truth_of(predicate), every=every, seconds=seconds)
            if exit is None:
                return
            yield exit

    def step(self, instructions: int = 1) -> Halt:
        """So many instructions of the selected CPU; a round of a repeated string instruction is one."""
        self.halt = super().step(instructions)
        return self.halt

    def step_over(self) -> Halt:
        """As step(), but the selected CPU's call, INT or repeated string instruction is run to its end."""
        self.halt = super().step_over()
        return self.halt

    def step_out(self) -> Halt:
        """Runs to the caller."""
        self.halt = super().step_out()
        return self.halt

    def go_to(self, instructions: int) -> Halt:
        """To the first moment when all CPUs together had retired so many; keep_past() has been called before it."""
        self.halt = super().go_to(instructions)
        return self.halt

    def step_back(self, instructions: int = 1) -> Halt:
        """So many instructions of the selected CPU back; a repeated string instruction is one."""
        self.halt = super().step_back(instructions)
        return self.halt

    def step_back_over(self) -> Halt:
        """As step_back(), but what a call or a handler ran is passed over."""
        self.halt = super().step_back_over()
        return self.halt

    def step_back_out(self) -> Halt:
        """Back to the call of the present function."""
        self.halt = super().step_back_out()
        return self.halt

    def run_back(self, *, address: Optional[str] = None, event: Optional[str] = None) -> Halt:
        """To the last time before here that a breakpoint stopped the machine, or what `address` or `event` name. Where the past
        begins the halt's `why` is "beginning"."""
        self.halt = super().run_back(address=address, event=event)
        return self.halt

    def breakpoint(self, place: str, callback: Optional[Callable[["Machine", Halt], Any]] = None) -> Breakpoint:
        """Before the instruction there: "main", "guest 0x1000 if rax == 1". `callback(machine, halt)` is asked at each
        stop: the run ends there if it returns something true. It looks and changes, but cannot run the machine."""
        return self._point("break", place, callback)

    def watch(self, place: str, callback: Optional[Callable[["Machine", Halt], Any]] = None, on: str = "write"
              ) -> Breakpoint:
        """After an access to memory, "gpa 0x7000 8": `on` is "write", "read" or "access"."""
        verbs = {"write": "watch", "read": "rwatch", "access": "awatch"}
        if on not in verbs:
            raise ValueError(f'on={on!r}: "write", "read" or "access"')
        return self._point(verbs[on], place, callback)

    def catch(self, event: str, callback: Optional[Callable[["Machine", Halt], Any]] = None) -> Breakpoint:
        """At an event: "exit cpuid", "refused", "vmfail 7", "exception 14", "msr w 0x1b", "ept 0x1000 0x1fff"."""
        return self._point("catch", event, callback)

    def _point(self, verb: str, what: str, callback: Optional[Callable[["Machine", Halt], Any]]) -> Breakpoint:
        asked = None if callback is None else lambda halt: bool(callback(self, halt))
        return Breakpoint(self, self.add_breakpoint(f"{verb} {what}", asked))

    @property
    def cpu(self) -> int:
        """The CPU whose registers are meant: that of the last stop, until another is chosen."""
        return self.selected_cpu

    @cpu.setter
    def cpu(self, number: int) -> None:
        if not self.select_cpu(number):
            raise Error(f"CPU {number}: the machine has {self.cpus}, the first is 0")

    def look(self, line: str) -> Sheet:
        """What a line of the debugger that looks found: "vmcs check", "info idt", "registers control"."""
        lines = self.look_json(line).splitlines()
        sheet = Sheet(json.loads(lines[0]))
        for more in lines[1:]:
            sheet["sections"] += json.loads(more)["sections"]
        sheet.text = self.command(line)
        return sheet

    def explain(self) -> Sheet:
        """In words: the last VM exit with its walk, or why the last VM entry was refused, rule by rule."""
        return self.look("explain")

    def walk(self, address: Union[int, str]) -> Sheet:
        """Each entry that a translation reads: of a linear address, "guest 0x1000" or "gpa 0x1000"."""
        return self.look(f"walk {address if isinstance(address, str) else hex(address)}")

    @property
    def serial(self) -> str:
        """What the first serial port has sent; serial_bytes(port) has the others."""
        return self.serial_bytes(0).decode("utf-8", "replace")

    def send(self, text: Union[str, bytes], port: int = 0) -> None:
        """To a serial port, as fast as the guest takes it while it runs."""
        self.send_bytes(text.encode() if isinstance(text, str) else text, port)

    @property
    def screen(self) -> list[str]:
        """The rows of a text mode; screen_png() is the picture."""
        return self.screen_text()
