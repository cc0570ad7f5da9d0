#!/usr/bin/env python3
# Owns the comparison of disks: Linux reads an IDE disk by bus-master DMA and copies a half of it, on Ringside and QEMU's TCG in turn.
"""Let the guest of tests/guests/ide.sh read and copy a disk on Ringside and on QEMU's TCG in turn.

What is compared is how many MiB a second of the emulator's own CPU time (user and system) reads, and copies.
"""
import argparse
import os
import statistics
import sys
import tempfile

import emulators

MARKS = ("DISK-START", "DISK-READ", "DISK-COPIED")


def measure(command, limit):
    """CPU seconds at the marks; RuntimeError if one did not come."""
    seen = {}
    run = emulators.Run(command, limit=limit)
    for cpu, line in run:
        for mark in MARKS:
            if line.startswith(mark):
                seen.setdefault(mark, cpu)
        if MARKS[-1] in seen:
            run.stop()
    if len(seen) < len(MARKS):
        raise RuntimeError(f"{command[0]}: only {list(seen)} came; {run.complaint()}")
    return seen


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--ringside", default="build/ringside", metavar="FILE")
    a.add_argument("--guest", default="out/ide", metavar="FOLDER", help="what tests/guests/ide.sh made (out/ide)")
    a.add_argument("--mib", type=int, default=256, help="the disk's size, even (256)")
    a.add_argument("--repeat", type=int, default=3, help="rounds (3)")
    a.add_argument("--limit", type=float, default=300, help="seconds for one run (300)")
    options = a.parse_args()
    kernel, initrd = (os.path.join(options.guest, name) for name in ("vmlinuz", "ide.cpio"))
    for path in (kernel, initrd):
        if not os.path.exists(path):
            sys.exit(f"disk.py: {path} is not there; make it with: tests/guests/ide.sh {options.guest}")

    with tempfile.NamedTemporaryFile(suffix=".img") as disk:
        disk.truncate(options.mib << 20)
        machine = ["-m", "512", "-no-reboot", "-kernel", kernel, "-initrd", initrd, "-append", "console=ttyS0,115200 work=0",
                   "-drive", f"file={disk.name},format=raw,if=ide,index=0"]
        commands = {"Ringside": [options.ringside, "-nographic", *machine]}
        try:
            commands["TCG"] = [emulators.program("qemu-system-x86_64"), "-accel", "tcg", "-cpu", "max", "-nodefaults",
                               "-display", "none", "-serial", "stdio", *machine]
        except emulators.Missing as problem:
            print(f"TCG is left out: {problem}", file=sys.stderr)
        times = {name: [] for name in commands}
        for _ in range(options.repeat):
            for name, command in commands.items():
                try:
                    times[name].append(measure(command, options.limit))
                except (emulators.Missing, RuntimeError) as problem:
                    sys.exit(f"disk.py: {problem}")

    print("| MiB a CPU second | " + " | ".join(commands) + " | Ringside is faster by |")
    print("|---|" + "--:|" * (len(commands) + 1))
    for title, first, last, mib in (("read", 0, 1, options.mib), ("copied", 1, 2, options.mib // 2)):
        speed = {name: mib / statistics.median(t[MARKS[last]] - t[MARKS[first]] for t in of) for name, of in times.items()}
        gain = f"{speed['Ringside'] / speed['TCG']:.2f}" if "TCG" in speed else "-"
        print(f"| {title} | " + " | ".join(f"{s:.0f}" for s in speed.values()) + f" | {gain} |")
    print(f"Medians of {options.repeat}; the machine's load was {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs.")


if __name__ == "__main__":
    main()
