#!/usr/bin/env python3
# Owns the comparison of Linux boots: Ringside and QEMU's TCG in turn, CPU time to the guest's two marks, ratios.
"""Boot the guest of tests/guests/linux.sh on Ringside and on QEMU's TCG in turn.

What is compared is the emulator's own CPU time (user and system) from its start to GUEST-READY, and from there to
WORK-DONE.
"""
import argparse
import os
import statistics
import sys

import emulators

MARKS = ("GUEST-READY", "WORK-DONE")


def boot(command, limit):
    """CPU seconds at the marks, from the start; RuntimeError if one did not come."""
    seen, tail = {}, []
    run = emulators.Run(command, limit=limit)
    for cpu, line in run:
        tail = [*tail[-4:], line]
        for mark in MARKS:
            if mark in line:
                seen.setdefault(mark, cpu)
        if MARKS[-1] in seen:
            run.stop()
    if len(seen) < len(MARKS):
        why = "the limit of time was reached" if run.timed_out else f"status {run.status}"
        raise RuntimeError(f"{command[0]}: only {list(seen)} came ({why}); it ended with {tail} {run.complaint()}")
    return seen


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--ringside", default="build/ringside", metavar="FILE")
    a.add_argument("--ringside-flags", default="", metavar="FLAGS", help="more flags for it: --ringside-flags='-x y'")
    a.add_argument("--guest", default="out/linux", metavar="FOLDER", help="what tests/guests/linux.sh made (out/linux)")
    a.add_argument("--repeat", type=int, default=3, help="rounds (3)")
    a.add_argument("--limit", type=float, default=300, help="seconds for one boot (300)")
    options = a.parse_args()
    kernel, initrd = (os.path.join(options.guest, name) for name in ("vmlinuz", "linux.cpio"))
    for path in (kernel, initrd):
        if not os.path.exists(path):
            sys.exit(f"linux.py: {path} is not there; make it with: tests/guests/linux.sh {options.guest}")

    machine = ["-m", "512", "-no-reboot", "-kernel", kernel, "-initrd", initrd, "-append", "console=ttyS0,115200"]
    commands = {"Ringside": [options.ringside, "-nographic", *options.ringside_flags.split(), *machine]}
    try:
        commands["TCG"] = [emulators.program("qemu-system-x86_64"), "-accel", "tcg", "-cpu", "max", "-nodefaults",
                           "-display", "none", "-serial", "stdio", *machine]
    except emulators.Missing as problem:
        print(f"TCG is left out: {problem}", file=sys.stderr)
    times = {name: [] for name in commands}
    for number in range(options.repeat):
        for name, command in commands.items():
            print(f"round {number + 1} of {options.repeat}: {name}", file=sys.stderr)
            try:
                times[name].append(boot(command, options.limit))
            except (emulators.Missing, RuntimeError) as problem:
                sys.exit(f"linux.py: {problem}")

    spans = {
        "start to GUEST-READY": lambda t: t[MARKS[0]],
        "GUEST-READY to WORK-DONE": lambda t: t[MARKS[1]] - t[MARKS[0]],
        "start to WORK-DONE": lambda t: t[MARKS[1]],
    }
    print("| CPU seconds | " + " | ".join(commands) + " | Ringside is faster by |")
    print("|---|" + "--:|" * (len(commands) + 1))
    for title, span in spans.items():
        medians = {name: statistics.median(map(span, of)) for name, of in times.items()}
        gain = f"{medians['TCG'] / medians['Ringside']:.2f}" if "TCG" in medians else "-"
        print(f"| {title} | " + " | ".join(f"{m:.2f}" for m in medians.values()) + f" | {gain} |")
    print(f"Medians of {options.repeat}; the machine's load was {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs.")


if __name__ == "__main__":
    main()
