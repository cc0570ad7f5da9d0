# Owns how the emulators are started and watched: their commands, their serial lines, their CPU time.
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from bochsrc import bochsrc  # of tests/

ISO_ROOM = b"@" * 1500  # the CD image's command line, to be overwritten
DEBUG_EXIT = "isa-debug-exit,iobase=0xf4,iosize=4"


class Missing(Exception):
    """An emulator, or something it needs, is not installed."""


def cpu_seconds(pid):
    """User and system time of the process and all its threads so far, by its CPU clock (see clock_getcpuclockid)."""
    return time.clock_gettime((~pid << 3) | 2)


class Run:
    """One run of an emulator: iterate for (CPU seconds, line) as the guest's lines arrive; then look at `status`.

    `serial` is a file that the emulator writes the lines to, or None for its standard output.
    """

    def __init__(self, command, serial=None, limit=600.0):
        self.command, self.limit, self.status, self.timed_out = command, limit, None, False
        source = None
        if serial:
            os.mkfifo(serial)
            source = os.open(serial, os.O_RDONLY | os.O_NONBLOCK)
            os.set_blocking(source, True)
        self.errors = tempfile.TemporaryFile()
        try:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=self.errors,
                                            stdout=self.errors if serial else subprocess.PIPE)
        except OSError as error:
            raise Missing(f"{command[0]}: {error.strerror}") from error
        self.lines = os.fdopen(source, "rb") if serial else self.process.stdout
        # Keeps the FIFO from looking ended before the emulator has opened it, and lets stop() end it.
        self.holder = os.open(serial, os.O_WRONLY) if serial else None

    def __iter__(self):
        timer = threading.Timer(self.limit, self._expire)
        timer.daemon = True
        timer.start()
        if self.holder is not None:
            threading.Thread(target=self._close_behind, daemon=True).start()
        last = 0.0
        for line in self.lines:
            try:
                last = cpu_seconds(self.process.pid)
            except OSError:
                pass  # it ended right behind its last line
            yield last, line.decode("latin1").rstrip()
        timer.cancel()
        self.stop()

    def _close_behind(self):
        # Left unreaped, so that its CPU clock can still be read.
        try:
            os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOWAIT)
        except ChildProcessError:
            pass  # stop() was faster
        os.close(self.holder)

    def _expire(self):
        self.timed_out = True
        self.process.kill()

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.status = self.process.wait()

    def complaint(self):
        self.errors.seek(0)
        return self.errors.read().decode("latin1").strip()[-2000:]


def program(name):
    found = shutil.which(name)
    if not found:
        raise Missing(f"{name} is not installed")
    return found


class Qemu:
    title = "TCG"

    def start(self, image, words, folder, limit):
        command = [program("qemu-system-x86_64"), "-accel", "tcg", "-cpu", "max", "-m", "256", "-nodefaults",
                   "-display", "none", "-no-reboot", "-serial", "stdio", "-device", DEBUG_EXIT,
                   "-kernel", os.path.join(image, "bench.elf"), "-append", words]
        return Run(command, limit=limit)


class Ringside:
    def __init__(self, path, flags=(), title="Ringside"):
        self.path, self.flags, self.title = path, list(flags), title

    def start(self, image, words, folder, limit):
        if not os.access(self.path, os.X_OK):
            raise Missing(f"{self.path} is not there; build it with: cmake --build build --target ringside")
        command = [self.path, "-nographic", "-m", "256", "-no-reboot", "-device", DEBUG_EXIT, *self.flags,
                   "-kernel", os.path.join(image, "bench.elf"), "-append", words]
        return Run(command, limit=limit)


class Native:
    title = "native"

    def start(self, image, words, folder, limit):
        return Run([os.path.join(image, "native"), *words.split()], limit=limit)


class Bochs:
    title = "Bochs"
    plugins = "/usr/lib/x86_64-linux-gnu/bochs/plugins"

    def __init__(self, path="bochs"):
        self.path = path

    def display(self):
        # A display that needs none: Debian's package has neither nogui nor a terminal, but rfb need not wait.
        if os.path.exists(os.path.join(self.plugins, "libbx_nogui_gui.so")) or self.path != "bochs":
            return "nogui"
        return 'rfb, options="timeout=0"'

    def start(self, image, words, folder, limit):
        bochs = program(self.path)
        template = os.path.join(image, "bench.iso")
        if not os.path.exists(template):
            raise Missing("no CD image for Bochs: the packages grub-common, grub-pc-bin and xorriso are missing")
        with open(template, "rb") as file:
            data = file.read()
        line = words.encode()
        if data.count(ISO_ROOM) != 1 or len(line) > len(ISO_ROOM):
            raise Missing(f"{template} has no room for the command line; delete it and run again")
        iso, serial, script = (os.path.join(folder, name) for name in ("bench.iso", "serial", "commands"))
        with open(iso, "wb") as file:
            file.write(data.replace(ISO_ROOM, line.ljust(len(ISO_ROOM))))
        with open(script, "w") as file:
            file.write("c\n")
        config = os.path.join(folder, "bochsrc")
        with open(config, "w") as file:
            file.write(bochsrc(BOCHSRC.format(iso=iso), serial, os.path.join(folder, "log"), 256, self.display()))
        command = [bochs, "-q", "-f", config]
        usage = subprocess.run([bochs, "--help"], capture_output=True, check=False)
        if b"-rc filename" in usage.stdout + usage.stderr:  # built with its debugger, which waits for a command
            command += ["-rc", script]
        return Run(command, serial, limit)


BOCHSRC = """\
romimage: file=/usr/share/bochs/BIOS-bochs-latest
cpu: model=corei7_icelake_u, count=1, ips=100000000, reset_on_triple_fault=0
vga: extension=vbe, update_freq=1
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path="{iso}", status=inserted
boot: cdrom
"""
